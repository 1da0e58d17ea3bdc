"""The templates of the page, and how it writes numbers and equations."""
