"""Whatever is given in the place of an array, a number, a generator or a layer: it is taken, or refused in one clear
line."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
import pytest
import torch

import manual.layers
import manual.losses
import manual.optimizers
import manual.penalties
from manual import L2, SGD, Conv2d, Dropout, InputError, Linear, MSELoss, Network, ReLU, Sigmoid, Softmax, init, train
from parity_tests.for_each import file_of, for_each
from torch_ref.examples import examples, of_floats

NO_ARRAYS = {
    "None": None,
    "a list": [[1.0, 2.0]],
    "a tuple": (1.0, 2.0),
    "a number": 1.5,
    "a text": "text",
    "a dict": {"x": 1},
    "a tensor": torch.ones(2, 3, dtype=torch.float64),
    "a class": np.ndarray,
    "an object": object(),
}
NO_FLOATS = {
    "integers": np.ones((2, 3), int),
    "truth values": np.ones((2, 3), bool),
    "complex": np.ones((2, 3), complex),
    "texts": np.array([["a", "b"]]),
    "objects": np.array([[None, "b"]], dtype=object),
    "a matrix": np.ones((1, 2)).view(np.matrix),
}
WRONG_SHAPES = {
    "no axes": np.array(1.5),
    "no rank": np.ones(()),
    "one axis": np.ones(3),
    "six axes": np.ones((1, 1, 1, 1, 1, 2)),
    "empty": np.ones((0, 3)),
    "no columns": np.ones((3, 0)),
    "no pixels": np.ones((2, 1, 0, 0)),
    "nothing": np.ones((5, 0, 0)),
}
LAYERS, LOSSES, OPTIMIZERS, PENALTIES = (
    dict(examples(package)) for package in (manual.layers, manual.losses, manual.optimizers, manual.penalties)
)
WORDS = {name: make for name, make in LAYERS.items() if getattr(make()[1], "dtype", np.dtype(float)).kind in "iu"}
CHAINED = WORDS | dict(of_floats(manual.layers))
"""The layers that a network may be made of: of one input and one output."""


def taken_or_refused(function: Callable[[], Any]) -> None:
    """Any other exception than an InputError fails the test."""
    with suppress(InputError):
        function()


@for_each("make", of_floats(manual.layers), file_of)
def test_a_layer_takes_arrays_of_floats_alone(make):
    layer, _ = make()
    for wrong in (NO_ARRAYS | NO_FLOATS).values():
        with pytest.raises(InputError, match=rf"^{type(layer).__name__}\(.*\): expected an array of .*, got "):
            layer.forward(wrong)


@for_each("make", LAYERS.items(), file_of)
def test_a_layer_takes_an_array_of_another_shape_or_refuses_it(make):
    layer, _ = make()
    for wrong in WRONG_SHAPES.values():
        taken_or_refused(partial(layer.forward, wrong))
        taken_or_refused(partial(Network(layer).forward, wrong))


@for_each("make", CHAINED.items(), file_of)
def test_a_network_takes_arrays_alone_and_no_other_delta(make):
    layer, x = make()
    network = Network(layer)
    y, tape = network.forward(x)
    for wrong in NO_ARRAYS.values():
        with pytest.raises(InputError):
            network.forward(wrong)
        for way in (network.backward, network.gradient):
            with pytest.raises(InputError, match="expected δ of the output's shape"):
                way(wrong, tape)
            way(np.ones_like(y), tape)


@for_each("make", LOSSES.items(), file_of)
def test_a_loss_takes_a_batch_of_predictions_and_their_targets(make):
    loss, prediction, target = make()
    for wrong in (NO_ARRAYS | NO_FLOATS | WRONG_SHAPES).values():
        for given in ((wrong, target), (prediction, wrong)):
            with pytest.raises(InputError):
                loss.forward(*given)
        taken_or_refused(partial(loss.forward, wrong, wrong))


@for_each("make", OPTIMIZERS.items(), file_of)
def test_an_optimizer_steps_layers_alone(make, rng):
    layer = Linear(2, 3, rng=rng)
    before = layer.weight.copy()
    for wrong in NO_ARRAYS.values():
        for name, *given in (("network", wrong, layer), ("gradient", layer, wrong), ("network", wrong, wrong)):
            with pytest.raises(InputError, match=rf"^{type(make()).__name__}: expected the {name} as a Layer, got "):
                make().step(*given)
    np.testing.assert_array_equal(layer.weight, before)


@for_each("make", PENALTIES.items(), file_of)
def test_a_penalty_is_of_a_layer_alone(make):
    for wrong in NO_ARRAYS.values():
        with pytest.raises(InputError, match=rf"^{type(make()).__name__}: expected the network as a Layer, got "):
            make().forward(wrong)


@for_each("make", (LAYERS | LOSSES | OPTIMIZERS | PENALTIES).items(), file_of)
def test_a_constructor_takes_a_hyperparameter_or_refuses_it_by_name(make, rng):
    made = make()
    piece = made[0] if isinstance(made, tuple) else made
    given = piece.hyper | ({"rng": rng} if "rng" in signature(type(piece)).parameters else {})
    for name in piece.hyper:
        for wrong in (*NO_ARRAYS.values(), np.nan, -1, np.ones(2), 2**70):
            taken_or_refused(partial(type(piece), **given | {name: wrong}))
        with pytest.raises(InputError, match=rf"^{type(piece).__name__}: {name}(\[0\])? .*('nothing'|a str)"):
            type(piece)(**given | {name: "nothing"})


@pytest.mark.parametrize("seed", [0, None, np.random.RandomState(0), np.random, "0"], ids=lambda v: type(v).__name__)
@for_each("make", {
    "Linear": partial(Linear, 3, 2),
    "Conv2d": partial(Conv2d, 1, 2, 2),
    "Dropout": Dropout,
    **{f.__name__: partial(f, Network(Linear(3, 2, rng=np.random.default_rng(0)))) for f in (
        init.xavier_uniform, init.xavier_normal, init.kaiming_uniform, init.kaiming_normal)},
}.items())  # fmt: skip
def test_a_generator_is_a_generator_and_no_seed(make, seed):
    named = getattr(make, "func", make).__name__
    with pytest.raises(
        InputError, match=rf"^{named}: rng must be a numpy.random.Generator, as np.random.default_rng\(0\) is, got "
    ):
        make(rng=seed)


@for_each("wrong", NO_ARRAYS.items())
def test_a_start_is_of_a_layer_alone(wrong, rng):
    for start in (init.xavier_uniform, init.xavier_normal, init.kaiming_uniform, init.kaiming_normal):
        with pytest.raises(InputError, match=f"^{start.__name__}: expected the network as a Layer, got "):
            start(wrong, rng)
    with pytest.raises(InputError, match=r"^constant: expected the network as a Layer, got "):
        init.constant(wrong, 0)


@for_each("wrong", NO_ARRAYS.items())
def test_training_says_what_it_was_given(wrong, rng):
    right = {
        "network": Network(Linear(3, 2, rng=rng)), "loss": MSELoss(), "optimizer": SGD(),
        "x": np.ones((4, 3)), "y": np.ones((4, 2)),
    }  # fmt: skip
    for name in right:
        with pytest.raises(InputError, match=f"^train: expected .*{name}"):
            next(train(**right | {name: wrong}))
    if wrong is not None:
        with pytest.raises(InputError, match=r"^train: expected the penalty"):
            next(train(**right, penalty=wrong))
    next(train(**right, penalty=L2(0.1)))


def test_an_optimizer_that_is_given_parameters_as_in_torch_says_what_it_takes(rng):
    layer = Linear(3, 2, rng=rng)
    params = [*layer.params.values()]
    for first in (layer, layer.params, params, iter(params), layer.params.values(), 0.1):
        for optimizer in (manual.SGD, manual.Adam, manual.AdamW, manual.RMSprop):
            with pytest.raises(InputError, match=f"^{optimizer.__name__}: expected the learning rate first, got a "):
                optimizer(first, lr=0.1)  # pyright: ignore[reportCallIssue]
    with pytest.raises(InputError, match="unlike in torch, go to step"):
        SGD(layer.params)
    assert SGD(0.1).lr == 0.1


@pytest.mark.parametrize("layer", [Sigmoid(), ReLU(), Softmax()], ids=repr)
@pytest.mark.parametrize("delta", [
    np.ones((1, 2)), np.ones((6, 1)), np.ones(2), np.ones(()), np.ones((6, 2), np.float32), np.ones((6, 2), int),
], ids=lambda d: f"{d.shape} {d.dtype}")  # fmt: skip
def test_a_delta_of_another_shape_or_dtype_than_the_output_is_refused_where_it_enters(layer, delta, rng):
    inner = Network(layer)
    for network in (Network(Linear(3, 2, rng=rng), layer), Network(Linear(3, 2, rng=rng), inner)):
        y, tape = network.forward(np.ones((6, 3)))
        for way in (network.backward, network.gradient):
            with pytest.raises(InputError, match=r"expected δ of the output's shape \(6, 2\) and dtype float64, got "):
                way(delta, tape)
            way(y, tape)


def test_an_empty_batch_goes_through_a_convolution_as_in_torch(rng):
    layer = Conv2d(2, 3, 3, rng=rng)
    y, cache = layer.forward(np.zeros((0, 2, 5, 5)))
    dx, gradient = layer.backward(y, cache)
    assert (y.shape, dx.shape) == ((0, 3, 3, 3), (0, 2, 5, 5))
    assert not gradient.weight.any()
    assert gradient.weight.shape == layer.weight.shape
