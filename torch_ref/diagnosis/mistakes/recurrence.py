"""A recurrent layer, known by its numbers, and what goes wrong in one.

h_t = tanh(x_t W + h_{t−1} U + b)
∂C/∂h_t = δ_t + (∂C/∂h_{t+1} · tanh'_{t+1}) Uᵀ            backpropagation through time: the second term comes from later

And wrong formulas of the project's own layers: what comes back from later steps, and by the cell of an LSTM.

    c = f c₋ + i g,  s = tanh c,  h = o s         ∂C/∂c = dc + dh o (1 − s²),  ∂C/∂c₋ = ∂C/∂c f
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import permutations
from typing import Any

import numpy as np

from manual import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from manual.layer import several
from torch_ref.diagnosis.mistakes.formula import (
    Formula,
    Formulas,
    Inputs,
    Mistake,
    Number,
    Values,
    as_number,
    changed,
    near,
)
from torch_ref.quantities import numbered

LEFT_OUT = "the recurrent term is missing: nothing comes back from later steps"


def recurrences(inputs: Inputs) -> Iterator[Formulas]:
    """Every reading of the arrays as one of these layers that gives the references: time along the first axis or the
    second, weights (in, out) or (out, in), with a bias and a first state or without.
    """
    if inputs.x.ndim != inputs.delta.ndim or not 2 <= inputs.x.ndim <= 3:
        return
    for time in range(inputs.x.ndim - 1):
        if inputs.x.shape[:-1] != inputs.delta.shape[:-1] or inputs.x.shape[time] < 2:
            continue
        for roles in _roles(inputs, time):
            for turned in (False, True):
                try:
                    plain = _pass(inputs, time, roles, turned, np.copy, True)
                except ValueError:  # the shapes do not fit
                    continue
                if near(inputs, plain, 1e-6):
                    yield _formulas(inputs, time, roles, turned)


def _roles(inputs: Inputs, time: int) -> Iterator[dict[str, str]]:
    """The names of W, U and, where there are any, b and the first state."""
    if len(inputs.params) > 4:  # there are no more names, and 10 parameters have 3,628,800 orders
        return
    d, h = inputs.x.shape[-1], inputs.delta.shape[-1]
    first = inputs.delta.shape[:time] + inputs.delta.shape[time + 1 :]
    for w, u, *rest in permutations(inputs.params):
        shapes = [np.shape(inputs.params[name]) for name in (w, u)]
        if shapes[0] not in ((d, h), (h, d)) or shapes[1] != (h, h):
            continue
        for order in permutations(("b", "h0"), len(rest)):
            roles = dict(zip(order, rest, strict=True))
            sizes = {"b": (h,), "h0": first}
            if all(inputs.params[name].size == np.prod(sizes[role]) for role, name in roles.items()):
                yield {"W": w, "U": u, **roles}


def _pass(inputs: Inputs, time: int, roles: dict[str, str], turned: bool, number: Number, through_time: bool) -> Values:
    params = as_number(number, inputs.params)
    x, delta = number(inputs.x), number(inputs.delta)
    w, u = (params[roles[k]].T if turned else params[roles[k]] for k in "WU")
    at: list[Any] = [(slice(None),) * time + (t,) for t in range(inputs.x.shape[time])]
    width = inputs.delta.shape[-1]
    bias = params[roles["b"]].reshape(width) if "b" in roles else None
    first = params[roles["h0"]].reshape(*inputs.delta[at[0]].shape) if "h0" in roles else delta[at[0]] * 0
    states = [first]
    for step in at:
        z = x[step] @ w + states[-1] @ u
        states.append(np.tanh(z if bias is None else z + bias))
    dx: list[Any] = []
    dw: Any
    du: Any
    db: Any
    back: Any
    dw = du = db = back = 0
    for t in reversed(range(len(at))):
        dh = delta[at[t]] + back if through_time and t + 1 < len(at) else delta[at[t]]
        dz = _rows(dh * (1 - states[t + 1] * states[t + 1]))
        dx.insert(0, dz @ w.T)
        dw = _rows(x[at[t]]).T @ dz + dw
        du = _rows(states[t]).T @ dz + du
        db = dz.sum(axis=0) + db
        back = (dz @ u.T).reshape(*inputs.delta[at[0]].shape)
    found = {f"d{roles['W']}": dw.T if turned else dw, f"d{roles['U']}": du.T if turned else du}
    xs = number(inputs.x)
    for step, value in zip(at, dx, strict=True):
        xs[step] = value.reshape(*inputs.x[step].shape)
    found[inputs.dx] = xs
    for role, value in (("b", db), ("h0", back)):
        if role in roles:
            found[f"d{roles[role]}"] = value.reshape(*np.shape(inputs.params[roles[role]]))
    return found


def _rows(a: Any) -> Any:
    return a.reshape(-1, a.shape[-1]) if a.ndim > 1 else a.reshape(1, a.shape[0])


def _formulas(inputs: Inputs, time: int, roles: dict[str, str], turned: bool) -> Formulas:
    def formula(through_time: bool) -> Any:
        return lambda number: _pass(inputs, time, roles, turned, number, through_time)

    def wrong(*_: Any) -> Iterator[Mistake]:
        yield LEFT_OUT, formula(False)

    return Formulas(formula(True), wrong)


Back = Callable[..., Any]
"""(layer, dh, dlast, U, cache) → (∂C/∂a, ∂C/∂u, ∂C/∂ the state before): in place of `run_back`."""


def step_formulas(layer: Any, x: Any, deltas: Any) -> Formulas:
    """What such a layer computes, given its input, or inputs, and the δ of each output: "y", "dx", "dp"."""

    @cache  # every quantity asks for all of them
    def formula(back: Back | None, run: Back | None = None) -> Formula:
        @cache
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


def _gru(
    _f: Any, dh: Any, dlast: Any, U: Any, cache: Any, past: int = 1, reset: bool = True, slope: bool = True
) -> Any:
    """The steps of a GRU backwards, without the way past the gates, without r on the way to U, or without n's slope."""
    (later,), das, dus = dlast, [], []
    for delta, (r, z, n, u_n, gap) in zip(dh[::-1], cache[::-1], strict=True):
        now = delta + later
        da_n = (now - z * now) * (1 - n * n) if slope else now - z * now
        gates = [da_n * u_n * r * (1 - r), now * gap * z * (1 - z)]
        das.append(np.concatenate([*gates, da_n], axis=1))
        dus.append(np.concatenate([*gates, da_n * r if reset else da_n], axis=1))
        later = z * now * past + dus[-1].dot(U)
    return np.stack(das[::-1]), np.stack(dus[::-1]), (later,)


def _exchanged(f: Any, a: Any, start: Any, U: Any, b: Any) -> Any:
    """A GRU with z and 1 − z exchanged, as σ(−z) = 1 − σ(z)."""
    sign = np.repeat([1, -1, 1], f.hidden_size)
    return f.run(a * sign, start, U * sign[:, None], b if b is None else b * sign)


def _update_first(f: Any, a: Any, start: Any, U: Any, b: Any) -> Any:
    h = f.hidden_size
    order = [*range(h, 2 * h), *range(h), *range(2 * h, 3 * h)]
    return f.run(a[..., order], start, U[order], b if b is None else b[order])


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
OF_GRU: list[tuple[str, Back]] = [
    ("the way past the gates is missing, z dh", partial(_gru, past=0)),
    ("r is left out of what comes from the step before", partial(_gru, reset=False)),
    ("the slope of n is left out", partial(_gru, slope=False)),
]
BACKWARDS: dict[type, list[tuple[str, Back]]] = {
    LSTM: [*ANY, *OF_LSTM], LSTMCell: OF_LSTM, RNN: [*ANY, *OF_RNN], RNNCell: OF_RNN, GRU: [*ANY, *OF_GRU],
    GRUCell: OF_GRU,
}  # fmt: skip
OF_GATES: list[tuple[str, Back]] = [
    ("z and 1 − z are exchanged", _exchanged), ("the gates stand in the order z, r, n", _update_first)
]  # fmt: skip
OF_BIASES: list[tuple[str, Back]] = [("of two biases one is added", _one_bias)]
RUNS: dict[type, list[tuple[str, Back]]] = {
    LSTM: OF_BIASES, LSTMCell: OF_BIASES, RNN: OF_BIASES, RNNCell: OF_BIASES, GRU: OF_GATES, GRUCell: OF_GATES,
}  # fmt: skip
