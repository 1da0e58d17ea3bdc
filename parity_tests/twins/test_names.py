"""A name that torch uses for something else is not taken for a twin."""

# pyright: reportCallIssue=false

from typing import Any

import numpy as np
import pytest

from manual import Layer, Linear, Optimizer, parameter
from torch_ref import NoTwin, compare_layer, compare_optimizer


@pytest.mark.parametrize("name", ["Module", "Parameter", "functional", "init", "MaxUnpool2d", "RNN", "BatchNorm1d"])
def test_a_name_that_torch_uses_for_something_else_is_no_twin(name, rng):
    class Named(Layer):
        weight: Any = parameter()

        def __post_init__(self):
            self.weight = np.ones(3)

        def forward(self, x, /):
            return x * self.weight, x

    Named.__name__ = name
    with pytest.raises(NoTwin):
        compare_layer(Named(), rng.standard_normal((2, 3)), rng)


@pytest.mark.parametrize("name", ["Optimizer", "LBFGS", "Muon", "lr_scheduler", "Adamax", "Rprop", "ASGD"])
def test_an_optimizer_by_a_name_of_torch_s_is_compared_or_refused(name, rng):
    class Plain(Optimizer):
        lr: float = 0.1

        def update(self, p, g, state, /):
            p -= self.lr * g

    Plain.__name__ = name
    try:
        parity = compare_optimizer(Plain(), Linear(3, 2, rng=rng), rng)
    except NoTwin:
        assert name in {"Optimizer", "LBFGS", "Muon", "lr_scheduler"}
    else:
        assert not parity.agrees
