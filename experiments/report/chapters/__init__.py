"""The chapters of the page: each one's numbers and figures."""
