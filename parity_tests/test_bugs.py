"""The tests can fail: each mistake of `bugs.py` is caught by the comparison that the right code passes."""

from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from functools import cache
from itertools import product
from sys import modules
from typing import Any

import numpy as np
import pytest
import torch

from manual import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    Loss,
    MaxPool2d,
    MSELoss,
    Network,
    Optimizer,
    Penalty,
    ReLU,
    Softmax,
    Tanh,
)
from manual.documents import one_example, one_two_one, sine
from parity_tests.subtle_bugs import BUGS
from parity_tests.unlike_manual import LayerNorm, RMSNorm
from torch_ref import Parity, compare, compare_layer, compare_loss, compare_network, compare_optimizer, compare_penalty
from torch_ref.comparison.verdict import ROUNDING, ZERO_REFERENCE
from torch_ref.tolerance.bounds import layer_bounds

LAYER_BUGS = [b for b in BUGS if issubclass(b.right, Layer) and not issubclass(b.right, Network)]


@pytest.fixture(autouse=True)
def undiagnosed(monkeypatch):
    """These tests ask whether a mistake is seen; test_diagnosis.py asks for its cause."""
    monkeypatch.setattr("torch_ref.comparison.parity.diagnose", lambda *_: "")


def each(bugs):
    return pytest.mark.parametrize("bug", [pytest.param(b, id=f"{b.right.__name__}: {b.name}") for b in bugs])


def of(kind: type, right: Any) -> Any:
    """The same layer, loss, penalty, optimizer or network as an object of the class `kind`."""
    piece = copy(right)
    piece.__class__ = kind
    return piece


def cases(right):
    """What the parity tests hold the class against: the examples of its file; for a network, document B's."""
    if right is Network:
        return [(one_two_one(), one_example()[0]), (one_two_one(), sine()[0])]
    examples = modules[right.__module__].examples(np.random.default_rng(0))
    found = [case if isinstance(case, tuple) else (case,) for case in examples]
    return [case for case in found if type(case[0]) is right]


def hold(piece: Any, data: list[Any], dtype: Any, rng: np.random.Generator) -> Parity:
    """Compare with torch what `test_parity.py` compares."""
    data = [a.astype(dtype) if a.dtype.kind == "f" else a for a in data]
    if isinstance(piece, Layer):
        return compare_layer(piece.astype(dtype), data[0], rng)
    if isinstance(piece, Loss):
        return compare_loss(piece, data[0], data[1])
    if isinstance(piece, Penalty):
        return compare_penalty(piece, Network(Linear(3, 4, rng=rng)).astype(dtype))
    return compare_optimizer(piece, Linear(3, 4, rng=rng).astype(dtype), rng)


def misused(piece: Any, data: list[Any], rng: np.random.Generator) -> Iterator[str]:
    """What the piece does with memory that is the caller's, and a dropout in inference, where it should do nothing."""
    if isinstance(piece, Layer):
        x, given = data[0], data[0].copy()
        y, cache = piece.forward(x)
        delta = rng.standard_normal(y.shape)
        upstream, kept = delta.copy(), deepcopy(cache)
        piece.backward(delta, cache)
        for name, now, before in [("x", x, given), ("delta", delta, upstream), ("cache", cache, kept)]:
            if isinstance(now, np.ndarray) and not np.array_equal(now, before):
                yield f"a changed {name}"
    if isinstance(piece, Dropout) and not np.array_equal(piece.evaluated().forward(data[0])[0], data[0]):
        yield "a mask in inference"
    if isinstance(piece, Optimizer):
        layer, gradient = Linear(3, 4, rng=rng), Linear(3, 4, rng=rng)
        piece.step(layer, gradient)
        kept = [value for state in piece.state.values() for value in state.values()]
        if any(np.shares_memory(value, g) for value in kept for g in gradient.params.values()):
            yield "a kept gradient"


def symptoms(right_class, kind, rng) -> Iterator[str]:
    """The quantities that fail first, one an example and dtype, or the error; and what `misused` says of `kind`."""
    for example in cases(right_class):
        for dtype in (np.float64, np.float32):
            right, *data = deepcopy(example)
            try:
                if first := hold(of(kind, right), data, dtype, rng).first:
                    yield first.quantity
                yield from misused(of(kind, right), data, rng)
            except ValueError as error:
                yield str(error)


@cache
def symptoms_of_right(right):
    """Once for all mistakes that are made in it."""
    return {*symptoms(right, right, np.random.default_rng(0))}


@each(BUGS)
def test_the_right_code_passes_and_the_mistake_is_seen_where_it_shows(bug, rng):
    assert symptoms_of_right(bug.right) == set()
    assert bug.shows in symptoms(bug.right, bug.wrong, rng)


def around(layer, rng):
    """A network with the layer at place 2, and data for it in which ReLU makes some zeros: ReLU'(0) is asked for."""
    network = Network(Linear(3, 4, rng=rng), ReLU(), layer, Linear(4, 2, rng=rng))
    return network, rng.standard_normal((6, 3)), rng.standard_normal((6, 2))


def around_pictures(layer, front, rng):
    """Likewise for a layer of 2 channels; with Tanh in front of it there are negative pixels, with ReLU there are
    ties."""
    below, x = [Conv2d(1, 2, 2, rng=rng), front, layer], rng.standard_normal((3, 1, 7, 8))
    above = [] if isinstance(layer, Flatten) else [Flatten()]
    features = Network(*below, *above).forward(x)[0].shape[1]
    return Network(*below, *above, Linear(features, 2, rng=rng)), x, rng.standard_normal((3, 2))


ON_PICTURES: dict[type, Callable[[np.random.Generator], Layer]] = {
    Conv2d: lambda rng: Conv2d(2, 2, (3, 2), 2, (1, 2), rng=rng),
    MaxPool2d: lambda _: MaxPool2d((3, 2), (2, 1), 1),
    AvgPool2d: lambda _: AvgPool2d((3, 2), (2, 1), 1),
    Flatten: lambda _: Flatten(),
}
ON_VECTORS: dict[type, Callable[[np.random.Generator], Layer]] = {
    Linear: lambda rng: Linear(4, 4, rng=rng),
    Dropout: lambda rng: Dropout(0.25, rng=rng),
    LayerNorm: lambda _: LayerNorm(4),
    RMSNorm: lambda _: RMSNorm(4),
}


def networks_with(right, rng):
    """Networks with such a layer at place 2, and data for them, on which every mistake with it shows."""
    if right in ON_PICTURES:
        return [around_pictures(ON_PICTURES[right](rng), front, rng) for front in (Tanh(), ReLU())]
    return [around(ON_VECTORS[right](rng) if right in ON_VECTORS else right(), rng)]


@each([b for b in LAYER_BUGS if not b.shows.startswith("a ")])
def test_a_network_names_the_layer_with_the_mistake(bug, rng):
    found = []
    for (network, x, y), dtype in product(networks_with(bug.right, rng), (np.float64, np.float32)):
        first, front, right, *above = network.layers
        wrong = Network(first, front, of(bug.wrong, right), *above)
        data = x.astype(dtype), y.astype(dtype)
        assert compare_network(network.astype(dtype), MSELoss(), *data).agrees
        found.append(compare_network(wrong.astype(dtype), MSELoss(), *data).first)
    named = next(c for c in found if c)
    assert (named.place, named.quantity) == (f"layer 2, {bug.right.__name__}", bug.shows)


@pytest.mark.parametrize("factor", [-1, 1000])
def test_an_upstream_gradient_of_ones_says_nothing_of_a_softmax_and_a_random_one_does(factor, rng):
    """Its outputs sum to 1 whatever z is: with ones the gradient is 0, a sign flip too, and what is left is
    rounding."""

    class Wrong(Softmax):
        def backward(self, delta, a):
            dx, gradient = super().backward(delta, a)
            return factor * dx, gradient

    Wrong.__name__ = "Softmax"
    x = rng.standard_normal((5, 4))
    z = torch.tensor(x, requires_grad=True)
    a = torch.softmax(z, dim=-1)
    (dz,) = torch.autograd.grad(a, z, torch.ones_like(a))
    allowed = 2 * layer_bounds(Softmax(), x, np.ones_like(x))["dx"].error
    dx, _ = Softmax().backward(np.ones_like(x), Softmax().forward(x)[1])
    assert compare("Softmax", "dx", dx, dz, allowed).reason == ROUNDING

    assert compare_layer(Softmax(), x, rng).agrees
    parity = compare_layer(Wrong(), x, rng)
    assert parity.first
    assert (parity.first.quantity, parity.first.verdict) == ("dx", "differs")


def test_a_comparison_that_zeros_would_pass_fails():
    zeros = np.zeros((2, 3))
    assert compare("here", "dx", zeros, zeros, 1e-15).reason == ZERO_REFERENCE


def test_a_value_that_rounding_may_exceed_is_no_agreement():
    small = np.full(3, 1e-16)
    assert compare("here", "dx", small, small, 1e-15).reason == ROUNDING
    assert compare("here", "dx", small, small, np.inf).reason == ROUNDING


def test_parameters_that_were_never_updated_fail_however_little_they_should_have_moved():
    before = np.array([1.0, -2.0])
    moved = np.array([1e-12, 0])
    assert not compare("step 1", "weight", before, before + moved, 1e-9, moved=moved).agrees
    assert compare("step 1", "weight", before + moved, before + moved, 1e-15, moved=moved).agrees


def test_an_empty_result_does_not_agree():
    assert not Parity("cpu").agrees


@pytest.mark.parametrize(
    ("ours", "reference", "reason"),
    [
        (np.ones((3, 1)), np.ones(3), "shape (3, 1), expected (3,)"),
        (np.ones((3, 1)), np.ones((1, 3)), "shape (3, 1), expected (1, 3)"),
        (np.ones(3), np.ones(3, np.float32), "dtype float64, expected float32"),
        (np.ones(3, np.float32), np.ones((1, 3)), "shape (3,), expected (1, 3)"),
        (np.array([1, np.nan]), np.ones(2), "nan, expected 1.0, at index (1,)"),
        (np.ones(2), np.array([np.nan, 1]), "1.0, expected nan, at index (0,)"),
        (None, np.ones(2), "shape (), expected (2,)"),
    ],
)
def test_shape_and_dtype_are_compared_before_any_value(ours, reference, reason):
    found = compare("here", "y", ours, reference, 1e-15)
    assert (found.verdict, found.reason) == ("differs", reason)


def test_nan_at_the_same_places_agrees():
    both = np.array([np.nan, 2.0])
    assert compare("here", "y", both, both.copy(), 1e-15).agrees
    assert not compare("here", "y", both, both + 1e-9, 1e-15).agrees
