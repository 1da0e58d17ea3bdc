"""Functions that keep what they are made of in their module: weights as globals."""
