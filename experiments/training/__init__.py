"""What `python -m experiments.train` is made of: networks from their description, both implementations of a step, the files."""
