"""The walks through the documents' two training steps: what they say and draw."""

import math
import re
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

from experiments.report.chapters import passes
from experiments.report.steps import walk
from experiments.report.steps.worked import IN_THETA_ORDER, PARAMETERS, one_two_one
from manual import SGD, HalfMSELoss
from manual.documents import LEARNING_RATE, PRINTED, THETA
from parity_tests.derived import proved, rounded
from parity_tests.for_each import for_each

HAND, DERIVATIVES = walk.hand_computation(), walk.derivatives()
RATIONAL = [line for step in HAND + DERIVATIVES for line in step.lines if line.rational]
ROUNDED = [line for step in DERIVATIVES for line in step.lines if not line.rational]


def evaluate(text: str, digits: int = 0):
    """The value of an equation's right side as it stands on the page.

    With `digits`, numbers are balls, and one of that many significant digits, or more, is the ball of all that round
    to it.
    """

    def number(found: re.Match[str]) -> str:
        decimals = len(found[0].partition(".")[2])
        if digits and len(found[0].replace(".", "").lstrip("0")) >= digits:
            return f"flint.arb({found[0]}, 5e-{decimals + 1})"
        return f"fraction({found[0]!r})"

    python = re.sub(r"\d+(\.\d+)?", number, text.replace("½", "(1/2)"))
    for sign, operator in {"−": "-", "·": "*", "²": "**2", "\N{NO-BREAK SPACE}": " "}.items():
        python = python.replace(sign, operator)
    names = {
        "flint": flint,
        "fraction": (lambda text: flint.arb(flint.fmpq(*Fraction(text).as_integer_ratio()))) if digits else Fraction,
        "ReLU": lambda z: max(Fraction(0), z),
        "exp": lambda z: z.exp(),
    }
    return eval(python, names)


@pytest.mark.ledger("A13")
@for_each("line", [(line.equation, line) for line in RATIONAL])
def test_the_numbers_put_in_give_exactly_the_value_shown(line):
    assert evaluate(line.numbers) == evaluate(line.result) == line.exact


@for_each("line", [(line.equation, line) for line in RATIONAL + ROUNDED])
def test_no_two_signs_stand_side_by_side(line):
    assert not re.search(r"[·+−/]\s*[·+−/]", line.numbers)


@pytest.mark.ledger("B13")
@for_each("line", [(line.equation, line) for line in ROUNDED])
def test_the_numbers_put_in_give_the_value_shown_as_nearly_as_their_digits_say(line):
    with flint.ctx.workprec(128):
        value = evaluate(line.numbers, digits=6)
        assert value.contains(line.exact)
        assert value.rad() < 1e-5
        assert evaluate(line.result, digits=6).contains(line.exact)


def test_a_wrong_number_put_in_is_noticed():
    first, last = RATIONAL[0], ROUNDED[-1]
    assert evaluate(first.numbers.replace("0.4", "0.3", 1)) != first.exact
    assert not evaluate(last.numbers.replace("0.1", "0.2", 1), digits=6).contains(last.exact)


@pytest.mark.parametrize("steps", [HAND, DERIVATIVES], ids=["hand", "derivatives"])
def test_the_symbols_stand_for_the_numbers_put_in(steps):
    lines = [line for step in steps for line in step.lines]
    known = GIVEN[len(steps)] | {line.symbol: line.result for line in lines if "arrow" not in line.equation}
    pattern = "|".join([*map(re.escape, sorted(known, key=len, reverse=True)), r"\\[a-z]+"])
    for line in lines:
        _, equation = re.split(r" = | \\leftarrow ", line.equation, maxsplit=1)
        equation = re.sub(pattern, lambda found: known.get(found[0], found[0]), equation)
        equation = re.sub(r"\\text\{ReLU\}\^\{\\prime\}\((.).*?\)", lambda z: "0" if z[1] == "−" else "1", equation)
        for latex, text in LATEX.items():
            equation = equation.replace(latex, text)
        assert re.sub(r"[()\s]", "", equation) == re.sub(r"[()\s]", "", line.numbers)


def test_the_steps_find_their_numbers_in_the_documents_order():
    found = [[line.symbol for line in step.lines] for step in HAND]
    assert found == [
        ["z^1_1", "z^1_2"], ["a^1_1", "a^1_2"], ["z^2"], ["C"], [r"\delta^2", r"\partial C / \partial b^2"], ["b^2"],
        [r"\partial C / \partial W^2_{1,1}", r"\partial C / \partial W^2_{1,2}"], ["W^2_{1,1}", "W^2_{1,2}"],
        [r"\delta^1_1", r"\delta^1_2"], ["b^1_1", "b^1_2"],
        [r"\partial C / \partial W^1_{1,1}", r"\partial C / \partial W^1_{1,2}"],
        ["W^1_{1,1}", "W^1_{1,2}", "W^1_{2,1}", "W^1_{2,2}"],
    ]  # fmt: skip
    forward, derivatives = ["u_{11}", "u_{12}", "o_{11}", "o_{12}", "f", "E", r"\Delta"], (4, 5, 6, 0, 1, 2, 3)
    assert [line.symbol for step in DERIVATIVES for line in step.lines] == [
        *forward, *(rf"\nabla E_{{\theta_{i}}}" for i in derivatives), *(rf"\theta_{i}" for i in range(7)),
    ]  # fmt: skip


LATEX = {r"\frac{1}{2}": "½", "^2": "²", r"\cdot": "·", "-": "−", r"\text{ReLU}": "ReLU", r"\exp": "exp"}
GIVEN = {
    len(HAND): {
        "W^1_{1,1}": "0.4", "W^1_{1,2}": "0.2", "W^1_{2,1}": "0.3", "W^1_{2,2}": "0.7", "b^1_1": "0.1", "b^1_2": "−0.3",
        "W^2_{1,1}": "0.6", "W^2_{1,2}": "0.9", "b^2": "0.2", "x_1": "0.5", "x_2": "0.1", "y": "0.8",
        r"\eta": LEARNING_RATE,
        r"\partial C / \partial W^1_{2,1}": "0", r"\partial C / \partial W^1_{2,2}": "0",
    },
    len(DERIVATIVES): {rf"\theta_{i}": theta.replace("-", "−") for i, theta in enumerate(THETA)}
    | {"x": "0.5", "y": "0.9", r"\alpha": LEARNING_RATE},
}  # fmt: skip
"""What document A gives (that a dead neuron's weights stay, in words), and what this project gives for document B."""


@pytest.mark.ledger("A13")
def test_the_printed_numbers_are_the_documents_in_order():
    assert {step.claim: [line.printed for line in step.lines] for step in HAND} == {
        claim: [number for numbers in quantities.values() for number in numbers]
        for claim, quantities in PRINTED.items()
    }
    assert all(line.as_printed for step in HAND for line in step.lines)


def test_a_number_one_unit_off_is_not_as_printed():
    (line,) = (line for step in HAND for line in step.lines if line.printed == "0.0832")
    assert line._replace(printed="0.083").as_printed
    assert not line._replace(printed="0.0833").as_printed
    assert not line._replace(printed="0.0831").as_printed


def test_a_distance_is_in_units_of_the_floats_last_place():
    line = DERIVATIVES[0].lines[0]
    assert line.exact == Fraction(1, 2)
    assert line.ulps(0.5) == 0
    assert line.ulps(math.nextafter(0.5, 1)) == 1


@pytest.mark.ledger("B13")
@pytest.mark.parametrize("side", ["manual", "torch"])
def test_document_bs_numbers_are_the_formulas_as_nearly_as_float64_can(side):
    network, x, y = map(rounded, one_two_one())
    run: Any = passes.by_hand(network, x, y, HalfMSELoss())
    SGD(lr=float(LEARNING_RATE)).step(network, network.like(**run.gradient))
    (z1, a1, z2), (_, _, delta2) = run.outputs, run.deltas
    dW1, db1, dW2, db2 = run.gradient.values()
    new: Any = network.params
    quantities = [
        z1,
        a1,
        z2,
        run.cost.item(),
        delta2,
        db2,
        dW2,
        db1,
        dW1,
        *(new[PARAMETERS[name]] for name in IN_THETA_ORDER),
    ]
    errors = np.concatenate([np.ravel(quantity.error) for quantity in quantities])
    lines = [line for step in DERIVATIVES for line in step.lines]
    with flint.ctx.workprec(128):
        assert proved([getattr(line, side) for line in lines], [line.exact for line in lines], errors)


def lit_labels(drawing: str) -> list[str]:
    """What stands at the edges that are lit."""
    labels = re.findall(r'<text class="label lit".*?</text>', drawing)
    return [re.sub("<.*?>", "", label) for label in labels]


@pytest.mark.parametrize(("claim", "labels"), [
    ("A13.2", []),
    ("A13.3", ["W²₁₁ 0.6", "W²₁₂ 0.9", "b² 0.2"]),
    ("A13.4", ["y 0.8"]),
    ("A13.7", ["W²₁₁ 0.6∂ −0.13056", "W²₁₂ 0.9∂ 0"]),
    ("A13.8", ["W²₁₁ 0.613056", "W²₁₂ 0.9"]),
    ("A13.9", ["W²₁₁ 0.6", "W²₁₂ 0.9"]), # from the weights before their update
    ("A13.11", ["W¹₁₁ 0.4∂ −0.1224", "W¹₁₂ 0.2∂ −0.02448"]),
])  # fmt: skip
def test_the_drawing_lights_up_what_is_put_in_and_what_comes_out(claim, labels):
    (drawing,) = (step.drawing for step in HAND if step.claim == claim)
    assert sorted(lit_labels(drawing)) == sorted(labels)
    said = re.search("<desc.*?>At work: (.*?)</desc>", drawing)
    assert said
    assert all(label.split("∂")[0].replace(" ", " = ") in said[1] for label in labels)


def test_an_arrow_leads_where_the_numbers_go():
    """The last step forward goes from the hidden neurons to the output, the first one back from there to the
    weights."""

    def ends(claim: str) -> list[tuple[str, str]]:
        (drawing,) = (step.drawing for step in HAND if step.claim == claim)
        return re.findall(r'class="edge lit" pathLength="1" d="M(\S+) \S+L(\S+) \S+"', drawing)

    assert len(ends("A13.3")) == len(ends("A13.7")) == 2
    assert all(float(start) < float(end) for start, end in ends("A13.3"))
    assert all(float(start) > float(end) for start, end in ends("A13.7"))


def columns(drawing: str) -> list[list[str]]:
    """The values in the circles of a drawing: column by column from the left, and each from the top."""
    values = [
        (float(x), float(y), value) for x, y, value in re.findall(r'class="value" x="(\S+)" y="(\S+)">(.*?)<', drawing)
    ]
    circles = sorted(
        (float(x), float(y), float(r)) for x, y, r in re.findall(r'cx="(\S+)" cy="(\S+)" r="(\S+)"', drawing)
    )
    found: dict[float, list[str]] = {}
    for cx, cy, r in circles:
        (value,) = (value for x, y, value in values if math.hypot(x - cx, y - cy) < r)
        found.setdefault(cx, []).append(value.replace("−", "-"))
    return [*found.values()]


@pytest.mark.ledger("A13")
@pytest.mark.parametrize("place", range(1, len(HAND) + 1))
def test_the_hand_computations_nodes_hold_the_numbers_printed_last(place):
    hidden = (
        PRINTED["A13.1"]["z1"] if place == 1 else PRINTED["A13.2"]["a1"] if place < 9 else PRINTED["A13.9"]["delta1"]
    )
    output = [""] if place < 3 else PRINTED["A13.3"]["z2"] if place < 5 else PRINTED["A13.5"]["delta2"]
    assert columns(HAND[place - 1].drawing) == [["0.5", "0.1"], [*hidden], [*output]]


@pytest.mark.parametrize("place", range(1, len(DERIVATIVES) + 1))
def test_document_bs_nodes_hold_its_formulas_values(place):
    theta = [float(number) for number in THETA]
    z1 = [theta[0] + theta[2] * 0.5, theta[1] + theta[3] * 0.5]
    a1 = [1 / (1 + math.exp(-z)) for z in z1]
    z2 = theta[4] + theta[5] * a1[0] + theta[6] * a1[1]
    hidden, output = z1 if place == 1 else a1, [] if place < 3 else [z2] if place < 5 else [z2 - 0.9]
    expected = [["0.5"], [f"{value:.4g}" for value in hidden], [f"{value:.4g}" for value in output] or [""]]
    assert columns(DERIVATIVES[place - 1].drawing) == expected


def test_only_the_neuron_that_is_off_is_drawn_as_off():
    assert ["off" in step.drawing for step in HAND] == [step.claim != "A13.1" for step in HAND]
    assert not any("off" in step.drawing for step in DERIVATIVES)
