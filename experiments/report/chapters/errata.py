"""What settles each erratum of the two documents: the printed form, the corrected one and a reference, evaluated.

Every function returns the three as arrays of the quantity that stands over it. The printed form is written out
as the document has it; the corrected one is what the hand-written code computes; the reference is torch's, or plain
arithmetic, and no hand-written code takes part in it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from experiments.report.chapters.passes import (
    LR,
    by_hand,
    by_torch,
    flat,
    in_order,
    stepped_by_hand,
    stepped_by_torch,
    steps_by_torch,
    weighted,
)
from experiments.report.record.claim_index import held_by
from manual import SGD, HalfMSELoss, Identity, MSELoss, Network, ReLU, init, train
from manual.documents import (
    THETA,
    claims,
    hand_computation,
    linear,
    one_example,
    one_two_one,
)
from manual.numbers.number_types import Array
from torch_ref import to_numpy, to_torch, twin


class Settled(NamedTuple):
    """One quantity by the printed form, by the corrected form, and by other means than either."""

    printed: Array
    corrected: Array
    reference: Array


ERRATA: dict[str, Callable[[], Settled]] = {}
"""Erratum id -> what settles it."""
QUANTITIES: dict[str, str] = {}
"""Erratum id -> the quantity."""


def of(quantity: str) -> Callable[[Callable[[], Settled]], Callable[[], Settled]]:
    """Name the quantity that a function settles. No docstring: Python leaves those out under -OO."""

    def named(settle: Callable[[], Settled]) -> Callable[[], Settled]:
        erratum = settle.__name__.upper()
        ERRATA[erratum], QUANTITIES[erratum], settle.__doc__ = settle, quantity, f"{quantity}."
        return settle

    return named


@of("z of the hidden layer in the hand computation")
def e1() -> Settled:
    network, x, _ = hand_computation()
    W, b = network.params["0.weight"], network.params["0.bias"]
    z, _ = network.layers[0].forward(x)
    return Settled(W.T @ x[0] + b, z[0], weighted(W, x, b)[0])


@of("z of the hidden layer in the hand computation")
def e2() -> Settled:
    _, corrected, reference = e1()
    return Settled(np.asarray(corrected.sum()), corrected, reference)


@of("y of one neuron with w = (0.4, 0.3, 0.6) and x = (1, 2, 3); the biases are 0.1, −0.3 and 0.2, the one bias is 0.1")
def e3() -> Settled:
    w, x, b = np.array([0.4, 0.3, 0.6]), np.array([1.0, 2.0, 3.0]), np.array([0.1, -0.3, 0.2])
    y, _ = linear([w], b[:1]).forward(x[None])
    return Settled(w @ x + b, y[0], weighted(w[None], x[None], b[:1])[0])


@of("z of the hidden layer for three examples: the hand computation's, twice it, three times it")
def e4() -> Settled:
    network, x, _ = hand_computation()
    W, b = network.params["0.weight"], network.params["0.bias"]
    batch = x * [[1], [2], [3]]
    z, _ = network.layers[0].forward(batch)
    return Settled(len(batch) * (W @ x[0]) + b, z, weighted(W, batch, b))


@of("The output weights and bias after the hand computation's step")
def e5() -> Settled:
    network, _, _ = hand_computation()
    old, by_hand, by_torch = (
        np.append(p["2.weight"], p["2.bias"]) for p in (network.params, stepped_by_hand(), stepped_by_torch())
    )
    gradient_of_theta = np.ones_like(old)
    return Settled(old - LR * gradient_of_theta, by_hand, by_torch)


@of("δ of the hidden layer in the hand computation")
def e6() -> Settled:
    problem = hand_computation()
    hand, reference = by_hand(*problem, HalfMSELoss()), by_torch(*problem, HalfMSELoss())
    slope = hand.outputs[0][0] > 0
    return Settled(np.outer(hand.deltas[1][0], slope), hand.deltas[0][0], reference.deltas[0][0])


@of("The mean squared error of the hand computation, and its derivative by the prediction")
def e7() -> Settled:
    network, x, y = hand_computation()
    hand, reference = by_hand(network, x, y, MSELoss()), by_torch(network, x, y, MSELoss())
    error = hand.outputs[-1] - y
    return Settled(
        np.append(error**2 / 2, error),
        np.append(hand.cost, hand.deltas[-1]),
        np.append(reference.cost, reference.deltas[-1]),
    )


@of("The left side in the hand computation: ∂C/∂w, w from the first neuron, or ∂C/∂z. The reference is the right side")
def e8() -> Settled:
    problem = hand_computation()
    hand, reference = by_hand(*problem, HalfMSELoss()), by_torch(*problem, HalfMSELoss())
    return Settled(hand.gradient["2.weight"][0, :1], hand.deltas[-1][0], reference.deltas[-1][0])


@of("δ of the first layer of a 2-2-2 network, both of its matrices the hand computation's W1")
def e9() -> Settled:
    network, x, _ = hand_computation()
    W = network.params["0.weight"]
    square = Network(linear(W, ["0.1", "0.3"]), ReLU(), linear(W, ["0.2", "0.2"]))
    y = np.array([[0.8, 0.1]])
    hand, reference = by_hand(square, x, y, HalfMSELoss()), by_torch(square, x, y, HalfMSELoss())
    slope = hand.outputs[0][0] > 0
    return Settled(W @ hand.deltas[-1][0] * slope, hand.deltas[0][0], reference.deltas[0][0])


@of("∂C/∂W2 in the hand computation")
def e10() -> Settled:
    problem = hand_computation()
    hand, reference = by_hand(*problem, HalfMSELoss()), by_torch(*problem, HalfMSELoss())
    a1 = hand.outputs[1].T
    return Settled(a1 * hand.deltas[-1], hand.gradient["2.weight"], reference.gradient["2.weight"])


@of("W1 after the hand computation's step, each number where its indices put it")
def e11() -> Settled:
    new = stepped_by_hand()["0.weight"]
    printed = np.empty_like(new)
    printed[0, 0], printed[1, 0] = new[0]  # called W_{1,1} and W_{2,1}
    printed[0, 1], printed[1, 1] = new[1]  # called W_{1,2} and W_{2,2}
    return Settled(printed, new, stepped_by_torch()["0.weight"])


BUMP = np.array([[0.0, 0.0], [0.25, 0.05], [0.5, 0.1]]), np.array([[0.0], [0.8], [0.0]])
"""Three examples on which the hand computation's second hidden neuron is dead, and which lie on no line."""

HAT = Network(linear([["1", "0"], ["1", "0"]], ["0", "-0.25"]), ReLU(), linear([["3.2", "-6.4"]], ["0"]))
"""A network of the same shape that fits them: its cost is the global minimum, 0."""


@of("The cost at which gradient descent ends, from the hand computation's weights, on three examples of a bump")
def e12() -> Settled:
    x, y = BUMP
    lowest, _ = HalfMSELoss().forward(HAT.forward(x)[0], y)

    network, _, _ = hand_computation()
    *_, last = train(network, HalfMSELoss(), SGD(lr=1.0), x, y, epochs=10_000, threshold=1e-10)

    inputs = np.hstack([x, np.ones((len(x), 1))])
    off_the_best_line = inputs @ np.linalg.lstsq(inputs, y)[0] - y
    return Settled(np.asarray(lowest), np.asarray(last.cost), np.asarray((off_the_best_line**2).sum() / (2 * len(y))))


@of("∇E of post B's network at θ = 0, for the project's example, y = 0.9")
def e13() -> Settled:
    start, example = init.constant(one_two_one(), 0), one_example()
    hand, reference = by_hand(start, *example, HalfMSELoss()), by_torch(start, *example, HalfMSELoss())
    return Settled(np.zeros(7), in_order(hand.gradient), in_order(reference.gradient))


@of("f(x) of post B's network with linear activations, at the project's θ and x")
def e14() -> Settled:
    network, (x, _) = one_two_one(activation=Identity), one_example()
    _, t1, _, t3, t4, t5, t6 = map(float, THETA)
    printed = t4 + t5 * (t1 + t3 * x) + t6 * (t1 + t3 * x)
    return Settled(printed, network.forward(x)[0], to_numpy(twin(network)(to_torch(x))))


@of("∇(y − ŷ)² of post B's network, at the project's θ, x and y")
def e15() -> Settled:
    network, (x, y) = one_two_one(), one_example()
    hand, reference = by_hand(network, x, y, MSELoss()), by_torch(network, x, y, MSELoss())
    t5, t6, (o11, o12), f = float(THETA[5]), float(THETA[6]), hand.outputs[1][0], hand.outputs[-1].item()
    of_u = np.array([t5 * o11 * (1 - o11), t6 * o12 * (1 - o12)])
    of_f = np.concatenate([of_u, of_u * x.item(), [1, o11, o12]])
    return Settled(-(y.item() - f) * of_f, in_order(hand.gradient), in_order(reference.gradient))


@of("∂o12/∂θ3 and ∇E_θ3 of post B's network, at the project's θ, x and y")
def e16() -> Settled:
    network, (x, y) = one_two_one(), one_example()
    hidden = Network(*network.layers[:2])
    o, tape = hidden.forward(x)
    o12, t6 = o[0, 1], float(THETA[6])
    of_o12 = hidden.gradient(np.array([[0.0, 1.0]]), tape).params["0.weight"][1, 0]

    module = twin(hidden)
    (of_o12_by_torch,) = torch.autograd.grad(module(to_torch(x))[0, 1], module.get_parameter("0.weight"))
    hand, reference = (by(network, x, y, HalfMSELoss()).gradient["0.weight"][1, 0] for by in (by_hand, by_torch))
    return Settled(
        np.array([o12 * (1 - o12), t6 * o12 * (1 - o12) * x.item()]),
        np.array([of_o12, hand]),
        np.array([of_o12_by_torch[1].item(), reference]),
    )


@of("The step after which the hand computation stops, threshold 1e-6, were its target −0.8, below the prediction")
def e17() -> Settled:
    threshold = 1e-6
    network, x, y = hand_computation()
    old, steps = flat(network), 0
    for _ in train(network, HalfMSELoss(), SGD(lr=LR), x, -y, epochs=1000):
        new, steps = flat(network), steps + 1
        if np.all(new - old < threshold):
            break
        old = new

    *_, last = train(hand_computation().network, HalfMSELoss(), SGD(lr=LR), x, -y, epochs=1000, threshold=threshold)
    return Settled(np.asarray(steps), np.asarray(last.step + 1), np.asarray(steps_by_torch(x, -y, threshold)))


@of("How steep the first neuron's term θ5 σ(θ0 + θ2 x) is where it is steepest, when θ2 is doubled")
def e18() -> Settled:
    t0, t1, t2, t3, t4, t5, _ = map(float, THETA)

    def steepest(t2: float) -> Array:
        network = one_two_one(theta=(t0, t1, t2, t3, t4, t5, 0.0))
        _, tape = network.forward(np.array([[-t0 / t2]]))
        dx, _ = network.backward(np.ones((1, 1)), tape)
        return dx[0]

    return Settled(steepest(t2), steepest(2 * t2), np.array([t5 * (2 * t2) / 4]))


CATEGORIES = {
    "formulas that give other numbers, or none": ["E1", "E3", "E4", "E5", "E8", "E9", "E14", "E15", "E16", "E17"],
    "notations that clash, within a post or with common use": ["E6", "E7", "E10", "E11"],
    "statements that do not hold": ["E2", "E12", "E13", "E18"],
}
"""Category -> the errata in it."""


def called_a_post(about: Any) -> Any:
    """A text of the index, which calls the posts documents, in the page's word."""
    return about.replace("Document", "Post").replace("document", "post") if isinstance(about, str) else about


def table() -> list[dict[str, Any]]:
    """The errata as the page shows them: the index's entry, what settles it, and the tests that hold it."""
    index, tests = claims(), held_by()
    return [
        {field: called_a_post(about) for field, about in index[name].items()}
        | {
            "id": name,
            "quantity": QUANTITIES[name].replace("'", "’"),
            "settled": settle(),
            "tests": tests.get(name, []),
        }
        for name, settle in ERRATA.items()
    ]
