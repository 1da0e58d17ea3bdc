"""A block is held against its registered twin, or its certified truth, and every layer in it against its own."""

# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportArgumentType=false

from typing import Any

import flint
import numpy as np
import pytest
import torch

import manual.blocks
import manual.layers
from manual import (
    SGD,
    Block,
    Embedding,
    Flatten,
    InputError,
    Linear,
    MSELoss,
    Network,
    ReLU,
    Residual,
    Tanh,
    lift,
)
from manual.layer import several
from parity_tests.comparison.own import Forgets, Head, Routed, Shared, TorchHead, Twice
from parity_tests.conftest import few
from parity_tests.derived import proved
from parity_tests.for_each import file_of, for_each
from torch_ref import (
    certify,
    compare_end_to_end,
    compare_layer,
    compare_network,
    compare_training,
    embed,
    register,
    to_numpy,
    to_torch,
    twin,
)
from torch_ref.comparison.wiring import Certified, reference
from torch_ref.examples import examples, of_floats
from torch_ref.quantities import random_delta
from torch_ref.tolerance.bounds import layer_bounds
from torch_ref.twins import REGISTERED


@pytest.fixture
def registered(monkeypatch):
    """Head has a twin, for this test."""
    monkeypatch.setitem(REGISTERED, Head, None)
    register(Head, lambda head: TorchHead(head.width))


def head(rng, kind=Head):
    return kind(4, rng), (rng.standard_normal((3, 4)), rng.standard_normal((5, 4)))


PLAIN = dict(of_floats(manual.layers))
OTHERS = [*examples(manual.blocks), *(case for case in examples(manual.layers) if case[0] not in PLAIN)]
"""The blocks, and the layers that take words, or several inputs."""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@for_each("make", OTHERS, file_of)
def test_a_block_agrees_with_torch(make, dtype, rng, device, agree):
    block, x = make()
    assert not isinstance(twin(block), Certified)
    x = tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in several(x))
    agree(compare_layer(block.astype(dtype), x, rng, device))


@pytest.mark.parametrize("name", few(dict(OTHERS), 5))
def test_a_block_is_certified_and_runs_on_balls(name, rng):
    block, x = dict(OTHERS)[name]()
    y, cache = block.forward(*several(x))
    delta = random_delta(y, rng)
    if getattr(block, "padding_idx", None) is None:  # a gradient of 0 by convention is not the derivative
        assert all(error < 1e-20 for error in certify(block, x, delta).values())
    (_, gradient), bounds = block.backward(delta, cache), layer_bounds(block, x, delta)
    with flint.ctx.workprec(1000):
        number = lambda p, q: flint.arb(p) / q  # noqa: E731
        balls = block.astype(number)
        _, cache = balls.forward(*[lift(a, number) if a.dtype.kind == "f" else a for a in several(x)])
        lifted = tuple(lift(d, number) for d in several(delta))
        _, exact = balls.backward(lifted if isinstance(delta, tuple) else lifted[0], cache)
        for name, g in gradient.params.items():
            truths = exact.params[name].ravel()
            is_zero = all(truth == 0 for truth in truths) and not g.any()  # U's, of one step after a state of 0
            assert is_zero or proved(g, truths, bounds[f"d{name}"].error)


@pytest.mark.parametrize("shape", [(2, 4, 3), (1, 2, 2, 3)], ids=str)
def test_a_linear_takes_any_leading_axes(shape, rng, agree):
    layer, x = Linear(3, 2, rng=rng), rng.standard_normal(shape)
    agree(compare_layer(layer, x, rng))
    assert max(certify(layer, x, rng.standard_normal((*shape[:-1], 2))).values()) < 1e-20


def test_words_go_through_a_network_in_every_way(rng, agree):
    network = Network(Embedding(5, 3, rng=rng), Tanh(), Flatten(), Linear(6, 2, rng=rng))
    x, y = rng.integers(5, size=(4, 2)), rng.standard_normal((4, 2))
    agree(compare_network(network, MSELoss(), x, y))
    agree(compare_end_to_end(network, MSELoss(), x, y))
    agree(compare_training(network, MSELoss(), SGD(0.1), x, y, steps=2))
    ours, theirs = embed(network), twin(network)
    for module in (ours, theirs):
        (module(to_torch(x)) * to_torch(y)).sum().backward()
    bounds = layer_bounds(network, x, y)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert p.grad is not None
        assert q.grad is not None
        assert np.all(np.abs(to_numpy(p.grad - q.grad)) <= 2 * bounds[f"d{name}"].error)


def test_a_head_of_attention_is_right_with_a_twin_and_without(rng, agree, registered, monkeypatch):
    block, inputs = head(rng)
    assert isinstance(reference(block), TorchHead)
    agree(with_twin := compare_layer(block, inputs, rng))
    assert {c.quantity for c in with_twin.comparisons} >= {"y", "dx0", "dx1", "dq.weight", "dx"}
    assert {c.place for c in with_twin.comparisons} >= {"layer q, Linear", "layer softmax, Softmax", repr(block)}
    monkeypatch.delitem(REGISTERED, Head)
    assert isinstance(reference(block), Certified)
    agree(compare_layer(block, inputs, rng))
    assert max(certify(block, inputs, rng.standard_normal((3, 4))).values()) < 1e-20


@pytest.mark.parametrize("twinned", [True, False])
def test_a_wrong_wiring_differs_and_the_layers_in_it_agree(twinned, rng, registered, monkeypatch):
    if not twinned:
        monkeypatch.delitem(REGISTERED, Head)
    block, inputs = head(rng, Forgets)
    wrong = [c for c in compare_layer(block, inputs, rng).comparisons if not c.agrees]
    assert [(c.place, c.quantity, c.verdict) for c in wrong] == [(repr(block), "dx1", "differs")]
    assert certify(block, inputs, rng.standard_normal((3, 4)))["dx1"] > 1e-3


def test_a_part_that_nothing_went_through_is_judged_with_its_block(rng, agree):
    """It works in place on what is its own. The wrong one has 14 parameters: nobody goes through all their orders."""
    inputs = (rng.standard_normal((4, 3)), np.array([0, 4, 4, 0]))
    agree(compare_layer(Routed(6, rng), inputs, rng))
    differ = {c.quantity for c in compare_layer(Shared(6, rng), inputs, rng).comparisons if c.differs}
    assert {"dx0", "d0.weight", "dagain.weight"} <= differ


def test_the_layer_that_is_wrong_within_a_block_is_named_first(rng):
    class Sigma(Tanh):
        def backward(self, delta, a, /):
            return delta * (1 + a * a), self

    Sigma.__name__ = "Tanh"
    network = Network(Linear(3, 3, rng=rng), Residual(Network(Linear(3, 3, rng=rng), Sigma())), Linear(3, 2, rng=rng))
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    first = compare_network(network, MSELoss(), x, y).first
    assert first is not None
    assert (first.place, first.quantity) == ("layer 1.inner.1, Tanh", "dx")


def test_a_part_that_runs_twice_adds_its_gradients_and_an_output_may_be_unused(rng, agree):
    block, x = Twice(), rng.standard_normal((4, 3))
    agree(compare_layer(block, x, rng))
    W, b = (to_torch(p).requires_grad_() for p in block.params.values())
    once = torch.nn.functional.linear(to_torch(x), W, b)
    twice = torch.nn.functional.linear(torch.tanh(once), W, b)
    d = rng.standard_normal((4, 3))
    _, tape = block.forward(x)
    for outputs, delta in (([once], (d, None)), ([twice], (None, d)), ([once, twice], (d, d))):
        expected = torch.autograd.grad(outputs, [W, b], [to_torch(d)] * len(outputs), retain_graph=True)
        _, gradient = block.backward(delta, tape)
        bounds = layer_bounds(block, x, delta)
        for (name, g), theirs in zip(gradient.params.items(), expected, strict=True):
            assert np.all(np.abs(g - to_numpy(theirs)) <= 2 * bounds[f"d{name}"].error)


def test_a_block_trains_within_a_network_and_end_to_end(rng, agree):
    inner = Residual(Network(Linear(3, 4, rng=rng), Tanh(), Linear(4, 3, rng=rng)))
    network = Network(Linear(3, 3, rng=rng), inner, ReLU(), Linear(3, 2, rng=rng))
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    assert [*network.params][2:4] == ["1.inner.0.weight", "1.inner.0.bias"] == [*twin(network).state_dict()][2:4]
    agree(compare_training(network, MSELoss(), SGD(0.1, momentum=0.9), x, y, steps=3))
    agree(compare_end_to_end(network, MSELoss(), x, y))


def test_a_block_of_several_inputs_lives_inside_torch(rng):
    block, inputs = head(rng)
    module, given = embed(block), [to_torch(x).requires_grad_() for x in inputs]
    delta = rng.standard_normal((3, 4))
    slopes = torch.autograd.grad(module(*given), [*given, *module.parameters()], to_torch(delta))
    dx, gradient = block.backward(delta, block.forward(*inputs)[1])
    for ours, theirs in zip([*dx, *gradient.params.values()], slopes, strict=True):
        np.testing.assert_array_equal(ours, to_numpy(theirs))


def test_a_block_s_copies_are_blocks_of_the_same_parts(rng):
    block = Residual(Network(Linear(3, 3, rng=rng), Tanh()))
    doubled = block.like(**{name: 2 * p for name, p in block.params.items()})
    np.testing.assert_array_equal(doubled.parts["inner"].params["0.weight"], 2 * block.params["inner.0.weight"])
    assert block.astype(np.float32).forward(np.ones((2, 3), np.float32))[0].dtype == np.float32
    assert {*manual.init.constant(block, 0.5).params["inner.0.weight"].ravel()} == {0.5}
    with pytest.raises(TypeError, match="takes all parameters or none"):
        block.like(**{"inner.0.weight": np.ones((3, 3))})


def test_what_is_no_part_is_refused_and_the_message_says_where(rng):
    linear = Linear(3, 3, rng=rng)
    tied = Linear(3, 3, rng=rng).like(weight=linear.weight, bias=np.zeros(3))

    class Parts(Block):
        given: Any

        def __post_init__(self):
            self.parts = self.given

    for given, says in (
        ({"f": linear, "g": linear}, "is there twice, as 'f' and 'g'"),
        ({"f": linear, "g": tied}, "f.weight and g.weight are the same array"),
        ({"f": np.ones(3)}, r"expected a layer as part 'f', got shape \(3,\)"),
    ):
        with pytest.raises(InputError, match=says):
            Parts(given)
    with pytest.raises(InputError, match=r"part 'inner' of Residual, Linear.*expected an array of shape"):
        Residual(linear).forward(np.ones((2, 4)))
    with pytest.raises(InputError, match=r"output has the shape \(2, 3\)"):
        Residual(Linear(3, 1, rng=rng)).forward(np.ones((2, 3)))
    _, tape = Residual(linear).forward(np.ones((2, 3)))
    back, gradient = Residual(linear).backs(tape)
    with pytest.raises(TypeError, match="takes the block's own parameters"):
        gradient(weight=np.ones(3))
    back("inner", np.ones((2, 3)))
    with pytest.raises(InputError, match="without a run"):
        back("inner", np.ones((2, 3)))
