"""Where a command starts: with what is missing said in one line, whatever it imports."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from experiments.shared.command import program

OWN = {"manual", "torch_ref", "experiments"}


def entry(room: str, extra: str) -> Callable[[], Any]:
    """The `main` of a room's command, imported when it is called. What it imports and is not installed comes with the
    extra of that name: that is said, and the exit status is 2.
    """

    def main() -> Any:
        try:
            return import_module(f"experiments.{room}.command").main()
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if not missing or missing in OWN:
                raise
            print(
                f"{program(room)}: {missing} is not installed; pip install 'backprop-by-hand[{extra}]'", file=sys.stderr
            )
            sys.exit(2)

    return main
