"""A backward of one's own against a reference in torch: what is tried, what is caught, and what is no error."""

import re

import pytest
import torch
from torch.nn import functional

from parity_tests.comparison.own import drawn, function
from parity_tests.conftest import few
from torch_ref import check_backward
from torch_ref.comparison.functions import options


def linear(x, W, b):
    return x @ W.T + b


def linear_backward(ctx, delta, x, W, b):
    return delta @ W, delta.T @ x, delta.sum(0)


def silu_backward(ctx, delta, x):
    s = torch.sigmoid(x)
    return delta * (s + x * s * (1 - s))


LINEAR = ((5, 3), (4, 3), (4,))
EVERYWHERE = (
    *options.LAYOUTS, *options.UPSTREAM[:-1], *options.DRAWS[:2], *options.DRAWS[4:9], *options.DRAWS[-2:],
    "backward twice", "two forwards first", "reused memory", "reused memory, other numbers",
    "call 12 of 12 in another order",
)  # fmt: skip


def test_a_right_function_agrees_on_everything_that_is_tried():
    parity = check_backward(function(linear, linear_backward), functional.linear, drawn(*LINEAR))
    tried = {c.place for c in parity.comparisons}
    assert tried >= {
        *(f"{d}{trial}" for d in ("float64", "float32") for trial in ("", *(f", {t}" for t in EVERYWHERE))),
        *(f"float64, only input {i}" for i in range(3)),
        *(f"float64, only input {i}, input {j}" for i, j in ((0, 1), (0, 2), (1, 2))),
    }
    assert "the tolerance is derived" in str(parity)


def test_the_inputs_have_the_names_that_the_reference_gives_them():
    parity = check_backward(function(linear, linear_backward), linear, drawn(*LINEAR), quick=True)
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
    assert "the tolerance is derived" in str(check_backward(own, functional.softplus, [x], quick=True))
    wrong = function(functional.softplus, lambda ctx, d, x: d / (1 + 2 * torch.exp(-x)))
    assert "differs" in fails(wrong, functional.softplus, [x], quick=True)


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


@pytest.mark.parametrize("mistake", few(WRONG))
def test_a_wrong_backward_fails_with_the_table(mistake, fails):
    def silu(x):
        return x * torch.sigmoid(x)

    backward, line = WRONG[mistake]
    first, header, *rows = fails(function(silu, backward), silu, drawn((5, 3))).strip().splitlines()
    assert re.match(r"\d+ of \d+ comparisons differ.*; the first is \S", first)  # all that pytest's summary shows
    assert header.split()[:4] == ["where", "quantity", "dtype", "shape"]
    assert any(re.search(line, row) for row in rows), rows


def test_a_forward_that_changes_its_input_is_caught(fails):
    changes = function(lambda x: x.clamp_(min=0) * 1, lambda ctx, d, x: d * (x > 0))
    table = fails(changes, functional.relu, drawn((5, 3)), quick=True)
    assert "is changed, which is its caller's" in table


@pytest.mark.parametrize("reference", [functional.relu, functional.relu_], ids=["a copy", "in place, too"])
def test_what_works_in_place_is_judged_by_what_it_was_given(reference, fails):
    """On a leaf it writes, and then raises."""

    def relu_(wrong):
        class Relu(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.mark_dirty(x.clamp_(min=0))
                ctx.save_for_backward(x)
                return x

            @staticmethod
            def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
                (y,) = ctx.saved_tensors
                return delta * (y >= 0 if wrong else y > 0)

        return Relu.apply

    assert check_backward(relu_(False), reference, drawn((5, 3)), quick=True).agrees
    assert "differs" in fails(relu_(True), reference, drawn((5, 3)), quick=True)


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
    skip = [trial for trial in options.TRIALS if trial != "empty"]
    assert "empty" not in str(check_backward(own, reference, drawn((5, 3)), skip=skip))
    assert "empty" in fails(own, functional.silu, drawn((5, 3)), skip=skip)


def test_what_the_forward_refuses_is_no_mistake():
    """A batch of none, said to be not offered; and a layout that the reference refuses, too, which is not asked for."""

    def rotated(x):
        return torch.view_as_real(torch.view_as_complex(x.reshape(len(x), 3, 2)) * 1j).reshape(x.shape)

    own = function(lambda x: rotated(x).view(len(x), -1), lambda ctx, d, x: -rotated(d.contiguous()))
    checked = check_backward(own, rotated, drawn((5, 6)))
    assert checked.not_offered["float64, empty"].startswith("its forward refuses")
    assert "non-contiguous" not in str(checked)


STATISTICS = [torch.zeros(3), torch.ones(3)]
ITSELF = {
    "which of equals it is, by the layout": (lambda x: x.median(0), drawn((5, 3))),
    "memory is read, not numbers": (lambda x: x.as_strided((2, 2), (1, 2)), drawn((5, 3))),
    "a tangent of zeros": (torch.floor, drawn((5, 3))),
    "what is given is changed": (
        lambda x, mean, var: functional.batch_norm(x, mean, var, training=True),
        [*(x.requires_grad_() for x in drawn((5, 3))), *STATISTICS],
    ),
    "complex numbers of no elements": (torch.linalg.eigvals, [torch.zeros(0, 0)]),
}


@pytest.mark.parametrize("kind", ITSELF)
def test_torch_agrees_with_itself(kind):
    function, inputs = ITSELF[kind]
    assert check_backward(function, function, inputs, dtypes=[torch.float64]).agrees


def test_sparse_tensors_are_not_judged(fails):
    sparse = torch.eye(3).to_sparse()
    assert "dense tensors alone" in fails(torch.sparse.mm, torch.sparse.mm, [sparse, *drawn((3, 3))])


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
    parity = check_backward(Pick.apply, reference, inputs, quick=True)
    assert {c.quantity for c in parity.comparisons} == {"output", "output 1", "dtable"}


def test_inputs_without_a_floating_tensor_are_an_error():
    for given, got in (
        ([torch.arange(3)], "a tensor of torch.int64"),
        ([torch.ones(3).numpy()], "ndarray"),
        ([], "nothing"),
    ):
        with pytest.raises(ValueError, match=f"expected a tensor of a floating dtype among the inputs, got {got}"):
            check_backward(torch.sin, torch.sin, given)


def test_a_reference_that_fails_on_the_inputs_themselves_is_not_agreement():
    with pytest.raises(RuntimeError) as raised:
        check_backward(torch.mm, torch.mm, drawn((2, 3), (2, 3)))
    assert "this is from the reference" in raised.value.__notes__[0]


SQUARE = function(lambda x: x * x, lambda ctx, d, x: 2 * x * d)


def test_a_gradient_of_zeros_is_neither_agreement_nor_a_difference(fails):
    table = fails(SQUARE, torch.square, [torch.zeros(3)], quick=True)
    assert "not judged: the reference is zero, so that zeros would pass, on every input" in table
    assert "differs" not in table


def test_a_gradient_of_zeros_is_judged_by_other_numbers(fails):
    """Where it is 0 there, too, it is 0 rightly."""
    assert "other numbers" in str(check_backward(SQUARE, torch.square, [torch.zeros(3)]))
    assert "other numbers" in fails(function(torch.square, lambda ctx, d, x: 0 * d), torch.square, [torch.zeros(3)])
    check_backward(function(torch.floor, lambda ctx, d, x: 0 * d), torch.floor, drawn((4, 3)))
    assert "dx" in fails(function(torch.floor, lambda ctx, d, x: d), lambda x: x.floor(), drawn((4, 3)))


def test_a_nan_need_not_spread_to_what_does_not_depend_on_it(fails):
    """A sum over each group by its index, and by a matrix of zeros and ones: 0·NaN is NaN."""
    index = torch.tensor([0, 1, 0, 2])

    def by_matrix(x):
        return functional.one_hot(index, 3).to(x).T @ x

    def by_index(x):
        return x.new_zeros(3, x.shape[1]).index_add(0, index, x)

    skip = [trial for trial in options.TRIALS if trial != "NaN"]
    check_backward(by_index, by_matrix, drawn((4, 3)), skip=skip)
    assert "NaN" in fails(lambda x: by_index(x.nan_to_num()), by_matrix, drawn((4, 3)), skip=skip)


def test_what_is_not_differentiated_keeps_its_range():
    def loss(x, t):
        return (softplus_of(x) - x * t).mean()

    def softplus_of(x):
        return torch.log1p(torch.exp(-x.abs())) + x.clamp(min=0)

    (x,), t = drawn((4, 3)), torch.tensor([0.0, 1.0, 1.0])
    by_choice = function(
        lambda x, t: torch.where(t > 0.5, softplus_of(-x), softplus_of(x)).mean(),
        lambda ctx, d, x, t: (d * (torch.sigmoid(x) - t) / x.numel(), None),
    )
    check_backward(by_choice, loss, [x.requires_grad_(), t], skip=options.LAYOUTS)


def test_an_input_that_the_reference_cannot_be_differentiated_by_is_left_out_and_said(fails):
    def wrong(z, w):
        return (w[t] * functional.cross_entropy(z, t, reduction="none")).mean()

    def right(z, w):
        return wrong(z, w) * len(t) / w[t].sum()

    def reference(z, w):
        return functional.cross_entropy(z, t, w)

    t = torch.tensor([0, 2, 1, 1])
    inputs = [*drawn((4, 3)), torch.tensor([1.0, 2.0, 4.0])]
    skip = [trial for trial in options.TRIALS if trial not in options.UPSTREAM]
    assert "not offered: the derivative by w" in str(check_backward(right, reference, inputs, skip=skip))
    assert "differs" in fails(wrong, reference, inputs, skip=skip)


def test_zeros_on_one_input_are_no_failure_where_another_input_tells():
    parity = check_backward(SQUARE, lambda x: x * x, [torch.tensor([[0.0, 0.0], [1.0, 2.0]])])
    assert {c.place for c in parity.comparisons if c.quantity == "dx"} >= {"float64", "float64, expanded"}
