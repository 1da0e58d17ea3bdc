"""A known class on inputs wider than a normal distribution, and on probabilities where it takes them."""

import pytest

from parity_tests.grade.checking import failing

TANH = """
import numpy as np
class Tanh:
    def forward(self, x):
        y = np.tanh({x})
        return y, y
    def backward(self, delta, y):
        return delta * (1 - y * y)
"""
BCE = """
import numpy as np
class BCELoss:
    def forward(self, p, t):
        return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)), (p, t)
    def backward(self, cache):
        p, t = cache
        return (p - t) / (p * {other}) / p.size
"""


@pytest.mark.parametrize(("source", "status"), [
    (TANH.format(x="x"), 0),
    (TANH.format(x="np.clip(x, -3, 3)"), 1),
    (BCE.format(other="(1 - p)"), 0),
    (BCE.format(other="(1 - t)"), 1),
], ids=["tanh", "tanh of what is clipped", "the loss of probabilities", "the same, wrong"])  # fmt: skip
def test_a_class_is_judged_where_its_inputs_are_meant_to_lie(run, source, status):
    found, result = run(source)
    assert found == status
    assert bool(failing(result)) == bool(status)
