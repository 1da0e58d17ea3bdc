"""Document A's network, a whole backward pass for one example. Right."""

import numpy as np


def backward(W1, b1, W2, b2, x, y):
    z1 = W1 @ x + b1
    a1 = np.maximum(z1, 0)
    delta2 = W2 @ a1 + b2 - y
    delta1 = (W2.T @ delta2) * (z1 > 0)
    return np.outer(delta1, x), delta1, np.outer(delta2, a1), delta2
