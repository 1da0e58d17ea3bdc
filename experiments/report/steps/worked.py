"""The documents' worked examples, number by number: by the hand-written code, by torch, and by document B's written
formulas.

Each gives every quantity of one training step as a flat array, row by row; `W1`, `b1`, `W2`, `b2` are the parameters
after the step, `W1_old` and so on those before it.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from manual import SGD, HalfMSELoss, Network, documents, lift
from manual.documents import Problem
from manual.numbers.number_types import Array, Number
from torch_ref import to_numpy, to_torch, twin, twin_optimizer

PARAMETERS = {"W1": "0.weight", "b1": "0.bias", "W2": "2.weight", "b2": "2.bias"}
IN_THETA_ORDER = ("b1", "W1", "b2", "W2")
"""Document B's θ0 … θ6."""


def one_two_one(number: Number = np.float64) -> Problem:
    """Document B's network on one example, with this project's θ, x and y."""
    return Problem(documents.one_two_one(number), *documents.one_example(number))


def fraction(value: Any) -> Fraction:
    """A rational number of flint's, or an integer, as a `Fraction`."""
    rational = flint.fmpq(value)
    return Fraction(int(rational.p), int(rational.q))


def by_hand(
    number: Number,
    problem: Callable[[Number], Problem] = documents.hand_computation,
    lr: str = documents.LEARNING_RATE,
) -> dict[str, Array]:
    """Every quantity of the step from the hand-written layers, loss and optimizer, in any number type."""
    network, x, y = problem(number)
    eta = lift(lr, number)
    old = {f"{name}_old": network.params[path].copy() for name, path in PARAMETERS.items()}
    first, activation, second = network.layers
    z1, cache1 = first.forward(x)
    a1, cache = activation.forward(z1)
    z2, cache2 = second.forward(a1)
    cost, error = HalfMSELoss().forward(z2, y)

    delta2 = HalfMSELoss().backward(error)
    da1, output = second.backward(delta2, cache2)
    delta1, _ = activation.backward(da1, cache)
    slope, _ = activation.backward(np.ones_like(z1), cache)
    hidden = first.gradient(delta1, cache1)

    SGD(lr=eta[()]).step(network, Network(hidden, activation.like(), output))
    return _flat(
        x=x, y=y, eta=eta, z1=z1, a1=a1, z2=z2, C=cost, delta2=delta2, delta1=delta1, slope=slope,
        dW1=hidden.params["weight"], db1=hidden.params["bias"], dW2=output.params["weight"], db2=output.params["bias"],
        **old, **{name: network.params[path] for name, path in PARAMETERS.items()},
    )  # fmt: skip


def by_torch(
    problem: Callable[[], Problem] = documents.hand_computation, lr: str = documents.LEARNING_RATE
) -> dict[str, Array]:
    """What the step computes, from autograd and torch.optim."""
    network, x, y = problem()
    module = twin(network)
    optimizer = twin_optimizer(SGD(lr=float(lr)), module)
    first, activation, second = module.children()
    z1 = first(to_torch(x))
    a1 = activation(z1)
    z2 = second(a1)
    z1.retain_grad()
    z2.retain_grad()
    cost = twin(HalfMSELoss())(z2, to_torch(y))
    cost.backward()
    optimizer.step()
    computed = {
        "z1": z1, "a1": a1, "z2": z2, "C": cost, "delta2": z2.grad, "delta1": z1.grad,
        "dW1": first.weight.grad, "db1": first.bias.grad, "dW2": second.weight.grad, "db2": second.bias.grad,
        "W1": first.weight, "b1": first.bias, "W2": second.weight, "b2": second.bias,
    }  # fmt: skip
    return _flat(**{name: to_numpy(value) for name, value in computed.items()})


def _flat(**quantities: Any) -> dict[str, Array]:
    return {name: np.ravel(value) for name, value in quantities.items()}


def written_out() -> dict[str, list[Any]]:
    """Document B's formulas, as written, at the project's θ, x and y: rational numbers up to the sigmoid, 128-bit
    balls from there. The update takes document A's learning rate.
    """
    with flint.ctx.workprec(128):
        t0, t1, t2, t3, t4, t5, t6 = theta = [*lift(documents.THETA, flint.fmpq)]
        (x,), (y,) = map(np.ravel, documents.one_example(flint.fmpq))
        alpha = lift(documents.LEARNING_RATE, flint.fmpq)[()]
        u11, u12 = t0 + t2 * x, t1 + t3 * x
        o11, o12 = (1 / (1 + flint.arb(-u).exp()) for u in (u11, u12))
        f = t4 + t5 * o11 + t6 * o12
        delta = -(y - f)
        g0, g1, g2, g3, g4, g5, g6 = gradient = [
            delta * t5 * o11 * (1 - o11), delta * t6 * o12 * (1 - o12), delta * t5 * o11 * (1 - o11) * x,
            delta * t6 * o12 * (1 - o12) * x, delta, delta * o11, delta * o12,
        ]  # fmt: skip
        n0, n1, n2, n3, n4, n5, n6 = (t - alpha * g for t, g in zip(theta, gradient, strict=True))
        return {
            "x": [x], "y": [y], "eta": [alpha], "b1_old": [t0, t1], "W1_old": [t2, t3], "b2_old": [t4],
            "W2_old": [t5, t6],
            "z1": [u11, u12], "a1": [o11, o12], "z2": [f], "C": [(y - f) ** 2 / 2], "delta2": [delta],
            "db1": [g0, g1], "dW1": [g2, g3], "db2": [g4], "dW2": [g5, g6],
            "b1": [n0, n1], "W1": [n2, n3], "b2": [n4], "W2": [n5, n6],
        }  # fmt: skip
