"""Update rules as classes: one for layers, whose rate decays; some for dicts; some for one array at a time."""

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.weights = 0.1 * np.random.randn(n_in, n_out)
        self.biases = np.zeros((1, n_out))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class OptimizerSGD:
    def __init__(self, learning_rate=1.0, decay=0.0, momentum=0.0):
        self.learning_rate, self.rate = learning_rate, learning_rate
        self.decay, self.momentum, self.steps = decay, momentum, 0

    def pre_update_params(self):
        self.rate = self.learning_rate / (1 + self.decay * self.steps)

    def update_params(self, layer):
        if not hasattr(layer, "weight_velocity"):
            layer.weight_velocity = np.zeros_like(layer.weights)
            layer.bias_velocity = np.zeros_like(layer.biases)
        layer.weight_velocity = self.momentum * layer.weight_velocity - self.rate * layer.dweights
        layer.bias_velocity = self.momentum * layer.bias_velocity - self.rate * layer.dbiases
        layer.weights += layer.weight_velocity
        layer.biases += layer.bias_velocity

    def post_update_params(self):
        self.steps += 1


class AdaGrad:
    def __init__(self, lr=0.01):
        self.lr = lr
        self.h = None

    def update(self, params, grads):
        if self.h is None:
            self.h = {key: np.zeros_like(value) for key, value in params.items()}
        for key in params:
            self.h[key] += grads[key] * grads[key]
            params[key] -= self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-7)


class RMSprop:
    def __init__(self, learning_rate=0.01, rho=0.9, epsilon=1e-8):
        self.learning_rate, self.rho, self.epsilon, self.mean = learning_rate, rho, epsilon, None

    def update(self, w, grad_w):
        if self.mean is None:
            self.mean = np.zeros(np.shape(w))
        self.mean = self.rho * self.mean + (1 - self.rho) * grad_w**2
        return w - self.learning_rate * grad_w / (np.sqrt(self.mean) + self.epsilon)


class Adam:
    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.t, self.m, self.v = 0, [], []

    def update(self, params, grads):
        if not self.m:
            self.m, self.v = ([np.zeros_like(p) for p in params] for _ in range(2))
        self.t += 1
        one, two = self.betas
        for i, (p, g) in enumerate(zip(params, grads)):
            g = g + self.weight_decay * p
            self.m[i] = one * self.m[i] + (1 - one) * g
            self.v[i] = two * self.v[i] + (1 - two) * g * g
            p -= self.lr * (self.m[i] / (1 - one**self.t)) / (np.sqrt(self.v[i] / (1 - two**self.t)) + self.eps)
