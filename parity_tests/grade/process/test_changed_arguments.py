"""`python -m experiments.grade`: a file that writes into what it is handed, or changes its type."""

import pytest

from parity_tests.grade.checking import RIGHT, agreeing, failing, remarks, verdicts

CHANGED = {
    "tanh": """
        import numpy as np
        def tanh_forward(z): return np.tanh(z)
        def tanh_backward(delta, a):
            delta *= 1 - a * a
            return delta
    """,
    "gate": """
        import numpy as np
        def gate_forward(x, c):
            s = 1 / (1 + np.exp(-x))
            return s * np.tanh(c), (s, np.tanh(c))
        def gate_backward(dh, cache):
            s, t = cache
            dx = dh * t * s * (1 - s)
            dh *= s * (1 - t * t)
            return dx, dh
        def examples(rng): yield rng.standard_normal((3, 2)), rng.standard_normal((3, 2))
    """,
    "Tanh": """
        import numpy as np
        class Tanh:
            def forward(self, z):
                a = np.tanh(z)
                return a, a
            def backward(self, delta, a):
                delta *= 1 - a * a
                return delta, self
    """,
}
"""Right pieces that write into δ."""


@pytest.mark.parametrize("name", CHANGED)
def test_a_right_backward_that_changes_delta_agrees_with_a_remark(name, run):
    status, result = run(CHANGED[name])
    assert status == 0, failing(result)
    assert remarks(result) == {(name, "backward"): "changes δ, which is its caller's"}
    assert {*verdicts(result).values()} == {"agrees"}
    assert run(CHANGED[name], "--strict")[0] == 1


def test_a_backward_that_uses_up_its_cache_differs(run):
    status, result = run(RIGHT + "---def sigmoid_backward(delta, a):\n    a *= 1 - a\n    return delta * a")
    assert status == 1
    assert verdicts(result)["sigmoid", "backward"] == "differs"
    assert "gives another result when it is called again" in failing(result)["backward"]


def test_a_forward_or_a_backward_that_changes_x_differs(run):
    _, result = run(RIGHT + "---def relu_forward(x):\n    on = x > 0\n    x *= on\n    return x, on * 1.0")
    assert verdicts(result)["relu", "forward"] == "differs"
    assert "changes x, which is its caller's" in failing(result)["forward"]
    _, result = run(RIGHT + "---def relu_backward(delta, x):\n    x[:] = x > 0\n    return delta * x")
    assert verdicts(result)["relu", "backward"] == "differs"
    assert "changes x, which is its caller's" in failing(result)["backward"]


def test_an_optimizer_that_changes_the_gradient_agrees_with_a_remark(run):
    source = """
        class SGD:
            def __init__(self, lr): self.lr = lr
            def update(self, p, g, state):
                g *= self.lr
                p -= g
    """
    status, result = run(source)
    assert status == 0
    assert remarks(result) == {("SGD", "step"): "changes the gradient, which is its caller's"}
    assert agreeing(result)[:2] == [("SGD", "weight"), ("SGD", "bias")]
    assert run(source, "--strict")[0] == 1


def test_a_class_that_gives_float64_for_float32_agrees_with_a_remark(run):
    source = """
        import numpy as np
        class Tanh:
            def forward(self, z): return np.tanh(z.astype(float)), np.tanh(z.astype(float))
            def backward(self, delta, a): return delta * (1 - a * a), self
    """
    status, result = run(source)
    assert status == 0, failing(result)
    assert remarks(result) == {("Tanh", quantity): "gives float64 for float32" for quantity in ("y", "dx")}
    assert run(source, "--strict")[0] == 1
    assert run(source.replace("return delta *", "return 2 * delta *"))[0] == 1
