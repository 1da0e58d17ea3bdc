"""The one base of the errors that the commands define themselves."""


class CommandError(Exception):
    """Something that a command says in one line, and exits with 2.

    What the packages below raise, `manual.InputError` and its like, is not of this tree: they know no commands.
    """
