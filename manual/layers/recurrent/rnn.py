from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from manual.numbers.checks import InputError
from manual.numbers.number_types import Array, nonpositive, positive_part
from manual.recurrent import Cell, Recurrent, Run, Steps


class _RNN(Steps):
    """Adds to what it sees what the step before has left.

        hₜ = φ(zₜ),  zₜ = W xₜ + b + U hₜ₋₁ + b'          φ = tanh, or ReLU with nonlinearity="relu"

    Backwards in time. hₜ goes two ways, to the output yₜ and into step t + 1, so what comes back by both adds up, and
    the last step is the first whose ∂C/∂h is known:

        ∂C/∂hₜ = δₜ + Uᵀ ∂C/∂zₜ₊₁                         after the last step: δ of the last state
        ∂C/∂zₜ = ∂C/∂hₜ φ'(zₜ)                            1 − hₜ² of tanh, [zₜ > 0] of ReLU

    From step to step it is multiplied by Uᵀ and φ', so that over many steps it vanishes or explodes: Bengio, Simard &
    Frasconi, "Learning Long-Term Dependencies with Gradient Descent Is Difficult", 1994.
    recurrent.py has the rest: the gradients of W, U, b, b', and ∂C/∂xₜ, from ∂C/∂z of all steps.
    """

    nonlinearity: str = "tanh"

    def run(self, a: Array, start: Sequence[Array], U: Array, b: Any) -> Run:
        (h,), hs, slopes = start, [], []
        a = a if b is None else a + b
        for a_t in a:
            z = a_t + h.dot(U.T)
            if self.nonlinearity == "relu":
                slope, h = ~nonpositive(z), positive_part(z)
            else:
                h = np.tanh(z)
                slope = 1 - h * h
            hs.append(h)
            slopes.append(slope)
        return Run(np.stack(hs), (h,), slopes)

    def run_back(self, dh: Array, dlast: Sequence[Array], U: Array, cache: Any) -> tuple[Array, Array, Sequence[Array]]:
        (later,), dzs = dlast, []
        for delta, slope in zip(dh[::-1], cache[::-1], strict=True):
            dzs.append((delta + later) * slope)
            later = dzs[-1].dot(U)
        dz = np.stack(dzs[::-1])
        return dz, dz, (later,)

    def __post_init__(self, rng: np.random.Generator) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        if not isinstance(self.nonlinearity, str) or self.nonlinearity not in ("tanh", "relu"):
            raise InputError(f"{type(self).__name__}: nonlinearity must be 'tanh' or 'relu', got {self.nonlinearity!r}")
        super().__post_init__(rng)  # pyright: ignore[reportAttributeAccessIssue]


class RNN(_RNN, Recurrent):
    """The plain layer of sequences.

        y, h = RNN(x), or RNN(x, h)             y (T, N, D·H): every step's h; h: the state after the last step

    The steps are those of _RNN, their shapes those of Recurrent.

    Raises:
        InputError: a size or num_layers is not an integer >= 1; nonlinearity is neither "tanh" nor "relu"; bias,
            batch_first or bidirectional is not a flag; rng is not a Generator; the input is not (T, N, in), or (N, T,
            in) with batch_first, not of the weights' dtype, or empty; the state before is not one array (layers · D, N,
            H).
    Source: Elman, "Finding Structure in Time", 1990; Werbos, "Backpropagation Through Time: What It Does and How to Do
    It", 1990. Same as torch.nn.RNN on a batch (without dropout).
    """


class RNNCell(_RNN, Cell):
    """One step of an RNN.

        h = RNNCell(x), or RNNCell(x, h)        x (N, in), h (N, H)

    Raises:
        InputError: a size is not an integer >= 1; nonlinearity is neither "tanh" nor "relu"; bias is not a flag; rng is
            no generator; the input is not (N, in), not of the weights' dtype, or empty; the state before is not (N, H).
    Source: see RNN. Same as torch.nn.RNNCell on a batch.
    """


def examples(rng: np.random.Generator) -> Iterator[tuple[RNN | RNNCell, Any]]:
    h = rng.standard_normal((4, 3, 2))
    yield RNN(3, 2, rng=rng), rng.standard_normal((4, 2, 3))
    yield RNN(2, 2, 2, batch_first=True, bidirectional=True, rng=rng), (rng.standard_normal((3, 2, 2)), h)
    yield RNN(2, 3, nonlinearity="relu", bias=False, rng=rng), rng.standard_normal((4, 2, 2))
    yield RNNCell(3, 2, rng=rng), (rng.standard_normal((3, 3)), h[0])
    yield RNNCell(3, 2, nonlinearity="relu", rng=rng), (rng.standard_normal((6, 3)), rng.standard_normal((6, 2)))
