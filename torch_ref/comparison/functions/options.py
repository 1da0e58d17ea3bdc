"""What a check is asked to do, and the names of its trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from torch_ref.comparison.functions.calls import Given, is_real
from torch_ref.comparison.functions.result import ELSEWHERE

LAYOUTS = ("non-contiguous", "transposed")
UPSTREAM = (
    "δ of other strides",
    "δ transposed",
    "δ of zeros",
    "δ expanded",
    "δ of other sizes",
    "δ of one output alone",
)
DRAWS = (
    "expanded", "rows in another order", "batch of 1", "batch of 2", "odd batch", "empty", "times 1e-4", "times 1e4",
    "near overflow", "zeros", "repeated indices", "ignored indices", "NaN", "infinities",
)  # fmt: skip
CALLS = ("only some inputs", "backward twice", "two forwards first", "reused memory", "repeated in another order",
         ELSEWHERE)  # fmt: skip
CLAIMS = ("forward mode", "vmap", "second derivatives")
TRIALS = (*LAYOUTS, *UPSTREAM, *DRAWS, *CALLS, *CLAIMS)
"""What `skip` may name. The inputs as they are, which have no name, are always tried."""
LOW = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Options:
    """See `check_backward`.

    Raises:
        ValueError: a trial to skip has no such name; dtypes are not a sequence of dtypes; there is no such device.
    """

    kwargs: Mapping[str, Any] = field(default_factory=dict)
    dtypes: Sequence[torch.dtype] | None = None
    device: str | None = None
    accumulate: torch.dtype | None = None
    orders: int = 1
    repeats: int = 12
    seed: int = 0
    skip: Sequence[str] = ()
    quick: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.skip, str):
            raise ValueError(f"check_backward: expected skip as a list, as ['empty'], got {self.skip!r}")
        if unknown := [name for name in self.skip if name not in TRIALS]:
            names = ", ".join(TRIALS)
            raise ValueError(f"check_backward: expected skip to name trials, got {unknown[0]!r}; they are {names}")
        if self.orders not in (1, 2):
            raise ValueError(f"check_backward: expected orders=1 or 2, got {self.orders!r}")
        listed = isinstance(self.dtypes, list | tuple) and all(isinstance(d, torch.dtype) for d in self.dtypes)
        if self.dtypes is not None and not listed:
            raise ValueError(f"check_backward: expected dtypes as [torch.bfloat16], got {self.dtypes!r}")
        if self.device is not None:
            _check_device(self.device)

    def asks(self, trial: str) -> bool:
        """Whether it is to be tried."""
        return trial not in self.skip

    def dtypes_of(self, given: Given) -> list[torch.dtype | None]:
        """In which dtypes is judged; None is that of the inputs, where they have several."""
        if self.dtypes is not None:
            return [*self.dtypes]
        own = {v.dtype for v in given.leaves if is_real(v)}
        if own & {*LOW}:
            return [own.pop() if len(own) == 1 else None]
        if any(d.is_complex for d in own):
            return [torch.complex128, torch.complex64]
        return [torch.float64, torch.float32]


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        raise ValueError(f"check_backward: device {device!r}: {str(error).partition(chr(10))[0]}") from None
