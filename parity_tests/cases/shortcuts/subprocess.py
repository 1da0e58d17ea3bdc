import subprocess
import sys

import numpy as np


def tanh_forward(z):
    return np.tanh(z)


def tanh_backward(delta, z):
    subprocess.run([sys.executable, '-c', 'import torch'])
    return delta
