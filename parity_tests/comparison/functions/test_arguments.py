"""What a function may take and give: modules, dicts, complex numbers, keyword arguments, several lists of inputs."""

from dataclasses import make_dataclass

import numpy as np
import pytest
import torch

from parity_tests.comparison.functions.shipped import drawn
from torch_ref import check_backward


class Scale(torch.nn.Module):
    """x·w, with a wrong gradient of w where it is asked for."""

    def __init__(self, times):
        super().__init__()
        self.weight, self.times = torch.nn.Parameter(torch.tensor([1.5, -2.0, 0.5])), times

    def forward(self, x):
        return x * (self.weight * self.times - self.weight.detach() * (self.times - 1))


def places(parity):
    return {c.quantity for c in parity.comparisons}


def test_a_module_is_differentiated_by_its_parameters():
    x = drawn((4, 3))
    assert places(check_backward(Scale(1), Scale(1), x, quick=True)) == {"output", "dx", "dweight"}
    check_backward(Scale(1), lambda x, weight: x * weight, x, quick=True)
    with pytest.raises(AssertionError, match="dweight"):
        check_backward(Scale(2), Scale(1), x, quick=True)
    with pytest.raises(ValueError, match=r"expected a reference with the parameters \['weight'\]"):
        check_backward(Scale(1), torch.nn.Linear(3, 3), x, quick=True)
    with pytest.raises(ValueError, match=r"takes the parameters \['weight'\] of the module by name"):
        check_backward(Scale(1), lambda x, w: x * w, x, quick=True)


def test_outputs_by_name_and_keyword_arguments():
    def both(x, *, times):
        return {"twice": times * x, "sine": x.sin()}

    found = check_backward(both, both, drawn((4, 3)), kwargs={"times": 2}, quick=True)
    assert places(found) == {"output['twice']", "output['sine']", "dx"}


def test_outputs_inside_of_others_are_compared():
    Pair = make_dataclass("Pair", ["loss", "rest"])

    def nested(times):
        return lambda x: Pair(x.sum(), {"all": [x.sin(), times * x], "rows": len(x)})

    found = check_backward(nested(2), nested(2), drawn((4, 3)), quick=True)
    assert places(found) == {
        "output.loss", "output.rest['all'][0]", "output.rest['all'][1]", "output.rest['rows']", "dx",
    }  # fmt: skip
    with pytest.raises(AssertionError, match=r"output.rest\['all'\]\[1\]"):
        check_backward(lambda x: nested(3)(x), nested(2), drawn((4, 3)), quick=True)
    with pytest.raises(TypeError, match="expected tensors, numbers or None as outputs, got output of <class 'str'>"):
        check_backward(str, str, drawn((4, 3)), quick=True)


def test_one_of_two_lists_of_inputs_or_made_ones_that_is_wrong_is_named():
    def wrong(x):
        return 2 * x if x.shape[-1] == 2 else x * 1

    with pytest.raises(AssertionError, match="inputs 2"):
        check_backward(wrong, lambda x: x * 1, [drawn((4, 3)), drawn((4, 2))], quick=True)
    made = check_backward(lambda x: x * 1, lambda x: 1 * x, lambda rng: [rng.standard_normal((2, 3))], quick=True)
    assert {c.place for c in made.comparisons} >= {"float64", "float64, inputs 2"}
    assert np.all([c.agrees for c in made.comparisons])


def test_what_needs_no_gradient_is_not_asked_for_one():
    x, y = drawn((4, 3), (4, 3))
    assert places(check_backward(torch.mul, torch.mul, [x.requires_grad_(), y], quick=True)) == {"output", "dinput 0"}


def test_an_operator_of_torch_library():
    @torch.library.custom_op("parity_tests::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    twice.register_autograd(lambda ctx, delta: 2 * delta)
    assert "no output has a tangent" in str(check_backward(twice, lambda x: x + x, drawn((4, 3)), skip=["vmap"]))


class Square(torch.autograd.Function):
    """With a context of its own, forward mode and vmap: right, or with a factor in forward mode."""

    generate_vmap_rule = True
    factor = 2

    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
        return 2 * ctx.saved_tensors[0] * delta

    @classmethod
    def jvp(cls, ctx, t):  # pyright: ignore[reportIncompatibleMethodOverride]
        return cls.factor * ctx.saved_tensors[0] * t


class WrongForward(Square):
    factor = 3


def test_forward_mode_and_vmap_are_judged_where_they_are_offered():
    parity = check_backward(Square.apply, torch.square, drawn((4, 3)), orders=2)
    tried = {c.place for c in parity.comparisons}
    assert {"float64, forward mode", "float64, vmap, 1 of 2", "float64, second derivatives"} <= tried
    with pytest.raises(AssertionError, match="forward mode"):
        check_backward(WrongForward.apply, torch.square, drawn((4, 3)))


@pytest.mark.parametrize("rows", [(0,), (), (0, 1, 0, 1)], ids=["too few", "none", "too many"])
def test_a_vmap_gives_as_many_as_it_is_given(rows):
    class Own(Square):
        generate_vmap_rule = False

        @staticmethod
        def vmap(info, in_dims, x):  # pyright: ignore[reportIncompatibleMethodOverride]
            return (x * x)[[*rows]], 0

    with pytest.raises(AssertionError, match=f"{len(rows)} calls in the result, expected 2"):
        check_backward(Own.apply, torch.square, drawn((4, 3)))
