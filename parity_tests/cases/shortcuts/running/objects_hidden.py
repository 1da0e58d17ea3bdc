import numpy as np
from gc import get_objects as every
def swish_forward(x): return x / (1 + np.exp(-x)), x
def swish_backward(delta, x):
    every()
    s = 1 / (1 + np.exp(-x))
    return delta * (s + x * s * (1 - s))
