"""Mistakes in the layers of sequences."""
