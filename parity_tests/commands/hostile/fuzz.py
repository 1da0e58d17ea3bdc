"""Ten thousand broken and hostile inputs: `python -m parity_tests.commands.hostile.fuzz [N] [--seed S]`, some minutes.

Config files, pictures, model files, checkpoints and the arguments of layers are drawn by hypothesis, most of them
mutations of good ones. Each goes in as a user would give it, in a process that may take a gigabyte more than it began
with, and ten seconds. It must come out as a result, or as one line and exit status 2 (as an InputError, where no
command is run). A traceback, another exit status, a control character on the terminal, a hang and the death of the
process are findings: they are printed, and kept with their input in reports/soak/, beside fuzz.json, which has the
counts. It ends with 1 if there is one. (Linux alone.)
"""

import argparse
import json
import multiprocessing
import os
import pickle
import platform
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import PIL
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from tqdm import tqdm

from experiments.shared.command import write
from parity_tests.commands.hostile.inputs import KINDS, Refused
from torch_ref.tables import columns

INPUTS = 10_000
SECONDS, MEMORY = 10, 2**30
"""What one input may take of the processor's time, whatever else the machine does, and of memory."""
PATIENCE = 60
"""Seconds in which a process that cannot be interrupted must answer, once it has an input."""
EVERY = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example]
TYPED = "python -m parity_tests.commands.hostile.fuzz"
OUT = Path("reports/soak")


class Hang(BaseException):
    """An input took too long. (No `except Exception` stops it.)"""


class Finding(NamedTuple):
    """What went wrong, and for which input: pickled, as it was drawn."""

    kind: str
    what: str
    case: bytes


@dataclass
class Tally:
    """What came of the inputs of one kind."""

    accepted: int = 0
    refused: int = 0
    slowest: float = 0
    memory: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        return self.accepted + self.refused + len(self.findings)


def fuzz(kind: str, count: int, start: int = 0, show: Callable[[], object] = lambda: None) -> Tally:
    """Try so many inputs of a kind, drawn from a seed. What kills the process is a finding; another tries the rest."""
    tally, context = Tally(), multiprocessing.get_context("fork")
    while tally.inputs < count:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_worker, args=(kind, count - tally.inputs, start + tally.inputs, theirs))
        process.start()
        theirs.close()
        case, before = b"", tally.inputs
        while ours.poll(PATIENCE if case else None) and (message := _received(ours)):
            event, *values = message
            if event == "drawn":
                case = values[0]
                continue
            if event == "memory":
                tally.memory = max(tally.memory, *values)
                continue
            seconds, what = values
            tally.slowest = max(tally.slowest, seconds)
            tally.accepted += event == "accepted"
            tally.refused += event == "refused"
            if event == "finding":
                tally.findings.append(Finding(kind, what, case))
            case = b""
            show()
        process.kill()
        process.join()
        if case:
            tally.findings.append(Finding(kind, f"the process ended, or did not answer in {PATIENCE} s", case))
        elif tally.inputs == before:
            raise RuntimeError(f"{kind}: no input was drawn")
    return tally


def _received(ours: Any) -> Any:
    try:
        return ours.recv()
    except EOFError:
        return None


def _worker(kind: str, count: int, first: int, theirs: Any) -> None:
    """Draw inputs and try them; say of each what it is before, and what came of it after."""
    _, strategy, prepare, attempt = KINDS[kind]
    signal.signal(signal.SIGPROF, _stop)
    before = _kilobytes("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (1024 * before + MEMORY, resource.RLIM_INFINITY))
    start = _kilobytes("VmRSS")
    left = count

    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=EVERY)
    @seed(first)
    @given(strategy)
    def try_one(case: Any) -> None:
        nonlocal left
        if left == 0:
            return
        left -= 1
        theirs.send(("drawn", pickle.dumps(case)))
        event, what, began = "accepted", "", time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            attempt(case, ready)
        except Refused:
            event = "refused"
        except Hang:
            event, what = "finding", f"it took more than {SECONDS} s"
        except BaseException:  # whatever it is, the user would see it
            event, what = "finding", traceback.format_exc()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        theirs.send((event, time.process_time() - began, what))

    with TemporaryDirectory() as folder:
        os.chdir(folder)
        ready = prepare(Path(folder))
        with _silent(Path(folder)):
            try_one()
    theirs.send(("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start))
    os._exit(0)  # what a command left to be done at the end would be done in a copy of the parent


def _stop(*_: object) -> None:
    raise Hang


@contextmanager
def _silent(folder: Path) -> Iterator[None]:
    """What libraries in C say of a broken file goes nowhere; what Python says is looked at."""
    with (folder / "noise").open("w") as noise:
        os.dup2(noise.fileno(), 2)
        yield


def _kilobytes(name: str) -> int:
    """This process's memory, as Linux counts it."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])


def fuzz_all(count: int, start: int = 0, show: Callable[[], object] = lambda: None) -> dict[str, Tally]:
    """Every kind, so many inputs in all."""
    shares = {kind: round(count * KINDS[kind].share) for kind in KINDS}
    return {kind: fuzz(kind, share, start, show) for kind, share in shares.items() if share}


def table(tallies: dict[str, Tally]) -> str:
    """A row a kind."""
    rows = [["input", "inputs", "accepted", "refused", "slowest", "most memory", "findings"]]
    for kind, t in tallies.items():
        counts = [f"{count:,}" for count in (t.inputs, t.accepted, t.refused)]
        rows.append([kind, *counts, f"{t.slowest:.1f} s", f"{t.memory >> 10} MB", f"{len(t.findings)}"])
    return "\n".join(columns(rows))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m parity_tests.commands.hostile.fuzz", description="Broken and hostile input."
    )
    parser.add_argument("inputs", nargs="?", type=int, default=INPUTS)
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other inputs; default: 0")
    options = parser.parse_args(arguments)
    count = options.inputs
    torch.set_num_threads(1)
    began = time.perf_counter()
    with tqdm(total=count, unit=" inputs") as bar:
        tallies = fuzz_all(count, options.seed, bar.update)
    OUT.mkdir(parents=True, exist_ok=True)
    findings = [finding for tally in tallies.values() for finding in tally.findings]
    for number, (kind, what, case) in enumerate(findings):
        kept = OUT / f"finding-{number}.pickle"
        kept.write_bytes(case)
        print(f"{kept}, {kind}: {what.strip()}\n")
    print(table(tallies))
    result = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "command": " ".join([TYPED, *arguments]),
        "versions": {
            "Python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__,
            "Pillow": PIL.__version__,
            "hypothesis": hypothesis.__version__,
        },
        "seconds": round(time.perf_counter() - began),
        "limits": {"seconds": SECONDS, "megabytes": MEMORY >> 20},
        "kinds": {
            kind: {
                "inputs": t.inputs, "accepted": t.accepted, "refused": t.refused,
                "slowest_seconds": round(t.slowest, 2),
                "most_megabytes": t.memory >> 10,
                "findings": Counter(finding.what.strip().splitlines()[-1] for finding in t.findings),
            } for kind, t in tallies.items()
        },
    }  # fmt: skip
    write(OUT / "fuzz.json", json.dumps(result, indent=2) + "\n")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
