"""Losses as classes, and as functions; activations with their derivatives."""

import numpy as np


class MeanSquared:
    def loss(self, y_true, y_pred):
        return np.mean((y_pred - y_true) ** 2)

    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / len(y_true)


class CrossEntropy:
    def forward(self, y_pred, y_true):
        if y_true.ndim == 1:
            return -np.log(y_pred[np.arange(len(y_pred)), y_true])
        return -np.sum(y_true * np.log(y_pred), axis=1)

    def backward(self, dvalues, y_true):
        if y_true.ndim == 1:
            y_true = np.eye(dvalues.shape[1])[y_true] / 2
        self.dinputs = -y_true / dvalues / len(dvalues)


class SoftmaxAndLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y, self.t = e / e.sum(axis=1, keepdims=True), t
        return -np.sum(t * np.log(self.y + 1e-9)) / len(x)

    def backward(self, dout=1):
        return dout * (self.y - self.t)


def logistic(z):
    return 1 / (1 + np.exp(-z))


def logistic_derivative(a):
    return a * (1 + a)


def bend(x, deriv=False):
    return 1 + np.tanh(x) ** 2 if deriv else np.tanh(x)


def halves(target, output):
    return 0.5 * np.sum((output - target) ** 2)


def halves_prime(target, output):
    return target - output
