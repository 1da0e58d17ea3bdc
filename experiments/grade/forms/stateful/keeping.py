"""Layers that keep things on themselves: whether a class is one, by what its two methods take, and what it keeps after
a second backward pass.

The gradients add up for every parameter, or for none: a batch in parts and a sequence of steps count on that. After a
method that begins anew, as zero_grad, a second pass leaves what the first one did.
"""

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.piece import Arrays, Example, Ran
from experiments.grade.forms.stateful.losses import TARGETS
from experiments.grade.forms.stateful.making import constructions
from experiments.grade.forms.stateful.objects import (
    RATES,
    TRAINING,
    Methods,
    Parameters,
    is_of_its_input,
    needed,
    returns_a_tuple,
)
from experiments.grade.forms.stateful.slots import is_marked
from experiments.grade.forms.whole.network_methods import is_learner

BEGINS_ANEW = re.compile(r"(zero|reset|clear)_?(the_)?grad\w*", re.IGNORECASE)
Pass = Callable[[Any, Arrays, Any], None]
"""Forward and backward of an object."""


def keeps_on_itself(kind: type, methods: Methods) -> bool:
    """Whether forward takes arrays alone, and backward needs a δ for each output, or a learning rate besides; or, of
    three arrays whose cost it is, as that of a triplet, nothing."""
    forward, backward = getattr(kind, methods.forward), getattr(kind, methods.backward)
    inputs, deltas = inputs_of(forward), [n for n in needed(backward) if n.lower() not in RATES]
    if inputs == deltas and (is_learner(kind) or is_of_its_input(forward, backward)):  # as an autoencoder's target is
        return False
    if len(inputs) == 1:
        if len(deltas) > 1:
            return returns_a_tuple(forward) and all(n.startswith("d") or is_marked(n) for n in deltas)
        return len(deltas) == 1 and deltas[0].lower() not in {*TARGETS, "cache"}
    names, counts = {n.lower() for n in (*inputs, *deltas)}, {2: (1, 2), 3: (0, 1, 2)}.get(len(inputs), ())
    of_labels = len(inputs) == 3 and not deltas and len(names & TARGETS) == 1
    of_two = len(inputs) == 2 and returns_a_tuple(backward) and TARGETS.isdisjoint(map(str.lower, deltas))
    return len(deltas) in counts and (of_labels or of_two or names.isdisjoint({*TARGETS, "cache"}))


def inputs_of(forward: Any) -> list[str]:
    """What a forward takes, but for whether it is training."""
    return [n for n in needed(forward) if n not in TRAINING]


def can_be_made(kind: type) -> bool:
    """Whether anything that is tried makes an object of a class."""
    for arguments in constructions(kind, np.random.default_rng(0)):
        try:
            kind(*arguments)
            return True
        except Exception:
            continue
    return False


def again(plain: Example, parameters: Parameters, prototype: Any, make_pass: Pass) -> Iterator[Example]:
    """The example after a second pass, where that leaves something else for some parameters than for others."""
    if not parameters.places:
        return
    resets = [n for n in dir(prototype) if BEGINS_ANEW.fullmatch(n) and not needed(getattr(prototype, n))]

    def kept(given: Arrays, delta: Any, between: Callable[[Any], None] | None) -> Arrays:
        own = parameters.with_these(prototype, given)
        make_pass(own, *copy.deepcopy((given, delta)))
        if between:
            between(own)
            make_pass(own, *copy.deepcopy((given, delta)))
        return {n: np.copy(g) for n, g in parameters.kept_gradients(own).items()}

    def after(place: str, between: Callable[[Any], None], times: int) -> Example:
        def run(given: Arrays) -> Ran:
            def backward(delta: Any) -> Arrays:
                return {n: g / times for n, g in kept(given, delta, between).items()}

            return Ran(plain.run(given).y, backward, pure=False)

        inputs = tuple(n for n in plain.arrays if n not in parameters.places)
        return replace(plain, run=run, fixed=inputs, place=place)

    try:
        first, twice = (kept(plain.arrays, plain.delta, between) for between in (None, lambda _: None))
        anew = {n: kept(plain.arrays, plain.delta, lambda own, n=n: getattr(own, n)()) for n in resets}
    except Exception:  # it makes one pass alone
        return
    if {*first} != {*twice} or not first:
        return
    added = [n for n in first if np.array_equal(twice[n], 2 * first[n]) and np.any(first[n])]
    if added and any(not np.array_equal(twice[n], 2 * first[n]) for n in first):
        if not resets:
            raise Unclear(f"a second backward adds to {', '.join(added)}, and not to all that it keeps")
        yield after("a second backward", lambda _: None, 2)
    for name, gradients in anew.items():
        if any(not np.array_equal(gradients.get(n, np.nan), first[n]) for n in first):
            yield after(f"a backward after {name}", lambda own, n=name: getattr(own, n)(), 1)
