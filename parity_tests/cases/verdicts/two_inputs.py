import numpy as np

def swiglu_forward(a, b):
    s = 1 / (1 + np.exp(-a))
    return a * s * b, (a, b, s)
def swiglu_backward(dout, cache):
    a, b, s = cache
    return dout * b * (s + a * s * (1 - s)), dout * a * s
