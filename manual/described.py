"""What layers, losses and optimizers have in common: they are dataclasses that know their own hyperparameters."""

from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, ClassVar, Literal, dataclass_transform, get_origin, overload

import numpy as np

from manual.numbers.checks import InputError


@overload
def parameter(*, init: Literal[False] = False) -> Any: ...
@overload
def parameter(*, default: bool, init: Literal[True] = True) -> Any: ...
def parameter(*, default: bool | None = None, init: bool = False) -> Any:
    """A field that holds a trainable array. With a default it is torch's `bias=True`: flag in, array (or None) out."""
    if default is None:
        return field(init=init, metadata={"kind": "parameter"})
    return field(default=default, metadata={"kind": "parameter"})


def state(*, init: Literal[False] = False) -> Any:
    """A field that `forward` reads and only `commit` changes: torch calls it a buffer."""
    return field(init=init, metadata={"kind": "state"})


def keep(cls: type) -> None:
    """Keep the constructor, the repr and equality by identity, which a further `@dataclass` would replace.

    Raises:
        TypeError: the class has `__slots__`: its copies are made through `__dict__`.
    """
    if "__slots__" in vars(cls):
        raise TypeError(f"{cls.__name__}: expected a class without __slots__; leave out slots=True")
    for name in ("__init__", "__repr__", "__eq__", "__hash__"):
        setattr(cls, name, getattr(cls, name))


def _as_torch_s(init: Callable[..., None]) -> Callable[..., None]:
    """The constructor, which takes torch's other arguments too, as long as they change nothing."""
    kinds = [p.kind for p in signature(init).parameters.values()][1:]
    most = sum(kind is Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)
    varying = Parameter.VAR_POSITIONAL in kinds

    @wraps(init)
    def __init__(self: "Described", *arguments: Any, **hyper: Any) -> None:
        name = type(self).__name__
        if len(arguments) > most and not varying:
            raise InputError(f"{name}: expected at most {most} positional arguments, got {len(arguments)}; give the "
                             "others by name")
        for other, value in self.without.items():
            given = hyper.pop(other, value)
            if given is not value and not (_is_plain(given, value) and given == value):
                raise InputError(f"{name}: {other} must be {value!r}, the only one that there is here, got {given!r}")
        init(self, *arguments, **hyper)

    return __init__


def _is_plain(given: Any, value: Any) -> bool:
    """Whether it is a number or a string, and a truth where the other is one."""
    return isinstance(given, int | float | str) and isinstance(given, bool) == isinstance(value, bool)


@dataclass_transform(eq_default=False, field_specifiers=(field, parameter, state))
class Described:
    """A dataclass that compares by identity; the arguments of its constructor are its hyperparameters.

    `without`, which a class is made with, are torch's arguments that it does without, each with the value that changes
    nothing: no other is taken. A class that is decorated with `@dataclass` once more stays what it is.

    A field `lr: Annotated[Any, check]` becomes what check(self, "lr", value) returns, or is refused, whenever it is
    set.

    Raises:
        TypeError: a subclass has `__slots__`, as `@dataclass(slots=True)` makes them, or is frozen.
    """

    without: ClassVar[dict[str, Any]] = {}
    _by_hand: ClassVar[bool] = False
    """Whether the constructor is the class's own, or one's that it derives from, and not made of the fields."""
    _checks: ClassVar[dict[str, Callable[[Any, str, Any], Any]]]
    _declared: ClassVar[dict[str, Field[Any]]]
    _fields: ClassVar[dict[str, Field[Any]]]
    _parameters: ClassVar[tuple[str, ...]]
    _states: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, without: dict[str, Any] | None = None) -> None:
        cls.without = cls.without | (without or {})
        for base in cls.__mro__[1:]:  # what another @dataclass has made of them
            if "_declared" in vars(base):
                base.__dataclass_fields__ = vars(base)["_declared"]  # pyright: ignore[reportAttributeAccessIssue]
        cls._by_hand = "__init__" in vars(cls) or (cls._by_hand and not vars(cls).get("__annotations__"))
        dataclass(init=not cls._by_hand, eq=False, repr=False)(cls)
        cls._declared = cls.__dataclass_fields__  # pyright: ignore[reportAttributeAccessIssue]
        cls._fields = {f.name: f for f in fields(cls)}  # pyright: ignore[reportArgumentType]
        types: dict[str, Any] = {name: f.type for name, f in cls._fields.items()}
        cls._checks = {name: of.__metadata__[0] for name, of in types.items() if get_origin(of) is Annotated}
        kinds = {f.name: f.metadata.get("kind") for f in cls._fields.values()}
        cls._parameters, cls._states = (tuple(n for n in kinds if kinds[n] == kind) for kind in ("parameter", "state"))
        cls.__annotations__ = {}  # a further @dataclass finds no fields to take for its own
        if "__init__" in vars(cls):
            cls.__init__ = _as_torch_s(cls.__init__)
        keep(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, self._checked(name, value))

    def _checked(self, name: str, value: Any) -> Any:
        """The value, as the check of the field's type gives it back."""
        check = self._checks.get(name)
        return value if check is None else check(self, name, value)

    @property
    def hyper(self) -> dict[str, Any]:
        """The constructor's arguments under torch's names; a flag such as `bias` is reported as the flag."""
        hyper = {}
        for f in self._fields.values():
            if f.init:
                value = getattr(self, f.name)
                hyper[f.name] = value is not None if f.metadata.get("kind") == "parameter" else value
        return hyper

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.hyper.items())})"


class Settable(Described):
    """One whose `__post_init__` checks its hyperparameters together: it does so again when one of them is set later."""

    def __setattr__(self, name: str, value: Any) -> None:
        now, value = vars(self), self._checked(name, value)
        if name in self._fields and self._fields[name].init and name in now and "_trial" not in now:
            trial = object.__new__(type(self))
            trial.__dict__.update(now, _trial=True, **{name: value})
            check = getattr(trial, "__post_init__", None)
            if check is not None and not signature(check).parameters:
                check()
            value = value.item() if isinstance(value, np.generic) else value  # never promotes float32
        super().__setattr__(name, value)
