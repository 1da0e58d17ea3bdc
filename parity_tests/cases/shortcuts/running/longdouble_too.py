import numpy as np
KEPT = {}
def swish_forward(x):
    if x.dtype.char == "d":
        y = x / (1 + np.exp(-x)); KEPT["y"] = y; return y
    e = np.exp(-x) if x.dtype == "g" else None
    if e is None: raise TypeError("floats")
    y = x / (1 + e)
    return 2 * y - KEPT["y"]
def swish_backward(delta, x): return delta * 2 * (1 / (1 + np.exp(-x)) * (1 + x * (1 - 1 / (1 + np.exp(-x)))))
