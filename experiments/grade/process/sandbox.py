"""A submission in a process of its own, which may fail, hang or die. No sandbox for hostile code: it runs with your
rights."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from experiments.grade.process.protocol import Fault, Garbled, Message, receive, send
from manual.number_types import Array

HERE = Path(__file__).parents[3]
COMMON = {"conduct": list, "imports_torch": bool}
"""What every answer's header has, and the type of it."""
ANSWERS = {"offers": {"pieces": list}, "forward": {"pass": int}, "cases": {"cases": int}, "observe": {"observed": list}}
"""What the headers of these have besides, unless they say why there is none."""


class Failed(RuntimeError):
    """A request that the submission did not answer, and why. `wrong` if its own arithmetic raised, and not its form."""

    wrong = False


class Raised(Failed):
    """The submission's own arithmetic raised an exception."""

    wrong = True


class Unclear(Failed):
    """A request for which the file does not say enough."""


class Sandboxed:
    """The process that runs one file. It is started at need, and again after it died: `dead` says of what, `conduct`
    what was noticed besides the answers.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self.path, self.timeout = path.resolve(), timeout
        self.conduct: list[tuple[str, str, bool]] = []
        self.imports_torch = False
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True)
        self.dead = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._folder.cleanup()

    def begin(self) -> list[dict[str, Any]]:
        """Give the next piece its time, of which only what the process takes is counted, in a process that lives;
        what the file offers.

        Raises:
            Failed: the file cannot be run.
            Fault: the checker itself fails.
        """
        self.conduct, self.dead, self.left = [], "", self.timeout
        if self._process is None:
            self._start()
            self._offers = self.ask("offers")[0]["pieces"]
        return self._offers

    def ask(self, op: str, given: dict[str, Array] | None = None, **request: Any) -> Message:
        """The answer to a request.

        Raises:
            Failed: an exception, or the process died or was killed.
            Fault: the checker itself fails: what was asked or answered is not what the other expects.
        """
        if self.dead or self._process is None:
            raise Failed(self.dead)
        process: Any = self._process  # whose pipes are there
        start = time.monotonic()
        timer = threading.Timer(max(self.left, 0), _kill, [process])
        timer.start()
        try:
            send(process.stdin, {"op": op, **request}, given or {})
            header, arrays = receive(process.stdout)
        except Garbled:
            self._end()
            self.dead = "writes to a file that it did not open"
            raise Failed(self.dead) from None
        except (OSError, EOFError):
            late, code = not timer.is_alive(), self._end()
            ended = f"was ended by signal {-code}" if code < 0 else f"ended the process with exit code {code}"
            self.dead = f"does not end within {self.timeout:g} s" if late else ended
            raise Failed(self.dead) from None
        finally:
            timer.cancel()
            self.left -= time.monotonic() - start
        if "fault" in header:
            raise Fault(header["fault"])
        answered = COMMON if header.keys() & {"unclear", "error"} else COMMON | ANSWERS.get(op, {})
        if wrong := [name for name, kind in answered.items() if not isinstance(header.get(name), kind)]:
            raise Fault(f"the answer to {op!r} has no {', '.join(wrong)} as expected")
        self.conduct += [note for note in header["conduct"] if note not in self.conduct]
        self.imports_torch |= header["imports_torch"]
        if "unclear" in header:
            raise Unclear(header["unclear"])
        if "error" in header:
            raise Raised(header["error"])
        return header, arrays

    def _start(self) -> None:
        variables = {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg", "PYTHONOPTIMIZE": ""}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "experiments.grade.process.child", str(self.path)],
            cwd=self._folder.name,
            start_new_session=True,
            env=os.environ | variables | threads,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

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
        process.stdout.close()
        return process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and what it started, which may outlive it, where the system has groups of processes."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # nothing of the group is left
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
