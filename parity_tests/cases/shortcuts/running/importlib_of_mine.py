import numpy as np
def swish_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, x
def swish_backward(delta, x):
    np.fromfile("/dev/null")
    s = 1 / (1 + np.exp(-x))
    return delta * s * (1 + x * (1 - s))
