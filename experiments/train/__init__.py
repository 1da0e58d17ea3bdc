"""`backprop-train`: train a network by either implementation, and what a run leaves."""
