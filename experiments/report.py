"""One page on the two documents, executed: `python -m experiments.report [--out FOLDER]`.

It trains every network with both implementations, compares everything that can be compared, and writes `FOLDER/index.html`,
and the README's pictures and `report.json` beside it.
The runs are kept in `FOLDER/runs/`; the page of last time stays until the new one is whole.

`--full` trains the networks that look for the Bluebird from three seeds; pages made in the same folder later show these runs,
each with its date.
`--compare A.json B.json` holds two such files against each other instead, and writes `FOLDER/compare.html`.
"""

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

from experiments import train
from experiments.benchmarking.machine import commit, machine
from experiments.benchmarking.table import TITLES as SPEED_TITLES
from experiments.benchmarking.verdict import notes
from experiments.command import Parser, command, write
from experiments.reporting import bluebird, compare, errata, figures, fits, runs, starts, surfaces, walk
from experiments.reporting.drawn import draw
from experiments.reporting.earlier import Stamp, stamp
from experiments.reporting.marks import marks
from experiments.reporting.nearness import nearness, strips
from experiments.reporting.outcome import Outcome, outcome
from experiments.reporting.parity_map import parity_map
from experiments.reporting.pictures import pictures
from experiments.reporting.recognition import recognised
from experiments.reporting.record import Record, Result, Speed, as_json, read
from experiments.reporting.runs import Run
from experiments.reporting.sensitivity import sharpness
from experiments.reporting.survey import STEPS, TRAINING, Row, survey, together
from experiments.reporting.template import render
from manual import InputError, documents
from torch_ref.devices import prepare

HERE = Path(__file__).parent
NETWORKS = {
    "two_two_one": "2-2-1, ReLU: document A's hand computation, repeated",
    "one_two_one": "1-2-1, sigmoid: document B's network on a sine",
    "one_two_one_linear": "1-2-1, linear: the same without an activation collapses to a line",
    "one_two_one_zeros": "1-2-1, zero start: document B's network from θ = 0",
    "one_two_one_random": "1-2-1, random start: the same from parameters drawn at random",
    "digits": "64-128-10, ReLU: digits, five initialisations",
}
SEEDS = {"digits": range(5)}
PICTURES = 4000
TITLES = NETWORKS | bluebird.TITLES
COMMANDS = {
    "This page": "python -m experiments.report",
    "The documents by hand": "python -m pytest parity_tests/test_walk.py",
    "Errata": "python -m pytest parity_tests/test_errata.py",
    "Parity": "python -m pytest parity_tests/test_parity.py",
    "Truth": "python -m pytest parity_tests/test_truth.py",
    "Training, one run": "python -m experiments.train fit --config digits --model.implementation torch",
    "Bluebird, from three seeds": "python -m experiments.report --full",
    "Speed": "python -m experiments.bench",
    "Every test": "python -m pytest",
}
EXAMPLES = ("", "--full", "--out before", "--compare before/report.json reports/report.json")
Trained = dict[str, dict[str, list[Run]]]
"""Network -> implementation -> its runs, one a seed."""


@command
def main(arguments: list[str] | None = None) -> int:
    """Make the report, or compare two; 0 if every comparison agrees, or nothing got worse, else 1."""
    parser = Parser("report", "Train, compare, and write one page on it.", EXAMPLES)
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="FOLDER", help="default: reports")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--full", action="store_true", help="train the Bluebird networks from three seeds")
    either.add_argument(
        "--compare", nargs=2, type=Path, metavar=("A.json", "B.json"),
        help="hold two runs' report.json against each other, what differs first, and write FOLDER/compare.html; "
        "exit code 1 if a verdict got worse, or B lacks a comparison that A has",
    )
    options = parser.parse_args(arguments)
    try:
        records = [read(path) for path in options.compare or ()]
    except InputError as error:
        parser.error(f"--compare: {error}")
    out = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: expected a folder, got {out} ({error.strerror})")
    if records:
        found = compare.difference(*records)
        write(out / "compare.html", compare.page([*map(str, options.compare)], records, found))
        print(compare.text(found), f"{out / 'compare.html'}: {found.verdict}", sep="\n")
        return found.status
    try:
        found = make(out, options.full)
    except BrokenPipeError:
        raise
    except train.ERRORS as error:
        parser.error(" ".join(str(error).split()))
    print(f"{out / 'index.html'}: {found.verdict}")
    return 0 if found.agrees else 1


def make(out: Path, full: bool = False) -> Outcome:
    """Train, compare, and write the page and what lies beside it; what it comes to."""
    torch.set_num_threads(1)  # networks this small lose more to threads than they gain
    with threadpool_limits(1):
        trained = train_all(out, full)
    rows = [*tqdm(compare_all(trained), desc="comparing", unit=" rows")]
    shown = contents(trained)
    measured = speed(full)
    write(out / "index.html", page(shown, rows, measured))
    write(out / "report.json", as_json(record(trained, rows, measured)))
    [digits] = shown["trainings"][-1].panels
    for name, picture in pictures(rows, shown["hand"], digits, palette()).items():
        write(out / name, picture)
    return outcome(rows)


def train_all(out: Path, full: bool = False) -> Trained:
    """Train every network with both implementations; pictures and runs go to the folder."""
    about, pictures = made(), out / "birds"
    seeds = SEEDS | dict.fromkeys(bluebird.NETWORKS, range(3 if full else 1))
    drawn = Stamp(about["Made"], about["Commit"], draw(pictures, PICTURES))
    trained: Trained = {name: {"manual": [], "torch": []} for name in TITLES}
    jobs = [(name, side, seed) for name, sides in trained.items() for side in sides for seed in seeds.get(name, range(1))]
    for name, side, seed in (progress := tqdm(jobs, unit=" runs")):
        progress.set_description(f"training {name}, {side}, seed {seed}")
        arguments = ["fit", f"--config={HERE / 'configs' / name}.yaml", f"--out={out / 'runs'}", f"--model.seed={seed}",
                     f"--model.implementation={side}", "--trainer.enable_progress_bar=false"]
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
    command = [sys.executable, "-m", "experiments.bench", *tables, "--threads=1", "--dtype=float32", "--eager", "--format=json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=HERE.parent)
    return {"tables": json.loads(done.stdout)} if done.stdout else {"error": " ".join(done.stderr.split())}


def contents(trained: Trained) -> dict[str, Any]:
    """What the page shows of the documents and of the runs, by the names that the template uses."""
    claims = documents.claims()
    first = {name: (sides["manual"][0], sides["torch"][0]) for name, sides in trained.items()}
    return {
        "claims": claims,
        "hand": walk.hand_computation(),
        "derivatives": walk.derivatives(),
        "theta": documents.THETA,
        "example": [values.item() for values in documents.one_example()],
        "errata": errata.table(),
        "kinds": errata.KINDS,
        "trainings": [figures.training(name, title, *trained[name].values()) for name, title in NETWORKS.items()],
        "surfaces": surfaces.surfaces(*first["two_two_one"]),
        "forming": fits.forming(*first["one_two_one"]),
        "thetas": fits.under_theta(first["one_two_one"][0]),
        "starts": starts.starts(first["one_two_one_zeros"], first["one_two_one_random"]),
        "bending": fits.bending(first["one_two_one"], first["one_two_one_linear"]),
        "nearness": (near := [*nearness()]),
        "nearness_strips": strips(near),
        "sharpness": [*sharpness()],
        "bluebird": bluebird.chapter({name: trained[name] for name in bluebird.NETWORKS}),
        "digits": recognised(*trained["digits"].values()),
    }


def page(shown: dict[str, Any], rows: list[Row], speed: dict[str, Any]) -> str:
    """The page as HTML."""
    script = (HERE / "reporting" / "page" / "walk.js").read_text("utf-8")
    fingerprint = b64encode(sha256(script.encode()).digest()).decode()
    return render(
        "index.html", **shown, outcome=outcome(rows), marks=marks(rows), map=parity_map(rows), steps=STEPS,
        training_runs=[row for row in rows if row.kind == TRAINING], limit=runs.LIMIT, speed=speed, made=made(),
        titles=SPEED_TITLES, notes=notes, commands=COMMANDS, script=Markup(script), fingerprint=fingerprint,
    )


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
    return (HERE / "reporting" / "page" / "style.css").read_text("utf-8").split("* {")[0]


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
        "Seeds": f"digits: {', '.join(map(str, SEEDS['digits']))}; Bluebird: those in its table; drawn pictures, order of the "
        "batches and inputs of the comparisons: 0",
    }


if __name__ == "__main__":
    sys.exit(main())
