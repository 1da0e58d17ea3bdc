# pyright: reportArgumentType=false
# What is given is wrong on purpose.

"""An error begins with the piece that refuses, and names the argument, what was expected of it, and what was given."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import flint
import numpy as np
import pytest
import torch

from manual import (
    SGD,
    Adam,
    AdamW,
    AvgPool2d,
    BCEWithLogitsLoss,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    ElasticNet,
    Flatten,
    HalfMSELoss,
    InputError,
    Linear,
    LinearLR,
    MaxPool2d,
    MSELoss,
    Network,
    ReLU,
    RMSprop,
    SequentialLR,
    Softmax,
    Undecided,
    clip_grad_norm_,
    init,
    train,
)
from manual.numbers.checks import shown
from manual.numbers.number_types import greater
from parity_tests.for_each import for_each

RNG = np.random.default_rng(0)
NETWORK: Any = Network(Linear(2, 1, rng=RNG))
NOTHING: Any = "nothing"
LOW, FLAT = np.zeros((1, 1, 2, 5)), np.zeros((4, 3))
POOLS = {pool.__name__: pool(3) for pool in (MaxPool2d, AvgPool2d)}
X, Y = np.zeros((4, 2)), np.zeros((4, 1))

TENSOR: Any = torch.zeros(4, 3)
WORDS: Any = np.array([["word"]], dtype=object)

Row = tuple[Callable[[], Any], list[str]]
"""What is refused, and what the error names: it begins with the first."""

PIECES: list[Row] = [
    (lambda: init.constant(NETWORK, NOTHING), ["constant", "value", "'nothing'"]),
    (lambda: init.xavier_uniform(NETWORK, RNG, NOTHING), ["xavier_uniform", "gain", "'nothing'"]),
    (lambda: init.xavier_normal(NETWORK, RNG, NOTHING), ["xavier_normal", "gain", "'nothing'"]),
    (lambda: NETWORK.backward(Y[1:], NETWORK.forward(X)[1]), ["Network", "(4, 1)", "float64", "(3, 1)"]),
    (lambda: MSELoss().forward(WORDS, WORDS), ["MSELoss", "an array of numbers", "'word'", "(0, 0)"]),
    (lambda: ElasticNet(1, -1), ["ElasticNet", "l1_ratio", "-1"]),
    (lambda: LinearLR(0), ["LinearLR", "start_factor", "(0, 1]", "0 and 1"]),
    (lambda: LinearLR(1.5), ["LinearLR", "start_factor", "(0, 1]", "1.5"]),
    (lambda: LinearLR(1, 1.5), ["LinearLR", "end_factor", "[0, 1]", "1.5"]),
    (lambda: SequentialLR([LinearLR(), 3], [4]), ["SequentialLR", "schedulers", "Schedule", "int"]),
    (lambda: SequentialLR([LinearLR(), LinearLR()], [0]), ["SequentialLR", "a milestone", "1", "0"]),
    (lambda: SequentialLR([LinearLR()] * 3, [4, 4]), ["SequentialLR", "rising milestones", "3 schedulers", "[4, 4]"]),
    (lambda: SequentialLR([LinearLR()] * 2, []), ["SequentialLR", "one fewer", "2 schedulers", "[]"]),
    (lambda: clip_grad_norm_(Linear(1, 1, rng=RNG), 1, "two"), ["clip_grad_norm_", "norm_type", "two"]),
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
    (lambda: Flatten().forward(TENSOR), ["Flatten", "array", "a Tensor", "(4, 3)", "torch.float32"]),
    (lambda: greater(np.array([flint.arb("nan")]), np.array([flint.arb(1)])), ["greater"]),
]  # fmt: skip


def of_losses() -> Iterator[Row]:
    for loss in (MSELoss(), HalfMSELoss(), BCEWithLogitsLoss()):
        yield partial(loss.forward, np.zeros((5, 1)), np.zeros(5)), [repr(loss), "expected", "(5, 1)", "(5,)"]
        yield partial(loss.forward, np.zeros((5, 1), "f4"), np.zeros((5, 1))), [repr(loss), "float32", "float64"]
        yield partial(loss.forward, np.zeros((0, 1)), np.zeros((0, 1))), [repr(loss), "empty batch"]
    for classes, named in (
        ([0, 3, 1], ["classes 0 to 2", "3 at example 1"]),
        ([0, 1, -1], ["classes 0 to 2", "-1 at example 2"]),
        ([0.0, 1.0, 2.0], ["int64", "float64"]),
        ([True, False, True], ["int64", "bool"]),
        ([0, 1], ["(3,)", "(2,)"]),
        ([[0], [1], [2]], ["(3,)", "(3, 1)"]),
    ):
        yield partial(CrossEntropyLoss().forward, np.zeros((3, 3)), np.array(classes)), ["CrossEntropyLoss", *named]
    for z in (np.zeros((0, 3)), np.zeros((3, 0))):
        named = ["CrossEntropyLoss", "logits of shape (N, classes)", str(z.shape)]
        yield partial(CrossEntropyLoss().forward, z, np.zeros(len(z), int)), named
    for make in (MSELoss, CrossEntropyLoss, BCEWithLogitsLoss):
        yield (
            partial(make, reduction="average"),
            [f"{make.__name__}: reduction must be 'mean', 'sum' or 'none'", "'average'"],
        )


def of_arguments() -> Iterator[Row]:
    for value, named in (((1.0, 0.9), "betas[0]"), ((0.9, -1), "betas[1]"), (0.9, "a pair"), ((0.9,), "a pair")):
        for rule in (Adam, AdamW):
            yield partial(rule, betas=value), [f"{rule.__name__}: betas", named]
    for more in ({}, {"momentum": 0.9, "dampening": 0.1}):
        yield partial(SGD, nesterov=True, **more), ["SGD: nesterov needs a momentum above 0 and a dampening of 0"]
    linear = partial(Linear, rng=RNG)
    for flag in ("no", 1, None):
        yield partial(SGD, nesterov=flag), ["SGD: nesterov must be True or False", repr(flag)]
        yield partial(RMSprop, centered=flag), ["RMSprop: centered must be True or False", repr(flag)]
        yield partial(linear, 3, 4, bias=flag), ["Linear: bias must be True or False", repr(flag)]
    for size in (0, -1, 2.5, True):
        yield partial(linear, size, 3), ["Linear: in_features must be an integer >= 1", repr(size)]
        yield partial(linear, 3, size), ["Linear: out_features must be an integer >= 1", repr(size)]
    for dim in (0.5, [0, 1], True, None):
        yield partial(Softmax, dim=dim), [f"Softmax: dim must be an integer, got {dim!r}"]
    for dim in (2, -3):
        yield (
            partial(Network(Softmax(dim=dim)).forward, FLAT),
            ["layer 0 of 1", f"Softmax(dim={dim})", "axis", "(4, 3)"],
        )


def of_networks() -> Iterator[Row]:
    linear = partial(Linear, rng=RNG)
    layer, network = linear(3, 3), Network(linear(3, 4), ReLU(), Network(linear(4, 4), linear(4, 2)))
    first = f"layer 0 of 3, {network.layers[0]!r}"
    for x, named in (
        (np.zeros((5, 7)), [first, "(N, 3)", "float64", "(5, 7)"]),
        (np.zeros(4), [first, "(N, 3)", "(4,)"]),
        (np.zeros((5, 3), np.float32), [first, "float64", "float32"]),
        (np.zeros((5, 3), np.int64), [first, "float64", "int64"]),
        (TENSOR.double(), [first, "float64", "torch.float64"]),
        (np.zeros((0, 3)), [f"{network!r}: expected an array of at least one example", "shape (0, 3)"]),
        ([[1.0, 2.0, 3.0]], [f"{network!r}: expected an array of at least one example", "a list"]),
        (np.float64(1), [f"{network!r}: expected an array of at least one example", "shape ()"]),
    ):
        yield partial(network.forward, x), named
    nested = Network(ReLU(), network)
    yield partial(nested.forward, np.zeros((5, 7))), ["layer 1 of 2, layer 0 of 3, Linear", "(5, 7)"]
    yield Network, ["Network: expected at least one layer", "none"]
    yield (
        partial(Network, layer, layer),
        ["Network: Linear", "at place 1 is there twice", "copy.deepcopy(layer)"],
    )
    yield partial(Network, Network(layer), layer), ["Network: 0.0.weight and 1.weight are the same array"]
    yield partial(Network, layer, layer.like()), ["Network: 0.weight and 1.weight are the same array"]
    yield partial(Network, ReLU), ["Network: expected a layer at place 0", "ReLU"]


def of_training() -> Iterator[Row]:
    data: dict[str, Any] = {"x": np.zeros((5, 2)), "y": np.zeros((5, 1))}

    def first_step(**given: Any) -> Any:
        return next(train(NETWORK, MSELoss(), SGD(), **data | given))

    for name, array in data.items():
        for bad in (np.nan, np.inf):
            wrong = array.copy()
            wrong[3, 0] = bad
            yield partial(first_step, **{name: wrong}), [f"train: {name}: expected finite values", "at index (3, 0)"]
    yield (
        partial(first_step, y=np.zeros((4, 1))),
        ["train: expected a target for each example", "5 examples and 4 targets"],
    )
    yield partial(first_step, x=X[:0], y=Y[:0]), ["train: expected at least one example", "none"]
    for name, value, what in (
        ("batch_size", 0, "an integer >= 1"),
        ("batch_size", 2.5, "an integer >= 1"),
        ("epochs", -1, "an integer >= 0"),
        ("epochs", True, "an integer >= 0"),
        ("seed", -1, "an integer >= 0"),
        ("threshold", np.nan, "a finite number >= 0"),
    ):
        yield partial(first_step, **{name: value}), [f"train: {name} must be {what}", str(value)]


REFUSED = [*PIECES, *of_losses(), *of_arguments(), *of_networks(), *of_training()]


@for_each("case", [(" ".join(case[1]), case) for case in REFUSED])
def test_an_error_names_the_piece_the_argument_and_what_was_given(case: tuple[Callable[[], Any], list[str]]) -> None:
    refused, named = case
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
    assert shown(X) == "shape (4, 2) and dtype float64"


def test_an_error_is_one_line() -> None:
    assert str(InputError("two\n  lines")) == "two lines"


def test_the_axes_of_flatten_may_be_counted_from_the_end() -> None:
    assert Flatten(-3, -2).forward(np.zeros((2, 3, 4)))[0].shape == (6, 4)


def test_the_seeds_of_dropout_are_drawn_from_all_32_bits() -> None:
    seeds = [int(Dropout(rng=np.random.default_rng(i)).seed) for i in range(64)]
    assert 2**31 < max(seeds) < 2**32


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
