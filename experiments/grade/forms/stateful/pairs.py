"""A softmax or sigmoid that hands δ on, and the loss after it that has its derivative, p − y: judged as one.

Two classes: forward(z) gives p, and its backward(δ) gives δ; forward(p, y) is the cross-entropy, and its backward gives
p − y, or that over the number of examples, which is the derivative by z.
Compared with the truth of the cost of both.
"""

import inspect
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import NO_FIELDS, Fields, Piece
from experiments.grade.forms.stateful import losses
from experiments.grade.forms.stateful.objects import Methods, methods_of
from manual.numbers.number_types import Array


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every loss whose gradient is p − y, with the file's activation before it that hands δ on."""
    kinds = [k for k in found.classes().values() if inspect.isclass(k)]
    before = next(((k, m) for k in kinds if (m := methods_of(k)) and _hands_on(k, m)), None)
    if before is None:
        return
    for loss in losses.pieces(found):
        if isinstance(loss, losses.StatefulLoss) and _is_of_both(loss):
            yield Pair(*before, loss)


def _hands_on(kind: type, methods: Methods) -> bool:
    """Whether it makes probabilities, and its backward gives δ as it is."""
    z = np.random.default_rng(0).standard_normal((4, 4))
    try:
        own = kind()
        p, delta = getattr(own, methods.forward)(z.copy()), getattr(own, methods.backward)(z.copy())
    except Exception:
        return False
    return np.shape(p) == z.shape and bool(np.all((p > 0) & (p < 1))) and np.array_equal(delta, z)


def _is_of_both(loss: losses.StatefulLoss) -> bool:
    """Whether the gradient of a loss is p − y, times some number."""
    p, y = np.full((4, 4), 0.25) + np.eye(4) / 16, np.eye(4)
    try:
        _, dx = loss.tried(loss.made(np.random.default_rng(0)), losses.Target("", p, y))
        return np.allclose(dx / (p - y), (dx / (p - y)).flat[0])
    except Exception:
        return False


class Pair(losses.StatefulLoss):
    """The two classes as one loss of z."""

    form = "loss and the activation before it"

    def __init__(self, kind: type, methods: Methods, loss: losses.StatefulLoss) -> None:
        self.before, self.methods, self.loss, self.module, self.takes = kind, methods, loss, loss.module, loss.kind
        self.names, self.gradient_names = ["z", "y"], []
        Piece.__init__(self, f"{kind.__name__}, {loss.name}", self.names, [], [kind, loss.kind])

    def made(self, rng: np.random.Generator, options: Fields = NO_FIELDS) -> Any:
        """One of each."""
        return SimpleNamespace(before=self.before(), loss=self.loss.made(rng, options))

    def _value(self, own: Any, prediction: Array, target: Array) -> Any:
        own.p = getattr(own.before, self.methods.forward)(prediction)
        return self.loss._value(own.loss, own.p, target)

    def _back(self, own: Any, prediction: Array, target: Array) -> Any:  # noqa: ARG002
        return getattr(own.before, self.methods.backward)(self.loss._back(own.loss, own.p, target))
