"""What a turn of a loop holds on its way, kept under names that no file can have: what keeps it, and what runs that."""

import ast
import copy
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np

KEPT, HOT, ALSO, STACKED, TURN = "kept(…)", "hot(…)", "also(…)", "stacked(…)", "turn(…)"
LOSS = re.compile(
    r"(sum|total|train|epoch|batch|running)?_?(loss|cost|mse|err(or)?|sse|objective|likelihood|(?-i:J))", re.IGNORECASE
)
"""What a number is called that is a cost."""


def kept(value: Any) -> Any:
    """What a place holds now."""
    return value.copy() if isinstance(value, np.ndarray) else value


def hot(scores: Any, places: Any) -> Any:
    """Ones at some places of an array, zeros elsewhere."""
    target = np.zeros(np.shape(scores))
    target[places] = 1
    return target


def also(values: list[Any], value: Any) -> list[Any]:
    """What a place holds in each turn of a loop within."""
    return [*values, value]


def stacked(value: Any) -> Any:
    """What was kept in each turn of a loop within, in one array."""
    if not isinstance(value, list):
        return np.asarray(value)
    return np.asarray(value[0]) if len(value) == 1 else np.array(value)


def at_turn(values: Iterable[Any], number: int) -> Any:
    """What a loop has in this turn of it."""
    return next(islice(iter(values), number, None))


BESIDE = "·"
"""What stands between a name and the function that it is of, where that is written out: a file has no such names."""
HELPERS = {KEPT: kept, HOT: hot, ALSO: also, STACKED: stacked, TURN: at_turn}


def assigned(name: str, value: ast.expr, near: ast.stmt) -> ast.stmt:
    """A statement that keeps a value as it is now."""
    return stored(name, kept_now(value), near)


def kept_now(value: ast.expr) -> ast.expr:
    """A value as it is now."""
    return ast.Call(ast.Name(KEPT, ast.Load()), [copy.deepcopy(value)], [])


def stored(name: str, value: ast.expr, near: ast.stmt) -> ast.stmt:
    """A statement that gives a name a value, where another stands."""
    new = ast.Assign([ast.Name(name, ast.Store())], value)
    return ast.fix_missing_locations(ast.copy_location(new, near))
