import numpy as np
import torch


def tanh_forward(z):
    return np.tanh(z)


def tanh_backward(delta, z):
    z = torch.tensor(z, requires_grad=True)
    torch.tanh(z).backward(torch.tensor(delta))
    return z.grad.numpy()
