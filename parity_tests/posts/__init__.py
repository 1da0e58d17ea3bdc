"""The tests of what the two posts say and compute."""
