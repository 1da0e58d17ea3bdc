"""Course rules: an update as a function, f(w, dw, config) gives (w, config).

It is known by its name: sgd, momentum, nesterov, adagrad, rmsprop, adam, adamax, adadelta, nadam, amsgrad, lion. The
settings are what config holds after a call without one, by their keys: learning_rate, momentum, decay_rate, beta1,
beta2, epsilon; what else it holds is the rule's own memory. w may be changed in place. Compared with the rule of that
name over several steps; where an ε stands, and whether a velocity is a mean, are conventions.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Fields, Piece
from experiments.grade.forms.stateful.objects import RATES
from experiments.grade.forms.stateful.slots import is_marked
from manual import Layer

KINDS = {
    **dict.fromkeys(("radam", "adabelief", "adafactor", "nadamw", "adamod", "adabound"), ""),
    "amsgrad": "amsgrad", "nadam": "nadam", "lion": "lion",
    "adamax": "adamax", "adadelta": "adadelta", "adamw": "adamw", "adam": "adam", "nesterov": "nesterov",
    "rmsprop": "rmsprop", "adagrad": "adagrad", "momentum": "momentum", "sgd": "sgd", "gradientdescent": "sgd",
}  # fmt: skip
"""What stands in a name, and the rule that it says, "" for one that is not known here; the first counts."""
SETTINGS: dict[str, tuple[tuple[str, ...], float]] = {
    "lr": (("learning_rate", "lr", "eta", "alpha"), 0.1),
    "momentum": (("momentum", "mu"), 0.8),
    "decay": (("decay_rate", "rho", "decay"), 0.7),
    "beta1": (("beta1", "beta_1", "b1"), 0.8),
    "beta2": (("beta2", "beta_2", "b2"), 0.7),
    "eps": (("epsilon", "eps"), 0.05),
}
"""What the settings are called, and the values that they are given."""
DECAY = 0.3
"""Of the weights, where they decay."""
OTHER_NAMES = {
    "momentum": ("beta", "gamma", "friction", "rho"), "decay": ("beta", "gamma", "beta2", "alpha"),
    "lr": ("rate", "step_size"),
}  # fmt: skip
"""What else a setting that a rule needs may be called, where nothing else is called so."""
NEEDED = {
    "sgd": ("lr",), "momentum": ("lr", "momentum"), "nesterov": ("lr", "momentum"), "adagrad": ("lr", "eps"),
    "rmsprop": ("lr", "decay", "eps"), "adam": ("lr", "beta1", "beta2", "eps"),
    "adamw": ("lr", "beta1", "beta2", "eps"),
    **dict.fromkeys(("amsgrad", "nadam"), ("lr", "beta1", "beta2", "eps")), "lion": ("lr", "beta1", "beta2"),
    "adamax": ("lr", "beta1", "beta2", "eps"), "adadelta": ("decay", "eps"),
}  # fmt: skip


def pieces(found: Definitions) -> Iterator["RuleFunction"]:
    """Every function of a rule's name that takes w, dw and a config."""
    for name, f in found.functions().items():
        kind = kind_of(name)
        names = [*inspect.signature(f).parameters]
        if kind and len(names) == 3 and is_marked(names[1]) and names[2].lower() not in RATES:
            yield RuleFunction(name, kind, f, found)


def kind_of(name: str) -> str:
    """The rule that a name says; "" for none."""
    words = [w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    plain = "".join(words)
    from_a_word = ["".join(words[i:]) for i in range(len(words))]  # there is no RAdam in Optimizer_Adam
    begins = (kind for word, kind in KINDS.items() if any(w.startswith(word) for w in from_a_word))
    return next(chain(begins, (kind for word, kind in KINDS.items() if word in plain)), "")


def name_of(setting: str, rule: str, known: Iterable[str]) -> str:
    """Which of these names is that of a setting of a rule; "" if none is."""
    known = [*known]
    taken = {_first(SETTINGS[other][0], known) for other in NEEDED[rule] if other != setting}
    names = (*SETTINGS[setting][0], *(OTHER_NAMES.get(setting, ()) if setting in NEEDED[rule] else ()))
    return _first(names, [k for k in known if k not in taken])


def _first(names: Iterable[str], known: Iterable[str]) -> str:
    return next((k for n in names for k in known if k.strip("_").lower() == n), "")


class RuleFunction(Piece):
    """An update rule."""

    form, judging = "course rule", "rule"

    def __init__(self, name: str, kind: str, f: Callable[..., Any], found: Definitions) -> None:
        super().__init__(name, [*inspect.signature(f).parameters], [], [f])
        self.kind, self.f, self.module = kind, f, found.module

    untried: tuple[str, ...] = ()

    def rules(self) -> list[tuple[str, Fields]]:
        """The rule that it is by name, and the settings that it is given.

        Raises:
            Unclear: it does not hold them.
        """
        held = self._config()
        settings = {n: value for n, (names, value) in SETTINGS.items() if any(name in held for name in names)}
        if missing := [n for n in NEEDED[self.kind] if n not in settings]:
            raise Unclear(f"expected config to hold {SETTINGS[missing[0]][0][0]!r}, got {[*held]}")
        decay = {n: DECAY for n in ("weight_decay",) if n in held}
        return [(self.kind, {n: settings[n] for n in NEEDED[self.kind]} | decay)]

    def _config(self) -> Fields:
        """What a config holds that is not given, or has the learning rate alone."""
        for given in (None, {}, {"learning_rate": 0.1}):
            try:
                return _pair(self.f(np.ones(2), np.ones(2), given))[1]
            except (TypeError, KeyError, AttributeError):
                continue
        return _pair(self.f(np.ones(2), np.ones(2), {n: v for names, v in SETTINGS.values() for n in names}))[1]

    def steps(self, options: Fields) -> Callable[[Layer, Layer], None]:
        """Steps of one parameter after the other, each with a config of its own."""
        held = self._config()
        known = [(n, names) for n, (names, _) in SETTINGS.items()] + [("weight_decay", ("weight_decay",))]
        given = {key: options[n] for n, names in known if n in options for key in names if key in held}
        configs: dict[str, Any] = {}

        def step(layer: Layer, gradient: Layer) -> None:
            for name, p in layer.params.items():
                config = configs.get(name) or dict(given)
                new, configs[name] = _pair(self.f(p, gradient.params[name], config))
                setattr(layer, name, new)

        return step


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
        raise Unclear("expected (w, config)")
    return result
