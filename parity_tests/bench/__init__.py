"""The proof of `backprop-bench`, without its clock."""
