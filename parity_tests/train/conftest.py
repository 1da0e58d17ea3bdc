"""Runs that nothing disturbs, and few drawn birds."""

import json
import pickle
from typing import Any

import pytest

from experiments.data.module import Data
from experiments.data.settings import DataSettings
from parity_tests.data.drawn import draw
from parity_tests.train.checkpoints.cutting import fit
from parity_tests.train.processes.in_processes import (
    CUT_OFF,
    DIGITS,
    PLANTED,
    RUNS,
    STRATEGIES,
    Seen,
    config,
    lines,
)
from parity_tests.train.processes.ranks import run


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("birds"), 60, size=8)


@pytest.fixture(scope="session")
def wholes(tmp_path_factory, pictures):
    """A run that nothing disturbs, by what it trains and implementation; made once."""
    made, out = {}, tmp_path_factory.mktemp("whole")

    def whole(arguments):
        key = " ".join(map(str, arguments))
        if key not in made:
            made[key] = fit(out / str(len(made)), arguments)
        return made[key]

    return whole


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was seen of all runs, by name; and of some the end of the log."""
    folder = tmp_path_factory.mktemp("processes")
    draw(folder / "birds", 40, size=8)
    all_runs = RUNS | PLANTED
    for name, one in all_runs.items():
        if one.data["name"] == "pictures":
            one.data["folder"] = str(folder / "birds")
        (folder / f"{name}.yaml").write_text(json.dumps(config(folder / name, one)), "utf-8")
        run(folder, name, one.processes, ["fit", "--config", str(folder / f"{name}.yaml")], one.mistake, one.machines)
    run(folder, "uninterrupted", 2, [*CUT_OFF, f"--out={folder / 'uninterrupted'}"])
    for strategy in STRATEGIES:
        last = folder / f"{strategy}, half/digits/torch/version_0/checkpoints/last.ckpt"
        for name, more in (("whole", []), ("half", ["--trainer.max_steps=6"]), ("other half", [f"--ckpt_path={last}"])):
            name = f"{strategy}, {name}"
            run(folder, name, 3, [*DIGITS, f"--trainer.strategy={strategy}", *more, f"--out={folder / name}"])
    found: dict[str, Any] = {
        name: Seen(
            one,
            Data(DataSettings(**one.data)),
            [pickle.loads((folder / f"{name}.{r}").read_bytes()) for r in range(one.processes)],
        )
        for name, one in all_runs.items()
    }
    digits = {path.parents[3].name: lines(path)[-9:] for path in folder.glob("*/digits/torch/version_0/metrics.csv")}
    ends = digits | {"uninterrupted": lines(folder / "uninterrupted/one_two_one/torch/version_0/metrics.csv")}
    return found | ends | {"folder": folder}
