"""A backward of one's own against a reference in torch: what is tried, what is caught, and what is no error."""

import re

import pytest
import torch
from torch.nn import functional

from torch_ref import check_backward
from torch_ref.comparison.functions import options


def function(forward, backward):
    """A torch.autograd.Function of two plain functions; the forward's arguments are what it saves."""

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
            return backward(ctx, delta, *ctx.saved_tensors)

    return Own.apply


def linear(x, W, b):
    return x @ W.T + b


def linear_backward(ctx, delta, x, W, b):
    return delta @ W, delta.T @ x, delta.sum(0)


def silu_backward(ctx, delta, x):
    s = torch.sigmoid(x)
    return delta * (s + x * s * (1 - s))


def drawn(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


LINEAR = ((5, 3), (4, 3), (4,))
EVERYWHERE = (
    *options.LAYOUTS, *options.UPSTREAM[:-1], *options.DRAWS[:2], *options.DRAWS[4:9], *options.DRAWS[-2:],
    "backward twice", "two forwards first", "reused memory", "reused memory, other numbers",
    "call 12 of 12 in another order",
)  # fmt: skip


@pytest.fixture
def fails():
    """The table that a check fails with."""

    def check(*arguments, **how):
        with pytest.raises(AssertionError) as failure:
            check_backward(*arguments, **how)
        return str(failure.value)

    return check


def test_a_right_function_agrees_on_everything_that_is_tried():
    parity = check_backward(function(linear, linear_backward), functional.linear, drawn(*LINEAR))
    tried = {c.place for c in parity.comparisons}
    assert tried >= {
        *(f"{d}{trial}" for d in ("float64", "float32") for trial in ("", *(f", {t}" for t in EVERYWHERE))),
        *(f"float64, only input {i}" for i in range(3)),
        *(f"float64, only input {i}, input {j}" for i, j in ((0, 1), (0, 2), (1, 2))),
    }
    assert str(parity).endswith("the tolerance is derived")


def test_the_inputs_have_the_names_that_the_reference_gives_them():
    parity = check_backward(function(linear, linear_backward), linear, drawn(*LINEAR))
    assert {c.quantity for c in parity.comparisons} == {"output", "dx", "dW", "db"}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 20))])
def test_right_functions_in_another_formula_agree(seed):
    def softplus_backward(ctx, delta, x):
        return delta / (1 + torch.exp(-x))

    def einsum_backward(ctx, delta, x, W, b):
        return torch.einsum("no,oi->ni", delta, W), (x.T @ delta).T, torch.ones(len(x), dtype=x.dtype) @ delta

    check_backward(function(functional.softplus, softplus_backward), functional.softplus, drawn((8, 16), seed=seed))
    check_backward(function(linear, einsum_backward), linear, drawn((64, 30), (10, 30), (10,), seed=seed))
    check_backward(function(lambda x: x * torch.sigmoid(x), silu_backward), functional.silu, drawn((7,), seed=seed))


def test_a_formula_that_torch_leaves_above_a_threshold_agrees_and_another_there_differs(fails):
    """Torch takes softplus for the identity above 20, which is off by e⁻ˣ."""
    x = torch.linspace(18, 30, 24, dtype=torch.float64)
    own = function(functional.softplus, lambda ctx, d, x: d / (1 + torch.exp(-x)))
    assert "the tolerance is derived" in str(check_backward(own, functional.softplus, [x]))
    wrong = function(functional.softplus, lambda ctx, d, x: d / (1 + 2 * torch.exp(-x)))
    assert "differs" in fails(wrong, functional.softplus, [x])


WRONG = {
    "a factor of 2": (lambda ctx, d, x: 2 * silu_backward(ctx, d, x), r"float64 +dx .* differs.* times 2"),
    "a relative error of 1e-12": (lambda ctx, d, x: (1 + 1e-12) * silu_backward(ctx, d, x), r"float64 +dx .* differs"),
    "float32 inside": (lambda ctx, d, x: silu_backward(ctx, d.float(), x.float()).to(x), r"float64 +dx .* differs"),
    "a view of δ": (
        lambda ctx, d, x: silu_backward(ctx, d.view(-1), x.reshape(-1)).view(5, 3),
        r"δ transposed +all .*view",
    ),
    "δ changed": (
        lambda ctx, d, x: silu_backward(ctx, d.clone(), x) + 0 * d.zero_(),
        r"all .*changes the upstream gradient",
    ),
    "an empty batch": (
        lambda ctx, d, x: silu_backward(ctx, d, x) * (len(x) // len(x)),
        r"empty +all .*ZeroDivisionError",
    ),
    "chance": (lambda ctx, d, x: silu_backward(ctx, d, x) * torch.rand(()), r"float64 +dx .* differs"),
    "another shape": (lambda ctx, d, x: silu_backward(ctx, d, x)[:2], r"float64 +all .*RuntimeError"),
    "nothing": (lambda ctx, d, x: None, r"dx .* is missing"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_backward_fails_with_the_table(mistake, fails):
    def silu(x):
        return x * torch.sigmoid(x)

    backward, line = WRONG[mistake]
    header, *rows = fails(function(silu, backward), silu, drawn((5, 3))).strip().splitlines()
    assert header.split()[:4] == ["where", "quantity", "dtype", "shape"]
    assert any(re.search(line, row) for row in rows), rows


def test_a_forward_that_changes_its_input_is_caught(fails):
    table = fails(
        function(lambda x: x.clamp_(min=0) * 1, lambda ctx, d, x: d * (x > 0)), functional.relu, drawn((5, 3))
    )
    assert "is changed, which is its caller's" in table


def test_a_function_that_is_right_only_where_every_input_needs_a_gradient_is_caught(fails):
    def backward(ctx, delta, x, W, b):
        dx, dW, db = linear_backward(ctx, delta, x, W, b)
        return (dx, dW, db) if all(ctx.needs_input_grad) else (dx, 2 * dW, db)

    table = fails(function(linear, backward), linear, drawn(*LINEAR))
    wrong = [row for row in table.splitlines() if "differs" in row and row.startswith("float")]
    assert wrong
    assert all(", only" in row and " dW " in row for row in wrong)


def test_what_the_reference_cannot_do_is_not_asked_for(fails):
    def backward(ctx, delta, x):
        return silu_backward(ctx, delta, x) / (len(x) // len(x))

    def reference(x):
        return functional.silu(x) * (len(x) // len(x))

    own = function(functional.silu, backward)
    assert "empty" not in str(check_backward(own, reference, drawn((5, 3))))
    assert "empty" in fails(own, functional.silu, drawn((5, 3)))


def test_several_outputs_and_inputs_that_are_not_differentiated():
    class Pick(torch.autograd.Function):
        @staticmethod
        def forward(ctx, table, index, scale):
            ctx.save_for_backward(index)
            ctx.rows, ctx.scale = len(table), scale
            return scale * table[index], table * table.new_tensor(3)

        @staticmethod
        def backward(ctx, picked, tripled):  # pyright: ignore[reportIncompatibleMethodOverride]
            (index,) = ctx.saved_tensors
            return (3 * tripled).index_add(0, index, ctx.scale * picked), None, None

    def reference(table, index, scale):
        return scale * functional.embedding(index, table), 3 * table

    inputs = [*drawn((6, 2)), torch.tensor([1, 1, 4]), 2]
    parity = check_backward(Pick.apply, reference, inputs)
    assert {c.quantity for c in parity.comparisons} == {"output", "output 1", "dtable"}


def test_inputs_without_a_floating_tensor_are_an_error():
    with pytest.raises(ValueError, match="expected a tensor of a floating dtype among the inputs, got none"):
        check_backward(torch.sin, torch.sin, [torch.arange(3)])


def test_a_reference_that_fails_on_the_inputs_themselves_is_not_agreement():
    with pytest.raises(RuntimeError):
        check_backward(torch.mm, torch.mm, drawn((2, 3), (2, 3)))


SQUARE = function(lambda x: x * x, lambda ctx, d, x: 2 * x * d)


def test_a_gradient_of_zeros_is_neither_agreement_nor_a_difference(fails):
    table = fails(SQUARE, torch.square, [torch.zeros(3)])
    assert "not judged: the reference is zero, so that zeros would pass, on every input" in table
    assert "differs" not in table


def test_zeros_on_one_input_are_no_failure_where_another_input_tells():
    parity = check_backward(SQUARE, lambda x: x * x, [torch.tensor([[0.0, 0.0], [1.0, 2.0]])])
    assert {c.place for c in parity.comparisons if c.quantity == "dx"} >= {"float64", "float64, expanded"}


def by_its_data(x):
    """A reference that is no program: it looks at its data."""
    return x.clone() if x.sum().item() > 0 else 2 * x


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_measured_error_may_be_some_roundings_of_the_largest_element_and_a_derived_one_of_a_copy_none(dtype, fails):
    def wrong_by(ulps):
        def forward(x):
            return x + ulps * torch.finfo(dtype).eps * (x < 0.75) * (x.dtype == dtype)

        return function(forward, lambda ctx, d, x: d.clone())

    x = torch.tensor([1.0, 1 / 3], dtype=torch.float64)
    assert "the tolerance of output and 1 more is measured" in str(
        check_backward(wrong_by(4), by_its_data, [x], quick=True)
    )
    assert "output" in fails(wrong_by(64), by_its_data, [x], quick=True)
    assert "output" in fails(wrong_by(4), torch.clone, [x], quick=True), "where it is derived, it is 0"


# ---------------------------------------------------------------- what a derived tolerance tells


def in_blocks(x, y):
    """Σxy, in another order: row by row, and the rows from the last to the first."""
    total = x.new_zeros(())
    for row in reversed((x * y).sum(1)):
        total = total + row
    return total


@pytest.mark.parametrize("shape", [(64, 256), (512, 512)], ids=str)
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
    table = fails(lambda x: (x * x, x), lambda x: x * x, drawn((5, 3)))
    assert "output 1" in table
    assert "is there, where the reference has none" in table


def test_outputs_of_integers_are_compared_exactly(fails):
    def sorted_(x):
        return x.sort(1)

    check_backward(sorted_, lambda x: x.sort(1), drawn((5, 3)))
    table = fails(lambda x: (x.sort(1)[0], x.sort(1)[1] + 1), lambda x: x.sort(1), drawn((5, 3)))
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


def narrow(x):
    """A reference that rounds to float32 on its way."""
    return (2 * x).float().to(x)


@pytest.mark.parametrize("reference", [functional.hardsigmoid, narrow], ids=["hardsigmoid", "another precision"])
def test_a_reference_agrees_with_itself_where_nothing_can_be_derived_of_it(reference):
    """Torch's hardsigmoid has a float32 constant in its float64 gradient: no formula that is right allows that."""
    check_backward(reference, reference, drawn((8, 16)))


def test_a_precision_that_changes_on_the_way_is_named():
    assert "is measured" in str(check_backward(narrow, narrow, drawn((8, 16))))
    assert "it rounds to another precision" in str(check_backward(narrow, narrow, drawn((8, 16))))


def logarithm_of(forward):
    return function(forward, lambda ctx, d, x: torch.where(x > 0, d / x, 0 * x))


def test_what_nothing_bounds_is_no_agreement_because_another_trial_agrees(fails):
    """At 0 the logarithm has a pole: a gradient of 0 there is wrong, and nothing that is derived says so."""
    table = fails(logarithm_of(torch.log), torch.log, [torch.tensor([1.0, 0.0, 2.0])])
    assert "an element has no bound" in table


def test_an_infinity_in_what_is_measured_hides_no_other_element(fails):
    def reference(x):
        return x.median(1)[0] / (x * x).sum(1)

    def backward(ctx, d, x):
        return torch.func.vjp(reference, x)[1](d)[0] * (x < 3.5)

    fails(function(reference, backward), reference, [torch.tensor([[1.0, 2, 3], [4, 1, 5], [0, 0, 0]])])


# ---------------------------------------------------------------- what is derived, and tells nothing


def recurrent(steps):
    def rnn(x, w):
        for _ in range(steps):
            x = torch.tanh(x @ w)
        return x

    return rnn


def scaled(reference, factor):
    """A function whose gradients are the reference's, times a factor."""
    return function(reference, lambda ctx, d, *x: tuple(factor * g for g in torch.func.vjp(reference, *x)[1](d)))


@pytest.mark.parametrize("steps", [28, 40])
def test_the_bound_of_a_long_iteration_lets_no_factor_pass_and_fails_no_right_function(steps, fails):
    inputs = drawn((2, 8), (8, 8))
    right = str(check_backward(scaled(recurrent(steps), 1), recurrent(steps), inputs))
    assert "is measured" in right
    assert "of the largest element" in right
    assert "dw" in fails(scaled(recurrent(steps), 1.01), recurrent(steps), inputs)


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
def test_a_reference_agrees_with_itself(reference):
    inputs = drawn((4, 3), (4, 3)) if "empty" in reference.__code__.co_varnames else drawn((4, 3), (3, 1))
    check_backward(reference, reference, inputs)


def test_a_penalty_of_what_is_not_emptied_is_caught_where_it_is_wrong(fails):
    own = function(penalised, lambda ctx, d, x, w: (d * 2 * x @ w @ w.T, d * (2 * x.T @ x @ w + w / 10)))
    assert "dw" in fails(own, penalised, drawn((4, 3), (3, 1)))
