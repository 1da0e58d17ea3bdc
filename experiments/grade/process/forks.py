"""Processes for hand-ins, each forked from one that has loaded all that they need and has run no hand-in: they begin at
once, where a new one first loads Python, NumPy and the grader.

What is forked is a session of its own, in a folder of its own, with two pipes; it shares nothing else with the others.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from experiments.grade.process.guardian import MARK, mark

HERE = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-m", "experiments.grade.process.child"]
VARIABLES = {
    "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg", "PYTHONOPTIMIZE": "",
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0",
}  # fmt: skip
LOADED = ("torch_ref.truth.slopes", "torch_ref.tolerance.numpy_functions")
"""What nearly every hand-in needs besides, and a process that was not forked loads at need."""
LONGEST = 1 << 16
"""Bytes of a message: paths."""


class Forked:
    """A process that another one forked, in the way of `subprocess.Popen`."""

    def __init__(self, pid: int, stdin: int, stdout: int, ended: int) -> None:
        self.pid = pid
        self.stdin, self.stdout = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")
        self._ended: int | None = ended
        self.returncode = -signal.SIGKILL  # where nobody is left who could tell

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; of a signal, its number below 0.

        Raises:
            TimeoutExpired: it has not ended by then.
        """
        if self._ended is not None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(PROGRAM, timeout or 0)
            if told := os.read(self._ended, 4):
                self.returncode = int.from_bytes(told, "little", signed=True)
            os.close(self._ended)
            self._ended = None
        return self.returncode


class Nursery:
    """The process that forks the others, started at need, and again where it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def end(self) -> None:
        """Let the process end, which it does where nobody can ask for another."""
        if self._control and self._process:
            self._control.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)
        self._control = None

    def fork(self, arguments: Sequence[str], folder: str) -> Forked:
        """A process that runs the file of these arguments in a folder."""
        (reads, stdin), (stdout, writes), (ended, tells) = os.pipe(), os.pipe(), os.pipe()
        message = json.dumps([folder, *arguments]).encode()
        try:
            with self._lock:
                pid = self._asked(message, [reads, writes, tells]) or self._asked(message, [reads, writes, tells])
        finally:
            for end in (reads, writes, tells):
                os.close(end)
        return Forked(pid, stdin, stdout, ended)

    def _asked(self, message: bytes, ends: list[int]) -> int:
        """The number of a process that is forked; 0 where nobody answers."""
        control = self._control or self._begun()
        try:
            socket.send_fds(control, [message], ends)
            answer = control.recv(8)
        except OSError:
            answer = b""
        if not answer:
            self.end()
        return int.from_bytes(answer, "little")

    def _begun(self) -> socket.socket:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                PROGRAM, cwd=HERE, start_new_session=True, env=os.environ | VARIABLES, stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        return self._control


NURSERY = Nursery()
atexit.register(NURSERY.end)


def start(arguments: Sequence[str], folder: str) -> "Forked | subprocess.Popen[bytes]":
    """The process that runs a file; a new one where the system forks none."""
    if hasattr(os, "fork"):
        return NURSERY.fork(arguments, folder)
    return subprocess.Popen(
        [*PROGRAM, *arguments], cwd=folder, env=os.environ | VARIABLES | {MARK: folder},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


# ------------------------------------------------------------ in the process that forks


def arguments_of_a_fork() -> list[str]:
    """Fork a process for each message on the standard input, and tell how each ended, until the other side is gone.
    This returns in each of those that are forked, with its arguments."""
    for module in LOADED:
        import_module(module)
    control, tells = socket.socket(fileno=os.dup(0)), dict[int, int]()
    ended, ends = os.pipe()
    os.set_blocking(ends, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ends)
    while True:
        ready, *_ = select.select([control, ended], [], [])
        if ended in ready:
            os.read(ended, LONGEST)
            _tell(tells)
        if control in ready:
            message, pipes, *_ = socket.recv_fds(control, LONGEST, 3)
            if not message:
                sys.exit()
            if not (pid := os.fork()):
                return _settled(message, pipes)
            os.close(pipes[0])
            os.close(pipes[1])
            tells[pid] = pipes[2]
            control.send(pid.to_bytes(8, "little"))


def _tell(tells: dict[int, int]) -> None:
    """Of each process that has ended, its exit code."""
    while tells:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        end = tells.pop(pid)
        with suppress(BrokenPipeError):  # nobody wants to know
            os.write(end, os.waitstatus_to_exitcode(status).to_bytes(4, "little", signed=True))
        os.close(end)


def _settled(message: bytes, pipes: Sequence[int]) -> list[str]:
    """In a forked process: its own session, folder, input and output, and none of the others'."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(pipes[0], 0)
    os.dup2(pipes[1], 1)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    folder, *arguments = json.loads(message)
    os.chdir(folder)
    mark(folder)
    sys.path[0] = folder
    return arguments
