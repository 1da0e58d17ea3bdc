"""The processes of a run: the first starts the others, where nothing else has; it alone writes and prints."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import sleep
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_only

from experiments.shared.command import program
from experiments.shared.errors import CommandError
from experiments.train.stop import FIRST, SIGNALS, Stopped
from manual import InputError

MEETING = "BACKPROP_MEETING"
"""The variable that names a folder to the processes that the first starts: each makes a file there when it is up."""


class Lost(CommandError, ConnectionError):
    """Another process of the run has ended."""


def first() -> bool:
    """Whether this process is the first of the run, or the only one."""
    return not getattr(rank_zero_only, "rank", 0)


def start(trainer: L.Trainer) -> None:
    """Start the processes that there are to be, each with the same command, and connect them.

    Raises:
        InputError: what their environment says of rank, address or port cannot be.
        Lost: one has ended.
    """
    launcher = trainer.strategy.launcher
    if launcher is None:
        return
    try:
        _start(trainer, launcher)
    except (ValueError, LookupError, torch.distributed.DistNetworkError) as error:
        raise InputError(f"the processes cannot be connected: {error}") from None


def _start(trainer: L.Trainer, launcher: Any) -> None:
    if number := os.environ.get(FIRST):
        Thread(target=_end_after, args=[int(number)], daemon=True).start()
        Path(os.environ[MEETING], os.environ["LOCAL_RANK"]).touch()
    with TemporaryDirectory() as meeting:
        os.environ |= {FIRST: str(os.getpid()), MEETING: meeting}
        hears = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first, until the others are up
        try:
            launcher.launch(lambda: None, trainer=trainer)
        finally:
            signal.signal(signal.SIGINT, hears)
            del os.environ[FIRST], os.environ[MEETING]
        try:
            _wait_for_others(trainer, Path(meeting))
            with _hearing():
                trainer.strategy.setup_environment()
        except BaseException:
            launcher.kill(getattr(signal, "SIGKILL", signal.SIGTERM))  # they would wait for this one
            raise


def _wait_for_others(trainer: L.Trainer, meeting: Path) -> None:
    """Wait until the processes that this one has started are there too. Connecting them would wait as well, and hear
    neither Ctrl-C nor that one of them has ended."""
    while len([*meeting.iterdir()]) < len(_started(trainer)):
        if ended := dict(_ended(trainer, 0)):
            raise _lost(trainer, ended)
        sleep(0.05)


@contextmanager
def _hearing() -> Iterator[None]:
    """Hear Ctrl-C and SIGTERM while torch connects the processes, which itself hears neither, and waits half an hour
    for a machine that does not answer."""
    heard, tells = socket.socketpair()
    tells.setblocking(False)
    over, before = Event(), signal.set_wakeup_fd(tells.fileno())
    Thread(target=_end_by, args=[heard, over], daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        tells.close()


def _end_by(heard: socket.socket, over: Event) -> None:
    """End this process by one of the signals, unless it ends by itself."""
    with heard:
        while number := heard.recv(1):
            if number[0] in SIGNALS and not over.wait(1):
                print(f"{program('train')}: {Stopped(number[0])}", file=sys.stderr, flush=True)
                os._exit(128 + number[0])


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
        raise _lost(trainer, dict(_ended(trainer, 3))) from None


def is_lost(error: BaseException) -> bool:
    """Whether torch raised it because another process did not answer."""
    return type(error).__module__ == "torch.distributed" or "gloo/transport" in str(error)


def _lost(trainer: L.Trainer, ended: dict[int, int]) -> BaseException:
    """What to raise in a process where others have ended, by rank and exit status."""
    if killed := [f"process {rank} was killed by signal {-status}" for rank, status in ended.items() if status < 0]:
        return Lost(killed[0])
    if any(ended.values()) or not trainer.is_global_zero:
        return SystemExit(2)
    return Lost("another process has ended")


def _started(trainer: L.Trainer) -> list[Popen[bytes]]:
    """The processes that this one has started."""
    return getattr(trainer.strategy.launcher, "procs", [])


def _ended(trainer: L.Trainer, seconds: float) -> Iterator[tuple[int, int]]:
    """Rank and exit status of those that have ended, or do so within the time."""
    for rank, process in enumerate(_started(trainer), trainer.global_rank + 1):
        with suppress(TimeoutExpired):
            yield rank, process.wait(seconds)
