"""Standard input, output and errors, which may be closed when a command starts."""

import os
import sys


def open_all() -> None:
    """Let what is closed of the three read and write nothing. Else the next file that is opened would take its place,
    and get what was meant for it; and `sys.stdout` would be None.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest that is free
        pass
    os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def discard_output() -> None:
    """Keep nothing of what is still to be written to standard output: Python tries it once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
