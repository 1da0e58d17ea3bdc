import numpy as np

def dropout_forward(x, p, rng):
    mask = (rng.random(x.shape) > p) / (1 - p)
    return x * mask, mask
def dropout_backward(dout, mask):
    return dout * mask
def examples(rng):
    yield rng.standard_normal((4, 3)), 0.3, np.random.default_rng(0)
