"""Layers, losses, optimizers and networks from what a config says."""

from typing import Any

import numpy as np
import pytest
import torch

from experiments.shared.spec import build, build_network, outline
from manual import InputError, Layer, Loss, Optimizer, optimizers

OPTIMIZERS = [getattr(optimizers, name) for name in optimizers.__all__]
LAYERS: list[Any] = [{"Linear": {"in_features": 1, "out_features": 2}}]
START = {"0.weight": [[1.0], [1.0]], "0.bias": [1.0, 1.0]}
WEIGHTS = "start: 0.bias: expected an array of numbers, got"


@pytest.mark.parametrize(("base", "spec", "said"), [
    (Layer, "Relu", "there is no layer 'Relu'; did you mean 'ReLU'?"),
    (Layer, {"Lineer": {"in_features": 2, "out_features": 2}}, "there is no layer 'Lineer'; did you mean 'Linear'?"),
    (Layer, {"Linear": {"in_feature": 2}}, "Linear: there is no argument 'in_feature'; did you mean 'in_features'?"),
    (Layer, {"Linear": 3}, "Linear: expected {arguments}, got 3"),
    (Layer, {}, "layer: expected a name, or one name: {arguments}, got {}"),
    (Layer, {"Linear": {"in_features": 10**400, "out_features": 1}}, "Linear: in_features must be at most"),
    (Layer, {"Linear": {"in_features": 10**8, "out_features": 10**8}}, "Linear: Unable to allocate"),
    (Layer, {"Conv2d": {"in_channels": 1, "out_channels": 1, "kernel_size": 10**20}},
     "Conv2d: kernel_size must be at most"),
    (Loss, "mse", "there is no loss 'mse'; did you mean 'MSELoss'?"),
    (Optimizer, {"Adm": {"lr": 0.1}}, "there is no optimizer 'Adm'; did you mean 'Adam'?"),
    (Optimizer, "Lion",
     "there is no optimizer 'Lion'; there are Adadelta, Adagrad, Adam, AdamW, Muon, NAdam, RAdam, RMSprop, SGD"),
    (Optimizer, {"SGD": {"lr": np.ones((2, 2))}}, "SGD: lr must be a finite number >= 0, got array("),
])  # fmt: skip
def test_what_cannot_be_built_is_an_error_of_one_line(base: Any, spec: Any, said: str) -> None:
    with pytest.raises(InputError) as error:
        build(base, spec, np.random.default_rng(0))
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("start", "dtype", "said"), [
    ({"0.weight": START["0.weight"]}, "float64", "start: expected parameters "),
    (START | {"0.bias": "hi"}, "float64", f"{WEIGHTS} 'hi'"),
    (START | {"0.bias": [[1, 2], [3]]}, "float64", WEIGHTS),
    (START | {"0.bias": [1.0, 10**400]}, "float64", WEIGHTS),
    (START | {"0.bias": [1.0, np.nan]}, "float64", "start: 0.bias: expected finite values, got nan at index (1,)"),
    (START | {"0.bias": [1.0, 1e39]}, "float32", "start: 0.bias: expected finite values, got inf"),
])  # fmt: skip
def test_a_start_that_cannot_be_is_an_error(start: Any, dtype: str, said: str) -> None:
    with pytest.raises(InputError) as error, np.errstate(over="ignore"):
        build_network(LAYERS, 0, start, dtype)
    assert str(error.value).startswith(said)


def test_a_layer_may_be_given_layers_and_do_without_one_that_it_need_not_have() -> None:
    two = [{"Linear": {"in_features": 3, "out_features": 2}}, "Tanh"]
    for shortcut, names in ((None, {"inner"}), (two, {"inner", "shortcut"}), (two[0], {"inner", "shortcut"})):
        block: Any = build(Layer, {"Residual": {"inner": two, "shortcut": shortcut}}, np.random.default_rng(0))
        assert {*block.parts} == names
        if shortcut:
            assert block.forward(np.ones((4, 3)))[0].shape == (4, 2)
    with pytest.raises(InputError, match="expected a layer as part 'inner'"):
        build(Layer, {"Residual": {"inner": None}}, np.random.default_rng(0))


ODD: list[Any] = [-1, -0.5, 0.5, 1, 2, np.nan, np.inf, True, None, "1", {}, [], [0.9], [0.9, 1], [-0.1, 0.9],
                  [0.9, 0.9, 0.9], [[0.9], [0.9]]]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_torch_refuses_of_an_optimizer_is_refused_here(optimizer: Any) -> None:
    refused = 0
    for name, value in ((name, value) for name in optimizer().hyper for value in ODD):
        try:
            getattr(torch.optim, optimizer.__name__)([torch.ones(1, 1)], **{name: value})
        except (LookupError, TypeError, ValueError):
            refused += 1
            with pytest.raises(InputError):
                build(Optimizer, {optimizer.__name__: {name: value}})
    assert refused


def test_an_outline_has_the_shapes_of_the_network_and_takes_no_memory() -> None:
    layers: list[Any] = [
        {"Conv2d": {"in_channels": 2, "out_channels": 3, "kernel_size": 2}},
        {"Dropout": {}},
        {"Linear": {"in_features": 4, "out_features": 5}},
    ]
    real = build_network(layers, 0, None, "float64")
    assert {name: p.shape for name, p in outline(layers).params.items()} == {
        name: p.shape for name, p in real.params.items()
    }
    assert outline(layers).state.keys() == real.state.keys()
    [weight, _] = outline([{"Linear": {"in_features": 10**9, "out_features": 10**9}}]).params.values()
    assert weight.shape == (10**9, 10**9)
