"""The training runs that an earlier report left, and this one shows instead of training again."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from experiments.report.record import runs
from experiments.report.record.runs import Run
from experiments.shared.command import write

STAMP = "made.json"


class Stamp(NamedTuple):
    """What a run was made of beside its config: when, the commit of the code, the fingerprint of the pictures."""

    made: str
    commit: str
    pictures: str


def stamp(run: Run, made: Stamp) -> None:
    """Leave a note in the folder of a run that is whole."""
    write(run.folder / STAMP, json.dumps(made._asdict()))


def previous_runs(manual: list[Run], torch: list[Run]) -> list[tuple[Stamp, Run, Run]]:
    """The latest pair of runs of each further seed, made by one report, of the same pictures and the same config as
    these."""
    by_hand, by_torch = stamped(manual[0]), stamped(torch[0])
    seeds = {run.seed for run in manual}
    latest = {key[0]: key for key in sorted(by_hand.keys() & by_torch.keys()) if key[0] not in seeds}
    return [(about, by_hand[seed, about], by_torch[seed, about]) for seed, about in latest.values()]


def stamped(run: Run) -> dict[tuple[int, Stamp], Run]:
    """The run, and those beside it that differ from it in nothing but seed, time and commit."""
    pictures, found = read(run.folder).pictures, {}
    for note in run.folder.parent.glob(f"*/{STAMP}"):
        other, about = runs.read(note.parent), read(note.parent)
        if about.pictures == pictures and seedless(other.config) == seedless(run.config):
            found[other.seed, about] = other
    return found


def read(folder: Path) -> Stamp:
    """What `stamp` left in a run's folder."""
    return Stamp(**json.loads((folder / STAMP).read_text("utf-8")))


def seedless(config: dict[str, Any]) -> dict[str, Any]:
    """A config without the seed of the parameters."""
    return config | {"model": config["model"] | {"seed": None}}
