"""The derived errors of what a layer, a loss, a penalty or an optimizer gives: its own code, run on `Bounded`."""

from copy import deepcopy
from typing import Any

import numpy as np

from manual import InputError, Layer, Loss, Optimizer, Penalty
from manual.layer import several
from manual.numbers.number_types import Array
from torch_ref.quantities import numbered
from torch_ref.tolerance.bounded import Bounded


def exact(array: Array) -> Bounded:
    """An array taken as exact.

    Raises:
        InputError: it is of neither float32 nor float64; for float16 and others no tolerance is derived.
    """
    if array.dtype not in (np.float32, np.float64):
        raise InputError(
            f"tolerance: expected an array of float32 or float64, got {array.dtype}, for which none is derived"
        )
    return Bounded(array, array.dtype)


def bounded(values: dict[Any, Any]) -> dict[Any, Any]:
    """Arrays of floats taken as exact, by name; other values as they are."""
    return {name: exact(v) if getattr(v, "dtype", np.dtype(object)).kind == "f" else v for name, v in values.items()}


def all_exact(values: Any) -> Any:
    """The inputs, or the δs, of a layer, taken as exact: one array or a tuple of them."""
    exact_ones = tuple(bounded(dict(enumerate(several(values)))).values())
    return exact_ones if isinstance(values, tuple) else exact_ones[0]


def layer_bounds(layer: Layer, x: Any, delta: Any) -> dict[str, Bounded]:
    """The layer's "y", "dx" and "dp" for each parameter p, and the state that it leaves, given x and δ exactly; of
    several inputs or outputs, see quantities.py. Where δ has another shape than the output, "y" alone."""
    state = {name: s.copy() for name, s in layer.state.items()}
    layer = layer.like(**bounded(layer.params | state))
    y, cache = layer.forward(*several(all_exact(x)))
    pairs = zip(several(y), several(delta), strict=False)
    if any(d is not None and np.shape(o) != np.shape(d) for o, d in pairs):
        return numbered("y", y)
    dx, gradient = layer.backward(all_exact(delta), cache)
    found = {**numbered("y", y), **numbered("dx", dx), **{f"d{name}": g for name, g in gradient.params.items()}}
    if state:
        layer.commit(cache)
    return found | layer.state  # pyright: ignore[reportReturnType]


def loss_bounds(loss: Loss, prediction: Array, target: Array, delta: Array | None = None) -> dict[str, Bounded]:
    """The loss's "cost" and "delta", given prediction and target exactly, and the δ of a cost that is an array."""
    given = bounded({"prediction": prediction, "target": target, "delta": delta})
    cost, cache = loss.forward(given["prediction"], given["target"])
    back = loss.backward(cache) if delta is None else loss.backward(cache, given["delta"])
    return {"cost": cost, "delta": back}  # pyright: ignore[reportReturnType]


def penalty_bounds(penalty: Penalty, network: Layer) -> dict[str, Bounded]:
    """The penalty's "cost", and "dp" for each parameter p, given the parameters exactly."""
    cost, cache = penalty.forward(network.like(**bounded(network.params)))
    return {"cost": cost, **{f"d{name}": g for name, g in penalty.backward(cache).params.items()}}  # pyright: ignore[reportReturnType]


def update_bounds(
    optimizer: Optimizer, layer: Layer, gradient: dict[str, Array], state: dict[str, dict[str, Any]]
) -> dict[str, Bounded]:
    """One step's new parameters, "p", and state, "p, key", given everything before it exactly."""
    moved, optimizer = layer.like(**bounded(layer.params)), deepcopy(optimizer)
    optimizer.state = {
        name: bounded({k: v if k != "step" else int(v) for k, v in values.items()}) for name, values in state.items()
    }
    optimizer.step(moved, layer.like(**bounded(gradient)))
    kept = {
        f"{name}, {key}": v for name, values in optimizer.state.items() for key, v in values.items() if key != "step"
    }
    return {**kept, **moved.params}  # pyright: ignore[reportReturnType]
