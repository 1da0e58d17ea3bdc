"""The documents' two training steps as walks: every number with its equation, the numbers put in, and a drawing at
each step.

An equation is written once, as a template over the quantities of `worked`: `{W1_old[0]} · {x[0]}`. Filled with
symbols it is the equation, filled with values it is the numbers put in, and the quantities that it names are what the
drawing lights up.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import flint
import numpy as np
from markupsafe import Markup

from experiments.report.draw.diagram import Label, draw
from experiments.report.steps import explained
from experiments.report.steps.notation import FIELD, Exact, decimal, in_latex, plain, put_in, with_terms
from experiments.report.steps.worked import IN_THETA_ORDER, by_hand, by_torch, fraction, one_two_one, written_out
from manual import documents
from manual.numbers.number_types import Array

Part = tuple[str, int]
"""A quantity, and which of its numbers."""
Templates = dict[str, Sequence[str]]
"""Quantity -> one template for each of its numbers, row by row."""


class Line(NamedTuple):
    """One number: `symbol` and `equation` in LaTeX, `numbers` the equation with the numbers put in, `result` their
    value.

    `result` is all the digits of a rational number, and six of any other; `printed` is the document's own number, as
    printed. `math` and `worked` are the equation and the numbers put in as markup, in which every quantity is a term.
    """

    symbol: str
    equation: str
    numbers: str
    result: str
    math: Markup
    worked: Markup
    printed: str
    manual: float
    torch: float
    exact: Exact

    @property
    def rational(self) -> bool:
        """Whether the exact value is a rational number; any other is a ball."""
        return isinstance(self.exact, Fraction)

    @property
    def as_printed(self) -> bool:
        """Whether the exact value is rational and within half a unit of the last digit printed."""
        unit = Fraction(1, 10 ** len(self.printed.partition(".")[2]))
        return isinstance(self.exact, Fraction) and abs(Fraction(self.printed) - self.exact) <= unit / 2

    def matches(self, value: float) -> bool:
        """Whether a float64 is the printed number, to the digits printed."""
        places = len(self.printed.partition(".")[2])
        return bool(self.printed) and round(value, places) == float(self.printed)

    def ulps(self, value: float) -> float:
        """How far a float64 is from the exact value, in units of its last place."""
        exact = self.exact if isinstance(self.exact, flint.arb) else flint.fmpq(*self.exact.as_integer_ratio())
        with flint.ctx.workprec(128):
            return abs(float(flint.arb(value) - exact)) / float(np.spacing(abs(value)))


class Step(NamedTuple):
    """Numbers that are computed together. `claim` is the document's, if it prints this step; `phase` one of
    DIRECTION's. `why`, the posts' `equations` by number, `errata`, a `note` on notation and `code` explain it."""

    id: str
    claim: str
    phase: str
    title: str
    lines: list[Line]
    drawing: Markup
    why: str
    equations: list[int]
    errata: list[str]
    note: str
    code: list[explained.CodeLine]


DIRECTION = {"forward": 1, "cost": 1, "error": -1, "gradient": -1, "update": 0}
"""Phase -> which way its numbers travel along the edges."""


def update(name: str, numbers: int, slope: str) -> list[str]:
    """Templates of θ − η ∂C/∂θ."""
    return [f"{{{name}_old[{i}]}} − {{eta[0]}} · {{{slope}[{i}]}}" for i in range(numbers)]


HAND: dict[str, tuple[str, Templates]] = {
    "A13.1": ("forward", {"z1": [
        "{W1_old[0]} · {x[0]} + {W1_old[1]} · {x[1]} + {b1_old[0]}",
        "{W1_old[2]} · {x[0]} + {W1_old[3]} · {x[1]} + {b1_old[1]}",
    ]}),
    "A13.2": ("forward", {"a1": ["ReLU({z1[0]})", "ReLU({z1[1]})"]}),
    "A13.3": ("forward", {"z2": ["{W2_old[0]} · {a1[0]} + {W2_old[1]} · {a1[1]} + {b2_old[0]}"]}),
    "A13.4": ("cost", {"C": ["½ · ({z2[0]} − {y[0]})²"]}),
    "A13.5": ("error", {"delta2": ["{z2[0]} − {y[0]}"], "db2": ["{delta2[0]}"]}),
    "A13.6": ("update", {"b2": update("b2", 1, "delta2")}),
    "A13.7": ("gradient", {"dW2": ["{delta2[0]} · {a1[0]}", "{delta2[0]} · {a1[1]}"]}),
    "A13.8": ("update", {"W2": update("W2", 2, "dW2")}),
    "A13.9": (
        "error",
        {"delta1": ["{W2_old[0]} · {delta2[0]} · {slope[0]}", "{W2_old[1]} · {delta2[0]} · {slope[1]}"]},
    ),
    "A13.10": ("update", {"b1": update("b1", 2, "delta1")}),
    "A13.11": ("gradient", {"dW1": ["{delta1[0]} · {x[0]}", "{delta1[0]} · {x[1]}"]}),
    "A13.12": ("update", {"W1": update("W1", 4, "dW1")}),
}  # fmt: skip
"""Document A's claim -> its phase and its numbers, as many of each as `documents.PRINTED` has."""

HAND_SYMBOLS = {
    "x": ["x_1", "x_2"], "y": ["y"], "eta": [r"\eta"], "z1": ["z^1_1", "z^1_2"], "a1": ["a^1_1", "a^1_2"],
    "z2": ["z^2"],
    "C": ["C"], "delta2": [r"\delta^2"], "delta1": [r"\delta^1_1", r"\delta^1_2"],
    "slope": [r"\text{ReLU}^{\prime}(z^1_1)", r"\text{ReLU}^{\prime}(z^1_2)"],
    "b1": ["b^1_1", "b^1_2"], "W1": ["W^1_{1,1}", "W^1_{1,2}", "W^1_{2,1}", "W^1_{2,2}"],
    "b2": ["b^2"], "W2": ["W^2_{1,1}", "W^2_{1,2}"],
}  # fmt: skip
"""LaTeX of the hand computation's quantities: superscripts are layers; subscripts are neuron, then input."""

THROUGH_SIGMOID = [
    f"{{delta2[0]}} · {{W2_old[{j}]}} · {{a1[{j}]}} · (1\N{NO-BREAK SPACE}− {{a1[{j}]}})" for j in range(2)
]

DERIVATIVES: list[tuple[str, str, Templates]] = [
    ("forward", "The weighted inputs of the hidden neurons.", {"z1": [
        "{b1_old[0]} + {W1_old[0]} · {x[0]}",
        "{b1_old[1]} + {W1_old[1]} · {x[0]}",
    ]}),
    ("forward", "Their outputs, by the sigmoid.", {"a1": ["1 / (1 + exp(−{z1[0]}))", "1 / (1 + exp(−{z1[1]}))"]}),
    ("forward", "The network’s output.", {"z2": ["{b2_old[0]} + {W2_old[0]} · {a1[0]} + {W2_old[1]} · {a1[1]}"]}),
    ("cost", "The error, half the squared difference.", {"C": ["½ · ({y[0]} − {z2[0]})²"]}),
    ("error", "Δ, the derivative by the output, and so by θ₄, which is added to it.",
     {"delta2": ["−({y[0]} − {z2[0]})"], "db2": ["{delta2[0]}"]}),
    ("gradient", "The derivatives by the output’s weights: Δ times what each weight multiplies.",
     {"dW2": ["{delta2[0]} · {a1[0]}", "{delta2[0]} · {a1[1]}"]}),
    ("gradient", "Back through the weight and the sigmoid, to the hidden biases.", {"db1": THROUGH_SIGMOID}),
    (
        "gradient",
        "The same times x, for the hidden weights.",
        {"dW1": [f"{path} · {{x[0]}}" for path in THROUGH_SIGMOID]},
    ),
    ("update", "One step of gradient descent, with post A’s learning rate.",
     {name: update(name, 2 if name != "b2" else 1, f"d{name}") for name in IN_THETA_ORDER}),
]  # fmt: skip
"""Document B's formulas, step by step: phase, title and numbers."""

DERIVATIVES_SYMBOLS = {
    "x": ["x"], "y": ["y"], "eta": [r"\alpha"], "z1": ["u_{11}", "u_{12}"], "a1": ["o_{11}", "o_{12}"], "z2": ["f"],
    "C": ["E"],
    "delta2": [r"\Delta"], "b1": [r"\theta_0", r"\theta_1"], "W1": [r"\theta_2", r"\theta_3"], "b2": [r"\theta_4"],
    "W2": [r"\theta_5", r"\theta_6"],
}  # fmt: skip
"""LaTeX of post B's quantities."""


class Values(NamedTuple):
    """Every quantity of a network's step, number by number: its symbol in LaTeX, and what it is."""

    symbols: dict[str, list[str]]
    exact: dict[str, list[Exact]]
    manual: dict[str, Array]
    torch: dict[str, Array]


def hand_computation() -> list[Step]:
    """Document A, part 4; the exact values are those of the hand-written code, run on rational numbers."""
    exact: dict[str, list[Exact]] = {name: [*map(fraction, numbers)] for name, numbers in by_hand(flint.fmpq).items()}
    symbols = with_derivatives(HAND_SYMBOLS, r"\partial C / \partial {}")
    claims = documents.claims()
    steps = [(claim, phase, claims[claim]["claim"], templates) for claim, (phase, templates) in HAND.items()]
    return [*walk("hand", steps, Values(symbols, exact, by_hand(np.float64), by_torch()))]


def derivatives() -> list[Step]:
    """Document B's seven derivatives, from forward pass to update; the exact values are those of its written
    formulas."""
    exact = {
        name: [n if isinstance(n, flint.arb) else fraction(n) for n in numbers]
        for name, numbers in written_out().items()
    }
    symbols = with_derivatives(DERIVATIVES_SYMBOLS, r"\nabla E_{{{}}}")
    steps = [("", *step) for step in DERIVATIVES]
    return [
        *walk("derivatives", steps, Values(symbols, exact, by_hand(np.float64, one_two_one), by_torch(one_two_one)))
    ]


def with_derivatives(symbols: dict[str, list[str]], derivative: str) -> dict[str, list[str]]:
    """The symbols, and those of the parameters before the step and of the derivatives by them."""
    old = {f"{name}_old": symbols[name] for name in IN_THETA_ORDER}
    return (
        symbols | old | {f"d{name}": [derivative.format(symbol) for symbol in symbols[name]] for name in IN_THETA_ORDER}
    )


def walk(name: str, steps: Sequence[tuple[str, str, str, Templates]], values: Values) -> Iterator[Step]:
    """The steps, each with the drawing as it stands there. A step is given as claim, phase, title and templates."""
    known = {(quantity, i) for quantity in ("x", "y") for i in range(len(values.exact[quantity]))}
    for place, (claim, phase, title, templates) in enumerate(steps, 1):
        lines, found, used = [], set[Part](), set[Part]()
        for quantity, each in templates.items():
            printed = documents.PRINTED[claim][quantity] if claim else [""] * len(each)
            for i, (template, number) in enumerate(zip(each, printed, strict=True)):
                lines.append(line((quantity, i), template, number, values))
                found.add((quantity, i))
                used |= {(other, int(j)) for other, j in re.findall(FIELD, template)}
        known |= found
        drawing = draw(
            f"{name}-{place}-drawing",
            f"The network at step {place} of {len(steps)}, {phase}",
            labels(known, found, used, values),
            {f"{ELEMENT[quantity]}{i}" for quantity, i in found | used if quantity in ELEMENT},
            {f"h{i}" for quantity, i in known if quantity == "a1" and values.exact["a1"][i] == 0},
            DIRECTION[phase],
        )
        first = next(iter(templates))
        yield Step(
            f"{name}-{place}", claim, phase, title, lines, drawing, explained.WHY[first],
            sorted({n for quantity in templates for n in explained.EQUATIONS.get(quantity, ())}),
            explained.ERRATA[name].get(first, []), explained.NOTES.get(claim, ""), explained.code(name, templates),
        )  # fmt: skip


def line(part: Part, template: str, printed: str, values: Values) -> Line:
    """One number, computed by a template."""
    quantity, i = part
    symbol, exact = values.symbols[quantity][i], values.exact[quantity][i]
    relation = r"\leftarrow" if f"{quantity}_old" in values.exact else "="
    equation = f"{symbol} {relation} {in_latex(template.format(**values.symbols))}"
    floats = float(values.manual[quantity][i]), float(values.torch[quantity][i])
    terms = [(quantity, i), *((other, int(j)) for other, j in re.findall(FIELD, template))]
    math = with_terms(equation, [(values.symbols[name][j], term(name, j)) for name, j in terms])
    numbers, worked = put_in(template, values.exact), put_in(template, values.exact, term)
    return Line(symbol, equation, numbers, decimal(exact), math, Markup(worked), printed, *floats, exact)


def term(quantity: str, i: int) -> str:
    """The attributes that join a number to its symbol, its name in the code and its element of the drawing."""
    part = f' data-part="{ELEMENT[quantity]}{i}"' if quantity in ELEMENT else ""
    return f'class="term" data-term="{quantity} {i}"{part}'


NODES = {"x": ["x"], "h": ["z1", "a1", "delta1"], "o": ["z2", "delta2"], "C": ["C"], "y": ["y"]}
"""Node of the drawing -> the quantities that it shows, one after the other."""
EDGES = {"W": "W1", "b": "b1", "V": "W2", "c": "b2"}
"""Edge of the drawing -> the parameter on it."""
ELEMENT = {
    **{quantity: node for node, quantities in NODES.items() for quantity in quantities},
    "slope": "h",
    **{quantity: edge for edge, name in EDGES.items() for quantity in (f"{name}_old", f"d{name}", name)},
}
"""Quantity -> the element of the drawing that it belongs to. The learning rate belongs to none."""


def labels(known: set[Part], found: set[Part], used: set[Part], values: Values) -> dict[str, Label]:
    """What every element shows when the first set of numbers is known, of which the second was found by using the
    third.

    A weight shows its value before the step where that is used, and afterwards the new one.
    """

    def label(quantity: str, i: int, derivative: str = "") -> Label:
        return Label(plain(values.symbols[quantity][i]), decimal(values.exact[quantity][i], 4), derivative)

    shown = {}
    for node, (first, *_) in NODES.items():
        for i, symbol in enumerate(values.symbols[first]):
            latest = [quantity for quantity in NODES[node] if (quantity, i) in known][-1:]
            shown[f"{node}{i}"] = label(latest[0], i) if latest else Label(plain(symbol), "", "")
    for edge, name in EDGES.items():
        old, derivative = f"{name}_old", f"d{name}"
        for i in range(len(values.symbols[name])):
            updated = (name, i) in known and ((name, i) in found or (old, i) not in used)
            slope = (
                decimal(values.exact[derivative][i], 4) if (derivative, i) in known and (name, i) not in known else ""
            )
            shown[f"{edge}{i}"] = label(name if updated else old, i, slope)
    return shown
