"""An exception, with the line of the user's own code that it comes from."""

import linecache
from pathlib import Path
from types import TracebackType

import numpy as np
import torch

from torch_ref.comparison.functions.calls import Refused

OTHERS = tuple(str(Path(f).parent) for f in (torch.__file__, np.__file__, Path(__file__).parents[2]))
"""Whose lines are not the user's."""


def described(refused: Refused) -> str:
    """The exception's type and words, and where in the user's code it arose."""
    error = refused.error
    said = f"{type(error).__name__}: {' '.join(str(error).split())}"
    line = users_line(error.__traceback__)
    return f"{said} ({line})" if line else said


def users_line(trace: TracebackType | None) -> str:
    """file:line: code, of the innermost frame that is neither a library's nor ours; "" where there is none."""
    found = ""
    while trace is not None:
        name, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        if not name.startswith((*OTHERS, "<")):
            found = f"{Path(name).name}:{number}: {linecache.getline(name, number).strip()}"
        trace = trace.tb_next
    return found
