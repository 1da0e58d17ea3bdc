"""Update rules on dicts: update_parameters_with_adam(parameters, grads, v, s, t, learning_rate, beta1, beta2, epsilon).

Which rule it is, its name says; v and s begin as initialize_adam(parameters) of the file gives them, else as zeros
under the keys of the gradients; t counts from 1, or from 0 where the function adds 1 itself. What comes back is
(parameters, v, s), or the dicts are changed in place. Also momentum with v, RMSprop with s, in any order.
Compared with the rule of that name over several steps.
"""

import ast
import copy
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.rules import NEEDED, SETTINGS, kind_of, name_of
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Fields, Piece
from experiments.grade.forms.whole.names import GRADIENTS, PARAMETERS
from manual import Layer

COUNTERS = {"t", "step", "steps", "iteration", "iter", "it", "i", "k", "epoch"}
KEYS = {"weight": "W1", "bias": "b1"}


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of a rule's name that takes parameters, gradients and its own memory."""
    for name, f in found.functions().items():
        names = [*inspect.signature(f).parameters]
        kind = kind_of(name)
        if kind and len(names) > 3 and {*names} & PARAMETERS and {*names} & GRADIENTS:
            both = next(n for n in names if n in PARAMETERS), next(n for n in names if n in GRADIENTS)
            yield RuleOnDicts(name, kind, f, both, found)


class RuleOnDicts(Piece):
    """A function that makes one step of every parameter."""

    form, judging = "update rule on dicts", "rule"
    untried: tuple[str, ...] = ()
    are_lists = False

    def __init__(self, name: str, kind: str, f: Callable[..., Any], both: tuple[str, str], found: Definitions) -> None:
        names = inspect.signature(f).parameters
        super().__init__(name, [*names], [], [f])
        self.kind, self.f, self.module = kind, f, found.module
        self.parameters, self.gradients = both
        self.counter = next((n for n in names if n.lower() in COUNTERS), "")
        self.settings = {setting: own for setting in NEEDED[kind] if (own := name_of(setting, kind, names))}
        known = {self.parameters, self.gradients, self.counter, *self.settings.values()}
        self.memory = [n for n, p in names.items() if n not in known and p.default is p.empty]
        self.untried = tuple(n for n in names if n not in known and n not in self.memory)
        self.first = 0 if self.counter and _counts(found.node_of(f), self.counter) else 1
        self.beginners = [g for n, g in found.own().items() if re.match("init", n) and inspect.isfunction(g)]
        self.made_of += [g for g in self.beginners if kind_of(g.__name__) or "velocity" in g.__name__]

    def rules(self) -> list[tuple[str, Fields]]:
        """The rule that it is by name, and the settings that it is given.

        Raises:
            Unclear: it does not take them.
        """
        if missing := [n for n in NEEDED[self.kind] if n not in self.settings and n != "eps"]:
            raise Unclear(f"expected {self.name} to take {SETTINGS[missing[0]][0][0]!r}, got {self.arguments}")
        return [(self.kind, {n: SETTINGS[n][1] if n in self.settings else 1e-8 for n in NEEDED[self.kind]})]

    def steps(self, options: Fields) -> Callable[[Layer, Layer], None]:
        """Steps of both parameters, with the memory that the function gives back."""
        memory: list[Any] | None = None
        given: Fields = {own: options[n] for n, own in self.settings.items()}
        count = self.first

        def step(layer: Layer, gradient: Layer) -> None:
            nonlocal memory, count
            own = {key: np.copy(layer.params[n]) for n, key in KEYS.items()}
            grads = {f"d{key}": gradient.params[n] for n, key in KEYS.items()}
            others = given | ({self.counter: count} if self.counter else {})
            kept = self._beginning(own, grads, others) if memory is None else memory
            new, *rest = self._moved(own, grads, kept, others)
            dicts = [o for o in rest if isinstance(o, dict | list)]
            memory, count = dicts[: len(kept)] if len(dicts) >= len(kept) else kept, count + 1
            for n, key in KEYS.items():
                setattr(layer, n, new[key])

        return step

    def _moved(self, own: Any, grads: Any, kept: list[Any], others: Fields) -> tuple[Any, ...]:
        """The new parameters by name, and what comes back beside them."""
        given, slopes = ([*of.values()] if self.are_lists else of for of in (own, grads))
        result = self._called(given, slopes, kept, others)
        new, *rest = result if isinstance(result, tuple) else (given if result is None else result,)
        return (dict(zip(own, new, strict=True)) if self.are_lists else new, *rest)

    def _called(self, own: Any, grads: Any, kept: list[Any], others: Fields) -> Any:
        arguments = {self.parameters: own, self.gradients: grads} | dict(zip(self.memory, kept, strict=True))
        return self.f(**arguments, **others)

    def _beginning(self, own: Fields, grads: Fields, others: Fields) -> list[Any]:
        """The memory before the first step: the first on which the function runs.

        Raises:
            Unclear: on none.
        """
        why = ""
        for are_lists, begin in self._beginnings(own):
            self.are_lists = are_lists
            try:
                new, *_ = self._moved(copy.deepcopy(own), copy.deepcopy(grads), begin(), others)
                is_moved = any(not np.array_equal(new[n], p) for n, p in own.items())
            except (KeyError, TypeError, AttributeError) as error:
                why = why or f"{type(error).__name__}: {error}"
            else:
                if is_moved:
                    return begin()
        raise Unclear(f"what {', '.join(self.memory)} are at first is not known; the first that was tried raised {why}")

    def _beginnings(self, own: Fields) -> Iterator[tuple[bool, Callable[[], list[Any]]]]:
        """Whether it is of lists, and the memory: what the file begins with; zeros under the keys of the gradients, and
        of the parameters; nothing; zeros in a list."""
        count = len(self.memory)
        for begin in self.beginners:
            try:
                result = begin({n: p.copy() for n, p in own.items()})
            except Exception:  # it begins something else
                continue
            dicts = [*result] if isinstance(result, tuple) else [result]
            if len(dicts) == count and all(_is_memory(d, own) for d in dicts):
                yield False, lambda dicts=dicts: copy.deepcopy(dicts)
        for prefix in ("d", ""):
            zeros = {prefix + n: np.zeros_like(p) for n, p in own.items()}
            yield False, lambda zeros=zeros: [copy.deepcopy(zeros) for _ in range(count)]
        yield False, lambda: [{} for _ in range(count)]
        yield False, lambda: [None] * count
        yield True, lambda: [[np.zeros_like(p) for p in own.values()] for _ in range(count)]


def _is_memory(thing: Any, own: Fields) -> bool:
    """Whether it has zeros for every parameter."""
    keys = [*own] if isinstance(thing, dict) and own.keys() <= thing.keys() else [f"d{n}" for n in own]
    return isinstance(thing, dict) and all(k in thing and not np.any(thing[k]) for k in keys)


def _counts(node: ast.AST, counter: str) -> bool:
    """Whether a function adds to its counter."""
    bound = [n for n in ast.walk(node) if isinstance(n, ast.AugAssign | ast.Assign)]
    targets = [t for n in bound for t in (n.targets if isinstance(n, ast.Assign) else [n.target])]
    return any(isinstance(t, ast.Name) and t.id == counter for t in targets)
