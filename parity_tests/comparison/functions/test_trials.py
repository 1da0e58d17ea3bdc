"""What the trials are made of: numbers that the reference takes, of large inputs, too, and none that are invalid."""

from contextlib import nullcontext

import pytest
import torch
from torch.nn import functional

from parity_tests.comparison.functions.shipped import drawn
from parity_tests.comparison.own import function, scaled
from torch_ref import certify, check_backward
from torch_ref.comparison.functions.options import TRIALS

ROWS = ("rows in another order", "batch of 1", "batch of 2", "odd batch", "empty")


def alone(*trials):
    """What to skip, so that these are tried."""
    return [trial for trial in TRIALS if trial not in trials]


@pytest.mark.parametrize("rows", [5, 64])
def test_few_rows_of_a_large_input_are_tried(rows):
    wrong = function(torch.sin, lambda ctx, d, x: d * x.cos() * (2 if len(x) == 1 else 1))
    with pytest.raises(AssertionError, match="batch of 1"):
        check_backward(wrong, torch.sin, drawn((rows, 256)), skip=alone("batch of 1"))


@pytest.mark.parametrize(
    ("shapes", "together", "of_rows"),
    [([(5, 5), (5,)], torch.sum, {0}), ([(5, 4), (5,)], torch.sum, {0}), ([(5, 4), (5,)], torch.clone, {0, 1})],
)
def test_what_may_be_a_bias_keeps_its_length(shapes, together, of_rows):
    tried = []

    def reference(x, b):
        y = x.sum(1) * together(b)  # which raises where the lengths must be alike
        tried.append((len(x), len(b)))
        return y

    check_backward(reference, reference, drawn(*shapes), skip=alone(*ROWS))
    assert {i for i in range(2) for lengths in tried if lengths[i] != 5} == of_rows


def test_no_other_indices_are_given_to_what_is_not_known():
    """A kernel without a rule may not check them, as _segment_reduce does not, and write beyond its arrays."""
    tried = []

    def reference(x, offsets):
        tried.append(offsets.tolist())
        return torch._segment_reduce(x, "sum", offsets=offsets, axis=0)

    found = check_backward(reference, reference, [*drawn((5,)), torch.tensor([0, 0, 1, 3, 5])])
    assert {*map(tuple, tried)} == {(0, 0, 1, 3, 5)}
    assert "NoRule" in found.not_offered["other indices"]


def test_what_the_reference_changes_may_be_changed_in_every_dtype():
    def normalized(x, mean, variance):
        return functional.batch_norm(x, mean, variance, training=True)

    x, mean, variance = drawn((4, 3), (3,), (3,))
    given = [x.requires_grad_(), mean, variance.square()]
    check_backward(normalized, normalized, given, quick=True)
    check_backward(normalized, normalized, given, orders=2, skip=alone("forward mode", "second derivatives"))


def test_what_does_not_bound_every_element_is_measured():
    """Torch's gradient of logcumsumexp starts near overflow, where all δ so far are negative."""

    def reference(x):
        return x.logcumsumexp(0)

    found = check_backward(scaled(reference, 1 + 2**-52), reference, drawn((5, 5)))
    assert found.measured["dx"] == "what is derived does not bound every element"


def test_a_tangent_without_memory_is_one_of_zeros():
    check_backward(torch.linalg.slogdet, torch.linalg.slogdet, drawn((3, 3)), skip=alone("forward mode"))


def test_a_reference_may_refuse_what_stands_for_a_nan():
    def root(x):
        if (x < 0).any():
            raise ValueError("beyond its domain")
        return x.sqrt()

    positive = [x.abs() + 1 for x in drawn((4, 3))]
    check_backward(root, root, positive, skip=alone("NaN"))
    with pytest.raises(AssertionError, match="NaN"):
        check_backward(lambda x: root(x).nan_to_num(), root, positive, skip=alone("NaN"))


@pytest.mark.parametrize("of_torch", [False, True])
def test_a_sparse_gradient_is_compared_by_its_numbers(of_torch):
    def rows(factor):
        def backward(ctx, delta, table, at):
            return torch.sparse_coo_tensor(at[None], factor * delta, table.shape, check_invariants=True), None

        return function(lambda table, at: table[at], backward)

    def reference(table, at):
        return functional.embedding(at, table, sparse=of_torch)

    given = [*drawn((5, 3)), torch.tensor([0, 2, 2])]
    check_backward(rows(1), reference, given, quick=True)
    with pytest.raises(AssertionError, match="dtable"):
        check_backward(rows(2), reference, given, quick=True)


def test_a_failure_says_that_nothing_is_compared():
    x = torch.eye(3).to_sparse()
    with pytest.raises(AssertionError, match="not judged: nothing is compared"):
        check_backward(lambda x: 2 * x, lambda x: 2 * x, [x])


def squared(backward=lambda ctx, d, x: 2 * x * d, forward=lambda x: x * x):
    return function(forward, backward)


def product_over(ctx, d, x):
    return (d * x.prod(-1))[:, None] / x


KEPT = {}


def in_memory_of_its_own(x):
    """The same tensor for every call on this shape."""
    found = KEPT.setdefault((x.shape, x.dtype), torch.empty_like(x, memory_format=torch.contiguous_format))
    return found.copy_(x)


@pytest.mark.parametrize(
    ("wrong", "reference", "trial"),
    [
        (squared(lambda ctx, d, x: 2 * x * d.clamp(-2, 2)), torch.square, "δ of other sizes"),
        (squared(lambda ctx, d, x: 2 * x * d * (d.abs() > 0.1)), torch.square, "δ of other sizes"),
        (squared(product_over, lambda x: x.prod(-1)), lambda x: x.prod(-1), "zeros"),
        (squared(lambda ctx, d, x: in_memory_of_its_own(2 * x * d)), torch.square, "two forwards first"),
        (squared(forward=lambda x: in_memory_of_its_own(x * x)), torch.square, "two forwards first"),
    ],
    ids=["clamped", "small ones dropped", "a product over its factors", "one memory of gradients", "one of outputs"],
)
def test_what_shows_in_one_trial_alone(wrong, reference, trial):
    with pytest.raises(AssertionError, match=trial):
        check_backward(wrong, reference, drawn((4, 3)))
    check_backward(wrong, reference, drawn((4, 3)), skip=[trial])


def test_where_neither_has_a_gradient_it_is_not_judged():
    with pytest.raises(AssertionError, match="not judged: the reference has none, of any input"):
        check_backward(torch.Tensor.detach, torch.Tensor.detach, drawn((4, 3)))


def test_what_is_as_long_as_the_batch_by_chance_is_no_part_of_it():
    def filtered(x, taps):
        return sum(taps[i] * x[:, i : i + 8] for i in range(3))

    def reference(x, taps):
        return functional.conv1d(x[:, None], taps[None, None])[:, 0]

    check_backward(filtered, reference, drawn((3, 10), (3,)))


def test_beside_indices_fewer_rows_are_not_tried_alone():
    """A kernel that does not check them would read beyond its arrays."""
    tried = []

    def reference(x, at):
        tried.append((len(x), len(at)))
        return x.sum(1) * at.sum()

    check_backward(reference, reference, [*drawn((5, 4)), torch.arange(5)], skip=alone(*ROWS))
    assert all(x == at for x, at in tried)


@pytest.mark.parametrize("factor", [1, 2])
def test_what_runs_its_forward_again_when_it_goes_back_is_judged(factor):
    """As torch.utils.checkpoint does, which refuses torch.autograd.grad."""

    def backward(ctx, d, x):
        if not torch.autograd._is_checkpoint_valid():
            raise RuntimeError("call backward")
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            y = x.tanh() * x
        torch.autograd.backward(y, factor * d)
        return x.grad

    again = function(lambda x: x.tanh() * x, backward)
    with nullcontext() if factor == 1 else pytest.raises(AssertionError, match="times 2"):
        check_backward(again, lambda x: x.tanh() * x, drawn((4, 3)))


def test_a_reference_that_asks_for_its_numbers_has_a_derived_tolerance():
    def reference(mean, y, log):
        return functional.gaussian_nll_loss(mean, y, log.exp(), eps=0)

    def by_hand(mean, y, log):
        return (0.5 * (log + (mean - y) ** 2 * torch.exp(-log))).mean()

    given = drawn((4, 3), (4, 3), (4, 3))
    assert not check_backward(by_hand, reference, given, skip=["forward mode"]).measured
    assert max(certify(reference, [x.double() for x in given]).values()) < 2**-48


def test_what_draws_at_random_says_which_trials_are_left_out():
    found = check_backward(functional.dropout, functional.dropout, drawn((4, 3)))
    assert found.not_offered["float64, other numbers"] == "the reference draws at random"


def test_a_gradient_that_some_inputs_alone_lack_is_missing_and_nothing_is_to_be_set():
    def backward(ctx, d, x, y):
        return (d * y if all(ctx.needs_input_grad) else None), d * x

    with pytest.raises(AssertionError) as raised:
        check_backward(function(lambda x, y: x * y, backward), torch.mul, drawn((4, 3), (4, 3)))
    assert "is missing" in str(raised.value)
    assert "requires_grad" not in str(raised.value)
