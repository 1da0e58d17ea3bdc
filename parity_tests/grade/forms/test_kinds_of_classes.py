"""What people write networks as classes as, in small: each kind is judged whole, right and wrong."""

import pytest

from parity_tests.conftest import few
from parity_tests.grade.checking import judged_whole

OF_ITSELF = """
    import numpy as np
    class Autoencoder:
        def __init__(self, n_visible, n_hidden):
            self.W, self.V = np.random.randn(n_visible, n_hidden), np.random.randn(n_hidden, n_visible)
        def forward(self, X):
            self.H = np.tanh(X @ self.W)
            return self.H @ self.V
        def loss(self, X): return np.sum((self.forward(X) - X) ** 2) / len(X)
        def backward(self, X):
            d = 2 * (self.forward(X) - X) / len(X)
            return X.T @ (d @ self.V.T * (1 - {})), self.H.T @ d
"""
HANDS_ON = """
    import numpy as np
    class Net:
        def __init__(self, n_x=784, n_h=128):
            self.W1, self.W2 = np.random.randn(n_h, n_x), np.random.randn(1, n_h)
        def forward(self, X):
            A1 = np.tanh(self.W1 @ X)
            A2 = 1 / (1 + np.exp(-self.W2 @ A1))
            return A2, {"A1": A1, "A2": A2}
        def backward(self, cache, X, Y):
            dZ2 = (cache["A2"] - Y) / Y.shape[1]
            dZ1 = self.W2.T @ dZ2 * (1 - {})
            return {"dW1": dZ1 @ X.T, "dW2": dZ2 @ cache["A1"].T}
"""
EPOCHS = """
    import numpy as np
    class Net:
        def __init__(self, n_in, n_out, epochs=9, batch=2):
            self.W, self.epochs, self.batch, self.lr = np.random.randn(n_in, n_out), epochs, batch, 0.1
        def forward(self, X): return np.tanh(X @ self.W)
        def train(self, X, y, verbose=True):
            for _ in range(self.epochs):
                order = np.random.permutation(len(X))
                for i in range(0, len(X), self.batch):
                    part = order[i : i + self.batch]
                    out = self.forward(X[part])
                    self.W -= self.lr * X[part].T @ ((out - y[part]) * (1 - {}))
"""
THROUGH_TIME = """
    import numpy as np
    class RNN:
        def __init__(self, word_dim, hidden_dim=100):
            self.U, self.V = np.random.randn(hidden_dim, word_dim), np.random.randn(word_dim, hidden_dim)
            self.W = np.random.randn(hidden_dim, hidden_dim)
        def forward_propagation(self, x):
            s, o = np.zeros((len(x) + 1, len(self.W))), np.zeros((len(x), len(self.V)))
            for t in range(len(x)):
                s[t] = np.tanh(self.U[:, x[t]] + self.W @ s[t - 1])
                o[t] = np.exp(self.V @ s[t]) / np.exp(self.V @ s[t]).sum()
            return [o, s]
        def bptt(self, x, y):
            o, s = self.forward_propagation(x)
            o[np.arange(len(y)), y] -= 1
            dU, dW, d = np.zeros_like(self.U), np.zeros_like(self.W), np.zeros(len(self.W))
            for t in reversed(range(len(y))):
                d = (self.V.T @ o[t] + {} @ d) * (1 - s[t] ** 2)
                dU[:, x[t]] += d
                dW += np.outer(d, s[t - 1])
            return [dU, o.T @ s[:-1], dW]
"""
AT_ONCE = """
    import numpy as np
    class SoftmaxRegression:
        def __init__(self, n_features, n_classes, reg=1e-3):
            self.W, self.b, self.reg = np.random.randn(n_features, n_classes), np.zeros(n_classes), reg
        def loss(self, X, y):
            p = np.exp(X @ self.W + self.b)
            p /= p.sum(axis=1, keepdims=True)
            loss = -np.mean(np.log(p[range(len(y)), y])) + self.reg * np.sum(self.W ** 2)
            p[range(len(y)), y] -= 1
            return loss, {"W": X.T @ p / len(y) + {} * self.reg * self.W, "b": p.mean(axis=0)}
"""
TWO_STATES = """
    import numpy as np
    class Cell:
        def __init__(self, n_words, n_hidden=100):
            self.W, self.V = np.random.randn(n_hidden, n_hidden + n_words), np.random.randn(n_words, n_hidden)
        def lossFun(self, inputs, targets, hprev, cprev):
            h, c, kept, loss, n = hprev, cprev, [], 0, len(hprev)
            for i, target in zip(inputs, targets):
                z = np.append(h, np.arange(len(self.V)) == i)
                g = np.tanh(self.W @ z)
                c = c / 2 + g
                h = np.tanh(c)
                p = np.exp(self.V @ h) / np.exp(self.V @ h).sum()
                loss -= np.log(p[target])
                kept.append((z, g, h, p - (np.arange(len(p)) == target)))
            dW, dV, dh, dc = np.zeros_like(self.W), np.zeros_like(self.V), 0, 0
            for z, g, h, dy in kept[::-1]:
                dV += np.outer(dy, h)
                dc = dc + (self.V.T @ dy + dh) * (1 - h ** 2)
                dW += np.outer(dc * (1 - g ** 2), z)
                dh, dc = self.W[:, :n].T @ (dc * (1 - g ** 2)), {}
            return loss, np.clip(dW, -5, 5), np.clip(dV, -5, 5), h, c
"""
GRAPH = """
    import numpy as np
    class Tensor:
        def __init__(self, data, of=()):
            self.data, self.of = np.asarray(data, dtype=float), of
            self.grad, self.back = np.zeros_like(self.data), lambda: None
        def made(self, data, *of):
            out = Tensor(data, [t for t, _ in of])
            def back():
                for t, by in of: t.add(by(out.grad))
            out.back = back
            return out
        def add(self, grad):
            while grad.ndim > self.data.ndim: grad = grad.sum(axis=0)
            for i, n in enumerate(self.data.shape):
                if n == 1: grad = grad.SUM(axis=i, keepdims=True)
            self.grad = self.grad + grad
        def __add__(self, other): return self.made(self.data + other.data, (self, lambda g: g), (other, lambda g: g))
        def __mul__(self, other):
            a, b = self.data, other.data
            return self.made(a * b, (self, lambda g: g * b), (other, lambda g: g * a))
        def __matmul__(self, other):
            a, b = self.data, other.data
            return self.made(a @ b, (self, lambda g: g @ b.T), (other, lambda g: PRODUCT))
        def sum(self): return self.made(self.data.sum(), (self, lambda g: g * np.ones_like(self.data)))
        @property
        def T(self): return self.made(self.data.T, (self, lambda g: TURNED))
        def backward(self):
            order, seen = [], set()
            def visit(t):
                if t not in seen:
                    seen.add(t)
                    for part in t.of: visit(part)
                    order.append(t)
            visit(self)
            self.grad = np.ones_like(self.data)
            for t in reversed(order): t.back()
"""
AS_IT_IS = {"SUM": "sum", "PRODUCT": "a.T @ g", "TURNED": "g.T"}


def graph(wrong):
    """The class of arrays, with one place in it to fill."""
    source = GRAPH.replace(wrong, "{}")
    for name, right in AS_IT_IS.items():
        source = source.replace(name, right)
    return source, AS_IT_IS[wrong]


KINDS = {
    "arrays with a graph, their products": (*graph("PRODUCT"), "(g.T @ a).T * 2"),
    "arrays with a graph, transposed": (*graph("TURNED"), "g.T / 2"),
    "arrays with a graph, of shapes that broadcast": (*graph("SUM"), "mean"),
    "a loss and gradients at once": (AT_ONCE, "2", "1"),
    "a loss of a sequence, with two states": (TWO_STATES, "dc / 2", "dc"),
    "a target that is the input": (OF_ITSELF, "self.H ** 2", "self.H"),
    "a forward that hands on a cache": (HANDS_ON, 'cache["A1"] ** 2', 'cache["A1"]'),
    "turns and batches that it keeps": (EPOCHS, "out ** 2", "out"),
    "a sequence of words": (THROUGH_TIME, "self.W.T", "self.W"),
}
"""Kinds of files: one with something that is right in it, and something wrong."""


@pytest.mark.parametrize("kind", few(KINDS))
def test_a_kind_of_class_is_judged_whole(kind, run):
    judged_whole(run, *KINDS[kind])
