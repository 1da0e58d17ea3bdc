"""A recurrent layer, known by its numbers, and what goes wrong in one.

h_t = tanh(x_t W + h_{t−1} U + b)
∂C/∂h_t = δ_t + (∂C/∂h_{t+1} · tanh'_{t+1}) Uᵀ            backpropagation through time: the second term comes from later
"""

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np

from torch_ref.diagnosis.mistakes.formula import Formulas, Inputs, Mistake, Number, Values, as_number, near

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
    d, h = inputs.x.shape[-1], inputs.delta.shape[-1]
    first = inputs.delta.shape[:time] + inputs.delta.shape[time + 1 :]
    for w, u, *rest in permutations(inputs.params):
        shapes = [np.shape(inputs.params[name]) for name in (w, u)]
        if shapes[0] not in ((d, h), (h, d)) or shapes[1] != (h, h) or len(rest) > 2:
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
