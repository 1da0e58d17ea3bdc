"""A function written in torch, as a program of ATen operations that runs on every number type."""
