from collections.abc import Iterator
from itertools import product

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import InputError, floats, mismatch, whole
from manual.numbers.number_types import Array
from manual.numbers.one_example import takes_one

Size = int | tuple[int | None, int | None]


@takes_one(4)
class AdaptiveAvgPool2d(Layer):
    """The mean of each of I·J windows that share out the picture, whatever its size: as a head before a Linear.

        y[c,i,j] = mean of a[c,x,y] over ⌊iH/I⌋ ≤ x < ⌈(i+1)H/I⌉, and y likewise

        a (N, C, H, W), y (N, C, I, J); windows overlap where I does not divide H, and a pixel may lie in several

        ∂C/∂a[c,x,y] = Σ δ[c,i,j] / (pixels of the window i, j), over the windows that pixel x, y lies in

    output_size is an integer or a pair for rows and columns, of which None is the picture's own. One picture
    (C, H, W) is a batch of one.

    Raises:
        InputError: output_size is neither an integer >= 1 nor a pair of them or None; the input is not (N, C, H, W),
            empty, or not of floats.
    Source: Lin, Chen & Yan, "Network In Network", 2014, section 3.2, for one window. Same as
    torch.nn.AdaptiveAvgPool2d.
    """

    output_size: Size

    def __post_init__(self) -> None:
        given = self.output_size
        if isinstance(given, tuple | list) and len(given) != 2:
            raise InputError(f"AdaptiveAvgPool2d: output_size must be an integer or a pair, got {given!r}")
        sizes = tuple(given) if isinstance(given, tuple | list) else (given, given)
        self._sizes = tuple(n if n is None else whole(self, "output_size", n, 1) for n in sizes)

    def forward(self, a: Array, /) -> tuple[Array, Array]:
        floats(self, a)
        if a.ndim != 4 or not a.size:
            raise mismatch(self, "(N, C, H, W)", "float", a)
        rows, columns = self._windows(a.shape)
        y = np.zeros_like(a, shape=(*a.shape[:2], len(rows), len(columns)))
        for (i, p), (j, q) in product(enumerate(rows), enumerate(columns)):
            y[:, :, i, j] = a[:, :, p, q].sum(axis=(2, 3)) / ((p.stop - p.start) * (q.stop - q.start))
        return y, a

    def backward(self, delta: Array, a: Array, /) -> tuple[Array, "AdaptiveAvgPool2d"]:
        rows, columns = self._windows(a.shape)
        da = np.zeros_like(a)
        for (i, p), (j, q) in product(enumerate(rows), enumerate(columns)):
            part = delta[:, :, i, j] / ((p.stop - p.start) * (q.stop - q.start))
            da[:, :, p, q] += part[:, :, None, None]
        return da, self

    def _windows(self, shape: tuple[int, ...]) -> tuple[list[slice], list[slice]]:
        """The rows, and the columns, of the windows."""
        return tuple(
            [slice(i * n // parts, -(-(i + 1) * n // parts)) for i in range(parts)]
            for n, parts in zip(shape[2:], (k or n for k, n in zip(self._sizes, shape[2:], strict=True)), strict=True)
        )  # pyright: ignore[reportReturnType]


def examples(rng: np.random.Generator) -> Iterator[tuple[AdaptiveAvgPool2d, Array]]:
    yield AdaptiveAvgPool2d(1), rng.standard_normal((2, 3, 3, 2))
    yield AdaptiveAvgPool2d((2, 3)), rng.standard_normal((2, 1, 5, 4))  # windows that overlap
    yield AdaptiveAvgPool2d((None, 3)), rng.standard_normal((1, 2, 2, 2))  # more windows than columns
