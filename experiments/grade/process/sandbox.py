"""A submission in a process of its own, which may fail, hang or die. No sandbox for hostile code: it runs with your
rights."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from experiments.grade.errors import Failed, Fault, Garbled, Raised, Unclear
from experiments.grade.forms.told import Told
from experiments.grade.process.answers import Arrays, Description, NoAnswer, Note, Noticed, NotUnderstood
from experiments.grade.process.deadline import Deadline
from experiments.grade.process.forks import Forked, start
from experiments.grade.process.guardian import end_all
from experiments.grade.process.protocol import receive, send
from experiments.grade.process.requests import Answer, Describe, Request

Process = Forked | subprocess.Popen[bytes]
RUNNING: set[Process] = set()
STOPPED = threading.Event()
"""The processes that run in all threads, and whether no other may be started."""


@contextmanager
def stopping() -> Iterator[None]:
    """While this lasts, nothing that runs a submission goes on, whatever thread waits for it."""
    STOPPED.set()
    for process in [*RUNNING]:
        _kill(process)
    try:
        yield
    finally:
        STOPPED.clear()


class Sandboxed:
    """The process that runs one file. It is started at need, and again after it died: `dead` says of what, `died`
    whether it ever did, `conduct` what was noticed besides the answers.
    """

    def __init__(
        self, path: Path, timeout: float, paths: Sequence[str] = (), told: Told | None = None, adapter: str = ""
    ) -> None:
        self.path, self.timeout, self.paths = path.resolve(), timeout, paths
        self.told, self.adapter = told or Told(), adapter
        self.conduct: list[Note] = []
        self.imports_torch = False
        self.left_out: list[str] = []
        self._process: Process | None = None
        self.dead = ""
        self.died = False
        self.given: Arrays = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def begin(self) -> list[Description]:
        """Give the next piece its time, of which only what the process takes is counted, in a process that lives;
        what the file offers.

        Raises:
            Failed: the file cannot be run.
            Fault: the checker itself fails.
        """
        self.conduct, self.dead, self.left = [], "", self.timeout
        if self._process is None:
            self._start()
            described = self.ask(Describe(self.told, self.adapter))
            self._pieces, self.left_out = described.pieces, described.left_out
        return self._pieces

    def ask(self, request: Request[Answer]) -> Answer:
        """The answer to a request.

        Raises:
            Failed: an exception, or the process died or was killed.
            Fault: the checker itself fails: what was asked or answered is not what the other expects.
        """
        if self.dead or self._process is None:
            raise Failed(self.dead)
        answer, noticed = self._exchange(self._process, request)
        self._note_inputs(request, answer)
        self.conduct += [note for note in noticed.conduct if note not in self.conduct]
        self.imports_torch |= noticed.imports_torch
        if isinstance(answer, NoAnswer):
            raise Raised(answer.said) if answer.wrong else Unclear(answer.said)
        if isinstance(answer, NotUnderstood):
            raise Fault(answer.said)
        return answer

    def _note_inputs(self, request: Any, answer: Any) -> None:
        """Keep what the submission was last asked with; of its own examples, it says what they are."""
        about = request if hasattr(request, "inputs") else answer
        if hasattr(about, "inputs"):
            self.given = {**about.inputs}
        for one in (request, answer):
            if (delta := getattr(one, "delta", None)) is not None:
                by_name = delta if isinstance(delta, dict) else {"": delta}
                self.given = {**self.given, **{f"delta {n}".strip(): d for n, d in by_name.items()}}

    def _exchange(self, process: Any, request: Request[Answer]) -> tuple[Answer | NoAnswer | NotUnderstood, Noticed]:
        """Send the request, and read the answer, in the time that is left."""
        deadline = Deadline(process.pid, self.left, partial(_kill, process))
        try:
            send(process.stdin, request)
            found = receive(process.stdout, request.answer(), NoAnswer, NotUnderstood), receive(process.stdout, Noticed)
            self.left = deadline.left()
            return found
        except Fault:
            self._end()  # what it still has to say would be taken for the next answer
            raise
        except Garbled:
            self._end()
            self.dead = "writes to a file that it did not open"
        except (OSError, EOFError):
            late, code = deadline.passed, self._end()
            ended = f"was ended by signal {-code}" if code < 0 else f"ended the process with exit code {code}"
            self.dead = f"does not end within {self.timeout:g} s" if late else ended
        finally:
            deadline.cancel()
        self.died = True
        raise Failed(self.dead)

    def _start(self) -> None:
        if STOPPED.is_set():
            raise Failed("stopped")
        self._folder = tempfile.TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True)
        self._process = start([str(self.path), *self.paths], str(Path(self._folder.name).resolve()))
        RUNNING.add(self._process)

    def _end(self) -> int:
        """End the process; its exit code."""
        process: Any = self._process  # whose pipes are there
        self._process = None
        if process is None:
            return 0
        with suppress(OSError):
            process.stdin.close()  # a process that lives ends at that
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        _kill(process)
        end_all(Path(self._folder.name).resolve())
        process.stdout.close()
        code = process.wait()
        RUNNING.discard(process)
        self._folder.cleanup()
        return code


def _kill(process: Process) -> None:
    """Kill a process, and what it started, which may outlive it, where the system has groups of processes."""
    if isinstance(process, Forked):
        with suppress(ProcessLookupError, PermissionError):  # nothing of the group is left
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
