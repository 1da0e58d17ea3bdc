"""Document A's network on a batch. W2 is updated before it carries the error back to the hidden layer."""

import numpy as np


def backward(W1, b1, W2, b2, x, y):
    z1 = x @ W1.T + b1
    a1 = np.maximum(z1, 0)
    delta2 = (a1 @ W2.T + b2 - y) / len(x)
    dW2 = delta2.T @ a1
    W2 = W2 - 0.1 * dW2
    delta1 = (delta2 @ W2) * (z1 > 0)
    return {"W1": delta1.T @ x, "b1": delta1.sum(axis=0), "W2": dW2, "b2": delta2.sum(axis=0)}
