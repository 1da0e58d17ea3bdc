"""The cause in a function of which nothing is known: what it computes is read off the numbers, and then what is wrong
in it."""

import numpy as np
import pytest

from manual import AvgPool2d, Conv2d
from parity_tests.diagnosis.proofs import differences, drawn

STRIDED = Conv2d(2, 3, 3, stride=2, padding=1, rng=np.random.default_rng(0))


# ---------------------------------------------------------------- batch normalisation


def batchnorm(x, gamma, beta):
    u = x - x.sum(axis=0) / len(x)
    return gamma * u / np.sqrt((u * u).sum(axis=0) / len(x) + 1e-5) + beta


def batchnorm_backward(mistake):
    def backward(dout, x, gamma, beta):
        u = x - x.mean(axis=0)
        v = (u * u).mean(axis=0)
        r = 1 / (np.sqrt(v) + 1e-5) if mistake == "outside" else 1 / np.sqrt(v + (0 if mistake == "no ε" else 1e-5))
        h, g = u * r, dout if mistake == "no γ" else dout * gamma
        axis = 1 if mistake == "axis" else 0
        mean = 0 if mistake in ("mean", "both") else g.sum(axis=axis, keepdims=True) / g.shape[axis]
        inner = 0 if mistake in ("variance", "both") else h * (g * h).sum(axis=axis, keepdims=True) / g.shape[axis]
        dx = r * (g - mean - inner) * (1 + 1e-6 * x if mistake == "noise" else 1)
        dgamma = (dout * h).sum(axis=1) if mistake == "γ's axis" else (dout * h).sum(axis=0)
        return dx, dgamma, dout if mistake == "no sum" else dout.sum(axis=0)

    return backward


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        ("", {}),
        ("mean", {"dx": "the path through the mean is missing"}),
        ("variance", {"dx": "the path through the variance is missing"}),
        ("both", {"dx": "the paths through the mean and the variance are missing"}),
        ("axis", {"dx": "the sums of the backward pass run over axis 1, not over axis 0"}),
        ("no γ", {"dx": "gamma is left out"}),
        ("no ε", {"dx": "ε is left out", "dgamma": "ε is left out"}),
        ("outside", {"dx": "", "dgamma": "ε stands outside the root"}),
        ("γ's axis", {"dgamma": "the sum runs over axis 1, not over axis 0"}),
        ("no sum", {"dbeta": "the sum over axis 0 is missing"}),
        ("noise", {"dx": ""}),
    ],
)
def test_a_batch_normalisation(mistake, expected):
    found = differences(batchnorm, batchnorm_backward(mistake), drawn(x=(4, 3), gamma=3, beta=3))
    assert found.keys() == expected.keys()
    for quantity, cause in expected.items():
        assert cause in found[quantity]
        assert bool(cause) == bool(found[quantity])


# ---------------------------------------------------------------- a recurrent layer


def rnn(x, h0, Wx, Wh, b):
    h, states = h0, []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ Wx + h @ Wh + b)
        states.append(h)
    return np.stack(states, axis=1)


def rnn_backward(mistake):
    def backward(dh, x, h0, Wx, Wh, b):
        h, carry = rnn(x, h0, Wx, Wh, b), 0
        dx, dWx, dWh, db = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
        for t in reversed(range(x.shape[1])):
            before = h[:, t - 1] if t else h0
            da = dh[:, t] + (0 if mistake == "dropped" else carry)
            da = da * (1 - h[:, t] ** 2 * (0.99 if mistake == "slope" else 1))
            dx[:, t], carry = da @ Wx.T, da @ Wh.T
            dWx += x[:, t].T @ da
            dWh += before.T @ da
            db += da.sum(axis=0)
        return dx, carry, dWx, dWh, db

    return backward


LEFT_OUT = "the recurrent term is missing: nothing comes back from later steps"
RNN = drawn(x=(2, 4, 3), h0=(2, 5), Wx=(3, 5), Wh=(5, 5), b=5)


def test_what_comes_back_through_time_is_missing():
    assert differences(rnn, rnn_backward(""), RNN) == {}
    found = differences(rnn, rnn_backward("dropped"), RNN)
    assert found == dict.fromkeys(["dx", "dh0", "dWx", "dWh", "db"], LEFT_OUT)
    assert set(differences(rnn, rnn_backward("slope"), RNN).values()) == {""}


def test_what_comes_back_through_time_is_missing_in_another_layout():
    """Time first, weights (out, in), neither a bias nor a first state."""

    def forward(x, w, u):
        h, states = np.zeros((2, 5)), []
        for at in x:
            h = np.tanh(at @ w.T + h @ u.T)
            states.append(h)
        return np.stack(states)

    def backward(dh, x, w, u):
        h = forward(x, w, u)
        da = dh * (1 - h * h)
        return da @ w, np.einsum("tnh,tnd->hd", da, x), np.einsum("tnh,tnk->hk", da[1:], h[:-1])

    assert differences(forward, backward, drawn(x=(4, 2, 3), w=(5, 3), u=(5, 5))) == dict.fromkeys(
        ["dx", "dw", "du"], LEFT_OUT
    )


def test_of_a_recurrence_that_is_not_known_only_the_last_step_is_right(rng):
    """A leaky sum of what came before: h_t = h_{t−1}/2 + x_t²."""

    def forward(x):
        h, states = 0, []
        for t in range(x.shape[1]):
            h = h / 2 + x[:, t] ** 2
            states.append(h)
        return np.stack(states, axis=1)

    (cause,) = differences(forward, lambda d, x: (2 * x * d,), drawn(x=(2, 4, 3))).values()
    assert (
        cause == "only the last step along axis 1 is right: the recurrent term, what comes back from later, is missing"
    )
    noisy = differences(forward, lambda d, x: (2 * x * d * (1 + 1e-9),), drawn(x=(2, 4, 3)))
    assert noisy == {"dx": ""}
    late = differences(forward, lambda d, x: (2 * x * d * [[[0], [0], [0], [1]]],), drawn(x=(2, 4, 3)))
    assert late == {"dx": ""}

    def one_step(d, x):
        back = d.copy()
        for t in (2, 1, 0):
            back[:, t] += back[:, t + 1] / 2
        return (2 * x * np.where(np.arange(4)[:, None] == 1, d, back),)

    assert differences(forward, one_step, drawn(x=(2, 4, 3))) == {"dx": ""}


# ---------------------------------------------------------------- layers under other names


def affine_relu(x, w, b):
    z = x @ w + b
    return z * (z > 0)


def test_the_mask_of_a_relu_behind_a_product():
    def backward(dout, x, w, b):
        return dout @ w.T, x.T @ dout, dout.sum(axis=0)

    found = differences(affine_relu, backward, drawn(x=(5, 3), w=(3, 4), b=4))
    assert found == dict.fromkeys(["dx", "dw", "db"], "σ' is left out: ReLU's mask is missing, in layer 1")
    with_mask = differences(
        affine_relu, lambda d, x, w, b: backward(d * (x @ w + b > 0), x, w, b), drawn(x=(5, 3), w=(3, 4), b=4)
    )
    assert with_mask == {}


def test_a_bias_s_gradient_summed_over_the_wrong_axis():
    def backward(dout, x, w, b):
        return dout @ w.T, x.T @ dout, dout.sum(axis=1)

    assert differences(lambda x, w, b: x @ w + b, backward, drawn(x=(4, 3), w=(3, 4), b=4)) == {
        "db": "δ is summed over the wrong axis"
    }


@pytest.mark.parametrize(("layer", "names"), [(STRIDED, ("x", "w", "b")), (AvgPool2d(2, 1), ("x",))])
def test_the_stride_is_left_out(layer, names):
    """The function's own backward, but of windows one pixel (of the pooling: one window) apart."""
    params = dict(zip(("w", "b"), layer.params.values(), strict=False))
    arrays = {**drawn(x=(2, 2, 5, 5)), **params}
    assert tuple(arrays) == names

    def of(wb):
        return layer.like(**dict(zip(layer.params, wb, strict=True)))

    def forward(x, *wb):
        return of(wb).forward(x)[0]

    def backward(dout, x, *wb):
        right, side_by_side = of(wb), of(wb)
        side_by_side._stride = (1, 1) if layer.params else (2, 2)
        room = np.zeros((2, 2, 9, 9))
        dx = side_by_side.backward(dout, x if layer.params else room)[0][:, :, :5, :5]
        return dx, *right.backward(dout, right.forward(x)[1])[1].params.values()

    found = differences(forward, backward, arrays)
    assert found.keys() == {"dx"}
    assert found["dx"].startswith("the stride is left out")


# ---------------------------------------------------------------- a log-softmax, and a layer of ours by another name


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("backward", "expected"),
    [
        (lambda d, p: d - p * d.sum(axis=1, keepdims=True), None),
        (lambda d, p: d - p, "the sum of δ is left out"),
        (lambda d, p: d - p * d.sum(axis=0), "the sum runs over axis 0, not over axis 1"),
        (lambda d, p: d - p * p * d.sum(axis=1, keepdims=True), ""),
    ],
)
def test_a_log_softmax(backward, expected):
    found = differences(log_softmax, lambda d, x: (backward(d, np.exp(log_softmax(x))),), drawn(x=(4, 3)))
    assert found == ({} if expected is None else {"dx": expected})


def test_a_layer_of_ours_under_another_name_is_known_by_its_numbers():
    found = differences(lambda x: np.tanh(x), lambda d, x: (d * (1 - x * x),), drawn(x=(4, 3)))
    assert found == {"dx": "the input stands where the output belongs in σ'"}


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_no_cause(seed):
    noise = np.random.default_rng(100 + seed).standard_normal

    for forward, arrays in (
        (batchnorm, drawn(x=(4, 3), gamma=3, beta=3)), (rnn, RNN), (affine_relu, drawn(x=(5, 3), w=(3, 4), b=4)),
        (lambda x: np.log(x * x + 1), drawn(x=(5, 3))),
    ):  # fmt: skip
        found = differences(forward, lambda _, *given: [noise(a.shape) for a in given], arrays)
        assert set(found.values()) == {""}
