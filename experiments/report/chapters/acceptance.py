"""What the networks that look for the Bluebird must reach, settled before any was trained, and whether they do.

Softmax regression is kept within bounds: beyond them the pictures would be trivial, or hopeless.
"""

from typing import NamedTuple

import numpy as np

from experiments.report.chapters.predictions import SIDES, Trained
from experiments.report.page.formats import percent


class Requirement(NamedTuple):
    """What is required of what; what came of it, as text; and whether that is enough, with both implementations."""

    of: str
    required: str
    got: str
    reached: bool


def requirements(softmax: Trained, hidden: Trained, convolutional: Trained) -> list[Requirement]:
    """Means over all initialisations, but for the last: that holds for each of them.

    The precision of a network that takes nothing for a Bluebird counts as 0.
    """
    pixels, neurons, filters = ([network.mean[side] for side in SIDES] for network in (softmax, hidden, convolutional))
    ahead = [
        round(a - b, 9) for a, b in zip(filters, neurons, strict=True)
    ]  # 0.95 − 0.9 in floating point is less than 0.05
    points = " and ".join(f"{100 * share:.2f}" for share in ahead)
    by_side = [[getattr(pair, side) for pair in convolutional.pairs] for side in SIDES]
    precision = [float(np.mean([predictions.precision or 0 for predictions in one])) for one in by_side]
    recall = [float(np.mean([predictions.recall for predictions in one])) for one in by_side]
    pairs = [pair for network in (softmax, hidden, convolutional) for pair in network.pairs]
    apart = max(len(pair.manual.y) - pair.same for pair in pairs)
    first, second, third = softmax.title, hidden.title, convolutional.title
    return [
        Requirement(
            f"accuracy, {first}", "60 % to 85 %", _both(pixels), all(0.60 <= share <= 0.85 for share in pixels)
        ),
        Requirement(f"accuracy, {second}", f"above {first}", _both(neurons), all(np.greater(neurons, pixels))),
        Requirement(f"accuracy, {third}", "92 % or more", _both(filters), all(share >= 0.92 for share in filters)),
        Requirement(
            f"{third}, ahead of {second}", "5 points or more", f"{points} points", all(share >= 0.05 for share in ahead)
        ),
        Requirement(
            f"precision of Bluebird, {third}",
            "90 % or more",
            _both(precision),
            all(share >= 0.9 for share in precision),
        ),
        Requirement(
            f"recall of Bluebird, {third}", "90 % or more", _both(recall), all(share >= 0.9 for share in recall)
        ),
        Requirement(
            "pictures on which our code and PyTorch differ, of each seed", "1 or none", f"{apart or 'none'}", apart <= 1
        ),
    ]


def _both(shares: list[float]) -> str:
    return " and ".join(map(percent, shares))
