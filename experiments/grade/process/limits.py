"""The limits of a student's process: its memory, and what it may return. (Its time is in deadline.py.)"""

from contextlib import suppress
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from manual.numbers.number_types import Array

MEMORY = 4
"""GiB that a submission may ask for, where the system can limit it (Linux)."""
LARGEST = 64 << 20
"""Bytes of one array that it may return: no gradient of the examples comes near."""


def limit_memory() -> None:
    """Limit the memory of this process, where the system can."""
    with suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY << 30, MEMORY << 30))


def numbers(value: Any) -> Array:
    """What a submission returned, as an array of numbers.

    Raises:
        Unclear: it is something else, or too large.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.empty((), dtype=object)
    if array.dtype.kind not in "fiub":
        if value is None:
            raise Unclear("still to be written: it returns None")
        got = f"{array.dtype} numbers" if array.dtype.kind == "c" else type(value).__name__
        raise Unclear(f"expected an array of numbers, got {got}")
    if array.nbytes > LARGEST:
        raise Unclear(f"expected an array of at most {LARGEST >> 20} MiB, got one of shape {array.shape}")
    return array


def all_numbers(values: dict[str, Any]) -> dict[str, Array]:
    """Each as an array of numbers.

    Raises:
        Unclear: one is something else, or too large.
    """
    return {str(name): numbers(value) for name, value in values.items()}
