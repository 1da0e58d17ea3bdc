"""A torch function's own backward against the certified derivative of its own forward."""

import numpy as np
import pytest
import torch

from manual import InputError
from parity_tests.comparison.own import drawn, function
from torch_ref import certify

X = drawn((3, 4))[0].double()


def silu(factor):
    def backward(ctx, d, x):
        s = torch.sigmoid(x)
        return factor * d * s * (1 + x * (1 - s))

    return function(lambda x: x * torch.sigmoid(x), backward)


@pytest.mark.parametrize("wrong", [0, 1e-9, 1])
def test_the_gap_is_that_of_the_backward(wrong):
    gap = certify(silu(1 + wrong), [X])["dinput 0"]
    assert (gap < 1e-14) if wrong == 0 else (0.5 * wrong < gap < 1.01 * wrong)


def test_a_module_several_outputs_and_upstream_gradients():
    torch.manual_seed(0)
    linear = torch.nn.Linear(4, 2).double()
    found = certify(linear, [X], torch.ones(3, 2, dtype=torch.float64))
    assert found.keys() == {"dinput", "dweight", "dbias"}
    assert max(found.values()) < 1e-14
    assert max(certify(lambda x: (x.sin(), {"all": x.sum()}), [X]).values()) < 1e-14
    doubled = certify(lambda x: x.sin() + x.detach() - x.detach(), [X])
    assert doubled["dx"] < 1e-14


def test_a_derivative_of_0_and_what_is_no_input():
    assert certify(torch.floor, [X]) == {"dinput 0": 0}
    assert certify(function(torch.floor, lambda ctx, d, x: d), [X]) == {"dinput 0": np.inf}
    with pytest.raises(InputError, match=r"expected inputs as a list, as \[x\], got a Tensor"):
        certify(torch.sin, torch.ones(3))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="expected a tensor of floats among the inputs, got none"):
        certify(torch.sin, [3])
    with pytest.raises(InputError, match=r"expected tensors as delta, of the shapes \[\(3, 4\)\]"):
        certify(torch.sin, [X], torch.ones(2))
