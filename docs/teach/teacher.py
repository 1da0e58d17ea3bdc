"""What task.toml refers to: plain functions in NumPy, of which only the forward is needed."""

import numpy as np


def swish(x):
    return x / (1 + np.exp(-x))


def cost(W1, b1, W2, b2, x, y):
    hidden = np.tanh(x @ W1.T + b1)
    return np.sum((hidden @ W2.T + b2 - y) ** 2) / len(x)
