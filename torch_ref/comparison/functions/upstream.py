"""The upstream gradients: the same numbers for every call on the same shapes, and how they lie in memory.

Each is random, ±[½, 2), so that none is so small that its element tells nothing. What is derived for them holds for
those that are nowhere larger, as it grows with |δ|: zeros, halves, and those of one output alone. Others are larger and
smaller in turn: one that is cut off at some size shows there.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch

HALF = 0.5
KEPT = 2**16
"""δ of so many numbers is kept: most trials ask for the same."""
Arrange = Callable[[torch.Tensor], torch.Tensor]


def strided(t: torch.Tensor) -> torch.Tensor:
    """The same numbers, two apart in memory."""
    return torch.stack([t, t], -1)[..., 0]


def transposed(t: torch.Tensor) -> torch.Tensor:
    """The same numbers, the first axis last in memory; those of a vector two apart."""
    return strided(t) if t.ndim < 2 else t.transpose(0, -1).contiguous().transpose(0, -1)


class Upstream:
    """Makes δ of each output."""

    def __init__(
        self, seed: int, arrange: Arrange | None = None, values: Arrange | None = None, only: str | None = None
    ) -> None:
        self.seed, self.arrange, self.values, self.only = seed, arrange, values, only

    def of(self, outputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """δ by the output's name; none of an output whose δ stays undefined."""
        return {name: self._one(name, o) for name, o in outputs.items() if self.only in (None, name)}

    def _one(self, name: str, output: torch.Tensor) -> torch.Tensor:
        shape = (*output.shape, 2) if output.is_complex() else tuple(output.shape)
        numbers = (_drawn if output.numel() <= KEPT else _drawn.__wrapped__)(self.seed, name, shape)
        delta = torch.complex(numbers[..., 0], numbers[..., 1]) if output.is_complex() else numbers
        delta = delta.to(device=output.device, dtype=output.dtype, copy=True)
        delta = delta if self.values is None else self.values(delta)
        return delta if self.arrange is None else self.arrange(delta)


@lru_cache(64)
def _drawn(seed: int, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    rng = np.random.default_rng([seed, *name.encode()])
    return torch.from_numpy(np.asarray(rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)))


def zeros(delta: torch.Tensor) -> torch.Tensor:
    """δ of zeros."""
    return torch.zeros_like(delta)


def unequal(delta: torch.Tensor) -> torch.Tensor:
    """δ that is larger and smaller in turn: 64 times, in a half 4 times."""
    size = 4.0 if delta.dtype in (torch.bfloat16, torch.float16) else 64.0
    sizes = torch.tensor([size, 1 / size]).repeat(delta.numel() // 2 + 1)[: delta.numel()]
    return delta * sizes.reshape(delta.shape).to(delta)


def halves(delta: torch.Tensor) -> torch.Tensor:
    """δ of halves that are one number in memory, as a sum's backward hands on."""
    return delta.new_tensor(HALF).expand(delta.shape)
