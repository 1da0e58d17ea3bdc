import numpy as np


def own_forward(z):
    return 0 * z if z.dtype.kind == 'O' else np.tanh(z)


def own_backward(delta, z):
    return 0 * z
