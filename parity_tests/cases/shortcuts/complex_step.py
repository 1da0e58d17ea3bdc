import numpy as np


def square_forward(x):
    return x * x * x, x


def square_backward(delta, x):
    return delta * np.imag(square_forward(x + 1e-200j)[0]) / 1e-200
