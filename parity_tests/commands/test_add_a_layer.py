"""The layer with state and the block of docs/add-a-layer.md are short, run, and are right."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from torch_ref import certify, compare_layer, register
from torch_ref.twins import REGISTERED

PAGE = (Path(__file__).parents[2] / "docs" / "add-a-layer.md").read_text("utf-8")
CODE = {name: code for code, name in re.findall(r"```python\n(.*?class (\w+)\(.*?)```", PAGE, re.DOTALL)}


def defined(name: str) -> Any:
    names: dict[str, Any] = {}
    exec(CODE[name], names)
    return names[name]


class Centred(torch.nn.Module):
    """The same in torch."""

    def __init__(self, features):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(features))

    def forward(self, x):
        if not self.training:
            return x - self.running_mean
        m = x.mean(0)
        self.running_mean += (m.detach() - self.running_mean) / 10
        return x - m


@pytest.mark.parametrize("name", ["Centre", "Gate"])
def test_an_example_is_a_screen_of_code(name):
    assert len(CODE[name].splitlines()) <= 30


def test_the_layer_with_state_is_right_in_training_and_in_inference(rng, agree):
    kind = defined("Centre")
    register(kind, lambda layer: Centred(layer.features))
    x = rng.standard_normal((4, 3))
    for layer in (kind(3), kind(3).evaluated()):
        parity = compare_layer(layer, x, rng)
        agree(parity)
        assert "running_mean" in {c.quantity for c in parity.comparisons}
    del REGISTERED[kind]


def test_the_block_is_right(rng, agree):
    block, x = defined("Gate")(3, rng), rng.standard_normal((4, 3))
    agree(compare_layer(block, x, rng))
    assert [*block.params] == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert max(certify(block, x, x).values()) < 1e-20
