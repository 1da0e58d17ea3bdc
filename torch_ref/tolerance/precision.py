"""What rounding is like in a dtype."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

ULPS = 4
"""By how many an elementary function may err."""


class Precision(NamedTuple):
    """Of a dtype: the unit roundoff, the smallest normal number, and the largest one."""

    u: float
    tiny: float
    largest: float


@cache
def precision(dtype: Any) -> Precision:
    """That of a dtype."""
    info = np.finfo(dtype)
    return Precision(float(info.eps) / 2, float(info.smallest_normal), float(info.max))
