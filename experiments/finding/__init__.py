"""What `python -m experiments.find` is made of: the search, where the network looked, and how the result is written."""
