"""The whole page: every network trained by both implementations, every comparison, every chapter."""

import json
import platform
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from markupsafe import Markup
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from experiments.bench.machine import commit, machine
from experiments.bench.table import TITLES as SPEED_TITLES
from experiments.bench.verdict import notes
from experiments.report.chapters import bluebird, errata, fits, language, scrubber, starts, surfaces
from experiments.report.chapters.recognition import recognised
from experiments.report.chapters.sensitivity import sensitivity
from experiments.report.chapters.ulp_error import strips, ulp_errors
from experiments.report.draw import figures
from experiments.report.draw.marks import marks
from experiments.report.draw.parity_map import parity_map
from experiments.report.draw.readme_pictures import pictures
from experiments.report.page.template import render
from experiments.report.record import runs
from experiments.report.record.bird_dataset import draw
from experiments.report.record.json_record import Record, Result, Speed, as_json
from experiments.report.record.previous_runs import Stamp, stamp
from experiments.report.record.runs import Run
from experiments.report.record.summary import Summary, summary
from experiments.report.record.survey import STEPS, TRAINING, Row, survey, together
from experiments.report.steps import play, walk
from experiments.shared.command import write
from experiments.shared.templates import SHARED
from experiments.train import command as train
from experiments.train.options import CONFIGS
from manual import documents
from torch_ref.devices import prepare

PAGE = Path(__file__).with_name("page")
ROOT = Path(__file__).parents[2]
NETWORKS = {
    "two_two_one": "2-2-1, ReLU: post A's hand computation, repeated",
    "one_two_one": "1-2-1, sigmoid: post B's network on a sine",
    "one_two_one_linear": "1-2-1, linear: the same without an activation collapses to a line",
    "one_two_one_zeros": "1-2-1, zero start: post B's network from θ = 0",
    "one_two_one_random": "1-2-1, random start: the same from parameters drawn at random",
    "digits": "64-128-10, ReLU: digits, five initialisations",
}
SCRIPTS = ("equations", "tools", "surface", "play", "scrub", "walk", "links", "predict")
"""The page's scripts, in the order in which they need each other."""
SEEDS = {"digits": range(5)}
PICTURES = 4000
TITLES = NETWORKS | bluebird.TITLES
COMMANDS = {
    "This page": "python -m experiments.report",
    "The posts by hand": "python -m pytest parity_tests/report/steps/test_walk.py",
    "Errata": "python -m pytest parity_tests/posts/test_errata.py",
    "Parity": "python -m pytest parity_tests/comparison/test_parity.py",
    "Truth": "python -m pytest parity_tests/truth/test_certify.py",
    "Training, one run": "python -m experiments.train fit --config digits --model.implementation torch",
    "Bluebird, from three seeds": "python -m experiments.report --full",
    "Speed": "python -m experiments.bench",
    "Every test": "python -m pytest",
}
Trained = dict[str, dict[str, list[Run]]]
"""Network -> implementation -> its runs, one a seed."""


def make(out: Path, full: bool = False) -> Summary:
    """Train, compare, and write the page and what lies beside it; what it comes to."""
    torch.set_num_threads(1)  # networks this small lose more to threads than they gain
    with threadpool_limits(1):
        trained, about = train_all(out, full), made()
        read = language.chapter(out, full, about["Made"], about["Commit"])
    rows = [*tqdm(compare_all(trained), desc="comparing", unit=" rows")]
    shown = {**contents(trained), "language": read}
    measured = speed(full)
    write(out / "index.html", page(shown, rows, measured))
    write(out / "report.json", as_json(record(trained, rows, measured)))
    [digits] = shown["trainings"][-1].panels
    for name, picture in pictures(rows, shown["hand"], digits, palette()).items():
        write(out / name, picture)
    return summary(rows)


def train_all(out: Path, full: bool = False) -> Trained:
    """Train every network with both implementations; pictures and runs go to the folder."""
    about, pictures = made(), out / "birds"
    seeds = SEEDS | dict.fromkeys(bluebird.NETWORKS, range(3 if full else 1))
    drawn = Stamp(about["Made"], about["Commit"], draw(pictures, PICTURES))
    trained: Trained = {name: {"manual": [], "torch": []} for name in TITLES}
    jobs = [
        (name, side, seed) for name, sides in trained.items() for side in sides for seed in seeds.get(name, range(1))
    ]
    for name, side, seed in (progress := tqdm(jobs, unit=" runs")):
        progress.set_description(f"training {name}, {side}, seed {seed}")
        arguments = [
            "fit",
            f"--config={CONFIGS / name}.yaml",
            f"--out={out / 'runs'}",
            f"--model.seed={seed}",
            f"--model.implementation={side}",
            "--trainer.enable_progress_bar=false",
        ]
        if name in bluebird.NETWORKS:
            arguments.append(f"--data.folder={pictures}")
        trained[name][side].append(run := runs.read(train.run(arguments)))
        stamp(run, drawn)
    return trained


def compare_all(trained: Trained) -> Iterator[Row]:
    """Everything that can be compared: the pieces on every device that there is, and the runs in float64.

    In float32 rounding makes two right runs part, so that no distance says that one is wrong.
    """
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        if device == "cuda":
            prepare(device)
        yield from survey(device)
    for name, sides in trained.items():
        if sides["manual"][0].dtype != "float64":
            continue
        pairs = zip(*sides.values(), strict=True)
        parity = together("cpu", [runs.compare_runs(f"run {i}", *pair) for i, pair in enumerate(pairs)])
        yield Row(TRAINING, TITLES[name], "float64", parity)


def speed(full: bool = False) -> dict[str, Any]:
    """The benchmark's tables, from a process of its own; or the error that it ended with."""
    tables = ["steps", "kernel", *["growth"] * full]
    command = [
        sys.executable,
        "-m",
        "experiments.bench",
        *tables,
        "--threads=1",
        "--dtype=float32",
        "--eager",
        "--format=json",
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    return {"tables": json.loads(done.stdout)} if done.stdout else {"error": " ".join(done.stderr.split())}


def contents(trained: Trained) -> dict[str, Any]:
    """What the page shows of the documents and of the runs, by the names that the template uses."""
    claims = documents.claims()
    first = {name: (sides["manual"][0], sides["torch"][0]) for name, sides in trained.items()}
    return {
        "claims": claims,
        "play": play.played(),
        "hand": walk.hand_computation(),
        "derivatives": walk.derivatives(),
        "theta": documents.THETA,
        "example": [values.item() for values in documents.one_example()],
        "errata": errata.table(),
        "categories": errata.CATEGORIES,
        "trainings": [figures.training(name, title, *trained[name].values()) for name, title in NETWORKS.items()],
        "scrubber": scrubber.scrubber(*(first[name][0] for name in ("two_two_one", "one_two_one", "digits"))),
        "surfaces": surfaces.surfaces(*first["two_two_one"]),
        "forming": fits.forming(*first["one_two_one"]),
        "thetas": fits.under_theta(first["one_two_one"][0]),
        "starts": starts.starts(first["one_two_one_zeros"], first["one_two_one_random"]),
        "bending": fits.bending(first["one_two_one"], first["one_two_one_linear"]),
        "ulp_errors": (near := [*ulp_errors()]),
        "ulp_error_strips": strips(near),
        "sensitivity": [*sensitivity()],
        "bluebird": bluebird.chapter({name: trained[name] for name in bluebird.NETWORKS}),
        "digits": recognised(*trained["digits"].values()),
    }


def page(shown: dict[str, Any], rows: list[Row], speed: dict[str, Any]) -> str:
    """The page as HTML."""
    script = scripts()
    fingerprint = b64encode(sha256(script.encode()).digest()).decode()
    return render(
        "index.html",
        **shown,
        play_data=play.as_json(shown["play"]),
        summary=summary(rows),
        marks=marks(rows),
        map=parity_map(rows),
        steps=STEPS,
        training_runs=[row for row in rows if row.kind == TRAINING],
        limit=runs.LIMIT,
        speed=speed,
        made=made(),
        titles=SPEED_TITLES,
        notes=notes,
        commands=COMMANDS,
        script=Markup(script),
        fingerprint=fingerprint,
    )


def scripts() -> str:
    """The page's scripts, as one."""
    return "\n".join((PAGE / "scripts" / f"{name}.js").read_text("utf-8") for name in SCRIPTS)


def record(trained: Trained, rows: list[Row], speed: dict[str, Any]) -> Record:
    """The same as numbers: what every training run ended with, every comparison, and the speeds if there are any."""
    results = [
        Result(TITLES[name], side, run.seed, quantity, float(curve[-1]))
        for name, sides in trained.items() for side, trainings in sides.items() for run in trainings
        for quantity, curve in run.curves.items() if quantity.endswith(("cost", "accuracy"))
    ]  # fmt: skip
    rows_timed = [row for table in speed.get("tables", ()) if table["table"] == "steps" for row in table["rows"]]
    speeds = [Speed(row["workload"], **row["ratio"]) for row in rows_timed]
    return Record(made(), rows, results, speeds)


def palette() -> str:
    """The page's colours, light and dark, as CSS."""
    return (SHARED / "style.css").read_text("utf-8").split("* {")[0]


def made() -> dict[str, str]:
    """What the numbers depend on: versions, machine, seeds, commit."""
    about = machine()
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "not available, nothing was run there"
    packages = ("lightning", "python-flint", "scikit-learn", "matplotlib")
    return {
        "Made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Commit": commit(),
        "CPU": about["CPU"],
        "CUDA": cuda,
        "Threads": str(torch.get_num_threads()),
        "Python": platform.python_version(),
        "NumPy": about["NumPy"],
        "torch": about["torch"],
        "Others": ", ".join(f"{name} {version(name)}" for name in packages),
        "Seeds": f"digits: {', '.join(map(str, SEEDS['digits']))}; Bluebird: those in its table; "
        "drawn pictures, order of the "
        "batches and inputs of the comparisons: 0",
    }
