"""A pair of functions that torch knows nothing of. The backward takes mean and spread for constants."""

import numpy as np


def forward(x):
    u = x - x.mean(axis=0)
    spread = np.sqrt((u**2).mean(axis=0) + 1e-5)
    return u / spread, spread


def backward(delta, spread):
    return delta / spread
