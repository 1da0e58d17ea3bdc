"""What is audited, tried in a process of its own, with a time limit for each: one that hangs or crashes is a row."""

import multiprocessing
import time
import warnings
from collections.abc import Iterator
from multiprocessing.connection import Connection

import torch

from parity_tests.audit.judgement import NOT_JUDGED, Judged, judge
from parity_tests.audit.operators import DTYPES, Subject
from parity_tests.audit.subjects import subjects

CERTIFIED = 3
"""So many calls of an operator are certified for each dtype."""


def judged(names: list[str], most: int, limit_s: float) -> Iterator[tuple[str, list[Judged]]]:
    """Every operator's calls, judged; what a limit cuts off, or a crash, is a call that is not judged."""
    worker = None
    for wanted in names:
        worker = worker or _Worker(most)
        found, ended = worker.ask(wanted, limit_s)
        if ended:
            found.append(Judged("", NOT_JUDGED, ended))
            worker = worker.stop()
        yield wanted, found
    if worker:
        worker.stop()


class _Worker:
    def __init__(self, most: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, most), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe.recv()  # it has imported what it needs

    def ask(self, wanted: str, limit_s: float) -> tuple[list[Judged], str]:
        """What it finds of an operator, and why it ended before its time, or ""."""
        found: list[Judged] = []
        self.pipe.send(wanted)
        end = time.monotonic() + limit_s
        try:
            while self.pipe.poll(max(0, end - time.monotonic())):
                answer = self.pipe.recv()
                if answer is None:
                    return found, ""
                found.append(answer)
        except EOFError:
            return found, "the process crashed"
        return found, f"it takes longer than {limit_s:g} s"

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


def _work(pipe: Connection, most: int) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    known = {subject.name: subject for subject in subjects()}
    pipe.send(len(known))
    while True:
        subject = known[pipe.recv()]
        for dtype in DTYPES:
            for call_judged in _all(subject, dtype, most):
                pipe.send(call_judged)
        pipe.send(None)


def _all(subject: Subject, dtype: torch.dtype, most: int) -> Iterator[Judged]:
    certified = 0
    try:
        for call in subject.calls(dtype, most):
            found = judge(call, certify=certified < CERTIFIED)
            certified += found.certified == "yes"
            yield found
    except Exception as error:
        yield Judged(str(dtype)[6:], NOT_JUDGED, f"samples: {type(error).__name__}: {error}"[:160])
