"""Checkpoints, and the folder that they lie in: written, read, checked, gone on from."""
