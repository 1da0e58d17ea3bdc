"""Tests of the likely cause of a difference: named where the numbers prove it, and nowhere else."""
