"""Whole networks, whose gradients come all at once."""
