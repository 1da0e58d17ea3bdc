"""What every layer, network and optimizer promises, whatever it computes."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

import manual.blocks
import manual.layers
import manual.optimizer
import manual.optimizers
from manual import Adam, Identity, Layer, Linear, MSELoss, Network, Optimizer, ReLU, Sigmoid, parameter, state
from manual.layer import several
from parity_tests.derived import alike
from parity_tests.for_each import file_of, for_each
from torch_ref import compare, params_of, state_of, to_torch, twin, twin_optimizer
from torch_ref.examples import examples
from torch_ref.quantities import numbered, random_delta
from torch_ref.tolerance.bounds import layer_bounds, update_bounds


def copies(arrays):
    return {name: a.copy() for name, a in arrays.items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def network(rng):
    return Network(
        Linear(3, 4, rng=rng), ReLU(), Network(Linear(4, 4, rng=rng), Sigmoid()), Linear(4, 2, bias=False, rng=rng)
    )


@for_each("make", [*examples(manual.layers), *examples(manual.blocks)], file_of)
def test_a_pass_changes_neither_the_layer_nor_its_arguments(make, rng):
    layer, x = make()
    before, given = dict(vars(layer)), copies(layer.params)
    for array in several(x):
        array.setflags(write=False)
    y, cache = layer.forward(*several(x))
    delta = random_delta(y, rng)
    for array in several(delta):
        array.setflags(write=False)
    first = layer.backward(delta, cache)
    again = layer.backward(delta, layer.forward(*several(x))[1])
    assert vars(layer) == before
    assert same(layer.params, given)
    assert same(numbered("dx", first[0]), numbered("dx", again[0]))
    assert same(first[1].params, again[1].params)
    assert same(layer.gradient(delta, cache).params, first[1].params)


def test_four_threads_may_use_one_network_at_once(rng):
    net = network(rng)
    inputs = [rng.standard_normal((5, 3)) for _ in range(64)]

    def one(x):
        y, tape = net.forward(x)
        return y, net.backward(np.ones_like(y), tape)[0]

    with ThreadPoolExecutor(4) as pool:
        for (y, dx), (y_alone, dx_alone) in zip(pool.map(one, inputs), map(one, inputs), strict=True):
            assert np.array_equal(y, y_alone)
            assert np.array_equal(dx, dx_alone)


def test_two_forwards_may_be_open_at_once(rng):
    net = network(rng)
    (y1, tape1), (y2, tape2) = net.forward(rng.standard_normal((5, 3))), net.forward(rng.standard_normal((2, 3)))
    dx2, dx1 = net.backward(np.ones_like(y2), tape2)[0], net.backward(np.ones_like(y1), tape1)[0]
    assert dx1.shape == (5, 3)
    assert dx2.shape == (2, 3)


def test_parameters_have_the_names_and_the_order_of_a_torch_state_dict(rng):
    net = network(rng)
    assert [*net.params] == [*twin(net).state_dict()]


def test_like_takes_all_parameters_or_none(rng):
    layer = Linear(3, 4, rng=rng)
    W, b = layer.weight, layer.bias
    assert layer.like().weight is W
    assert layer.like(weight=2 * W, bias=2 * b).params.keys() == {"weight", "bias"}
    for wrong in (
        {"weight": W},
        {"weight": W, "bias": None},
        {"weight": W, "bias": b, "gain": b},
        {"weight": W, "gain": b},
    ):
        with pytest.raises(TypeError, match="takes all parameters or none"):
            layer.like(**wrong)
    with pytest.raises(TypeError, match="takes all parameters or none"):
        Linear(3, 4, bias=False, rng=rng).like(weight=W, bias=b)
    with pytest.raises(TypeError, match="takes all parameters or none"):
        network(rng).like(**{"0.weight": W})


def test_hyper_reports_the_bias_flag_and_params_omit_an_absent_bias(rng):
    layer = Linear(3, 4, bias=False, rng=rng)
    assert layer.hyper == {"in_features": 3, "out_features": 4, "bias": False}
    assert [*layer.params] == ["weight"]
    assert repr(layer) == "Linear(in_features=3, out_features=4, bias=False)"


def test_layers_compare_by_identity(rng):
    layer = Linear(3, 4, rng=rng)
    assert layer == layer
    assert layer != layer.like()
    assert len({layer, layer.like()}) == 2


def test_a_network_of_ones_own_is_made_of_layers_too(rng):
    class Deep(Network):
        def forward(self, x, /):
            y, tape = super().forward(x)
            return 2 * y, tape

    layer, x = Linear(3, 4, rng=rng), rng.standard_normal((5, 3))
    deep = Deep(layer)  # pyright: ignore[reportCallIssue]
    np.testing.assert_array_equal(deep.forward(x)[0], 2 * layer.forward(x)[0])
    assert type(deep.like(**deep.params)) is Deep


def test_a_network_asks_its_first_layer_for_no_input_gradient(rng):
    class NoInputGradient(Linear):
        def backward(self, delta, a, /):
            raise AssertionError("asked for dx")

    net = Network(NoInputGradient(3, 4, rng=rng), Identity())
    y, tape = net.forward(rng.standard_normal((5, 3)))
    assert net.gradient(np.ones_like(y), tape).params["0.weight"].shape == (4, 3)
    with pytest.raises(AssertionError, match="asked for dx"):
        net.backward(np.ones_like(y), tape)


def test_a_layer_of_ones_own_needs_forward_and_backward_no_more(rng):
    class Square(Layer):
        def forward(self, x, /):
            return x * x, x

        def backward(self, delta, x, /):
            return 2 * x * delta, self

    x = rng.standard_normal((5, 3))
    net = Network(Linear(3, 2, rng=rng), Square())
    y, tape = net.forward(x)
    delta = rng.standard_normal(y.shape)
    inputs = to_torch(x).requires_grad_()
    (twin(net.layers[0])(inputs) ** 2).backward(to_torch(delta))
    assert inputs.grad is not None
    assert alike(net.backward(delta, tape)[0], inputs.grad, layer_bounds(net, x, delta)["dx"].error)


def test_state_is_changed_by_commit_alone_and_not_in_inference(rng):
    class Centre(Layer):
        """Takes off a running mean."""

        running_mean: np.ndarray = state()
        learning: bool = True

        def __post_init__(self):
            self.running_mean = np.zeros(3)

        def forward(self, x, /):
            return x - self.running_mean, x

        def backward(self, delta, x, /):
            return delta, self

        def commit(self, x, /):
            self.running_mean += (x.mean(axis=0) - self.running_mean) / 10

        def evaluated(self):
            still = self.like()
            still.commit = lambda x, /: None
            return still

    net = Network(Centre(), Linear(3, 2, rng=rng))
    x = rng.standard_normal((5, 3))
    _, tape = net.forward(x)
    assert not net.state["0.running_mean"].any()
    net.evaluated().commit(tape)
    assert not net.state["0.running_mean"].any()
    net.commit(tape)
    np.testing.assert_array_equal(net.state["0.running_mean"], x.mean(axis=0) / 10)


@pytest.mark.parametrize(
    "make", [lambda: manual.SGD(momentum=0.9), Adam, manual.RMSprop], ids=["SGD", "Adam", "RMSprop"]
)
def test_optimizer_state_goes_to_torch_and_comes_back(make, rng):
    layer = Linear(3, 4, rng=rng)
    gradient = layer.like(weight=np.ones((4, 3)), bias=np.ones(4))
    module = twin(layer)
    ours, theirs = make(), twin_optimizer(make(), module)
    for p in module.parameters():
        p.grad = torch.ones_like(p)
    theirs.step()
    ours.state = state_of(theirs, module)
    for _ in range(2):
        copied, start = layer.like(**params_of(module)), params_of(module)
        bounds = update_bounds(ours, copied.like(**start), gradient.params, ours.state)
        ours.step(copied, gradient)
        theirs.step()
        for name, p in params_of(module).items():
            assert compare("", name, copied.params[name], p, 2 * bounds[name].error, moved=p - start[name]).agrees
        for name, p in module.named_parameters():
            theirs.state[p] = {
                key: to_torch(np.asarray(value, np.float32 if key == "step" else None))
                for key, value in ours.state[name].items()
            }


def test_the_gradient_of_a_cost_has_the_network_s_own_form(rng):
    net, loss = network(rng), MSELoss()
    y, tape = net.forward(rng.standard_normal((5, 3)))
    _, cache = loss.forward(y, np.zeros_like(y))
    gradient = net.gradient(loss.backward(cache), tape)
    assert {name: g.shape for name, g in gradient.params.items()} == {name: p.shape for name, p in net.params.items()}


class Alone(Layer):
    """A parameter."""

    weight: Any = parameter()


def alone(array):
    layer = Alone()
    layer.weight = array
    return layer


@for_each("make", [(name, make) for name, make in examples(manual.optimizers) if make().elementwise], file_of)
@pytest.mark.parametrize("shape", [(7, 5), (33,), (3, 4, 2, 2), (1, 50)], ids=str)
def test_a_large_parameter_moved_a_few_rows_at_a_time_ends_at_the_same_bits(make, shape, rng, monkeypatch):
    ends = []
    for piece in (10**9, 12):
        monkeypatch.setattr(manual.optimizer, "PIECE", piece)
        layer, optimizer, draws = alone(np.ones(shape)), make(), np.random.default_rng(1)
        for _ in range(3):
            optimizer.step(layer, alone(draws.standard_normal(shape)))
        ends.append((layer.weight, optimizer.state))
    assert np.array_equal(ends[0][0], ends[1][0])
    assert not np.array_equal(ends[0][0], np.ones(shape))
    for whole, pieces in zip(*(kept.get("weight", {}).values() for _, kept in ends), strict=True):
        assert np.array_equal(whole, pieces)


def test_a_rule_that_needs_the_whole_parameter_has_it_whole(rng, monkeypatch):
    class Normalized(Optimizer):
        def update(self, p, g, state, /):
            p -= g / np.sqrt((g * g).sum())

    monkeypatch.setattr(manual.optimizer, "PIECE", 12)
    g, layer = rng.standard_normal((7, 5)), alone(np.zeros((7, 5)))
    Normalized().step(layer, alone(g))
    assert np.array_equal(layer.weight, -(g / np.sqrt((g * g).sum())))
