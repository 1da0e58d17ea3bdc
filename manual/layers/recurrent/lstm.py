from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from manual.numbers.special import sigmoid
from manual.recurrent import Cell, Recurrent, Run, Steps


class _LSTM(Steps):
    """Keeps a cell from step to step, and lets gates decide what is forgotten, what is added, and what is shown.

        z = W xₜ + b + U hₜ₋₁ + b'                        four maps, one below the other: z = (zᵢ, z_f, z_g, zₒ)
        i = σ(zᵢ),  f = σ(z_f),  g = tanh z_g,  o = σ(zₒ)     the gates, and g, what may be added
        c = f c₋ + i g                                    c₋ = cₜ₋₁: the cell is a sum, not a product, over time
        s = tanh c,  h = o s

    Backwards in time. hₜ goes two ways, to the output yₜ and into step t + 1, and so does cₜ, to hₜ and to cₜ₊₁: what
    comes back by both adds up. With dh = δₜ + what step t + 1 sends back by U, and dc likewise:

        h = o s                        ∂C/∂o = dh s,  ∂C/∂s = dh o
        s = tanh c                     dc ← dc + dh o (1 − s²)            the second way by which c moves the cost
        c = f c₋ + i g                 ∂C/∂f = dc c₋,  ∂C/∂i = dc g,  ∂C/∂g = dc i
        the cell's path                ∂C/∂c₋ = dc f                      no weight and no slope: with f near 1 it goes
                                                                          back undiminished, which is what LSTM is for
        i, f, o = σ(z), g = tanh z     ∂C/∂zᵢ = ∂C/∂i i (1 − i), f and o likewise, ∂C/∂z_g = ∂C/∂g (1 − g²)
        z = U hₜ₋₁ + …                 ∂C/∂hₜ₋₁ = Uᵀ ∂C/∂z

    recurrent.py has the rest: the gradients of W, U, b, b', and ∂C/∂xₜ, from ∂C/∂z of all steps.
    """

    gates, states = 4, 2

    def run(self, a: Array, start: Sequence[Array], U: Array, b: Any) -> Run:
        (h, c), hs, kept, turned = start, [], [], U.T.copy()  # BLAS is quicker at a matrix that lies as it is read
        a = a if b is None else a + b
        for a_t in a:
            z = h.dot(turned)
            z += a_t
            z = z.reshape(len(z), 4, -1).swapaxes(0, 1).copy()  # one gate after the other
            i, f, _, o = sigmoid(z)  # at once, and g's for nothing, is quicker than one by one
            g = np.tanh(z[2])
            before, c = c, f * c + i * g
            s = np.tanh(c)
            h = o * s
            hs.append(h)
            kept.append((i, f, g, o, before, s))
        return Run(np.stack(hs), (h, c), kept)

    def run_back(self, dh: Array, dlast: Sequence[Array], U: Array, cache: Any) -> tuple[Array, Array, Sequence[Array]]:
        (later, dc), dzs = dlast, []
        for delta, (i, f, g, o, before, s) in zip(dh[::-1], cache[::-1], strict=True):
            now = delta + later
            dc = dc + now * o * (1 - s * s)
            di, df, dg, do = dc * g, dc * before, dc * i, now * s
            dz = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)]
            dzs.append(np.concatenate(dz, axis=1))
            later, dc = dzs[-1].dot(U), dc * f
        dz = np.stack(dzs[::-1])
        return dz, dz, (later, dc)


class LSTM(_LSTM, Recurrent, without={"proj_size": 0}):
    """A layer of sequences that remembers over many steps.

        y, h, c = LSTM(x), or LSTM(x, h, c)     y (T, N, D·H): every step's h; h, c: the state after the last step

    The steps are those of _LSTM, their shapes those of Recurrent. (torch gives y, (h, c).)

    Raises:
        InputError: a size or num_layers is not an integer >= 1; bias, batch_first or bidirectional is not a flag; rng
            is not a Generator; the input is not (T, N, in), or (N, T, in) with batch_first, not of the weights' dtype,
            or empty; the state before is not two arrays (layers · D, N, H).
    Source: Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; Gers, Schmidhuber & Cummins, "Learning to Forget",
    2000, the gate f. Same as torch.nn.LSTM on a batch (without dropout and proj_size).
    """


class LSTMCell(_LSTM, Cell):
    """One step of an LSTM.

        h, c = LSTMCell(x), or LSTMCell(x, h, c)     x (N, in), h, c (N, H)

    Raises:
        InputError: a size is not an integer >= 1; bias is not a flag; rng is not a Generator; the input is not (N, in),
            not of the weights' dtype, or empty; the state before is not two arrays (N, H).
    Source: see LSTM. Same as torch.nn.LSTMCell on a batch.
    """


def examples(rng: np.random.Generator) -> Iterator[tuple[LSTM | LSTMCell, Any]]:
    two = rng.standard_normal((2, 4, 3, 2))
    yield LSTM(3, 2, rng=rng), rng.standard_normal((4, 2, 3))
    yield LSTM(2, 2, 2, batch_first=True, bidirectional=True, rng=rng), (rng.standard_normal((3, 2, 2)), *two)
    yield LSTM(3, 2, bias=False, rng=rng), rng.standard_normal((2, 1, 3))
    yield LSTMCell(3, 2, rng=rng), (rng.standard_normal((2, 3)), *two[:, 0, :2])
    yield LSTMCell(3, 2, bias=False, rng=rng), rng.standard_normal((2, 3))
