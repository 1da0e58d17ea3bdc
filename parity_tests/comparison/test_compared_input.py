"""What the comparisons take, what they say of a NaN or an infinity in it, and of a layer of another form."""

# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportArgumentType=false

from typing import Any

import numpy as np
import pytest
import torch

import manual.layers
import manual.losses
from manual import SGD, Block, InputError, Layer, Linear, MaxPool1d, MSELoss, Network, ReLU, Sigmoid, Softmax
from parity_tests.for_each import for_each
from parity_tests.manual.test_not_finite import PLANTED, each, with_planted
from parity_tests.manual.test_wrong_types import NO_ARRAYS
from torch_ref import (
    certify,
    compare_end_to_end,
    compare_layer,
    compare_loss,
    compare_network,
    compare_optimizer,
    compare_penalty,
    compare_training,
    embed,
    twin,
    twin_optimizer,
)
from torch_ref.comparison.check_backward import observe

OF_NO_USE = {
    "no axes": np.array(1.0), "a NumPy number": np.float64(1), "integers": np.ones((2, 3), int),
    "floats that torch lacks": np.ones((2, 3), np.longdouble),
}  # fmt: skip


@for_each("wrong", (NO_ARRAYS | OF_NO_USE).items())
def test_a_comparison_says_what_it_was_given(wrong, rng):
    network, x, y = Network(Linear(3, 2, rng=rng)), np.ones((2, 3)), np.ones((2, 2))
    right = (network, MSELoss(), x, y)
    for compared in (
        compare_network,
        compare_end_to_end,
        lambda *a: compare_training(a[0], a[1], SGD(), a[2], a[3], 1),
    ):
        for given in ((*right[:i], wrong, *right[i + 1 :]) for i in range(4)):
            with pytest.raises(InputError):
                compared(*given)
    uses = [
        lambda: compare_layer(wrong, x, rng), lambda: compare_layer(ReLU(), wrong, rng),
        lambda: compare_layer(ReLU(), x, wrong), lambda: compare_layer(MaxPool1d(2), np.ones((0, 3)), rng),
        lambda: compare_loss(wrong, y, y), lambda: compare_loss(MSELoss(), wrong, y),
        lambda: compare_loss(MSELoss(), y, wrong),
        lambda: compare_optimizer(wrong, network, rng), lambda: compare_optimizer(SGD(), wrong, rng),
        lambda: compare_optimizer(SGD(), network, wrong), lambda: compare_optimizer(SGD(), network, rng, wrong),
        lambda: compare_penalty(wrong, network), lambda: compare_penalty(manual.L2(0.1), wrong),
        lambda: compare_training(network, MSELoss(), wrong, x, y, 1),
        lambda: compare_training(network, MSELoss(), SGD(), x, y, wrong),
        lambda: twin(wrong), lambda: embed(wrong), lambda: twin_optimizer(wrong, torch.nn.Linear(1, 1)),
        lambda: certify(wrong, x, x),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(InputError):
            use()


def test_certify_takes_arrays_and_a_delta_of_the_output_s_shape(rng):
    x = rng.standard_normal((4, 3))
    for given in (([[1.0]], x), (x, None), (x, x[:1]), (x, x[0])):
        with pytest.raises(InputError):
            certify(Sigmoid(), *given)


# ---------------------------------------------------------------- what is no number


@each(manual.layers, every=3)
def test_a_right_layer_never_differs_where_an_input_is_no_number(make, rng):
    layer, x = make()
    for planted in PLANTED:
        if isinstance(layer, manual.ELU | manual.SELU) and np.nan in planted:
            continue  # torch has NaN or δ there, as it comes through a vector's instruction or not
        parity = compare_layer(layer, with_planted(x, planted, rng), rng)
        assert not any(c.differs for c in parity.comparisons), f"{planted}\n{parity}"


@each(manual.losses)
def test_a_right_loss_never_differs_where_a_prediction_is_no_number(make, rng):
    loss, prediction, target = make()
    for planted in PLANTED:
        if isinstance(loss, manual.BCELoss) or (isinstance(loss, manual.BCEWithLogitsLoss) and -np.inf in planted):
            continue  # it is refused; there torch's formula has 0·∞
        parity = compare_loss(loss, with_planted(prediction, planted, rng), target)
        assert not any(c.differs for c in parity.comparisons), f"{planted}\n{parity}"


def test_a_nan_in_the_input_is_named(rng):
    x = np.ones((2, 3))
    x[1, 2] = np.nan
    parity = compare_layer(Sigmoid(), x, rng)
    assert parity.agrees
    assert parity.nans == ["Sigmoid(): x has NaN at (1, 2)"]
    assert parity.verdict.endswith("; Sigmoid(): x has NaN at (1, 2)")
    assert compare_layer(Sigmoid(), np.ones((2, 3)), rng).nans == []


def test_a_nan_that_goes_elsewhere_differs(rng):
    class Hides(Softmax):
        def forward(self, z, /):
            a, cache = super().forward(z)
            return np.nan_to_num(a) if isinstance(z, np.ndarray) and z.dtype != object else a, cache

    Hides.__name__ = "Softmax"
    x = rng.standard_normal((2, 3))
    x[1, 2] = np.nan
    first = compare_layer(Hides(), x, rng).first
    assert first
    assert (first.verdict, first.reason) == ("differs", "0.0, expected nan, at index (1, 0)")


def test_an_input_of_a_torch_function_with_a_nan_is_not_taken_for_a_changed_one():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, delta):
            return 2 * delta

    x = torch.tensor([[1.0, float("nan")], [2.0, 3.0]], dtype=torch.float64)
    observed = [*observe(Double.apply, lambda x: 2 * x, [x])]
    assert not [o for o in observed if "changed" in o.trouble]


class Gives(Layer):
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
    (Gives(lambda y: y), r"expected \(y, cache\) from forward, got shape \(4, 3\)"),
    (Gives(lambda y: (y, y, None)), r"expected \(y, cache\) from forward, got 3 values"),
    (Gives(lambda y: ([y], None)), "expected y as an array, or a tuple of them from forward, got a list"),
    (Gives(None, lambda d: d), r"expected \(∂C/∂x, gradient\) from backward, got shape"),
    (Gives(None, lambda d: (d, None)), "expected the gradient as a layer, .* from backward, got a NoneType"),
    (Gives(None, lambda d: (d, {})), "expected the gradient as a layer, .* from backward, got a dict"),
    (ForwardAlone(), "expected a layer that has a backward, and it has none"),
    (Parts(("a",)), "expected the gradient as a layer, .* from backward, got a function"),
    (Parts(("a",), "b"), r"expected run\(\) of a part, one of \['a'\], got 'b'"),
    (Parts(), "weight of the layer in 'inside' is not among its params"),
]


@for_each("form", [(says, (layer, says)) for layer, says in FORMS])
def test_another_form_is_named_with_what_was_given(form, rng):
    layer, says = form
    x = rng.standard_normal((4, 3))
    for compare in (
        lambda: compare_layer(layer, x, rng),
        lambda: compare_network(Network(Linear(3, 3, rng=rng), layer), MSELoss(), x, x),
        lambda: certify(layer, x, x),
    ):
        with pytest.raises(InputError, match=says):
            compare()
