"""`python -m experiments.grade`: what torch has no module for is held against the truth of its own forward, and
more."""

import pytest

from parity_tests.grade.checking import agreeing, failing, not_judged, remarks, rows, verdicts


def differing(result):
    return {key for key, verdict in verdicts(result).items() if verdict == "differs"}


def test_a_forward_that_is_right_on_exact_numbers_alone_differs(run):
    source = """
        import numpy as np
        def nan_forward(x): return x * x if x.dtype == object else x * x + np.nan, x
        def nan_backward(delta, x): return 2 * x * delta
        def one_forward(x): return x * x + (0 if x.dtype == object else np.where(x == x.max(), np.inf, 0)), x
        def one_backward(delta, x): return 2 * x * delta
        def off_forward(x): return x * x if x.dtype == object else x * x * (1 + 1e-9), x
        def off_backward(delta, x): return 2 * x * delta
        def right_forward(x): return x * x, x
        def right_backward(delta, x): return 2 * x * delta
        class OffLoss:
            def forward(self, p, t): return ((p - t) ** 2).sum() * (1 if p.dtype == object else 1 + 1e-9), p - t
            def backward(self, d): return 2 * d
    """
    status, result = run(source)
    assert status == 1
    assert differing(result) == {("nan", "y"), ("one", "y"), ("off", "y"), ("OffLoss", "cost")}
    (reason,) = (row["reason"] for name, row in rows(result) if (name, row["quantity"]) == ("nan", "y"))
    assert "nan, expected" in reason


RETURNED = {
    "in order": "return delta @ self.W.T, {W}, {b}",
    "a tuple": "return delta @ self.W.T, ({W}, {b})",
    "a dict after dx": "return delta @ self.W.T, {{'W': {W}, 'b': {b}}}",
    "a dict of all": "return {{'dx': delta @ self.W.T, 'dW': {W}, 'db': {b}}}",
    "a dict of gradients by other names": "return {{'dx': delta @ self.W.T, 'grad_W': {W}, 'd_b': {b}}}",
    "attributes": "return delta @ self.W.T, SimpleNamespace(W={W}, b={b})",
    "an object like itself": "new = Affine(); new.W, new.b = {W}, {b}; return delta @ self.W.T, new",
}
"""How a plain class may return its gradients."""


@pytest.mark.parametrize("form", RETURNED)
def test_every_gradient_that_is_returned_is_compared(form, run):
    """Three classes in one file: right, wrong in W, wrong in b."""
    affine = """
        class {name}:
            def __init__(self): self.W, self.b = np.arange(6.0).reshape(3, 2), np.ones(2)
            def forward(self, x): return x @ self.W + self.b, x
            def backward(self, delta, x): {body}
    """
    W, b = "x.T @ delta", "delta.sum(0)"
    bodies = {"Affine": (W, b), "WrongW": ("0 * self.W", b), "Wrongb": (W, "0 * self.b")}
    classes = [affine.format(name=n, body=RETURNED[form].format(W=w, b=b)) for n, (w, b) in bodies.items()]
    status, result = run("---".join(["import numpy as np\nfrom types import SimpleNamespace", *classes]))
    assert status == 1
    assert not_judged(result) == {}
    assert differing(result) == {("WrongW", "dW"), ("Wrongb", "db")}
    assert [key for key in agreeing(result) if key[0] == "Affine"] == [("Affine", q) for q in ("y", "dx", "dW", "db")]


def test_a_gradient_that_is_not_returned_is_not_judged(run):
    source = """
        import numpy as np
        class Affine:
            def __init__(self): self.W, self.b = np.arange(6.0).reshape(3, 2), np.ones(2)
            def forward(self, x): return x @ self.W + self.b, x
            def backward(self, delta, x): return delta @ self.W.T, {"W": x.T @ delta}
    """
    status, result = run(source)
    assert status == 2
    assert verdicts(result)["Affine", "db"] == "not judged"


def test_a_wrong_class_is_judged_although_the_file_also_subclasses_it(run):
    source = """
        import numpy as np
        class Linear:
            def __init__(self, in_features, out_features):
                self.weight, self.bias = np.ones((out_features, in_features)), np.zeros(out_features)
            def forward(self, x): return x @ self.weight.T + self.bias, x
            def backward(self, delta, x): return delta @ self.weight, {"weight": 2 * delta.T @ x, "bias": delta.sum(0)}
        class LinearTanh(Linear):
            def forward(self, x):
                z, x = super().forward(x)
                return np.tanh(z), (np.tanh(z), x)
            def backward(self, delta, cache):
                a, x = cache
                return super().backward(delta * (1 - a * a), x)
        def examples(rng): yield LinearTanh(3, 2), rng.standard_normal((5, 3))
    """
    status, result = run(source)
    assert status == 1
    assert {finding["name"] for finding in result["findings"]} == {"Linear", "LinearTanh"}
    assert differing(result) >= {("Linear", "dweight"), ("LinearTanh", "dweight")}
    right = source.replace("2 * delta.T", "delta.T")
    assert run(right)[0] == 0


NORMS = """
    import numpy as np
    def {name}_forward(x, gamma, beta):
        u = x - x.mean({axis}, keepdims=True)
        v = np.sqrt((u * u).mean({axis}, keepdims=True){inside})
        s = v{outside}
        return gamma * u / s + beta, (u, v, s, gamma)
    def {name}_backward(delta, cache):
        u, v, s, gamma = cache
        g = delta * gamma
        dx = (g - g.mean({axis}, keepdims=True)) / s - u * (g * u).mean({axis}, keepdims=True) / (s * s * v)
        return dx, (delta * u / s).sum(0), delta.sum(0)
"""
"""A right backward of a forward whose ε is inside or outside of the root."""


@pytest.mark.parametrize(("name", "axis"), [("batchnorm", 0), ("batch_norm", 0), ("layernorm", -1)])
def test_an_epsilon_outside_of_the_root_differs_where_torch_has_the_forward(name, axis, run):
    right = NORMS.format(name=name, axis=axis, inside=" + 1e-5", outside="")
    wrong = NORMS.format(name=name, axis=axis, inside="", outside=" + 1e-5")
    unnamed = NORMS.format(name="standardize", axis=axis, inside="", outside=" + 1e-5")
    other = NORMS.format(name=name, axis=axis, inside=" + 1e-3", outside="")
    assert run(f"{right}---{unnamed}")[0] == 0
    assert run(other)[0] == 0  # how large it is, is the file's own choice
    status, result = run(wrong)
    assert status == 1
    assert differing(result) == {(name, "y")}
    assert "torch" in failing(result)["y"]


def test_overflow_differs_where_torch_is_finite_and_is_a_remark_elsewhere(run):
    source = """
        import numpy as np
        class LogSoftmax:
            def forward(self, z):
                p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
                return np.log(p), p
            def backward(self, delta, p): return delta - p * delta.sum(-1, keepdims=True), self
        def softplus_forward(x): return np.log(1 + np.exp(x))
        def softplus_backward(delta, x): return delta / (1 + np.exp(-x))
        def sigmoid_forward(z): return 1 / (1 + np.exp(-z))
        def sigmoid_backward(delta, z): return delta * np.exp(-z) / (1 + np.exp(-z)) ** 2
        def gate_forward(x): return np.log(1 + np.exp(x))
        def gate_backward(delta, x): return delta / (1 + np.exp(-x))
    """
    status, result = run(source)
    assert status == 1
    assert differing(result) == {
        ("LogSoftmax", "y"), ("LogSoftmax", "dx"), ("softplus", "y"), ("sigmoid", "dx"),
    }  # fmt: skip
    assert remarks(result) == {("gate", "y"): "right, but overflows at large inputs"}


def test_what_overflows_nowhere_agrees_without_a_remark(run):
    source = """
        import numpy as np
        class LogSoftmax:
            def forward(self, z):
                s = z - z.max(-1, keepdims=True)
                y = s - np.log(np.exp(s).sum(-1, keepdims=True))
                return y, np.exp(y)
            def backward(self, delta, p): return delta - p * delta.sum(-1, keepdims=True), self
        def softplus_forward(x): return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
        def softplus_backward(delta, x): return delta / (1 + np.exp(-x))
        def sigmoid_forward(x):
            out, on = np.empty_like(x), x >= 0
            out[on] = 1 / (1 + np.exp(-x[on]))
            out[~on] = np.exp(x[~on]) / (1 + np.exp(x[~on]))
            return out
        def sigmoid_backward(delta, a): return delta * a * (1 - a)
        def gate_forward(x): return x * np.tanh(x)
        def gate_backward(delta, x): return delta * (np.tanh(x) + x * (1 - np.tanh(x) ** 2))
    """
    status, result = run(source)
    assert status == 0, result["verdict"]
    assert remarks(result) == {}


ZERO = """
    import numpy as np
    def forward(x, b): return np.tanh(x) + 0 * b
    def backward(delta, x, b): return delta * (1 - np.tanh(x) ** 2), 0 * b
"""


def test_a_gradient_that_is_zero_on_every_draw_agrees(run):
    status, result = run(ZERO)
    assert status == 0, result["verdict"]
    assert agreeing(result) == [("forward", "y"), ("forward", "dx"), ("forward", "db")]
    assert run(ZERO.replace(", 0 * b", ", 0 * b + 1e-9"))[0] == 1


def test_a_gradient_that_is_zero_behind_a_decision_that_never_falls_otherwise_is_not_judged(run):
    source = """
        import numpy as np
        def forward(x, b): return x * x + np.maximum(b - 100, 0)
        def backward(delta, x, b): return 2 * x * delta, 0 * b
        def examples(rng): yield rng.standard_normal((4, 3)), rng.standard_normal(3)
    """
    status, result = run(source)
    assert status == 2
    assert agreeing(result) == [("forward", "y"), ("forward", "dx")]
    assert verdicts(result)["forward", "db"] == "not judged"


EXAMPLES = """
    import numpy as np
    def scale_forward(x, k): return x * k, (x, k)
    def scale_backward(delta, cache): return delta * cache[1], (delta * cache[0]).sum(axis=0)
    def shift_forward(x, s): return x + s
    def shift_backward(delta, x, s): return delta, delta.sum(axis=0)
    def relu_forward(x): return np.maximum(x, 0), x
    def relu_backward(delta, x): return delta * (x > 0)
"""
GIVEN = {
    "by the arguments' names": """
        def examples(rng):
            yield {"x": rng.standard_normal((4, 3)), "k": rng.standard_normal(3)}
            yield {"x": rng.standard_normal((4, 2)), "s": rng.standard_normal(2)}
    """,
    "by the pair's name": """
        def scale_examples(rng): yield rng.standard_normal((4, 3)), rng.standard_normal(3)
        def examples_shift(rng): yield rng.standard_normal((4, 2)), rng.standard_normal(2)
    """,
    "by both": """
        def scale_examples(rng): yield rng.standard_normal((4, 3)), rng.standard_normal(3)
        def examples(rng): yield {"x": rng.standard_normal((4, 2)), "s": rng.standard_normal(2)}
    """,
}


@pytest.mark.parametrize("how", GIVEN)
def test_examples_belong_to_the_pair_that_they_are_named_for(how, run):
    status, result = run(f"{EXAMPLES}---{GIVEN[how]}")
    assert status == 0, result["verdict"]
    assert {name for name, _ in agreeing(result)} == {"scale", "shift", "relu"}
    status, result = run(f"{EXAMPLES}---{GIVEN[how]}".replace("return delta, delta.sum", "return delta, 2 * delta.sum"))
    assert differing(result) == {("shift", "ds")}


def test_examples_that_may_be_another_pair_s_are_fed_to_none(run):
    given = "def examples(rng): yield rng.standard_normal((4, 3)), rng.standard_normal(3)"
    status, result = run(f"{EXAMPLES}---{given}")
    assert status == 2
    assert not_judged(result).keys() == {"scale", "shift", "examples"}
    assert "differs" not in verdicts(result).values()
