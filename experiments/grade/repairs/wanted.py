"""What a pass of a file is to give, and what of it that is not."""

from typing import Any

import numpy as np

from experiments.grade.process.answers import Arrays, TrueValue

Wanted = dict[str, TrueValue]


def wrong(found: Arrays, wanted: Wanted) -> set[str]:
    """The quantities that are not what they are to be; one that is not there is to be 0."""
    return {n for n, w in wanted.items() if not _is_near(found.get(n, np.zeros_like(w.value)), w)}


def _is_near(found: Any, wanted: TrueValue) -> bool:
    return np.shape(found) == np.shape(wanted.value) and bool(np.all(np.abs(found - wanted.value) <= wanted.allowed))
