"""The language model's training, in stages: each goes on from the one before, and leaves a model that can write.

A report trains the first stage; with --full all of them, which later reports in the same folder show, with their date.
"""

import csv
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.report.record import previous_runs, runs
from experiments.report.record.previous_runs import STAMP, Stamp, stamp
from experiments.train import command as train
from experiments.train.checkpoints import checkpoint
from experiments.train.checkpoints.run_folder import MODEL
from manual.numbers.number_types import Array

CONFIG = "reader"
STAGES = (200, 1000, 6000)
"""Training steps after which there is a model."""
SIDES = ("manual", "torch")


class Stage(NamedTuple):
    """What both implementations left after so many steps, and of which report."""

    steps: int
    made: Stamp
    folders: dict[str, Path]

    def model(self, side: str) -> Path:
        return self.folders[side] / MODEL


def train_stages(out: Path, full: bool, made: str, commit: str) -> list[Stage]:
    """Train by both; the stages in order."""
    steps = STAGES if full else STAGES[:1]
    folders: dict[int, dict[str, Path]] = {n: {} for n in steps}
    text = ""
    for side in SIDES:
        start: list[str] = []
        for n in steps:
            folder = folders[n][side] = train.run([
                "fit", f"--config={CONFIG}", f"--out={_out(out, n)}", f"--trainer.max_steps={n}",
                f"--model.implementation={side}", "--trainer.enable_progress_bar=false", *start,
            ])  # fmt: skip
            last = folder / "checkpoints" / "last.ckpt"
            text, start = checkpoint.read(last)["config"]["data"]["sha256"], [f"--ckpt_path={last}"]
            stamp(runs.Run(folder, {}), Stamp(made, commit, text))
    return [Stage(n, Stamp(made, commit, text), folders[n]) for n in steps]


def longest(out: Path, own: list[Stage]) -> list[Stage]:
    """The stages of the report that trained the longest, on the same text by the same config: these, or those of an
    earlier report in this folder."""
    found = {own[0].made: own}
    for n in STAGES[len(own) :]:
        left = {side: _left(_out(out, n) / CONFIG / side, own[0], side) for side in SIDES}
        for made in left["manual"].keys() & left["torch"].keys():
            found.setdefault(made, []).append(Stage(n, made, {side: left[side][made] for side in SIDES}))
    return max(found.values(), key=lambda stages: (stages[-1].steps, stages[-1].made.made))


def _left(folder: Path, own: Stage, side: str) -> dict[Stamp, Path]:
    """The runs in a folder that are whole, and learned as this page's own did, by report."""
    notes = sorted(note.parent for note in folder.glob(f"*/{STAMP}") if (note.parent / MODEL).is_file())
    found = {previous_runs.read(run): run for run in notes if learned(run) == learned(own.folders[side])}
    return {made: run for made, run in found.items() if made.pictures == own.made.pictures}


def learned(folder: Path) -> dict[str, Any]:
    """What a run learned from, and how."""
    config = runs.Run(folder, {}).config
    return {section: config[section] for section in ("model", "data")}


def bits(stages: list[Stage], side: str, column: str) -> tuple[Array, Array]:
    """(steps done, bits a token) of a cost, over all the stages."""
    found: dict[int, float] = {}
    for stage in stages:
        with (stage.folders[side] / "metrics.csv").open(newline="", encoding="utf-8") as file:
            found |= {int(row["step"]) + 1: float(row[column]) for row in csv.DictReader(file) if row[column]}
    return np.array([*found], int), np.array([*found.values()]) / log(2)


def _out(out: Path, steps: int) -> Path:
    return out / "runs" / f"{steps}_steps"
