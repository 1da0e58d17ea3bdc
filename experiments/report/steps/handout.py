"""A sheet to hand out: one training step of a 2-2-1 network with blanks to fill in, and the solutions on its last page.

The numbers are the teacher's, or drawn by a seed: another seed is another student's sheet. All of them are short
decimals, so that every answer is one, and exact.
"""

import random
from typing import Any, NamedTuple

import flint
import numpy as np
from markupsafe import Markup

from experiments.report.page.template import render
from experiments.report.steps import walk
from experiments.report.steps.notation import Exact, decimal, plain
from experiments.report.steps.worked import by_hand, by_torch, fraction
from manual import Network, ReLU
from manual.documents import Problem, linear
from manual.numbers.number_types import Number, lift

COUNTS = {"x": 2, "W1": 4, "b1": 2, "W2": 2, "b2": 1, "y": 1, "lr": 1}
"""What a sheet gives -> how many numbers that is, row by row."""
Numbers = dict[str, list[str]]
NEAREST = flint.fmpq(1, 20)
"""How near to ReLU's corner a neuron may come, and the answer to the target."""
PARTS = {
    "Forward": ["z1", "a1", "z2", "C"],
    "Backward": ["delta2", "dW2", "delta1", "dW1"],
    "Update": ["b2", "W2", "b1", "W1"],
}
"""Part of a sheet -> the quantities that its steps find first."""
TITLES = {
    "z1": "What does each hidden neuron receive?", "a1": "What does it pass on?", "z2": "What does the network answer?",
    "C": "How wrong is that?", "delta2": "What is the error at the output, and so the slope of its bias?",
    "dW2": "What are the slopes of the output’s weights?",
    "delta1": "What error arrives at each hidden neuron, and so what is the slope of its bias?",
    "dW1": "What are the slopes of the hidden weights?", "b2": "Move the output’s bias against its slope.",
    "W2": "Move the output’s weights.", "b1": "Move the hidden biases.", "W1": "Move the hidden weights.",
}  # fmt: skip
EVERY_SLOPE = {"dW1": [f"{{delta1[{j}]}} · {{x[{i}]}}" for j in range(2) for i in range(2)]}
"""All four slopes of the hidden weights; the post, whose second neuron is off, computes two."""


class Part(NamedTuple):
    """A page of a sheet."""

    title: str
    steps: list[tuple[str, walk.Step]]


def drawn(seed: int, given: Numbers) -> Numbers:
    """The numbers given, and the others drawn: short, and such that one neuron is on, none is on ReLU's corner, and
    the answer is not yet right, where the numbers given leave that open."""
    rng, numbers = random.Random(seed), dict(given)
    for _ in range(100):
        numbers = {
            name: given.get(name) or [f"{rng.choice(range(1, 10)) * sign(rng, name) / 10:.1f}" for _ in range(count)]
            for name, count in COUNTS.items()
        }
        found = by_hand(flint.fmpq, problem(numbers), numbers["lr"][0])
        clear = all(abs(z) >= NEAREST for z in (*found["z1"], *found["delta2"]))  # of ReLU's corner, and of the target
        if clear and any(found["a1"] > 0):
            break
    return numbers


def sign(rng: random.Random, name: str) -> int:
    """Parameters may be negative."""
    return rng.choice((1, 1, -1)) if name in ("W1", "b1", "W2", "b2") else 1


def problem(numbers: Numbers) -> Any:
    """The network of these numbers with its example, in any number type."""

    def of(number: Number = np.float64) -> Problem:
        W1, b1, W2, b2 = (numbers[name] for name in ("W1", "b1", "W2", "b2"))
        network = Network(linear([W1[:2], W1[2:]], b1, number), ReLU(), linear([W2], b2, number))
        return Problem(network, lift([numbers["x"]], number), lift([numbers["y"]], number))

    return of


def handout(numbers: Numbers, name: str) -> str:
    """The sheet as HTML, to print on A4; `name` tells it from others."""
    steps = dict(walked(numbers))
    parts = [Part(title, [(TITLES[found], steps[found]) for found in finds]) for title, finds in PARTS.items()]
    given = [
        f"{plain(symbol)} = {value.replace('-', '−')}"
        for quantity, values in numbers.items()
        for symbol, value in zip(walk.HAND_SYMBOLS["eta" if quantity == "lr" else quantity], values, strict=True)
    ]
    return render("handout.html", parts=parts, given=given, sheet=name, drawing=start(numbers))


def walked(numbers: Numbers) -> list[tuple[str, walk.Step]]:
    """Every step of the hand computation with these numbers, by the quantity that it finds first."""
    lr, of = numbers["lr"][0], problem(numbers)
    exact: dict[str, list[Exact]] = {
        name: [*map(fraction, values)] for name, values in by_hand(flint.fmpq, of, lr).items()
    }
    symbols = walk.with_derivatives(walk.HAND_SYMBOLS, r"\partial C / \partial {}")
    steps = [("", phase, "", templates | EVERY_SLOPE if "dW1" in templates else templates)
             for phase, templates in walk.HAND.values()]  # fmt: skip
    values = walk.Values(symbols, exact, by_hand(np.float64, of, lr), by_torch(of, lr))
    found = [next(iter(templates)) for _, _, _, templates in steps]
    return [*zip(found, walk.walk("hand", steps, values), strict=True)]


def start(numbers: Numbers) -> Markup:
    """The network with the numbers that are given, and nothing computed."""
    values = by_hand(flint.fmpq, problem(numbers), numbers["lr"][0])
    shown = {}
    for part, quantity in {"x": "x", "y": "y", "h": "z1", "o": "z2", "C": "C", **walk.EDGES}.items():
        known = f"{quantity}_old" if f"{quantity}_old" in values else quantity if quantity in "xy" else ""
        for i, symbol in enumerate(walk.HAND_SYMBOLS[quantity]):
            value = decimal(fraction(values[known][i])) if known else ""
            shown[f"{part}{i}"] = walk.Label(plain(symbol), value)
    return walk.draw("handout", "The network with the numbers given", shown, set(), set(), 0)
