"""Optimizers as classes: every method that updates is judged, on every parameter of what it is handed."""

import pytest

from parity_tests.grade.checking import rows

NETWORK = """
    import numpy as np
    class Dense:
        def __init__(self, n_in, n_out): self.w, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
        def forward(self, x):
            self.x = x
            return x @ self.w + self.b
        def backward(self, delta):
            self.dw, self.db = self.x.T @ delta, delta.sum(axis=0)
            return delta @ self.w.T
    class Network:
        def __init__(self, layers): self.layers = layers
        def forward(self, x):
            for layer in self.layers: x = layer.forward(x)
            return x
        def backward(self, delta):
            for layer in self.layers[::-1]: delta = layer.backward(delta)
            return delta
    class SGD:
        def __init__(self, lr=0.1): self.lr = lr
"""
STEP = """
        def step(self, net):
            for layer in net.layers:
                layer.w -= self.lr * layer.dw
                layer.b -= self.lr * layer.db
"""
UPDATE = """
        def update(self, w, dw): return w - self.lr * dw
"""


@pytest.mark.parametrize(
    ("methods", "wrong"),
    [
        (STEP, set()),
        (STEP.replace("net.layers", "net.layers[:1]"), {("SGD", "next_w")}),
        (STEP.replace("net.layers", "net.layers[1:]"), {("SGD", "next_w")}),
        (STEP + UPDATE, set()),
        (STEP + UPDATE.replace("-", "+"), {("SGD.update", "next_w")}),
        (STEP.replace("-=", "+=") + UPDATE, {("SGD.step", "next_w")}),
    ],
    ids=["all", "the first layer alone", "all but the first", "two methods", "a wrong update", "a wrong step"],
)
def test_every_update_of_every_parameter_is_judged(methods, wrong, run):
    status, result = run(NETWORK + methods)
    assert {(piece, row["quantity"]) for piece, row in rows(result) if row["verdict"] == "differs"} == wrong
    assert status == (1 if wrong else 0), result
