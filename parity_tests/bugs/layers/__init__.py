"""Mistakes in a layer, or a block."""
