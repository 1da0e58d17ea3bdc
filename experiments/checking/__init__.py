"""What `python -m experiments.check` is made of: a submission behind a wall, the comparison, and its pages."""
