"""A layer that gives something else than the contract says is refused, in one line, and never judged as arithmetic."""

# pyright: reportIncompatibleMethodOverride=false, reportIndexIssue=false

from typing import Any

import numpy as np
import pytest

from manual import Block, InputError, Layer, Linear, MSELoss, Network, Sigmoid
from torch_ref import certify, compare_layer, compare_network


class Twice(Layer):
    """What `gives` makes of y, and of (∂C/∂x, gradient)."""

    gives: Any = None
    back: Any = None

    def forward(self, x, /):
        return self.gives(2 * x) if self.gives else (2 * x, None)

    def backward(self, delta, cache, /):
        return self.back(2 * delta) if self.back else (2 * delta, self)


class ForwardAlone(Layer):
    def forward(self, x, /):
        return 2 * x, None


class Parts(Block):
    """Runs a part of another name, or forgets to call `gradient`, or has none."""

    names: Any = ()
    run: str = "a"

    def __post_init__(self):
        if self.names:
            self.parts = {name: Sigmoid() for name in self.names}
        self.inside = None if self.names else Linear(3, 3, rng=np.random.default_rng(0))

    def forward(self, x, /):
        run, tape = self.runs()
        return run(self.run, x), tape

    def backward(self, delta, tape, /):
        back, gradient = self.backs(tape)
        return back(self.run, delta), gradient


FORMS = [
    (Twice(lambda y: y), r"expected \(y, cache\) from forward, got shape \(4, 3\)"),
    (Twice(lambda y: (y, y, None)), r"expected \(y, cache\) from forward, got 3 values"),
    (Twice(lambda y: ([y], None)), "expected y as an array, or a tuple of them from forward, got a list"),
    (Twice(None, lambda d: d), r"expected \(∂C/∂x, gradient\) from backward, got shape"),
    (Twice(None, lambda d: (d, None)), "expected the gradient as a layer, .* from backward, got a NoneType"),
    (Twice(None, lambda d: (d, {})), "expected the gradient as a layer, .* from backward, got a dict"),
    (ForwardAlone(), "expected a layer that has a backward, and it has none"),
    (Parts(("a",)), "expected the gradient as a layer, .* from backward, got a function"),
    (Parts(("a",), "b"), r"expected run\(\) of a part, one of \['a'\], got 'b'"),
    (Parts(), "weight of the layer in 'inside' is not among its params"),
]


@pytest.mark.parametrize(("layer", "says"), FORMS, ids=[says[:60] for _, says in FORMS])
def test_another_form_is_named_with_what_was_given(layer, says, rng):
    x = rng.standard_normal((4, 3))
    for compare in (
        lambda: compare_layer(layer, x, rng),
        lambda: compare_network(Network(Linear(3, 3, rng=rng), layer), MSELoss(), x, x),
        lambda: certify(layer, x, x),
    ):
        with pytest.raises(InputError, match=says):
            compare()
