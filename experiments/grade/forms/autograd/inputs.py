"""What a Function is called with, where no example says it: by its arguments' names, or else by what makes it run."""

import ast
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from experiments.grade.forms.course.arguments import FAMILIES, ROLES

OPTIONS: dict[str, Any] = {
    "eps": 1e-5, "epsilon": 1e-5, "slope": 0.1, "negative_slope": 0.1, "threshold": 0.5, "dim": -1, "axis": -1,
    "p": 0.5, "causal": False, "stride": 1, "padding": 1, "groups": 1, "num_groups": 1, "training": True,
    "reduction": "mean", "temperature": 2.0, "smoothing": 0.1,
}  # fmt: skip
"""What arguments without a default are that are no arrays, by their names."""
ANNOTATED = {"float": 0.5, "int": 1, "bool": True}
LABELS = {"target", "targets", "label", "labels", "y", "index", "indices", "idx", "classes", "t"}
NORM = {"x": (5, 3), "w": (3,), "b": (3,), "gamma": (3,), "beta": (3,)}
ALIKE = ((5, 3), (2, 5, 3), (2, 3, 5, 4))
"""Shapes that all arguments may have."""
BY_PLACE = (
    ((5, 3), (3,), (3,)), ((5, 3), (4, 3), (4,)), ((5, 3), (3, 4), (4,)), ((2, 3, 5, 4), (3,), (3,)),
    ((2, 3, 5, 4), (2, 3, 3, 3), (2,)), ((2, 3, 5, 4), (4, 3), (4,)), ((2, 5, 3), (2, 3, 4)),
    ((5, 3), (4, 3), (6, 4), (3, 6)),
)  # fmt: skip
"""Shapes of what comes first, second, …"""


def candidates(
    parameters: Sequence[inspect.Parameter], kept: set[str], rng: np.random.Generator
) -> Iterator[list[Any]]:
    """What the arguments may be, the likeliest first: arrays, classes, or single numbers, as those that are `kept` on
    ctx, where no array is."""
    names = [p.name for p in parameters]
    certain = {p.name: value for p in parameters[1:] if (value := _option(p)) is not None}
    plain = [n for n in names[1:] if n in kept and n not in certain]
    for options in (certain | dict(zip(plain, _numbers(len(plain)), strict=True)), certain):
        arrays = [n for n in names if n not in options]
        for shapes in _shapes(arrays):
            drawn = {n: rng.standard_normal(shape) for n, shape in zip(arrays, shapes, strict=True)}
            yield [*({**drawn, **options}[n] for n in names)]
        for name in sorted((n for n in arrays[1:] if n not in ROLES), key=lambda n: n not in LABELS):
            drawn = {n: rng.standard_normal((5, 3)) for n in arrays} | {name: rng.integers(0, 3, 5)}
            yield [*({**drawn, **options}[n] for n in names)]


def kept_on(context: ast.AST) -> set[str]:
    """The names that a class keeps as they are as attributes: of ctx, they are no arrays."""
    found: set[str] = set()
    for node in ast.walk(context):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = zip(*(getattr(n, "elts", [n]) for n in (target, node.value)), strict=False)
                found |= {v.id for t, v in pairs if isinstance(t, ast.Attribute) and isinstance(v, ast.Name)}
    return found


def _numbers(count: int) -> list[float]:
    """Numbers that rise, as the ends of an interval do."""
    return [0.5] if count == 1 else [0.25 + i for i in range(count)]


def _option(parameter: inspect.Parameter) -> Any:
    """An argument that is no array; None for one that is."""
    of = parameter.annotation
    kind = of if isinstance(of, str) else getattr(of, "__name__", "")
    return OPTIONS.get(parameter.name, ANNOTATED.get(kind))


def _shapes(names: list[str]) -> Iterator[list[tuple[int, ...]]]:
    roles = [ROLES.get(n, "") for n in names]
    if len(names) > 1 and all(roles) and len({*roles}) == len(roles):
        yield from ([family[r] for r in roles] for family in (NORM, *FAMILIES.values()) if {*roles} <= family.keys())
    for shape in ALIKE:
        yield [shape] * len(names)
    for shapes in BY_PLACE:
        if 1 < len(names) <= len(shapes):
            yield [*shapes[: len(names)]]
    for single in ((), (1,)) if len(names) > 1 else ():
        yield [ALIKE[0], *[single] * (len(names) - 1)]
