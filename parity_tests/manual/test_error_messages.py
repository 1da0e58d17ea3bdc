"""An error begins with the piece that refuses, and names the argument, what was expected of it, and what was given."""

import re
from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest
import torch

from manual import (
    L2,
    SGD,
    Adam,
    AvgPool2d,
    Conv2d,
    Dropout,
    ElasticNet,
    Flatten,
    InputError,
    Linear,
    MaxPool2d,
    MSELoss,
    Network,
    RMSprop,
    Softmax,
    Undecided,
    init,
    train,
)
from manual.numbers.checks import shown
from manual.numbers.number_types import greater

RNG = np.random.default_rng(0)
NETWORK: Any = Network(Linear(2, 1, rng=RNG))
NOTHING: Any = "nothing"
LOW, FLAT = np.zeros((1, 1, 2, 5)), np.zeros((4, 3))
POOLS = {pool.__name__: pool(3) for pool in (MaxPool2d, AvgPool2d)}
X, Y = np.zeros((4, 2)), np.zeros((4, 1))

TENSOR: Any = torch.zeros(4, 3)

REFUSED: list[tuple[Callable[[], Any], list[str]]] = [
    (lambda: init.constant(NETWORK, NOTHING), ["constant", "value", "'nothing'"]),
    (lambda: init.constant(NOTHING, 1), ["constant", "network", "Layer", "a str"]),
    (lambda: init.xavier_uniform(NETWORK, RNG, NOTHING), ["xavier_uniform", "gain", "'nothing'"]),
    (lambda: init.xavier_normal(NETWORK, RNG, NOTHING), ["xavier_normal", "gain", "'nothing'"]),
    (lambda: init.xavier_uniform(NOTHING, RNG), ["xavier_uniform", "network", "Layer", "a str"]),
    (lambda: init.xavier_normal(NOTHING, RNG), ["xavier_normal", "network", "Layer", "a str"]),
    (lambda: init.kaiming_uniform(NOTHING, RNG), ["kaiming_uniform", "network", "Layer", "a str"]),
    (lambda: init.kaiming_normal(NOTHING, RNG), ["kaiming_normal", "network", "Layer", "a str"]),
    (lambda: L2(1).forward(NOTHING), ["L2", "network", "Layer", "a str"]),
    (lambda: ElasticNet(1, -1), ["ElasticNet", "l1_ratio", "-1"]),
    (lambda: SGD(lr=NOTHING), ["SGD", "lr", "'nothing'"]),
    (lambda: Dropout(rng=NOTHING), ["Dropout", "rng", "'nothing'"]),
    (lambda: AvgPool2d(2).forward(FLAT), ["AvgPool2d", "(N, C, H, W)", "float", "(4, 3)", "float64"]),
    (lambda: Conv2d(1, 2, 3, rng=RNG).forward(np.zeros((1, 2, 9, 9), np.float32)), [
        "Conv2d", "(N, 1, H, W)", "float64", "(1, 2, 9, 9)", "float32",
    ]),
    (lambda: Conv2d(1, 2, 3, rng=RNG).forward(LOW), ["Conv2d", "kernel", "2×5"]),
    (lambda: POOLS["MaxPool2d"].forward(LOW), ["MaxPool2d", "kernel", "2×5"]),
    (lambda: POOLS["AvgPool2d"].forward(LOW), ["AvgPool2d", "kernel", "2×5"]),
    (lambda: Flatten(3, 5).forward(FLAT), ["Flatten", "axes", "(4, 3)"]),
    (lambda: Flatten(2, 1).forward(LOW), ["Flatten", "start_dim", "end_dim", "2", "1", "(1, 1, 2, 5)"]),
    (lambda: Softmax().forward(np.zeros((3, 0))), ["Softmax", "axis", "(3, 0)"]),
    (lambda: next(train(NOTHING, MSELoss(), SGD(lr=1), X, Y)), ["train", "network", "Layer", "a str"]),
    (lambda: next(train(NETWORK, NOTHING, SGD(lr=1), X, Y)), ["train", "loss", "Loss", "a str"]),
    (lambda: next(train(NETWORK, MSELoss(), NOTHING, X, Y)), ["train", "optimizer", "Optimizer", "a str"]),
    (lambda: next(train(NETWORK, MSELoss(), SGD(lr=1), NOTHING, Y)), ["train", "x", "array", "a str"]),
    (lambda: next(train(NETWORK, MSELoss(), SGD(lr=1), X, NOTHING)), ["train", "y", "array", "a str"]),
    (lambda: Flatten().forward(TENSOR), ["Flatten", "array", "a Tensor", "(4, 3)", "torch.float32"]),
    (lambda: greater(np.array([flint.arb("nan")]), np.array([flint.arb(1)])), ["greater"]),
]  # fmt: skip


@pytest.mark.parametrize(("refused", "named"), REFUSED, ids=[f"{i} {named[0]}" for i, (_, named) in enumerate(REFUSED)])
def test_an_error_names_the_piece_the_argument_and_what_was_given(refused: Callable[[], Any], named: list[str]) -> None:
    with pytest.raises((InputError, Undecided)) as raised:
        refused()
    said = str(raised.value)
    assert said.startswith(named[0])
    for name in named:
        assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said), said


def test_what_is_no_array_and_no_tensor_is_named_by_its_type() -> None:
    class Typed:
        dtype = np.dtype(np.float64)

    assert shown(Typed()) == "a Typed"


def test_an_error_is_one_line() -> None:
    assert str(InputError("two\n  lines")) == "two lines"


def test_the_axes_of_flatten_may_be_counted_from_the_end() -> None:
    assert Flatten(-3, -2).forward(np.zeros((2, 3, 4)))[0].shape == (6, 4)


def test_the_seeds_of_dropout_are_drawn_from_all_32_bits() -> None:
    seeds = [int(Dropout(rng=np.random.default_rng(i)).seed) for i in range(64)]
    assert 2**31 < max(seeds) < 2**32


@pytest.mark.parametrize("piece", [
    Linear(3, 2, rng=RNG), Conv2d(1, 2, 3, rng=RNG), MaxPool2d(2), AvgPool2d(2), Dropout(rng=RNG), Flatten(), Softmax(),
    MSELoss(), L2(1), ElasticNet(1, 1), SGD(lr=1), Adam(), RMSprop(),
], ids=lambda piece: type(piece).__name__)  # fmt: skip
def test_a_constructor_names_itself_and_the_argument_that_it_refuses(piece: Any) -> None:
    random = {"rng": RNG} if isinstance(piece, Linear | Conv2d | Dropout) else {}
    for name in piece.hyper:
        wrong: dict[str, Any] = {**piece.hyper, **random, name: "nothing"}
        with pytest.raises(InputError, match=rf"^{type(piece).__name__}: {name}(\[0\])? "):
            type(piece)(**wrong)


@pytest.mark.parametrize("name", ["kernel_size", "stride", "padding"])
def test_the_half_of_a_pair_that_is_refused_is_named(name: str) -> None:
    for i, pair in enumerate([(-1, 1), (1, -1)]):
        wrong: dict[str, Any] = {"in_channels": 1, "out_channels": 1, "kernel_size": 2, name: pair}
        with pytest.raises(InputError, match=rf"^Conv2d: {name}\[{i}\] "):
            Conv2d(**wrong, rng=RNG)


def test_a_convolution_starts_within_the_root_of_its_fan_in_and_without_a_bias_if_none_is_wanted() -> None:
    layer = Conv2d(2, 100, (1, 4), rng=np.random.default_rng(0))
    for start in layer.weight, layer.bias:
        assert 0.9 * 8**-0.5 < np.abs(start).max() <= 8**-0.5
    assert [*Conv2d(2, 3, 2, bias=False, rng=RNG).params] == ["weight"]
    assert [*Linear(2, 3, bias=False, rng=RNG).params] == ["weight"]
