"""A sum in any order is right: row by row, backwards, in blocks, split, in pairs."""

import pytest
import torch
from torch.nn import functional

from parity_tests.comparison.own import drawn, function
from parity_tests.conftest import few
from torch_ref import check_backward
from torch_ref.comparison.verdict import AGREES


def rows(t, dim):
    total = torch.zeros_like(t.select(dim, 0))
    for row in t.unbind(dim):
        total = total + row
    return total


def pairs(t, dim):
    t = t.movedim(dim, 0)
    while len(t) > 1:
        t = torch.cat([t, torch.zeros_like(t[:1])]) if len(t) % 2 else t
        t = t[::2] + t[1::2]
    return t[0]


ORDERS = {
    "row by row": rows,
    "backwards": lambda t, dim: rows(t.flip(dim), dim),
    "in blocks": lambda t, dim: rows(torch.stack([block.sum(dim) for block in t.split(16, dim)]), 0),
    "split": lambda t, dim: rows(torch.stack([t.movedim(dim, 0)[k::4].sum(0) for k in range(4)]), 0),
    "in pairs": pairs,
}


def rms_norm(total):
    def forward(x, w):
        return x * torch.rsqrt(total(x * x, 1)[:, None] / x.shape[1] + 1e-6) * w

    def backward(ctx, delta, x, w):
        r = torch.rsqrt(total(x * x, 1)[:, None] / x.shape[1] + 1e-6)
        m = delta * w
        return r * (m - x * r * r * total(m * x, 1)[:, None] / x.shape[1]), total(delta * x * r, 0)

    return function(forward, backward), lambda x, w: functional.rms_norm(x, w.shape, w, 1e-6), lambda n, m: [(n, m), m]


def layer_norm(total):
    def parts(x):
        centred = x - total(x, 1)[:, None] / x.shape[1]
        r = torch.rsqrt(total(centred * centred, 1)[:, None] / x.shape[1] + 1e-5)
        return centred * r, r

    def backward(ctx, delta, x, w, b):
        (hat, r), m, n = parts(x), delta * w, x.shape[1]
        dx = r * (m - total(m, 1)[:, None] / n - hat * total(m * hat, 1)[:, None] / n)
        return dx, total(delta * hat, 0), total(delta, 0)

    own = function(lambda x, w, b: parts(x)[0] * w + b, backward)
    return own, lambda x, w, b: functional.layer_norm(x, w.shape, w, b), lambda n, m: [(n, m), m, m]


def softmax(total):
    def forward(x):
        e = torch.exp(x - x.amax(1, keepdim=True))
        return e / total(e, 1)[:, None]

    def backward(ctx, delta, x):
        y = forward(x)
        return y * (delta - total(delta * y, 1)[:, None])

    return function(forward, backward), lambda x: x.softmax(1), lambda n, m: [(n, m)]


def bias(total):
    def backward(ctx, delta, x, b):
        dx = delta * (1 - torch.tanh(x + b) ** 2)
        return dx, total(dx, 0)

    def forward(x, b):
        return torch.tanh(x + b)

    return function(forward, backward), forward, lambda n, m: [(n, m), m]


def product(total):
    def by_blocks(a, b):
        parts = [a[:, i : i + 32] @ b[i : i + 32] for i in range(0, a.shape[1], 32)]
        return total(torch.stack(parts), 0)

    def backward(ctx, delta, a, b):
        return by_blocks(delta, b.T), by_blocks(a.T, delta)

    return function(by_blocks, backward), torch.mm, lambda n, m: [(n, m), (m, 64)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("make", few([softmax, rms_norm, layer_norm, bias, product]))
@pytest.mark.parametrize("size", [(9, 40), pytest.param((64, 256), marks=pytest.mark.slow)], ids=str)
def test_every_order_of_a_sum_agrees(make, size, dtype):
    for seed, total in enumerate(ORDERS.values()):
        own, reference, shapes = make(total)
        inputs = drawn(*shapes(*size), seed=seed)
        checked = check_backward(own, reference, inputs, quick=True, dtypes=[dtype], seed=seed)
        assert checked.word == AGREES
        assert not checked.measured
