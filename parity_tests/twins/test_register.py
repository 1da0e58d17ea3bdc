"""A twin of one's own."""

import numpy as np
import pytest
import torch

import manual.blocks
import manual.layers
from manual import Layer
from torch_ref import NoTwin, compare_layer, register, twin
from torch_ref.comparison.verdict import DIFFERS
from torch_ref.examples import examples
from torch_ref.twins import REGISTERED


def test_a_layer_without_a_twin_says_how_to_register_one():
    class Cube(Layer):
        def forward(self, x, /):
            return x * x * x, x

        def backward(self, delta, x, /):
            return 3 * x * x * delta, self

    with pytest.raises(NoTwin, match=r"torch_ref\.register\(Cube, make\)"):
        twin(Cube())
    for other in (torch.nn.Linear(1, 1), 5):
        register(Cube, lambda _, other=other: other)  # pyright: ignore[reportArgumentType]
        for compare in (twin, lambda cube: compare_layer(cube, np.ones((2, 2)), np.random.default_rng(0))):
            with pytest.raises(NoTwin, match="what is registered is another than Cube"):
                compare(Cube())
    register(Cube, lambda _: torch.nn.Flatten(0))
    first = compare_layer(Cube(), np.ones((2, 2)), np.random.default_rng(0)).first
    assert first is not None
    assert (first.quantity, first.verdict) == ("y", DIFFERS)
    del REGISTERED[Cube]


def test_a_twin_s_parameters_are_in_the_layer_s_order():
    """A torch optimizer keeps what it remembers by place, and a checkpoint of it is read by the layer's names."""
    for _, make in [*examples(manual.layers), *examples(manual.blocks)]:
        layer, *_ = make()
        assert [name for name, _ in twin(layer).named_parameters()] == [*layer.params]
