"""Layers, losses and optimizers from what a config file says: a name, or a name and its arguments.

ReLU                                            a name
{class_path: SGD, init_args: {lr: 0.2}}         a name and arguments, as Lightning's command line has it
Linear: {in_features: 64, out_features: 128}    the same, shorter
Linear: {in_features: 64, out_features: classes}    as many as the data have, where they name them
Residual: {inner: [LayerNorm: {…}, Linear: {…}]}    an argument that is a layer, or several in order
"""

import reprlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from inspect import signature
from typing import Any, TypeVar

import numpy as np

import manual
from experiments.shared.command import nearest
from manual import InputError, Layer, Network
from manual.described import Described
from manual.numbers.checks import finite
from manual.numbers.number_types import Array

D = TypeVar("D", bound=Described)
Spec = dict[str, Any] | str
"""A layer, loss, optimizer or penalty: a name, {class_path: name, init_args: {arguments}}, or one name: {arguments}."""


def build(base: type[D], spec: Spec, rng: np.random.Generator | None = None) -> D:
    """One layer, loss or optimizer of `manual`. `rng` is given to what takes one.

    Raises:
        InputError: the spec is of another form; the name is unknown (the message gives the nearest); arguments that it
            does not take, or that it refuses.
    """
    name, arguments = named(base.__name__.lower(), spec)
    cls = class_of(base, name)
    takes = dict(signature(cls).parameters)
    drawn_from = {"rng": rng} if takes.pop("rng", None) else {}
    if not isinstance(arguments, Mapping):
        raise InputError(f"{name}: expected {{arguments}}, got {reprlib.repr(arguments)}")
    for argument in arguments:
        if argument not in takes:
            raise InputError(f"{name}: there is no argument {argument!r}{nearest(str(argument), takes)}")
    inner = {name: value for name, value in arguments.items() if _is_layer(takes[name].annotation)}
    arguments = {**arguments, **{name: _inner(value, rng) for name, value in inner.items() if value is not None}}
    try:
        return cls(**arguments, **drawn_from)
    except InputError:
        raise
    except (TypeError, ValueError, MemoryError, OverflowError) as error:
        raise InputError(f"{name}: {str(error).removeprefix(f'{name}.__init__() ')}") from None


def class_of(base: type[D], name: Any) -> type[D]:
    """The layer, loss or optimizer of that name.

    Raises:
        InputError: there is none; the message gives the nearest.
    """
    known = {
        n: c
        for n, c in vars(manual).items()
        if isinstance(c, type) and issubclass(c, base) and c not in (base, Network)
    }
    if name not in known:
        near = nearest(str(name), known) or f"; there are {', '.join(sorted(known))}"
        raise InputError(f"there is no {base.__name__.lower()} {name!r}{near}")
    return known[name]


def _inner(spec: Any, rng: np.random.Generator | None) -> Layer:
    """A layer within another: one, or several in order."""
    return Network(*[build(Layer, one, rng) for one in spec]) if isinstance(spec, list) else build(Layer, spec, rng)


def _is_layer(annotation: Any) -> bool:
    """Whether a constructor's argument is a layer."""
    return getattr(annotation, "type", annotation) in (Layer, Layer | None)


def named(what: str, spec: Any) -> tuple[Any, Any]:
    """The name and the arguments that a spec gives.

    Raises:
        InputError: it is of another form.
    """
    if isinstance(spec, str):
        return spec.removeprefix("manual."), {}
    if isinstance(spec, Mapping) and "class_path" in spec and spec.keys() <= {"class_path", "init_args"}:
        return str(spec["class_path"]).removeprefix("manual."), spec.get("init_args") or {}
    if isinstance(spec, Mapping) and len(spec) == 1:
        [(name, arguments)] = spec.items()
        return name, arguments or {}
    raise InputError(f"{what}: expected a name, or one name: {{arguments}}, got {reprlib.repr(spec)}")


class _NoNumbers(np.random.Generator):
    """Draws arrays of one number in all places, which take no memory however large they are."""

    def uniform(self, low: Any = 0, high: Any = 1, size: Any = None) -> Any:
        return np.broadcast_to(np.float64((low + high) / 2), size)


def outline(specs: Sequence[Spec]) -> Network:
    """The network of these layers in its shapes alone: its parameters are no numbers to use, and take no memory.

    Raises:
        InputError: see `build`.
    """
    rng = _NoNumbers(np.random.PCG64(0))
    return Network(*[build(Layer, spec, rng) for spec in specs])


def build_network(specs: Sequence[Spec], seed: int, start: Mapping[str, Any] | None, dtype: str) -> Network:
    """A network of these layers. Its parameters are drawn from the seed, or are those of `start`, by name.

    Raises:
        InputError: see `build`; `start` holds what is not a finite number, or has other names or shapes than the
            network.
    """
    rng = np.random.default_rng(seed)
    network = Network(*[build(Layer, spec, rng) for spec in specs])
    if start is not None:
        arrays = {name: _numbers(f"start: {name}", value) for name, value in start.items()}
        want = {name: p.shape for name, p in network.params.items()}
        got = {name: array.shape for name, array in arrays.items()}
        if want != got:
            raise InputError(f"start: expected parameters {want}, got {got}")
        network = network.like(**arrays)
    network = network.astype(np.dtype(dtype).type)
    for name, p in network.params.items():
        finite(f"start: {name}", p)
    return network


def counted(specs: Sequence[Spec], classes: Sequence[str] | None) -> list[Spec]:
    """The layers with the number of classes where an argument says "classes"; where there are none, as they are."""

    def count(said: Any) -> Any:
        if isinstance(said, Mapping):
            return {key: count(value) for key, value in said.items()}
        if isinstance(said, list):
            return [count(value) for value in said]
        return len(classes) if said == "classes" and classes is not None else said

    return [count(spec) for spec in specs]


def _numbers(where: str, value: Any) -> Array:
    with suppress(ValueError, OverflowError):  # rows of different lengths; an integer beyond every float
        array = np.array(value)
        if array.dtype.kind in "iuf":
            return array.astype(float)
    raise InputError(f"{where}: expected an array of numbers, got {reprlib.repr(value)}")
