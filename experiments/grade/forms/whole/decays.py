"""A weight decay that a network's backward adds to its gradients, and no cost of its class shows.

It is taken for the usual penalty (stateful/penalties.py), and judged apart: first all is judged without it.
"""

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.piece import Arrays
from experiments.grade.forms.stateful.penalties import Penalty, is_strength, usual_penalty
from experiments.grade.forms.whole.network_data import Fitted


class Decay(NamedTuple):
    """The attribute that has the strength, and what it is the strength of; the network without it, and with some."""

    strength: str
    penalty: Penalty
    without: Fitted
    penalized: Fitted


def decay_of(fitted: Fitted, parameters: Arrays, gradients: Callable[[Fitted], Arrays]) -> Decay | None:
    """The weight decay of a network that keeps its strength, if its gradients have one."""
    named = [n for n, v in vars(fitted.prototype).items() if is_strength(n) and type(v) in (int, float)]
    for name in named:
        without, penalized = (_at(fitted, name, strength) for strength in (0.0, STRENGTH))
        with suppress(Exception):  # it does not run so
            plain, more = gradients(without), gradients(penalized)
            added = {n: more[f"d{n}"] - plain[f"d{n}"] for n in parameters if f"d{n}" in more}
            if penalty := usual_penalty(name, parameters, added, fitted.given.examples):
                return Decay(name, penalty, without, penalized)
    return None


def _at(fitted: Fitted, name: str, strength: float) -> Fitted:
    own = copy.deepcopy(fitted.prototype)
    setattr(own, name, strength)
    return fitted._replace(prototype=own)
