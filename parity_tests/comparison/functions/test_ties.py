"""Where equal numbers leave a choice open, another choice is a convention; what no choice gives still differs. A
reference that ends the process is not called again."""

import pytest
import torch

from torch_ref import check_backward
from torch_ref.comparison.functions import observe
from torch_ref.comparison.functions.options import TRIALS
from torch_ref.comparison.verdict import CONVENTION

TIED = torch.tensor([[1.0, 3, 3, 2], [2, 2, 2, -1], [4, 0, 1, 0], [-1, 5, 5, 5]])
ALONE = ["empty", "times 1e4", "near overflow", "repeated in another order"]


def chosen(choose, values=lambda x: x.amax(1)):
    """The maximum of each row, whose δ goes where `choose` says: weights of (x == maximum)."""

    class Largest(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = values(x)
            ctx.save_for_backward(x == y[:, None])
            ctx.save_for_forward(x == y[:, None])
            return y

        @staticmethod
        def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
            (best,) = ctx.saved_tensors
            return delta[:, None] * choose(best.to(delta))

        @staticmethod
        def jvp(ctx, tangent):  # pyright: ignore[reportIncompatibleMethodOverride]
            (best,) = ctx.saved_tensors
            return (tangent * choose(best.to(tangent))).sum(1)

    return Largest.apply


def first(best):
    return best * (best.cumsum(1) == 1)


def last(best):
    return first(best.flip(1)).flip(1)


def shared(best):
    return best / best.sum(1, keepdim=True)


def backwards(x):
    """Sorted from the end, so that equal numbers change places."""
    values, _ = x.flip(1).sort(dim=1, stable=True)
    return values


@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (chosen(first), lambda x: x.amax(1)),
        (chosen(last), lambda x: x.max(1)[0]),
        (chosen(shared), lambda x: x.max(1)[0]),
        (backwards, lambda x: x.sort(dim=1, stable=True)[0]),
        (lambda x: torch.where(x <= 1, 1, x), lambda x: x.clamp(min=1)),
    ],
    ids=["first for shared", "last for first", "shared for first", "sorted from the end", "an edge"],
)
def test_another_choice_is_a_convention(ours, reference):
    assert check_backward(ours, reference, [TIED], skip=ALONE).word in (CONVENTION, "agrees")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda best: best,
        lambda best: 0 * best,
        lambda best: 0.9 * first(best),
        lambda best: (1 + 1e-9) * last(best),
        lambda best: first(best).roll(1, 0),
    ],
    ids=["all of them", "none", "too little", "a little too much", "another row's"],
)
def test_what_no_choice_gives_differs(wrong):
    with pytest.raises(AssertionError, match=r"(?s)float64 +dx .*differs.*forward mode .*differs"):
        check_backward(chosen(wrong), lambda x: x.max(1)[0], [TIED], skip=[t for t in TRIALS if t != "forward mode"])


def test_a_reference_that_ends_the_process_is_survived():
    def ours(v, g):
        return v * (g / v.square().sum(1, keepdim=True).sqrt())

    v, g = torch.arange(1.0, 13).reshape(4, 3), torch.tensor([[1.0], [2], [-1], [3]])
    checked = check_backward(ours, lambda v, g: torch.ops.aten._weight_norm(v, g, 0), [v, g])
    assert checked.not_offered["float64, empty"].startswith("the reference ends the process by SIG")


def test_what_was_survived_is_not_tried_again(monkeypatch):
    tried = []
    monkeypatch.setattr(observe, "deadly", lambda *calls: tried.append(calls))

    def doubled(x):
        return 2 * x

    for x in (TIED, TIED, TIED[:, :2]):
        check_backward(doubled, doubled, [x], skip=[trial for trial in TRIALS if trial != "empty"])
    assert len(tried) == 2
