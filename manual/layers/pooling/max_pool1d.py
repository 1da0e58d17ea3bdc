from collections.abc import Iterator
from dataclasses import KW_ONLY

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import Flag, InputError, Size, floats, mismatch, whole
from manual.numbers.number_types import Array, greater
from manual.numbers.one_example import takes_one
from manual.numbers.windows import windows_along


@takes_one(3)
class MaxPool1d(Layer, without={"dilation": 1, "return_indices": False}):
    """The largest number of each window of each channel of a sequence.

        y[c,i] = max_u a[c, s·i + u − p]              what lies outside of the sequence never wins

        a (N, C, L), y (N, C, I), I = ⌊(L + 2p − U)/s⌋ + 1

        ∂C/∂a[c,x] = Σ δ[c,i], over the windows i that place x won: y moves with it there, and with no other

    In a tie the first wins, as in torch: a place takes the lead if it is greater than all before it, and the last
    to take the lead wins. (A NaN wins; of several, the last.) With ceil_mode I is rounded up: a last window may reach
    beyond the end. One sequence (C, L) is a batch of one.

    Raises:
        InputError: kernel_size U or stride s (None: the kernel's size) is not an integer >= 1, padding p not one from 0
            to half the kernel; ceil_mode is not a flag; the input is not (N, C, L), not of floats, or shorter than the
            kernel.
        Undecided: numbers that leave open which is the greater.
    Source: Ranzato et al., "Unsupervised Learning of Invariant Feature Hierarchies", 2007. Same as torch.nn.MaxPool1d
    (without dilation and return_indices).
    """

    kernel_size: Size
    stride: int | None = None
    padding: int = 0
    _: KW_ONLY
    ceil_mode: Flag = False

    def __post_init__(self) -> None:
        self._kernel = self.kernel_size
        self._stride = self._kernel if self.stride is None else whole(self, "stride", self.stride, 1)
        if 2 * whole(self, "padding", self.padding, 0) > self._kernel:
            raise InputError(f"MaxPool1d: padding must be at most half of kernel_size {self.kernel_size}, "
                             f"got {self.padding}")

    def forward(self, a: Array, /) -> tuple[Array, tuple[tuple[int, ...], Array]]:
        floats(self, a)
        if a.ndim != 3:
            raise mismatch(self, "(N, C, L)", "float", a)
        size = windows_along(a.shape[2], self._kernel, self._stride, self.padding, self.ceil_mode)
        if size < 1 or not a.shape[2]:
            raise InputError(f"{self!r}: expected sequences of at least the kernel's size, with their padding, "
                             f"got {a.shape[2]}")
        places = np.arange(size) * self._stride - self.padding  # of the first place of every window
        inside = np.clip(places, 0, a.shape[2] - 1)  # outside, the edge again, which changes no maximum
        y = a[:, :, inside]
        winner = np.zeros(y.shape, int) + inside
        for u in range(1, self._kernel):
            inside = np.clip(places + u, 0, a.shape[2] - 1)
            place = a[:, :, inside]
            winner = np.where(greater(place, y) | _nan(place), inside, winner)
            y = np.maximum(y, place)
        return y, (a.shape, winner)

    def backward(self, delta: Array, cache: tuple[tuple[int, ...], Array], /) -> tuple[Array, "MaxPool1d"]:
        shape, winner = cache
        da = np.zeros_like(delta, shape=shape)
        n, c, _ = np.ogrid[tuple(map(slice, winner.shape))]
        np.add.at(da, (n, c, winner), delta)
        return da, self


def _nan(place: Array) -> Array | bool:
    return np.isnan(place) if isinstance(place, np.ndarray) and place.dtype.kind == "f" else False


def examples(rng: np.random.Generator) -> Iterator[tuple[MaxPool1d, Array]]:
    yield MaxPool1d(2), rng.standard_normal((2, 3, 5))
    yield MaxPool1d(3, stride=1, padding=1), rng.standard_normal((2, 2, 4))
    yield MaxPool1d(2, ceil_mode=True), rng.standard_normal((1, 2, 5))
    yield MaxPool1d(4, stride=3, padding=2), rng.standard_normal((1, 2, 6))
