"""What a file itself says that its pieces are called with: `examples(rng)`, or a function that is named for one.

An example belongs to the piece that it holds an object of, or that it fits by names; what fits none is said.
"""

import inspect
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import needs
from experiments.grade.forms.piece import Example, Fields, Piece

Maker = Callable[[np.random.Generator], Iterable[Any]]
USED: WeakKeyDictionary[Maker, set[int]] = WeakKeyDictionary()
"""Which of its examples a piece was tried on, for each function that makes them."""


class Own(NamedTuple):
    """One of the file's examples, the function that makes it, and its place among that function's."""

    value: Any
    make: Maker
    number: int

    def use(self) -> None:
        """Note that a piece is tried on it."""
        USED.setdefault(self.make, set()).add(self.number)


def _makers(piece: str, module: ModuleType) -> Iterator[tuple[str, Maker]]:
    """What makes a piece's own examples; then what makes examples for any piece."""
    for name in (f"{piece}_examples", f"examples_{piece}", "examples"):
        make = getattr(module, name, None)
        if inspect.isfunction(make) and needs(make) == 1:
            yield name, make


def _of_piece(piece: str, module: ModuleType, rng: np.random.Generator) -> tuple[list[Own], bool]:
    """The examples that may be of a piece, and whether they are for it alone."""
    name, make = next(_makers(piece, module), ("", None))
    return [Own(e, make, i) for i, e in enumerate(make(rng))] if make else [], name not in ("", "examples")


def unused(module: ModuleType, pieces: Iterable[str]) -> dict[str, str]:
    """The functions that make examples of which no piece was tried on some, and how many these are."""
    found = {}
    for name, make in dict(one for piece in pieces for one in _makers(piece, module)).items():
        try:
            count = len([*make(np.random.default_rng(0))])
        except Exception as error:
            found[name] = f"it raised {type(error).__name__}: {error}"
            continue
        if left := count - len(USED.get(make, ())):
            found[name] = f"{left} of the {count} that it yields fit no piece that runs, by class or arguments' names"
    return found


def of_kind(
    kind: type, module: ModuleType, rng: np.random.Generator, fits: Callable[..., bool] = lambda *_: True
) -> list[tuple[Any, ...]]:
    """The objects of a class that fit, alone or with what they are called with: (object,), (object, x), …"""
    found = []
    for e in _of_piece(kind.__name__, module, rng)[0]:
        own, *given = e.value if isinstance(e.value, tuple) and e.value else (e.value,)
        given = [*given[0]] if len(given) == 1 and isinstance(given[0], tuple) else given
        if type(own) is kind and fits(own, *given):
            e.use()
            found.append((own, *given))
    return found


def of_class(kind: type, count: int, module: ModuleType, rng: np.random.Generator) -> list[tuple[Any, list[Any]]]:
    """The objects of a class, each with the `count` arrays that it is called with: (object, x), or (object, x, …)."""
    found = of_kind(kind, module, rng, lambda _, *given: len(given) == count)
    return [(own, [np.asarray(a) for a in given]) for own, *given in found]


def of_function(
    piece: str,
    needed: list[str],
    names: list[str],
    others: list[list[str]],
    known: Container[str],
    module: ModuleType,
    rng: np.random.Generator,
) -> list[Fields] | None:
    """The file's examples for a function of these arguments; None where it has none for it.

    They are in a function that is named for it, or in `examples`: as dicts by its arguments' names, or as tuples, if
    no other function of the file may be meant: none takes as many, nor are all of its arguments `known` by name.

    Raises:
        Unclear: they do not fit.
    """
    expected = f"expected examples(rng), which yields ({', '.join(needed)})"
    if next(_makers(piece, module), None) is None:
        return None
    every, named = _of_piece(piece, module, rng)
    found = [e for e in every if not _is_of_a_class(e.value, module)]
    another = any(len(o) == len(names) for o in others)
    tuples = named or not others or not (another or all(n in known for n in needed[1:]))
    fitting = [(e, f) for e in found if (f := _as_fields(e.value, needed, names, tuples)) is not None]
    given = [(e, f) for e, f in fitting if isinstance(e.value, dict)] or fitting
    if not given and tuples and (wrong := [e.value for e in found if isinstance(e.value, tuple)]):
        raise Unclear(f"examples(rng) yields {len(wrong[0])} values; {expected}")
    if not given and not others and len(found) == len(every):
        raise Unclear(f"examples(rng) yields nothing; {expected}")
    for e, _ in given:
        e.use()
    return [_as_arrays(fields) for _, fields in given] or None


def fitting(piece: str, function: Callable[..., Any], module: ModuleType) -> bool:
    """Whether one of the file's examples may be for a function."""
    names = inspect.signature(function).parameters
    needed = [n for n, p in names.items() if p.default is p.empty]
    with suppress(Exception):  # which is said where they are run
        every, _ = _of_piece(piece, module, np.random.default_rng(0))
        values = [e.value for e in every if not _is_of_a_class(e.value, module)]
        return any(_as_fields(v, needed, [*names], tuples=True) is not None for v in values)
    return False


def _as_fields(value: Any, needed: list[str], names: list[str], tuples: bool) -> Fields | None:
    """An example by its arguments' names: a dict, or else a tuple of as many; None where it does not fit."""
    if isinstance(value, dict):
        return value if {*needed} <= {*value} <= {*names} else None
    values = value if isinstance(value, tuple) else (value,)
    return dict(zip(names, values, strict=False)) if tuples and len(needed) <= len(values) <= len(names) else None


def _is_of_a_class(value: Any, module: ModuleType) -> bool:
    """Whether it is an object of a class of the file, or begins with one."""
    first = value[0] if isinstance(value, tuple) and value else value
    return type(first).__module__ == module.__name__


def drawn(piece: Piece, pieces: Iterable[Piece], seed: int) -> list[Example]:
    """What the truth of a piece is taken of: what its form draws, and the same on the file's examples that fit it.

    Raises:
        Unclear: there is nothing to take it of.
    """
    if not (found := piece.draw(seed)):
        raise Unclear("examples(rng) yields nothing")
    if piece.judging != "truth":
        return found
    others = [one.arguments for one in pieces if one is not piece]
    return [*found, *_in_place_of(found, piece, others, np.random.default_rng(seed))]


def _in_place_of(
    drawn: list[Example], piece: Piece, others: list[list[str]], rng: np.random.Generator
) -> Iterator[Example]:
    """What was drawn, on each tuple of as many arrays, if no other piece is of as many, or dict of some by name."""
    every, named = _of_piece(piece.name, piece.module, rng)
    names = [*drawn[0].arrays]
    tuples = named or all(len(o) != len(names) for o in others)
    for own in (e for e in every if not _is_of_a_class(e.value, piece.module)):
        needed = [n for n in names if n in own.value] if isinstance(own.value, dict) else names
        arrays = _as_arrays(_as_fields(own.value, needed, names, tuples) or {})
        for one in drawn if arrays else ():
            if all(_is_alike(a, one.arrays[n]) for n, a in arrays.items()):
                with suppress(Exception):  # it is not for this one
                    yield _on(replace(one, arrays=one.arrays | arrays), own, rng)


def _on(example: Example, own: Own, rng: np.random.Generator) -> Example:
    """The example, with a δ of what its forward gives.

    Raises:
        Exception: it does not run so.
    """
    ran = example.run({n: a.copy() for n, a in example.arrays.items()})
    drawn = {n: rng.standard_normal(np.shape(y)) for n, y in ran.outputs.items()}
    delta = {n: drawn[n] for n in example.delta} if isinstance(example.delta, dict) else example.delta
    delta = drawn["y"] if isinstance(delta, np.ndarray) else delta
    if ran.backward:
        ran.backward(delta)
    own.use()
    return replace(example, delta=delta, place=", ".join(filter(None, [example.place, f"example {own.number + 1}"])))


def _is_alike(given: Any, drawn: Any) -> bool:
    """Whether both are floats, or integers."""
    return isinstance(given, np.ndarray) and given.dtype.kind == np.asarray(drawn).dtype.kind


def _as_arrays(example: Fields) -> Fields:
    """Its numbers as arrays; a generator, a dict, a word, None and other objects as they are."""
    found = {name: np.asarray(value) for name, value in example.items()}
    return {name: a if a.dtype.kind in "biuf" else example[name] for name, a in found.items()}
