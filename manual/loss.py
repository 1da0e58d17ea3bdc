"""The contract of a loss.

    cost, cache = loss.forward(prediction, target)
    delta       = loss.backward(cache)             ∂C/∂prediction: what equation 1 starts from
    delta       = loss.backward(cache, delta)      where the cost is one of several, or with reduction="none" an array

A loss has a cost for each number, or each example. `reduction` says what becomes of them: "mean", "sum", or "none",
which hands them on as they are; δ then has their shape.
"""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np

from manual.described import Settable
from manual.numbers.checks import InputError, mismatch, numbers, one_of, shown
from manual.numbers.number_types import Array


class Loss(Settable, without={"size_average": None, "reduce": None}):
    """A scalar function of a prediction and its target, or with reduction="none" one for each of its numbers."""

    def forward(self, prediction: Array, target: Array, /) -> tuple[Any, Any]:
        """(cost, cache)."""
        raise NotImplementedError

    def backward(self, cache: Any, delta: Any = 1, /) -> Array:
        """∂C/∂prediction, of the prediction's shape and dtype, for δ = ∂C/∂cost."""
        raise NotImplementedError


Reduction = Annotated[str, one_of("mean", "sum", "none")]
Kind = TypeVar("Kind", bound=type[Loss])


class _One(NamedTuple):
    """The cache of one example."""

    cache: Any


def takes_one_prediction(axes: int) -> Callable[[Kind], Kind]:
    """Let a loss whose predictions have at least so many axes take one that lacks the first, that of the batch, as
    torch's do: it is a batch of one."""

    def decorate(kind: Kind) -> Kind:
        whole_forward: Any = kind.forward
        whole_backward: Any = kind.backward

        @wraps(whole_forward)
        def forward(loss: Loss, prediction: Any, target: Any, /) -> tuple[Any, Any]:
            given = (prediction, target)
            arrays = all(isinstance(getattr(a, "dtype", None), np.dtype) for a in given)
            if not arrays or prediction.ndim != axes - 1 or any(isinstance(a, np.generic | np.matrix) for a in given):
                return whole_forward(loss, prediction, target)
            cost, cache = whole_forward(loss, *(a[None] for a in given))
            return cost[0] if np.ndim(cost) else cost, _One(cache)

        @wraps(whole_backward)
        def backward(loss: Loss, cache: Any, delta: Any = 1, /) -> Array:
            if not isinstance(cache, _One):
                return whole_backward(loss, cache, delta)
            delta = delta[None] if hasattr(delta, "ndim") else delta
            return whole_backward(loss, cache.cache, delta)[0]

        for method in (forward, backward):
            setattr(kind, method.__name__, method)
        return kind

    return decorate


def broadcastable(loss: Loss, name: str, weight: Any, z: Array) -> Any:
    """A weight of z's dtype, that broadcasts to z's shape; 1 for None.

    Raises:
        InputError: it does not fit.
    """
    if weight is None:
        return 1
    fits = zip(weight.shape[::-1], z.shape[::-1], strict=False)
    if weight.ndim > z.ndim or any(own not in (1, n) for own, n in fits):
        raise InputError(f"{loss!r}: expected a {name} that broadcasts to {z.shape}, got shape {weight.shape}")
    return weight.astype(z.dtype) if z.dtype.kind == "f" else weight


def reduced(loss: Any, costs: Array, count: Any = None) -> tuple[Any, Any]:
    """(cost, n): the costs, their sum, or their mean over `count`, which is how many there are; n divides each."""
    if loss.reduction == "none":
        return costs, 1
    n = 1 if loss.reduction == "sum" else costs.size if count is None else count
    return costs.sum() / n, n or 1  # where nothing counts the cost is 0/0, and nobody is to blame


def times_upstream(slope: Array, delta: Any, n: Any) -> Array:
    """δ slope / n: what a number's slope becomes where its cost was divided by n, and has the derivative δ."""
    return slope / n if isinstance(delta, int) and delta == 1 else delta * slope / n


def check_alike(loss: Loss, prediction: Array, target: Array) -> None:
    """Raise InputError unless target and prediction are of one shape and floating dtype: nothing is broadcast."""
    check_arrays(loss, prediction, target)
    if target.shape != prediction.shape or target.dtype != prediction.dtype:
        raise mismatch(loss, f"{prediction.shape}, like the prediction,", prediction.dtype, target)
    if not prediction.size:
        raise InputError(f"{loss!r}: expected at least one example, got an empty batch of shape {prediction.shape}")


def check_arrays(loss: Loss, prediction: Array, target: Array) -> None:
    """Raise InputError unless both are arrays with at least one axis, and the prediction is of floats."""
    arrays = type(prediction) is type(target) is np.ndarray
    if arrays and prediction.ndim and target.ndim and prediction.dtype.kind == "f":
        return
    for name, array in (("prediction", prediction), ("target", target)):
        if not isinstance(getattr(array, "dtype", None), np.dtype) or isinstance(array, np.matrix) or not array.shape:
            raise InputError(f"{loss!r}: expected the {name} as an array with an example a row, got {shown(array)}")
        numbers(loss, array)
    if prediction.dtype.kind not in "fO":
        raise InputError(f"{loss!r}: expected the prediction in a floating-point dtype, got {prediction.dtype}")
