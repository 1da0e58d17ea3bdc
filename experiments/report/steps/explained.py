"""What the walks say of a step besides its numbers: why it is taken, which of the four equations acts, the lines of
code that take it, and the errata that concern it.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

import manual
from manual import SGD, HalfMSELoss, Linear, ReLU, Sigmoid

ROOT = Path(manual.__file__).parents[1]

WHY = {
    "z1": "Each neuron weighs its inputs: a large weight means that this input matters much to it.",
    "a1": "Without a bend, two layers in a row would be no more than one straight line.",
    "z2": "The output is the network’s answer, so nothing bends it.",
    "C": "One number must say how wrong the answer is; the square counts a miss in either direction. The ½ cancels the "
    "2 of its derivative.",
    "delta2": "How does the cost change if the output rises a little? This error is what travels back.",
    "dW2": "A weight multiplies what comes in, so it answers for the error times that input. No input, no blame.",
    "delta1": "A hidden neuron answers for the error as far as its weight passed it on, and only if the neuron was on.",
    "db1": "The error goes back through the weight, then through the slope of the sigmoid; what arrives is the bias’s.",
    "dW1": "Again: the error that arrives at the neuron, times what came in.",
    "b2": "Downhill is against the slope. The learning rate says how far to go.",
    "W2": "The larger a weight’s share of the error, the further it moves. The second does not move at all.",
    "b1": "The same rule for every parameter: against its slope, by the learning rate.",
    "W1": "The dead neuron’s weights stay: its slope is 0. The others move, and the step is complete.",
}
"""Quantity that a step finds first -> why the step is taken."""

EQUATIONS = {"delta2": (1,), "delta1": (2,), "db1": (2, 3), "db2": (3,), "dW1": (4,), "dW2": (4,)}
"""Quantity -> which of the posts' four equations gives it."""

ERRATA = {
    "hand": {"z1": ["E1", "E2", "E4"], "z2": ["E3"], "C": ["E7"], "delta2": ["E6", "E8"], "b2": ["E5"],
             "dW2": ["E10"], "W2": ["E11"], "delta1": ["E6", "E9"], "W1": ["E11"]},
    "derivatives": {"z1": ["E18"], "z2": ["E14"], "C": ["E15"], "delta2": ["E15"], "dW1": ["E16"], "b1": ["E17"]},
}  # fmt: skip
"""Walk -> quantity -> the errata that concern the step which finds it first."""

NOTES = {
    "A13.8": "The post writes hidden neuron, then layer: its W₁,₂ is our W²₁₁, layer above, then neuron, input.",
    "A13.9": "Here the post’s superscripts count neurons: its δ¹ and δ² are our δ¹₁ and δ¹₂.",
    "A13.11": "The post writes input, then neuron: its W₂,₁ is our W¹₁₂.",
    "A13.12": "The post writes input, then neuron: its W₂,₁ is our W¹₁₂.",
}
"""Claim -> how its notation differs from ours."""


class CodeLine(NamedTuple):
    """A line of the hand-written code: its file and number, and the line, with the quantities in it as terms."""

    file: str
    number: int
    text: Markup


Line = tuple[Callable[..., Any], str, dict[str, str]]
"""A function, what stands in one of its lines, and the names in that line with the quantity that each holds."""


def forward(W: str, b: str, a: str, z: str) -> list[Line]:
    """The lines of a layer's weighted sums."""
    return [(Linear.forward, "z = rows_times", {"z": z, "a": a, "W": W}), (Linear.forward, "z += b", {"z": z, "b": b})]


def weights(delta: str, a: str, dW: str) -> Line:
    """The line of a layer's weight gradient."""
    return Linear.gradient, "dW = ", {"dW": dW, "delta": delta, "a": a}


def biases(delta: str, db: str) -> Line:
    """The line of its bias gradient."""
    return Linear.gradient, "db = ", {"db": db, "delta": delta}


BACK: Line = (Linear.backward, "return rows_times", {"delta": "delta2", "weight": "W2_old"})
LINES: dict[str, list[Line]] = {
    "z1": forward("W1_old", "b1_old", "x", "z1"),
    "z2": forward("W2_old", "b2_old", "a1", "z2"),
    "C": [(HalfMSELoss.forward, "u = ", {"prediction": "z2", "target": "y"}), (HalfMSELoss.forward, "return", {})],
    "delta2": [(HalfMSELoss.backward, "return", {"u": "delta2"})],
    "db2": [biases("delta2", "db2")],
    "dW2": [weights("delta2", "a1", "dW2")],
    "dW1": [weights("delta1", "x", "dW1")],
}
"""Quantity -> the lines that compute it, where both networks have the same."""
ACTIVATION: dict[str, dict[str, list[Line]]] = {
    "hand": {
        "a1": [(ReLU.forward, "on = ", {"z": "z1"}), (ReLU.forward, "return", {"z": "z1", "on": "slope"})],
        "delta1": [BACK, (ReLU.backward, "return", {"on": "slope"})],
    },
    "derivatives": {
        "a1": [(Sigmoid.forward, "a = ", {"a": "a1", "z": "z1"})],
        "db1": [BACK, (Sigmoid.backward, "return", {"a": "a1"}), biases("delta1", "db1")],
    },
}
"""Walk -> the same where its activation has a part in it."""


def code(walk: str, templates: dict[str, Any]) -> list[CodeLine]:
    """The lines that compute a step's quantities; each line stands there once."""
    lines: dict[tuple[str, int], CodeLine] = {}
    for quantity in templates:
        for line in (LINES | ACTIVATION[walk]).get(quantity) or update(quantity, templates[quantity][0]):
            found = source(*line)
            lines.setdefault((found.file, found.number), found)
    return [*lines.values()]


def update(quantity: str, template: str) -> list[Line]:
    """The line of a step of gradient descent; its slope is the last quantity of the template."""
    slope = re.findall(r"\{(\w+)\[", template)[-1]
    return [(SGD.update, "p -= ", {"p": quantity, "lr": "eta", "g": slope})]


def source(function: Callable[..., Any], holds: str, names: dict[str, str]) -> CodeLine:
    """The one line of a function in which a text stands, as it is in the file.

    Raises:
        LookupError: the text stands in none of its lines, or in several.
    """
    lines, first = inspect.getsourcelines(function)
    found = [(first + i, line.strip()) for i, line in enumerate(lines) if line.strip().startswith(holds)]
    if len(found) != 1:
        raise LookupError(f"{function.__qualname__}: {len(found)} lines begin with {holds!r}, expected one")
    [(number, text)] = found
    file = Path(inspect.getsourcefile(function) or "").relative_to(ROOT).as_posix()
    return CodeLine(file, number, linked(text, names))


def linked(text: str, names: dict[str, str]) -> Markup:
    """A line of code in which the names that hold a quantity are terms."""
    parts: Iterable[str] = re.split(r"(\w+)", text)
    return Markup("").join(
        Markup('<span class="term" data-term="{}">{}</span>').format(names[part], part) if part in names else part
        for part in parts
    )
