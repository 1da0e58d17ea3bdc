"""The documents' errata: the printed form fails against torch or exact arithmetic, the corrected one agrees.

Each test also states the number that settles it. The forms are evaluated in `experiments.errata`.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from experiments.errata import BUMP, ERRATA, HAT, Settled
from manual import SGD, HalfMSELoss, Linear, MSELoss, init, train
from manual.documents import PRINTED, hand_computation, in_theta_order, one_two_one, sine
from torch_ref import params_of, to_torch, twin


def settled(erratum: str) -> Settled:
    """The erratum's three values, once the corrected form agrees with the reference and the printed form does not."""
    printed, corrected, reference = ERRATA[erratum]()
    assert_close(corrected, reference)
    with pytest.raises(AssertionError):
        assert_close(printed, reference)
    return Settled(printed, corrected, reference)


@pytest.mark.ledger("E1")
def test_rows_are_neurons_and_are_not_transposed(rng):
    printed, corrected, _ = settled("E1")
    assert_close(printed, np.array([0.33, -0.13]))
    assert_close(corrected, np.array([0.32, -0.08]))

    W, x = rng.standard_normal((3, 2)), rng.standard_normal(2)
    with pytest.raises(ValueError, match="mismatch"):
        np.matmul(W.T, x)
    columns = W.T
    assert_close(columns.T @ x, W @ x)


@pytest.mark.ledger("E2")
def test_outputs_of_neurons_are_stacked_and_not_summed():
    printed, corrected, _ = settled("E2")
    assert printed.shape == ()
    assert corrected.shape == (2,)
    assert_close(printed, np.asarray(0.24))


@pytest.mark.ledger("E3")
def test_a_neuron_has_one_bias_and_not_one_an_input(rng):
    printed, corrected, _ = settled("E3")
    assert printed.shape == (3,)
    assert corrected.shape == (1,)
    assert Linear(3, 1, rng=rng).params["bias"].shape == (1,)
    w = x = np.ones((3, 1))
    with pytest.raises(ValueError, match="mismatch"):
        np.matmul(w, x)


@pytest.mark.ledger("E4")
def test_a_sum_over_examples_is_not_the_output_of_a_batch():
    printed, corrected, _ = settled("E4")
    assert printed.shape == (2,)
    assert corrected.shape == (3, 2)
    assert_close(printed, np.array([3 * 0.22 + 0.1, 3 * 0.22 - 0.3]))


@pytest.mark.ledger("E5")
def test_the_update_takes_the_gradient_of_the_cost():
    printed, corrected, _ = settled("E5")
    assert_close(printed, np.array([0.6, 0.9, 0.2]) - 0.1)
    assert_close(corrected, np.array([0.613056, 0.9, 0.2408]))


@pytest.mark.ledger("E6")
def test_an_error_is_an_elementwise_and_not_an_outer_product():
    printed, corrected, _ = settled("E6")
    assert printed.shape == (2, 2)
    assert_close(corrected, np.array([-0.2448, 0]))


@pytest.mark.ledger("E7")
def test_the_two_costs_are_a_factor_of_2_apart():
    printed, corrected, _ = settled("E7")
    assert_close(corrected, 2 * printed)

    network, x, y = hand_computation()
    prediction, _ = network.forward(x)
    half, u = HalfMSELoss().forward(prediction, y)
    whole, cache = MSELoss().forward(prediction, y)
    assert_close(printed, np.append(half, HalfMSELoss().backward(u)))
    assert_close(corrected, np.append(whole, MSELoss().backward(cache)))


@pytest.mark.ledger("E8")
def test_the_chain_to_z_is_not_the_derivative_by_a_weight():
    printed, corrected, _ = settled("E8")
    a1 = np.array([0.32])
    assert_close(printed, corrected * a1)
    assert_close(corrected, np.array([-0.408]))


@pytest.mark.ledger("E9")
def test_errors_go_back_through_the_transpose(rng):
    printed, corrected, _ = settled("E9")
    assert_close(printed, np.array([-0.0352, 0.2816]))
    assert_close(corrected, np.array([0.0208, 0.3184]))

    W, delta = rng.standard_normal((3, 2)), rng.standard_normal(3)
    with pytest.raises(ValueError, match="mismatch"):
        np.matmul(W, delta)
    column = np.array([[0.6], [0.9]])
    assert_close(column @ [-0.408], np.array([-0.2448, -0.3672]))


@pytest.mark.ledger("E10")
def test_the_output_weights_are_a_row():
    printed, corrected, _ = settled("E10")
    assert printed.shape == (2, 1)
    assert corrected.shape == (1, 2)
    column, a1 = np.array([[0.6], [0.9]]), np.array([0.32, 0])
    with pytest.raises(ValueError, match="mismatch"):
        np.matmul(column, a1)
    assert_close(column.T @ a1 + 0.2, np.array([0.392]))


@pytest.mark.ledger("E11")
def test_one_index_order_is_neuron_then_input():
    printed, corrected, _ = settled("E11")
    assert_close(printed, corrected.T)
    of_both_layers = {"W_{1,2}": (PRINTED["A13.8"]["W2"][0], PRINTED["A13.12"]["W1"][2]),
                      "W_{2,2}": (PRINTED["A13.8"]["W2"][1], PRINTED["A13.12"]["W1"][3])}  # fmt: skip
    assert all(first != second for first, second in of_both_layers.values())


@pytest.mark.ledger("E12")
def test_gradient_descent_ends_where_the_gradient_vanishes():
    lowest, reached, _ = settled("E12")
    assert lowest == 0
    mean = Fraction(4, 15)  # the best line is level: the bump is in the middle
    assert_close(reached, np.asarray(float((2 * mean**2 + (Fraction(4, 5) - mean) ** 2) / 6)))

    x, y = BUMP
    network, _, _ = hand_computation()
    for _ in train(network, HalfMSELoss(), SGD(lr=1.0), x, y, epochs=10_000, threshold=1e-10):
        pass
    module = twin(network)
    (torch.nn.functional.mse_loss(module(to_torch(x)), to_torch(y)) / 2).backward()
    gradient = torch.cat([p.grad.ravel() for p in module.parameters() if p.grad is not None])
    assert gradient.norm() < 1e-10
    assert_close(HAT.forward(x)[0], y)


@pytest.mark.ledger("E12")
def test_a_dead_neuron_never_moves():
    network, x, y = hand_computation()
    start = {name: p.copy() for name, p in network.params.items()}
    for _ in train(network, HalfMSELoss(), SGD(lr=0.1), x, y, epochs=100):
        pass
    theirs = twin(hand_computation().network)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        (torch.nn.functional.mse_loss(theirs(to_torch(x)), to_torch(y)) / 2).backward()
        optimizer.step()
    for end in (network.params, params_of(theirs)):
        assert (end["0.weight"][1] == start["0.weight"][1]).all()
        assert (end["0.bias"][1] == start["0.bias"][1]).all()
        assert (end["2.weight"][0, 1] == start["2.weight"][0, 1]).all()
        assert (end["0.weight"][0] != start["0.weight"][0]).all()


@pytest.mark.ledger("E13")
def test_from_zero_the_parameters_move_but_the_neurons_never_part():
    printed, corrected, _ = settled("E13")
    delta = -0.9
    assert_close(printed, np.zeros(7))
    assert_close(corrected, np.array([0, 0, 0, 0, delta, delta / 2, delta / 2]))

    network = init.constant(one_two_one(), 0)
    for _ in train(network, HalfMSELoss(), SGD(lr=0.5), *sine(), epochs=50):
        pass
    t0, t1, t2, t3, t4, t5, t6 = in_theta_order(network.params)
    assert (t0, t2, t5) == (t1, t3, t6)
    assert all([t0, t2, t4, t5])


@pytest.mark.ledger("E14")
def test_the_first_neuron_has_its_own_parameters():
    printed, corrected, _ = settled("E14")
    t0, t1, t2, t3, t4, t5, t6 = map(Fraction, ("0.1", "-0.3", "0.8", "0.5", "-0.2", "0.6", "-0.7"))
    x = Fraction("0.5")
    assert_close(corrected, np.array([[float(t4 + t5 * (t0 + t2 * x) + t6 * (t1 + t3 * x))]]))
    assert_close(corrected - printed, np.array([[float(t5 * (t0 + t2 * x - t1 - t3 * x))]]))


@pytest.mark.ledger("E15")
def test_the_gradient_of_a_square_has_a_factor_of_2():
    printed, corrected, _ = settled("E15")
    assert_close(corrected, 2 * printed)


@pytest.mark.ledger("E16")
def test_the_derivative_by_theta_3_has_the_factors_x_and_delta():
    printed, corrected, _ = settled("E16")
    x = 0.5
    network = one_two_one()
    delta = network.forward(np.array([[x]]))[0].item() - 0.9
    assert_close(corrected, printed * [x, delta])


@pytest.mark.ledger("E17")
def test_a_step_in_the_negative_direction_is_not_convergence():
    printed, corrected, reference = settled("E17")
    assert printed == 1
    assert corrected == reference
    assert corrected > 100


@pytest.mark.ledger("E18")
def test_theta_2_stretches_and_does_not_translate():
    printed, corrected, _ = settled("E18")
    assert_close(printed, np.array([0.6 * 0.8 / 4]))
    assert_close(corrected, 2 * printed)


@pytest.mark.ledger("E18")
def test_each_theta_acts_on_its_own_neuron_but_theta_4_on_all_of_f():
    x, by = np.linspace(-3, 3, 61)[:, None], 0.25
    theta = np.array([0.1, -0.3, 0.8, 0.5, -0.2, 0.6, -0.7])

    def sigma(u):
        return 1 / (1 + np.exp(-u))

    def f(i=None, change=0.0):
        changed = theta.copy()
        if i is not None:
            changed[i] += change
        return one_two_one(theta=changed).forward(x)[0]

    t0, t1, t2, t3, t4, t5, t6 = theta
    first, second = t5 * sigma(t0 + t2 * x), t6 * sigma(t1 + t3 * x)
    assert_close(f(4, by), f() + by)
    assert_close(f(0, by), t4 + t5 * sigma(t0 + t2 * (x + by / t2)) + second)
    assert_close(f(1, by), t4 + first + t6 * sigma(t1 + t3 * (x + by / t3)))
    assert_close(f(2, by), t4 + t5 * sigma(t0 + t2 * (x * (1 + by / t2))) + second)
    assert_close(f(3, by), t4 + first + t6 * sigma(t1 + t3 * (x * (1 + by / t3))))
    assert_close(f(5, by), t4 + first * (1 + by / t5) + second)
    assert_close(f(6, by), t4 + first + second * (1 + by / t6))
