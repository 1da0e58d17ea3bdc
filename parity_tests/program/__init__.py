"""The tests of functions written in torch as programs."""
