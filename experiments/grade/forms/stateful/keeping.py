"""Whether a class is a layer that keeps things on itself: by what its two methods take."""

from typing import Any

import numpy as np

from experiments.grade.forms.stateful.losses import TARGETS
from experiments.grade.forms.stateful.making import constructions
from experiments.grade.forms.stateful.objects import RATES, TRAINING, Methods, is_of_its_input, needed, returns_a_tuple
from experiments.grade.forms.stateful.slots import is_marked
from experiments.grade.forms.whole.network_methods import is_learner


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
