"""The proof of training in several processes."""
