import numpy as np


def tanh_forward(z):
    return np.tanh(z)


def tanh_backward(delta, z):
    from torch import tanh, tensor
    z = tensor(z, requires_grad=True)
    tanh(z).backward(tensor(delta))
    return z.grad.numpy()
