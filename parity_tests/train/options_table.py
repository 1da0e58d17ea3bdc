"""The table of Lightning's options: `python -m parity_tests.train.options_table > docs/tables/trainer_options.md`."""

from inspect import signature

import lightning as L

from experiments.train.classes import KINDS, known
from experiments.train.options import ABOUT, parser
from experiments.train.settings import REFUSED


def table() -> str:
    """Every argument of Lightning's trainer, in its order: what it does here, or why it is not offered; and the classes
    that it takes by their names.
    """
    helps = {action.dest: action.help for action in parser(ABOUT["fit"])._actions}
    lines = ["| `--trainer.` | works | what it says, or why it is refused |", "| --- | --- | --- |"]
    for name in signature(L.Trainer).parameters:
        said = REFUSED.get(name)
        lines.append(f"| `{name}` | {'no' if said else 'yes'} | {said or str(helps[f'trainer.{name}']).rstrip('.')} |")
    lines += ["", "| class | works | why it is refused |", "| --- | --- | --- |"]
    for option in KINDS:
        for name, reason in known(option).items():
            lines.append(f"| `--trainer.{option} {name}` | {'no' if reason else 'yes'} | {reason or ''} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(table(), end="")
