"""`python -m experiments.grade`: what torch has no module for is held against the truth of its own forward, and
more."""

import pytest

from parity_tests.conftest import few
from parity_tests.grade.checking import agreeing, failing, not_judged, verdicts


def differing(result):
    return {key for key, verdict in verdicts(result).items() if verdict == "differs"}


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


@pytest.mark.parametrize("form", few(RETURNED))
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


@pytest.mark.parametrize(("name", "axis"), [
    ("batchnorm", 0), ("layernorm", -1), pytest.param("batch_norm", 0, marks=pytest.mark.slow),
])  # fmt: skip
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
