"""Backpropagation by hand, in NumPy alone. Fill in what raises NotImplementedError, and check it:

    backprop-check FILE

x is (N, in), an example in each row; W is (out, in), b is (out,). delta is ∂C/∂y, of the shape of the forward's
output y.
"""

import numpy as np


def sigmoid_forward(z):
    """1 / (1 + e⁻ᶻ)"""
    raise NotImplementedError


def sigmoid_backward(delta, z):
    """∂C/∂z"""
    raise NotImplementedError


def linear_forward(x, W, b):
    """The weighted sums, (N, out)."""
    raise NotImplementedError


def linear_backward(delta, x, W, b):
    """(∂C/∂x, ∂C/∂W, ∂C/∂b)"""
    raise NotImplementedError


def cost(W1, b1, W2, b2, x, y):
    """What `backward` is the gradient of: a network with one hidden layer, and half the squared error, averaged."""
    a1 = np.maximum(x @ W1.T + b1, 0)
    prediction = a1 @ W2.T + b2
    return np.sum((prediction - y) ** 2) / (2 * len(x))


def backward(W1, b1, W2, b2, x, y):
    """(∂C/∂W1, ∂C/∂b1, ∂C/∂W2, ∂C/∂b2)"""
    raise NotImplementedError
