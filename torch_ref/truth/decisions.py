"""Which way every decision of a certified forward fell, by the place in the code that takes it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Site = tuple[tuple[str, int], ...]
_TAKEN: ContextVar[list[tuple[Site, bool]] | None] = ContextVar("taken", default=None)


@contextmanager
def decisions() -> Iterator[list[tuple[Site, bool]]]:
    """Within, every decision between numbers with derivatives is listed: (the lines of code that led to it, how it
    fell)."""
    taken: list[tuple[Site, bool]] = []
    token = _TAKEN.set(taken)
    try:
        yield taken
    finally:
        _TAKEN.reset(token)


def took(way: bool) -> bool:
    """The decision, noted where decisions are listed."""
    taken = _TAKEN.get()
    if taken is not None:
        lines, frame = [], sys._getframe(1)
        while frame is not None and frame.f_code.co_name != "why_not_zero":
            lines.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        taken.append((tuple(lines), way))
    return way
