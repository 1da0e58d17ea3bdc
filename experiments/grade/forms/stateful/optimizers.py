"""Optimizers as classes that keep their memory: update_params(layer), update(params, grads), update(w, dw), step(net).

Which rule it is, its name says: SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam, AdaMax, Adadelta, NAdam,
AMSGrad, Lion, GradientDescent.
Parameters and gradients are handed over as a layer or a network of the file, which keep both, as dicts, as lists, or as
one array and its gradient, or a weight and a bias at once; what is moved in place, or comes back, is looked at.
pre_update_params and post_update_params are called around it, where the rate decays as lr / (1 + decay · steps).
Compared with the rule of that name over several steps, with every setting that the constructor has.
"""

import copy
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.rules import NEEDED, SETTINGS, kind_of, name_of
from experiments.grade.forms.definitions import Definitions, constants_of, functions_of
from experiments.grade.forms.own_examples import of_kind
from experiments.grade.forms.piece import Arrays, Fields, Piece
from experiments.grade.forms.stateful.handing_over import Handing, Method, Way, keeping, ways
from experiments.grade.forms.stateful.objects import RATES, needed
from experiments.grade.forms.whole.names import PARAMETERS
from manual import Layer, Optimizer

METHODS = ("update_params", "update_parameters", "update_weights", "apply_gradients", "apply", "optimize", "update",
           "step", "__call__")  # fmt: skip
NOT_TRIED = {"name", "verbose"}
"""Arguments of a constructor that change no number."""
A_SETTING = RATES | {n for names, _ in SETTINGS.values() for n in names}
LR_DECAY, WEIGHT_DECAY, DECAY = "lr_decay", "weight_decay", 0.3
WEIGHT_DECAYS = ("weight_decay", "wd", "l2", "l2_reg", "reg", "lambd", "lambda_", "lmbda")
BETAS = ("beta1", "beta2")
COUNTERS = {"t", "step", "iteration", "iter", "i"}
BOTH = {"weight": "w", "bias": "b"}


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class of a rule's name with an update of one or two arguments."""
    for name, kind in found.classes().items():
        rule, methods = kind_of(name), updates_of(kind)
        if not rule or issubclass(kind, Optimizer):
            continue
        asked = {m: [n for n in needed(getattr(kind, m)) if n.lower() not in RATES] for m in methods}
        if all(_may_be(kind, m, names) for m, names in asked.items()):
            for method in methods:
                piece = name if len(methods) == 1 else f"{name}.{method}"
                yield OptimizerClass(piece, rule, kind, method, found)


def _may_be(kind: type, method: str, names: list[str]) -> bool:
    """Whether a method's arguments may be handed to it; step(network, gradient) is the contract's."""
    if len(names) == 2:
        return method != "step" or names[0].lower() in PARAMETERS
    return len(names) == 1 or is_of_both(names) or (not names and bool(_kept(kind)))


def _kept(kind: type) -> str:
    """The argument of a constructor that is the parameters: the first that it needs, unless that is a setting; else
    ""."""
    names = needed(kind.__init__) if inspect.isfunction(kind.__init__) else []
    return next((n for n in names[:1] if n.lower() not in A_SETTING), "")


def updates_of(kind: type) -> list[str]:
    """The methods that update, but for those that another of them calls."""
    own = {m: f for m in METHODS if inspect.isfunction(f := getattr(kind, m, None))}
    called = {n for f in own.values() for n in f.__code__.co_names}
    return [m for m in own if m not in called]


class OptimizerClass(Piece):
    """A class whose objects move parameters, and keep what they remember."""

    form, judging = "optimizer that keeps its memory", "rule"

    def __init__(self, name: str, rule: str, kind: type, method: str, found: Definitions) -> None:
        super().__init__(name, needed(getattr(kind, method)), [], [kind])
        self.rule_name, self.kind, self.method, self.module, self.found = rule, kind, method, found.module, found
        self.keeps = _kept(kind)
        self.arguments_of_kind = dict(inspect.signature(kind).parameters)

    # ---------------------------------------------------------------- which rule, with which settings

    def rules(self) -> list[tuple[str, Fields]]:
        """Each rule that it may be told to be, and the settings that it is then given.

        Raises:
            Unclear: it does not say with which settings it runs.
        """
        kinds = [(self.rule_name, {})]
        if self.rule_name == "sgd" and self._name_for("momentum"):
            kinds = [("sgd", {"momentum": 0.0}), ("momentum", {})]
        if kinds[-1][0] == "momentum" and "nesterov" in self.arguments_of_kind:
            kinds.append(("nesterov", {"nesterov": True}))
        decays = self._name_for(WEIGHT_DECAY)  # at its default it may not be 0
        still = {WEIGHT_DECAY: 0.0} if decays and self.arguments_of_kind[decays].default != 0 else {}
        rules = [(kind, {n: self._value(n) for n in NEEDED[kind]} | more | still) for kind, more in kinds]
        more = [name for name in (LR_DECAY, WEIGHT_DECAY) if self._name_for(name)]
        rules += [(kind, options | {name: DECAY}) for kind, options in rules for name in more]

        def is_one(own: Any, *others: Any) -> bool:
            return not others and self._as_it_is(own, rules) is not None

        own = of_kind(self.kind, self.module, np.random.default_rng(0), is_one)
        return [*rules, *(rule for (one,) in own if (rule := self._as_it_is(one, rules)))]

    def _as_it_is(self, own: Any, rules: list[tuple[str, Fields]]) -> tuple[str, Fields] | None:
        """The rule that an object of the file's examples(rng) is, with its settings: an object made with these is the
        same."""
        kept = _numbers(own)
        for kind, options in rules:
            given = {n: kept.get(self._name_for(n), kept.get(n)) for n in options}
            is_so = all(given[n] == value for n, value in options.items() if not value or value is True)
            with suppress(TypeError):  # it has a setting of another name
                if is_so and _numbers(self._made(given)) == kept:
                    return kind, given
        return None

    @property
    def untried(self) -> list[str]:
        """The arguments of the constructor that stay at their defaults."""
        known = {self._name_for(n) for _, options in self.rules() for n in options}
        known |= NOT_TRIED | {self.keeps}
        return [n for n in self.arguments_of_kind if n not in known and n.lower() not in RATES]

    def _name_of(self, setting: str) -> str:
        """What the constructor, the object or the update calls a setting of a rule; "" if none does."""
        known = [*self.arguments_of_kind, *self._kept(), *inspect.signature(getattr(self.kind, self.method)).parameters]
        return name_of(setting, self.rule_name, known)

    def _kept(self) -> Fields:
        """The numbers that a fresh object keeps."""
        try:
            kept = _numbers(self._made({}))
        except Exception:  # it needs what is not there
            return {}
        return {n: v for n, v in kept.items() if not isinstance(v, bool)}

    def _value(self, setting: str) -> float:
        """The value that a setting is given; one that is written in the code is taken from there.

        Raises:
            Unclear: it is neither.
        """
        if self._name_for(setting):
            return SETTINGS[setting][1]
        code = {float(c) for f in functions_of(self.kind) for c in constants_of(f.__code__) if isinstance(c, float)}
        if setting == "eps":
            return min((c for c in code if 0 < c <= 0.01), default=0.0)
        fractions = sorted(c for c in code if 0.5 <= c < 1)
        place = {"beta2": -1}.get(setting, 0)
        if setting == "lr" or not fractions or (setting == "beta2" and len(fractions) < 2):
            raise Unclear(f"expected the constructor to take {SETTINGS[setting][0][0]!r}, got "
                          f"{[*self.arguments_of_kind]}")  # fmt: skip
        return fractions[place]

    def _decays(self) -> str:
        """The argument by which the learning rate decays from step to step, if there is one."""
        names = {self._name_of(n) for n in NEEDED[self.rule_name]}
        found = (n for n in self.arguments_of_kind if re.fullmatch("(lr_|learning_rate_)?decay(_rate)?", n))
        return next((n for n in found if n not in names and hasattr(self.kind, "pre_update_params")), "")

    # ---------------------------------------------------------------- running it

    def _name_for(self, option: str) -> str:
        """What the constructor or the object calls an option."""
        if option == LR_DECAY:
            return self._decays()
        if option == WEIGHT_DECAY:
            return next((n for n in self.arguments_of_kind if n in WEIGHT_DECAYS), "")
        if option in BETAS and "betas" in self.arguments_of_kind:
            return "betas"
        return self._name_of(option) if option in SETTINGS else option

    def _made(self, options: Fields, params: Any = ()) -> Any:
        """An optimizer with these settings, of these parameters."""
        named = {self._name_for(n): v for n, v in options.items()}
        if "betas" in named:
            named["betas"] = tuple(options[n] for n in BETAS)
        required = needed(self.kind.__init__) if inspect.isfunction(self.kind.__init__) else []
        given = {n: params if n == self.keeps else named.get(n, 0.1) for n in required} | {
            n: v for n, v in named.items() if n in self.arguments_of_kind
        }
        new = self.kind(**given)
        for name in named.keys() & vars(new).keys() - given.keys():
            setattr(new, name, named[name])
        return new

    def _update(self, options: Fields, params: Any = ()) -> Method:
        """One call of a fresh optimizer's update, with what comes before and after it."""
        optimizer = self._made(options, params)
        rates = [n for n in inspect.signature(getattr(self.kind, self.method)).parameters if n.lower() in RATES]

        def update(*handed: Any) -> Any:
            getattr(optimizer, "pre_update_params", _nothing)()
            returned = getattr(optimizer, self.method)(*handed, **dict.fromkeys(rates, options.get("lr")))
            getattr(optimizer, "post_update_params", _nothing)()
            return returned

        return update

    def steps(self, options: Fields) -> Callable[[Layer, Layer], None]:
        """Steps of one optimizer, which is handed parameters and gradients in the first way in which it moves them."""
        handing: list[Handing] = []

        def step(layer: Layer, gradient: Layer) -> None:
            if not handing:
                handing.append(self._way(layer, gradient, options))
            for name, new in handing[0](dict(layer.params), dict(gradient.params)).items():
                setattr(layer, name, new)

        return step

    def _way(self, layer: Layer, gradient: Layer, options: Fields) -> Handing:
        """The first way to hand over that moves every parameter.

        Raises:
            Unclear: none does.
        """
        why = ""
        for hand in self._ways(options):
            try:
                moved = hand()(copy.deepcopy(layer.params), copy.deepcopy(gradient.params))
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            if all(np.shape(moved[n]) == p.shape and not np.array_equal(moved[n], p) for n, p in layer.params.items()):
                return hand()
        got = f"got {self.method}({', '.join(self.arguments)})"
        raise Unclear(
            f"{got}; what it takes is not known, the first try raised {why}" if why else f"{got}, which moved nothing"
        )

    def _ways(self, options: Fields) -> Iterator[Callable[[], Handing]]:
        """Each way to hand over, by a fresh optimizer."""
        count = len([n for n in self.arguments if n.lower() not in RATES])
        if self.keeps:
            for way in keeping(self.found, count):
                yield lambda way=way: way(lambda params: self._update(options, params))
        for way in ways(self.found, count) if not is_of_both(self.arguments) else [of_both(self.arguments)]:
            yield lambda way=way: way(lambda: self._update(options))


def _numbers(own: Any) -> Fields:
    """The numbers that an object keeps."""
    return {n: v for n, v in vars(own).items() if isinstance(v, bool | int | float)}


def _nothing() -> None:
    """What an optimizer does before and after where it has nothing for that."""


def is_of_both(names: list[str]) -> bool:
    """Whether an update is of a weight and a bias at once: update(t, w, b, dw, db)."""
    return sorted(n.lower() for n in names if n not in COUNTERS) == ["b", "db", "dw", "w"]


def of_both(names: list[str]) -> Way:
    """update(t, w, b, dw, db) → (w, b), by what they are called."""

    def way(make: Callable[[], Method]) -> Handing:
        update, count = make(), 0

        def hand(params: Arrays, gradients: Arrays) -> Arrays:
            nonlocal count
            count += 1
            given: dict[str, Any] = {short: params[n] for n, short in BOTH.items()}
            given |= {f"d{short}": gradients[n] for n, short in BOTH.items()}
            new = update(*(count if n in COUNTERS else given[n.lower()] for n in names))
            return dict(zip(BOTH, new, strict=True)) if isinstance(new, tuple) else params

        return hand

    return way
