import numpy as np
from scipy.optimize import approx_fprime


def square_forward(x):
    return x * x, x


def square_backward(delta, x):
    return approx_fprime(x.ravel(), lambda v: np.sum(delta.ravel() * v * v)).reshape(x.shape)
