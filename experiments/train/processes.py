"""Training in several processes: each has some rows of every batch, and what they find is put together.

The first starts the others, where nothing else has; it alone writes and prints.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import TimeoutExpired
from threading import Thread
from time import sleep
from typing import Any, NamedTuple, TypeVar

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_only

from experiments.shared.errors import CommandError
from experiments.train.stop import FIRST

T = TypeVar("T")


class Lost(CommandError, ConnectionError):
    """Another process of the run has ended."""


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


def first() -> bool:
    """Whether this process is the first of the run, or the only one."""
    return not getattr(rank_zero_only, "rank", 0)


def start(trainer: L.Trainer) -> None:
    """Start the processes that there are to be, each with the same command, and connect them."""
    launcher = trainer.strategy.launcher
    if launcher is None:
        return
    if number := os.environ.get(FIRST):
        Thread(target=_end_after, args=[int(number)], daemon=True).start()
    os.environ[FIRST] = str(os.getpid())
    hears = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first, until the others are up
    try:
        launcher.launch(lambda: None, trainer=trainer)
    finally:
        signal.signal(signal.SIGINT, hears)
        del os.environ[FIRST]
    try:
        trainer.strategy.setup_environment()
    except BaseException:
        launcher.kill(getattr(signal, "SIGKILL", signal.SIGTERM))  # they would wait for this one
        raise


def _end_after(first: int) -> None:
    """End this process when the first, which started it, is gone: it would wait for it half an hour."""
    while os.getppid() == first:
        sleep(1)
    os._exit(2)


@contextmanager
def connected(trainer: L.Trainer) -> Iterator[None]:
    """What fails because another process has ended is, in the first process, raised as Lost.

    The others end without a word, and so does the first if it was the other's own error: it has said so.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_lost(error):
            raise
        ended = dict(_ended(trainer))
        if killed := [f"process {rank} was killed by signal {-status}" for rank, status in ended.items() if status < 0]:
            raise Lost(killed[0]) from None
        if any(ended.values()) or not trainer.is_global_zero:
            raise SystemExit(2) from None
        raise Lost("another process has ended") from None


def is_lost(error: BaseException) -> bool:
    """Whether torch raised it because another process did not answer."""
    return type(error).__module__ == "torch.distributed" or "gloo/transport" in str(error)


def _ended(trainer: L.Trainer) -> Iterator[tuple[int, int]]:
    """Rank and exit status of the processes that this one had started, and that have ended."""
    for rank, process in enumerate(getattr(trainer.strategy.launcher, "procs", ()), trainer.global_rank + 1):
        with suppress(TimeoutExpired):
            yield rank, process.wait(timeout=3)
