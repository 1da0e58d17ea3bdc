"""The proof of checkpoints: what a run leaves, how it is cut off, and that it goes on to the same bits."""
