"""One page on the two documents, executed: `python -m experiments.report [--out FOLDER]`.

It trains every network with both implementations, compares everything that can be compared, and writes `FOLDER/index.html`,
and the README's pictures and `report.json` beside it.
The runs are kept in `FOLDER/runs/`; the page of last time stays until the new one is whole.

`--compare A.json B.json` holds two such files against each other instead, and writes `FOLDER/compare.html`.
"""

import json
import platform
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator
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
from experiments.bench import machine
from experiments.command import Parser, write
from experiments.reporting import compare, errata, figures, fits, runs, starts, surfaces, walk
from experiments.reporting.marks import marks
from experiments.reporting.nearness import nearness, strips
from experiments.reporting.parity_map import parity_map
from experiments.reporting.pictures import pictures
from experiments.reporting.recognition import recognised
from experiments.reporting.record import Record, Result, Speed, as_json, read
from experiments.reporting.runs import Run
from experiments.reporting.sensitivity import sharpness
from experiments.reporting.survey import STEPS, Row, survey, together
from experiments.reporting.template import render
from manual import InputError, documents
from torch_ref import Parity

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
COMMANDS = {
    "This page": "python -m experiments.report",
    "One training run": "python -m experiments.train fit --config experiments/configs/digits.yaml --model.implementation torch",
    "Every comparison, as tests": "python -m pytest",
    "Speed": "python -m experiments.bench",
}
EXAMPLES = ("", "--out before", "--compare before/report.json reports/report.json")
Trained = dict[str, dict[str, list[Run]]]
"""Network -> implementation -> its runs, one a seed."""


def main(arguments: list[str] | None = None) -> int:
    """Make the report, or compare two; 0 if every comparison agrees, or no verdict got worse, else 1."""
    parser = Parser("report", "Train, compare, and write one page on it.", EXAMPLES)
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="FOLDER", help="default: reports")
    parser.add_argument(
        "--compare", nargs=2, type=Path, metavar=("A.json", "B.json"),
        help="hold two runs' report.json against each other, differences first, and write FOLDER/compare.html",
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
        parity = make(out)
    except train.ERRORS as error:
        parser.error(" ".join(str(error).split()))
    print(f"{out / 'index.html'}: {parity.verdict}")
    return 0 if parity.agrees else 1


def make(out: Path) -> Parity:
    """Train, compare, and write the page and what lies beside it; every comparison."""
    torch.set_num_threads(1)  # networks this small lose more to threads than they gain
    with threadpool_limits(1):
        trained = train_all(out / "runs")
    rows = [*tqdm(compare_all(trained), desc="comparing", unit=" rows")]
    shown = contents(trained)
    measured = speed()
    write(out / "index.html", page(shown, rows, measured))
    write(out / "report.json", as_json(record(trained, rows, measured)))
    [digits] = shown["trainings"][-1].panels
    for name, picture in pictures(rows, shown["hand"], digits, palette()).items():
        write(out / name, picture)
    return everything(rows)


def train_all(folder: Path) -> Trained:
    """Train every network with both implementations; the runs go to the folder."""
    trained: Trained = {name: {"manual": [], "torch": []} for name in NETWORKS}
    jobs = [(name, side, seed) for name, sides in trained.items() for side in sides for seed in SEEDS.get(name, range(1))]
    for name, side, seed in (progress := tqdm(jobs, unit=" runs")):
        progress.set_description(f"training {name}, {side}, seed {seed}")
        arguments = ["fit", f"--config={HERE / 'configs' / name}.yaml", f"--out={folder}", f"--model.implementation={side}",
                     f"--model.seed={seed}", "--trainer.enable_progress_bar=false"]
        trained[name][side].append(runs.read(train.run(arguments)))
    return trained


def compare_all(trained: Trained) -> Iterator[Row]:
    """Everything that can be compared: the pieces on every device that there is, and the runs."""
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        yield from survey(device)
    for name, sides in trained.items():
        pairs = zip(*sides.values(), strict=True)
        parity = together("cpu", [runs.compare_runs(f"run {i}", *pair) for i, pair in enumerate(pairs)])
        yield Row("training run", NETWORKS[name], "float64", parity)


def speed() -> dict[str, Any]:
    """The benchmark's result, from a process of its own; or the error that it ended with, as on a machine that is busy."""
    command = [sys.executable, "-m", "experiments.bench", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr.strip()}


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
        "digits": recognised(*trained["digits"].values()),
    }


def page(shown: dict[str, Any], rows: list[Row], speed: dict[str, Any]) -> str:
    """The page as HTML."""
    script = (HERE / "reporting" / "page" / "walk.js").read_text("utf-8")
    fingerprint = b64encode(sha256(script.encode()).digest()).decode()
    return render(
        "index.html", **shown, parity=everything(rows), marks=marks(rows), map=parity_map(rows), steps=STEPS,
        tolerance=runs.TOLERANCE, speed=speed, made=made(), commands=COMMANDS, script=Markup(script), fingerprint=fingerprint,
    )


def record(trained: Trained, rows: list[Row], speed: dict[str, Any]) -> Record:
    """The same as numbers: what every training run ended with, every comparison, and the speeds if there are any."""
    results = [
        Result(NETWORKS[name], side, SEEDS.get(name, range(1))[i], quantity, float(curve[-1]))
        for name, sides in trained.items() for side, trainings in sides.items() for i, run in enumerate(trainings)
        for quantity, curve in run.curves.items() if quantity.endswith(("cost", "accuracy"))
    ]  # fmt: skip
    speeds = [Speed(row["workload"], **row["ratio"]) for row in speed.get("rows", ())]
    return Record(made(), rows, results, speeds)


def palette() -> str:
    """The page's colours, light and dark, as CSS."""
    return (HERE / "reporting" / "page" / "style.css").read_text("utf-8").split("* {")[0]


def everything(rows: Iterable[Row]) -> Parity:
    """All comparisons of all rows."""
    return together("cpu", [row.parity for row in rows])


def made() -> dict[str, str]:
    """What the numbers depend on: versions, machine, seeds, commit."""
    about = machine(torch.get_num_threads(), "float64")
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "not available, nothing was run there"
    packages = ("lightning", "python-flint", "scikit-learn", "matplotlib")
    return {
        "Made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Commit": commit(),
        "CPU": about["CPU"],
        "CUDA": cuda,
        "Threads": about["threads"],
        "Python": platform.python_version(),
        "NumPy": about["NumPy"],
        "torch": about["torch"],
        "Others": ", ".join(f"{name} {version(name)}" for name in packages),
        "Seeds": f"digits: {', '.join(map(str, SEEDS['digits']))}; order of the batches and inputs of the comparisons: 0",
    }


def commit() -> str:
    """The commit of the code, and whether the code was changed since, if git knows."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", HERE, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # installed, it may lie in somebody else's checkout
        return git("rev-parse", "--short", "HEAD") + (", with changes since" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "not known: git is not there, or this is not a checkout"


if __name__ == "__main__":
    sys.exit(main())
