"""What torch lacks is held against the certified truth of its own forward."""

# pyright: reportIncompatibleMethodOverride=false

import numpy as np
import pytest

from manual import SGD, Layer, Linear, Loss, Network, state
from torch_ref import compare_end_to_end, compare_layer, compare_loss, compare_network, compare_training
from torch_ref.comparison.verdict import NOT_JUDGED


def data(rng, rows=5):
    return rng.standard_normal((rows, 3)), rng.standard_normal((rows, 2))


class Swish(Layer):
    """a = z σ(z), which torch has under another name."""

    def forward(self, z, /):
        s = 1 / (1 + np.exp(-z))
        return z * s, (z, s)

    def backward(self, delta, cache, /):
        z, s = cache
        return delta * (s + z * s * (1 - s)), self


class HalfSwish(Swish):
    def backward(self, delta, cache, /):
        return delta * cache[1], self


class Counts(Swish):
    """Leaves something in its state, of which torch knows nothing."""

    count: np.ndarray = state()

    def __post_init__(self):
        self.count = np.zeros(())

    def commit(self, cache, /):
        self.count += 1


class SquareLoss(Loss):
    """Σ (ŷ − y)² / N"""

    def forward(self, prediction, target, /):
        u = prediction - target
        return (u * u).sum() / len(u), u

    def backward(self, u, /):
        return 2 * u / len(u)


class MeanSquareLoss(SquareLoss):
    def backward(self, u, /):
        return 2 * u / u.size


class KeepsTheFirst(Swish):
    """Goes back by the values of its first call, not by those in the cache."""

    def forward(self, z, /):
        y, cache = super().forward(z)
        if z.dtype == float and "kept" not in vars(self):
            self.kept = cache
        return y, cache

    def backward(self, delta, cache, /):
        return super().backward(delta, cache if delta.dtype == object else vars(self).get("kept", cache))


class KeepsTheLast(KeepsTheFirst):
    def forward(self, z, /):
        vars(self).pop("kept", None)
        return super().forward(z)


@pytest.mark.parametrize(("layer", "loss"), [
    *((layer, SquareLoss) for layer in (Swish, HalfSwish, KeepsTheFirst, KeepsTheLast)), (Swish, MeanSquareLoss),
], ids=lambda kind: kind.__name__)  # fmt: skip
def test_a_layer_and_a_loss_that_torch_lacks_are_held_against_their_certified_truth(layer, loss, rng):
    (x, y), right = data(rng), layer is Swish
    network = Network(Linear(3, 4, rng=rng), layer(), Linear(4, 2, rng=rng))
    assert compare_layer(layer(), x, rng).agrees == right
    assert compare_loss(loss(), x, x + 1).agrees == (loss is SquareLoss)
    for parity in (
        compare_network(network, loss(), x, y),
        compare_end_to_end(network, loss(), x, y) if not issubclass(layer, KeepsTheFirst) else None,
        compare_training(network, loss(), SGD(0.1), x, y, steps=2),
    ):
        assert parity is None or parity.agrees == (right and loss is SquareLoss)


def test_what_a_layer_that_torch_lacks_leaves_in_its_state_is_not_judged(rng):
    (judged,) = [c for c in compare_layer(Counts(), data(rng)[0], rng).comparisons if not c.agrees]
    assert (judged.quantity, judged.verdict) == ("count", NOT_JUDGED)
