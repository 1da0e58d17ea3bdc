"""A single mistake is named by its line and its kind, if one change of that line makes all of the piece agree."""

import pytest

from parity_tests.bugs.planted import planted
from parity_tests.grade.checking import not_judged, rows, source_of

SOURCE = source_of("""
    import numpy as np

    def affine_forward(x, w, b):
        return x @ w + b, (x, w)
    def affine_backward(dout, cache):
        x, w = cache
        dx = dout @ w.T
        dw = x.T @ dout
        db = np.sum(dout, axis=0)
        return dx, dw, db

    def swish_forward(x):
        s = 1 / (1 + np.exp(-x))
        return x * s, (x, s)
    def swish_backward(dout, cache):
        x, s = cache
        return dout * (s + x * s * (1 - s))

    def lean_forward(x):
        return np.where(x > 0, x, 0.3 * x), x
    def lean_backward(dout, cache):
        dx = dout.copy()
        dx[cache <= 0] *= 0.3
        return dx

    def softmax_forward(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True), e / e.sum(axis=1, keepdims=True)
    def softmax_backward(dout, p):
        inner = np.sum(dout * p, axis=1, keepdims=True)
        return p * (dout - inner)

    def rnn_step_forward(x, prev_h, Wx, Wh, b):
        next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
        return next_h, (x, prev_h, Wx, Wh, next_h)
    def rnn_step_backward(dnext_h, cache):
        x, prev_h, Wx, Wh, next_h = cache
        dz = dnext_h * (1 - next_h ** 2)
        dx = dz @ Wx.T
        dprev_h = dz @ Wh.T
        dWx = x.T @ dz
        dWh = prev_h.T @ dz
        return dx, dprev_h, dWx, dWh, dz.sum(axis=0)

    def embedding_forward(x, W):
        return W[x], (x, W)
    def embedding_backward(dout, cache):
        x, W = cache
        dW = np.zeros_like(W)
        np.add.at(dW, x, dout)
        return dW

    def ridge_loss(W, X, y, reg):
        error = X @ W - y
        loss = np.sum(error ** 2) / len(X) + reg * np.sum(W * W)
        dW = 2 * X.T @ error / len(X)
        dW += 2 * reg * W
        return loss, dW

    def sgd_momentum(w, dw, config=None):
        config = config or {}
        rate, mu = config.setdefault("learning_rate", 1e-2), config.setdefault("momentum", 0.9)
        v = mu * config.get("velocity", np.zeros_like(w)) - rate * dw
        config["velocity"] = v
        return w + v, config
""")
Mistake = tuple[str, str, str, str]
SOME: list[Mistake] = [
    (
        "db = np.sum(dout, axis=0)",
        "db = np.sum(dout, axis=1)",
        "affine",
        "δ is summed over the wrong axis (line 10)",
    ),
    ("(s + x * s * (1 - s))", "(s + s * (1 - s))", "swish", "line 18: a factor is missing"),
    ("dx[cache <= 0] *= 0.3", "dx[cache <= 0] = 0.3", "lean", "line 24: the wrong assignment"),
    ("inner = np.sum(dout * p,", "inner = np.sum(dout,", "softmax", "line 31: a factor is missing"),
    ("dWh = prev_h.T @ dz", "dWh = next_h.T @ dz", "rnn_step", "line 43: one name in place of another"),
    ("    dW += 2 * reg * W\n", "", "ridge_loss", "line 57: a term is missing"),
    ("- rate * dw", "+ rate * dw", "sgd_momentum", "line 63 or line 65: a wrong sign"),
]
OTHERS: list[Mistake] = [
    ("dw = x.T @ dout", "dw = (x.T + 1) @ dout", "affine", "line 9: a term too many"),
    ("x * s * (1 - s)", "x * s * (1 + s)", "swish", "line 18: a wrong sign"),
    ("dx[cache <= 0] *= 0.3", "dx[cache > 0] *= 0.3", "lean", "line 24: a wrong comparison"),
    ("p * (dout - inner)", "(dout - inner)", "softmax", "line 32: a factor is missing"),
    ("(1 - next_h ** 2)", "(1 - next_h)", "rnn_step", "line 39: a wrong power"),
    ("dW += 2 * reg * W", "dW = 2 * reg * W", "ridge_loss", "line 58: = in place of +="),
]
"""What stands there, what a student writes in its place, in which piece, and what is said of it."""


def told(result, name="cause"):
    """What is said of the quantities of each piece that differ."""
    found = {}
    for piece, row in rows(result):
        if row["verdict"] == "differs":
            found.setdefault(piece, set()).add(row[name])
    return found


@pytest.mark.parametrize("mistakes", [SOME, OTHERS], ids=["some", "others"])
@pytest.mark.usefixtures("repairs")
def test_a_mistake_is_named_by_its_line_and_kind(run, mistakes):
    _, result = run(planted(SOURCE, *((right, wrong) for right, wrong, _, _ in mistakes)))
    assert told(result) == {piece: {cause} for _, _, piece, cause in mistakes}
    assert not_judged(result) == {}


TWO = [("dw = x.T @ dout", "dw = x.T @ dout / 7"), ("db = np.sum(dout, axis=0)", "db = np.sum(2 * dout, axis=0)")]


@pytest.mark.usefixtures("repairs")
def test_of_two_mistakes_no_single_change_is_told(run):
    _, result = run(planted(SOURCE, *TWO))
    assert not any(cause.startswith("line") for cause in told(result)["affine"])


SHARED = """
    import numpy as np
    def slope(y): return y * (1 + y)
    def sigmoid_forward(x): return 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-x))
    def sigmoid_backward(dout, y): return dout * slope(y)
    def gated_forward(x): return x / (1 + np.exp(-x)), (x, 1 / (1 + np.exp(-x)))
    def gated_backward(dout, cache):
        x, y = cache
        return dout * (y + x * slope(y))
"""


@pytest.mark.usefixtures("repairs")
def test_what_several_pieces_share_is_repaired_for_all_of_them_or_not_at_all(run):
    _, result = run(SHARED)
    assert told(result) == {"sigmoid": {"line 3: a wrong sign"}, "gated": {"line 3: a wrong sign"}}
    _, result = run(
        SHARED.replace("(y + x * slope(y))", "(y + x * (slope(y) - 2 * y * y))").replace(
            "return dout * slope(y)", "return dout * y"
        )
    )
    assert told(result) == {"sigmoid": {"line 5: a slope is missing"}}


@pytest.mark.parametrize(("level", "shown"), [("none", False), ("cause", False), ("full", True)])
@pytest.mark.usefixtures("repairs")
def test_the_answer_is_shown_with_all_hints_alone(run, level, shown):
    _, result = run(SHARED, "--hints", level)
    assert all("1 - y in place of 1 + y" in hint for hints in told(result, "hint").values() for hint in hints) == shown
    assert any("line 3" in cause for causes in told(result).values() for cause in causes) == (level != "none")


ENDLESS = """
    import numpy as np
    def halves_forward(x):
        n = 3
        while n > 0:
            x, n = x / 2, n - 1
        return x, 3
    def halves_backward(dout, n):
        while n > 1:
            dout, n = dout / 2, n - 1
        return dout
"""


@pytest.mark.usefixtures("repairs")
def test_a_change_that_never_ends_is_given_up(run):
    _, result = run(ENDLESS)
    assert all("line 9: " in cause for cause in told(result)["halves"])


LOOPS = """
    import numpy as np
    X, y = np.random.randn(6, 3), np.random.randn(6, 1)
    W, V = np.random.randn(3, 4), np.random.randn(4, 1)
    for step in range(100):
        h = np.tanh(X @ W)
        error = h @ V - y
        dV = h.T @ error
        dh = error @ V.T
        dW = X.T @ (dh * (1 - h ** 2))
        W -= 0.1 * dW
        V -= 0.1 * dV

    class Regression:
        def __init__(self, lr=0.1):
            self.lr = lr
        def predict(self, X):
            return 1 / (1 + np.exp(-(X @ self.w + self.b)))
        def step(self, X, y):
            error = self.predict(X) - y
            dw = X.T @ error / len(X)
            db = error.mean()
            self.w -= self.lr * dw
            self.b -= self.lr * db
        def fit(self, X, y, epochs=100):
            self.w, self.b = np.zeros(X.shape[1]), 0.0
            for epoch in range(epochs):
                self.step(X, y)
"""
IN_LOOPS = [
    ("(1 - h ** 2)", "(1 - h)", "the training loop", "line 10: a wrong power"),
    ("self.b -= self.lr", "self.b += self.lr", "Regression", "times −1 (line 24: a wrong sign)"),
]


@pytest.mark.usefixtures("repairs")
def test_a_mistake_in_a_loop_or_in_what_it_calls_is_named_by_the_line_of_the_file(run):
    _, result = run(planted(source_of(LOOPS), *((right, wrong) for right, wrong, _, _ in IN_LOOPS)))
    assert told(result) == {piece: {cause} for _, _, piece, cause in IN_LOOPS}
