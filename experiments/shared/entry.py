"""Where a command starts: with what is missing said in one line, whatever it imports."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from experiments.shared.command import NO_MEMORY, program
from experiments.shared.printable import one_line, printable

OWN = {"manual", "torch_ref", "experiments"}


def entry(room: str, extra: str) -> Callable[[], Any]:
    """The `main` of a room's command, imported when it is called. What it imports and is not installed comes with the
    extra of that name: that is said, or why it cannot be loaded, and the exit status is 2.
    """

    def main() -> Any:
        try:
            return import_module(f"experiments.{room}.command").main()
        except (ImportError, MemoryError) as error:
            missing = (getattr(error, "name", None) or "").partition(".")[0]
            if missing in OWN:
                raise
            if isinstance(error, MemoryError):
                said = NO_MEMORY
            elif isinstance(error, ModuleNotFoundError) and missing not in ("", *sys.stdlib_module_names):
                said = f"{missing} is not installed; pip install 'backprop-by-hand[{extra}]'"
            else:
                said = f"what it needs cannot be loaded: {printable(one_line(error))}"
            print(f"{program(room)}: {said}", file=sys.stderr)
            sys.exit(2)

    return main
