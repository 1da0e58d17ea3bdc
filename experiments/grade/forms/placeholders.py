"""Classes and methods that are there to be overridden."""

import dis
import inspect
from types import CodeType

NOTHING_DONE = {
    "RESUME", "NOP", "PUSH_NULL", "PRECALL", "CALL", "LOAD_CONST", "LOAD_GLOBAL", "RAISE_VARARGS", "RETURN_VALUE",
    "RETURN_CONST",
}  # fmt: skip
"""The instructions of a method that is there to be overridden."""


def does_something(kind: type) -> bool:
    """Whether a class has a forward, backward, update or step of its own: more than a place for one."""
    own = [vars(kind).get(name) for name in ("forward", "backward", "update", "step")]
    return any(inspect.isfunction(f) and not is_placeholder(f.__code__) for f in own)


def is_placeholder(code: CodeType) -> bool:
    """Whether a method only raises NotImplementedError, or passes."""
    return {*code.co_names} <= {"NotImplementedError"} and {
        step.opname for step in dis.get_instructions(code)
    } <= NOTHING_DONE


def is_abstract(kind: type) -> bool:
    """Whether one of its methods is there to be overridden, or is called and is one of derived classes alone."""
    methods = [f for n in dir(kind) if inspect.isfunction(f := getattr(kind, n))]
    derived = {n for k in kind.__subclasses__() for n, f in vars(k).items() if inspect.isfunction(f)} - {*dir(kind)}
    called = {n for f in methods for n in f.__code__.co_names}
    return bool(derived & called) or any(
        "NotImplementedError" in f.__code__.co_names and is_placeholder(f.__code__) for f in methods
    )
