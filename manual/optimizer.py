"""The contract of an optimizer: `step` moves a network's parameters, in place."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np

from manual.described import Settable
from manual.layer import Layer
from manual.numbers.checks import InputError, instance
from manual.numbers.number_types import Array

PIECE = 2**15  # numbers of a parameter that are moved at a time: 128 KB in float32


HOW = {"foreach": None, "capturable": False, "differentiable": False, "fused": None}
"""What torch's optimizers are told of how to compute, and not what."""


class Optimizer(Settable, without=HOW):
    """A rule that moves each parameter by its gradient.

    `state[name]` is what the rule remembers of the parameter `name`: a dict under torch's keys, absent at first.

    A first argument {pattern: settings} makes groups of parameters by their names, as `fnmatch` has it: in
    `AdamW({"*.bias": {"weight_decay": 0}}, lr=0.1)` biases do not decay. The first pattern that matches counts. The
    other settings of a group are those of the rule when it is made.

    Raises:
        InputError: the settings of a group are not a dict of what the rule takes; and, from `step`, a pattern that
            moves no parameter.
    """

    state: dict[str, dict[str, Any]] = field(init=False, default_factory=dict)
    groups: "dict[str, Optimizer]" = field(init=False, default_factory=dict)
    elementwise: ClassVar[bool] = False
    """Whether the rule moves each number by its own gradient and state alone: then it may move a few rows at a time."""
    only_matrices: ClassVar[bool] = False
    """Whether every parameter must be a matrix."""

    def __init_subclass__(cls, **how: Any) -> None:
        super().__init_subclass__(**how)
        cls.__init__ = _with_groups(cls.__init__)

    def __new__(cls, *arguments: Any, **hyper: Any) -> Self:
        """Raise InputError where parameters come first, as in torch: `step` is given them, with their gradients."""
        first = next((f.name for f in cls._fields.values() if f.init), "")
        arguments = arguments[_has_groups(arguments) :]
        if arguments and first == "lr" and ("lr" in hyper or isinstance(arguments[0], Layer | Iterable)):
            raise InputError(
                f"{cls.__name__}: expected the learning rate first, got a {type(arguments[0]).__name__}; the "
                "parameters, unlike in torch, go to step(network, gradient)"
            )
        return object.__new__(cls)

    def step(self, network: Layer, gradient: Layer, /) -> None:
        """Move every parameter of the network, in place.

        Raises:
            InputError: the gradient, or the state, is another network's; nothing has been moved then.
        """
        try:
            params, gradients = network.params, gradient.params
        except AttributeError:
            instance(self, "network", network, Layer)
            instance(self, "gradient", gradient, Layer)
            raise
        if [*params] != [*gradients]:
            raise InputError(f"{self!r}: the gradient is of another network: expected {[*params]}, got {[*gradients]}")
        for (name, p), g in zip(params.items(), gradients.values(), strict=True):
            if g.shape != p.shape or g.dtype != p.dtype:
                raise InputError(
                    f"{self!r}: the gradient is of another network: expected shape {p.shape} and dtype {p.dtype} "
                    f"for {name}, got {g.shape} and {g.dtype}"
                )
            if name in self.state:
                for key, value in self.state[name].items():
                    if getattr(value, "shape", ()) not in ((), p.shape):
                        raise InputError(
                            f"{self!r}: the state is of another network: expected shape {p.shape} for {name}, {key}, "
                            f"got {value.shape}"
                        )
        for rule, names in self.rules(params):
            for name in names:
                p, state = params[name], self.state.setdefault(name, {})
                if self.elementwise and p.size > PIECE and isinstance(p, np.ndarray):
                    update_by_rows(rule, p, gradients[name], state)
                else:
                    rule.update(p, gradients[name], state)

    def rules(self, params: Mapping[str, Any]) -> "list[tuple[Optimizer, list[str]]]":
        """The rule of each group, then the optimizer itself, with the names of the parameters that each moves.

        Raises:
            InputError: a group has none; one is no matrix, where all must be.
        """
        for name, p in params.items() if self.only_matrices else ():
            if p.ndim != 2:
                raise InputError(f"{type(self).__name__}: expected matrices alone, as torch's takes them, "
                                 f"got {name} of shape {tuple(p.shape)}")
        left, found = [*params], []
        for pattern, rule in self.groups.items():
            own = [name for name in left if fnmatchcase(name, pattern)]
            if not own:
                raise InputError(f"{self!r}: expected a parameter for the group {pattern!r}, got {left}")
            left = [name for name in left if name not in own]
            found.append((rule, own))
        return [*found, (self, left)]

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        """The rule: move the parameter `p` in place by its gradient `g`."""
        raise NotImplementedError

    def __repr__(self) -> str:
        name, arguments = type(self).__name__, super().__repr__()
        return arguments.replace(f"{name}(", f"{name}({self.groups!r}, ", 1) if self.groups else arguments


def _has_groups(arguments: tuple[Any, ...]) -> bool:
    """Whether they begin with {pattern: settings}."""
    first = arguments[0] if arguments else None
    return isinstance(first, Mapping) and all(isinstance(settings, Mapping) for settings in first.values())


def _with_groups(init: Callable[..., None]) -> Callable[..., None]:
    """The constructor, before whose arguments {pattern: settings} may stand."""

    def __init__(self: Optimizer, *arguments: Any, **hyper: Any) -> None:
        n = _has_groups(arguments)
        init(self, *arguments[n:], **hyper)
        self.groups = _groups(self, arguments[0]) if n else {}

    __init__.__signature__ = signature(init)  # pyright: ignore[reportFunctionMemberAccess]
    return __init__


def _groups(rule: Optimizer, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Optimizer]:
    """The same rule for each group, with the group's settings."""
    for pattern, own in settings.items():
        if unknown := [name for name in own if name not in rule.hyper]:
            raise InputError(f"{type(rule).__name__}: expected settings among {[*rule.hyper]} for {pattern!r}, "
                             f"got {unknown}")
    return {pattern: type(rule)(**{**rule.hyper, **own}) for pattern, own in settings.items()}


def update_by_rows(optimizer: Optimizer, p: Array, g: Array, state: dict[str, Any]) -> None:
    """`optimizer.update` of a large parameter, a few rows at a time, whose intermediate results stay in the cache.

    It takes a step of SGD, RMSprop and Adam on 4096 × 1024 weights in 0.5 to 0.8 of the time (one thread, NumPy 2.4).
    """
    rows, before = max(1, PIECE * len(p) // p.size), dict(state)
    for first in range(0, len(p), rows):
        some = slice(first, first + rows)
        piece = {key: value[some] if np.ndim(value) else value for key, value in before.items()}
        optimizer.update(p[some], g[some], piece)
        for key, value in piece.items():
            if not np.ndim(value):  # the number of the step
                state[key] = value
                continue
            if key not in state:
                state[key] = np.empty_like(p)
            state[key][some] = value
