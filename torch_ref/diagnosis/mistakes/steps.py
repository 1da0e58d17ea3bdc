"""Wrong formulas of what goes from step to step: what comes back from later steps, and by the cell of an LSTM.

c = f c₋ + i g,  s = tanh c,  h = o s         ∂C/∂c = dc + dh o (1 − s²),  ∂C/∂c₋ = ∂C/∂c f
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from manual import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from manual.layer import several
from torch_ref.diagnosis.mistakes.formula import Formula, Formulas, Mistake, Number, Values, as_number, changed
from torch_ref.quantities import numbered

Back = Callable[..., Any]
"""(layer, dh, dlast, U, cache) → (∂C/∂a, ∂C/∂u, ∂C/∂ the state before): in place of `run_back`."""


def step_formulas(layer: Any, x: Any, deltas: Any) -> Formulas:
    """What such a layer computes, given its input, or inputs, and the δ of each output: "y", "dx", "dp"."""

    def formula(back: Back | None, run: Back | None = None) -> Formula:
        def values(number: Number) -> Values:
            given = layer.like(**as_number(number, layer.params))
            ways = {"run_back": back, "run": run}
            given = changed(given, **{name: partial(way, given) for name, way in ways.items() if way})
            y, cache = given.forward(*map(number, several(x)))
            found = [None if d is None else number(d) for d in several(deltas)]
            dx, gradient = given.backward(tuple(found) if isinstance(deltas, tuple) else found[0], cache)
            return numbered("y", y) | numbered("dx", dx) | {f"d{name}": g for name, g in gradient.params.items()}

        return values

    def wrong(*_: Any) -> Iterator[Mistake]:
        yield from ((cause, formula(back)) for cause, back in BACKWARDS[type(layer)])
        yield from ((cause, formula(None, run)) for cause, run in RUNS[type(layer)])

    return Formulas(formula(None), wrong)


def _alone(f: Any, dh: Any, dlast: Any, U: Any, cache: Any) -> Any:
    """Every step as if it were the last but for δ: nothing goes from one to the one before."""
    nothing = [d * 0 for d in dlast]
    ways = [f.run_back(dh[t : t + 1], dlast if t == len(dh) - 1 else nothing, U, cache[t : t + 1])
            for t in range(len(dh))]  # fmt: skip
    return np.concatenate([w[0] for w in ways]), np.concatenate([w[1] for w in ways]), ways[0][2]


def _last_left_out(f: Any, dh: Any, dlast: Any, U: Any, cache: Any) -> Any:
    return f.run_back(dh, [d * 0 for d in dlast], U, cache)


def _lstm(
    _f: Any, dh: Any, dlast: Any, U: Any, cache: Any, cell: int = 1, forget: bool = True, squashed: bool = True,
    gate: bool = False,
) -> Any:  # fmt: skip
    """The steps of an LSTM backwards, without the cell's path, without f on it, without the slope of tanh c, or with
    g's slope as a gate's."""
    (later, dc), dzs = dlast, []
    for delta, (i, f, g, o, before, s) in zip(dh[::-1], cache[::-1], strict=True):
        now = delta + later
        dc = dc * cell + (now * o * (1 - s * s) if squashed else now * o)
        slope = g * (1 - g) if gate else 1 - g * g
        dz = [dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * slope, now * s * o * (1 - o)]
        dzs.append(np.concatenate(dz, axis=1))
        later, dc = dzs[-1].dot(U), dc * f if forget else dc
    dz = np.stack(dzs[::-1])
    return dz, dz, (later, dc)


def _rnn(_f: Any, dh: Any, dlast: Any, U: Any, cache: Any, slope: bool = True, turned: bool = False) -> Any:
    """The steps of an RNN backwards, without the slope, or by Uᵀ where U belongs."""
    (later,), dzs = dlast, []
    for delta, own in zip(dh[::-1], cache[::-1], strict=True):
        dzs.append((delta + later) * own if slope else delta + later)
        later = dzs[-1].dot(U.T if turned else U)
    dz = np.stack(dzs[::-1])
    return dz, dz, (later,)


def _one_bias(f: Any, a: Any, start: Any, U: Any, _b: Any) -> Any:
    return f.run(a, start, U, None)


ANY: list[tuple[str, Back]] = [
    ("nothing comes back from later steps", _alone),
    ("the δ of the state after the last step is left out", _last_left_out),
]
OF_LSTM: list[tuple[str, Back]] = [
    ("the forget gate is left out on the cell's path", partial(_lstm, forget=False)),
    ("the cell's path is missing: nothing comes back by the cell", partial(_lstm, cell=0)),
    ("the slope of tanh c is left out", partial(_lstm, squashed=False)),
    ("the slope of g is that of a gate, g(1 − g)", partial(_lstm, gate=True)),
]
OF_RNN: list[tuple[str, Back]] = [
    ("the slope is left out", partial(_rnn, slope=False)),
    ("δ goes back through Uᵀ as U", partial(_rnn, turned=True)),
]
BACKWARDS: dict[type, list[tuple[str, Back]]] = {
    LSTM: [*ANY, *OF_LSTM], LSTMCell: OF_LSTM, RNN: [*ANY, *OF_RNN], RNNCell: OF_RNN, GRU: ANY, GRUCell: [],
}  # fmt: skip
OF_BIASES: list[tuple[str, Back]] = [("of two biases one is added", _one_bias)]
RUNS: dict[type, list[tuple[str, Back]]] = {
    LSTM: OF_BIASES, LSTMCell: OF_BIASES, RNN: OF_BIASES, RNNCell: OF_BIASES, GRU: [], GRUCell: [],
}  # fmt: skip
