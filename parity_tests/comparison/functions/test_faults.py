"""A fault of ours is no verdict: it is raised, wherever a function, or a missing rule, may raise, too."""

import numpy as np
import pytest
import torch

from parity_tests.comparison.functions.shipped import drawn
from parity_tests.comparison.own import function
from torch_ref import certify, check_backward
from torch_ref.comparison.verdict import AGREES

X = torch.tensor([[1.0, 1.0, 0.5], [0.2, 0.3, 0.3]], dtype=torch.float64)
SHARED = function(lambda x: x.amax(1), lambda ctx, d, x: d[:, None] * (x == x.amax(1, keepdim=True)))
"""It gives every maximum the whole of δ, so that ties are looked at."""
WHERE = {
    "a rule": "torch_ref.program.run._rule",
    "a tie": "torch_ref.comparison.functions.ties._moved",
    "a tangent": "torch_ref.comparison.functions.claims._tangents",
    "a second derivative": "torch_ref.comparison.functions.claims._Named.__call__",
}


class Fault(AttributeError):
    """As of a name that is misspelt."""


def broken(*_, **__):
    raise Fault("no such name")


@pytest.mark.parametrize("where", WHERE)
def test_a_fault_of_ours_is_raised(where, monkeypatch):
    monkeypatch.setattr(WHERE[where], broken)
    with pytest.raises(Fault):
        check_backward(lambda x: SHARED(x).sin(), lambda x: x.max(1).values.sin(), [X], orders=2)


def test_what_a_function_raises_is_a_difference():
    with pytest.raises(AssertionError, match="Fault: no such name"):
        check_backward(function(torch.sin, broken), torch.sin, drawn((2, 3)), quick=True)


def test_numpy_warns_of_nothing_that_is_tried_on_purpose():
    """Where warnings are errors, as in these tests, a function written in NumPy would raise at large inputs."""

    def swish(x):
        x = x.numpy()
        return torch.from_numpy(x / (1 + np.exp(-x)))

    def back(ctx, d, x):
        s = 1 / (1 + np.exp(-x.numpy()))
        return d * torch.from_numpy(s + x.numpy() * s * (1 - s))

    assert check_backward(function(swish, back), torch.nn.functional.silu, drawn((2, 3))).word == AGREES


def test_what_a_reference_raises_is_raised():
    with pytest.raises(Fault):
        check_backward(torch.sin, broken, drawn((2, 3)))


def test_what_a_function_to_certify_raises_is_raised():
    with pytest.raises(Fault):
        certify(broken, drawn((2, 3)))
