"""Document A, parts 1 to 3, claim by claim: the hand-written code against torch, and against plain scalar arithmetic.

The arithmetic is exact: in fractions, or in flint's balls where an exponential is in the way.
"""

from fractions import Fraction
from functools import partial
from typing import Any

import flint
import numpy as np
import pytest
import torch
from flint import arb

from manual import (
    SGD,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HalfMSELoss,
    Identity,
    Linear,
    MSELoss,
    Network,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    lift,
)
from manual.documents import linear
from parity_tests.derived import numbers, proved
from torch_ref import (
    compare_end_to_end,
    compare_layer,
    compare_loss,
    compare_network,
    compare_optimizer,
    to_numpy,
    to_torch,
)
from torch_ref.tolerance.bounds import layer_bounds, loss_bounds


@pytest.fixture(autouse=True)
def precision():
    with flint.ctx.workprec(128):
        yield


ACTIVATIONS = {
    Identity: (lambda z: z, lambda z: arb(1)),
    ReLU: (lambda z: z if z > 0 else arb(0), lambda z: arb(1) if z > 0 else arb(0)),
    Sigmoid: (lambda z: 1 / (1 + (-z).exp()), lambda z: (-z).exp() / (1 + (-z).exp()) ** 2),
    Tanh: (arb.tanh, lambda z: 1 / z.cosh() ** 2),
}
"""σ and σ', by the definition of each."""

ELEMENTWISE = pytest.mark.parametrize("activation", [Identity, ReLU, Sigmoid, Tanh])


# Part 1: forward propagation


@ELEMENTWISE
@pytest.mark.ledger("A1", "B1")
def test_a_neuron_of_three_inputs(activation, rng, device, agree):
    neuron = Network(Linear(3, 1, rng=rng), activation())
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 1))
    agree(compare_network(neuron, MSELoss(), x, y, device))

    (w1, w2, w3), (b,) = neuron.params["0.weight"][0], neuron.params["0.bias"]
    g, _ = ACTIVATIONS[activation]
    output = [g(w1 * arb(x1) + w2 * arb(x2) + w3 * arb(x3) + b) for x1, x2, x3 in x]
    assert proved(neuron.forward(x)[0], output, numbers(neuron).forward(numbers(x))[0].error)


@pytest.mark.ledger("A2", "A3")
def test_row_j_of_the_weights_and_bias_j_make_neuron_j(rng, device, agree):
    layer, x = Linear(2, 3, rng=rng), rng.standard_normal((5, 2))
    agree(compare_layer(layer, x, rng, device))
    W, b = layer.params.values()
    assert (W.shape, b.shape) == ((3, 2), (3,))
    assert Linear(3, 1, rng=rng).params["bias"].shape == (1,)

    layer, x = layer.astype(Fraction), lift(x, Fraction)
    W, b = layer.params.values()
    z, _ = layer.forward(x)
    for j in range(3):
        assert z[:, j].tolist() == [W[j, 0] * x1 + W[j, 1] * x2 + b[j] for x1, x2 in x]
        more_weight, more_bias = W.copy(), b.copy()
        more_weight[j] += 1
        more_bias[j] += 1
        for changed in (layer.like(weight=more_weight, bias=b), layer.like(weight=W, bias=more_bias)):
            assert [*(changed.forward(x)[0] != z).any(axis=0)] == [i == j for i in range(3)]


@pytest.mark.parametrize("loss", [MSELoss(), HalfMSELoss()], ids=repr)
@pytest.mark.ledger("A4")
def test_a_batch_gives_an_output_an_example_and_the_average_of_their_costs(loss, rng, device, agree):
    first, last = Linear(3, 4, rng=rng), Linear(4, 2, rng=rng)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    agree(compare_network(Network(first, Tanh(), last), loss, x, y, device))

    network, x, y = Network(first, ReLU(), last).astype(Fraction), lift(x, Fraction), lift(y, Fraction)
    output, _ = network.forward(x)
    assert output.tolist() == [network.forward(x[i : i + 1])[0][0].tolist() for i in range(6)]
    costs = [loss.forward(output[i : i + 1], y[i : i + 1])[0] for i in range(6)]
    assert loss.forward(output, y)[0] == sum(costs) / 6


@ELEMENTWISE
@pytest.mark.ledger("A5")
def test_an_activation_and_its_derivative(activation, rng, device, agree):
    z = np.array([[-2.0, -0.5, 0.0, 0.25, 3.0]])
    agree(compare_layer(activation(), z, rng, device))
    value, slope = ACTIVATIONS[activation]
    bounds = layer_bounds(activation(), z, np.ones_like(z))
    a, cache = activation().forward(z)
    assert proved(a, [value(arb(u)) for u in z[0]], bounds["y"].error)
    dz, _ = activation().backward(np.ones_like(z), cache)
    assert proved(dz, [slope(arb(u)) for u in z[0]], bounds["dx"].error)


# Part 2: cost function


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("m", [1, 4])
@pytest.mark.ledger("A6")
def test_the_three_conventions_of_the_squared_error(m, outputs, rng, device, agree):
    prediction, target = rng.standard_normal((2, m, outputs))
    for loss in (MSELoss(), MSELoss(reduction="sum"), HalfMSELoss()):
        agree(compare_loss(loss, prediction, target, device))

    u = [
        [Fraction(p) - Fraction(t) for p, t in zip(*rows, strict=True)] for rows in zip(prediction, target, strict=True)
    ]
    squares = sum(v * v for row in u for v in row)
    conventions = {  # cost, and its derivative by a prediction whose error is v
        MSELoss(): (squares / (m * outputs), lambda v: 2 * v / (m * outputs)),  # torch's mean
        MSELoss(reduction="sum"): (squares, lambda v: 2 * v),  # m times the document's 1/m
        HalfMSELoss(): (squares / (2 * m), lambda v: v / m),  # part 4
    }
    for loss, (cost, derivative) in conventions.items():
        ours, cache = loss.forward(lift(prediction, Fraction), lift(target, Fraction))
        assert ours == cost
        assert loss.backward(cache).tolist() == [[derivative(v) for v in row] for row in u]


@pytest.mark.ledger("A7")
def test_the_four_steps_of_the_cost():
    prediction, target = [["0.5"], ["2"], ["-1"]], [["1"], ["0.5"], ["-1.5"]]
    differences = [Fraction(-1, 2), Fraction(3, 2), Fraction(1, 2)]
    squares = [Fraction(1, 4), Fraction(9, 4), Fraction(1, 4)]
    total = Fraction(11, 4)

    p, t = lift(prediction, Fraction), lift(target, Fraction)
    ours_total, cache = MSELoss(reduction="sum").forward(p, t)
    each = [MSELoss(reduction="sum").forward(p[i : i + 1], t[i : i + 1])[0] for i in range(3)]
    assert (MSELoss(reduction="sum").backward(cache)[:, 0] / 2).tolist() == differences
    assert each == squares
    assert ours_total == total
    assert MSELoss().forward(p, t)[0] == total / 3

    p, t = to_torch(lift(prediction, np.float64)), to_torch(lift(target, np.float64))
    assert torch.nn.functional.mse_loss(p, t, reduction="sum").item() == total
    error = loss_bounds(MSELoss(), to_numpy(p), to_numpy(t))["cost"].error
    assert proved(torch.nn.functional.mse_loss(p, t), [total / 3], error)


# Part 3: backpropagation


@pytest.mark.ledger("A8")
def test_gradient_descent_moves_against_the_gradient(rng, device, agree):
    layer = Linear(3, 4, rng=rng)
    for steps in (1, 50):
        agree(compare_optimizer(SGD(lr=0.1), layer, rng, steps, device))

    old = lift([["0.4", "0.2"]], Fraction)
    gradient = lift([["3", "-0.5"]], Fraction)
    neuron = Linear(2, 1, bias=False, rng=rng)
    moved = neuron.like(weight=old.copy())
    SGD(lr=Fraction(1, 10)).step(moved, neuron.like(weight=gradient))
    assert moved.params["weight"].tolist() == [[Fraction("0.4") - Fraction(3, 10), Fraction("0.2") + Fraction(1, 20)]]


@pytest.mark.ledger("A9", "A12")
def test_every_z_a_delta_and_gradient_of_a_deep_network(rng, device, agree):
    layer = partial(Linear, rng=rng)
    deep = Network(layer(3, 5), Sigmoid(), layer(5, 4), Tanh(), layer(4, 6), ReLU(), layer(6, 2))
    x, y = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    agree(compare_network(deep, MSELoss(), x, y, device))
    agree(compare_end_to_end(deep, MSELoss(), x, y, device))

    params, a = deep.params, [arb(u) for u in x[0]]
    for place, layer in enumerate(deep.layers):
        if isinstance(layer, Linear):
            W, b = params[f"{place}.weight"], params[f"{place}.bias"]
            a = [sum((w * v for w, v in zip(row, a, strict=True)), arb(bias)) for row, bias in zip(W, b, strict=True)]
        else:
            a = [ACTIVATIONS[type(layer)][0](u) for u in a]
        upto = Network(*deep.layers[: place + 1])
        assert proved(upto.forward(x)[0][0], a, numbers(upto).forward(numbers(x))[0][0].error)


@ELEMENTWISE
@pytest.mark.parametrize("loss", [MSELoss(), HalfMSELoss()], ids=repr)
@pytest.mark.ledger("A10")
def test_equation_1_for_an_elementwise_activation(activation, loss, rng, device, agree):
    network = Network(Linear(3, 2, rng=rng), activation())
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    agree(compare_network(network, loss, x, y, device))

    def delta(z: Any, y: Any) -> Any:
        a, cache = activation().forward(z)
        return activation().backward(loss.backward(loss.forward(a, y)[1]), cache)[0]

    z, _ = network.layers[0].forward(x)
    value, slope = ACTIVATIONS[activation]
    # with two outputs the ½ of one cost and the 1/(5 · 2) of the other make the same derivative, (a − y)/5
    expected = [(value(arb(u)) - t) / 5 * slope(arb(u)) for u, t in zip(z.ravel(), y.ravel(), strict=True)]
    assert proved(delta(z, y), expected, delta(numbers(z), numbers(y)).error)


def softmax(row):
    e = [arb(u).exp() for u in row]
    return [v / sum(e, arb(0)) for v in e]


@pytest.mark.ledger("A10", "B3")
def test_softmax_is_differentiated_by_its_jacobian(rng, device, agree):
    with_softmax = Network(linear(np.eye(4), np.zeros(4)), Softmax())
    x, y = rng.standard_normal((2, 5, 4))
    agree(compare_network(with_softmax, MSELoss(), x, y, device))

    z = rng.standard_normal(4)
    a = softmax(z)
    truth = [a[i] * ((i == j) - a[j]) for i in range(4) for j in range(4)]
    rows = np.tile(z, (4, 1))
    errors = layer_bounds(Softmax(), rows, np.eye(4))["dx"].error
    p, cache = Softmax().forward(rows)
    assert proved(Softmax().backward(np.eye(4), cache)[0], truth, errors)
    assert proved(torch.autograd.functional.jacobian(partial(torch.softmax, dim=-1), to_torch(z)), truth, errors)
    assert not proved(np.eye(4) * p * (1 - p), truth, errors)  # as of an activation elementwise


@pytest.mark.ledger("A10")
def test_softmax_and_sigmoid_fuse_with_their_cross_entropies(rng, device, agree):
    z, classes, bits = rng.standard_normal((5, 4)), rng.integers(4, size=5), rng.integers(2, size=(5, 4)).astype(float)
    agree(compare_loss(CrossEntropyLoss(), z, classes, device))
    agree(compare_loss(BCEWithLogitsLoss(), z, bits, device))

    delta = CrossEntropyLoss().backward(CrossEntropyLoss().forward(z, classes)[1])
    fused = [(p - (i == right)) / 5 for row, right in zip(z, classes, strict=True) for i, p in enumerate(softmax(row))]
    assert proved(delta, fused, loss_bounds(CrossEntropyLoss(), z, classes)["delta"].error)

    delta = BCEWithLogitsLoss().backward(BCEWithLogitsLoss().forward(z, bits)[1])
    sigmoid, _ = ACTIVATIONS[Sigmoid]
    fused = [(sigmoid(arb(u)) - t) / bits.size for u, t in zip(z.ravel(), bits.ravel(), strict=True)]
    assert proved(delta, fused, loss_bounds(BCEWithLogitsLoss(), z, bits)["delta"].error)


@pytest.mark.ledger("A11")
def test_equation_2_goes_back_through_the_transpose(rng, device, agree):
    for sizes in ((3, 4, 2), (3, 3, 3)):
        network = Network(Linear(sizes[0], sizes[1], rng=rng), Tanh(), Linear(sizes[1], sizes[2], rng=rng))
        x, y = rng.standard_normal((1, sizes[0])), rng.standard_normal((1, sizes[2]))
        agree(compare_network(network, HalfMSELoss(), x, y, device))

        output, tape = network.forward(x)
        back, delta = Network(*network.layers[1:]).astype(Fraction), lift(output - y, Fraction)
        _, a, _ = tape = [lift(cache, Fraction) for cache in tape]
        W, slope = back.params["1.weight"], 1 - a * a
        expected = [sum(W[j, i] * delta[0, j] for j in range(sizes[2])) * slope[0, i] for i in range(sizes[1])]
        ours, _ = back.backward(delta, tape[1:])
        assert ours.tolist() == [expected]
        if sizes[1] == sizes[2]:
            without = (W @ delta[0]) * slope[0]
            assert without.tolist() != expected


@pytest.mark.ledger("A12")
def test_equations_3_and_4_are_summed_over_the_batch(rng):
    layer = linear(rng.random((3, 2)), rng.random(3), Fraction)
    a, delta = lift(rng.random((4, 2)), Fraction), lift(rng.random((4, 3)), Fraction)
    _, gradient = layer.backward(delta, a)
    alone = layer.gradient(delta, a)
    for g in (gradient.params, alone.params):
        assert g["bias"].tolist() == [sum(delta[n, j] for n in range(4)) for j in range(3)]
        assert g["weight"].tolist() == [
            [sum(delta[n, j] * a[n, i] for n in range(4)) for i in range(2)] for j in range(3)
        ]
