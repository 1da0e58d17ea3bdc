"""Everything that is compared, on one device, as one file: `python -m parity_tests.parity_cuda [--device DEVICE]
[--out FILE]`.

The parity tests; every layer, loss, optimizer and network of the report; and training, by hand on the CPU and by
torch on the device. The file has the format of the report's `report.json` (experiments/report/record/json_record.py),
and

    python -m experiments.report --compare reports/report.json parity-cuda.json

shows it beside the CPU's. It holds the ratio of every comparison of the report, and the largest of each test.
float16 and bfloat16 are reported, not gated: the file has the errors of their gradients among the results.
"""

import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, cast

import numpy as np
import pytest
import torch

from experiments.data.digits import digits
from experiments.report import make as report
from experiments.report.chapters import bluebird
from experiments.report.record import runs
from experiments.report.record.bird_dataset import draw
from experiments.report.record.json_record import Result, as_json
from experiments.report.record.survey import TRAINING, Row, survey, together
from experiments.shared.command import write
from experiments.train import command as train
from manual import CrossEntropyLoss, InputError, Linear, Network, ReLU
from parity_tests.devices import pretend
from parity_tests.devices.pretend_trainer import trainer_on
from torch_ref import Comparison, Parity, to_torch, twin
from torch_ref.devices import prepare

TESTS = [str(Path(__file__).parent)]
"""Where the parity tests are: those that take a device."""
TRAINED = report.TITLES
"""The networks that are trained: config -> title."""
HALVES = (torch.float16, torch.bfloat16)


class Suite:
    """A plugin of pytest that runs the tests that take a device, and keeps the worst comparison of each."""

    def __init__(self) -> None:
        self.worst: dict[str, list[Comparison]] = {}
        self.passed, self.failed = 0, list[str]()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if "device" in getattr(item, "fixturenames", ())]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "call":
            self.passed += report.passed
            file, _, test = report.nodeid.partition("::")
            found = [Comparison(*cast(Any, value)) for name, value in report.user_properties if name == "worst"]
            self.worst.setdefault(file, []).extend(replace(c, place=f"{test}: {c.place}") for c in found)

    @property
    def verdict(self) -> str:
        """How many passed, and which failed."""
        return f"{self.passed:,} passed" + (
            f", {len(self.failed):,} failed: {', '.join(self.failed)}" if self.failed else ""
        )

    def rows(self, device: str) -> Iterator[Row]:
        """One row a file of tests; the device stands in every test's name, and is left out, so that two records
        compare."""
        for file, comparisons in self.worst.items():
            same = [replace(c, place=re.sub(rf"\b{device}\b", "DEVICE", c.place)) for c in comparisons]
            yield Row("test", file, "both", Parity(device, same))


class OneLine(ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Compare, and write the file; 0 if everything agrees, else 1."""
    parser = OneLine(prog="python -m parity_tests.parity_cuda", description="Compare everything on one device.")
    parser.add_argument("--device", choices=["cuda", "cpu", pretend.NAME], default="cuda", help="default: cuda")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: parity-DEVICE.json")
    options = parser.parse_args(arguments)
    device, out = options.device, options.out or Path(f"parity-{options.device}.json")
    pretend.register()
    try:
        if not out.parent.is_dir():
            raise InputError(f"--out: there is no folder {out.parent}")
        prepare(device)
    except InputError as error:
        parser.error(str(error))
    suite = Suite()
    pytest.main([*TESTS, f"--device={device}", "--numprocesses=0"], [suite])
    with TemporaryDirectory() as folder:
        trained = train_all(device, Path(folder))
        rows = [*survey(device), *training_rows(trained, device), *suite.rows(device)]
        record = report.record(trained, rows, {})
    made = record.made | about(device) | {"Tests": suite.verdict}
    record = record._replace(made=made, results=[*record.results, *in_half(device)])
    write(out, as_json(record))
    print(f"{out}: {record.summary.verdict}; tests: {suite.verdict}")
    return int(bool(suite.failed) or not suite.passed or not record.summary.agrees)


def train_all(device: str, folder: Path) -> report.Trained:
    """Train the report's networks, by hand on the CPU, and by torch on the device."""
    birds = folder / "birds"
    draw(birds, report.PICTURES)

    def run(name: str, side: str, seed: int) -> runs.Run:
        place = device if side == "torch" else "cpu"
        arguments = [
            "fit",
            f"--config={name}",
            f"--out={folder}",
            f"--model.seed={seed}",
            f"--model.implementation={side}",
            "--trainer.enable_progress_bar=false",
            f"--trainer.accelerator={'gpu' if place == 'cuda' else 'cpu'}",
        ]
        if name in bluebird.NETWORKS:
            arguments.append(f"--data.folder={birds}")
        with trainer_on(place):
            return runs.read(train.run(arguments))

    return {
        name: {
            side: [run(name, side, seed) for seed in report.SEEDS.get(name, range(1))] for side in ("manual", "torch")
        }
        for name in TRAINED
    }


def training_rows(trained: report.Trained, device: str) -> Iterator[Row]:
    """What the report compares of two training runs that run freely."""
    for name, sides in trained.items():
        pairs = zip(*sides.values(), strict=True)
        parities = [runs.compare_runs(f"run {i}", *pair) for i, pair in enumerate(pairs)]
        yield Row(TRAINING, report.TITLES[name], "float64", together(device, parities))


def in_half(device: str) -> Iterator[Result]:
    """How far the gradients of a network in float16 and bfloat16 lie from those in float64: reported, not gated."""
    rng, part = np.random.default_rng(0), digits().train
    network = Network(Linear(64, 128, rng=rng), ReLU(), Linear(128, 10, rng=rng))

    def gradients(dtype: torch.dtype) -> list[torch.Tensor]:
        module = twin(network, device).to(dtype)
        cost = twin(CrossEntropyLoss(), device)(module(to_torch(part.x, device).to(dtype)), to_torch(part.y, device))
        return [g.cpu().double() for g in torch.autograd.grad(cost, [*module.parameters()])]

    exact = gradients(torch.float64)
    for dtype in HALVES:
        error = max(((g - e).abs().max() / e.abs().max()).item() for g, e in zip(gradients(dtype), exact, strict=True))
        name = str(dtype).removeprefix("torch.")
        yield Result(
            "64-128-10, all digits", "torch", 0, f"largest error of a gradient in {name}, relative; not gated", error
        )


def about(device: str) -> dict[str, str]:
    """What the numbers depend on, beside what the report says."""
    halves = "reported among the results, not gated"
    if device != "cuda":
        return {"Device": device, "float16, bfloat16": halves}
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        driver = subprocess.run(query, check=True, capture_output=True, text=True).stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        driver = "unknown"
    of = torch.cuda.get_device_properties(0)
    return {
        "Device": f"{of.name}, compute capability {of.major}.{of.minor}", "Driver": driver,
        "CUDA toolkit": str(torch.version.cuda), "cuDNN": "left out", "float16, bfloat16": halves,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
