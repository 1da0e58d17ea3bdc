"""The options of a loss: weights of classes, ignored and smoothed labels, soft targets, a cost for each example."""

import numpy as np
import pytest

import manual.losses
from manual import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    InputError,
    KLDivLoss,
    MSELoss,
    MultiMarginLoss,
    NLLLoss,
)
from manual.losses.bce_with_logits_loss import examples as of_binary
from manual.losses.cross_entropy_loss import examples as of_cross_entropy
from parity_tests.comparison.against_torch import _has_options, wrong
from parity_tests.for_each import file_of, for_each
from torch_ref import compare_loss
from torch_ref.examples import examples

OPTIONS = [case for of in (of_cross_entropy, of_binary) for case in of(np.random.default_rng(0)) if _has_options(*case)]


def slopes(change):
    """A cross-entropy whose backward is given p, k and n changed."""

    def backward(self, cache, delta=1, /):
        return CrossEntropyLoss.backward(self, (*change(*cache[:3]), *cache[3:]), delta)

    return wrong(CrossEntropyLoss, backward=backward)


def costs(change):
    """A cross-entropy with other options than it says."""

    def forward(self, z, y, /):
        other = CrossEntropyLoss(**self.hyper | change(self))
        return other.forward(z, y)

    return wrong(CrossEntropyLoss, forward=forward)


MISTAKES = {
    "the softmax's part is not weighted": slopes(lambda p, k, n: (p / np.maximum(k.sum(1, keepdims=True), 0.5), k, n)),
    "the mean is over the examples": slopes(lambda p, k, n: (p, k, len(p) if n != 1 else 2)),
    "what is ignored still pulls": slopes(lambda p, k, n: (p, k + (k.sum(1, keepdims=True) == 0) * 0.1 + 1e-9, n)),
    "the weights are left out": costs(lambda loss: {"weight": None, "label_smoothing": loss.label_smoothing / 2}),
    "the smoothing is left out": costs(lambda loss: {"label_smoothing": 0.0, "ignore_index": 0}),
    "the right class has the smoothing's share, too, twice": costs(
        lambda loss: {"label_smoothing": 2 * loss.label_smoothing + 0.01}
    ),
}


def binary(change):
    """A binary cross-entropy whose backward is given z, q t, k, w and n changed."""

    def backward(self, cache, delta=1, /):
        return BCEWithLogitsLoss.backward(self, change(*cache), delta)

    return wrong(BCEWithLogitsLoss, backward=backward)


MISTAKES |= {
    "pos_weight is left out of σ's part": binary(lambda z, qt, _, w, n: (z, qt, 1, w, n)),
    "pos_weight is left out of the target's part": binary(lambda z, qt, k, w, n: (z, k + qt - 1, k, w, n)),
    "pos_weight weighs all": binary(lambda z, qt, k, w, n: (z, qt, k, w * k, n)),
    "the weight is left out": binary(lambda z, qt, k, _, n: (z, qt, k, 1, n)),
    "the mean is over the weights": binary(lambda z, qt, k, w, n: (z, qt, k, w, n * np.mean(w))),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_with_an_option_differs(name):
    kind, judged = MISTAKES[name], []
    for loss, prediction, target in OPTIONS:
        if issubclass(kind, type(loss)):
            judged.append(compare_loss(kind(**loss.hyper), prediction, target))
    assert "differs" in {c.verdict for parity in judged for c in parity.comparisons}


@for_each("make", examples(manual.losses), file_of)
def test_the_derivative_of_a_cost_that_is_used_further_has_its_delta(make):
    loss, prediction, target = make()
    cost, cache = loss.forward(prediction, target)
    twice = loss.backward(cache, 2 * np.ones_like(cost) if np.ndim(cost) else 2)
    np.testing.assert_array_equal(twice, 2 * loss.backward(cache))


@pytest.mark.parametrize(
    ("loss", "z", "y", "says"),
    [
        (CrossEntropyLoss(np.ones(3)), np.ones((2, 4)), np.array([0, 1]), r"a weight for each of 4 classes, .* \(3,\)"),
        (BCELoss(np.ones(3)), np.ones((2, 4)), np.ones((2, 4)), r"a weight that broadcasts to \(2, 4\), .* \(3,\)"),
        (MultiMarginLoss(), np.ones((2, 4, 2)), np.ones((2, 2), int), r"shape \(N, classes\), got \(2, 4, 2\)"),
        (MultiMarginLoss(), np.ones((2, 4)), np.array([0, -(2**63)]), "classes 0 to 3, got -9223372036854775808"),
        (NLLLoss(), np.ones((2, 3, 2)), np.array([0, 1]), r"expected an array of shape \(2, 2\), a class"),
        (CrossEntropyLoss(ignore_index=5), np.ones((2, 4)), np.array([5, 4]), "classes 0 to 3, got 4 at example 1"),
        (CrossEntropyLoss(), np.ones((2, 4)), np.ones((2, 3)), r"\(2, 4\), like the prediction"),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss, z, y, says):
    with pytest.raises(InputError, match=says):
        loss.forward(z, y)


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (CrossEntropyLoss(label_smoothing=0.1, reduction="none"), np.array(1)),
        (CrossEntropyLoss(), np.array([0.25, 0.25, 0.5])),
        (CrossEntropyLoss(np.array([1.0, -2.0, 0.5]), reduction="sum"), np.array(1)),
        (NLLLoss(np.array([1.0, 2.0, 0.5])), np.array(2)),
        (MultiMarginLoss(2, reduction="none"), np.array(0)),
    ],
)
def test_one_example_has_no_batch_as_in_torch(loss, target, agree):
    agree(compare_loss(loss, np.array([0.5, -1.25, 2.0]), target))


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("kind", [MSELoss, BCEWithLogitsLoss, KLDivLoss])
def test_one_number_that_has_no_axes_is_a_batch_of_one(kind, reduction):
    loss, p, t = kind(reduction=reduction), np.array(-0.75), np.array(0.5)
    (cost, cache), (costs, caches) = loss.forward(p, t), loss.forward(p[None], t[None])
    assert np.shape(cost) == np.shape(loss.backward(cache)) == ()
    assert (cost, loss.backward(cache)) == (costs, loss.backward(caches))


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # by another number in some release to come
def test_the_mean_of_a_divergence_is_one_over_every_number_as_in_torch(rng, agree):
    log_q, p = np.log(rng.dirichlet(np.ones(4), 3)), rng.dirichlet(np.ones(4), 3)
    agree(compare_loss(manual.KLDivLoss(), log_q, p))


def test_where_nothing_counts_nobody_is_to_blame():
    with np.errstate(invalid="ignore"):
        cost, cache = CrossEntropyLoss(ignore_index=1).forward(np.ones((2, 3)), np.array([1, 1]))
    assert np.isnan(cost)
    assert not CrossEntropyLoss(ignore_index=1).backward(cache).any()


def test_a_weight_is_a_vector_of_numbers():
    with pytest.raises(InputError, match="weight must be an array of floats, got a list"):
        CrossEntropyLoss([1.0, 2.0])
    with pytest.raises(InputError, match="pos_weight must be finite"):
        BCEWithLogitsLoss(pos_weight=np.array([1.0, np.inf]))
    with pytest.raises(InputError, match="reduction must be 'mean', 'sum' or 'none'"):
        MSELoss(reduction="batchmean")
