"""One test for the cases of a kind: a test for each would take longer to start and to report than to run."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import wraps
from typing import Any

import pytest


def file_of(example: str) -> str:
    """The file of an example's id, "relu-1"."""
    return example.rpartition("-")[0]


def together(_: str) -> str:
    """All are of one kind."""
    return "all"


def for_each(
    argument: str, cases: Iterable[tuple[str, Any] | str], kind: Callable[[str], str] = together, every: int = 1
) -> Any:
    """Run a test with each case, (id, value), or a name, which is both, as the argument; those of a kind, by their
    ids, are one test.

    A case begins with the fixtures as they were, and what fails says which it was. Every third case, say, is quick,
    the others are slow.
    """
    kinds: dict[tuple[str, bool], list[tuple[str, Any]]] = {}
    for place, case in enumerate(cases):
        name, value = (case, case) if isinstance(case, str) else case
        kinds.setdefault((kind(name), place % every > 0), []).append((name, value))
    marked = [
        pytest.param(found, id=name + slow * ", the others", marks=[pytest.mark.slow] * slow)
        for (name, slow), found in kinds.items()
    ]

    def decorate(test: Callable[..., None]) -> Any:
        @wraps(test)
        def run(**fixtures: Any) -> None:
            failures = [*failing(test, argument, fixtures)]
            if len(failures) == 1:
                raise failures[0]
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} cases fail", failures)

        return pytest.mark.parametrize(argument, marked)(run)

    return decorate


def failing(test: Callable[..., None], argument: str, fixtures: dict[str, Any]) -> Iterable[BaseException]:
    """What the cases fail with, each with its id."""
    for name, case in fixtures[argument]:
        fresh = {"rng": deepcopy(fixtures["rng"])} if "rng" in fixtures else {}
        try:
            test(**fixtures | fresh | {argument: case})
        except (Exception, pytest.fail.Exception) as error:
            error.add_note(f"in the case {name}")
            yield error
