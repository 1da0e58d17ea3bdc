"""What is expected of a function, and its tolerance, which is not made before a number differs from the reference's:
equal ones agree under every tolerance."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from manual.numbers.number_types import Array
from torch_ref.comparison.functions.calls import Found, is_real
from torch_ref.program.run import NoRule
from torch_ref.twins import to_numpy


@dataclass
class Tolerance:
    """By the quantity's name: what is expected, the allowed difference, why it is measured ("" where it is derived),
    and where nothing is expected, as torch overflows there and need not."""

    expected: dict[str, Array] = field(default_factory=dict)
    allowed: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, str] = field(default_factory=dict)
    open: dict[str, Array] = field(default_factory=dict)

    def far(self, own: Found) -> None:
        """Far from the inputs as they are another right formula loses digits in elements that are small beside others,
        as 1 + tanh x does for a sigmoid: 16 roundings of the largest are allowed besides."""
        for name, value in self.expected.items():
            of = own[name]
            if of is not None and is_real(of):
                largest = np.abs(value[np.isfinite(value)]).max(initial=0)
                self.allowed[name] = self.allowed[name] + 16 * float(torch.finfo(of.dtype).eps) * largest


class Expected:
    """The reference's own result by the quantity's name, as tensors and as arrays; and its tolerance, made when it is
    first asked for."""

    def __init__(self, own: Found, make: Callable[["Expected"], Tolerance]) -> None:
        self.own, self._make = own, make
        self.arrays = arrays_of(own)

    @cached_property
    def tolerance(self) -> Tolerance:
        """How far a right result may lie from it.

        Raises:
            Refused, Changed: the reference cannot do what a tolerance is measured by.
        """
        with warnings.catch_warnings(action="ignore"):  # of a batch of none, or of torch's own tracing
            return self._make(self)

    @cached_property
    def finite(self) -> bool:
        """Whether every number is one."""
        return all(np.isfinite(e).all() for e in self.arrays.values())

    @property
    def unknown(self) -> str:
        """The operation without a rule for which nothing is known of the reference, or ""."""
        why = {self.tolerance.measured[n] for n, v in self.own.items() if v is not None and is_real(v)}
        return why.pop() if len(why) == 1 and next(iter(why)).startswith(NoRule.__name__) else ""


def arrays_of(found: Found) -> dict[str, Array]:
    """The numbers, as no later call can change them."""
    return {n: array_of(v).copy() for n, v in found.items() if v is not None}


def array_of(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """The tensor's numbers in a dtype that NumPy has: those of bfloat16 and float16 in float64, and a complex one as
    two."""
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.detach().resolve_conj())
    if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.double()
    return to_numpy(tensor)
