"""Processes that start at once: forks of one that has imported torch and Lightning, which takes seconds."""

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch.strategies.launchers import subprocess_script

from experiments.train import command as train

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "parity_tests.train.processes.trained_once"])
forked = pytest.mark.xdist_group("forked")
"""Tests that fork; they are run by one process, so that there is one to fork from."""

TIMEOUT = 120


class Fork:
    """Work that is begun in a folder, by a process group of its own.

    Attributes:
        pid: of the process, and of its group.
    """

    def __init__(self, folder: Path, work: Callable[..., int | None], *arguments: Any) -> None:
        self._out, out = FORKS.Pipe(duplex=False)
        self._err, err = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(target=_begin, args=(folder, out, err, work, arguments))
        self._process.start()
        out.close()
        err.close()
        assert self._process.pid
        self.pid: int = self._process.pid

    def end(self) -> tuple[int | None, str, str]:
        """When it and what it started have ended: its exit status, output and errors."""
        out, err = _all(self._out), _all(self._err)
        self._process.join(TIMEOUT)
        return self._process.exitcode, out, err


def _begin(folder: Path, out: Any, err: Any, work: Callable[..., int | None], arguments: tuple[Any, ...]) -> None:
    os.setsid()
    os.chdir(folder)
    for pipe, number in ((out, 1), (err, 2)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", buffering=1, closefd=False)
    sys.exit(work(*arguments))


def _all(pipe: Any) -> str:
    said = b""
    while pipe.poll(TIMEOUT):
        if not (more := os.read(pipe.fileno(), 1 << 16)):
            return said.decode()
        said += more
    raise TimeoutError(f"it has not ended; so far it said {said.decode()!r}")


def command(*arguments: object) -> None:
    """`python -m experiments.train` with these arguments. The processes that Lightning starts for it are forks, too."""
    subprocess_script.subprocess = SimpleNamespace(Popen=Forked)  # pyright: ignore[reportAttributeAccessIssue, reportPrivateImportUsage]
    sys.argv = ["train.py", *map(str, arguments)]
    train.main()


class Forked(subprocess.Popen[bytes]):
    """In place of the same command, started anew."""

    def __init__(self, _: list[str], env: dict[str, str], cwd: str | None) -> None:
        self._env = env
        super().__init__([])

    def _execute_child(self, *_: Any) -> None:
        self.pid = os.fork()
        self._child_created = True
        if self.pid:
            return
        status: Any = 1
        try:
            os.environ |= self._env
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            train.main()
            status = 0
        except SystemExit as stop:
            status = stop.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
