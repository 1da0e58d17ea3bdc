"""What arrays of any function may be, where no family of arrays fits: every matrix and vector that may go with x.

The most different sizes come first, so that what does not belong together does not broadcast.
"""

import re
from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np

from experiments.grade.forms.course.arguments import ROLES
from experiments.grade.forms.piece import Arrays

Shape = tuple[int, ...]
VECTOR = re.compile(r"(b|c|bias|beta|gamma|scale|shift|gain|g|a|alpha)\w{0,3}|b(ias)?_?\w*", re.IGNORECASE)
"""What an argument is called that is a vector rather than a matrix."""
FAMILIES: dict[str, tuple[Shape, tuple[Shape, ...], tuple[Shape, ...]]] = {
    "rows": (
        (5, 3),
        ((3, 4), (4, 3), (3, 3), (4, 4), (2, 3, 4), (3, 4, 2), (4, 2), (2, 4)),
        ((4,), (3,), (2, 4), (4, 2), (2,), (1, 4), (1, 3)),
    ),
    "pictures": (
        (2, 3, 4, 6),
        ((3, 3, 3), (3, 1, 3, 3), (5, 3, 3, 3), (3, 5, 3, 3), (5, 3), (5, 3, 1, 1), (3, 5), (2, 3), (3, 2)),
        ((3,), (5,), (2,), (1, 3, 1, 1)),
    ),
    "signals": ((2, 3, 6), ((5, 3, 3), (3, 5, 3), (3, 1, 3), (3, 3, 3), (5, 3), (3, 5)), ((5,), (3,))),
    "sequences": ((2, 5, 3), ((3, 4), (4, 3), (3, 3), (4, 4), (4, 3, 2)), ((4,), (3,), (5,))),
}
"""x, the matrices and the vectors that may go with it."""
STEPS: dict[str, tuple[Shape, Shape]] = {"one step": ((5, 3), (5, 2)), "sequences": ((5, 4, 3), (5, 2))}
"""x and a state of one step, or of several."""
KINDS = 4
"""Of weights, as those of x, those of the state, and a bias, whatever gates there are."""
OF_A_STEP: tuple[tuple[Shape, ...], tuple[Shape, ...]] = (((3, 2), (2, 2), (5, 2), (2, 3), (2, 5)), ((2,), (1, 2)))
"""The matrices, also of both one beside the other, and the vectors of a step."""
TWO: tuple[tuple[Shape, ...], ...] = (((5, 3), (5, 2)), ((4, 3, 2), (3, 2, 4), (3, 2), (3, 4, 2)), ((4,), (1,), ()))
"""Two inputs, and the matrices and vectors that may go with them."""
SINGLE_NUMBERS = "single numbers"
MOST = 4000
"""Ways that are tried of a family."""


def guesses(arguments: list[str], rng: np.random.Generator) -> Iterator[tuple[str, Arrays]]:
    """What x and the arguments after it may be, and what to call that."""
    yield from _steps(arguments, rng)
    yield from _of_two(arguments, rng)
    yield SINGLE_NUMBERS, single_numbers(arguments, rng)
    for family, (x, matrices, vectors) in FAMILIES.items():
        ways = [vectors if VECTOR.fullmatch(n) else matrices for n in arguments[1:]]
        if not len(arguments) > 1 or prod(map(len, ways)) > MOST:
            return
        for shapes in sorted(product(*ways), key=lambda way: -len({n for shape in way for n in shape} - {1})):
            drawn = zip(arguments, (x, *shapes), strict=True)
            yield f"{family} of {', '.join(map(str, (x, *shapes)))}", {n: rng.standard_normal(s) for n, s in drawn}


def single_numbers(arguments: list[str], rng: np.random.Generator) -> Arrays:
    """An array of no axes for each, as what compares its argument or hands it to math takes."""
    return {n: rng.standard_normal(()) for n in arguments}


def _steps(arguments: list[str], rng: np.random.Generator) -> Iterator[tuple[str, Arrays]]:
    """A step of a recurrent cell: weights whose names differ in their last letter, as the gate's, are of one shape."""
    states = [n for n in arguments[1:] if ROLES.get(n) in ("h", "c")]
    others = [n for n in arguments[1:] if n not in states]
    kinds = sorted({n[:-1] for n in others})
    ways = [OF_A_STEP[bool(VECTOR.fullmatch(kind))] for kind in kinds]
    if not states or not 0 < len(kinds) <= KINDS or "" in kinds:
        return
    for (family, (x, state)), way in product(STEPS.items(), product(*ways)):
        of = dict(zip(kinds, way, strict=True))
        shapes = {arguments[0]: x, **dict.fromkeys(states, state), **{n: of[n[:-1]] for n in others}}
        yield family, {n: rng.standard_normal(shapes[n]) for n in arguments}


def _of_two(arguments: list[str], rng: np.random.Generator) -> Iterator[tuple[str, Arrays]]:
    """Two inputs of different sizes, whose names differ in their last letter, and what goes with both."""
    one, another, *others = arguments if len(arguments) > 2 else ("", "")
    if not others or not one[:-1] or one[:-1] != another[:-1]:
        return
    inputs, matrices, vectors = TWO
    for way in product(*(vectors if VECTOR.fullmatch(n) else matrices for n in others)):
        drawn = zip(arguments, (*inputs, *way), strict=True)
        yield "two inputs", {n: rng.standard_normal(shape) for n, shape in drawn}
