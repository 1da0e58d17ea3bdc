"""Any training runs side by side: what their configs say otherwise, how they went, what came of them."""

import csv
import os
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from experiments.report.page.template import render
from experiments.shared.printable import one_line, printable
from experiments.shared.untrusted_files import no_folder, plain_file, read_config
from manual import InputError
from torch_ref.tables import columns

RESULTS = ("train_cost", "val_cost", "val_accuracy", "test_cost", "test_accuracy")
PLACES = ("name", "out", "ckpt_path")
"""What a config says of where a run lies."""
WIDTH, HEIGHT, POINTS = 320, 120, 400
"""Of a figure, in pixels, and how many points are drawn of its curve."""


class Trained(NamedTuple):
    """A run: its folder's name, its config by dotted names, its curves by column, whether it came to its end."""

    name: str
    config: dict[str, Any]
    curves: dict[str, list[float]]
    done: bool


class Found(NamedTuple):
    """The runs of a folder as a table, whose head comes first; and what is left out, with the reason."""

    runs: list[Trained]
    rows: list[tuple[str, ...]]
    left_out: list[str]


def found(folder: Path) -> Found:
    """Every run under the folder, also deep in it; a link is followed nowhere.

    Raises:
        InputError: there is no such folder, or no run in it.
        OSError: a folder cannot be listed.
    """
    if not folder.is_dir():
        raise InputError(no_folder(folder))
    runs, left_out = [], []
    for place, folders, files in os.walk(folder, onerror=_raise):
        folders.sort()
        if {"config.yaml", "metrics.csv"} <= {*files}:
            try:
                runs.append(_read(Path(place), str(Path(place).relative_to(folder))))
            except (InputError, OSError, ValueError, csv.Error) as error:
                left_out.append(f"{place}: {one_line(error)}")
    if not runs:
        raise InputError(
            f"{printable(folder)}: expected a folder of runs, each with config.yaml and metrics.csv, got none"
        )
    return Found(runs, [*_rows(runs)], left_out)


def text(result: Found) -> str:
    """The table, for a terminal."""
    return "\n".join(map(printable, [*columns(result.rows), *(f"left out: {why}" for why in result.left_out)]))


def page(result: Found) -> str:
    """The table, and a figure of each run's training cost, on one scale."""
    every = [cost for run in result.runs for cost in run.curves.get("train_cost", []) if isfinite(cost)]
    low, high = min(every, default=0), max(every, default=1)
    steps = max(len(run.curves.get("train_cost", [])) for run in result.runs)
    figures = [(run.name, _points(run.curves.get("train_cost", []), steps, low, high)) for run in result.runs]
    return render("runs.html", found=result, figures=figures, low=low, high=high, width=WIDTH, height=HEIGHT)


def _raise(error: OSError) -> None:
    raise error


def _read(folder: Path, name: str) -> Trained:
    config = read_config(folder / "config.yaml")
    if not isinstance(config, dict):
        raise InputError("config.yaml: expected names and their values")
    curves: dict[str, list[float]] = {}
    with plain_file(folder / "metrics.csv", "log").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for column in RESULTS:
                if value := row.get(column):
                    curves.setdefault(column, []).append(float(value))
    return Trained(name, dict(_flat(config)), curves, (folder / "model.safetensors").is_file())


def _flat(config: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """The config by dotted names."""
    flat = []
    for name, value in config.items():
        key = f"{before}{name}"
        flat += _flat(value, f"{key}.") if isinstance(value, dict) and value else [(key, value)]
    return flat


def _rows(runs: list[Trained]) -> list[tuple[str, ...]]:
    keys = dict.fromkeys(key for run in runs for key in run.config if key not in PLACES)
    others = [key for key in keys if any(a.config.get(key) != b.config.get(key) for a, b in pairwise(runs))]
    columns_ = [column for column in RESULTS if any(column in run.curves for run in runs)]
    rows = [("run", *others, "steps", *(column.replace("_", " ") for column in columns_), "")]
    for run in runs:
        results = [f"{run.curves[column][-1]:.4g}" if column in run.curves else "" for column in columns_]
        said = [str(run.config.get(key, "")) for key in others]
        steps = str(len(run.curves.get("train_cost", [])))
        rows.append((run.name, *said, steps, *results, "" if run.done else "cut off"))
    return rows


def _points(curve: list[float], steps: int, low: float, high: float) -> str:
    """The curve as points of an SVG; where it is not finite it is not drawn."""
    every, across, up = max(1, len(curve) // POINTS), WIDTH / max(1, steps - 1), HEIGHT / ((high - low) or 1)
    shown = [
        (step * across, (high - curve[step]) * up) for step in range(0, len(curve), every) if isfinite(curve[step])
    ]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
