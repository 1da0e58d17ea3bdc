"""How long a training step takes: by hand in NumPy against torch eager, in one run, at equal threads.

A step is forward, loss, backward and update. Both sides start from the same weights and see the same batch, and before any
clock runs, three of their steps are compared: nothing is timed that is not equal. Then they take turns, a slice of about 2 ms
each. A round, one slice of each, in which another process took a core away is thrown away; the times and the ratio are the
medians and quartiles of the rounds that are left. (Windows does not count such turns: there every round is left.) Torch is
eager, with its defaults.

OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE slow NumPy, which reads them when it loads: where one is set, the benchmark starts itself
again without them.
"""

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_info, threadpool_limits

from experiments.command import Parser
from manual import (
    SGD,
    Conv2d,
    CrossEntropyLoss,
    Flatten,
    HalfMSELoss,
    Linear,
    Loss,
    MaxPool2d,
    MSELoss,
    Network,
    Optimizer,
    ReLU,
)
from manual.documents import hand_computation, one_two_one, sine
from manual.number_types import Array
from torch_ref import compare_training, to_torch, twin, twin_optimizer

try:
    import resource
except ImportError:  # Windows
    resource = None

SLOWS_NUMPY = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
SECONDS = 2    # for each workload
SLICE = 0.002  # seconds: shorter than the turn that the scheduler gives to another process
FEWEST = 10    # undisturbed rounds that a median is taken of
PATIENCE = 20  # seconds to wait for them

ABOUT = "Time a training step, by hand in NumPy against torch eager, after checking that both compute the same."
EXAMPLES = ("", "--dtype float64 --format json > bench.json")


class Void(RuntimeError):
    """A benchmark that says nothing: the two sides do not compute the same."""


class Workload(NamedTuple):
    """What a step trains, and on which batch."""

    name: str
    network: Network
    loss: Loss
    optimizer: Optimizer
    x: Array
    y: Array


class Slice(NamedTuple):
    """Some steps in a row: how long they took together, how often another process took a core away meanwhile, and how long
    this one then stood still.
    """

    steps: int
    seconds: float
    preemptions: int
    lost: float

    @property
    def disturbed(self) -> bool:
        """Whether another process made a difference that can be seen; a long step is interrupted for a moment now and then."""
        return self.preemptions > 0 and self.lost > 0.01 * self.seconds


def brief(value: float) -> str:
    """Three digits, and no power of ten: 0.759, 46.7, 56,400."""
    return f"{float(f'{value:.3g}'):,.12g}"


@dataclass(frozen=True)
class Spread:
    """The median of some measurements, between their quartiles."""

    q1: float
    median: float
    q3: float

    def __str__(self) -> str:
        return f"{brief(self.median)} ({brief(self.q1)}–{brief(self.q3)})"


@dataclass(frozen=True)
class Row:
    """One workload's result: microseconds a step, and how many times as long torch takes, round by round."""

    workload: str
    manual_us: Spread
    torch_us: Spread
    ratio: Spread
    rounds: int
    kept: int

    def __str__(self) -> str:
        return line(self.workload, self.manual_us, self.torch_us, self.ratio, f"{self.kept} of {self.rounds}")


class Untimed(NamedTuple):
    """A workload for which the machine was never quiet."""

    workload: str
    reason: str

    def __str__(self) -> str:
        return f"{self.workload:28}{self.reason}"


def workloads(dtype: type[np.floating]) -> list[Workload]:
    """Everything that is timed; another item is another row."""
    rng = np.random.default_rng(0)
    document_a, (x, y), digits = hand_computation(dtype), sine(256), load_digits(return_X_y=True)
    classifier = Network(Linear(64, 128, rng=rng), ReLU(), Linear(128, 10, rng=rng)).astype(dtype)
    images, classes = (digits[0][:64] / 16).astype(dtype), digits[1][:64]
    convolutional = Network(
        Conv2d(3, 32, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2), Conv2d(32, 64, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear(64 * 8 * 8, 4, rng=rng),
    ).astype(dtype)
    pictures, birds = rng.standard_normal((64, 3, 32, 32)).astype(dtype), rng.integers(4, size=64)
    return [
        Workload("2-2-1, batch 1", document_a.network, HalfMSELoss(), SGD(lr=0.1), document_a.x, document_a.y),
        Workload("1-2-1, batch 256", one_two_one(dtype), MSELoss(), SGD(lr=0.1), x.astype(dtype), y.astype(dtype)),
        Workload("digits 64-128-10, batch 64", classifier, CrossEntropyLoss(), SGD(lr=0.1), images, classes),
        Workload("Bluebird CNN, batch 64", convolutional, CrossEntropyLoss(), SGD(lr=0.01), pictures, birds),
    ]


def manual_side(work: Workload) -> tuple[Network, Callable[[], None]]:
    """A copy of the network, and the step that trains it by hand."""
    network, loss, optimizer, x, y = deepcopy(work[1:])

    def step() -> None:
        prediction, tape = network.forward(x)
        _, cache = loss.forward(prediction, y)
        optimizer.step(network, network.gradient(loss.backward(cache), tape))

    return network, step


def torch_side(work: Workload) -> tuple[torch.nn.Module, Callable[[], None]]:
    """The network's twin, and the step that trains it in torch."""
    module, loss = twin(work.network), twin(work.loss)
    optimizer, x, y = twin_optimizer(work.optimizer, module), to_torch(work.x), to_torch(work.y)

    def step() -> None:
        optimizer.zero_grad()
        loss(module(x), y).backward()
        optimizer.step()

    return module, step


def preemptions() -> int:
    """How often another process has taken a core from a thread of this one, so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if resource else 0


def timed(step: Callable[[], None], steps: int) -> Slice:
    """Time some steps; one before them, untimed, refills the processor's caches after the other side."""
    step()
    before, start, ran = preemptions(), time.perf_counter(), time.thread_time()
    for _ in range(steps):
        step()
    seconds = time.perf_counter() - start
    return Slice(steps, seconds, preemptions() - before, seconds - (time.thread_time() - ran))


def race(ours: Callable[[], None], theirs: Callable[[], None]) -> list[tuple[Slice, Slice]]:
    """Rounds of one slice each, in turn."""
    n_ours, n_theirs = (max(1, round(SLICE / min(timed(step, 1).seconds for _ in range(5)))) for step in (ours, theirs))
    rounds, start = [], time.perf_counter()
    while (seconds := time.perf_counter() - start) < SECONDS or (len(undisturbed(rounds)) < FEWEST and seconds < PATIENCE):
        rounds.append((timed(ours, n_ours), timed(theirs, n_theirs)))
    return rounds


def undisturbed(rounds: list[tuple[Slice, Slice]]) -> list[tuple[Slice, Slice]]:
    """The rounds in which no other process made a difference."""
    return [pair for pair in rounds if not any(part.disturbed for part in pair)]


def spread(values: Array) -> Spread:
    """The median of some measurements and its quartiles."""
    return Spread(*np.percentile(values, [25, 50, 75]).tolist())


def row(workload: str, rounds: list[tuple[Slice, Slice]]) -> Row | Untimed:
    """What the undisturbed rounds say, if there are enough of them."""
    kept = undisturbed(rounds)
    if len(kept) < FEWEST:
        return Untimed(workload, f"other processes left {len(kept)} of {len(rounds)} rounds undisturbed, fewer than {FEWEST}")
    ours, theirs = np.array([[1e6 * part.seconds / part.steps for part in pair] for pair in kept]).T
    return Row(workload, spread(ours), spread(theirs), spread(theirs / ours), len(rounds), len(kept))


def measure(works: list[Workload]) -> Iterator[Row | Untimed]:
    """Compare both sides of each workload, then time them.

    Raises:
        Void: they do not compute the same.
    """
    for work in works:
        parity = compare_training(work.network, work.loss, work.optimizer, work.x, work.y, steps=1)
        if not parity.agrees:
            raise Void(f"{work.name}: manual and torch do not compute the same, so nothing was timed: {parity.verdict}")
        yield row(work.name, race(manual_side(work)[1], torch_side(work)[1]))


def machine(threads: int, dtype: str) -> dict[str, str]:
    """What the times depend on: the processor, and which kernels each side runs on it."""
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    blas = min(loaded, key=lambda library: "numpy" not in library["filepath"], default={})  # SciPy may have loaded another
    mkl = re.search(r"Math Kernel Library Version [\d.]+|BLAS_INFO=\w+", torch.__config__.show())
    return {
        "CPU": names[0] if names else platform.processor() or platform.machine(),
        "NumPy": f"{np.__version__}, {blas.get('internal_api', 'BLAS')} {blas.get('version', 'unknown')}, "
                 f"kernel {blas.get('architecture', 'unknown')}",
        "torch": f"{torch.__version__} eager, {mkl[0] if mkl else 'BLAS unknown'}, {torch.backends.cpu.get_cpu_capability()}",
        "threads": str(threads),
        "dtype": dtype,
    }


def line(workload: object, ours: object, theirs: object, ratio: object, rounds: object) -> str:
    """One line of the table."""
    return f"{workload!s:28}{ours!s:26}{theirs!s:26}{ratio!s:20}{rounds}"


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print it."""
    parser = Parser("bench", ABOUT, EXAMPLES)
    cores = range(1, (os.cpu_count() or 1) + 1)
    parser.add_argument("--threads", type=int, choices=cores, default=1, metavar="N", help="for each side; default: 1")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32", help="default: float32")
    parser.add_argument("--format", choices=["table", "json"], default="table", help="default: table")
    options = parser.parse_args(arguments)
    if SLOWS_NUMPY & os.environ.keys():
        environment = {name: value for name, value in os.environ.items() if name not in SLOWS_NUMPY}
        again = [sys.executable, "-m", "experiments.bench", *(sys.argv[1:] if arguments is None else arguments)]
        sys.exit(subprocess.run(again, env=environment, cwd=Path(__file__).parents[1]).returncode)

    torch.set_num_threads(options.threads)
    about = machine(options.threads, options.dtype)
    with threadpool_limits(options.threads):
        rows = measure(workloads(getattr(np, options.dtype)))
        try:
            if options.format == "json":
                results = [*rows]
                timed = [asdict(result) for result in results if isinstance(result, Row)]
                untimed = [result._asdict() for result in results if isinstance(result, Untimed)]
                print(json.dumps({"machine": about, "rows": timed, "untimed": untimed}, indent=2))
                return
            print(*(f"{name:9}{value}" for name, value in about.items()), "", sep="\n")
            print(line("one training step, µs", "manual", "torch", "torch / manual", "rounds kept"))
            for result in rows:
                print(result, flush=True)
        except Void as error:
            sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
