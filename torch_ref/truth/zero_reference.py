"""Whether a gradient is 0 because it must be, so that zeros are right.

A reference of zeros tells nothing: a backward that was never written gives zeros too. But the bias before a
normalisation, or the input of a softmax over one number, has no influence at all, and then 0 is the truth. It is
taken for that only where

- the certified derivative, along a random direction, is 0 on every draw of the inputs. Over rationals that is exact.
  Over balls it is known to 2^−BITS alone: every ball holds 0 and is no wider. No ball shows that a number is 0; a
  smaller one would pass.
- no decision was dead: each line of code that decides fell both ways in some draw. A ReLU that was off on all of them
  would hide a gradient that there is.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import flint
import numpy as np

from manual import Layer, Loss, lift
from manual.layer import several
from manual.numbers.number_types import Array
from torch_ref.quantities import numbered
from torch_ref.truth.certify import derivative, exact
from torch_ref.truth.decisions import Site, decisions

ZERO = "the derivative is 0, certified on several draws"
BITS = 200
DRAWS = 8
MOST = 20_000
"""Numbers that a certified forward may be given, at most."""


def why_not_zero(function: Callable[..., Any], draws: Iterable[Mapping[str, Array]], name: str) -> str:
    """ "" if the derivative of a function by the array `name` is 0 on every draw; else why that is not known.

    Args:
        function: takes the arrays by name, of floats or as object arrays of numbers, and returns one number.
        draws: arrays of floats by name; several, and different ones. (Arrays of integers are handed on as they are.)
    """
    seen: dict[Site, set[bool]] = {}
    rng = np.random.default_rng(1)
    for arrays in draws:
        if sum(a.size for a in arrays.values()) > MOST:
            return "it is too large to certify"
        way = rng.standard_normal(arrays[name].shape)
        with decisions() as taken:
            try:
                if _moves(function, arrays, name, way) or _slopes(function, arrays, name, way):
                    return "its derivative is not 0"
            except (ArithmeticError, AttributeError, TypeError, ValueError) as error:  # Undecided is one
                return f"its derivative cannot be certified: {error}"
        for site, fell in taken:
            seen.setdefault(site, set()).add(fell)
    return "a decision fell the same way on every draw" if any(len(ways) == 1 for ways in seen.values()) else ""


def _moves(function: Callable[..., Any], arrays: Mapping[str, Array], name: str, way: Array) -> bool:
    """Whether the value on floats moves along the way by more than rounding: then the derivative is not 0, cheaply
    known."""
    step = 2.0**-14
    with np.errstate(all="ignore"):
        start, end = (function(**{**arrays, name: arrays[name] + t * way}) for t in (0, step))
    return bool(abs(end - start) > step**2 * (1 + abs(start) + abs(end)))


def _slopes(function: Callable[..., Any], arrays: Mapping[str, Array], name: str, way: Array) -> bool:
    """Whether the derivative along the way is not 0, over rationals; or, over balls, may be above 2^−BITS."""

    def along(number: Callable[[Array], Array]) -> Any:
        given = {n: number(a) if a.dtype.kind == "f" else a for n, a in arrays.items()}
        start, direction = given.pop(name), number(way)
        _, slopes = derivative(lambda t: function(**given, **{name: start + direction * t}), {"t": number(np.zeros(1))})
        return slopes["t"][0]

    try:
        return bool(along(lambda a: lift(a, flint.fmpq)) != 0)
    except (AttributeError, TypeError):  # no rational function: it has a root, or an exponential
        with flint.ctx.workprec(2 * BITS):
            return not abs(flint.arb(along(exact))) < flint.arb(2) ** -BITS


def zero_of_layer(layer: Layer, x: Any, quantity: str) -> str:
    """`why_not_zero` of a layer's "dx" or "dp", on draws of its inputs, δ and parameters."""
    if not quantity.startswith("d"):
        return "it is not a gradient"
    inputs = numbered("x", x)

    def function(**arrays: Any) -> Any:
        own = layer.like(**{name: arrays[name] for name in layer.params})
        y = several(own.forward(*[arrays[name] for name in inputs])[0])
        return sum((arrays[f" delta{i}"] * o).sum() for i, o in enumerate(y))

    def draws() -> Iterable[dict[str, Array]]:
        rng = np.random.default_rng(0)
        for _ in range(DRAWS):
            given = {name: rng.standard_normal(a.shape) if a.dtype.kind == "f" else a for name, a in inputs.items()}
            params = {name: rng.standard_normal(p.shape) for name, p in layer.params.items()}
            y = several(layer.like(**params).forward(*given.values())[0])
            deltas = {f" delta{i}": rng.standard_normal(np.shape(o)) for i, o in enumerate(y)}
            yield {**given, **deltas, **params}

    return why_not_zero(function, draws(), quantity.removesuffix(", by gradient()").removeprefix("d"))


def zero_of_loss(loss: Loss, prediction: Array, target: Array, quantity: str) -> str:
    """`why_not_zero` of a loss's "delta", on draws of the prediction and of a target of floats."""
    if quantity == "cost":
        return "it is not a gradient"
    rng = np.random.default_rng(0)
    draws = [
        {
            "prediction": rng.standard_normal(prediction.shape),
            "target": rng.standard_normal(target.shape) if target.dtype.kind == "f" else target,
        }
        for _ in range(DRAWS)
    ]
    weights = rng.standard_normal(np.shape(loss.forward(prediction, target)[0]))

    def function(prediction: Array, target: Array) -> Any:
        cost = loss.forward(prediction, target)[0]
        return (weights * cost).sum() if weights.ndim else cost

    return why_not_zero(function, draws, "prediction")
