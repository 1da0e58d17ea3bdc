"""`python -m experiments.grade`: every argument that torch's class has, too, is exercised, alone and in pairs."""

import pytest

from parity_tests.grade.checking import failing, not_judged, verdicts

CLASSES = {
    "LeakyReLU": """
        class LeakyReLU:
            def __init__(self, negative_slope=0.01): self.s = negative_slope
            def forward(self, x): return np.where(x > 0, x, self.s * x), x
            def backward(self, delta, x): return np.where(x > 0, delta, self.s * delta), self
    """,
    "LayerNorm": """
        class LayerNorm:
            def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True):
                self.eps, self.weight, self.bias = eps, None, None
                if elementwise_affine:
                    self.weight = np.ones(normalized_shape)
                    self.bias = np.zeros(normalized_shape) if bias else None
            def forward(self, x):
                u = x - x.mean(-1, keepdims=True)
                r = 1 / np.sqrt((u * u).mean(-1, keepdims=True) + self.eps)
                y = u * r
                if self.weight is not None: y = y * self.weight
                if self.bias is not None: y = y + self.bias
                return y, (u * r, r)
            def backward(self, delta, cache):
                h, r = cache
                g = delta if self.weight is None else delta * self.weight
                dx = r * (g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True))
                weight = None if self.weight is None else (delta * h).sum(0)
                return dx, {"weight": weight, "bias": None if self.bias is None else delta.sum(0)}
    """,
    "BatchNorm1d": """
        class BatchNorm1d:
            def __init__(self, num_features, eps=1e-5):
                self.weight, self.bias, self.eps = np.ones(num_features), np.zeros(num_features), eps
            def forward(self, x):
                u = x - x.mean(0)
                r = 1 / np.sqrt((u * u).mean(0) + self.eps)
                return u * r * self.weight + self.bias, (u * r, r)
            def backward(self, delta, cache):
                h, r = cache
                g = delta * self.weight
                dx = r * (g - g.mean(0) - h * (g * h).mean(0))
                return dx, {"weight": (delta * h).sum(0), "bias": delta.sum(0)}
    """,
    "Embedding": """
        class Embedding:
            def __init__(self, num_embeddings, embedding_dim):
                self.weight = np.zeros((num_embeddings, embedding_dim))
            def forward(self, x): return self.weight[x], x
            def backward(self, delta, x):
                g = np.zeros_like(self.weight)
                np.add.at(g, x, delta)
                return None, {"weight": g}
    """,
    "AvgPool2d": """
        class AvgPool2d:
            def __init__(self, kernel_size, stride=None, padding=0):
                assert all(isinstance(v, (int, tuple, type(None))) for v in (kernel_size, stride, padding))
                two = lambda v: v if isinstance(v, tuple) else (v, v)
                self.k, self.s, self.p = two(kernel_size), two(stride or kernel_size), two(padding)
            def forward(self, x):
                (u, v), (s, t), (p, q) = self.k, self.s, self.p
                x = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
                y = np.zeros((*x.shape[:2], (x.shape[2] - u) // s + 1, (x.shape[3] - v) // t + 1), x.dtype)
                for i in range(y.shape[2]):
                    for j in range(y.shape[3]):
                        y[:, :, i, j] = x[:, :, i * s:i * s + u, j * t:j * t + v].mean(axis=(2, 3))
                return y, x.shape
            def backward(self, delta, shape):
                (u, v), (s, t), (p, q) = self.k, self.s, self.p
                dx = np.zeros(shape, delta.dtype)
                for i in range(delta.shape[2]):
                    for j in range(delta.shape[3]):
                        dx[:, :, i * s:i * s + u, j * t:j * t + v] += delta[:, :, i, j, None, None] / (u * v)
                return dx[:, :, p:shape[2] - p, q:shape[3] - q], self
    """,
    "MSELoss": """
        class MSELoss:
            def __init__(self, reduction="mean"): self.reduction = reduction
            def forward(self, p, t):
                d = p - t
                return {"mean": np.mean, "sum": np.sum, "none": np.copy}[self.reduction](d * d), d
            def backward(self, d): return 2 * d / (d.size if self.reduction == "mean" else 1)
    """,
    "HuberLoss": """
        class HuberLoss:
            def __init__(self, reduction="mean", delta=1.0): self.reduction, self.d = reduction, delta
            def forward(self, p, t):
                u = p - t
                each = np.where(np.abs(u) <= self.d, u * u / 2, self.d * (np.abs(u) - self.d / 2))
                return (each.mean() if self.reduction == "mean" else each.sum()), u
            def backward(self, u): return np.clip(u, -self.d, self.d) / (u.size if self.reduction == "mean" else 1)
    """,
    "CrossEntropyLoss": """
        class CrossEntropyLoss:
            def __init__(self, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
                self.weight, self.ignore, self.reduction, self.e = weight, ignore_index, reduction, label_smoothing
                assert reduction in ("mean", "sum")
            def forward(self, z, y):
                k, keep = z.shape[1], y != self.ignore
                t, w = np.where(keep, y, 0), np.ones(k, z.dtype) if self.weight is None else self.weight
                q = ((1 - self.e) * np.eye(k, dtype=z.dtype)[t] + self.e / k) * w * keep[:, None]
                s = z - z.max(axis=1, keepdims=True)
                logp = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
                total = (w[t] * keep).sum() if self.reduction == "mean" else 1.0
                return -(q * logp).sum() / total, (np.exp(logp), q, total)
            def backward(self, cache):
                p, q, total = cache
                return ((p * q.sum(axis=1, keepdims=True) - q) / total).astype(p.dtype)
    """,
    "SGD": """
        class SGD:
            def __init__(self, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
                self.lr, self.mu, self.tau, self.wd = lr, momentum, dampening, weight_decay
                self.nesterov, self.sign = nesterov, -1 if maximize else 1
            def update(self, p, g, state):
                g = self.sign * g + self.wd * p
                if self.mu:
                    b = state.get("momentum_buffer")
                    b = state["momentum_buffer"] = g.copy() if b is None else self.mu * b + (1 - self.tau) * g
                    g = g + self.mu * b if self.nesterov else b
                p -= self.lr * g
    """,
    "Adam": """
        class Adam:
            def __init__(self, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, maximize=False):
                self.lr, (self.b1, self.b2), self.eps, self.wd = lr, betas, eps, weight_decay
                self.amsgrad, self.sign, self.tuple = amsgrad, -1 if maximize else 1, type(betas) is tuple
            def update(self, p, g, state):
                g, b1, b2 = self.sign * g + self.wd * p, self.b1, self.b2
                t = state["step"] = state.get("step", 0) + 1
                assert self.tuple and type(t) is int
                m = state["exp_avg"] = b1 * state.get("exp_avg", 0) + (1 - b1) * g
                v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * g * g
                if self.amsgrad: v = state["max_exp_avg_sq"] = np.maximum(state.get("max_exp_avg_sq", 0), v)
                p -= self.lr / (1 - b1 ** t) * m / (np.sqrt(v / (1 - b2 ** t)) + self.eps)
    """,
    "RMSprop": """
        class RMSprop:
            def __init__(self, lr, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, maximize=False):
                self.lr, self.alpha, self.eps, self.wd = lr, alpha, eps, weight_decay
                self.mu, self.centered, self.sign = momentum, centered, -1 if maximize else 1
            def update(self, p, g, state):
                a, g = self.alpha, self.sign * g + self.wd * p
                v = state["v"] = a * state.get("v", 0) + (1 - a) * g * g
                if self.centered:
                    m = state["m"] = a * state.get("m", 0) + (1 - a) * g
                    v = v - m * m
                u = g / (np.sqrt(v) + self.eps)
                if self.mu: u = state["b"] = self.mu * state.get("b", 0) + u
                p -= self.lr * u
    """,
}
"""Right classes, by hand, that take what torch's of the same name take."""
MUTATIONS = [
    ("LeakyReLU", "self.s * delta", "0.01 * delta"),
    ("LayerNorm", "+ self.eps)", "+ 1e-5)"),
    ("BatchNorm1d", " - h * (g * h).mean(0)", ""),
    ("Embedding", "np.add.at(g, x, delta)", "g[x] += delta"),
    ("AvgPool2d", "(p, p), (q, q)))", "(p, p), (p, p)))"),
    ("AvgPool2d", "j * t:j * t + v] +=", "j * s:j * s + v] +="),
    ("MSELoss", '(d.size if self.reduction == "mean" else 1)', "d.size"),
    ("MSELoss", '(d.size if self.reduction == "mean" else 1)', '{"mean": d.size, "sum": 1, "none": 2}[self.reduction]'),
    ("MSELoss", '"none": np.copy', '"none": lambda each: each / 2'),
    ("HuberLoss", "self.d * (np.abs(u) - self.d / 2)", "np.abs(u) - self.d / 2"),
    ("HuberLoss", "np.clip(u, -self.d, self.d)", "np.clip(u, -1, 1)"),
    ("CrossEntropyLoss", "(w[t] * keep).sum()", "w[t].sum()"),
    ("CrossEntropyLoss", "(w[t] * keep).sum()", "float(keep.sum())"),
    ("CrossEntropyLoss", " + self.e / k)", ")"),
    ("CrossEntropyLoss", "self.e / k) * w *", "self.e / k) *"),
    ("SGD", "g + self.mu * b if self.nesterov else b", "b"),
    ("SGD", "g.copy() if b is None", "(1 - self.tau) * g if b is None"),
    ("SGD", "self.mu * b + (1 - self.tau) * g", "self.mu * b + (1 - self.mu) * g"),
    ("SGD", "self.sign * g + self.wd * p", "self.sign * (g + self.wd * p)"),  # at two arguments at once alone
    ("Adam", '= np.maximum(state.get("max_exp_avg_sq", 0), v)', "= v"),
    ("Adam", "(1 - b2) * g * g", "(1 - 0.999) * g * g"),
    ("Adam", "self.sign * g + self.wd * p", "self.sign * (g + self.wd * p)"),
    ("RMSprop", "v = v - m * m", "v = v - m * m / 2"),
    ("RMSprop", '* state.get("b", 0) + u', '* state.get("b", 0) + (1 - self.mu) * u'),
    ("RMSprop", "np.sqrt(v) + self.eps", "np.sqrt(v) + 1e-8"),
]
"""One argument of a class handled wrongly."""


@pytest.mark.parametrize("some", [[*CLASSES][:8], [*CLASSES][8:]], ids=["layers and losses", "optimizers"])
def test_a_class_that_is_right_at_all_arguments_agrees(some, run):
    status, result = run("---".join(["import numpy as np", *(CLASSES[name] for name in some)]))
    assert status == 0, (not_judged(result), failing(result))
    assert {finding["name"] for finding in result["findings"]} == {*some}
    remarks = {f["name"] for f in result["findings"] for row in f["rows"] if "reduction='none'" in row["remark"]}
    assert remarks == {"HuberLoss", "CrossEntropyLoss"} & {*some}  # which need not take it


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [pytest.param(*m, marks=pytest.mark.slow if i % 5 else ()) for i, m in enumerate(MUTATIONS)],
    ids=[f"{n}: {w}" for n, _, w in MUTATIONS],
)
def test_a_class_that_is_wrong_at_one_argument_differs(name, right, wrong, run):
    assert right in CLASSES[name]
    status, result = run(f"import numpy as np---{CLASSES[name].replace(right, wrong)}")
    assert status == 1, result["verdict"]
    assert "differs" in verdicts(result).values()


def test_an_argument_that_cannot_be_exercised_is_named_and_the_file_is_not_wholly_judged(run):
    source = """
        class CELU:
            def __init__(self, alpha=1.0): self.a = {1.0: 1.0}[alpha]
            def forward(self, x): return np.where(x > 0, x, self.a * (np.exp(x / self.a) - 1)), x
            def backward(self, delta, x): return np.where(x > 0, delta, delta * np.exp(x / self.a)), self
    """
    status, result = run(f"import numpy as np---{source}")
    assert status == 2
    assert not_judged(result)["CELU"].startswith("not exercised: alpha=")
    assert {*verdicts(result).values()} <= {"agrees"}
