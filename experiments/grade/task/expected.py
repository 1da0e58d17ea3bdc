"""Whether a piece is what the task expects: its outputs and gradients on the task's own terms.

What is compared is plain arrays, with the certified derivative of the teacher's reference, or of the formula that the
kind has: of the student's file nothing takes part in it but what it returned.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np

from experiments.grade.errors import Failed
from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.process.answers import Arrays, Observation
from experiments.grade.process.number_types import Numbers, any_numbers
from experiments.grade.process.requests import Forward, ObserveOptions
from experiments.grade.task.kinds import ANY, IN_TORCH, KINDS, inputs
from torch_ref.comparison.verdict import DIFFERS, NOT_JUDGED, Comparison, compare
from torch_ref.truth.slopes import Slopes

TASK = "as the task has it"
FEW = 3
"""Arguments of which every order is tried."""


def hold(checked: CheckedPiece, one: Observation, fixed: Arrays | None = None) -> None:
    """Compare one observation; `fixed` is what the piece was called with besides what it was differentiated by."""
    if checked.expected is None or checked.expected.kind == ANY or len(one.outputs) != 1:
        return
    (output,) = one.outputs
    delta = next(iter(one.delta.values()), None)
    names = checked.arguments if fixed else [*one.inputs]
    every = {**(fixed or {}), **one.inputs}
    given = {n: every[n] for n in names if n in every}
    gradients = {n: g for n, g in one.ours.items() if n not in one.outputs}
    found = held(checked, given, {"y": one.ours[output]} | gradients, delta, [*one.inputs])
    checked.comparisons += [
        replace(c, quantity=checked.shown(output if c.quantity == "y" else c.quantity)) for c in found
    ]


def held(checked: CheckedPiece, given: Arrays, ours: Arrays, delta: Any, by: list[str]) -> list[Comparison]:
    """The comparisons with the first formula that gives the output, or the one that says that none does."""
    expected = checked.expected
    formulas = [expected.reference] if expected.reference else KINDS[expected.kind]
    checked.held, first, runs = True, [], False
    for formula, order in product(formulas, _orders([*given])):
        arranged = {n: given[n] for n in order}
        runs = runs or _runs(formula, arranged)
        slopes = _slopes(checked, formula, arranged, delta, by)
        if slopes is None:
            continue
        found = [compare(TASK, "y", ours["y"], slopes.output.value, 2 * slopes.output.allowed)] if "y" in ours else []
        for name, slope in slopes.by.items():
            if f"d{name}" in ours:
                found.append(compare(TASK, f"d{name}", ours[f"d{name}"], slope.value, 2 * slope.allowed))
        if not any(c.quantity == "y" and c.differs for c in found):
            return found
        first = first or found
    checked.is_another = True
    what = "its reference" if expected.reference else f"a {expected.kind}"
    reason = f"the task expects {what}, and this is another function"
    if not runs:
        reason = f"the task expects {what}, which does not run on {', '.join(given)}"
    if not first:
        verdict = DIFFERS if runs else NOT_JUDGED
        return [Comparison(TASK, "y", "", (), np.inf, np.inf, verdict, reason=reason)]
    return [replace(c, reason=reason) for c in first if c.quantity == "y"]  # another thing's gradients do not count


def as_expected(checked: CheckedPiece) -> list[Comparison]:
    """What counts: of another thing than what is expected, that it agrees with itself does not."""
    if not checked.is_another:
        return checked.comparisons
    return [replace(c, place="" if c.reason else c.place) for c in checked.comparisons if c.place == TASK]


def _orders(names: list[str]) -> Iterable[Sequence[str]]:
    """The orders in which a piece's arguments may be those of the formula; of many arguments, the rotations alone."""
    if len(names) <= FEW:
        return permutations(names)
    return (names[i:] + names[:i] for i in range(len(names)))


def _runs(formula: Callable[..., Any], given: Arrays) -> bool:
    """Whether a formula takes these arguments."""
    try:
        with np.errstate(all="ignore"):
            formula(*(a.copy() for a in given.values()))
        return True
    except Exception:
        return False


def _slopes(checked: CheckedPiece, formula: Callable[..., Any], given: Arrays, delta: Any, by: list[str]) -> Any:
    """The output and the derivatives of a formula; None where the arguments are not its own."""
    module = checked.expected.module

    def call(**some: Any) -> Any:
        return formula(*(some[n].view(Numbers) if n in some else given[n].copy() for n in given))

    floats = {n: given[n] for n in by if n in given and given[n].dtype.kind == "f"}
    try:
        with nullcontext() if module is None else any_numbers(module):
            return Slopes.of(call, floats, delta)
    except Exception:
        return None


def on_the_tasks_inputs(checked: CheckedPiece) -> None:
    """Observe functions on inputs that are none of their own file: the teacher's, or those that the kind has."""
    expected = checked.expected
    if expected is None or expected.kind == ANY or checked.form != "functions":
        return
    rng = np.random.default_rng(7)
    make = getattr(expected.module, "examples", None)
    theirs = [dict(zip(checked.arguments, e, strict=False)) for e in make(rng)] if make else []
    for given in theirs or inputs(expected.kind, checked.arguments, rng):
        try:
            y = checked.child.ask(Forward(checked.name, given, {})).y
            one = checked.child.ask(ObserveOptions(checked.name, given, rng.standard_normal(y.shape), {}))
        except Failed:
            continue
        hold(checked, one)


def is_another(checked: CheckedPiece) -> str:
    """Why a piece cannot be taken for what is expected, where nothing was compared with that; "" if it can."""
    expected = checked.expected
    if expected is None or expected.kind == ANY or checked.held:
        return ""
    known = IN_TORCH.get(expected.kind, "")
    if known and expected.reference is None and checked.finding.against.startswith(known):
        return ""
    return f"the task expects {expected.kind}, and this {checked.form} was not compared with that"
