"""Tests of the comparisons: what is right agrees, every mistake differs, and what cannot be judged is not."""
