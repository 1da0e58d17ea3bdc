"""Train a network by either implementation, and look at what it learned.

    python -m experiments.train fit --config digits --model.implementation torch
    python -m experiments.train test --config digits --ckpt_path last

`--config` takes a file, or the name of one in experiments/train/configs/.
A run's folder, OUT/NAME/IMPLEMENTATION/version_N, holds metrics.csv, config.yaml, checkpoints/ and, when all is
trained, model.safetensors. `fit` ends with cost and accuracy on the validation and test parts, and that file's path.
What is needed to use the network is in that one file.
A run that was cut off is gone on with in its folder by the same command, and ends in the same numbers as if it had
not been. `--ckpt_path` takes a file, or `last`: what the latest run of this config left. `fit` goes on from it in a
new folder.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.shared.command import command, program, shortened
from experiments.shared.printable import one_line, printable
from manual import Diverged, InputError

if TYPE_CHECKING:
    from experiments.train.session import Session


def run(arguments: list[str]) -> Path:
    """Run the command line's arguments; what is wrong is raised.

    Returns:
        The run's folder for `fit`, or that of all runs where it left nothing; the checkpoint for the other commands.
    """
    return _session(arguments).result


def _session(arguments: list[str]) -> "Session":
    from experiments.train.options import read

    options = read(arguments)
    from experiments.train.session import Session  # with Lightning, for which a refused argument need not wait
    from experiments.train.stop import Stop
    from experiments.train.trainer import quiet
    from torch_ref import NoTwin

    with quiet(), Stop() as stop:
        try:
            return Session(options, stop)
        except NoTwin as error:
            raise InputError(str(error)) from None


@command
def main() -> None:
    """Run the command; a known error is one line and exit 2."""
    from experiments.train.checkpoints.run_folder import MODEL
    from experiments.train.stop import Stopped

    try:
        session = _session(sys.argv[1:])
    except BrokenPipeError:
        raise
    except (InputError, Diverged, OSError, Stopped) as error:
        if isinstance(error, (Diverged, Stopped)) and not _is_first():
            return  # every process raises it, and the first says so
        message = "; ".join([shortened(one_line(error)), *getattr(error, "__notes__", ())])
        print(f"{program('train')}: {printable(message)}", file=sys.stderr)
        sys.exit(error.code if isinstance(error, Stopped) else 2)
    if _is_first():
        for line in session.outcome:
            print(line)
        if (session.result / MODEL).is_file():
            print(session.result / MODEL)


def _is_first() -> bool:
    from experiments.train.processes.connection import first

    return first()
