"""Wrong formulas of losses."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import manual
from manual import Loss
from manual.numbers.number_types import Array
from torch_ref.diagnosis.mistakes.formula import EPSILONS, Formulas, Mistake, Number, Values, as_number, blind
from torch_ref.diagnosis.mistakes.passes import output, plain


def _delta(loss: Loss, prediction: Any, target: Any) -> Any:
    return loss.backward(loss.forward(prediction, target)[1])


def _n(loss: Any, z: Any) -> int:
    return len(z) if loss.reduction == "mean" else 1


def _onehot(z: Any, y: Array) -> Array:
    return np.arange(z.shape[1]) == y[:, None]


LOSSES: list[tuple[str, Callable[[Any, Any, Any], Any]]] = [
    ("the derivative of Softmax is applied again", lambda f, z, y: plain(manual.Softmax(), z, _delta(f, z, y))[0]),
    ("the derivative of Sigmoid is applied again", lambda f, z, y: plain(manual.Sigmoid(), z, _delta(f, z, y))[0]),
    ("it is the gradient by the probabilities, not by the logits",
     lambda f, z, y: -(_onehot(z, y) / output(manual.Softmax(), z)) / _n(f, z)),
    ("it is the gradient by the probabilities, not by the logits",
     lambda f, z, y: _delta(f, z, y) / plain(manual.Sigmoid(), z, z * 0 + 1)[0]),
    ("the one-hot target stands at the class before",
     lambda f, z, y: (output(manual.Softmax(), z) - _onehot(z, y - 1)) / _n(f, z)),
    ("the target is left out", lambda f, z, _: output(manual.Softmax(), z) / _n(f, z)),
    ("the target is left out", lambda f, z, y: _delta(f, z, y * 0.0)),
]  # fmt: skip


def _log_of_softmax(loss: Any, z: Any, y: Array, epsilon: float) -> tuple[Any, Any]:
    """−log(p + ε) at the right class, and its derivative: that of −log p, times p/(p + ε)."""
    p, on, n = output(manual.Softmax(), z), _onehot(z, y), _n(loss, z)
    guarded = (p * on).sum(axis=1, keepdims=True)
    return -(np.log(guarded + epsilon).sum() / n), (p - on) * (guarded / (guarded + epsilon)) / n


def _log_of_sigmoid(loss: Any, z: Any, y: Any, epsilon: float) -> tuple[Any, Any]:
    """−y log(a + ε) − (1 − y) log(1 − a + ε), and its derivative."""
    a, b, n = output(manual.Sigmoid(), z), output(manual.Sigmoid(), -z), z.size if loss.reduction == "mean" else 1
    cost = -((y * np.log(a + epsilon) + (1 - y) * np.log(b + epsilon)).sum() / n)
    return cost, a * b * ((1 - y) / (b + epsilon) - y / (a + epsilon)) / n


COSTS: list[tuple[str, Callable[[Any, Any, Any], tuple[Any, Any]]]] = [
    (f"a convention: {e:g} is added inside the logarithm", lambda f, z, y, e=e, wrong=wrong: wrong(f, z, y, e))
    for e in EPSILONS
    for wrong in (_log_of_softmax, _log_of_sigmoid)
]


def loss_formulas(loss: Loss, prediction: Array, target: Array) -> Formulas:
    """What a loss computes, given prediction and target: "cost" and "delta"."""
    given = {"prediction": prediction, "target": target}

    def right(number: Number) -> Values:
        cost, cache = loss.forward(*as_number(number, given).values())
        return {"cost": cost, "delta": loss.backward(cache)}

    def mistakes(measure: Loss) -> Iterator[Mistake]:
        for cause, wrong in LOSSES:
            yield cause, lambda number, wrong=wrong: {"delta": wrong(measure, *as_number(number, given).values())}
        for cause, both in COSTS:

            def costs(number: Number, both: Callable[..., Any] = both) -> Values:
                cost, delta = both(measure, *as_number(number, given).values())
                return {"cost": cost, "delta": delta}

            yield cause, costs

    return Formulas(right, lambda *_: mistakes(loss), lambda *_: mistakes(blind(loss)))
