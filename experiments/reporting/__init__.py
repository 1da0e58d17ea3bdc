"""What `python -m experiments.report` is made of: one chapter's numbers or figures a file, and the page."""
