"""The two documents' networks, with the weights, inputs and targets that they give, and the numbers that they print.

Every number is written as in the document, as a decimal string, so that it can be taken exactly:
`hand_computation(fmpq)` is in exact rationals. Nothing beyond what the documents print is stored here; other expected
values are computed where they are needed, by other means than the code that they judge. Document B prints no values;
the ones of this project are marked.

A: "The Beginning of Humanity's Last Invention", 2024-09-30. B: "Part 2: Neural Nets - Forward & Back".
"""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from manual.layer import Layer
from manual.layers import Linear, ReLU, Sigmoid
from manual.network import Network
from manual.numbers.number_types import Array, Number, lift


class Problem(NamedTuple):
    """A network and data to run it on."""

    network: Network
    x: Array
    y: Array


def linear(weight: ArrayLike, bias: ArrayLike, number: Number = np.float64) -> Linear:
    """A Linear with the given weight (out, in) and bias (out,)."""
    W = lift(weight, number)
    layer = Linear(W.shape[1], W.shape[0], rng=np.random.default_rng(0))
    return layer.like(weight=W, bias=lift(bias, number))


def hand_computation(number: Number = np.float64) -> Problem:
    """Document A, part 4: 2-2-1, ReLU, one example. Its cost is `HalfMSELoss()`, its learning rate `LEARNING_RATE`."""
    network = Network(
        linear([["0.4", "0.2"], ["0.3", "0.7"]], ["0.1", "-0.3"], number),
        ReLU(),
        linear([["0.6", "0.9"]], ["0.2"], number),
    )
    return Problem(network, lift([["0.5", "0.1"]], number), lift([["0.8"]], number))


LEARNING_RATE = "0.1"

PRINTED: dict[str, dict[str, list[str]]] = {
    "A13.1": {"z1": ["0.32", "-0.08"]},
    "A13.2": {"a1": ["0.32", "0"]},
    "A13.3": {"z2": ["0.392"]},
    "A13.4": {"C": ["0.0832"]},
    "A13.5": {"delta2": ["-0.408"], "db2": ["-0.408"]},
    "A13.6": {"b2": ["0.2408"]},
    "A13.7": {"dW2": ["-0.13", "0"]},
    "A13.8": {"W2": ["0.613", "0.9"]},
    "A13.9": {"delta1": ["-0.2448", "0"]},
    "A13.10": {"b1": ["0.12448", "-0.3"]},
    "A13.11": {"dW1": ["-0.1224", "-0.02448"]},
    "A13.12": {"W1": ["0.41224", "0.2024", "0.3", "0.7"]},
}
"""Document A's hand computation as printed: claim -> quantity -> numbers, row by row. dW1 is the first neuron's alone.
W1's 0.2024 is printed as the result of the rounded -0.0245, which gives 0.20245."""


THETA = ("0.1", "-0.3", "0.8", "0.5", "-0.2", "0.6", "-0.7")
"""θ0 … θ6 of document B's 1-2-1 network: this project's values, the document gives none."""


def one_two_one(number: Number = np.float64, activation: type[Layer] = Sigmoid, theta: Any = THETA) -> Network:
    """Document B's network: u11 = θ0 + θ2 x, u12 = θ1 + θ3 x, f = θ4 + θ5 φ(u11) + θ6 φ(u12)."""
    t0, t1, t2, t3, t4, t5, t6 = theta
    return Network(linear([[t2], [t3]], [t0, t1], number), activation(), linear([[t5, t6]], [t4], number))


def in_theta_order(params: dict[str, Array]) -> list[Any]:
    """Parameters, or gradients, of `one_two_one` in the document's order, θ0 … θ6."""
    W1, b1, W2, b2 = (params[name].ravel() for name in ("0.weight", "0.bias", "2.weight", "2.bias"))
    return [*b1, *W1, *b2, *W2]


def one_example(number: Number = np.float64) -> tuple[Array, Array]:
    """One x and y for document B's seven derivatives: this project's values."""
    return lift([["0.5"]], number), lift([["0.9"]], number)


def sine(points: int = 64) -> tuple[Array, Array]:
    """What document B's network is trained on: y = sin(πx)/2, x from −1 to 1. This project's choice."""
    x = np.linspace(-1, 1, points)[:, None]
    return x, np.sin(np.pi * x) / 2


def claims() -> dict[str, dict[str, Any]]:
    """The index of claims and errata by id, from `documents.toml`: see the head of that file."""
    return tomllib.loads(Path(__file__).with_name("documents.toml").read_text("utf-8"))
