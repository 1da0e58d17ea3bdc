"""A NaN or an infinity goes the same way by hand as in torch: to the same places of outputs and gradients."""

import numpy as np
import pytest
import torch

import manual.layers
import manual.losses
from manual import MaxPool2d, ReLU
from parity_tests.for_each import file_of, for_each
from torch_ref import to_numpy, to_torch, twin
from torch_ref.examples import of_floats

NAN, INF = np.nan, np.inf
PLANTED = [NAN], [INF], [-INF], [NAN, NAN], [INF, -INF], [NAN, INF], [INF, INF]


def each(package, every=1):
    return for_each("make", of_floats(package), file_of, every)


def with_planted(x, planted, rng):
    """A copy with these numbers somewhere."""
    x = x.copy()
    x.flat[rng.choice(x.size, size=min(x.size, len(planted)), replace=False)] = planted[: x.size]
    return x


def special(array):
    """Where an array has NaN, ∞ and −∞."""
    return [np.isnan(array), array == INF, array == -INF]


def assert_alike(ours, theirs, planted):
    np.testing.assert_array_equal(special(np.asarray(ours)), special(to_numpy(theirs)), str(planted))


@each(manual.layers)
def test_what_is_no_number_goes_through_a_layer_as_in_torch(make, rng):
    layer, x = make()
    for planted in 2 * PLANTED:
        given = with_planted(x, planted, rng)
        module, inputs = twin(layer), to_torch(given).requires_grad_()
        reference = module(inputs)
        delta = rng.standard_normal(reference.shape)
        gradients = torch.autograd.grad(reference, [inputs, *module.parameters()], to_torch(delta))
        with np.errstate(all="ignore"):
            y, cache = layer.forward(given)
            dx, gradient = layer.backward(delta, cache)
        if isinstance(layer, manual.ELU | manual.SELU) and NAN in planted:
            continue  # torch has NaN or δ there, as it comes through a vector's instruction or not
        for ours, theirs in zip([y, dx, *gradient.params.values()], [reference, *gradients], strict=True):
            assert_alike(ours, theirs, planted)


@each(manual.losses)
def test_what_is_no_number_goes_through_a_loss_as_in_torch(make, rng):
    loss, prediction, target = make()
    if isinstance(loss, manual.BCELoss):
        return  # both refuse it
    for planted in 2 * PLANTED:
        given = with_planted(prediction, planted, rng)
        inputs = to_torch(given).requires_grad_()
        reference = twin(loss)(inputs, to_torch(target))
        reference.sum().backward()
        with np.errstate(all="ignore"):
            cost, cache = loss.forward(given, target)
            delta = loss.backward(cache)
        assert inputs.grad is not None
        assert_alike(delta, inputs.grad, planted)
        if not (isinstance(loss, manual.BCEWithLogitsLoss) and -INF in planted):  # there torch's formula has 0·∞
            assert_alike(cost, reference, planted)


def test_delta_passes_a_relu_where_z_is_no_number():
    _, on = ReLU().forward(np.array([[NAN, 1, -1, 0]]))
    np.testing.assert_array_equal(ReLU().backward(np.full((1, 4), 2.0), on)[0], [[2, 2, 0, 0]])


@pytest.mark.parametrize("padding", [0, 1])
def test_of_several_nans_in_a_window_the_last_wins_as_in_torch(padding, rng):
    x = np.where(rng.random((2, 3, 5, 5)) < 0.4, NAN, rng.standard_normal((2, 3, 5, 5)))
    layer = MaxPool2d(3, 2, padding)
    y, cache = layer.forward(x)
    delta, inputs = rng.standard_normal(y.shape), to_torch(x).requires_grad_()
    (dx,) = torch.autograd.grad(twin(layer)(inputs), inputs, to_torch(delta))
    np.testing.assert_array_equal(layer.backward(delta, cache)[0] != 0, to_numpy(dx) != 0)
