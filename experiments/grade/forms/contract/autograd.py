"""A torch.autograd.Function beside reference(…), a callable of the same arguments in torch.

It is held against the reference as torch_ref.check_backward does: in float64 and float32, non-contiguous, expanded
and empty inputs, on those that examples(rng) yields, or that its arguments' names tell.
"""

import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.contract.functions import drawn_by_name, own_examples
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Piece


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class that is one."""
    torch = sys.modules.get("torch")
    for kind in found.classes().values():
        if torch is not None and issubclass(kind, torch.autograd.Function):
            yield AutogradPiece(kind, found.module)


class AutogradPiece(Piece):
    """A torch.autograd.Function and the callable that it must agree with."""

    form = judging = "autograd"

    def __init__(self, function: Any, module: ModuleType) -> None:
        self.reference, self.function, self.module = getattr(module, "reference", None), function, module
        arguments = [*inspect.signature(self.reference or function.apply).parameters]
        super().__init__(function.__name__, arguments, [], [function])

    def inputs(self, rng: np.random.Generator) -> list[Any]:
        """What both are called with."""
        if self.reference is None:
            raise Unclear(f"expected reference(…) beside {self.name}, a callable of the same arguments in torch")
        own = own_examples(self.name, self.arguments, self.arguments, [], self.module, rng)
        return [*(own[0] if own else drawn_by_name(self.arguments, rng)).values()]
