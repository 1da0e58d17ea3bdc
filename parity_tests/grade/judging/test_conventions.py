"""`python -m experiments.grade`: another choice is a convention, and what only looks like one differs."""

import json

import pytest

from experiments.grade.findings import strictly
from experiments.grade.pages import from_json
from parity_tests.grade.checking import failing, rows, verdicts

POOL = """
    import numpy as np
    class MaxPool2d:
        def __init__(self, kernel_size): self.k = kernel_size
        def forward(self, x):
            n, c, h, w = x.shape
            k = self.k
            y = np.zeros((n, c, h // k, w // k), x.dtype)
            for i in range(h // k):
                for j in range(w // k):
                    y[:, :, i, j] = x[:, :, i * k:i * k + k, j * k:j * k + k].max(axis=(2, 3))
            return y, (x, y)
        def backward(self, delta, cache):
            (x, y), k, dx = cache, self.k, np.zeros_like(cache[0])
            for i in range(y.shape[2]):
                for j in range(y.shape[3]):
                    m = x[:, :, i * k:i * k + k, j * k:j * k + k] == y[:, :, i, j, None, None]
                    dx[:, :, i * k:i * k + k, j * k:j * k + k] += {} * delta[:, :, i, j, None, None]
            return dx, self
"""
ADAM = """
    import numpy as np
    class Adam:
        def __init__(self, lr, betas=(0.9, 0.999), eps=1e-8): self.lr, self.betas, self.eps = lr, betas, eps
        def update(self, p, g, state):
            b1, b2 = self.betas
            t = state["step"] = state.get("step", 0) + 1
            m = state["exp_avg"] = b1 * state.get("exp_avg", 0) + (1 - b1) * g
            v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * g * g
            p -= {}
"""
LOSS = """
    class MSELoss:
        def forward(self, p, t): return {}, p - t
        def backward(self, d): return {}
"""
CROSS_ENTROPY = """
    import numpy as np
    class CrossEntropyLoss:
        def forward(self, z, y):
            p = np.exp(z - z.max(1, keepdims=True))
            p = p / p.sum(1, keepdims=True)
            return -np.mean(np.log(p[np.arange(len(y)), y] + {})), (p, y)
        def backward(self, cache):
            p, y = cache
            return (p - np.eye(p.shape[1], dtype=p.dtype)[y]) / len(y)
"""
RELU = """
    import numpy as np
    def relu_forward(x): return np.maximum(x, 0), x
    def relu_backward(delta, x): return delta * ({})
"""
CONVENTIONS = {
    "ReLU's slope at 0 is 1": (RELU.format("x >= 0"), {("relu", "dx")}),
    "ReLU's slope at 0 is ½": (RELU.format("(x > 0) + 0.5 * (x == 0)"), {("relu", "dx")}),
    "all that tie have the whole δ": (POOL.format("m"), {("MaxPool2d", "dx")}),
    "those that tie share δ": (POOL.format("m / m.sum(axis=(2, 3), keepdims=True)"), {("MaxPool2d", "dx")}),
    "Adam's ε before the bias correction": (
        ADAM.format("self.lr * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + self.eps)"),
        {("Adam", "weight"), ("Adam", "bias")},
    ),
    "Adam's ε inside of the root": (
        ADAM.format("self.lr / (1 - b1**t) * m / np.sqrt(v / (1 - b2**t) + self.eps)"),
        {("Adam", "weight"), ("Adam", "bias")},
    ),
    "½ in cost and gradient": (
        LOSS.format("((p - t) ** 2).mean() / 2", "d / d.size"), {("MSELoss", "cost"), ("MSELoss", "delta")},
    ),
    "a sum over outputs, a mean over examples": (
        LOSS.format("((p - t) ** 2).sum() / len(p)", "2 * d / len(d)"), {("MSELoss", "cost"), ("MSELoss", "delta")},
    ),
    "½ and a sum": (LOSS.format("((p - t) ** 2).sum() / 2", "d"), {("MSELoss", "cost"), ("MSELoss", "delta")}),
    "an ε inside a logarithm": (CROSS_ENTROPY.format("1e-12"), {("CrossEntropyLoss", "cost")}),
}  # fmt: skip
"""Files, and what of each is a convention."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if i % 3 else ()) for i, n in enumerate(CONVENTIONS)]
)
def test_a_convention_is_no_failure_and_has_a_cause(name, run):
    source, quantities = CONVENTIONS[name]
    status, result = run(source)
    assert status == 0, result["verdict"]
    assert result["result"] == "convention" if "result" in result else "convention" in result["verdict"]
    assert {key for key, verdict in verdicts(result).items() if verdict == "convention"} == quantities
    assert {*verdicts(result).values()} <= {"agrees", "convention"}
    assert all(row["cause"] for _, row in rows(result) if row["verdict"] == "convention")
    assert strictly(from_json(json.dumps(result))).status == 1


DIFFERENCES = {
    "ReLU's slope at 0 is 2": RELU.format("(x > 0) + 2.0 * (x == 0)"),
    "ReLU's slope below 0 is 1, too": RELU.format("x > -0.5"),
    "every pixel of a window has δ": POOL.format("(m | True)"),
    "½ in the gradient alone": LOSS.format("((p - t) ** 2).mean()", "d / d.size"),
    "Adam's ε is another": ADAM.format("self.lr / (1 - b1**t) * m / (np.sqrt(v / (1 - b2**t)) + 2 * self.eps)"),
    "½ in the cost alone": LOSS.format("((p - t) ** 2).mean() / 2", "2 * d / d.size"),
    "1/N in the gradient alone": LOSS.format("((p - t) ** 2).sum()", "2 * d / len(d)"),
    "a factor that is none of N, ½ and the outputs": LOSS.format("3 * ((p - t) ** 2).mean()", "6 * d / d.size"),
    "a factor that is another at another batch size": LOSS.format(
        "((p - t) ** 2).mean() * (0.5 if len(p) > 1 else 1)", "d / d.size * (1 if len(d) > 1 else 2)"
    ),
    "½ in every gradient of a layer, not in its output": """
        def linear_forward(x, W, b): return x @ W.T + b
        def linear_backward(delta, x, W, b): return delta @ W / 2, delta.T @ x / 2, delta.sum(0) / 2
    """,
    "1/N in the parameters' gradients alone": """
        def linear_forward(x, W, b): return x @ W.T + b
        def linear_backward(delta, x, W, b): return delta @ W, delta.T @ x / len(x), delta.sum(0) / len(x)
    """,
    "a step twice as long": """
        class SGD:
            def __init__(self, lr): self.lr = lr
            def update(self, p, g, state): p -= 2 * self.lr * g
    """,
}  # fmt: skip
"""What is none, though it looks like one."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if i % 3 else ()) for i, n in enumerate(DIFFERENCES)]
)
def test_what_only_looks_like_a_convention_differs(name, run):
    status, result = run(DIFFERENCES[name])
    assert status == 1, result["verdict"]
    wrong = [row for _, row in rows(result) if row["verdict"] == "differs"]
    assert wrong
    assert not any(row["cause"].startswith("a convention") for row in wrong), failing(result)
