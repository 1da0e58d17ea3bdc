"""What is left out: a factor, a slope, a term, a sum, put to one value."""

import ast
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np

from experiments.grade.repairs.atoms import Atom, is_float, is_number
from experiments.grade.repairs.edits import Edit, filled
from experiments.grade.repairs.places import Place

FACTORS = (
    ("a factor is missing", "v * a", 4), ("a divisor is missing", "v / a", 4),
    ("a slope is missing", "v * (1 - a)", 4), ("a slope is missing", "v * (1 - a ** 2)", 4),
    ("a slope is missing", "v * a * (1 - a)", 5), ("a mask is missing", "v * (a > 0)", 4),
    ("a factor is missing", "v * a ** 2", 5), ("a divisor is missing", "v / a ** 2", 5),
)  # fmt: skip
OF_NUMBERS = (
    ("a divisor is missing", "v / a ** 0.5", 2), ("a factor is missing", "v * a", 4),
    ("a divisor is missing", "v / a", 4), ("a factor is missing", "v * (1 - a)", 4),
    ("a divisor is missing", "v / (1 - a)", 4),
)  # fmt: skip
ALONE = (
    ("a factor is missing", "2 * v", 3), ("a factor is missing", "3 * v", 3), ("a divisor is missing", "v / 2", 3),
    ("a root is missing", "v ** 0.5", 3),
)  # fmt: skip
OVER_AXES = (
    ("a sum is missing", "v.sum(axis=x)", 4), ("a sum is missing", "v.sum(axis=x, keepdims=True)", 4),
    ("a mean is missing", "v.mean(axis=x)", 4), ("a term is missing", "v - v.sum(axis=x, keepdims=True)", 4),
    ("the path through the mean is missing", "v - v.mean(axis=x, keepdims=True)", 4),
)  # fmt: skip
"""What is put to a value v, with an atom a or along an axis x: of which kind it is, and how large a change."""
PENALTIES = ("v + n * a", "v + 2 * n * a", "v - n * a")
"""With an array a, and its strength n."""
PRODUCTS: tuple[tuple[str, Callable[[Any, Any], Any]], ...] = (
    ("v + a * b", lambda a, b: a * b), ("v + a * (1 - b)", lambda a, b: a * (1 - b)),
    ("v + a @ b", lambda a, b: a @ b), ("v + a @ b.T", lambda a, b: a @ b.T), ("v + a.T @ b", lambda a, b: a.T @ b),
)  # fmt: skip
"""Terms of two atoms."""


def additions_to(place: Place, value: Any, whole: Any, atoms: list[Atom]) -> Iterator[Edit]:
    """What may be missing at one place, which gave this value in a statement that gave the whole one."""
    node = place.node
    if isinstance(node, ast.Constant) and isinstance(place.parent, ast.AugAssign):  # of a count, as of margins
        for a in atoms:
            if np.ndim(a.value) == 2:
                yield Edit("a sum is missing", [(place, filled("v * a.sum(axis=1)", v=node, a=a))], 4)
    if not is_float(value):
        return
    for kind, form, size in ALONE:
        yield Edit(kind, [(place, filled(form, v=node))], size)
    for axis in [None, *range(np.ndim(value))] if np.ndim(value) else []:
        for kind, form, size in OVER_AXES:
            yield Edit(kind, [(place, filled(form, v=node, x=ast.Constant(axis)))], size)
    shapes = {np.shape(value), np.shape(whole) if is_number(whole) else ()}
    for a in atoms:
        for kind, form, size in _forms(a.value, np.shape(value), shapes):
            yield Edit(kind, [(place, filled(form, v=node, a=a))], size)
    yield from _with_a_strength(place, np.shape(value), atoms)


def _forms(atom: Any, shape: tuple[int, ...], shapes: set[tuple[int, ...]]) -> tuple[tuple[str, str, int], ...]:
    """What an atom may be put to a value by: the product has one of these shapes."""
    if np.ndim(atom) == 0:
        return OF_NUMBERS
    try:
        fits = np.broadcast_shapes(shape, np.shape(atom)) in shapes
    except ValueError:
        return ()
    return () if not fits else FACTORS if is_float(atom) else FACTORS[:1]


def _with_a_strength(place: Place, shape: tuple[int, ...], atoms: list[Atom]) -> Iterator[Edit]:
    """A strength times an array of this shape; Adam's correction, one less a rate to the power of the step."""
    numbers = [a for a in atoms if np.ndim(a.value) == 0]
    for a, n in product(atoms, numbers):
        if is_float(n.value) and shape and np.shape(a.value) == shape and is_float(a.value):
            for form in PENALTIES:
                yield Edit("a term is missing", [(place, filled(form, v=place.node, n=n, a=a))], 5)
        elif a in numbers and is_float(a.value) and 0 < a.value < 1 and not is_float(n.value):
            new = filled("v / (1 - a ** n)", v=place.node, a=a, n=n)
            yield Edit("a bias correction is missing", [(place, new)], 6)


def products_for(place: Place, needed: Any, atoms: list[Atom]) -> Iterator[Edit]:
    """The products of two atoms that are nearly what a value lacks, as far as that is known. Each is only tried."""
    if needed is None:
        return
    arrays = [a for a in atoms if is_float(a.value) and np.ndim(a.value)]
    for a, b in product(arrays, arrays):
        for form, make in PRODUCTS:
            with suppress(ValueError):
                value = make(a.value, b.value)
                if np.shape(value) == np.shape(needed) and np.allclose(value, needed, rtol=1e-6, atol=1e-9):
                    yield Edit("a term is missing", [(place, filled(form, v=place.node, a=a, b=b))], 4)


def terms_of(place: Place) -> Iterator[Place]:
    """The value, and the terms and arguments in it to which something may be missing."""
    yield place
    node = place.node
    for inner in place.inner:
        under_sum = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.MatMult)
        if under_sum or isinstance(node, ast.Call | ast.UnaryOp | ast.IfExp | ast.List | ast.Tuple):
            yield from terms_of(inner)
        elif isinstance(node, ast.BinOp) and not isinstance(inner.node, ast.Name | ast.Constant | ast.Attribute):
            yield from (p for p in terms_of(inner) if p is not inner or isinstance(inner.node, ast.Call))
