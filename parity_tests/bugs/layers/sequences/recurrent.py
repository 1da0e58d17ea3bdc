"""Mistakes in layers of sequences and in their cells: within a step, from step to step, and around the steps."""

import numpy as np

from manual import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from parity_tests.bugs.registry import mistakes


def in_cache(right, change):
    """The right steps backwards, with something else kept of every step."""

    def run_back(self, dh, dlast, U, cache):
        return right.run_back(self, dh, dlast, U, [change(kept) for kept in cache])

    return {"run_back": run_back}


def steps_back(step):
    """Steps backwards of which each is `step(∂C/∂h, ∂C/∂c, kept, U)`: (∂C/∂z, ∂C/∂h before, ∂C/∂c before)."""

    def run_back(self, dh, dlast, U, cache):
        (later, *dc), dzs = dlast, []
        for delta, kept in zip(dh[::-1], cache[::-1], strict=True):
            dz, later, *dc = step(delta + later, *dc, kept, U)
            dzs.append(dz)
        return np.stack(dzs[::-1]), np.stack(dzs[::-1]), (later, *dc)

    return {"run_back": run_back}


# ---------------------------------------------------------------- around the steps of any


def alone(right):
    def run_back(self, dh, dlast, U, cache):
        last = [dlast if t == len(dh) - 1 else [0 * d for d in dlast] for t in range(len(dh))]
        das, dus, starts = zip(
            *(right.run_back(self, dh[t : t + 1], d, U, cache[t : t + 1]) for t, d in enumerate(last)), strict=True
        )
        return np.concatenate(das), np.concatenate(dus), starts[0]

    return {"run_back": run_back}


def last_left_out(right):
    return {"run_back": lambda self, dh, dlast, U, cache: right.run_back(self, dh, [0 * d for d in dlast], U, cache)}


def with_h_now(right):
    def _pass_back(self, dh, dlast, cache, name=""):
        x, _, h, kept = cache
        return right._pass_back(self, dh, dlast, (x, h[0], np.concatenate([h[1:], h[-1:]]), kept), name)

    return {"_pass_back": _pass_back}


def averaged(right):
    def _pass_back(self, dh, dlast, cache, name=""):
        da, start, gradients = right._pass_back(self, dh, dlast, cache, name)
        return da, start, {key: g / len(dh) for key, g in gradients.items()}

    return {"_pass_back": _pass_back}


def not_turned_back(right):
    def _pass(self, x, start, name=""):
        run, cache = right._pass(self, x, start, name)
        return (run._replace(h=run.h[::-1]) if "reverse" in name else run), cache

    return {"_pass": _pass}


for kind in (LSTM, GRU, RNN):
    mistakes(kind, [
        ("Nothing comes back from later steps", "dx", "nothing comes back from later steps", alone(kind)),
        ("The δ of the state after the last step is left out", "dx", "after the last step is left out",
         last_left_out(kind)),
        ("The gradient of U is taken with h of the same step", "dweight_hh_l0", "", with_h_now(kind)),
        ("The gradients are averaged over the steps", "dweight_ih_l0", "times", averaged(kind)),
        ("What runs backwards in time is not turned back", "y0", "", not_turned_back(kind)),
    ])  # fmt: skip


# ---------------------------------------------------------------- LSTM


def gates_back(dh, dc, kept, U):
    """The right step, in pieces: (∂C/∂z of the four, ∂C/∂c)."""
    i, f, g, o, before, s = kept
    dc = dc + dh * o * (1 - s * s)
    return [dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g), dh * s * o * (1 - o)], dc


def through(dz, dc, U):
    dz = np.concatenate(dz, axis=1)
    return dz, dz.dot(U), dc


def whole_cell(dh, dc, kept, U):
    dz, dc = gates_back(dh, dc, kept, U)
    return through(dz, dc, U)


def from_h_alone(dh, dc, kept, U):
    dz, dc = gates_back(dh, 0 * dc, kept, U)
    return through(dz, dc * kept[1], U)


def slope_of_tanh_left_out(dh, dc, kept, U):
    i, f, g, o, before, _ = kept
    dz, dc = gates_back(dh, dc, (i, f, g, o, before, 0 * g), U)[0][:3], dc + dh * o
    return through([*dz, dh * kept[5] * o * (1 - o)], dc * f, U)


def slope_of_g_as_a_gate(dh, dc, kept, U):
    dz, dc = gates_back(dh, dc, kept, U)
    i, f, g, *_ = kept
    return through([dz[0], dz[1], dc * i * g * (1 - g), dz[3]], dc * f, U)


def cell_after(kept):
    i, f, g, o, before, s = kept
    return i, f, g, o, f * before + i * g, s


def ordered(right, gates):
    """Gates in another order."""

    def run(self, a, start, U, b):
        order = np.add.outer(np.array(gates) * self.hidden_size, np.arange(self.hidden_size)).ravel()
        return right.run(self, a[:, :, order], start, U[order], None if b is None else b[order])

    return {"run": run}


def one_bias(right):
    return {"run": lambda self, a, start, U, b: right.run(self, a, start, U, None)}


for kind in (LSTM, LSTMCell):
    mistakes(kind, [
        ("The cell goes back past the forget gate", "dx" if kind is LSTM else "dx2", "the forget gate is left out",
         steps_back(whole_cell)),
        ("The cell has no δ but that of h", "dx", "the cell's path is missing", steps_back(from_h_alone)),
        ("The slope of tanh c is left out", "dx", "the slope of tanh c", steps_back(slope_of_tanh_left_out)),
        ("The slope of g is that of a gate, g(1 − g)", "dx", "that of a gate", steps_back(slope_of_g_as_a_gate)),
        ("The forget gate has the cell of the same step", "dx", "", in_cache(LSTM, cell_after)),
        ("The gates stand in the order i, f, o, g", "y0", "", ordered(LSTM, (0, 1, 3, 2))),
        ("Of two biases one is added", "y0", "of two biases one is added", one_bias(LSTM)),
    ])  # fmt: skip

# ---------------------------------------------------------------- RNN


def turned(dh, slope, U):
    dz = dh * slope
    return dz, dz.dot(U.T)


def squashed_first(self, a, start, U, b):
    return RNN.run(self, np.tanh(a), start, U, b)


for kind, y, dx in ((RNN, "y0", "dx"), (RNNCell, "y", "dx0")):
    mistakes(kind, [
        ("δ goes back through Uᵀ as U", "dx" if kind is RNN else "dx1", "through Uᵀ as U", steps_back(turned)),
        ("The slope is left out", dx, "the slope is left out", in_cache(RNN, lambda slope: slope * 0 + 1)),
        ("The slope is taken for the output", dx, "", in_cache(RNN, lambda slope: 1 - slope)),
        ("Of two biases one is added", y, "of two biases one is added", one_bias(RNN)),
        ("The input goes through tanh before it is added", y, "", {"run": squashed_first}),
    ])  # fmt: skip

mistakes(RNNCell, [("δ goes back at half its size", "dx0", "times ½", in_cache(RNN, lambda slope: slope / 2))])

# ---------------------------------------------------------------- GRU


def exchanged(self, a, start, U, b):
    """z and 1 − z: σ(−z) = 1 − σ(z)."""
    sign = np.repeat([1, -1, 1], self.hidden_size).astype(a.dtype)
    return GRU.run(self, a * sign, start, U * sign[:, None], None if b is None else b * sign)


def reset_before_u(self, a, start, U, b):
    """n sees U (r h), as Cho et al. have it: of a start of 0, the same."""
    (h,), size = start, self.hidden_size
    hs, kept, b = [], [], np.zeros_like(U[:, 0]) if b is None else b
    for a_t in a:
        u = h @ U[: 2 * size].T + b[: 2 * size] + a_t[:, : 2 * size]
        r, z = np.split(1 / (1 + np.exp(-u)), 2, axis=1)
        u_n = (r * h) @ U[2 * size :].T + b[2 * size :]
        n = np.tanh(a_t[:, 2 * size :] + u_n)
        hs.append(n + z * (h - n))
        kept.append((r, z, n, u_n, h - n))
        h = hs[-1]
    return GRU.run(self, a, start, U, b)._replace(h=np.stack(hs), last=(h,), cache=kept)


def without_past(self, dh, dlast, U, cache):
    (later,), ways = dlast, []
    for t in reversed(range(len(dh))):
        ways.append(GRU.run_back(self, dh[t : t + 1], (later,), U, cache[t : t + 1]))
        later = ways[-1][1][0].dot(U)
    das, dus, _ = zip(*ways[::-1], strict=True)
    return np.concatenate(das), np.concatenate(dus), (later,)


def not_reset(self, dh, dlast, U, cache):
    (later,), das = dlast, []
    for t in reversed(range(len(dh))):
        da, du, (later,) = GRU.run_back(self, dh[t : t + 1], (later,), U, cache[t : t + 1])
        later = later + (da[0] - du[0]).dot(U)
        das.insert(0, da[0])
    return np.stack(das), np.stack(das), (later,)


def open_in(place, number):
    """A gate is taken for this number backwards."""
    return in_cache(GRU, lambda kept: (*kept[:place], kept[place] * 0 + number, *kept[place + 1 :]))


for kind, y, dx, past in (
    (GRU, "y0", "dx", "dx"),
    (GRUCell, "y", "dx0", "dx1"),
):
    mistakes(kind, [
        ("z and 1 − z are exchanged", y, "1 − z are exchanged", {"run": exchanged}),
        ("The reset gate closes h before U", y, "", {"run": reset_before_u}),
        ("The gates stand in the order z, r, n", y, "in the order z, r, n", ordered(GRU, (1, 0, 2))),
        ("The path past the gates is missing", past, "way past the gates", {"run_back": without_past}),
        ("What comes from the step before has the derivative of the input, without r", past, "r is left out",
         {"run_back": not_reset}),
        ("The slope of n is left out", dx, "the slope of n is left out", open_in(2, 0)),
        ("The state before has no part in the slope of z", dx, "", open_in(4, 0)),
    ])  # fmt: skip
