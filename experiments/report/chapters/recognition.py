"""How well the two implementations read digits, once trained."""

from typing import Any, NamedTuple

import numpy as np

from experiments.data.digits import digits
from experiments.report.draw.svg import digit
from experiments.report.record.runs import Run
from experiments.train.checkpoints import restore
from manual.numbers.number_types import Array
from torch_ref import to_numpy, to_torch

SHOWN = 12


class Pair(NamedTuple):
    """One initialisation, trained by both: what each answers on the test digits, and how far apart the costs were."""

    seed: int
    y: Array
    manual: Array
    torch: Array
    apart: float

    @property
    def accuracy(self) -> dict[str, float]:
        return {"manual": float((self.manual == self.y).mean()), "torch": float((self.torch == self.y).mean())}

    @property
    def wrong(self) -> dict[str, int]:
        return {"manual": int((self.manual != self.y).sum()), "torch": int((self.torch != self.y).sum())}

    @property
    def same(self) -> int:
        return int((self.manual == self.torch).sum())


def answers(run: Run, x: Array) -> Array:
    """The class that a trained network gives each example, computed by the implementation that trained it."""
    return to_numpy(restore.load(run.checkpoint).side.predict(to_torch(x))).argmax(axis=1)


def recognised(manual: list[Run], torch: list[Run]) -> dict[str, Any]:
    """Accuracies, confusion and some wrong answers over all initialisations, for the page."""
    parts = digits()
    x, y = parts.test
    pairs = [
        Pair(
            seed,
            y,
            answers(ours, x),
            answers(theirs, x),
            relative(ours.curves["train_cost"], theirs.curves["train_cost"]),
        )
        for seed, (ours, theirs) in enumerate(zip(manual, torch, strict=True))
    ]
    sides = ("manual", "torch")
    return {
        "train": len(parts.train.x),
        "test": len(y),
        "pairs": pairs,
        "mean": {side: float(np.mean([pair.accuracy[side] for pair in pairs])) for side in sides},
        "confusion": {side: confusion(y, [getattr(pair, side) for pair in pairs]) for side in sides},
        "wrong": wrong(x, pairs[0]),
    }


def relative(ours: Array, theirs: Array) -> float:
    """The largest distance at any step, relative to the value there."""
    return float((np.abs(ours - theirs) / np.abs(theirs)).max())


def confusion(y: Array, answered: list[Array]) -> Array:
    """How often each digit (row) was taken for each (column)."""
    counts = np.zeros((10, 10), dtype=int)
    for answer in answered:
        np.add.at(counts, (y, answer), 1)
    return counts


def wrong(x: Array, pair: Pair) -> list[dict[str, Any]]:
    """The first digits that either got wrong, as pictures."""
    rows = np.flatnonzero((pair.manual != pair.y) | (pair.torch != pair.y))[:SHOWN]
    return [
        {
            "picture": digit(x[i].reshape(8, 8), f"a scanned {pair.y[i]}"),
            "target": pair.y[i], "manual": pair.manual[i], "torch": pair.torch[i],
        }
        for i in rows
    ]  # fmt: skip
