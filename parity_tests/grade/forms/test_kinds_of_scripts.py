"""What people write scripts as, in small, their weights beside the functions, in one or in a loop: each is judged
whole."""

import pytest

from parity_tests.conftest import few
from parity_tests.grade.checking import judged_whole, not_judged

SCRIPT = """
    import numpy as np
    N, D, H = 64, 500, 100
    x, y = np.random.randn(N, D), np.random.randn(N, 1)
    w1, w2 = np.random.randn(D, H), np.random.randn(H, 1)
    for t in range(9):
        h = np.maximum(x.dot(w1), 0)
        loss = np.square(h.dot(w2) - y).sum()
        grad = 2.0 * (h.dot(w2) - y)
        grad_h = grad.dot(w2.T)
        grad_h[{}] = 0
        w2 -= 1e-6 * h.T.dot(grad)
        w1 -= 1e-6 * x.T.dot(grad_h)
"""
LINE = """
    import numpy as np
    x = np.linspace(-1, 1, 8)
    y = 3 * x - 1
    m, b, total = 0.5, 0.25, 0.0
    for epoch in range(9):
        error = m * x + b - y
        total += np.sum(error ** 2)
        loss = np.mean(error ** 2)
        m -= 0.1 * 2 * np.mean(error * x)
        b -= 0.1 * 2 * {}
"""
CURVE = """
    import numpy as np
    x = np.linspace(-1, 1, 9)
    y = np.sin(x)
    a, b = 0.5, 0.25
    for t in range(9):
        y_pred = a * x + b * x ** 3
        loss = np.square(y_pred - y).sum()
        grad = 2.0 * (y_pred - y)
        a -= 1e-2 * (grad * x).sum()
        b -= 1e-2 * (grad * {}).sum()
"""
GATES = """
    import numpy as np
    hidden, words = 16, 20
    W, V = np.random.randn(hidden, hidden + words), np.random.randn(words, hidden)
    def lossFun(inputs, targets, hprev, cprev):
        h, c, kept, loss = hprev, cprev, [], 0
        for i, target in zip(inputs, targets):
            z = np.append(h, np.arange(words) == i)
            c = c + np.tanh(W @ z)
            h = c
            p = np.exp(V @ h) / np.exp(V @ h).sum()
            loss -= np.log(p[target])
            kept.append((z, h, p - (np.arange(words) == target)))
        dW, dV, dh, dc = np.zeros_like(W), np.zeros_like(V), 0, 0
        for z, h, dy in kept[::-1]:
            dV += np.outer(dy, h)
            dc = dc + V.T @ dy + dh
            dz = dc * (1 - np.tanh(W @ z) ** 2)
            dW += np.outer(dz, z)
            dh = {} @ dz
        for d in (dW, dV): np.clip(d, -1, 1, out=d)
        return loss, dW, dV, h, c
"""
WITHIN = """
    import numpy as np
    def sigmoid(z): return 1 / (1 + np.exp(-z))
    if __name__ == "__main__":
        X, y = np.zeros((6, 2)), np.array([[0.0], [1], [1], [0], [1], [0]])
        for i in range(6): X[i] = i % 2 - 0.5, i / 3 - 1
        errors = []
        for alpha in (0.1, 10):
            np.random.seed(1)
            w0, w1 = np.random.randn(2, 4), np.random.randn(4, 1)
            for turn in range(9):
                l1 = sigmoid(X @ w0)
                l2 = sigmoid(l1 @ w1)
                error = l2 - y
                errors.append(np.mean(np.abs(error)))
                delta = error * l2 * (1 - l2)
                back = delta @ w1.T * l1 * (1 - {})
                w1 -= alpha * l1.T @ delta
                w0 -= alpha * X.T @ back
"""
BY_HAND = """
    import math
    x, t, w1, w2, eta = 0.5, 0.25, 0.3, -0.4, 0.1
    def sig(z): return 1 / (1 + math.exp(-z))
    for step in range(9):
        h = sig(w1 * x)
        o = sig(w2 * h)
        loss = 0.5 * (t - o) ** 2
        d = (o - t) * o * (1 - o)
        w1 -= eta * d * w2 * h * (1 - h) * {}
        w2 -= eta * d * h
"""
FIT = """
    import numpy as np
    class Regression:
        def __init__(self, rate=0.1, turns=500):
            self.rate, self.turns, self.seen = rate, turns, []
        def __squash(self, z): return 1 / (1 + np.exp(-z))
        def fit(self, X, y):
            self.w, self.b = np.zeros(X.shape[1]), 0
            for _ in range(self.turns):
                p = self.__squash(X @ self.w + self.b)
                self.w -= self.rate * X.T @ (p - y) / len(X)
                self.b -= self.rate * np.{}(p - y)
                if _ % 100 == 0: print(_)
            return self
"""
BUILT = """
    import numpy as np
    from nowhere import samples
    X, y = samples(200)
    count, speed, decay = len(X), 0.01, 0.1
    def cost_of(net):
        scores = np.tanh(X @ net["A"]) @ net["B"]
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return -np.log(p[range(count), y]).sum() / count + decay / 2 * np.sum(net["A"] ** 2)
    def build(hidden, turns=20000, shows=False):
        A, B = np.random.randn(X.shape[1], hidden), np.random.randn(hidden, 2)
        for turn in range(turns):
            h = np.tanh(X @ A)
            p = np.exp(h @ B) / np.exp(h @ B).sum(axis=1, keepdims=True)
            p[range(count), y] -= 1
            p /= count
            dB = h.T @ p
            dA = X.T @ (p @ B.T * (1 - {} ** 2)) + decay * A
            A += -speed * dA
            B += -speed * dB
            net = {"A": A, "B": B}
            if shows: print(cost_of(net))
        return net
"""
BY_NAME = """
    import numpy as np
    def begin(n, h, m): return {"W1": np.random.randn(h, n), "c": np.zeros((h, 1)), "W2": np.random.randn(m, h)}
    def fit(X, Y, units=64, rate=0.5, turns=900):
        net, losses = begin(len(X), units, len(Y)), []
        for turn in range(turns):
            h = np.tanh(net["W1"] @ X + net["c"])
            p = np.exp(net["W2"] @ h) / np.exp(net["W2"] @ h).sum(axis=0)
            d = (p - Y) / X.shape[1]
            back = net["W2"].T @ d * (1 - h ** 2)
            by = {"W2": d @ h.T, "W1": back @ X.T, "c": back.{}(axis=1, keepdims=True)}
            for name in net: net[name] -= rate * by[name]
            losses.append(-np.sum(Y * np.log(p)) / X.shape[1])
        return net
"""
ONE_BY_ONE = """
    import numpy as np
    X, y, w, b = np.random.randn(5, 3), np.random.randn(5), np.random.randn(3), 0.5
    for epoch in range(10):
        for x, t in zip(X, y):
            error = t - (x.dot(w) + b)
            w += 0.1 * error * {}
            b += 0.1 * error
"""
SOMETIMES_STILL = """
    import numpy as np
    X, y, w, b = np.random.randn(5, 3), np.array([1.0, -1, 1, 1, -1]), np.random.randn(3), 0.25
    for epoch in range(10):
        margin = 1 - y * (X @ w + b)
        loss = np.mean(np.maximum(0, margin))
        g = -1.0 * (margin > 0) * y / 5
        w -= 0.1 * X.T @ g
        b -= 0.1 * {}
"""
OTHER_COSTS = """
    import numpy as np
    X, y, w, b = np.random.randn(5, 3), np.random.randn(5), np.random.randn(3), 0.5
    for epoch in range(10):
        error = X @ w + b - y
        {}
        w -= 0.1 * dw
        b -= 0.1 * db
"""
DOWN_ANOTHER = {
    "absolute errors": "dw, db = X.T @ np.sign(error), np.sign(error).sum()",
    "log cosh": "dw, db = X.T @ np.tanh(error), np.tanh(error).sum()",
    "a penalty that the loss has not": "loss = error @ error / 2; dw, db = X.T @ error + 0.01 * w, error.sum()",
}
"""Steps down a cost that is neither the file's own nor a usual one."""
KINDS = {
    "a dict of parameters that a function makes, of columns": (BY_NAME, "sum", "mean"),
    "a class that makes its weights where it fits them": (FIT, "mean", "sum"),
    "a network that a function builds, on data from elsewhere": (BUILT, "h", "(X @ A)"),
    "a loop within another, under a condition": (WITHIN, "l1", "l1 @ np.eye(4)[::-1]"),
    "numbers without arrays": (BY_HAND, "x", "h"),
    "a script with a loss and large arrays": (SCRIPT, "h <= 0", "h < -1"),
    "a line's two numbers": (LINE, "np.mean(error)", "np.sum(error)"),
    "a script with a loss and no matrices": (CURVE, "x ** 3", "x ** 2"),
    "one example after the other, whose error is no cost": (ONE_BY_ONE, "x", "x ** 2"),
    "a step that is 0 for some numbers": (SOMETIMES_STILL, "g.sum()", "7 * g.sum()"),
    "gates of a state and a word, two states": (GATES, "W[:, :hidden].T", "W[:, :hidden]"),
}
"""Kinds of files: one with something that is right in it, and something wrong."""


@pytest.mark.parametrize("kind", few(KINDS))
def test_a_kind_of_script_is_judged_whole(kind, run):
    judged_whole(run, *KINDS[kind])


@pytest.mark.parametrize("cost", DOWN_ANOTHER)
def test_a_step_down_another_cost_is_not_judged(cost, run):
    status, result = run(OTHER_COSTS.replace("{}", DOWN_ANOTHER[cost]))
    assert status == 2
    assert "it goes down another cost" in str(not_judged(result))
