"""Each process has some rows of every batch, and what they find is put together."""

from typing import Any, NamedTuple, TypeVar

import torch

T = TypeVar("T")


class Share(NamedTuple):
    """Where a process's rows stand: in a batch of `whole` rows, after the `before` of the processes before it."""

    before: int
    whole: int

    def weight(self, loss: Any, rows: int) -> float:
        """What the loss of so many of the rows counts in the whole batch's: a mean in proportion, a sum in full."""
        return 1 if getattr(loss, "reduction", "mean") == "sum" else rows / self.whole


def share(rows: int, rank: int, device: torch.device) -> Share:
    """The share of the process that has so many rows of the present batch."""
    counts = [int(n) for n in numbers(rows, device)]
    return Share(sum(counts[:rank]), sum(counts))


def numbers(number: float, device: torch.device) -> list[float]:
    """What every process has of this number, by rank."""
    if not _connected():
        return [number]
    own = torch.tensor([number], dtype=torch.float64, device=device)
    by_rank = [torch.empty_like(own) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(by_rank, own)
    return torch.cat(by_rank).tolist()


def objects(value: T) -> list[T]:
    """The same for what is no number."""
    if not _connected():
        return [value]
    by_rank = [value] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(by_rank, value)
    return by_rank


def _connected() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
