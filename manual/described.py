"""What layers, losses and optimizers have in common: they are dataclasses that know their own hyperparameters."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal, dataclass_transform, overload


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


@dataclass_transform(eq_default=False, field_specifiers=(field, parameter, state))
class Described:
    """A dataclass that compares by identity; the arguments of its constructor are its hyperparameters."""

    def __init_subclass__(cls) -> None:
        dataclass(eq=False, repr=False)(cls)

    @property
    def hyper(self) -> dict[str, Any]:
        """The constructor's arguments under torch's names; a flag such as `bias` is reported as the flag."""
        hyper = {}
        for f in fields(self):  # pyright: ignore[reportArgumentType]
            if f.init:
                value = getattr(self, f.name)
                hyper[f.name] = value is not None if f.metadata.get("kind") == "parameter" else value
        return hyper

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.hyper.items())})"
