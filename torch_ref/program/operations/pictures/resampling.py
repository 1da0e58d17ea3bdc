"""Pictures of another size: each axis for itself is a product with a matrix of weights, (out, in), and the backward of
it a product with the transposed ones.

Source: Keys, "Cubic convolution interpolation for digital image processing", 1981, for the bicubic weights, with
torch's a = −¾.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple

import flint
import numpy as np

from manual.numbers.number_types import Array
from torch_ref.program.operations.arithmetic import product
from torch_ref.tolerance.bounded import Bounded

A = Fraction(-3, 4)
CUBIC = 8 * 36
"""Eight roundings of the cubic's terms, whose magnitudes add up to 36 at most."""
HALF = Fraction(1, 2)


class Weights(NamedTuple):
    """The weights of one axis, exactly; and how many units of rounding each may be off as torch computes it."""

    exact: Array
    off: Array

    def numbers(self, like: Any) -> Any:
        """As numbers of the kind that x has."""
        values = np.vectorize(float, otypes=[np.float64])(self.exact)
        if isinstance(like, Bounded):
            return Bounded(values, like.dtype, self.off * float(np.finfo(like.dtype).eps) / 2)
        return np.vectorize(lambda w: flint.arb(flint.fmpq(w.numerator, w.denominator)), otypes=[object])(self.exact)


Make = Callable[[int, int, Any], Weights]
"""Makes the weights of one axis of its size, of that asked for, and of what is said of its scale."""


def resampled(x: Any, every: Sequence[Weights], back: bool = False) -> Any:
    """x, (…, in, …), with its last axes as long as the weights make them; `back` is the transposed."""
    first = x.ndim - len(every)
    for axis, weights in enumerate(every, first):
        w = weights.numbers(x)
        rows = np.swapaxes(x, axis, -1)
        flat = product(rows.reshape(-1, rows.shape[-1]), w if back else np.swapaxes(w, 0, 1))
        x = np.swapaxes(flat.reshape(*rows.shape[:-1], flat.shape[-1]), axis, -1)
    return x


def _table(size: int, new: int, row: Callable[[int], dict[int, Fraction]], off: float, reach: float = 0) -> Weights:
    """Of every new place the weights of the old ones; `off` holds for those within reach of one that is not 0."""
    exact, errors = np.full((new, size), Fraction(0), dtype=object), np.zeros((new, size))
    for o in range(new):
        for i, w in row(o).items():
            exact[o, i] += w
            errors[o, max(0, ceil(i - reach)) : floor(i + reach) + 1] = off
    return Weights(exact, errors)


def averaging(size: int, new: int, _: Any = None) -> Weights:
    """The mean of those from ⌊o·in/out⌋ to ⌈(o + 1)·in/out⌉."""

    def row(o: int) -> dict[int, Fraction]:
        inside = range(o * size // new, -(-(o + 1) * size // new))
        return {i: Fraction(1, len(inside)) for i in inside}

    return _table(size, new, row, off=2)


def nearest(shift: float) -> Make:
    """The one at ⌊(o + shift)·in/out⌋, which torch decides in float32."""

    def make(size: int, new: int, scale: float | None = None) -> Weights:
        step = np.float32(1 / scale if scale else size / new)
        row = lambda o: {min(int(np.float32(o + shift) * step), size - 1): Fraction(1)}  # noqa: E731
        return _table(size, new, row, off=0)

    return make


def _step(size: int, new: int, scale: float | None, corners: bool) -> Fraction:
    if corners:
        return Fraction(size - 1, new - 1) if new > 1 else Fraction(0)
    return 1 / Fraction(scale) if scale else Fraction(size, new)


def linear(size: int, new: int, scale: float | None, corners: bool = False) -> Weights:
    """Between the two neighbours of o·step, or of (o + ½)·step − ½ where corners are not kept."""
    step = _step(size, new, scale, corners)

    def row(o: int) -> dict[int, Fraction]:
        at = o * step if corners else max((o + HALF) * step - HALF, Fraction(0))
        low = min(floor(at), size - 1)
        part = at - low if low < size - 1 else Fraction(0)
        return {low: 1 - part} | ({low + 1: part} if low < size - 1 else {})

    return _table(size, new, row, off=8 * (size + 1), reach=1)


def cubic(size: int, new: int, scale: float | None, corners: bool = False) -> Weights:
    """Four neighbours, by a piecewise cubic; beyond the edge stands the edge."""
    step = _step(size, new, scale, corners)

    def weight(t: Fraction) -> Fraction:
        t = abs(t)
        if t <= 1:
            return ((A + 2) * t - (A + 3)) * t * t + 1
        return ((t - 5) * t + 8) * t * A - 4 * A if t < 2 else Fraction(0)

    def row(o: int) -> dict[int, Fraction]:
        at = o * step if corners else (o + HALF) * step - HALF
        found: dict[int, Fraction] = {}
        for i in range(floor(at) - 1, floor(at) + 3):
            inside = min(max(i, 0), size - 1)
            found[inside] = found.get(inside, Fraction(0)) + weight(at - i)
        return found

    return _table(size, new, row, off=4 * CUBIC + 32 * (size + 1), reach=1)


def antialiased(size: int, new: int, scale: float | None, corners: bool = False) -> Weights:
    """A triangle as wide as a new pixel, around its middle, divided by the sum of its weights."""
    step = _step(size, new, scale, corners)
    wide = max(step, Fraction(1))

    def row(o: int) -> dict[int, Fraction]:
        middle = (o + HALF) * step
        low, high = max(floor(middle - wide + HALF), 0), min(floor(middle + wide + HALF), size)
        found = {i: max(Fraction(0), 1 - abs((i - middle + HALF) / wide)) for i in range(low, high)}
        total = sum(found.values(), Fraction(0))
        return {i: w / total for i, w in found.items()}

    return _table(size, new, row, off=16 * (size + 1), reach=1)


def edge(size: int, margins: tuple[int, int]) -> Weights:
    """The axis with the number at either end repeated beyond it."""
    low, high = margins
    return _table(size, low + size + high, lambda o: {min(max(o - low, 0), size - 1): Fraction(1)}, off=0)


def adaptive(x: Any, size: Any) -> Any:
    """The means that make a picture of this size."""
    sides = x.shape[-len(size) :]
    return resampled(x, [averaging(n, m) for n, m in zip(sides, size, strict=True)])


def adaptive_backward(axes: int) -> Callable[..., Any]:
    """Its backward, over so many axes."""
    return lambda delta, x: resampled(
        delta, [averaging(n, m) for n, m in zip(x.shape[-axes:], delta.shape[-axes:], strict=True)], back=True
    )


def interpolation(make: Any, corners: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The rule of an upsampling, and that of its backward; `corners`: whether it is told if corners are kept."""

    def every(old: Any, new: Any, how: Sequence[Any]) -> list[Weights]:
        said, scales = how[:corners], [*how[corners:]]
        scales += [None] * (len(new) - len(scales))
        return [make(n, m, s, *said) for n, m, s in zip(old, new, scales, strict=True)]

    def forward(x: Any, size: Any, *how: Any) -> Any:
        return resampled(x, every(x.shape[2:], size, how))

    def backward(delta: Any, size: Any, shape: Any, *how: Any) -> Any:
        return resampled(delta, every(shape[2:], size, how), back=True)

    return forward, backward


def edge_backward(delta: Any, x: Any, pad: Any) -> Any:
    """The backward of repeating the edges: `pad` is of the last axis first, below and above."""
    axes = len(pad) // 2
    pairs = [(pad[2 * i], pad[2 * i + 1]) for i in reversed(range(axes))]
    return resampled(delta, [edge(n, pair) for n, pair in zip(x.shape[-axes:], pairs, strict=True)], back=True)


INTERPOLATED = {
    **{f"upsample_nearest{n}d": (nearest(0), False) for n in (1, 2, 3)},
    **{f"_upsample_nearest_exact{n}d": (nearest(0.5), False) for n in (1, 2, 3)},
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), (linear, True)),
    "upsample_bicubic2d": (cubic, True),
    "_upsample_bilinear2d_aa": (antialiased, True),
}
RESAMPLING: dict[str, Callable[..., Any]] = {
    **{name: interpolation(*how)[0] for name, how in INTERPOLATED.items()},
    **{f"{name}_backward": interpolation(*how)[1] for name, how in INTERPOLATED.items()},
    **{f"_adaptive_avg_pool{n}d": adaptive for n in (2, 3)},
    **{f"_adaptive_avg_pool{n}d_backward": adaptive_backward(n) for n in (2, 3)},
    **{f"replication_pad{n}d_backward": edge_backward for n in (1, 2, 3)},
}
