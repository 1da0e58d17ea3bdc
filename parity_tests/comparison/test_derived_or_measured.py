"""What a derived tolerance tells of a backward of one's own, what a measured one, and when which is taken."""

import pytest
import torch
from torch.nn import functional
from torch.utils._pytree import tree_map_only

from parity_tests.comparison.own import drawn, function, scaled
from torch_ref import check_backward
from torch_ref.comparison.functions import options


def by_its_data(x):
    """A reference that is no program: it looks at its data."""
    return x.clone() if x.detach().numpy().sum() > 0 else 2 * x


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_measured_error_may_be_some_roundings_of_the_largest_element_and_a_derived_one_of_a_copy_none(dtype, fails):
    def wrong_by(ulps):
        def forward(x):
            return x + ulps * torch.finfo(dtype).eps * (x < 0.75) * (x.dtype == dtype)

        return function(forward, lambda ctx, d, x: d.clone())

    x = torch.tensor([1.0, 1 / 3], dtype=torch.float64)
    assert "the tolerance of output is measured" in str(check_backward(wrong_by(4), by_its_data, [x], quick=True))
    assert "output" in fails(wrong_by(64), by_its_data, [x], quick=True)
    assert "output" in fails(wrong_by(4), torch.clone, [x], quick=True), "where it is derived, it is 0"


# ---------------------------------------------------------------- what a derived tolerance tells


def in_blocks(x, y):
    """Σxy, in another order: row by row, and the rows from the last to the first."""
    total = x.new_zeros(())
    for row in reversed((x * y).sum(1)):
        total = total + row
    return total


@pytest.mark.parametrize("shape", [(64, 256), pytest.param((512, 512), marks=pytest.mark.slow)], ids=str)
def test_another_order_of_a_sum_agrees(shape):
    own = function(in_blocks, lambda ctx, d, x, y: (d * y, d * x))
    check_backward(own, lambda x, y: (x * y).sum(), drawn(shape, shape))


def test_a_mask_of_infinities_is_exact():
    mask = torch.full((5, 7), -torch.inf).triu(1)
    own = function(lambda x: torch.softmax(x, -1), lambda ctx, d, x: _of_softmax(d, torch.softmax(x, -1)))
    check_backward(lambda x: own(x + mask.to(x)), lambda x: torch.softmax(x + mask.to(x), -1), drawn((5, 7)))


def _of_softmax(d, p):
    return p * (d - (d * p).sum(-1, keepdim=True))


SUBTLE = {
    "a relative error of 1e-9 in the smallest": lambda ctx, d, x: d * (1 + 1e-9 * (x.abs() < 0.1).to(x)) * 2 * x,
    "the input kept in float32": lambda ctx, d, x: d * 2 * x.float().to(x),
    "δ rounded to float32": lambda ctx, d, x: d.float().to(d) * 2 * x,
    "δ read with the input's strides": lambda ctx, d, x: (
        torch.as_strided(d, d.shape, x.stride()) if d.numel() > 1 else d) * 2 * x,
}  # fmt: skip


@pytest.mark.parametrize("mistake", SUBTLE)
def test_what_a_measured_tolerance_would_let_pass_is_caught(mistake, fails):
    assert "dx" in fails(function(lambda x: x * x, SUBTLE[mistake]), lambda x: x * x, drawn((8, 16)))


def test_an_output_that_the_reference_has_not_is_caught(fails):
    table = fails(lambda x: (x * x, x), lambda x: x * x, drawn((5, 3)), quick=True)
    assert "output 1" in table
    assert "is there, where the reference has none" in table


def test_outputs_of_integers_are_compared_exactly(fails):
    def sorted_(x):
        return x.sort(1)

    check_backward(sorted_, lambda x: x.sort(1), drawn((5, 3)), quick=True)
    table = fails(lambda x: (x.sort(1)[0], x.sort(1)[1] + 1), lambda x: x.sort(1), drawn((5, 3)), quick=True)
    assert "output 1" in table


def test_an_input_without_axes_comes_first():
    check_backward(lambda s, x: s * x.sum(), lambda s, x: (s * x).sum(), drawn((), (5, 3)))


def test_an_output_that_does_not_depend_on_every_input_has_its_own_upstream_gradient():
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, q, k):
            ctx.save_for_backward(q, k)
            return q * q, q * k

        @staticmethod
        def backward(ctx, first, second):  # pyright: ignore[reportIncompatibleMethodOverride]
            q, k = ctx.saved_tensors
            return first * 2 * q + second * k, second * q

    check_backward(Two.apply, lambda q, k: (q * q, q * k), drawn((5, 3), (5, 3)))


def test_a_reference_agrees_with_itself_where_nothing_can_be_derived_of_it():
    """Torch's hardsigmoid has a float32 constant in its float64 gradient: no formula that is right allows that."""
    checked = check_backward(scaled(functional.hardsigmoid, 1 + 2**-52), functional.hardsigmoid, drawn((8, 16)))
    assert "dinput" in checked.measured


def narrow(x):
    """A reference that rounds to float32 on its way."""
    return (2 * x).float().to(x)


def test_a_precision_that_changes_on_the_way_is_allowed_its_own_rounding(fails):
    def off_by(relative):
        return function(narrow, lambda ctx, d, x: 2 * d.float().to(d) * (1 + relative))

    checked = check_backward(off_by(2**-52), narrow, drawn((8, 16)), quick=True)
    assert "the tolerance is derived" in str(checked)
    assert "differs" in fails(off_by(1e-6), narrow, drawn((8, 16)), quick=True)


def logarithm_of(forward):
    return function(forward, lambda ctx, d, x: torch.where(x > 0, d / x, 0 * x))


def test_what_nothing_bounds_is_no_agreement_because_another_trial_agrees(fails):
    """At 0 the logarithm has a pole: a gradient of 0 there is wrong, and nothing that is derived says so."""
    x = torch.tensor([1.0, 0.0, 2.0])
    table = fails(logarithm_of(torch.log), torch.log, [x], skip=[*options.LAYOUTS, *options.UPSTREAM])
    assert "an element has no bound" in table


def test_an_infinity_in_what_is_measured_hides_no_other_element(fails):
    def reference(x):
        return x.median(1)[0] / (x * x).sum(1)

    def backward(ctx, d, x):
        return torch.func.vjp(reference, x)[1](d)[0] * (x < 3.5)

    fails(function(reference, backward), reference, [torch.tensor([[1.0, 2, 3], [4, 1, 5], [0, 0, 0]])], quick=True)


# ---------------------------------------------------------------- what is derived, and tells nothing


def recurrent(steps):
    def rnn(x, w):
        for _ in range(steps):
            x = torch.tanh(x @ w)
        return x

    return rnn


@pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["quick", "all trials"])
def test_the_bound_of_a_long_iteration_lets_no_factor_pass_and_fails_no_right_function(quick, fails):
    inputs, reference = drawn((2, 8), (8, 8)), recurrent(40)
    right = str(check_backward(scaled(reference, 1 + 2**-52), reference, inputs, quick=quick))
    assert "is measured" in right
    assert "of the largest element" in right
    assert "dw" in fails(scaled(reference, 1.01), reference, inputs, quick=quick)


def test_what_rounding_leaves_open_in_one_trial_is_said_and_does_not_count_as_agreement():
    parity = check_backward(
        function(in_blocks, lambda ctx, d, x, y: (d * y, d * x)),
        lambda x, y: (x * y).sum(),
        drawn((512, 512), (512, 512)),
    )
    (left,) = [c for c in parity.comparisons if not c.agrees]
    assert (left.place, left.quantity, left.verdict) == ("float32", "output", "not judged")
    assert "1 more are not judged" in parity.verdict


def penalised(x, w):
    return (x @ w).pow(2).sum() + w.pow(2).sum() / 10


@pytest.mark.parametrize("reference", [
    penalised,
    lambda empty, b: empty.tanh() * b,
    lambda x, w: (x[:, :0], x.exp() @ w),
    lambda x, w: (None, x @ w),
    lambda x, w: torch.max(x @ w, 1),
    lambda x, w: (x @ w).sort(dim=1, stable=True),
], ids=["a penalty of what is not emptied", "an input called empty", "an output of no elements", "an output of None",
        "places", "an order"])  # fmt: skip
def test_a_reference_agrees_with_itself_a_rounding_farther(reference):
    inputs = drawn((4, 3), (4, 3)) if "empty" in reference.__code__.co_varnames else drawn((4, 3), (3, 1))

    def farther(y):
        return y + (y * torch.finfo(y.dtype).eps).detach() if y.is_floating_point() else y

    check_backward(lambda *given: tree_map_only(torch.Tensor, farther, reference(*given)), reference, inputs)


def test_a_penalty_of_what_is_not_emptied_is_caught_where_it_is_wrong(fails):
    own = function(penalised, lambda ctx, d, x, w: (d * 2 * x @ w @ w.T, d * (2 * x.T @ x @ w + w / 10)))
    assert "dw" in fails(own, penalised, drawn((4, 3), (3, 1)), quick=True)
