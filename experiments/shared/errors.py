"""The base of every error that a command raises on purpose: each room has its own, derived from this one."""


class CommandError(Exception):
    """Something that a command says in one line, without a traceback."""
