"""A branch that never ran is said: where gradients are made it is not judged, and the file does not count as judged."""

from parity_tests.bugs.planted import planted
from parity_tests.grade.checking import verdicts

LAYER = """
    import numpy as np
    class Layer:
        def __init__(self, act="relu"): self.act = act
        def forward(self, x):
            if self.act == "relu": self.a = np.maximum(x, 0)
            elif self.act == "softmax":
                e = np.exp(x - x.max(axis=1, keepdims=True))
                self.a = e / e.sum(axis=1, keepdims=True)
            else: self.a = np.tanh(x)
            return self.a
        def backward(self, dout):
            if self.act == "relu": return dout * (self.a > 0)
            if self.act == "softmax": return self.a * (dout - (dout * self.a).sum(axis=1, keepdims=True))
            return dout * (1 - self.a ** 2)
"""
"""Where there is a softmax its slope may be in the loss, so that no word is tried that the class does not know."""


def test_one_beside_which_gradients_were_made_is_not_judged(run):
    status, result = run(LAYER)
    assert status == 2
    assert {key for key, verdict in verdicts(result).items() if verdict == "not judged"} == {("Layer", "line 14")}


def test_one_that_ends_in_an_error_or_only_shows_something_is_none(run):
    never = planted(LAYER, ("else: self.a = np.tanh(x)", "else: raise ValueError(self.act)"),
                    ("return dout * (1 - self.a ** 2)", "print('none of these: ' + self.act)"))  # fmt: skip
    assert run(never)[0] == 0


def test_one_that_asks_how_arrays_lie_or_only_goes_forward_is_said_to_be_left_out(run):
    for written, instead, line in (
        ("if self.act", "if x.ndim == 1: x = 1 * x\n            if self.act", "line 6 of Layer"),
        ("if self.act", "if not isinstance(x, np.ndarray): x = 1 * x\n            if self.act", "line 6 of Layer"),
        ("return self.a\n", "return 2 * self.a if x is None else self.a\n", "line 11 of Layer"),
    ):
        source = LAYER.replace('elif self.act == "softmax":', 'elif self.act == "tanh":').replace(written, instead, 1)
        _, result = run(source)
        assert not any(quantity.startswith("line") for _, quantity in verdicts(result))
        assert any(said.startswith(line) for said in result["left_out"]), result["left_out"]


def test_one_that_the_file_itself_rules_out_is_none(run):
    source = """
        import numpy as np
        HALF = False
        def scale_forward(x): return 2 * x, x
        def scale_backward(dout, x): return dout / 2 if HALF else 2 * dout
    """
    status, result = run(source)
    assert (status, result["left_out"]) == (0, [])


def test_a_method_that_was_not_judged_is_said(run):
    velocity = "        def update(self, lr, momentum): self.v = momentum * self.v - lr * self.a\n"
    _, result = run(LAYER.replace('elif self.act == "softmax":', 'elif self.act == "tanh":') + velocity)
    assert "line 16 of Layer: update was not judged" in result["left_out"]


def test_a_training_that_refuses_the_examples_is_no_wrong_number(run):
    status, result = run("""
        import numpy as np
        class Net:
            def __init__(self, n_in, n_out): self.W = np.random.randn(n_in, n_out)
            def forward(self, x): return x @ self.W
            def backward(self, x, y, out): return x.T @ (out - y)
            def train(self, x, y, lr=0.1):
                if len(x) < 100: raise ValueError("too few")
                dW = self.backward(x, y, self.forward(x))
                self.W -= lr * dW
    """)
    assert status == 0
    assert "line 7 of Net: train was not judged" in result["left_out"]
