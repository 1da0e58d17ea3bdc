"""A network of one hidden layer of two neurons, drawn with its values on nodes and edges, and what is at work lit
up."""

from math import hypot
from typing import NamedTuple

from markupsafe import Markup, escape

Point = tuple[float, float]


class Label(NamedTuple):
    """What stands at a node or an edge: its symbol, its value, and the cost's derivative by it; "" is nothing yet."""

    symbol: str
    value: str
    derivative: str = ""


RADIUS = 30
STUB = 13
"""The length of the edge that a bias or the target comes in by."""
HIDDEN = ((214, 56), (214, 216))
OUTPUT = (344, 136)
COST = (432, 136)
ABOVE, BELOW = "-1.2em", "1.2em"
"""Where a derivative stands: a line above or below the value."""
WEIGHTS = {
    1: {"W0": (122, 84, "end", ABOVE), "W1": (122, 196, "end", BELOW)},
    2: {
        "W0": (125, 49, "middle", ABOVE), "W1": (143, 134, "start", BELOW),
        "W2": (104, 134, "end", BELOW), "W3": (125, 233, "middle", BELOW),
    },
}  # fmt: skip
"""Number of inputs -> edge of the hidden layer -> its label's point, which end of the label that is, the derivative's
side."""
LABELS = {
    "b0": (214, 7, "middle", ABOVE), "b1": (214, 273, "middle", BELOW),
    "V0": (262, 70, "start", ABOVE), "V1": (250, 230, "start", BELOW),
    "c0": (344, 193, "middle", BELOW), "y0": (432, 193, "middle", BELOW),
}  # fmt: skip
"""The same of every other edge."""


def draw(name: str, title: str, labels: dict[str, Label], at_work: set[str], off: set[str], direction: int) -> Markup:
    """The network as inline SVG; its looks are the style sheet's. `name` is unique on the page.

    Its elements are the inputs x0 and x1, the hidden nodes h0 and h1, the output o0, the cost C0, the target y0, and
    the edges of the parameters, row by row: weights W0, W1, … and biases b0, b1 of the hidden layer, weights V0, V1
    and bias c0 of the output. Those `at_work` are lit, with arrows along `direction` (1 forward, -1 backward, 0
    neither); nodes that are `off` pass nothing on.
    """
    inputs = [(36, 56), (36, 216)] if "x1" in labels else [(36, 136)]
    edges = {f"W{j * len(inputs) + i}": (x, h) for j, h in enumerate(HIDDEN) for i, x in enumerate(inputs)}
    edges |= {f"V{j}": (h, OUTPUT) for j, h in enumerate(HIDDEN)} | {"wire": (OUTPUT, (COST[0] - 4, COST[1]))}
    stubs = {"b0": (HIDDEN[0], -1), "b1": (HIDDEN[1], 1), "c0": (OUTPUT, 1), "y0": (COST, 1)}
    nodes = (
        {f"x{i}": x for i, x in enumerate(inputs)}
        | {f"h{j}": h for j, h in enumerate(HIDDEN)}
        | {"o0": OUTPUT, "C0": COST}
    )
    lit = at_work | ({"wire"} if at_work >= {"o0", "y0"} else set())

    def state(element: str) -> str:
        return " lit" * (element in lit) + " off" * (element in off)

    parts = {
        element: edge(state(element), *ends, direction if element in lit else 0) for element, ends in edges.items()
    }
    stub = '<path class="edge{}" d="M{} {}v{}"/>'
    parts |= {
        element: stub.format(state(element), x, y + side * RADIUS, side * STUB)
        for element, ((x, y), side) in stubs.items()
    }
    grouped = [f'<g data-part="{element}">{drawn}</g>' for element, drawn in parts.items()]
    for element, place in nodes.items():
        drawn = node(state(element), place, labels[element], square=element == "C0", beside=element == "h0")
        grouped.append(f'<g data-part="{element}">{drawn}</g>')
    for element, place in (LABELS | WEIGHTS[len(inputs)]).items():
        grouped.append(f'<g data-part="{element}">{text(state(element), labels[element], *place)}</g>')
    at_work_said = "; ".join(spoken(label) for element, label in labels.items() if element in at_work)
    return Markup(
        '<svg class="network" viewBox="0 -26 468 318" role="img" aria-labelledby="{name}-title {name}-desc">'
        '<title id="{name}-title">{title}</title><desc id="{name}-desc">At work: {said}.</desc>{parts}</svg>'
    ).format(name=name, title=title, said=at_work_said, parts=Markup("".join(grouped)))


def edge(state: str, start: Point, end: Point, direction: int) -> str:
    """A line between two nodes, with an arrowhead where it leads."""
    (x0, y0), (x1, y1) = (end, start) if direction < 0 else (start, end)
    length = hypot(x1 - x0, y1 - y0)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    x0, y0, x1, y1 = x0 + RADIUS * ux, y0 + RADIUS * uy, x1 - RADIUS * ux, y1 - RADIUS * uy
    line = f'<path class="edge{state}" pathLength="1" d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"/>'
    back, side = 9, 4.5
    left, right = ((x1 - back * ux + s * uy, y1 - back * uy - s * ux) for s in (side, -side))
    head = f'<path class="arrow" d="M{x1:.1f} {y1:.1f}L{left[0]:.1f} {left[1]:.1f}L{right[0]:.1f} {right[1]:.1f}z"/>'
    return line + head if direction else line


def node(state: str, place: Point, label: Label, *, square: bool, beside: bool) -> str:
    """A circle, or the cost's square, with the value in it and the symbol above, or beside what comes in there."""
    x, y = place
    half = RADIUS + 4
    shape = (
        f'<rect class="node{state}" x="{x - half}" y="{y - RADIUS}" width="{2 * half}" height="{2 * RADIUS}"/>'
        if square
        else f'<circle class="node{state}" cx="{x}" cy="{y}" r="{RADIUS}"/>'
    )
    symbol_x, symbol_y = (x + RADIUS + 12, y - RADIUS + 4) if beside else (x, y - RADIUS - 7)
    symbol = f'<text class="symbol" x="{symbol_x}" y="{symbol_y}">{escape(label.symbol)}</text>'
    value = f'<text class="value" x="{x}" y="{y + 4}">{escape(label.value)}</text>'
    slope = f'<text class="value derivative" x="{x}" y="{y + 19}">{escape(label.derivative)}</text>'
    return shape + symbol + value + (slope if label.derivative else "")


def text(state: str, label: Label, x: float, y: float, anchor: str, derivative: str) -> str:
    """A parameter's symbol and value, and the derivative a line above or below."""
    start = f'<text class="label{state}" text-anchor="{anchor}" x="{x}" y="{y}">'
    slope = f'<tspan class="derivative" x="{x}" dy="{derivative}">∂ {escape(label.derivative)}</tspan>'
    value = f'<tspan class="symbol">{escape(label.symbol)}</tspan> <tspan>{escape(label.value)}</tspan>'
    return f"{start}{value}{slope if label.derivative else ''}</text>"


def spoken(label: Label) -> str:
    """A label in words."""
    return f"{label.symbol} = {label.value}" + (f", derivative {label.derivative}" if label.derivative else "")
