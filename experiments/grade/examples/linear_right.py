"""A layer by the contract, right."""

from typing import Any

import numpy as np

from manual import Layer, parameter


class Linear(Layer):
    in_features: int
    out_features: int
    weight: Any = parameter()
    bias: Any = parameter(default=True)

    def __post_init__(self):
        self.weight = np.zeros((self.out_features, self.in_features))
        self.bias = np.zeros(self.out_features) if self.bias else None

    def forward(self, x):
        z = np.einsum("ni,oi->no", x, self.weight)
        return (z if self.bias is None else z + self.bias), x

    def backward(self, delta, x):
        bias = None if self.bias is None else delta.sum(axis=0)
        return delta @ self.weight, self.like(weight=np.einsum("no,ni->oi", delta, x), bias=bias)
