"""One page on the two documents, executed: `python -m experiments.report [--out FOLDER]`.

It trains every network with both implementations, compares everything that can be compared, and writes
`FOLDER/index.html`, and the README's pictures and `report.json` beside it.
The runs are kept in `FOLDER/runs/`; the page of last time stays until the new one is whole.

`--full` trains the networks that look for the Bluebird from three seeds, and the language model to its end; pages made
in the same folder later show these runs, each with its date.
`--handout` writes sheets to hand out instead: one training step with blanks, the solutions on the last page.
`--runs FOLDER` shows the training runs in a folder side by side instead, whatever they train, and writes
`runs.html`.
`--compare A.json B.json` holds two such files against each other instead, and writes `FOLDER/compare.html`.

What each of these needs is imported when it is asked for: help and a refused argument wait for none of it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from experiments.report import sheets
from experiments.shared.command import Parser, command, write
from experiments.shared.printable import one_line
from manual import Diverged, InputError

if TYPE_CHECKING:
    from experiments.report.record.json_record import Record

EXAMPLES = (
    "", "--full", "--out before", "--compare before/report.json reports/report.json",
    "--handout --x 0.5 0.1 --y 0.8 --lr 0.1 --seed 7", "--handout --sheets 30",
)  # fmt: skip


@command
def main(arguments: list[str] | None = None) -> int:
    """Make the report, or compare two; 0 if every comparison agrees, or nothing got worse, else 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    numbers = sheets.given(parser, options)
    records = _records(parser, options.compare) if options.compare else None
    out = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: expected a folder, got {out} ({error.strerror})")
    if options.handout:
        print(*sheets.handed_out(out, numbers, options.seed or 1, options.sheets or 1), sep="\n")
        return 0
    if options.runs:
        return _show_runs(parser, options.runs, out / "runs.html")
    if records:
        return _compare(options.compare, records, out / "compare.html")
    return _make(parser, out, options.full)


def _show_runs(parser: Parser, folder: Path, path: Path) -> int:
    """Write the training runs of a folder side by side."""
    from experiments.report.record import side_by_side

    try:
        shown = side_by_side.found(folder)
    except (InputError, OSError) as error:
        parser.error(f"--runs: {error}")
    write(path, side_by_side.page(shown))
    print(side_by_side.text(shown), f"{path}", sep="\n")
    return 0


def _records(parser: Parser, files: list[Path]) -> "list[Record]":
    """The reports to compare."""
    from experiments.report.record.json_record import read

    try:
        return [read(file) for file in files]
    except InputError as error:
        parser.error(f"--compare: {error}")


def _compare(files: list[Path], records: "list[Record]", path: Path) -> int:
    """Hold two reports against each other."""
    from experiments.report.record import comparison

    found = comparison.difference(*records)
    write(path, comparison.page([*map(str, files)], records, found))
    print(comparison.text(found), f"{path}: {found.verdict}", sep="\n")
    return found.status


def _make(parser: Parser, out: Path, full: bool) -> int:
    """Make the report."""
    from experiments.report.make import make
    from torch_ref import NoTwin

    try:
        found = make(out, full)
    except BrokenPipeError:
        raise
    except (InputError, Diverged, NoTwin, OSError) as error:
        parser.error(one_line(error))
    print(f"{out / 'index.html'}: {found.verdict}")
    return 0 if found.agrees else 1


def _parser() -> Parser:
    parser = Parser(
        "report", "Train every network by hand and in torch, compare the two, and write one page on it.", EXAMPLES
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="FOLDER", help="the folder to write to; default: reports"
    )
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--full",
        action="store_true",
        help="train the Bluebird networks from three seeds instead of one, and the language model to its end",
    )
    either.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar=("A.json", "B.json"),
        help="compare the report.json of two runs and write FOLDER/compare.html, first what differs; "
        "exit code 1 if a verdict got worse, or B lacks a comparison that A has",
    )
    either.add_argument(
        "--runs",
        type=Path,
        metavar="FOLDER",
        help="show the training runs under FOLDER side by side, and write runs.html: how their configs differ, their "
        "curves and their results",
    )
    either.add_argument(
        "--handout",
        action="store_true",
        help="write a worksheet for A4, FOLDER/handout-SEED.html: one training step with blanks; solutions on the last "
        "page",
    )
    sheets.add(parser)
    return parser
