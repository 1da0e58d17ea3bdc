"""The check of functions of one's own."""
