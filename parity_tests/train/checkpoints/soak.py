"""Kill training runs, N or 200, have them go on, and compare: `python -m parity_tests.train.checkpoints.soak [N]`.

The runs are those of the configs, shortened, some with dropout and pictures that are changed in every epoch, by both
implementations, and by torch in two processes. Each is a fork of this process, and is killed by SIGKILL at any moment,
or while a checkpoint is written, as it comes; of two processes the first, whose end the second must notice. Then it
goes on by the same command, and must end in the log and the weights, to the bit, of a run that was left alone. A
checkpoint that was told to be saved must be there, and every checkpoint that is there must be read. The counts go to
reports/soak/kills.json. It ends with 1 if anything is wrong.
"""

import argparse
import json
import os
import platform
import re
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from experiments.shared.command import write
from experiments.train.checkpoints import checkpoint, saving
from experiments.train.checkpoints.checkpoint import BEFORE, LAST, WholeCheckpoints
from experiments.train.checkpoints.run_folder import CHECKPOINTS, MODEL
from manual import InputError
from parity_tests.data.drawn import draw
from parity_tests.train.checkpoints.cutting import same
from parity_tests.train.checkpoints.moments import after, kill, writing
from parity_tests.train.processes.forks import command
from torch_ref.tables import columns

KILLS = 200
OUT = Path("reports/soak")
BIRDS, ERR = "birds", "err"
DROPOUT = (
    "[{Linear: {in_features: 64, out_features: 32}}, {Dropout: {p: 0.5}}, "
    "{Linear: {in_features: 32, out_features: 10}}]"
)
CHANGED = "--data.augment=[flip, shift]"
SHORT = {
    "digits": ["--trainer.max_epochs=3", f"--model.network={DROPOUT}"],
    "bluebird_cnn": ["--trainer.max_epochs=2", "--data.batch_size=9", CHANGED],
    "one_two_one": ["--trainer.max_epochs=25", "--model.optimizer=Adam"],
    "bluebird_mlp": ["--trainer.max_epochs=4", "--data.batch_size=9"],
    "one_two_one_random": ["--trainer.max_epochs=40", "--model.threshold=0.001"],
    "bluebird_softmax": ["--trainer.max_epochs=6", "--data.batch_size=9", CHANGED],
    "two_two_one": ["--trainer.max_epochs=60"],
    "one_two_one_linear": ["--trainer.max_epochs=25"],
    "one_two_one_zeros": ["--trainer.max_epochs=40", "--trainer.max_steps=71"],
    **{name: ["--trainer.max_epochs=1", "--trainer.max_steps=6"] for name in ("letters", "reader")},
}
"""What makes a run of a config short, by its name."""
SIDES = {
    "manual": ["--model.implementation=manual"],
    "torch": ["--model.implementation=torch"],
    "torch by two": ["--model.implementation=torch", "--trainer.devices=2"],
}
RUNS = [*product(SHORT, SIDES)]


class Run(NamedTuple):
    """What is trained; and, of a run that was left alone, its folder, how long it took and how many checkpoints it
    wrote."""

    name: str
    arguments: list[str]
    every: float
    whole: Path
    seconds: float
    saves: int


class Kill(NamedTuple):
    """What came of one."""

    in_a_write: bool
    unreadable: int
    lost: int
    wrong: str
    """What is not as in the run that was left alone; nothing, if it went on and all is."""


def start(arguments: list[str], every: float, out: Path) -> tuple[int, int]:
    """Train in a fork. Its id, and a pipe on which it tells each step whose checkpoint is saved."""
    heard, told = os.pipe()
    pid = os.fork()
    if pid:
        os.close(told)
        return pid, heard
    status, save = 1, WholeCheckpoints.save_checkpoint

    def telling(self: WholeCheckpoints, content: dict[str, Any], path: Path, storage_options: Any = None) -> None:
        save(self, content, path, storage_options)
        os.write(told, b"%d\n" % content["global_step"])

    try:
        with (out / ERR).open("wb") as err:
            for printed in (1, 2):
                os.dup2(err.fileno(), printed)
        saving.SECONDS, WholeCheckpoints.save_checkpoint = every, telling  # pyright: ignore[reportAttributeAccessIssue]
        command("fit", *arguments, f"--out={out}")
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def end(pid: int, out: Path) -> None:
    """Wait for a process that must come to a good end."""
    if status := os.waitpid(pid, 0)[1]:
        raise RuntimeError(f"a run ended with {os.waitstatus_to_exitcode(status)}:\n{(out / ERR).read_text('utf-8')}")


def trained(out: Path) -> Path:
    """The folder of the one run that was done."""
    [model] = out.glob(f"*/*/*/{MODEL}")
    return model.parent


def left_alone(number: int, folder: Path) -> Run:
    """The run of that number, made once to its end."""
    config, side = RUNS[number]
    pictures = [f"--data.folder={folder / BIRDS}"] if config.startswith("bluebird") else []
    arguments = [f"--config={config}", *SHORT[config], *pictures, *SIDES[side]]
    every = (0, saving.SECONDS)[number % 2]
    out = folder / f"whole-{number}"
    out.mkdir()
    began = time.perf_counter()
    pid, heard = start(arguments, every, out)
    with os.fdopen(heard) as saves:
        told = [*saves]
    end(pid, out)
    return Run(f"{config}, {side}", arguments, every, trained(out), time.perf_counter() - began, len(told))


def killed(run: Run, out: Path, rng: np.random.Generator) -> Kill | None:
    """Kill the run at a moment, let it go on, and compare. None if it was done before the moment came."""
    out.mkdir()
    config, side = run.name.split(", ")
    checkpoints = out / config / side.split()[0] / "version_0" / CHECKPOINTS
    at_a_write = rng.random() < 0.5
    changes, part = int(rng.integers(1, 2 * run.saves, endpoint=True)), rng.random()
    pid, heard = start(run.arguments, run.every, out)
    status = kill(pid, writing(checkpoints, changes, 0.01 * part**4) if at_a_write else after(run.seconds * part))
    with os.fdopen(heard) as pipe:
        told = [int(step) for step in pipe]
    if not os.WIFSIGNALED(status):
        return None
    in_a_write = (checkpoints / f"{LAST}.part").exists() or (bool(told) and not (checkpoints / LAST).exists())
    steps, unreadable = [], 0
    for path in (checkpoints / LAST, checkpoints / BEFORE):
        if path.exists():
            try:
                steps.append(checkpoint.read(path)["global_step"])
            except InputError:
                unreadable += 1
    lost = told[-1:] > [max(steps, default=0)]
    pid, heard = start(run.arguments, run.every, out)
    os.close(heard)
    return Kill(in_a_write, unreadable, lost, wrong(pid, run, out, max(steps, default=0)))


def wrong(pid: int, run: Run, out: Path, step: int) -> str:
    """What a run that goes on does not do as it should."""
    try:
        end(pid, out)
    except RuntimeError as error:
        return str(error)
    said = re.search(r"resuming .* from step (\d+)", (out / ERR).read_text("utf-8"))
    if int(said[1] if said else 0) != step:
        return f"it went on from another step than {step}"
    log, weights = same(trained(out), run.whole)
    return "" if log and weights else "the log is another" if weights else "the weights are others"


def soak(kills: int, folder: Path, seed: int, show: Callable[[], object]) -> dict[str, list[Kill]]:
    """Kill so many runs, each in its turn."""
    draw(folder / BIRDS, 60)
    rng, runs = np.random.default_rng(seed), dict[int, Run]()
    found: dict[str, list[Kill]] = {}
    for number in range(kills):
        turn = number % len(RUNS)
        if turn not in runs:
            runs[turn] = left_alone(turn, folder)
        run, out = runs[turn], folder / "killed"
        while (result := killed(run, out, rng)) is None:
            shutil.rmtree(out)
        shutil.rmtree(out)
        found.setdefault(run.name, []).append(result)
        show()
    return found


def counts(kills: list[Kill]) -> dict[str, int]:
    """What they come to."""
    return {
        "kills": len(kills),
        "in a write": sum(kill.in_a_write for kill in kills),
        "resumed": sum(not kill.wrong for kill in kills),
        "unreadable": sum(kill.unreadable for kill in kills),
        "lost": sum(kill.lost for kill in kills),
    }


def table(found: dict[str, list[Kill]]) -> str:
    """A row a run, and all together."""
    every = {**found, "all": list(chain(*found.values()))}
    rows = [("run", *counts([])), *((name, *map(str, counts(kills).values())) for name, kills in every.items())]
    return "\n".join(columns(rows))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m parity_tests.train.checkpoints.soak", description="Kill training runs, and have them go on."
    )
    parser.add_argument("kills", nargs="?", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=0, help="of the moments, by the clock or by what is written")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    began = time.perf_counter()
    with TemporaryDirectory() as folder, tqdm(total=options.kills, unit=" kills") as bar:
        found = soak(options.kills, Path(folder), options.seed, bar.update)
    kills = [*chain(*found.values())]
    for name, of_it in found.items():
        for wrongly in of_it:
            if wrongly.wrong:
                print(f"{name}: {wrongly.wrong}")
    print(table(found))
    result = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": " ".join(["python -m parity_tests.train.checkpoints.soak", *arguments]),
        "versions": {"Python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "torch", "lightning")},
        "seconds": round(time.perf_counter() - began),
        **counts(kills),
        "runs": {name: counts(found[name]) for name in found},
    }
    OUT.mkdir(parents=True, exist_ok=True)
    write(OUT / "kills.json", json.dumps(result, indent=2) + "\n")
    total = counts(kills)
    return int(total["resumed"] < total["kills"] or total["unreadable"] > 0 or total["lost"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
