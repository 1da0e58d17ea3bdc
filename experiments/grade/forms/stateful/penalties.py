"""The penalty of a layer that adds its derivative to its gradients: by the function of the file that gives it.

Where no function of the file does, it is the usual one, λ Σ |w| or λ Σ w², of those factors and parameters that come
nearest to what is added.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example
from experiments.grade.forms.stateful.objects import needed
from experiments.grade.forms.stateful.slots import label, slots, stem
from experiments.grade.forms.whole.names import PENALTIES

OF = dict.fromkeys(("weight", "weights", "kernel", "w"), "weights") | dict.fromkeys(("bias", "biases", "b"), "biases")
"""The words of a strength's name that say what is penalised."""
KINDS = {"l1": 1, "l2": 2}
"""Those that say to which power."""
SAY_SO = {
    "regularizer", "regulariser", "regularization", "regularisation", "reg", "penalty", "lambda", "lam", "strength",
}  # fmt: skip
"""Those that say nothing more."""
NEAR = 2.0**-30
"""Less than this added to a gradient is taken for rounding."""
GIVES = re.compile(r"\w*regulari[sz]\w*|\w*penalty\w*", re.IGNORECASE)


class Penalty(NamedTuple):
    """What a row calls a penalty, and the function of a layer that gives it."""

    name: str
    of: Callable[[Any], Any]


def strengths(kind: type) -> list[tuple[str, dict[str, Any]]]:
    """The strengths of penalties that a constructor may be given, and what to call each."""
    parameters = inspect.signature(kind).parameters.values()
    plain = [p for p in parameters if is_strength(p.name) and type(p.default) in (int, float)]
    return [(p.name, {p.name: STRENGTH}) for p in plain]


def without_penalties(kind: type) -> dict[str, Any]:
    """The strengths that are not 0 by default, as 0: what a layer gives besides its penalty is judged apart."""
    return {n: 0 for n, _ in strengths(kind) if inspect.signature(kind).parameters[n].default}


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+\d?", name.lower())


def is_strength(name: str) -> bool:
    """Whether it is what the strength of a penalty is called."""
    words = _words(name)
    is_one = len(KINDS.keys() & words) == 1 and {*words} <= {*OF, *KINDS, *SAY_SO}
    return is_one or name.lower() in PENALTIES


def penalty_of(found: Definitions, layer: Any) -> Penalty | None:
    """The function or method of the file that gives a layer's penalty, if it is not 0."""
    for give in _gives(found):
        try:
            if np.ndim(value := give(layer)) == 0 and value != 0:
                return Penalty("penalty", give)
        except Exception:  # of something else
            continue
    return None


def added_penalty(
    strength: str, arguments: Sequence[str], are_columns: bool, plain: Example, other: Example
) -> Penalty | None:
    """The usual penalty of a layer that adds one to its gradients, or its moves; None where it adds nothing, as others
    may."""
    one, more = (each.run({n: a.copy() for n, a in plain.arrays.items()}) for each in (plain, other))
    if any(not np.array_equal(y, more.outputs[name]) for name, y in one.outputs.items()):
        return None  # what changes the output, too, is no penalty
    without, found = (ran.backward(plain.delta) for ran in (one, more))  # pyright: ignore[reportOptionalCall]
    added = {n: found[f"d{n}"] - without[f"d{n}"] for n in plain.floats if f"d{n}" in found}
    parameters = {n: a for n, a in plain.floats.items() if n not in arguments and n in added}
    return usual_penalty(strength, parameters, added, plain.arrays[arguments[0]].shape[-1 if are_columns else 0])


def usual_penalty(strength: str, parameters: Arrays, added: Arrays, examples: int) -> Penalty | None:
    """The usual penalty that is nearest to what a backward adds to the gradients by this argument, if it adds anything;
    of a layer, or of the parameters by name."""
    if not any(np.any(np.abs(a) > NEAR) for a in added.values()):
        return None
    words = [] if strength.lower() in PENALTIES else _words(strength)
    power = next((KINDS[w] for w in words if w in KINDS), 2)
    biases = [n for n, a in parameters.items() if _is_a_bias(n, a)]
    weights = [n for n in parameters if n not in biases]
    named = {"weights": weights, "biases": biases}
    ways = [named[OF[w]] for w in words if w in OF] or [weights, [*parameters]]
    divisors = {"λ": 1, "λ/2": 2, "λ/N": examples, "λ/2N": 2 * examples} if power == 2 else {"λ": 1, "λ/N": examples}

    def derivative(name: str, names: list[str], divisor: int) -> Any:
        a = parameters[name] if name in names else np.zeros(())
        return STRENGTH * (2 * a if power == 2 else np.sign(a)) / divisor

    def distance(way: tuple[list[str], str]) -> float:
        names, factor = way
        return sum(float(np.abs(added[n] - derivative(n, names, divisors[factor])).sum()) for n in added)

    names, factor = min(product(ways, divisors), key=distance)

    def penalty(layer: Any) -> Any:
        kept = {label(slot): a for slot, a in slots(layer)}
        terms = (np.sum(kept[n] * kept[n] if power == 2 else np.abs(kept[n])) for n in names)
        return STRENGTH * sum(terms) / divisors[factor]

    return Penalty(f"penalty {factor} Σ {'w²' if power == 2 else '|w|'} of {' and '.join(names)}", penalty)


def _is_a_bias(name: str, array: Any) -> bool:
    """By its name, or, if that says neither, by its one axis."""
    bare = stem(name).rstrip("_0123456789")
    return bare == "b" or (bare != "w" and np.ndim(array) == 1)


def _gives(found: Definitions) -> Iterator[Callable[[Any], Any]]:
    for name, thing in found.own().items():
        if inspect.isfunction(thing) and GIVES.fullmatch(name):
            yield thing
        methods = [n for n in dir(thing) if inspect.isclass(thing) and GIVES.fullmatch(n)]
        for method in (n for n in methods if inspect.isfunction(f := getattr(thing, n)) and len(needed(f)) == 1):
            try:
                yield getattr(thing(), method)
            except Exception:  # it is made with something
                continue
