"""Document A, part 4, the training step that it computes by hand: the hand-written code and torch, against the
document's arithmetic in fractions, one scalar at a time.
"""

from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

from experiments.report.chapters import passes
from experiments.report.steps.worked import by_hand, by_torch, fraction
from manual import SGD, HalfMSELoss, train
from manual.documents import LEARNING_RATE, PRINTED, hand_computation
from manual.numbers.number_types import Array
from parity_tests.derived import proved, rounded
from torch_ref import compare_end_to_end, compare_network, compare_training

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


def held(worked, errors, claim: str) -> None:
    """Assert that the rational run gives exactly the claim's fractions, that every other run gives them as nearly as
    float64 can, and that all round to what the document prints.
    """
    rationals, *floats = worked
    assert EXACT[claim].keys() == PRINTED[claim].keys()
    for quantity, expected in EXACT[claim].items():
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


HIDDEN = [W11 * X1 + W12 * X2 + B1, W21 * X1 + W22 * X2 + B2]
EXACT: dict[str, dict[str, list[Fraction]]] = {
    "A13.1": {"z1": HIDDEN},
    "A13.2": {"a1": [HIDDEN[0], Fraction(0)]},
    "A13.3": {"z2": [PREDICTION]},
    "A13.4": {"C": [DELTA**2 / 2]},
    "A13.5": {"delta2": [DELTA], "db2": [DELTA]},
    "A13.6": {"b2": [C - ETA * DELTA]},
    "A13.7": {"dW2": [DELTA * HIDDEN[0], Fraction(0)]},
    "A13.8": {"W2": [V1 - ETA * DELTA * HIDDEN[0], V2]},
    "A13.9": {"delta1": [V1 * DELTA, Fraction(0)]},
    "A13.10": {"b1": [B1 - ETA * V1 * DELTA, B2]},
    "A13.11": {"dW1": [V1 * DELTA * X1, V1 * DELTA * X2, Fraction(0), Fraction(0)]},
    "A13.12": {"W1": [W11 - ETA * V1 * DELTA * X1, W12 - ETA * V1 * DELTA * X2, W21, W22]},
}
"""Claim -> quantity -> its numbers, row by row."""


@pytest.mark.parametrize("claim", ["A13.1", "A13.2", "A13.3", "A13.4"])
@pytest.mark.ledger("A13.1", "A13.2", "A13.3", "A13.4")
def test_the_pass_forward_and_the_cost(claim, worked, errors):
    held(worked, errors, claim)


@pytest.mark.parametrize("claim", ["A13.5", "A13.6", "A13.7", "A13.8"])
@pytest.mark.ledger("A13.5", "A13.6", "A13.7", "A13.8")
def test_the_error_of_the_output_its_gradients_and_its_new_parameters(claim, worked, errors):
    held(worked, errors, claim)


@pytest.mark.parametrize("claim", ["A13.9", "A13.10", "A13.11", "A13.12"])
@pytest.mark.ledger("A13.9", "A13.10", "A13.11", "A13.12")
def test_the_hidden_errors_their_gradients_and_their_new_parameters(claim, worked, errors):
    held(worked, errors, claim)


@pytest.mark.ledger("A13.9")
def test_the_hidden_errors_come_from_the_old_output_weights():
    network, x, y = hand_computation(flint.fmpq)
    output, tape = network.forward(x)
    delta = output - y
    second = network.layers[2]
    SGD(lr=flint.fmpq(1, 10)).step(second, second.gradient(delta, tape[2]))
    too_late, _ = network.layers[1].backward(second.backward(delta, tape[2])[0], tape[1])
    assert fraction(too_late[0, 0]) == Fraction("-0.250126848") != V1 * DELTA


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
        "0.weight": EXACT["A13.12"]["W1"],
        "0.bias": EXACT["A13.10"]["b1"],
        "2.weight": EXACT["A13.8"]["W2"],
        "2.bias": EXACT["A13.6"]["b2"],
    }
    in_order, early = (
        {name: [fraction(value) for value in p.ravel()] for name, p in params.items()}
        for params in (step_by_hand(), step_that_updates_too_early())
    )
    assert in_order == expected
    assert {name for name in expected if early[name] != expected[name]} == {"0.weight", "0.bias"}
