"""Document B, claim by claim. Expected values are its formulas in scalar arithmetic, exact numbers, or torch.

Where an exponential is in the way of exact numbers, the truth is a ball (flint's `arb`, and `arb_series` for a
derivative), and a float must be proved to lie as near to it as its rounding errors allow.
"""

from fractions import Fraction
from functools import partial
from math import exp, fsum

import numpy as np
import pytest
from flint import arb, arb_series, ctx, fmpq

from manual import (
    SGD,
    CrossEntropyLoss,
    HalfMSELoss,
    Identity,
    Linear,
    MSELoss,
    Network,
    Sigmoid,
    Softmax,
    lift,
    train,
)
from manual.documents import THETA, in_theta_order, one_example, one_two_one, sine
from parity_tests.derived import gradient, numbers, proved, torch_gradient
from torch_ref import (
    compare_end_to_end,
    compare_layer,
    compare_loss,
    compare_network,
    to_torch,
    twin,
)
from torch_ref.tolerance.bounds import layer_bounds, loss_bounds

START = [float(t) for t in THETA]
X, Y = 0.5, 0.9


@pytest.fixture(autouse=True)
def precision():
    with ctx.workprec(128):
        yield


def sigma(u, exp=exp):
    return 1 / (1 + exp(-u))


def f(theta, x, phi=sigma):
    """Document B's network, as it is written out there."""
    t0, t1, t2, t3, t4, t5, t6 = theta
    return t4 + t5 * phi(t0 + t2 * x) + t6 * phi(t1 + t3 * x)


ball = partial(sigma, exp=arb.exp)
series = partial(sigma, exp=arb_series.exp)


def gradient_errors(network, loss, x, y):
    """How far rounding may carry them from the truth."""
    found = gradient(numbers(network), loss, numbers(x), numbers(y))
    return {name: g.error for name, g in found.items()}


def output_error(network, x):
    return numbers(network).forward(numbers(x))[0].error


# What a neural network is


@pytest.mark.ledger("B2")
def test_layers_compose(rng, device, agree):
    network = Network(Linear(3, 4, rng=rng), Linear(4, 2, rng=rng), Linear(2, 3, rng=rng))
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))

    exact = network.astype(Fraction)

    def affine(layer, x):
        W, b = layer.weight, layer.bias
        return [sum(W[j, i] * x[i] for i in range(len(x))) + b[j] for j in range(len(b))]

    one, two, three = exact.layers
    output, _ = exact.forward(lift(x, Fraction))
    assert output.tolist() == [affine(three, affine(two, affine(one, row))) for row in lift(x, Fraction)]
    agree(compare_network(network, MSELoss(), x, y, device))
    agree(compare_end_to_end(network, MSELoss(), x, y, device))


@pytest.mark.ledger("B3")
def test_cross_entropy_is_the_surprise_at_the_right_class(rng, device, agree):
    z, y = rng.standard_normal((5, 3)), rng.integers(3, size=5)
    surprise = [sum((arb(v).exp() for v in row), arb(0)).log() - row[right] for row, right in zip(z, y, strict=True)]
    cost, _ = CrossEntropyLoss().forward(z, y)
    assert proved(cost, [sum(surprise, arb(0)) / 5], loss_bounds(CrossEntropyLoss(), z, y)["cost"].error)
    agree(compare_loss(CrossEntropyLoss(), z, y, device))


@pytest.mark.ledger("B3")
def test_the_most_probable_class_is_the_prediction(rng):
    corners, labels = np.array([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]]), np.repeat([0, 1, 2], 20)
    x = corners[labels] + 0.2 * rng.standard_normal((60, 2))
    network = Network(Linear(2, 3, rng=rng))
    list(train(network, CrossEntropyLoss(), SGD(lr=0.5), x, labels, epochs=20, batch_size=10))
    classifier = Network(*network.layers, Softmax())
    probabilities, _ = classifier.forward(x)
    assert np.all(probabilities > 0)
    errors = output_error(classifier, x)
    assert all(abs(fsum(row) - 1) <= fsum(allowed) for row, allowed in zip(probabilities, errors, strict=True))
    assert np.array_equal(probabilities.argmax(axis=1), labels)
    assert np.array_equal(twin(classifier)(to_torch(x)).argmax(dim=1).numpy(), labels)


# 2. Forward pass


@pytest.mark.ledger("B9")
def test_with_linear_activations_the_network_is_a_line():
    t0, t1, t2, t3, t4, t5, t6 = map(Fraction, THETA)
    x = ["-3", "-0.5", "0", "0.125", "7"]
    y, _ = one_two_one(fmpq, Identity).forward(lift([[v] for v in x], fmpq))
    line = [(t4 + t5 * t0 + t6 * t1) + (t5 * t2 + t6 * t3) * Fraction(v) for v in x]
    assert y.ravel().tolist() == [fmpq(*v.as_integer_ratio()) for v in line]


@pytest.mark.ledger("B10")
def test_with_sigmoids_the_network_is_the_function_written_out(device, agree):
    network, (x, y) = one_two_one(), sine()
    written = [f(START, arb(v), ball) for v in x.ravel()]
    errors = output_error(network, x)
    assert proved(network.forward(x)[0], written, errors)
    assert proved(twin(network)(to_torch(x)).detach(), written, errors)
    agree(compare_end_to_end(network, MSELoss(), x, y, device))


@pytest.mark.ledger("B15", "E18")
@pytest.mark.parametrize(
    ("place", "value", "written"),
    [
        (0, 0.75, lambda x, t4, one, two: t4 + one(x + (arb(0.75) - START[0]) / START[2]) + two(x)),
        (1, 0.75, lambda x, t4, one, two: t4 + one(x) + two(x + (arb(0.75) - START[1]) / START[3])),
        (2, 2 * START[2], lambda x, t4, one, two: t4 + one(2 * x) + two(x)),
        (3, 2 * START[3], lambda x, t4, one, two: t4 + one(x) + two(2 * x)),
        (4, 0.75, lambda x, t4, one, two: arb(0.75) - t4 + (t4 + one(x) + two(x))),
        (5, 2 * START[5], lambda x, t4, one, two: t4 + 2 * one(x) + two(x)),
        (6, 2 * START[6], lambda x, t4, one, two: t4 + one(x) + 2 * two(x)),
    ],
    ids=[
        "theta 0 shifts the first term",
        "theta 1 shifts the second term",
        "theta 2 scales the first term horizontally",
        "theta 3 scales the second term horizontally",
        "theta 4 shifts all of f vertically",
        "theta 5 stretches the first term vertically",
        "theta 6 stretches the second term vertically",
    ],
)
def test_each_parameter_changes_f_in_its_own_way(place, value, written):
    x = np.linspace(-2, 2, 10)[:, None]  # without 0, where stretching horizontally changes nothing
    t0, t1, t2, t3, t4, t5, t6 = START

    def one(x):
        return t5 * ball(t0 + t2 * arb(x))

    def two(x):
        return t6 * ball(t1 + t3 * arb(x))

    network = one_two_one(theta=[value if i == place else t for i, t in enumerate(START)])
    truth, errors = [written(arb(v), t4, one, two) for v in x.ravel()], output_error(network, x)
    ours, theirs = network.forward(x)[0], twin(network)(to_torch(x)).detach()
    assert proved(ours, truth, errors)
    assert proved(theirs, truth, errors)
    for v, y, error in zip(x.ravel(), ours.ravel(), errors.ravel(), strict=True):
        assert abs(y - f(START, arb(v), ball)) > error


# 3. Backward pass


@pytest.mark.ledger("B11")
@pytest.mark.parametrize(("loss", "factor"), [(MSELoss(), 2), (HalfMSELoss(), 1)], ids=["MSELoss", "HalfMSELoss"])
def test_the_cost_is_the_mean_square_and_its_gradient_is_the_difference_times_that_of_f(loss, factor):
    """With linear activations, so that every number is rational; over four examples."""
    theta, x, y = (
        [*map(Fraction, THETA)],
        [*map(Fraction, ("-1", "0.5", "2", "3"))],
        [*map(Fraction, ("0.9", "0", "-1", "2"))],
    )
    cost, slopes = Fraction(0), [Fraction(0)] * 7
    for xi, yi in zip(x, y, strict=True):
        o11, o12 = theta[0] + theta[2] * xi, theta[1] + theta[3] * xi
        u = f(theta, xi, lambda u: u) - yi
        of_f = [theta[5], theta[6], theta[5] * xi, theta[6] * xi, 1, o11, o12]
        cost += factor * u * u / 2 / 4
        slopes = [s + factor * u * d / 4 for s, d in zip(slopes, of_f, strict=True)]

    network = one_two_one(Fraction, Identity)
    xs, ys = np.array(x)[:, None], np.array(y)[:, None]
    assert loss.forward(network.forward(xs)[0], ys)[0] == cost
    assert in_theta_order(gradient(network, loss, xs, ys)) == slopes


@pytest.mark.ledger("B12")
def test_the_derivative_of_the_sigmoid_is_o_times_one_minus_o(rng, device, agree):
    z = np.linspace(-8, 8, 33)
    truth = [series(arb_series([v, 1]))[1] for v in z]
    for slope, u in zip(truth, z, strict=True):
        o = ball(arb(u))
        assert slope.overlaps(o * (1 - o))
    _, cache = Sigmoid().forward(z)
    ours, _ = Sigmoid().backward(np.ones(33), cache)
    assert proved(ours, truth, layer_bounds(Sigmoid(), z, np.ones(33))["dx"].error)
    agree(compare_layer(Sigmoid(), z, rng, device))


@pytest.mark.ledger("B13")
@pytest.mark.parametrize(("loss", "factor"), [(HalfMSELoss(), 1), (MSELoss(), 2)], ids=["HalfMSELoss", "MSELoss"])
def test_the_seven_derivatives_written_manual_and_torch_are_the_certified_ones(loss, factor, device, agree):
    def cost(theta):
        u = Y - f(theta, X, series)
        return factor * u * u / 2

    truth = [cost([arb_series([t, int(i == k)]) for k, t in enumerate(START)])[1] for i in range(7)]

    network, (x, y) = one_two_one(), one_example()
    errors = in_theta_order(gradient_errors(network, loss, x, y))
    assert all(abs(t) > error for t, error in zip(truth, errors, strict=True))

    t0, t1, t2, t3, _, t5, t6 = START
    o11, o12 = sigma(t0 + t2 * X), sigma(t1 + t3 * X)
    delta = -(Y - f(START, X)) * factor
    written = [
        delta * t5 * o11 * (1 - o11),
        delta * t6 * o12 * (1 - o12),
        delta * t5 * o11 * (1 - o11) * X,
        delta * t6 * o12 * (1 - o12) * X,
        delta,
        delta * o11,
        delta * o12,
    ]
    assert proved(written, truth, errors)
    assert proved(in_theta_order(gradient(network, loss, x, y)), truth, errors)
    assert proved(in_theta_order(torch_gradient(network, loss, x, y)), truth, errors)
    agree(compare_end_to_end(network, loss, x, y, device))
