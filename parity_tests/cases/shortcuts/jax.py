import jax

import numpy as np


def tanh_forward(z):
    return np.tanh(z)


def tanh_backward(delta, z):
    return delta * np.asarray(jax.vmap(jax.grad(jax.numpy.tanh))(z.ravel())).reshape(z.shape)
