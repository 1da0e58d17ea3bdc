"""How long a training step takes: by hand in NumPy against torch, in one run, at equal threads.

A step is forward, loss, backward and update. All sides start from the same weights and see the same batch. Before a
clock runs, a step by hand is compared with torch's, within what rounding allows (above a million parameters without
its update), and so is the first step of each side that is timed: nothing is timed that is not equal. Then they take
turns; times and ratios are the medians and quartiles of the rounds that no other process disturbed. Torch is eager,
in the fastest of its ways: the update by one fused kernel or by several, pictures in either memory layout. It is also
compiled, where torch.compile finds a compiler (steps, float32, one thread).

    steps     this project's networks, and one large one
    kernel    the same, with NumPy's BLAS held to its AVX2 kernel: what is left is not its choice of instructions
    growth    one network ever wider and deeper, with ever larger batches
    startup   alone: how long an import, a help and a refused argument take beside `import torch`
    verdicts  alone: how long check_backward takes beside a full gradcheck

Both sides run with a malloc that keeps what is freed (memory.py).

OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE change how NumPy multiplies, which reads them when it loads: where they are not
as the benchmark wants them, it starts itself again.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments.bench import regression, startup
from experiments.bench.machine import kernel
from experiments.bench.memory import keep_freed_memory
from experiments.bench.table import Untimed, Void, table, text
from experiments.bench.workloads import growth, workloads
from experiments.shared.command import Parser, command, expected_one_of
from manual import InputError

OPENBLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
HELD = {"OPENBLAS_CORETYPE": "Haswell"}  # OpenBLAS's name of its AVX2 kernel
ROOT = Path(__file__).parents[2]
TABLES = ("steps", "kernel", "growth")
DTYPES = ("float32", "float64")
CORES = range(1, len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)) + 1)

ABOUT = "Time a training step, by hand in NumPy against torch, after checking that both compute the same."
EXAMPLES = ("", "steps --threads 1 --dtype float32 --eager", "--format json > before.json", "--against before.json")


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print it; 1 if a ratio fell behind that of `--against`, or nothing could be timed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.tables == ["startup"]:
        print(startup.text(startup.seconds()))
        return 0
    if options.tables == ["verdicts"]:
        from experiments.bench import verdicts  # and what check_backward is made of, for which nobody else waits

        print(verdicts.text())
        return 0
    if {"startup", "verdicts"} & {*options.tables}:
        parser.error(f"{'startup' if 'startup' in options.tables else 'verdicts'} stands alone")
    for name in options.tables:
        if name not in TABLES:
            parser.error(expected_one_of((*TABLES, "startup", "verdicts"), name))
    chosen = options.tables or TABLES
    if "steps" not in chosen and (options.threads or options.dtype):
        parser.error(f"--threads and --dtype are of steps; {' and '.join(chosen)}: one thread, float32")
    try:
        before = regression.read(options.against) if options.against else None
    except InputError as error:
        parser.error(str(error))
    wanted = HELD if options.tables == ["kernel"] else {}
    if {name: os.environ[name] for name in OPENBLAS if name in os.environ} != wanted:
        return again(sys.argv[1:] if arguments is None else arguments, wanted).returncode
    tables = []
    try:
        for measured in run(chosen, options):
            tables.append(measured)
            if options.format == "table":
                print(text(measured), flush=True)
    except Void as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    if options.format == "json":
        print(json.dumps(tables, indent=2))
    if not any(measured["rows"] for measured in tables):
        print(f"{parser.prog}: nothing was timed", file=sys.stderr)
        return 1
    if not before:
        return 0
    lines, fell = regression.compare(before, tables)
    for line in lines:
        print(line, file=sys.stderr)
    return int(fell)


def _parser() -> Parser:
    parser = Parser("bench", ABOUT, EXAMPLES)
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE",
        help=f"a table: {', '.join(TABLES)}; default: these three; or alone: startup, the time until a command prints, "
        "or verdicts, check_backward beside gradcheck",
    )
    parser.add_argument("--threads", type=int, nargs="+", choices=CORES, metavar="N",
                        help="the threads of each side, for steps; default: 1 and 2")  # fmt: skip
    parser.add_argument("--dtype", nargs="+", choices=DTYPES, metavar="DTYPE",
                        help="the dtypes, float32 and float64, for steps; default: both")  # fmt: skip
    parser.add_argument("--eager", action="store_true", help="time torch in eager mode alone: torch.compile takes long")
    parser.add_argument(
        "--format", choices=["table", "json"], default="table", help="the output's format; default: table"
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="an earlier result in JSON to compare with: rows that became slower are named",
    )
    return parser


def run(chosen: Sequence[str], options: Any) -> Iterator[dict[str, Any]]:
    """The tables, one after the other."""
    keep_freed_memory()
    if "steps" in chosen:
        for threads in options.threads or CORES[:2]:
            for dtype in options.dtype or DTYPES:
                compiled = threads == 1 and dtype == "float32" and not options.eager
                yield table("steps", threads, dtype, bar(workloads(getattr(np, dtype))), compiled)
    if [*chosen] == ["kernel"]:
        if kernel().endswith(HELD["OPENBLAS_CORETYPE"]):
            yield table("kernel", 1, "float32", bar(workloads(np.float32)))
        else:
            why = asdict(Untimed("all of them", f"NumPy's BLAS cannot be held to AVX2 here: {kernel()}"))
            yield table("kernel", 1, "float32", []) | {"untimed": [why]}
    elif "kernel" in chosen:
        done = again(["kernel", "--format", "json"], HELD, subprocess.PIPE)
        if not done.stdout:
            raise Void("the table of the kernel was not made")  # its own process has said why
        yield from json.loads(done.stdout)
    if "growth" in chosen:
        yield table("growth", 1, "float32", bar(growth(np.float32)))


def bar(works: Sequence[Any]) -> Any:
    """The workloads, counted on a terminal."""
    return tqdm(works, unit=" workloads", leave=False, disable=None)


def again(
    arguments: Sequence[str], wanted: dict[str, str], stdout: int | None = None
) -> subprocess.CompletedProcess[str]:
    """The benchmark in a process of its own, with these variables of OpenBLAS and no others."""
    environment = {name: value for name, value in os.environ.items() if name not in OPENBLAS} | wanted
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [
        sys.executable,
        "-P",
        "-m",
        "experiments.bench",
        *arguments,
    ]  # not another's `experiments`, where the user is
    return subprocess.run(command, env=environment, stdout=stdout, text=True, check=False)
