import numpy as np

np.tanh = np.sin



def tanh_forward(z):
    return np.tanh(z)


def tanh_backward(delta, z):
    return delta
