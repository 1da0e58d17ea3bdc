from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from manual.numbers.special import sigmoid
from manual.recurrent import Cell, Recurrent, Run, Steps


class _GRU(Steps):
    """Moves its state towards a new one: one gate says how much of the old one stays, another how much of it the
    new one sees.

        a = W xₜ + b,  u = U hₜ₋₁ + b'                three maps each, one below the other: (r, z, n)
        r = σ(a_r + u_r),  z = σ(a_z + u_z)           the gates: reset, and update
        n = tanh(aₙ + r uₙ)                           the new state; r closes what comes from the old one
        h = n + z (h₋ − n)                            = (1 − z) n + z h₋,  h₋ = hₜ₋₁

    Backwards in time. hₜ goes two ways, to the output yₜ and into step t + 1: dh = δₜ + what step t + 1 sends back.

        h = n + z (h₋ − n)             ∂C/∂z = dh (h₋ − n),  ∂C/∂n = dh − z dh,  and past the gates ∂C/∂h₋ = z dh
        n = tanh(aₙ + r uₙ)            ∂C/∂aₙ = ∂C/∂n (1 − n²),  ∂C/∂uₙ = ∂C/∂aₙ r,  ∂C/∂r = ∂C/∂aₙ uₙ
        r, z = σ(a + u)                ∂C/∂a_r = ∂C/∂u_r = ∂C/∂r r (1 − r),  z likewise
        u = U h₋ + b'                  ∂C/∂h₋ = z dh + Uᵀ ∂C/∂u              both ways add up

    a and u have the same derivative but for n, where r stands between: that is why b and b' do not have the same.
    recurrent.py has the rest: the gradients of W, U, b, b', and ∂C/∂xₜ, from ∂C/∂a and ∂C/∂u of all steps.
    """

    gates = 3

    def run(self, a: Array, start: Sequence[Array], U: Array, b: Any) -> Run:
        (h,), hs, kept, turned = start, [], [], U.T.copy()  # BLAS is quicker at a matrix that lies as it is read
        for a_t in a:
            u = h.dot(turned)
            if b is not None:
                u += b
            a_t, u = (m.reshape(len(m), 3, -1).swapaxes(0, 1).copy() for m in (a_t, u))  # one gate after the other
            r, z = sigmoid(a_t[:2] + u[:2])
            n = np.tanh(a_t[2] + r * u[2])
            gap = h - n
            h = n + z * gap
            hs.append(h)
            kept.append((r, z, n, u[2], gap))
        return Run(np.stack(hs), (h,), kept)

    def run_back(self, dh: Array, dlast: Sequence[Array], U: Array, cache: Any) -> tuple[Array, Array, Sequence[Array]]:
        (later,), das, dus = dlast, [], []
        for delta, (r, z, n, u_n, gap) in zip(dh[::-1], cache[::-1], strict=True):
            now = delta + later
            past = z * now
            da_n = (now - past) * (1 - n * n)
            gates = [da_n * u_n * r * (1 - r), now * gap * z * (1 - z)]
            das.append(np.concatenate([*gates, da_n], axis=1))
            dus.append(np.concatenate([*gates, da_n * r], axis=1))
            later = past + dus[-1].dot(U)
        return np.stack(das[::-1]), np.stack(dus[::-1]), (later,)


class GRU(_GRU, Recurrent):
    """A layer of sequences that remembers over many steps, with fewer gates than an LSTM and no cell.

        y, h = GRU(x), or GRU(x, h)             y (T, N, D·H): every step's h; h: the state after the last step

    The steps are those of _GRU, their shapes those of Recurrent.

    Raises:
        InputError: a size or num_layers is not an integer >= 1; bias, batch_first or bidirectional is not a flag; rng
            is not a Generator; the input is not (T, N, in), or (N, T, in) with batch_first, not of the weights' dtype,
            or empty; the state before is not one array (layers · D, N, H).
    Source: Cho et al., "Learning Phrase Representations using RNN Encoder–Decoder for Statistical Machine Translation",
    2014, where r closes h₋ and not uₙ. Same as torch.nn.GRU on a batch (without dropout).
    """


class GRUCell(_GRU, Cell):
    """One step of a GRU.

        h = GRUCell(x), or GRUCell(x, h)        x (N, in), h (N, H)

    Raises:
        InputError: a size is not an integer >= 1; bias is not a flag; rng is not a Generator; the input is not (N, in),
            not of the weights' dtype, or empty; the state before is not (N, H).
    Source: see GRU. Same as torch.nn.GRUCell on a batch.
    """


def examples(rng: np.random.Generator) -> Iterator[tuple[GRU | GRUCell, Any]]:
    h = rng.standard_normal((4, 3, 2))
    yield GRU(3, 2, rng=rng), rng.standard_normal((4, 2, 3))
    yield GRU(2, 2, 2, batch_first=True, bidirectional=True, rng=rng), (rng.standard_normal((3, 2, 2)), h)
    yield GRU(3, 2, bias=False, rng=rng), rng.standard_normal((2, 1, 3))
    yield GRUCell(3, 2, rng=rng), (rng.standard_normal((3, 3)), h[0])
    yield GRUCell(3, 2, bias=False, rng=rng), (rng.standard_normal((3, 3)), h[1])
