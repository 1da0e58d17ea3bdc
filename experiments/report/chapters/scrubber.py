"""What the page's scrubber moves through: the three trainings by hand, thinned to a few moments each, as JSON."""

import json

import numpy as np

from experiments.report.record.runs import Run
from manual import documents
from manual.numbers.number_types import Array

MOMENTS = 60
"""How many moments of a training are kept."""
PARAMETERS = {"W1": "0.weight", "b1": "0.bias", "W2": "2.weight", "b2": "2.bias"}
INDICES = {"W1": ["[0,0]", "[0,1]", "[1,0]", "[1,1]"], "b1": ["[0]", "[1]"], "W2": ["[0,0]", "[0,1]"], "b2": ["[0]"]}


def scrubber(hand: Run, sine: Run, digits: Run) -> str:
    """The parameters of the hand computation's network and of the sine's at each moment, and by epoch the share of
    validation digits that the digits' network gets wrong."""
    x, y = documents.sine()
    xs = np.linspace(0, len(x) - 1, 32).astype(int)
    wrong = 1 - digits.curves["val_accuracy"]
    return json.dumps({
        "hand": moments(hand),
        "sine": moments(sine) | {"x": rounded(x.ravel()[xs]), "y": rounded(y.ravel()[xs])},
        "digits": {"wrong": rounded(wrong)},
    })  # fmt: skip


def moments(run: Run) -> dict[str, list[list[float]] | list[int]]:
    """Every parameter at some steps, closer together at the start, where most happens; and these steps."""
    at = np.unique((np.linspace(0, 1, MOMENTS) ** 2 * run.steps).round().astype(int))
    columns = {
        name: [f"param/{path}{index}" for index in INDICES[name] if f"param/{path}{index}" in run.curves]
        for name, path in PARAMETERS.items()
    }
    values = {name: np.stack([run.values(column)[at] for column in each], axis=1) for name, each in columns.items()}
    return {"steps": at.tolist()} | {name: [rounded(row) for row in value] for name, value in values.items()}


def rounded(values: Array) -> list[float]:
    """To four digits behind the point, as a screen can show."""
    return [round(float(value), 4) for value in values]
