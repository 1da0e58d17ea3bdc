"""What people write losses, steps and whole networks as, in small: each kind is judged whole, right and wrong."""

import pytest

from parity_tests.conftest import few
from parity_tests.grade.checking import judged_whole

DIGITS = """
    import numpy as np
    def forward_prop(W1, b1, X):
        Z1 = W1.dot(X) + b1
        A1 = np.exp(Z1) / np.sum(np.exp(Z1), axis=0)
        return Z1, A1
    def back_prop(A1, X, Y):
        dZ1 = A1 - np.eye(10)[Y].T
        return dZ1.dot(X.T) / Y.size, dZ1.sum(axis=1, keepdims=True) / {}
"""
MOVES = """
    from numpy import exp, dot, random
    class Neuron:
        def __init__(self):
            self.w = 2 * random.random((3, 1)) - 1
        def squash(self, x): return 1 / (1 + exp(-x))
        def think(self, inputs): return self.squash(dot(inputs, self.w))
        def train(self, inputs, outputs, iterations):
            for _ in range(iterations):
                out = self.think(inputs)
                self.w += dot(inputs.T, (outputs - out) * {})
"""
KEEPS_DATA = """
    import numpy as np
    class Net:
        def __init__(self, x, y):
            self.input, self.y = x, y
            self.w = np.random.rand(self.input.shape[1], 1)
        def feedforward(self): self.output = np.tanh(self.input @ self.w)
        def backprop(self):
            self.w += self.input.T @ (2 * (self.y - self.output) * (1 - {}))
"""
OWN_COST = """
    import numpy as np
    class Net:
        def __init__(self, n_x, n_h):
            self.W1, self.b1 = np.random.randn(1, n_x), np.zeros((1, 1))
        def forward(self, X):
            self.X, self.A = X, 1 / (1 + np.exp(-(self.W1 @ X + self.b1)))
            return self.A
        def loss(self, Y): return -np.mean(Y * np.log(self.A + 1e-8) + (1 - Y) * np.log(1 - self.A + 1e-8))
        def backward(self, Y):
            d = (self.A - Y) / Y.shape[1]
            self.dW1, self.db1 = d @ self.X.T, {}
"""
PENALTY = """
    import numpy as np
    def regression_cost(X, y, theta, lambda_=0.0):
        r = X @ theta - y
        J = r @ r / 2 + lambda_ / 2 * theta[1:] @ theta[1:]
        grad = X.T @ r
        grad[1:] += {} * theta[1:]
        return J, grad
"""
PAIR = """
    import numpy as np
    class SoftMax:
        def forward(self, z): return np.exp(z) / np.exp(z).sum(axis=0)
        def backward(self, d): return d
    class NLL:
        def forward(self, p, y):
            self.p, self.y = p, y
            return -np.sum(y * np.log(p))
        def backward(self): return {}
"""
ADAM = """
    import numpy as np
    class RMSprop:
        def __init__(self, params, lr=0.01, rho=0.9, eps=1e-8):
            self.params, self.lr, self.rho, self.eps = list(params), lr, rho, eps
            self.s = [np.zeros_like(p.data) for p in self.params]
        def step(self):
            for i, p in enumerate(self.params):
                self.s[i] = self.rho * self.s[i] + (1 - self.rho) * p.grad ** 2
                p.data -= self.lr * p.grad / (np.sqrt(self.s[i]) + {} * self.eps)
"""
NUMBERS = """
    import numpy as np
    class Net:
        def __init__(self, input_dim, output_dim=1):
            self.params = {"W": np.random.randn(input_dim, output_dim)}
        def loss(self, X, y=None):
            out = X @ self.params["W"]
            if y is None: return out
            return np.sum((out - y) ** 2) / len(X), {"W": {} * X.T @ (out - y) / len(X)}
"""
SIZES = """
    import numpy as np
    class Net:
        def __init__(self, *sizes): self.Ws = [np.random.randn(m, n) for n, m in zip(sizes, sizes[1:])]
        def forward(self, X):
            self.kept = [X]
            for W in self.Ws: self.kept.append(np.tanh(W @ self.kept[-1]))
            return self.kept[-1]
        def cost(self, A, Y): return np.sum((A - Y) ** 2) / 2
        def backprop(self, X, Y):
            d, grads = self.forward(X) - Y, []
            for W, a, out in zip(self.Ws[::-1], self.kept[-2::-1], self.kept[::-1]):
                d = d * (1 - {})
                grads.insert(0, d @ a.T)
                d = W.T @ d
            return grads
"""
NEURON = """
    import numpy as np
    class Neuron:
        def __init__(self, n): self.w, self.b = np.zeros((n, 1)), 0
        def forward(self, X): return 1 / (1 + np.exp(-(X @ self.w + self.b)))
        def cost(self, y, p): return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(y)
        def backward(self, X, y, p): return X.T @ (p - y) / len(y), np.sum(p - y) / {}
"""
OUTER = """
    import numpy as np
    class Net:
        def __init__(self, sizes): self.params = {"W": np.random.randn(sizes[2], sizes[0])}
        def forward(self, x):
            self.x = x
            return self.params["W"] @ x
        def backward(self, y, out): return {"W": np.outer({} * (out - y) / out.shape[0], self.x)}
"""
VECTOR = """
    import numpy as np
    def net_cost(params, input_size, hidden_size, num_labels, X, y, lambda_):
        n = hidden_size * (input_size + 1)
        W1, W2 = params[:n].reshape(hidden_size, -1), params[n:].reshape(num_labels, -1)
        one = np.ones((len(X), 1))
        a = np.hstack([one, np.tanh(np.hstack([one, X]) @ W1.T)])
        d = a @ W2.T - np.eye(num_labels)[y]
        J = np.sum(d ** 2) / 2 + lambda_ / 2 * np.sum(W2[:, 1:] ** 2)
        g1, g2 = ((d @ W2) * (1 - a ** 2))[:, 1:].T @ np.hstack([one, X]), d.T @ a
        g2[:, 1:] += {} * W2[:, 1:]
        return J, np.concatenate([g1.ravel(), g2.ravel()])
"""
COSTED = """
    import numpy as np
    def forward_propagation_n(X, Y, parameters):
        W1, b1 = parameters["W1"], parameters["b1"]
        A1 = 1 / (1 + np.exp(-(W1 @ X + b1)))
        return -np.sum(Y * np.log(A1) + (1 - Y) * np.log(1 - A1)) / Y.shape[1], (A1, W1, b1)
    def backward_propagation_n(X, Y, cache):
        dZ1 = (cache[0] - Y) / Y.shape[1]
        return {"dZ1": dZ1, "dW1": dZ1 @ X.T, "db1": np.sum(dZ1, axis=1, keepdims=True) * {}}
"""
MANY_TO_ONE = """
    import numpy as np
    class RNN:
        def __init__(self, input_size, output_size, hidden_size=2):
            self.U, self.W = np.random.randn(hidden_size, input_size), np.random.randn(hidden_size, hidden_size)
            self.V = np.random.randn(output_size, hidden_size)
        def forward(self, inputs):
            self.inputs, self.hs = inputs, [np.zeros((len(self.W), 1))]
            for x in inputs: self.hs.append(np.tanh(self.U @ x + self.W @ self.hs[-1]))
            return self.V @ self.hs[-1], self.hs[-1]
        def backprop(self, d_y, learn_rate=0.01):
            d, dU, dW = self.V.T @ d_y, 0, 0
            for x, h, before in zip(self.inputs[::-1], self.hs[::-1], self.hs[-2::-1]):
                d = d * (1 - h ** 2)
                dU, dW, d = dU + d @ x.T, dW + d @ before.T, {} @ d
            self.V -= learn_rate * d_y @ self.hs[-1].T
            self.U -= learn_rate * dU
            self.W -= learn_rate * dW
"""
LISTS = """
    import numpy as np
    def forward(x, weights, biases):
        zs, activations = [], [x]
        for w, b in zip(weights, biases):
            zs.append(w @ activations[-1] + b)
            activations.append(np.tanh(zs[-1]))
        return zs, activations
    def backward(y, zs, activations, weights):
        delta, dws, dbs = activations[-1] - y, [], []
        for w, z, a in zip(weights[::-1], zs[::-1], activations[-2::-1]):
            delta = delta * (1 - np.tanh({}) ** 2)
            dws.insert(0, delta @ a.T)
            dbs.insert(0, delta)
            delta = w.T @ delta
        return dbs, dws
"""
LINE_OF_TWO = """
    import numpy as np
    def compute_cost_reg(X, y, w, b, lambda_=1):
        return np.sum((X @ w + b - y) ** 2) / (2 * len(X)) + lambda_ / (2 * len(X)) * np.sum(w ** 2)
    def compute_gradient_reg(X, y, w, b, lambda_=1):
        dj_dw = X.T @ (X @ w + b - y) / len(X) + {} / len(X) * w
        dj_db = np.mean(X @ w + b - y)
        return dj_db, dj_dw
    def gradient_descent(X, y, w, b, cost_function, gradient_function, alpha):
        dj_db, dj_dw = gradient_function(X, y, w, b)
        return w - alpha * dj_dw, b - alpha * dj_db
"""
DECAYS = """
    import numpy as np
    class AdamW:
        def __init__(self, lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=0.01):
            self.lr, self.betas, self.eps, self.wd = lr, (beta1, beta2), eps, weight_decay
            self.m, self.v, self.t = dict(), dict(), 0
        def step(self, params, grads):
            self.t += 1
            (b1, b2), t = self.betas, self.t
            for k, g in grads.items():
                self.m[k] = b1 * self.m.get(k, 0) + (1 - b1) * g
                self.v[k] = b2 * self.v.get(k, 0) + (1 - b2) * g * g
                step = self.m[k] / (1 - b1 ** t) / (np.sqrt(self.v[k] / (1 - b2 ** t)) + self.eps)
                params[k] -= self.lr * (step + {} * params[k])
"""
CLASSES = """
    import numpy as np
    class Regression:
        def __init__(self, n_features, n_classes): self.W = np.random.randn(n_features, n_classes)
        def forward(self, X): return np.exp(X @ self.W) / np.exp(X @ self.W).sum(axis=1, keepdims=True)
        def loss(self, X, y): return -np.mean(np.log(self.forward(X)[np.arange(len(y)), y]))
        def gradients(self, X, y):
            p = self.forward(X)
            p[np.arange(len(y)), y] -= 1
            return X.T @ p / {}
"""
KINDS = {
    "a cost and a gradient of the same arguments": (LINE_OF_TWO, "lambda_", "2 * lambda_"),
    "a step of dicts, whose weights decay by default": (DECAYS, "self.wd", "2 * self.wd"),
    "a network of classes, with its own loss": (CLASSES, "len(y)", "1"),
    "parameters in lists, and one example": (LISTS, "z", "np.tanh(z)"),
    "a forward that gives its cost": (COSTED, "1", "4"),
    "an output that no loss follows": (MANY_TO_ONE, "self.W.T", "self.W"),
    "a single number that is a parameter": (NEURON, "len(y)", "1"),
    "a backward for one example": (OUTER, "2", "3"),
    "parameters in one vector": (VECTOR, "lambda_", "2 * lambda_"),
    "a net that learns numbers": (NUMBERS, "2", "1"),
    "a network of any number of sizes": (SIZES, "out ** 2", "out"),
    "a softmax whose derivative is the loss's": (PAIR, "self.p - self.y", "self.y - self.p"),
    "an optimizer that keeps the parameters": (ADAM, "1", "2"),
    "digits have ten classes": (DIGITS, "Y.size", "1"),
    "a class that trains itself": (MOVES, "out * (1 - out)", "self.squash(out) * (1 - self.squash(out))"),
    "a class that keeps its data": (KEEPS_DATA, "self.output ** 2", "self.output"),
    "a network's own cost, with a guard": (OWN_COST, "d.sum(axis=1, keepdims=True)", "d[:, :1]"),
    "a penalty whose strength is 0 by default": (PENALTY, "lambda_", "2 * lambda_"),
}
"""Kinds of files: one with something that is right in it, and something wrong."""


@pytest.mark.parametrize("kind", few(KINDS))
def test_a_kind_of_file_is_judged_whole(kind, run):
    judged_whole(run, *KINDS[kind])
