"""What arrays go together where examples are columns (n, m), or pictures (m, H, W, C).

The sizes of a layout differ from each other, so that what does not belong together does not broadcast.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.course.arguments import Shapes
from experiments.grade.forms.piece import Arrays

INPUTS, STATE, OUTPUTS, EXAMPLES, STEPS = 4, 2, 7, 3, 5
MANY = 6
"""Parameters of which not every combination is tried."""
COLUMNS: dict[str, tuple[list[tuple[int, ...]], tuple[int, ...]]] = {
    "W is (out, in)": ([(3, 4), (5, 3), (5, 1)], (5, 4)),
    "W is (in, out)": ([(3, 4), (3, 5), (5, 1)], (5, 4)),
    "a norm": ([(3, 4), (3, 1), (3, 1)], (3, 4)),
}
"""Of a linear layer: its input, its weight, its bias; and its output. Four examples: times 1/N is exact."""


class Layout(NamedTuple):
    """The shapes of the arguments in order, those of the arrays in a dict of parameters, and the output's, if that is
    known."""

    name: str
    arguments: Sequence[tuple[int, ...]]
    parameters: Shapes
    output: tuple[int, ...] | None = None

    def drawn(self, names: Sequence[str], rng: np.random.Generator) -> Arrays:
        """The arguments by name, then the parameters by key."""
        shapes = dict(zip(names, self.arguments, strict=True)) | self.parameters
        return {n: rng.standard_normal(shape) for n, shape in shapes.items()}


def layouts(arguments: int, keys: Sequence[str], has_windows: bool) -> Iterator[Layout]:
    """What the arrays may be: so many arguments, a dict of parameters with these keys, windows or none."""
    if keys:
        yield from _cells(arguments, keys)
    elif has_windows and arguments in (1, 2, 3):
        yield Layout("pictures, channels last", [(2, 4, 5, 2), (2, 2, 2, 3), (1, 1, 1, 3)][:arguments], {})
    elif arguments in (2, 3):
        for name, (shapes, output) in COLUMNS.items():
            yield Layout(f"examples are columns, {name}", shapes[:arguments], {}, output)
    elif arguments == 1:
        yield Layout("examples are columns", [(3, 4)], {}, (3, 4))


def _cells(arguments: int, keys: Sequence[str]) -> Iterator[Layout]:
    """A step or a sequence of a recurrent net, whose parameters are told apart by what runs."""
    if arguments not in (2, 3):
        return
    for parameters in (*_by_their_names(keys), *_whatever_their_names(keys)):
        for name, steps in (("one step", ()), ("sequences", (STEPS,))):
            given = [(INPUTS, EXAMPLES, *steps), (STATE, EXAMPLES), (STATE, EXAMPLES)]
            yield Layout(f"{name}, examples are columns", given[:arguments], parameters)


def _by_their_names(keys: Sequence[str]) -> Iterator[Shapes]:
    """A bias begins with b, and what makes the output has a y; which columns the other weights have is tried."""
    biases = {k: (OUTPUTS if _is_of_output(k) else STATE, 1) for k in keys if k.lower().startswith("b")}
    outer = {k: (OUTPUTS, STATE) for k in keys if k not in biases and _is_of_output(k)}
    inner = [k for k in keys if k not in biases and k not in outer]
    if len(inner) <= MANY:
        for columns in sorted(product((INPUTS, STATE, STATE + INPUTS), repeat=len(inner)), key=lambda c: len({*c})):
            yield {k: (STATE, n) for k, n in zip(inner, columns, strict=True)} | outer | biases


def _whatever_their_names(keys: Sequence[str]) -> Iterator[Shapes]:
    """Any of them may be anything."""
    anything = [(STATE, INPUTS), (STATE, STATE), (STATE, 1), (OUTPUTS, STATE), (OUTPUTS, 1), (STATE, STATE + INPUTS)]
    if len(keys) < MANY:
        for shapes in product(anything, repeat=len(keys)):
            yield dict(zip(keys, shapes, strict=True))


def _is_of_output(key: str) -> bool:
    return "y" in key.lower()


def pictures(shape: tuple[int, ...], settings: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The settings of windows that are tried, and what to call them: side by side, overlapping, at the edge."""
    if len(shape) != 4 or "stride" not in settings:
        yield "", settings
        return
    tried = [
        {"stride": 1, "pad": 1, "f": 2, "pool_height": 2, "pool_width": 2},
        {"stride": 2, "pad": 1, "f": 2, "pool_height": 2, "pool_width": 1},
        {"stride": 1, "pad": 0, "f": 3, "pool_height": 3, "pool_width": 2},
    ]
    for values in tried:
        known = settings | {k: v for k, v in values.items() if k in settings}
        yield ", ".join(f"{k} {v}" for k, v in known.items() if k in values), known
