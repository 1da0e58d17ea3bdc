"""torch's Muon in the dtype of its parameters: the twin of `manual.Muon`."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Muon(torch.optim.Muon):
    """torch's own, but for one line: the momentum is not rounded to bfloat16 before its singular values are brought
    near 1. In three digits no comparison could tell a wrong formula from a right one.
    """

    def step(self, closure: Any = None) -> Any:
        with _WithoutBfloat16():
            return super().step(closure)


class _WithoutBfloat16(TorchFunctionMode):
    """Copies where torch would round to bfloat16."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.bfloat16:
            return args[0].clone()
        return func(*args, **kwargs or {})
