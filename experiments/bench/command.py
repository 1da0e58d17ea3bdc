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

What measures is imported when it is asked for: help and a refused argument do not wait for torch.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.bench import own_process, regression
from experiments.shared.command import Parser, command, expected_one_of
from experiments.shared.errors import CommandError
from manual import InputError

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
        from experiments.bench import startup

        print(startup.text(startup.seconds()))
        return 0
    if options.tables == ["verdicts"]:
        from experiments.bench import verdicts

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
    wanted = own_process.HELD if options.tables == ["kernel"] else {}
    if not own_process.has(wanted):
        return own_process.again(sys.argv[1:] if arguments is None else arguments, wanted).returncode
    try:
        measured = _measured(chosen, options)
    except CommandError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    if not any(table["rows"] for table in measured):
        print(f"{parser.prog}: nothing was timed", file=sys.stderr)
        return 1
    if not before:
        return 0
    lines, fell = regression.compare(before, measured)
    for line in lines:
        print(line, file=sys.stderr)
    return int(fell)


def _measured(chosen: Sequence[str], options: Any) -> list[dict[str, Any]]:
    """The tables, each printed as soon as it is there."""
    from experiments.bench import tables
    from experiments.bench.table import text

    measured = []
    for table in tables.run(chosen, options.threads or CORES[:2], options.dtype or DTYPES, not options.eager):
        measured.append(table)
        if options.format == "table":
            print(text(table), flush=True)
    if options.format == "json":
        print(json.dumps(measured, indent=2))
    return measured


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
