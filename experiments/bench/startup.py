"""How long one waits before anything happens: each import and command beside `import torch`, in turns, in one run."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from experiments.bench.clock import Spread, brief
from torch_ref.tables import columns

ROOT = Path(__file__).parents[2]
ROUNDS = 5
TORCH = "import torch"
NO_SLOWER = 1.2
"""Times `import torch`, for a help and a refused argument."""
REFUSED = {
    "train": "fit --config digits --model.sede 1",
    "find": "--modle a",
    "grade": "--formt json",
    "report": "--uot a",
    "bench": "--dytpe a",
    "write": "--modle a",
}
"""A mistyped option of each command."""
CHECKED = 0.5
"""Seconds beyond `import torch`, for the template of backprop-check, filled in."""
FILLED = (
    "return 1 / (1 + np.exp(-z))",
    "return delta * sigmoid_forward(z) * (1 - sigmoid_forward(z))",
    "return x @ W.T + b",
    "return delta @ W, delta.T @ x, delta.sum(axis=0)",
    "z1 = x @ W1.T + b1\n"
    "    a1 = np.maximum(z1, 0)\n"
    "    delta = (a1 @ W2.T + b2 - y) / len(x)\n"
    "    delta1 = delta @ W2 * (z1 > 0)\n"
    "    return delta1.T @ x, delta1.sum(axis=0), delta.T @ a1, delta.sum(axis=0)",
)
"""What stands in the template in place of each `raise NotImplementedError`, in order."""


class Start(NamedTuple):
    """What is started: Python's arguments, and how long it may take, as times and seconds more than `import torch`."""

    name: str
    arguments: tuple[str, ...]
    times: float | None = NO_SLOWER
    more: float = 0


def starts(folder: Path) -> list[Start]:
    """What is timed. The template, filled in, is written to the folder."""
    rows = [
        Start(TORCH, ("-c", TORCH), None),
        Start("import manual", ("-c", "import manual"), None),
        Start("import torch_ref", ("-c", "import torch_ref"), 1.15),
    ]
    for room, refused in REFUSED.items():
        for words in ("--help", refused):
            rows.append(Start(f"{room} {words}", ("-m", f"experiments.{room}", *words.split())))
    template = str(filled_in(folder))
    return [*rows, Start("grade, the template filled in", ("-m", "experiments.grade", template), 1, CHECKED)]


def filled_in(folder: Path) -> Path:
    """The template of backprop-check, with nothing left to do in it."""
    text = _run(("-m", "experiments.grade", "--template")).stdout
    for body in FILLED:
        text = text.replace("raise NotImplementedError", body, 1)
    path = folder / "filled_in.py"
    path.write_text(text, "utf-8")
    return path


def seconds() -> dict[Start, Spread]:
    """How long each takes, the median of some rounds."""
    with tempfile.TemporaryDirectory() as folder:
        every = starts(Path(folder))
        taken: dict[Start, list[float]] = {start: [] for start in every}
        for _ in range(ROUNDS):
            for start in every:
                before = time.perf_counter()
                _run(start.arguments)
                taken[start].append(time.perf_counter() - before)
    return {start: Spread.of(values) for start, values in taken.items()}


def text(taken: dict[Start, Spread]) -> str:
    """The times as a table."""
    return "\n".join(columns([("", "seconds", "of import torch", "at most", ""), *_rows(taken)]))


def _rows(taken: dict[Start, Spread]) -> Iterator[tuple[str, ...]]:
    [torch] = [spread.median for start, spread in taken.items() if start.name == TORCH]
    for start, spread in taken.items():
        limit, verdict = "", ""
        if start.times is not None:
            limit = f"{start.times:g}" + (f" and {start.more:g} s" if start.more else "")
            verdict = "reached" if spread.median <= start.times * torch + start.more else "missed"
        yield start.name, str(spread), brief(spread.median / torch), limit, verdict


def _run(arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-P", *arguments]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
