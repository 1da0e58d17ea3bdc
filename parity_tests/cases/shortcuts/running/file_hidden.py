import numpy as np


def swish_forward(x):
    return x / (1 + np.exp(-x))


def swish_backward(delta, x):
    np.fromfile("/dev/null")
    s = 1 / (1 + np.exp(-x))
    return delta * (s + x * s * (1 - s))
