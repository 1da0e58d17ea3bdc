"""`backprop-bench`: how long a training step takes, by hand and in torch."""
