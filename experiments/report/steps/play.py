"""The networks to play with: both posts' networks with their numbers, as the page's first screen starts from them."""

import json
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from experiments.report.draw.diagram import Label, draw
from experiments.report.steps.notation import plain
from experiments.report.steps.walk import DERIVATIVES_SYMBOLS, EDGES, HAND_SYMBOLS
from experiments.report.steps.worked import by_hand, one_two_one
from manual import documents

GIVEN = ("x", "y", "W1", "b1", "W2", "b2", "eta")
"""What the reader sets; all else follows."""


class Played(NamedTuple):
    """A network of one hidden layer of two neurons: what it is given, how its numbers are written, and its drawing."""

    name: str
    title: str
    activation: str
    given: dict[str, list[float]]
    symbols: dict[str, list[str]]
    drawing: Markup


def played() -> list[Played]:
    """Post A's network and post B's, each at its own numbers."""
    return [
        network("two-two-one", "post A: 2-2-1, ReLU", "relu", HAND_SYMBOLS, documents.hand_computation),
        network("one-two-one", "post B: 1-2-1, sigmoid", "sigmoid", DERIVATIVES_SYMBOLS, one_two_one),
    ]


def as_json(networks: list[Played]) -> str:
    """What the page's script needs of them."""
    return json.dumps([network._replace(drawing=Markup())._asdict() for network in networks], ensure_ascii=False)


def network(name: str, title: str, activation: str, latex: dict[str, list[str]], problem: Any) -> Played:
    """One network, with the output, the cost and every derivative of its first step."""
    values = by_hand(np.float64, problem)
    symbols = {
        quantity: [plain(symbol) for symbol in latex[quantity]]
        for quantity in (*GIVEN, "z1", "a1", "z2", "C", "delta2")
    }
    given = {q: [float(v) for v in values[f"{q}_old" if f"{q}_old" in values else q]] for q in GIVEN}
    off = {f"h{j}" for j, a in enumerate(values["a1"]) if a == 0}
    drawing = draw(f"play-{name}", f"The network of {title}", labels(symbols, values), set(), off, 0)
    return Played(name, title, activation, given, symbols, drawing)


def labels(symbols: dict[str, list[str]], values: dict[str, Any]) -> dict[str, Label]:
    """Nodes hold their output, edges their parameter, both with the derivative of the cost by it."""
    shown = {"x": ("x", "x", ""), "h": ("a1", "a1", "delta1"), "o": ("z2", "z2", "delta2"), "C": ("C", "C", "")}
    shown |= {"y": ("y", "y", "")} | {edge: (name, f"{name}_old", f"d{name}") for edge, name in EDGES.items()}
    return {
        f"{part}{i}": Label(symbol, four(values[value][i]), four(values[slope][i]) if slope else "")
        for part, (symbols_of, value, slope) in shown.items()
        for i, symbol in enumerate(symbols[symbols_of])
    }


def four(value: float) -> str:
    """A number to four digits, as the page's script writes it."""
    return f"{value + 0.0:.4g}".replace("-", "−")
