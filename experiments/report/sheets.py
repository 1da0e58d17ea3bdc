"""The options of `--handout`: the numbers of a sheet, and how many sheets."""

import re
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from experiments.shared.command import Parser, write

NUMBERS = {
    "x": (2, "the two inputs"),
    "W1": (4, "the hidden weights, neuron by neuron"),
    "b1": (2, "the hidden biases"),
    "W2": (2, "the output's weights"),
    "b2": (1, "the output's bias"),
    "y": (1, "the target"),
    "lr": (1, "the learning rate"),
}
"""Option -> how many numbers it takes, and what they are."""


def add(parser: Parser) -> None:
    """Add the options to the command's."""
    group = parser.add_argument_group(
        "the worksheets of --handout", "Numbers that you do not give are drawn by the seed."
    )
    for name, (count, about) in NUMBERS.items():
        group.add_argument(f"--{name}", nargs=count, metavar="NUMBER", help=about)
    group.add_argument("--seed", type=int, metavar="SEED", help="the seed of the first sheet's numbers; default: 1")
    group.add_argument(
        "--sheets", type=int, metavar="COUNT", help="the number of sheets, each with a seed of its own; default: 1"
    )


def given(parser: Parser, options: Namespace) -> dict[str, list[str]]:
    """The numbers that the teacher gives; what is no short decimal, or belongs to no sheet, ends the command."""
    numbers = {name: getattr(options, name) for name in NUMBERS if getattr(options, name) is not None}
    rest = [name for name in ("seed", "sheets") if getattr(options, name) is not None]
    if not options.handout and (unused := [*numbers, *rest]):
        parser.error(f"--{unused[0]} needs --handout")
    for name, values in numbers.items():
        for value in values:
            if not re.fullmatch(r"-?\d{1,3}(\.\d{1,3})?", value, re.ASCII):
                parser.error(f"--{name}: expected a number with at most three decimals, such as 0.5, got {value!r}")
    if options.sheets is not None and options.sheets < 1:
        parser.error(f"--sheets: expected 1 or more, got {options.sheets}")
    return numbers


def handed_out(out: Path, numbers: dict[str, list[str]], seed: int, sheets: int) -> Iterator[Path]:
    """Write the sheets; their files."""
    from experiments.report.steps import handout  # torch, for which a refused argument need not wait

    for each in range(seed, seed + sheets):
        path = out / f"handout-{each}.html"
        write(path, handout.handout(handout.drawn(each, numbers), str(each)))
        yield path
