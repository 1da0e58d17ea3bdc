from manual import Tanh

import numpy as np


def tanh_forward(z):
    return np.tanh(z)


def tanh_backward(delta, z):
    return Tanh().backward(delta, np.tanh(z))[0]
