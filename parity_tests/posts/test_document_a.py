"""Document A, claim by claim: the hand-written code against torch, and against plain scalar arithmetic.

The arithmetic is exact: in fractions, or in flint's balls where an exponential is in the way.
"""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import flint
import numpy as np
import pytest
import torch
from flint import arb

from experiments.report.chapters import passes
from experiments.report.steps.worked import by_hand, by_torch, fraction
from manual import (
    SGD,
    Adam,
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
    train,
)
from manual.documents import LEARNING_RATE, PRINTED, hand_computation, linear
from manual.numbers.number_types import Array
from parity_tests.derived import alike, numbers, proved, rounded, step
from torch_ref import (
    compare_end_to_end,
    compare_layer,
    compare_loss,
    compare_network,
    compare_optimizer,
    compare_training,
    to_numpy,
    to_torch,
    twin,
    twin_optimizer,
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
@pytest.mark.ledger("A1")
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


@pytest.mark.ledger("A5")
def test_the_slope_of_relu_at_0_is_0_by_convention_which_is_torchs():
    zero = torch.zeros(1, 1, requires_grad=True)
    torch.relu(zero).backward()
    assert zero.grad is not None
    assert zero.grad.item() == 0
    _, cache = ReLU().forward(np.zeros((1, 1)))
    assert ReLU().backward(np.ones((1, 1)), cache)[0].item() == 0


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


@pytest.fixture
def deep(rng):
    return Network(
        Linear(3, 5, rng=rng),
        Sigmoid(),
        Linear(5, 4, rng=rng),
        Tanh(),
        Linear(4, 6, rng=rng),
        ReLU(),
        Linear(6, 2, rng=rng),
    )


@pytest.mark.ledger("A9", "A12")
def test_every_z_a_delta_and_gradient_of_a_deep_network(deep, rng, device, agree):
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


@pytest.mark.ledger("A10")
def test_softmax_needs_its_jacobian_in_equation_1(rng, device, agree):
    z, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    with_softmax = Network(linear(np.eye(4), np.zeros(4)), Softmax())
    agree(compare_network(with_softmax, MSELoss(), z, y, device))

    def delta(z: Any, y: Any) -> Any:
        a, cache = Softmax().forward(z)
        upstream = MSELoss().backward(MSELoss().forward(a, y)[1])
        return Softmax().backward(upstream, cache)[0], upstream * a * (1 - a)

    expected = []
    for row, targets in zip(z, y, strict=True):
        a = softmax(row)
        upstream = [2 * (p - t) / y.size for p, t in zip(a, targets, strict=True)]
        expected += [sum(upstream[i] * a[i] * ((i == j) - a[j]) for i in range(4)) for j in range(4)]
    by_jacobian, elementwise = delta(z, y)
    error = delta(numbers(z), numbers(y))[0].error
    assert proved(by_jacobian, expected, error)
    assert not proved(elementwise, expected, error)

    inputs = to_torch(z).requires_grad_()
    torch.nn.functional.mse_loss(inputs.softmax(dim=1), to_torch(y)).backward()
    assert proved(inputs.grad, expected, error)


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
        else:
            with pytest.raises(ValueError):
                np.matmul(W, delta[0])


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


# Part 4: hand computation. The fractions are the document's arithmetic, one scalar at a time.

W11, W12, W21, W22 = Fraction("0.4"), Fraction("0.2"), Fraction("0.3"), Fraction("0.7")
B1, B2 = Fraction("0.1"), Fraction("-0.3")
V1, V2, C = Fraction("0.6"), Fraction("0.9"), Fraction("0.2")
X1, X2, Y, ETA = Fraction("0.5"), Fraction("0.1"), Fraction("0.8"), Fraction("0.1")

PREDICTION = V1 * (W11 * X1 + W12 * X2 + B1) + C  # the second neuron is off
DELTA = PREDICTION - Y
"""δ of the output."""


@pytest.fixture(scope="module")
def worked():
    """The hand computation by the hand-written code in rationals and in float64, and by torch: quantity -> flat
    array."""
    return by_hand(flint.fmpq), by_hand(np.float64), by_torch()


@pytest.fixture(scope="module")
def errors():
    """How far rounding may carry each quantity in float64, from the decimals on."""
    network, x, y = map(rounded, hand_computation())
    run = passes.by_hand(network, x, y, HalfMSELoss())
    SGD(lr=float(LEARNING_RATE)).step(network, network.like(**run.gradient))  # its rounding is the second of a product
    (z1, a1, z2), (delta1, _, delta2) = run.outputs, run.deltas
    (dW1, _, dW2, db2), (W1, b1, W2, b2) = run.gradient.values(), network.params.values()
    bounds: dict[str, Any] = {
        "z1": z1, "a1": a1, "z2": z2, "C": run.cost.item(), "delta1": delta1, "delta2": delta2,
        "dW1": dW1, "dW2": dW2, "db2": db2, "W1": W1, "b1": b1, "W2": W2, "b2": b2,
    }  # fmt: skip
    return {quantity: bound.error for quantity, bound in bounds.items()}


def held(worked, errors, claim: str, **exact: list[Fraction]) -> None:
    """Assert that the rational run gives exactly these fractions, that every other run gives them as nearly as
    float64 can, and that all round to what the document prints.
    """
    rationals, *floats = worked
    assert exact.keys() == PRINTED[claim].keys()
    for quantity, expected in exact.items():
        ours = [fraction(value) for value in rationals[quantity]]
        assert ours == expected
        for run in floats:
            assert proved(run[quantity], expected, errors[quantity])
        for i, printed in enumerate(PRINTED[claim][quantity]):
            decimals = len(printed.partition(".")[2])
            for value in (ours[i], *(Fraction(float(run[quantity][i])) for run in floats)):
                assert round(value, decimals) == Fraction(printed), f"{quantity}[{i}]"


@pytest.mark.ledger("A13")
def test_the_hand_computation_agrees_with_torch(device, agree):
    network, x, y = hand_computation()
    agree(compare_network(network, HalfMSELoss(), x, y, device))
    agree(compare_end_to_end(network, HalfMSELoss(), x, y, device))
    agree(compare_training(network, HalfMSELoss(), SGD(lr=float(LEARNING_RATE)), x, y, 1, device))


@pytest.mark.ledger("A13")
def test_the_training_loop_makes_the_hand_computations_step(worked):
    network, x, y = hand_computation(flint.fmpq)
    first = next(train(network, HalfMSELoss(), SGD(lr=flint.fmpq(1, 10)), x, y))
    assert first.cost == float(DELTA**2 / 2)
    for name, quantity in {"0.weight": "W1", "0.bias": "b1", "2.weight": "W2", "2.bias": "b2"}.items():
        assert network.params[name].ravel().tolist() == worked[0][quantity].tolist()


@pytest.mark.ledger("A13.1")
def test_the_weighted_inputs_of_the_hidden_layer(worked, errors):
    held(worked, errors, "A13.1", z1=[W11 * X1 + W12 * X2 + B1, W21 * X1 + W22 * X2 + B2])


@pytest.mark.ledger("A13.2")
def test_the_second_hidden_neuron_is_off(worked, errors):
    held(worked, errors, "A13.2", a1=[W11 * X1 + W12 * X2 + B1, Fraction(0)])


@pytest.mark.ledger("A13.3")
def test_the_prediction(worked, errors):
    assert Fraction(49, 125) == PREDICTION
    held(worked, errors, "A13.3", z2=[PREDICTION])


@pytest.mark.ledger("A13.4")
def test_the_cost(worked, errors):
    assert Fraction(2601, 31250) == DELTA**2 / 2
    held(worked, errors, "A13.4", C=[DELTA**2 / 2])


@pytest.mark.ledger("A13.5")
def test_the_error_of_the_output_is_its_bias_gradient(worked, errors):
    held(worked, errors, "A13.5", delta2=[DELTA], db2=[DELTA])


@pytest.mark.ledger("A13.6")
def test_the_new_bias_of_the_output(worked, errors):
    held(worked, errors, "A13.6", b2=[C - ETA * DELTA])


@pytest.mark.ledger("A13.7")
def test_the_gradient_of_the_output_weights(worked, errors):
    held(worked, errors, "A13.7", dW2=[DELTA * Fraction("0.32"), Fraction(0)])


@pytest.mark.ledger("A13.8")
def test_the_new_output_weights(worked, errors):
    held(worked, errors, "A13.8", W2=[V1 - ETA * DELTA * Fraction("0.32"), V2])


@pytest.mark.ledger("A13.9")
def test_the_hidden_errors_come_from_the_old_output_weights(worked, errors):
    held(worked, errors, "A13.9", delta1=[V1 * DELTA, Fraction(0)])

    network, x, y = hand_computation(flint.fmpq)
    output, tape = network.forward(x)
    delta = output - y
    second = network.layers[2]
    SGD(lr=flint.fmpq(1, 10)).step(second, second.gradient(delta, tape[2]))
    too_late, _ = network.layers[1].backward(second.backward(delta, tape[2])[0], tape[1])
    assert fraction(too_late[0, 0]) == Fraction("-0.250126848") != V1 * DELTA


@pytest.mark.ledger("A13.10")
def test_the_new_hidden_biases(worked, errors):
    held(worked, errors, "A13.10", b1=[B1 - ETA * V1 * DELTA, B2])


@pytest.mark.ledger("A13.11")
def test_the_gradient_of_the_hidden_weights(worked, errors):
    held(worked, errors, "A13.11", dW1=[V1 * DELTA * X1, V1 * DELTA * X2, Fraction(0), Fraction(0)])


@pytest.mark.ledger("A13.12")
def test_the_new_hidden_weights(worked, errors):
    held(worked, errors, "A13.12", W1=[W11 - ETA * V1 * DELTA * X1, W12 - ETA * V1 * DELTA * X2, W21, W22])


@pytest.mark.ledger("A13.12")
def test_the_rounded_gradient_that_the_document_prints_gives_another_weight():
    exact, rounded = V1 * DELTA * X2, Fraction("-0.0245")
    assert round(exact, 4) == rounded
    assert W12 - ETA * exact == Fraction("0.202448")
    assert W12 - ETA * rounded == Fraction("0.20245")


# Training


def steps_by_scalars(below: float) -> int:
    """How many steps the live part of the network takes until its cost is below: five numbers, the second neuron is
    off."""
    w, u, b, v, c, x1, x2, y, eta = map(float, (W11, W12, B1, V1, C, X1, X2, Y, ETA))
    steps = 0
    while True:
        a = w * x1 + u * x2 + b
        delta = v * a + c - y
        if delta * delta / 2 < below:
            return steps
        hidden = v * delta
        v, c = v - eta * delta * a, c - eta * delta
        w, u, b = w - eta * hidden * x1, u - eta * hidden * x2, b - eta * hidden
        steps += 1


def costs_by_torch(lr: float, steps: int) -> list[float]:
    network, x, y = hand_computation()
    module = twin(network)
    optimizer, loss = twin_optimizer(SGD(lr=lr), module), twin(HalfMSELoss())
    costs = []
    for _ in range(steps):
        optimizer.zero_grad()
        cost = loss(module(to_torch(x)), to_torch(y))
        cost.backward()
        optimizer.step()
        costs.append(cost.item())
    return costs


@pytest.mark.ledger("A14")
def test_the_cost_falls_at_every_step():
    network, x, y = hand_computation()
    steps = steps_by_scalars(1e-12)
    ours = [step.cost for step in train(network, HalfMSELoss(), SGD(lr=float(LEARNING_RATE)), x, y, epochs=steps + 1)]
    for costs in (ours, costs_by_torch(float(LEARNING_RATE), steps + 1)):
        assert all(later < earlier for earlier, later in pairwise(costs))
        assert costs[-1] < 1e-12 <= costs[-2]


@pytest.mark.ledger("A14")
def test_the_cost_rises_with_a_large_learning_rate():
    network, x, y = hand_computation()
    ours = [step.cost for step in train(network, HalfMSELoss(), SGD(lr=2.0), x, y, epochs=2)]
    for first, second in (ours, costs_by_torch(2.0, 2)):
        assert second > first


@pytest.mark.ledger("A15")
def test_the_path_of_gradient_descent_ends_where_the_gradient_vanishes(device, agree):
    def flat(arrays):
        return np.concatenate([a.ravel() for a in arrays])

    network, x, y = hand_computation()
    agree(compare_training(network, HalfMSELoss(), SGD(lr=0.1), x, y, steps_by_scalars(1e-9), device))

    lr, threshold = float(LEARNING_RATE), 1e-9
    path = [flat(network.params.values())]
    for _ in train(network, HalfMSELoss(), SGD(lr=lr), x, y, epochs=1000, threshold=threshold):
        path.append(flat(network.params.values()))
    module = twin(hand_computation().network, device)
    optimizer, loss = twin_optimizer(SGD(lr=lr), module), twin(HalfMSELoss(), device)
    within, inputs, target = map(numbers, hand_computation())  # the same path with its rounding errors
    for ours in path:
        assert alike(ours, flat(map(to_numpy, module.parameters())), flat(p.error for p in within.params.values()))
        optimizer.zero_grad()
        loss(module(to_torch(x, device)), to_torch(y, device)).backward()
        optimizer.step()
        step(within, HalfMSELoss(), SGD(lr=lr), inputs, target)

    end = twin(network)
    twin(HalfMSELoss())(end(to_torch(x)), to_torch(y)).backward()
    gradient = flat(to_numpy(p.grad) for p in end.parameters() if p.grad is not None)
    assert np.linalg.norm(gradient) < threshold / lr
    dead = [2, 3, 5, 7]  # second row of W1, its bias, and the weight that leads on from it
    assert all((place[dead] == path[0][dead]).all() for place in path)
    assert not np.any(np.delete(path[-1], dead) == np.delete(path[0], dead))


XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])


@pytest.mark.parametrize("activation", [ReLU, Sigmoid])
@pytest.mark.ledger("A16")
def test_a_nonlinear_network_fits_what_no_linear_one_can(activation):
    x, y = XOR
    level = np.full((4, 1), 1 / 2)
    assert not (np.column_stack([x, np.ones(4)]).T @ (level - y)).any()  # the normal equations: the best line is level
    best_line = ((level - y) ** 2).mean()
    assert best_line == 1 / 4

    rng = np.random.default_rng(0)
    network = Network(Linear(2, 4, rng=rng), activation(), Linear(4, 1, rng=rng))
    *_, last = train(network, MSELoss(), Adam(lr=0.05), x, y, epochs=1000)
    assert last.cost < best_line / 1000
    assert [*(network.forward(x)[0] > 0.5)] == [*(y > 0.5)]

    collapsed = Network(Linear(2, 4, rng=rng), Identity(), Linear(4, 1, rng=rng))
    list(train(collapsed, MSELoss(), Adam(lr=0.05), x, y, epochs=1000))
    exactly, _ = collapsed.astype(Fraction).forward(lift(x, Fraction))
    cost, _ = MSELoss().forward(exactly, lift(y, Fraction))
    assert 0 <= cost - Fraction(best_line) < best_line / 1000


def step_by_hand() -> dict[str, Array]:
    """Forward, every δ, every gradient, and then the update."""
    network, x, y = hand_computation(flint.fmpq)
    output, tape = network.forward(x)
    gradient = network.gradient(HalfMSELoss().backward(output - y), tape)
    SGD(lr=flint.fmpq(1, 10)).step(network, gradient)
    return network.params


def step_that_updates_too_early() -> dict[str, Array]:
    """Each layer is updated before δ is sent back through it."""
    network, x, y = hand_computation(flint.fmpq)
    output, tape = network.forward(x)
    delta = HalfMSELoss().backward(output - y)
    for layer, cache in zip(network.layers[::-1], tape[::-1], strict=True):
        SGD(lr=flint.fmpq(1, 10)).step(layer, layer.gradient(delta, cache))
        delta, _ = layer.backward(delta, cache)
    return network.params


@pytest.mark.ledger("A17")
def test_a_layer_updated_before_the_error_behind_it_is_computed_gives_other_numbers(device, agree):
    network, x, y = hand_computation()
    agree(compare_training(network, HalfMSELoss(), SGD(lr=float(LEARNING_RATE)), x, y, 1, device))

    expected = {
        "0.weight": [W11 - ETA * V1 * DELTA * X1, W12 - ETA * V1 * DELTA * X2, W21, W22],
        "0.bias": [B1 - ETA * V1 * DELTA, B2],
        "2.weight": [V1 - ETA * DELTA * Fraction("0.32"), V2],
        "2.bias": [C - ETA * DELTA],
    }
    in_order, early = (
        {name: [fraction(value) for value in p.ravel()] for name, p in params.items()}
        for params in (step_by_hand(), step_that_updates_too_early())
    )
    assert in_order == expected
    assert {name for name in expected if early[name] != expected[name]} == {"0.weight", "0.bias"}
