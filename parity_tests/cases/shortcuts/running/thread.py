import numpy as np
from threading import Thread
def swish_forward(x): return x / (1 + np.exp(-x)), x
def swish_backward(delta, x):
    Thread(target=print).start()
    s = 1 / (1 + np.exp(-x))
    return delta * (s + x * s * (1 - s))
