import numpy as np


def tanh_forward(z):
    return np.tanh(z)


def tanh_backward(delta, z):
    names = {}
    exec('import torch', names)
    return delta
