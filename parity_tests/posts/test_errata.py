"""The documents' errata: the printed form fails against torch or exact arithmetic, the corrected one agrees.

Each test also states the number that settles it. The forms are evaluated in `experiments.report.chapters.errata`; how
near to that number they must come is how far rounding carries them.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from experiments.report.chapters.errata import BUMP, ERRATA, HAT, Settled
from experiments.report.chapters.passes import Pass, by_hand
from manual import SGD, HalfMSELoss, Identity, Linear, Loss, MSELoss, Network, ReLU, lift, train
from manual.documents import PRINTED, THETA, hand_computation, in_theta_order, linear, one_example, one_two_one
from manual.numbers.number_types import Array
from parity_tests.derived import alike, numbers, proved, rounded, step
from torch_ref import compare, to_torch, twin
from torch_ref.tolerance.bounds import layer_bounds


def settled(erratum: str, errors: Any) -> Settled:
    """The erratum's three values, once the corrected form agrees with the reference and the printed form does not."""
    printed, corrected, reference = ERRATA[erratum]()
    assert alike(corrected, reference, errors)
    assert compare(erratum, "as printed", printed, reference, 2 * errors).ratio > 1
    return Settled(printed, corrected, reference)


def decimals(*written: str) -> list[Fraction]:
    return [*map(Fraction, written)]


def one_pass(network: Network, x: Array, y: Array, loss: Loss) -> Any:
    """A pass of the hand-written code, every number with its rounding error, from the decimals on."""
    return by_hand(rounded(network), rounded(x), rounded(y), loss)


@pytest.fixture
def hand() -> Pass:
    """The hand computation's pass, likewise."""
    return one_pass(*hand_computation(), HalfMSELoss())


@pytest.fixture
def new() -> dict[str, Array]:
    """The parameters after the hand computation's step, likewise."""
    network, x, y = map(rounded, hand_computation())
    step(
        network, HalfMSELoss(), SGD(lr=0.1), x, y
    )  # the rounding of 0.1 itself is the second that a product is allowed
    return network.params


@pytest.mark.ledger("E1")
def test_rows_are_neurons_and_are_not_transposed(hand, rng):
    printed, corrected, _ = settled("E1", hand.outputs[0].error[0])
    network, x, _ = map(rounded, hand_computation())
    W, b = network.params["0.weight"], network.params["0.bias"]
    assert proved(printed, decimals("0.33", "-0.13"), (W.T @ x[0] + b).error)
    assert proved(corrected, decimals("0.32", "-0.08"), hand.outputs[0].error)

    W, x = lift(rng.standard_normal((3, 2)), Fraction), lift(rng.standard_normal(2), Fraction)
    with pytest.raises(ValueError):
        np.matmul(W.T, x)
    columns = W.T
    assert (columns.T @ x).tolist() == [row[0] * x[0] + row[1] * x[1] for row in W]


@pytest.mark.ledger("E2")
def test_outputs_of_neurons_are_stacked_and_not_summed(hand):
    printed, corrected, _ = settled("E2", hand.outputs[0].error[0])
    assert printed.shape == ()
    assert corrected.shape == (2,)
    assert proved(printed, decimals("0.24"), hand.outputs[0].sum().error)


@pytest.mark.ledger("E3")
def test_a_neuron_has_one_bias_and_not_one_an_input(rng):
    neuron: Any = rounded(linear([["0.4", "0.3", "0.6"]], ["0.1"]))
    errors = neuron.forward(numbers(np.array([[1.0, 2.0, 3.0]])))[0].error[0]
    printed, corrected, _ = settled("E3", errors)
    assert printed.shape == (3,)
    assert corrected.shape == (1,)
    assert proved(corrected, decimals("2.9"), errors)
    assert Linear(3, 1, rng=rng).params["bias"].shape == (1,)
    w = x = np.ones((3, 1))
    with pytest.raises(ValueError):
        np.matmul(w, x)


@pytest.mark.ledger("E4")
def test_a_sum_over_examples_is_not_the_output_of_a_batch():
    network, x, _ = map(rounded, hand_computation())
    batch = x * np.array([[1], [2], [3]])
    printed, corrected, _ = settled("E4", network.layers[0].forward(batch)[0].error)
    assert printed.shape == (2,)
    assert corrected.shape == (3, 2)
    W, b = network.params["0.weight"], network.params["0.bias"]
    assert proved(printed, decimals("0.76", "0.36"), (3 * (W @ x[0]) + b).error)  # 3 · 0.22 + b


@pytest.mark.ledger("E5")
def test_the_update_takes_the_gradient_of_the_cost(new):
    errors = np.append(new["2.weight"].error, new["2.bias"].error)
    printed, corrected, _ = settled("E5", errors)
    old = rounded(np.array([0.6, 0.9, 0.2]))
    assert proved(printed, decimals("0.5", "0.8", "0.1"), (old - rounded(np.float64(0.1))).error)
    assert proved(corrected, decimals("0.613056", "0.9", "0.2408"), errors)


@pytest.mark.ledger("E6")
def test_an_error_is_an_elementwise_and_not_an_outer_product(hand):
    printed, corrected, _ = settled("E6", hand.deltas[0].error[0])
    assert printed.shape == (2, 2)
    assert proved(corrected, decimals("-0.2448", "0"), hand.deltas[0].error)


@pytest.mark.ledger("E7")
def test_the_two_costs_are_a_factor_of_2_apart():
    network, x, y = hand_computation()
    bounds = one_pass(network, x, y, MSELoss())
    printed, corrected, _ = settled("E7", np.append(bounds.cost.item().error, bounds.deltas[-1].error))
    assert np.array_equal(corrected, 2 * printed)

    prediction, _ = network.forward(x)
    half, u = HalfMSELoss().forward(prediction, y)
    whole, cache = MSELoss().forward(prediction, y)
    assert np.array_equal(printed, np.append(half, HalfMSELoss().backward(u)))
    assert np.array_equal(corrected, np.append(whole, MSELoss().backward(cache)))


@pytest.mark.ledger("E8")
def test_the_chain_to_z_is_not_the_derivative_by_a_weight(hand):
    printed, corrected, _ = settled("E8", hand.deltas[-1].error[0])
    delta, a1 = decimals("-0.408", "0.32")
    assert proved(printed, [delta * a1], hand.gradient["2.weight"].error[0, :1])
    assert proved(corrected, [delta], hand.deltas[-1].error)


@pytest.mark.ledger("E9")
def test_errors_go_back_through_the_transpose(rng):
    network, x, _ = hand_computation()
    W = network.params["0.weight"]
    square = Network(linear(W, ["0.1", "0.3"]), ReLU(), linear(W, ["0.2", "0.2"]))
    bounds = one_pass(square, x, np.array([[0.8, 0.1]]), HalfMSELoss())
    printed, corrected, _ = settled("E9", bounds.deltas[0].error[0])
    assert proved(printed, decimals("-0.0352", "0.2816"), (rounded(W) @ bounds.deltas[-1][0]).error)
    assert proved(corrected, decimals("0.0208", "0.3184"), bounds.deltas[0].error)

    W, delta = rng.standard_normal((3, 2)), rng.standard_normal(3)
    with pytest.raises(ValueError):
        np.matmul(W, delta)
    column, delta = lift([["0.6"], ["0.9"]], Fraction), lift(["-0.408"], Fraction)
    assert (column @ delta).tolist() == decimals("-0.2448", "-0.3672")


@pytest.mark.ledger("E10")
def test_the_output_weights_are_a_row(hand):
    printed, corrected, _ = settled("E10", hand.gradient["2.weight"].error)
    assert printed.shape == (2, 1)
    assert corrected.shape == (1, 2)
    column, a1 = lift([["0.6"], ["0.9"]], Fraction), lift(["0.32", "0"], Fraction)
    with pytest.raises(ValueError):
        np.matmul(column, a1)
    assert (column.T @ a1 + Fraction("0.2")).tolist() == decimals("0.392")


@pytest.mark.ledger("E11")
def test_one_index_order_is_neuron_then_input(new):
    printed, corrected, _ = settled("E11", new["0.weight"].error)
    assert np.array_equal(printed, corrected.T)
    of_both_layers = {"W_{1,2}": (PRINTED["A13.8"]["W2"][0], PRINTED["A13.12"]["W1"][2]),
                      "W_{2,2}": (PRINTED["A13.8"]["W2"][1], PRINTED["A13.12"]["W1"][3])}  # fmt: skip
    assert all(first != second for first, second in of_both_layers.values())


@pytest.mark.ledger("E12")
def test_gradient_descent_ends_where_the_gradient_vanishes():
    x, y = BUMP
    network, _, _ = hand_computation()
    for _ in train(network, HalfMSELoss(), SGD(lr=1.0), x, y, epochs=10_000, threshold=1e-10):
        pass
    module = twin(network)
    (torch.nn.functional.mse_loss(module(to_torch(x)), to_torch(y)) / 2).backward()
    gradient = torch.cat([p.grad.ravel() for p in module.parameters() if p.grad is not None])
    assert gradient.norm() < 1e-10

    prediction, _ = numbers(network).forward(rounded(x))
    error = HalfMSELoss().forward(prediction, rounded(y))[0].error
    lowest, reached, best_line = settled("E12", error)
    assert lowest == 0
    assert np.array_equal(HAT.forward(x)[0], y)
    mean = Fraction(4, 15)  # the best line is level: the bump is in the middle
    for cost in (reached, best_line):
        assert proved(cost, [(2 * mean**2 + (Fraction(4, 5) - mean) ** 2) / 6], error)


@pytest.mark.ledger("E13")
def test_from_zero_the_last_layer_has_a_gradient():
    printed, corrected, _ = settled("E13", 0)
    delta = -0.9
    assert printed.tolist() == [0] * 7
    assert corrected.tolist() == [0, 0, 0, 0, delta, delta / 2, delta / 2]


@pytest.mark.ledger("E14")
def test_the_first_neuron_has_its_own_parameters():
    def error(theta):
        return one_pass(one_two_one(activation=Identity, theta=theta), *one_example(), HalfMSELoss()).outputs[-1].error

    printed, corrected, _ = settled("E14", error(THETA))
    (t0, t1, t2, t3, t4, t5, t6), x = decimals(*THETA), Fraction("0.5")
    assert proved(corrected, [t4 + t5 * (t0 + t2 * x) + t6 * (t1 + t3 * x)], error(THETA))
    _, b, _, w, *others = THETA  # as printed, the first neuron has the second's parameters
    assert proved(printed, [t4 + t5 * (t1 + t3 * x) + t6 * (t1 + t3 * x)], error((b, b, w, w, *others)))


@pytest.mark.ledger("E15")
def test_the_gradient_of_a_square_has_a_factor_of_2():
    gradient = one_pass(one_two_one(), *one_example(), MSELoss()).gradient
    errors = np.array(in_theta_order({name: g.error for name, g in gradient.items()}))
    printed, corrected, _ = settled("E15", errors)
    assert alike(corrected, 2 * printed, errors)


@pytest.mark.ledger("E16")
def test_the_derivative_by_theta_3_has_the_factors_x_and_delta():
    network, (x, y) = one_two_one(), one_example()
    of_o12 = layer_bounds(Network(*network.layers[:2]), x, np.array([[0.0, 1.0]]))["d0.weight"]
    of_cost = one_pass(network, x, y, HalfMSELoss()).gradient["0.weight"]
    errors = np.append(of_o12.error[1], of_cost.error[1])
    printed, corrected, _ = settled("E16", errors)
    delta = network.forward(x)[0].item() - 0.9
    assert alike(corrected, printed * [0.5, delta], errors)


@pytest.mark.ledger("E17")
def test_a_step_in_the_negative_direction_is_not_convergence():
    printed, corrected, reference = settled("E17", 0)
    assert printed == 1
    assert corrected == reference
    assert corrected > 100


@pytest.mark.ledger("E18")
def test_theta_2_stretches_and_does_not_translate():
    t0, t1, t2, t3, t4, t5, _ = map(float, THETA)
    doubled: Any = rounded(one_two_one(theta=(t0, t1, 2 * t2, t3, t4, t5, 0.0)))
    middle = -rounded(np.array([[t0]])) / rounded(np.array([[2 * t2]]))
    _, tape = doubled.forward(middle)
    dx, _ = doubled.backward(numbers(np.ones((1, 1))), tape)

    printed, corrected, _ = settled("E18", dx.error[0])
    assert proved(corrected, [2 * Fraction("0.6") * Fraction("0.8") / 4], dx.error)
    assert np.array_equal(corrected, 2 * printed)
