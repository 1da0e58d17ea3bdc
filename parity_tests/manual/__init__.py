"""The tests of `manual`."""
