"""The proof of `backprop-write`."""
