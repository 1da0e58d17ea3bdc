"""Document A, claim by claim: the hand-written code against torch, and against plain scalar arithmetic."""

import math
from fractions import Fraction
from itertools import pairwise

import flint
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from experiments.worked import by_hand, by_torch, fraction
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
from manual.number_types import Array
from torch_ref import (
    compare_end_to_end,
    compare_layer,
    compare_loss,
    compare_network,
    compare_optimizer,
    compare_training,
    params_of,
    to_numpy,
    to_torch,
    twin,
    twin_optimizer,
)

ELEMENTWISE = pytest.mark.parametrize("activation", [Identity, ReLU, Sigmoid, Tanh])


# Part 1: forward propagation


@ELEMENTWISE
@pytest.mark.ledger("A1")
def test_a_neuron_of_three_inputs(activation, rng, device, agree):
    neuron = Network(Linear(3, 1, rng=rng), activation())
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 1))
    agree(compare_network(neuron, MSELoss(), x, y, device))

    (w1, w2, w3), (b,) = neuron.params["0.weight"][0], neuron.params["0.bias"]
    g = {Identity: lambda u: u, ReLU: lambda u: max(0, u), Sigmoid: lambda u: 1 / (1 + math.exp(-u)), Tanh: math.tanh}
    output = [[g[activation](w1 * x1 + w2 * x2 + w3 * x3 + b)] for x1, x2, x3 in x]
    assert_close(neuron.forward(x)[0], np.array(output))


@pytest.mark.ledger("A2", "A3")
def test_row_j_of_the_weights_and_bias_j_make_neuron_j(rng, device, agree):
    layer, x = Linear(2, 3, rng=rng), rng.standard_normal((5, 2))
    agree(compare_layer(layer, x, rng, device))
    W, b = layer.params.values()
    assert (W.shape, b.shape) == ((3, 2), (3,))
    assert Linear(3, 1, rng=rng).params["bias"].shape == (1,)

    z, _ = layer.forward(x)
    for j in range(3):
        assert_close(z[:, j], np.array([W[j, 0] * x1 + W[j, 1] * x2 + b[j] for x1, x2 in x]))
        more_weight, more_bias = W.copy(), b.copy()
        more_weight[j] += 1
        more_bias[j] += 1
        for changed in (layer.like(weight=more_weight, bias=b), layer.like(weight=W, bias=more_bias)):
            assert [*(changed.forward(x)[0] != z).any(axis=0)] == [i == j for i in range(3)]


@pytest.mark.parametrize("loss", [MSELoss(), HalfMSELoss()], ids=repr)
@pytest.mark.ledger("A4")
def test_a_batch_gives_an_output_an_example_and_the_average_of_their_costs(loss, rng, device, agree):
    network = Network(Linear(3, 4, rng=rng), Tanh(), Linear(4, 2, rng=rng))
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    agree(compare_network(network, loss, x, y, device))

    output, _ = network.forward(x)
    assert_close(output, np.concatenate([network.forward(x[i : i + 1])[0] for i in range(6)]))
    costs = [loss.forward(output[i : i + 1], y[i : i + 1])[0] for i in range(6)]
    assert float(loss.forward(output, y)[0]) == pytest.approx(math.fsum(costs) / 6)


ACTIVATIONS = {
    Identity: (lambda z: z, lambda z: 1.0),
    ReLU: (lambda z: z if z > 0 else 0.0, lambda z: 1.0 if z > 0 else 0.0),
    Sigmoid: (lambda z: 1 / (1 + math.exp(-z)), lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2),
    Tanh: (math.tanh, lambda z: 1 / math.cosh(z) ** 2),
}
"""σ and σ', by the definition of each."""


@ELEMENTWISE
@pytest.mark.ledger("A5")
def test_an_activation_and_its_derivative(activation, rng, device, agree):
    z = np.array([[-2.0, -0.5, 0.0, 0.25, 3.0]])
    agree(compare_layer(activation(), z, rng, device))
    value, slope = ACTIVATIONS[activation]
    a, cache = activation().forward(z)
    assert_close(a, np.array([[value(u) for u in z[0]]]))
    assert_close(activation().backward(np.ones_like(z), cache)[0], np.array([[slope(u) for u in z[0]]]))


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

    u = [[Fraction(p) - Fraction(t) for p, t in zip(*rows, strict=True)] for rows in zip(prediction, target, strict=True)]
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
    assert torch.nn.functional.mse_loss(p, t).item() == pytest.approx(float(total / 3))


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
        Linear(3, 5, rng=rng), Sigmoid(), Linear(5, 4, rng=rng), Tanh(), Linear(4, 6, rng=rng), ReLU(), Linear(6, 2, rng=rng)
    )


@pytest.mark.ledger("A9", "A12")
def test_every_z_a_delta_and_gradient_of_a_deep_network(deep, rng, device, agree):
    x, y = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    agree(compare_network(deep, MSELoss(), x, y, device))
    agree(compare_end_to_end(deep, MSELoss(), x, y, device))

    params, a = deep.params, x[0]
    for place in range(0, 7, 2):
        W, b = params[f"{place}.weight"], params[f"{place}.bias"]
        z = [math.fsum([*(w * v for w, v in zip(row, a, strict=True)), bias]) for row, bias in zip(W, b, strict=True)]
        a = [ACTIVATIONS[type(deep.layers[place + 1])][0](u) for u in z] if place < 6 else z
        assert_close(Network(*deep.layers[: place + 1]).forward(x)[0][0], np.array(z))
    assert_close(deep.forward(x)[0][0], np.array(a))


@ELEMENTWISE
@pytest.mark.parametrize("loss", [MSELoss(), HalfMSELoss()], ids=repr)
@pytest.mark.ledger("A10")
def test_equation_1_for_an_elementwise_activation(activation, loss, rng, device, agree):
    network = Network(Linear(3, 2, rng=rng), activation())
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    agree(compare_network(network, loss, x, y, device))

    z, _ = network.layers[0].forward(x)
    a, cache = network.layers[1].forward(z)
    delta, _ = network.layers[1].backward(loss.backward(loss.forward(a, y)[1]), cache)
    value, slope = ACTIVATIONS[activation]
    # with two outputs the ½ of one cost and the 1/(5 · 2) of the other make the same derivative, (a − y)/5
    expected = [[(value(u) - t) / 5 * slope(u) for u, t in zip(*rows, strict=True)] for rows in zip(z, y, strict=True)]
    assert_close(delta, np.array(expected))


@pytest.mark.ledger("A10")
def test_softmax_needs_its_jacobian_in_equation_1(rng, device, agree):
    z, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    with_softmax = Network(linear(np.eye(4), np.zeros(4)), Softmax())
    agree(compare_network(with_softmax, MSELoss(), z, y, device))

    inputs = to_torch(z).requires_grad_()
    torch.nn.functional.mse_loss(inputs.softmax(dim=1), to_torch(y)).backward()
    assert inputs.grad is not None
    expected = to_numpy(inputs.grad)
    a, cache = Softmax().forward(z)
    upstream = MSELoss().backward(MSELoss().forward(a, y)[1])
    assert_close(Softmax().backward(upstream, cache)[0], expected)
    elementwise = upstream * a * (1 - a)
    with pytest.raises(AssertionError):
        assert_close(elementwise, expected)


@pytest.mark.ledger("A10")
def test_softmax_and_sigmoid_fuse_with_their_cross_entropies(rng, device, agree):
    z, classes, bits = rng.standard_normal((5, 4)), rng.integers(4, size=5), rng.integers(2, size=(5, 4)).astype(float)
    agree(compare_loss(CrossEntropyLoss(), z, classes, device))
    agree(compare_loss(BCEWithLogitsLoss(), z, bits, device))

    p = np.array([[math.exp(u) / math.fsum(map(math.exp, row)) for u in row] for row in z])
    delta = CrossEntropyLoss().backward(CrossEntropyLoss().forward(z, classes)[1])
    assert_close(delta, (p - np.eye(4)[classes]) / 5)
    delta = BCEWithLogitsLoss().backward(BCEWithLogitsLoss().forward(z, bits)[1])
    assert_close(delta, (np.array([[1 / (1 + math.exp(-u)) for u in row] for row in z]) - bits) / bits.size)


@pytest.mark.ledger("A11")
def test_equation_2_goes_back_through_the_transpose(rng, device, agree):
    for sizes in ((3, 4, 2), (3, 3, 3)):
        network = Network(Linear(sizes[0], sizes[1], rng=rng), Tanh(), Linear(sizes[1], sizes[2], rng=rng))
        x, y = rng.standard_normal((1, sizes[0])), rng.standard_normal((1, sizes[2]))
        agree(compare_network(network, HalfMSELoss(), x, y, device))

        output, (_, a, _) = network.forward(x)
        delta, W = output - y, network.params["2.weight"]
        slope = 1 - a * a
        expected = [[sum(W[j, i] * delta[0, j] for j in range(sizes[2])) * slope[0, i] for i in range(sizes[1])]]
        back = Network(*network.layers[1:])
        ours, _ = back.backward(delta, network.forward(x)[1][1:])
        assert_close(ours, np.array(expected))
        if sizes[1] == sizes[2]:
            without = (W @ delta[0]) * slope[0]
            with pytest.raises(AssertionError):
                assert_close(without[None], np.array(expected))
        else:
            with pytest.raises(ValueError, match="mismatch"):
                np.matmul(W, delta[0])


@pytest.mark.ledger("A12")
def test_equations_3_and_4_are_summed_over_the_batch(rng):
    layer = linear(rng.random((3, 2)), rng.random(3), Fraction)
    a, delta = lift(rng.random((4, 2)), Fraction), lift(rng.random((4, 3)), Fraction)
    _, gradient = layer.backward(delta, a)
    alone = layer.gradient(delta, a)
    for g in (gradient.params, alone.params):
        assert g["bias"].tolist() == [sum(delta[n, j] for n in range(4)) for j in range(3)]
        assert g["weight"].tolist() == [[sum(delta[n, j] * a[n, i] for n in range(4)) for i in range(2)] for j in range(3)]


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
    """The hand computation by the hand-written code in rationals and in float64, and by torch: quantity -> flat array."""
    return by_hand(flint.fmpq), by_hand(np.float64), by_torch()


def held(worked, claim: str, **exact: list[Fraction]) -> None:
    """Assert that the rational run gives exactly these fractions, and that every run rounds to what the document prints."""
    rationals, *floats = worked
    assert exact.keys() == PRINTED[claim].keys()
    for quantity, expected in exact.items():
        ours = [fraction(value) for value in rationals[quantity]]
        assert ours == expected
        for run in floats:
            assert_close(run[quantity], np.array(expected, dtype=np.float64))
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
    step = next(train(network, HalfMSELoss(), SGD(lr=flint.fmpq(1, 10)), x, y))
    assert step.cost == float(DELTA**2 / 2)
    for name, quantity in {"0.weight": "W1", "0.bias": "b1", "2.weight": "W2", "2.bias": "b2"}.items():
        assert network.params[name].ravel().tolist() == worked[0][quantity].tolist()


@pytest.mark.ledger("A13.1")
def test_the_weighted_inputs_of_the_hidden_layer(worked):
    held(worked, "A13.1", z1=[W11 * X1 + W12 * X2 + B1, W21 * X1 + W22 * X2 + B2])


@pytest.mark.ledger("A13.2")
def test_the_second_hidden_neuron_is_off(worked):
    held(worked, "A13.2", a1=[W11 * X1 + W12 * X2 + B1, Fraction(0)])


@pytest.mark.ledger("A13.3")
def test_the_prediction(worked):
    assert Fraction(49, 125) == PREDICTION
    held(worked, "A13.3", z2=[PREDICTION])


@pytest.mark.ledger("A13.4")
def test_the_cost(worked):
    assert Fraction(2601, 31250) == DELTA**2 / 2
    held(worked, "A13.4", C=[DELTA**2 / 2])


@pytest.mark.ledger("A13.5")
def test_the_error_of_the_output_is_its_bias_gradient(worked):
    held(worked, "A13.5", delta2=[DELTA], db2=[DELTA])


@pytest.mark.ledger("A13.6")
def test_the_new_bias_of_the_output(worked):
    held(worked, "A13.6", b2=[C - ETA * DELTA])


@pytest.mark.ledger("A13.7")
def test_the_gradient_of_the_output_weights(worked):
    held(worked, "A13.7", dW2=[DELTA * Fraction("0.32"), Fraction(0)])


@pytest.mark.ledger("A13.8")
def test_the_new_output_weights(worked):
    held(worked, "A13.8", W2=[V1 - ETA * DELTA * Fraction("0.32"), V2])


@pytest.mark.ledger("A13.9")
def test_the_hidden_errors_come_from_the_old_output_weights(worked):
    held(worked, "A13.9", delta1=[V1 * DELTA, Fraction(0)])

    network, x, y = hand_computation(flint.fmpq)
    output, tape = network.forward(x)
    delta = output - y
    second = network.layers[2]
    SGD(lr=flint.fmpq(1, 10)).step(second, second.gradient(delta, tape[2]))
    too_late, _ = network.layers[1].backward(second.backward(delta, tape[2])[0], tape[1])
    assert fraction(too_late[0, 0]) == Fraction("-0.250126848") != V1 * DELTA


@pytest.mark.ledger("A13.10")
def test_the_new_hidden_biases(worked):
    held(worked, "A13.10", b1=[B1 - ETA * V1 * DELTA, B2])


@pytest.mark.ledger("A13.11")
def test_the_gradient_of_the_hidden_weights(worked):
    held(worked, "A13.11", dW1=[V1 * DELTA * X1, V1 * DELTA * X2, Fraction(0), Fraction(0)])


@pytest.mark.ledger("A13.12")
def test_the_new_hidden_weights(worked):
    held(worked, "A13.12", W1=[W11 - ETA * V1 * DELTA * X1, W12 - ETA * V1 * DELTA * X2, W21, W22])


@pytest.mark.ledger("A13.12")
def test_the_rounded_gradient_that_the_document_prints_gives_another_weight():
    exact, rounded = V1 * DELTA * X2, Fraction("-0.0245")
    assert round(exact, 4) == rounded
    assert W12 - ETA * exact == Fraction("0.202448")
    assert W12 - ETA * rounded == Fraction("0.20245")


# Training


def steps_by_scalars(below: float) -> int:
    """How many steps the live part of the network takes until its cost is below: five numbers, the second neuron is off."""
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
    network, x, y = hand_computation()
    start = {name: p.copy() for name, p in network.params.items()}
    agree(compare_training(network, HalfMSELoss(), SGD(lr=0.1), x, y, steps_by_scalars(1e-9), device))

    lr, threshold = float(LEARNING_RATE), 1e-9
    path = [np.concatenate([p.ravel() for p in start.values()])]
    for _ in train(network, HalfMSELoss(), SGD(lr=lr), x, y, epochs=1000, threshold=threshold):
        path.append(np.concatenate([p.ravel() for p in network.params.values()]))
    module = twin(hand_computation().network, device)
    optimizer, loss = twin_optimizer(SGD(lr=lr), module), twin(HalfMSELoss(), device)
    for ours in path:
        assert_close(np.concatenate([p.ravel() for p in params_of(module).values()]), ours)
        optimizer.zero_grad()
        loss(module(to_torch(x, device)), to_torch(y, device)).backward()
        optimizer.step()

    end = twin(network)
    twin(HalfMSELoss())(end(to_torch(x)), to_torch(y)).backward()
    gradient = np.concatenate([to_numpy(p.grad).ravel() for p in end.parameters() if p.grad is not None])
    assert np.linalg.norm(gradient) < threshold / lr
    dead = [2, 3, 5, 7]  # second row of W1, its bias, and the weight that leads on from it
    assert all((place[dead] == path[0][dead]).all() for place in path)
    assert not np.any(np.delete(path[-1], dead) == np.delete(path[0], dead))


XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])


@pytest.mark.parametrize("activation", [ReLU, Sigmoid])
@pytest.mark.ledger("A16")
def test_a_nonlinear_network_fits_what_no_linear_one_can(activation):
    x, y = XOR
    inputs = np.column_stack([x, np.ones(4)])
    best_line = float(((inputs @ np.linalg.lstsq(inputs, y)[0] - y) ** 2).mean())
    assert best_line == pytest.approx(1 / 4)

    rng = np.random.default_rng(0)
    network = Network(Linear(2, 4, rng=rng), activation(), Linear(4, 1, rng=rng))
    *_, last = train(network, MSELoss(), Adam(lr=0.05), x, y, epochs=1000)
    assert last.cost < best_line / 1000
    assert [*(network.forward(x)[0] > 0.5)] == [*(y > 0.5)]

    collapsed = Network(Linear(2, 4, rng=rng), Identity(), Linear(4, 1, rng=rng))
    *_, last = train(collapsed, MSELoss(), Adam(lr=0.05), x, y, epochs=1000)
    assert last.cost == pytest.approx(best_line)


def step_by_hand() -> dict[str, Array]:
    """Forward, every δ, every gradient, and then the update."""
    network, x, y = hand_computation()
    output, tape = network.forward(x)
    gradient = network.gradient(HalfMSELoss().backward(output - y), tape)
    SGD(lr=float(LEARNING_RATE)).step(network, gradient)
    return network.params


def step_that_updates_too_early() -> dict[str, Array]:
    """Each layer is updated before δ is sent back through it."""
    network, x, y = hand_computation()
    output, tape = network.forward(x)
    delta = HalfMSELoss().backward(output - y)
    for layer, cache in zip(network.layers[::-1], tape[::-1], strict=True):
        SGD(lr=float(LEARNING_RATE)).step(layer, layer.gradient(delta, cache))
        delta, _ = layer.backward(delta, cache)
    return network.params


@pytest.mark.ledger("A17")
def test_a_layer_updated_before_the_error_behind_it_is_computed_gives_other_numbers():
    network, x, y = hand_computation()
    module = twin(network)
    optimizer = twin_optimizer(SGD(lr=float(LEARNING_RATE)), module)
    twin(HalfMSELoss())(module(to_torch(x)), to_torch(y)).backward()
    optimizer.step()
    expected, early = params_of(module), step_that_updates_too_early()

    assert_close(step_by_hand(), expected)
    assert_close([early["2.weight"], early["2.bias"]], [expected["2.weight"], expected["2.bias"]])
    for name in ("0.weight", "0.bias"):
        with pytest.raises(AssertionError):
            assert_close(early[name], expected[name])
