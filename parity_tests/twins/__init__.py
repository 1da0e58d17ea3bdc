"""Tests of a hand-written network inside torch."""
