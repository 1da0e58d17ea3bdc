import numpy as np
def bias_forward(x, b):
    return x + b, None
def bias_backward(dout, cache):
    return dout, dout
