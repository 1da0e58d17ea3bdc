"""The one base of the errors that the commands define themselves."""


class CommandError(Exception):
    """Something that a command says in one line.

    What the packages below raise, `manual.InputError` and its like, is not of this tree: they know no commands. Nor is
    `train.stop.Stopped`: a signal is no error, and nothing that handles errors may swallow it.
    """
