"""What a training run wrote: its curves, and how two runs compare."""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from experiments.train.checkpoints import restore
from experiments.train.module import Training, numbers
from manual.numbers.number_types import Array
from torch_ref import Parity, to_torch

LIMIT = 1e-9
"""How far two runs in float64 may part, relative to the largest value of a curve. It is chosen, not derived: right
runs part by rounding, and how far depends on the network.
"""


class Run(NamedTuple):
    """A run's folder, and the columns of its `metrics.csv`: each holds the rows in which it has a value."""

    folder: Path
    curves: dict[str, Array]

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def config(self) -> dict[str, Any]:
        """The config that it was trained by, resolved."""
        return yaml.safe_load((self.folder / "config.yaml").read_text("utf-8"))

    @property
    def seed(self) -> int:
        """What its parameters were drawn from."""
        return self.config["model"]["seed"]

    @property
    def dtype(self) -> str:
        return self.config["model"]["dtype"]

    @property
    def steps(self) -> int:
        return len(self.curves["train_cost"])

    def values(self, column: str) -> Array:
        """(steps + 1,): a parameter of a small network, as logged before each step, and as saved after the last."""
        return np.append(self.curves[column], at(restore.load(self.checkpoint).network.params, column))

    def after(self, steps: int) -> Training:
        """A small network's training as it stood after so many steps."""
        training = restore.load(self.checkpoint)
        if steps < self.steps:
            params = {name: p.copy() for name, p in training.network.params.items()}
            for column in numbers(params):
                at(params, column)[...] = self.curves[column][steps]
            training.side.module.load_state_dict({name: to_torch(p) for name, p in params.items()})
        return training


def read(folder: Path) -> Run:
    """The run that was written to a folder."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    columns = {name: np.array([float(row[name]) for row in rows if row[name]]) for name in rows[0]}
    return Run(folder, {name: curve for name, curve in columns.items() if len(curve) and name not in ("epoch", "step")})


def at(params: dict[str, Array], column: str) -> Array:
    """A view of the one number that a column such as "param/0.weight[0,1]" logs."""
    name, _, index = column.removeprefix("param/").removesuffix("]").partition("[")
    return params[name][(*map(int, index.split(",")), ...)]


def compare_runs(place: str, manual: Run, torch: Run) -> Parity:
    """Every curve of two runs: costs, accuracies, parameters, how far each step moved."""
    parity, none = Parity("cpu"), np.empty(0)
    for name in dict.fromkeys([*torch.curves, *manual.curves]):
        reference = torch.curves.get(name, none)
        parity.add(place, name, manual.curves.get(name, none), reference, LIMIT * np.abs(reference).max(initial=0))
    return parity
