"""The options of a loss: weights of classes, ignored and smoothed labels, soft targets, a cost for each example."""

import numpy as np
import pytest

import manual.losses
from manual import CrossEntropyLoss, InputError, MSELoss, NLLLoss
from manual.losses.cross_entropy_loss import examples as of_cross_entropy
from parity_tests.comparison.against_torch import _has_options, wrong
from torch_ref import compare_loss
from torch_ref.examples import examples

OPTIONS = [case for case in of_cross_entropy(np.random.default_rng(0)) if _has_options(*case)]


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


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_with_an_option_differs(name):
    judged = [compare_loss(MISTAKES[name](**loss.hyper), prediction, target) for loss, prediction, target in OPTIONS]
    assert "differs" in {c.verdict for parity in judged for c in parity.comparisons}


@pytest.mark.parametrize("name", dict(examples(manual.losses)))
def test_the_derivative_of_a_cost_that_is_used_further_has_its_delta(name):
    loss, prediction, target = dict(examples(manual.losses))[name]()
    cost, cache = loss.forward(prediction, target)
    twice = loss.backward(cache, 2 * np.ones_like(cost) if np.ndim(cost) else 2)
    np.testing.assert_array_equal(twice, 2 * loss.backward(cache))


@pytest.mark.parametrize(
    ("loss", "z", "y", "says"),
    [
        (CrossEntropyLoss(np.ones(3)), np.ones((2, 4)), np.array([0, 1]), "a weight for each class, got 3 for 4"),
        (NLLLoss(), np.ones((2, 3, 2)), np.array([0, 1]), r"expected an array of shape \(2, 2\), a class"),
        (CrossEntropyLoss(ignore_index=5), np.ones((2, 4)), np.array([5, 4]), "classes 0 to 3, got 4 at example 1"),
        (CrossEntropyLoss(), np.ones((2, 4)), np.ones((2, 3)), r"\(2, 4\), like the prediction"),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss, z, y, says):
    with pytest.raises(InputError, match=says):
        loss.forward(z, y)


def test_a_weight_is_a_vector_of_numbers():
    with pytest.raises(InputError, match="weight must be an array of floats, one a class, got a list"):
        CrossEntropyLoss([1.0, 2.0])
    with pytest.raises(InputError, match="weight must be finite and >= 0"):
        NLLLoss(np.array([1.0, -1.0]))
    with pytest.raises(InputError, match="reduction must be 'mean', 'sum' or 'none'"):
        MSELoss(reduction="batchmean")
