"""The certified derivative of a forward pass, by dual numbers over balls.

A dual number carries its derivatives through every operation of the forward (dual.py). Over balls (python-flint's
`arb`) the result is an interval that is proved to hold the true derivative; over rationals (`fmpq`) it is the
derivative itself. The backward under test takes no part: a wrong one, run on balls, would only certify itself.

Source: Johansson, "Arb: efficient arbitrary-precision midpoint-radius interval arithmetic", 2017.
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

import flint
import numpy as np

from manual import InputError, Layer, Loss, Network, Undecided, lift
from manual.layer import check_parts_are_trained, several
from manual.numbers.checks import instance, shown
from manual.numbers.number_types import Array
from torch_ref.comparison.contract import called
from torch_ref.quantities import numbered
from torch_ref.truth.dual import Dual

EXTRA_BITS = 60  # correct beyond float64's 53


def derivative(function: Callable[..., Any], arrays: Mapping[str, Array]) -> tuple[Any, dict[str, Array]]:
    """A scalar function's value, and its certified derivative by every element of every array.

    Args:
        function: takes the arrays by name, as object arrays of numbers, and returns one number.
        arrays: floats, taken exactly; or exact rationals, and then the derivative is exact.

    Raises:
        Undecided: the function decides exactly on an edge (ReLU at 0), or 16 times the precision does not suffice.
    """
    doubt: Exception = Undecided("2,048 bits do not suffice to certify the derivative")
    for bits in (128, 256, 512, 1024, 2048):
        with flint.ctx.workprec(bits):
            try:
                value, slopes = _derivative(function, arrays)
            except Undecided as open_branch:
                doubt = open_branch
                continue
            if all(_certain(number) for number in [value, *slopes]):
                parts = np.split(np.array(slopes, dtype=object), np.cumsum([a.size for a in arrays.values()])[:-1])
                return value, {
                    name: part.reshape(a.shape) for (name, a), part in zip(arrays.items(), parts, strict=True)
                }
    raise doubt


def _derivative(function: Callable[..., Any], arrays: Mapping[str, Array]) -> tuple[Any, list[Any]]:
    size, at, duals = sum(a.size for a in arrays.values()), 0, {}
    for name, a in arrays.items():
        duals[name] = np.empty(a.shape, dtype=object)
        for place, number in np.ndenumerate(exact(a)):
            direction = np.array([type(number)(0)] * size, dtype=object)
            direction[at] = type(number)(1)
            duals[name][place] = Dual(number, direction)
            at += 1
    result = function(**duals)
    return (result.v, [*result.d]) if isinstance(result, Dual) else (result, [flint.fmpq(0)] * size)


def _certain(number: Any) -> bool:
    """Whether a ball is narrow enough: 60 bits beyond float64's, relative to its middle, or 60 below its smallest
    number."""
    if not isinstance(number, flint.arb):
        return True
    below = flint.arb(2) ** (-1074 - EXTRA_BITS)
    return number.is_finite() and (number.rel_accuracy_bits() >= 53 + EXTRA_BITS or abs(number) < below)


def exact(array: Array) -> Array:
    """Floats as balls of no width; exact rationals as they are."""
    return array if array.dtype == object else lift(array, lambda p, q: flint.arb(flint.fmpq(p, q)))


def constants(array: Array) -> Array:
    """The same as dual numbers without a direction: they have the methods that NumPy asks for, and balls have not."""
    nowhere = np.array([], dtype=object)
    return np.vectorize(lambda number: Dual(number, nowhere), otypes=[object])(exact(array))


def lifted(values: Mapping[Any, Any], number: Callable[[Array], Array]) -> dict[Any, Any]:
    """Arrays of floats as arrays of other numbers, by name; others as they are."""
    return {name: number(v) if getattr(v, "dtype", None) and v.dtype.kind == "f" else v for name, v in values.items()}


def layer_truth(layer: Layer, x: Any, delta: Any) -> dict[str, Array]:
    """What `layer.forward(x)` has as its true derivative: ∂(Σ δ·y)/∂x as "dx", and "dp" for each parameter p. Several
    inputs, and several δs, are tuples; see quantities.py. One of integers has no derivative.

    Raises:
        InputError: δ has not the output's shape.
    """
    names, state = [*numbered("x", x)], lifted(layer.state, exact)
    inputs = dict(zip(names, several(x), strict=True))

    def function(**arrays: Array) -> Any:
        own = layer.like(**{name: arrays[name] for name in layer.params}, **state)
        y = several(own.forward(*[arrays.get(name, inputs[name]) for name in names])[0])
        shapes = [np.shape(d) for d in several(delta)]
        if len(y) != len(shapes) or any(
            o.shape != shape for o, shape, d in zip(y, shapes, several(delta), strict=True) if d is not None
        ):
            raise InputError(f"{layer!r}: expected δ of the output's shape {_said([o.shape for o in y])}, got shape "
                             f"{_said(shapes)}")  # fmt: skip
        return sum((exact(d) * o).sum() for d, o in zip(several(delta), y, strict=True) if d is not None)

    moving = {name: a for name, a in inputs.items() if a.dtype.kind in "fO"}
    _, slopes = derivative(function, {**moving, **layer.params})
    return {f"d{name}": slope for name, slope in slopes.items()}


def _said(shapes: list[Any]) -> str:
    return " and ".join(map(str, shapes))


def certify(layer: Any, x: Any, delta: Any = None) -> dict[str, float]:
    """Of a function of torch's tensors, and a list of its inputs: see comparison/functions/certified.py. Of a layer,
    how far the layer's own backward, run in 256 bits, lies from the truth: at most, relative to the largest
    element of "dx" and of "dp" for each parameter p, or, where that is 0, of all of them; infinitely, where all are 0
    and ours is not. Beyond 1e-20 it is another formula.

    It needs no twin, and no tolerance. Several inputs, and several δs, are tuples: "dx0", "dx1". One of integers has
    no derivative.

    Raises:
        Undecided: see `derivative`.
        TypeError: the layer's code does not run on numbers other than floats.
        InputError: x or δ is not an array, or δ has not the output's shape; the layer holds another, which would not be
            trained.
    """
    if _is_function(layer):
        from torch_ref.comparison.functions.certified import certify_function

        return certify_function(layer, x, delta)
    instance("certify", "layer", layer, Layer)
    for name, array in [*(("x", a) for a in several(x)), *(("delta", d) for d in several(delta))]:
        unused = array is None and isinstance(delta, tuple) and name == "delta"
        if not isinstance(array, np.ndarray) and not unused:
            raise InputError(f"certify: expected {name} as an array, got {shown(array)}")
    check_parts_are_trained(layer)
    called(repr(layer), "forward", layer.forward, *[np.copy(a) for a in several(x)])
    truth = layer_truth(layer, x, delta)
    with flint.ctx.workprec(256):
        own = layer.like(**lifted(layer.params | layer.state, constants))
        given, upstream = ([*lifted(dict(enumerate(several(v))), constants).values()] for v in (x, delta))
        back = tuple(upstream) if isinstance(delta, tuple) else upstream[0]
        dx, gradient = called(repr(layer), "backward", own.backward, back, own.forward(*given)[1])
        found = {**numbered("dx", dx), **{f"d{name}": g for name, g in gradient.params.items()}}
        gaps, sizes = {}, {}
        for name, slopes in truth.items():
            values = [number.v if isinstance(number, Dual) else number for number in found[name].ravel()]
            gaps[name] = max(float(abs(a - t).upper()) for a, t in zip(values, slopes.ravel(), strict=True))
            sizes[name] = max(float(abs(t).lower()) for t in slopes.ravel())
    largest = max(sizes.values(), default=0.0)
    units = {name: size or largest for name, size in sizes.items()}
    return {name: gap / units[name] if units[name] else inf if gap else 0.0 for name, gap in gaps.items()}


def _is_function(given: object) -> bool:
    return callable(given) and not isinstance(given, Layer | type)


def loss_truth(loss: Loss, prediction: Array, target: Array, delta: Array | None = None) -> tuple[Any, Array]:
    """The true cost, and the true ∂C/∂prediction; of a cost that is an array, the sum of it by δ and its derivative."""
    known = exact(target) if target.dtype.kind == "f" else target

    def function(prediction: Array) -> Any:
        cost, _ = loss.forward(prediction, known)
        return cost if delta is None else (exact(delta) * cost).sum()

    cost, slopes = derivative(function, {"prediction": prediction})
    return cost, slopes["prediction"]


def network_truth(network: Network, loss: Loss, x: Array, y: Array) -> tuple[Any, dict[str, Array]]:
    """The true cost, and its true derivative by the input ("x") and by every parameter, by torch's names."""
    known = exact(y) if y.dtype.kind == "f" else y

    def function(**arrays: Array) -> Any:
        prediction, _ = network.like(**{name: arrays[name] for name in network.params}).forward(arrays["x"])
        return loss.forward(prediction, known)[0]

    return derivative(function, {"x": x, **network.params})


def distance(floats: Any, truth: Any) -> Array:
    """How far floats lie from the truth, at most: |float − middle| + radius, elementwise."""
    floats, truth = np.asarray(floats), np.asarray(truth, dtype=object)
    with flint.ctx.workprec(2048):
        gaps = [abs(flint.arb(float(f)) - t).upper() for f, t in zip(floats.ravel(), truth.ravel(), strict=True)]
        return np.array([float(gap) for gap in gaps]).reshape(floats.shape)


def ulps(floats: Any, truth: Any) -> Array:
    """The same in units in the last place of the truth, in the floats' own precision."""
    floats = np.asarray(floats)
    middle = np.array([float(flint.arb(t).mid()) for t in np.asarray(truth, dtype=object).ravel()], dtype=floats.dtype)
    with np.errstate(over="ignore"):  # where the truth is 0, and ours is not
        return distance(floats, truth) / np.spacing(np.abs(middle)).reshape(floats.shape)
