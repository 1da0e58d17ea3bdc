"""The data sets, and the drawn birds."""
