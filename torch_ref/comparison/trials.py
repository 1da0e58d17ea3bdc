"""What check_backward.py tries: how tensors lie in memory, which inputs need a gradient, in which dtypes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch

DTYPES = (torch.float64, torch.float32)
SHORTENED = 1 - 2.0**-30
"""Makes of a float32 number a float64 one that float32 has not, so that a loss of digits shows."""

Arrange = Callable[[torch.Tensor], torch.Tensor]


class Trial(NamedTuple):
    """A way to call both: how the inputs lie in memory, which of them need a gradient, in which dtypes, and how the
    upstream gradient lies in memory."""

    name: str
    arrange: Arrange
    needed: Sequence[int]
    dtypes: Sequence[torch.dtype] = DTYPES[:1]
    upstream: Arrange | None = None


def in_float64(x: torch.Tensor) -> torch.Tensor:
    """A tensor in float64, with numbers that float32 has not; equal ones stay equal, 0 stays 0, and 1 is below 1."""
    wide = x.double()
    return wide * SHORTENED if torch.equal(wide.float().double(), wide) else wide


def deltas(outputs: Sequence[torch.Tensor], trial: Trial) -> list[torch.Tensor]:
    """The upstream gradients: the same for every call on the same shapes."""
    rng = np.random.default_rng(0)
    arrange = trial.upstream or trial.arrange
    return [arrange(torch.tensor(rng.standard_normal(o.shape)).to(o)) for o in outputs]


def trials(which: list[int], names: list[str], rows: int | None) -> Iterator[Trial]:
    """All that is tried, for inputs that are differentiated at these places; `rows` is the length that is emptied."""
    yield Trial("", lambda t: t, which, DTYPES)
    yield Trial("non-contiguous", lambda t: torch.stack([t, t], -1)[..., 0], which)
    yield Trial("expanded", lambda t: t[:1].expand_as(t) if t.ndim else t, which)
    yield Trial("upstream of other strides", lambda t: t, which, upstream=_other_strides)
    if rows is not None:
        yield Trial("empty", lambda t: t[:0] if t.ndim and len(t) == rows else t, which, DTYPES)
    sizes = range(1, len(which)) if len(which) <= 3 else (1, len(which) - 1)
    for some in (some for size in sizes for some in combinations(which, size)):
        yield Trial(f"only {', '.join(names[i] for i in some)}", lambda t: t, some)


def _other_strides(t: torch.Tensor) -> torch.Tensor:
    """The same numbers, the first axis last in memory; those of a vector two apart."""
    if t.ndim < 2:
        return torch.stack([t, t], -1)[..., 0]
    return t.transpose(0, -1).contiguous().transpose(0, -1)
