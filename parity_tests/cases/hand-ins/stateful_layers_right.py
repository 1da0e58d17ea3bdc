"""Layers that keep on themselves what they need on the way back."""

import numpy as np


class Dense:
    def __init__(self, fan_in, fan_out):
        self.weights = 0.1 * np.random.randn(fan_in, fan_out)
        self.biases = np.zeros((1, fan_out))

    def forward(self, inputs, training=True):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0)
        self.dinputs = dvalues @ self.weights.T


class LeakyRectifier:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.where(inputs > 0, inputs, 0.1 * inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] *= 0.1


class Scale:
    def __init__(self, gain, shift):
        self.params, self.grads = [gain, shift], [None, None]

    def forward_pass(self, x):
        self.x = x
        gain, shift = self.params
        return gain * x + shift

    def backward_pass(self, dout):
        self.grads[0] = (dout * self.x).sum(0)
        self.grads[1] = dout.sum(0)
        return dout * self.params[0]


class Column:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.random.randn(n_out, 1)

    def forward_propagation(self, column):
        self.column = column
        return self.W.dot(column) + self.b

    def backward_propagation(self, error, learning_rate):
        before = self.W.T.dot(error)
        self.W -= learning_rate * error.dot(self.column.T)
        self.b -= learning_rate * error
        return before


class Stack:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            layer.forward(x)
            x = layer.output
        return x

    def backward(self, dvalues):
        for layer in reversed(self.layers):
            layer.backward(dvalues)
            dvalues = layer.dinputs
        return dvalues


class Slope:
    """Its slope is learned, and a single number; its guard is one, too, and is not."""

    def __init__(self, slope=0.25):
        self.slope, self.guard = slope, 1e-3

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope * x) / (1 + self.guard)

    def backward(self, dout):
        dout = dout / (1 + self.guard)
        self.dslope = np.sum(dout * np.minimum(self.x, 0))
        return np.where(self.x > 0, dout, self.slope * dout)

    def update(self, learning_rate):
        self.slope -= learning_rate * self.dslope


class Gain:
    """A learned number, whose gradient has no name of its own."""

    def __init__(self):
        self.gain = 1

    def forward(self, x):
        self.x = x
        return self.gain * x

    def backward(self, dout, learning_rate):
        before = self.gain * dout
        self.gain = self.gain - learning_rate * float(np.vdot(dout, self.x))
        return before
