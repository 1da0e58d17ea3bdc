"""Tests of the certified derivative, and of a gradient that is truly 0."""
