"""The documents' worked examples, number by number: by the hand-written code, by torch, exactly."""

from fractions import Fraction
from typing import Any, NamedTuple

import flint
import numpy as np

from manual import SGD, HalfMSELoss, Network, documents, lift
from manual.number_types import Array, Number
from torch_ref import to_numpy, to_torch, twin, twin_optimizer


class Worked(NamedTuple):
    """One number of document A's hand computation. `symbol` is LaTeX, `printed` the document's own number, as printed."""

    claim: str
    symbol: str
    printed: str
    manual: float
    torch: float
    exact: Fraction

    @property
    def as_printed(self) -> bool:
        """Whether the exact value is within half a unit of the last digit printed."""
        decimals = len(self.printed.partition(".")[2])
        return abs(Fraction(self.printed) - self.exact) <= Fraction(1, 2 * 10**decimals)


class Derivative(NamedTuple):
    """One derivative of document B's network: its written formula in ball arithmetic, and both implementations."""

    formula: str
    written: Any
    manual: float
    torch: float

    def ulps(self, value: float) -> float:
        """How far a float64 is from the written formula, in units of its last place."""
        return abs(float(flint.arb(value) - self.written)) / float(np.spacing(abs(value)))


SYMBOLS = {
    "z1": ("z^1_1", "z^1_2"), "a1": ("a^1_1", "a^1_2"), "z2": ("z^2",), "C": ("C",), "delta2": (r"\delta^2",),
    "db2": (r"\partial C / \partial b^2",), "b2": ("b^2",), "W2": ("W^2_{1,1}", "W^2_{1,2}"),
    "dW2": (r"\partial C / \partial W^2_{1,1}", r"\partial C / \partial W^2_{1,2}"),
    "delta1": (r"\delta^1_1", r"\delta^1_2"), "b1": ("b^1_1", "b^1_2"),
    "dW1": (r"\partial C / \partial W^1_{1,1}", r"\partial C / \partial W^1_{1,2}"),
    "W1": ("W^1_{1,1}", "W^1_{1,2}", "W^1_{2,1}", "W^1_{2,2}"),
}  # fmt: skip
"""The quantities of `documents.PRINTED`, number by number: layer above, then neuron and input."""


def fraction(value: Any) -> Fraction:
    """A rational number of flint's, or an integer, as a `Fraction`."""
    rational = flint.fmpq(value)
    return Fraction(int(rational.p), int(rational.q))


def hand_computation() -> list[Worked]:
    """Document A, part 4: every number that it prints."""
    manual, torch, exact = by_hand(np.float64), by_torch(), by_hand(flint.fmpq)
    worked = []
    for claim, quantities in documents.PRINTED.items():
        for name, numbers in quantities.items():
            for i, (symbol, printed) in enumerate(zip(SYMBOLS[name], numbers, strict=True)):
                values = float(manual[name][i]), float(torch[name][i]), fraction(exact[name][i])
                worked.append(Worked(claim, symbol, printed, *values))
    return worked


def by_hand(number: Number) -> dict[str, Array]:
    """Every quantity of the hand computation from the hand-written layers, loss and optimizer, in any number type."""
    network, x, y = documents.hand_computation(number)
    first, relu, second = network.layers
    z1, cache1 = first.forward(x)
    a1, mask = relu.forward(z1)
    z2, cache2 = second.forward(a1)
    cost, error = HalfMSELoss().forward(z2, y)

    delta2 = HalfMSELoss().backward(error)
    da1, output = second.backward(delta2, cache2)
    delta1, _ = relu.backward(da1, mask)
    hidden = first.gradient(delta1, cache1)

    SGD(lr=lift(documents.LEARNING_RATE, number)[()]).step(network, Network(hidden, relu.like(), output))
    return _flat(
        z1=z1, a1=a1, z2=z2, C=cost, delta2=delta2, delta1=delta1, new=network.params,
        dW1=hidden.params["weight"], dW2=output.params["weight"], db2=output.params["bias"],
    )


def by_torch() -> dict[str, Array]:
    """The same quantities from autograd and torch.optim."""
    network, x, y = documents.hand_computation()
    module = twin(network)
    optimizer = twin_optimizer(SGD(lr=float(documents.LEARNING_RATE)), module)
    first, relu, second = module.children()
    z1 = first(to_torch(x))
    a1 = relu(z1)
    z2 = second(a1)
    z1.retain_grad()
    z2.retain_grad()
    cost = twin(HalfMSELoss())(z2, to_torch(y))
    cost.backward()
    optimizer.step()
    numbers = {name: to_numpy(value) for name, value in {
        "z1": z1, "a1": a1, "z2": z2, "C": cost, "delta2": z2.grad, "delta1": z1.grad,
        "dW1": first.weight.grad, "dW2": second.weight.grad, "db2": second.bias.grad,
    }.items()}  # fmt: skip
    return _flat(**numbers, new={name: to_numpy(p) for name, p in module.named_parameters()})


def _flat(new: dict[str, Array], **quantities: Any) -> dict[str, Array]:
    updated = {"W1": new["0.weight"], "b1": new["0.bias"], "W2": new["2.weight"], "b2": new["2.bias"]}
    return {name: np.ravel(value) for name, value in (quantities | updated).items()}


FORMULAS = (
    r"\Delta\,\theta_5\,o_{11}(1-o_{11})",
    r"\Delta\,\theta_6\,o_{12}(1-o_{12})",
    r"\Delta\,\theta_5\,o_{11}(1-o_{11})\,x",
    r"\Delta\,\theta_6\,o_{12}(1-o_{12})\,x",
    r"\Delta",
    r"\Delta\,o_{11}",
    r"\Delta\,o_{12}",
)


def seven_derivatives() -> list[Derivative]:
    """Document B's ∇E(θ): its formula written out in 128-bit ball arithmetic, the hand-written backward, and autograd."""
    network, (x, y), loss = documents.one_two_one(), documents.one_example(), HalfMSELoss()
    prediction, tape = network.forward(x)
    manual = network.gradient(loss.backward(loss.forward(prediction, y)[1]), tape).params

    module = twin(network)
    twin(loss)(module(to_torch(x)), to_torch(y)).backward()
    torch = {name: to_numpy(p.grad) for name, p in module.named_parameters() if p.grad is not None}

    values = zip(written_out(), documents.in_theta_order(manual), documents.in_theta_order(torch), strict=True)
    return [Derivative(formula, w, float(m), float(t)) for formula, (w, m, t) in zip(FORMULAS, values, strict=True)]


def ball(numerator: int, denominator: int) -> flint.arb:
    """A ball that holds the quotient."""
    return flint.arb(numerator) / denominator


def written_out() -> list[flint.arb]:
    """The seven formulas of document B, as written, at the project's θ, x and y."""
    with flint.ctx.workprec(128):
        t0, t1, t2, t3, t4, t5, t6 = lift(documents.THETA, ball)
        (x,), (y,) = map(np.ravel, documents.one_example(ball))
        o11 = 1 / (1 + (-(t0 + t2 * x)).exp())
        o12 = 1 / (1 + (-(t1 + t3 * x)).exp())
        delta = -(y - (t4 + t5 * o11 + t6 * o12))
        return [
            delta * t5 * o11 * (1 - o11), delta * t6 * o12 * (1 - o12), delta * t5 * o11 * (1 - o11) * x,
            delta * t6 * o12 * (1 - o12) * x, delta, delta * o11, delta * o12,
        ]  # fmt: skip
