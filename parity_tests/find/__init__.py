"""The proof of `backprop-find`."""
