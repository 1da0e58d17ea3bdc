"""A piece against the truth of its own forward: the certified derivative, on the inputs that its file gives."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.grade.errors import Failed, Unclear
from experiments.grade.forms.torch_names import torch_may_have
from experiments.grade.judging.checked_piece import LARGE, NON_CONTIGUOUS, CheckedPiece
from experiments.grade.judging.proxies import Trouble
from experiments.grade.judging.zeros import SEEDS, settle_zeros
from experiments.grade.process.answers import Arrays, Drawn, Observation
from experiments.grade.process.requests import Constants, DrawExamples, ObserveExample
from experiments.grade.task.expected import hold, on_the_tasks_inputs
from manual.numbers.number_types import Array
from torch_ref.comparison.verdict import CONVENTION, DIFFERS, Comparison, compare
from torch_ref.diagnosis import Case, Compared

ITSELF = Drawn("", "", "", {}, [])
"""An example of which its form says nothing."""


def against_truth(checked: CheckedPiece) -> None:
    """Compare every example of the file."""
    checked.finding.against = checked.finding.against or "the truth of its own forward"
    drawn = checked.child.ask(DrawExamples(checked.name, seed=0)).examples
    choice = _chosen(checked, drawn)
    if choice:
        checked.finding.form += f", {choice}"
    if settings := dict.fromkeys(name for one in drawn for name in one.settings):
        checked.finding.form += f", without a gradient of {', '.join(settings)}"
    on_the_tasks_inputs(checked)
    settle_zeros(checked, lambda seed: _redrawn(checked, seed, choice))
    _remark(checked, next((one.convention for one in drawn if one.choice == choice), ""))
    if drawn and not any(c.differs for c in checked.comparisons):
        _at_large_inputs(checked, checked.torch_has_it and checked.judging == "functions")


def _remark(checked: CheckedPiece, convention: str) -> None:
    """What agrees by a convention of its form has that remark."""
    for i, c in enumerate(checked.comparisons if convention else []):
        if c.agrees and c.quantity != "cost":
            checked.comparisons[i] = replace(c, verdict=CONVENTION, cause=convention)


def _chosen(checked: CheckedPiece, drawn: list[Drawn]) -> str:
    """Compare every example, by the convention under which the least differs; that convention."""
    before, found, observed = checked.comparisons, dict[str, list[Comparison]](), dict[str, list[Observation]]()
    for choice in dict.fromkeys(one.choice for one in drawn):
        checked.comparisons, checked.observed = found[choice], observed[choice] = [], []
        failed = list[Drawn]()
        for number, one in enumerate(drawn):
            if one.choice == choice:
                answered = compare_example(checked, lambda moved, n=number: _observed(checked, n, moved), one)
                failed += [] if answered else [one]
        if zero := _only_at_zero(failed, [one for one in drawn if one.choice == choice and one not in failed]):
            checked.comparisons = found[choice] = [c for c in found[choice] if c.quantity != "backward"]
            outputs = {checked.shown(name) for one in checked.observed for name in one.outputs}
            right = {c.quantity for c in found[choice]} - {c.quantity for c in found[choice] if c.differs} - outputs
            checked.remarks |= dict.fromkeys(right, f"right, but fails where {zero} is 0")
        if not any(c.differs for c in found[choice]):
            break
    best = min(found, key=lambda choice: _wrong(found[choice]), default="")
    checked.comparisons, checked.observed = before + found.get(best, []), observed.get(best, [])
    return best


def _only_at_zero(failed: list[Drawn], others: list[Drawn]) -> str:
    """The setting that is 0 wherever an exception ended the backward, and nowhere else: as pad is in x[pad:-pad]."""
    for name in failed[0].options if failed and others else ():
        zero, not_zero = ([one.options.get(name) for one in those] for those in (failed, others))
        if all(type(value) is int and value == 0 for value in zero) and all(not_zero):
            return name
    return ""


def _wrong(comparisons: list[Comparison]) -> tuple[int, float]:
    """How many quantities differ, and in what part of the comparisons."""
    differing = [c.quantity for c in comparisons if c.differs]
    return len({*differing}), len(differing) / max(1, len(comparisons))


def _observed(checked: CheckedPiece, number: int, moved: int) -> Observation:
    return checked.child.ask(ObserveExample(checked.name, number, moved))


def _redrawn(checked: CheckedPiece, seed: int, choice: str) -> list[Observation]:
    drawn = checked.child.ask(DrawExamples(checked.name, seed)).examples
    return [_observed(checked, number, seed) for number, one in enumerate(drawn) if one.choice == choice]


def compare_example(
    checked: CheckedPiece,
    observe: Callable[[int], Observation],
    drawn: Drawn = ITSELF,
    fixed: Arrays | None = None,
) -> bool:
    """Compare one example with its truth; where its forward decides on an edge, two others beside it. `fixed` is what
    it is called with besides. Whether it gave an answer, and no exception.

    At the edge itself nothing is compared but that the derivative is finite.
    """
    try:
        one = observe(0)
        found = [one]
        if one.undecided:
            found = [observe(moved) for moved in SEEDS]
            if why := next((other.undecided for other in found if other.undecided), ""):
                raise Unclear(why)  # it is no edge: there is no value, as of log(-1)
            _is_finite(checked, one)
    except Unclear:
        raise
    except Failed as why:
        checked.fail("backward", Trouble(str(why), why.wrong))
        return False
    for one in found:
        compare_observation(checked, one, drawn.place, drawn.options)
        _compare_torch(checked, one, drawn)
        hold(checked, one, fixed)
        if one.measured:
            checked.finding.tolerance = f"measured by differences: {one.measured}"
    return True


def compare_observation(
    checked: CheckedPiece, observation: Observation, at: str = "", options: Mapping[str, Any] | None = None
) -> None:
    """Compare what was observed with what is true: where a forward has a derivative, no choice is left to a
    convention."""
    before = len(checked.comparisons)
    checked.observed.append(observation)
    inputs = observation.inputs
    x, delta = next(iter(inputs), ""), next(iter(observation.delta.values()), None)
    sizes = _window(options or {}) | _sizes(inputs, delta)
    about = {"x": inputs[x]} | ({} if delta is None else {"delta": delta})
    params = {n: p for n, p in inputs.items() if n != x}
    for ours, place in ((observation.ours, ""), (observation.non_contiguous, NON_CONTIGUOUS)):
        compared = _compared(observation, ours, f"d{x}")
        case = Case({checked.shown(n): one for n, one in compared.items()}, about, params, sizes=sizes)
        checked.compare(case, ", ".join(filter(None, [at, place])))
    for i, c in enumerate(checked.comparisons[before:], before):
        if c.verdict == CONVENTION:
            checked.comparisons[i] = replace(c, verdict=DIFFERS, cause="")


def _sizes(inputs: Arrays, delta: Array | None) -> dict[str, int]:
    """How many examples and outputs there are; of a cost, if all inputs have as many rows."""
    rows = {np.shape(a)[:1] for a in inputs.values()}
    batch = delta if delta is not None else inputs.get("y", next(iter(inputs.values())) if len(rows) == 1 else None)
    if batch is None or not batch.ndim:
        return {}
    return {"N": len(batch), "the number of outputs": batch.size // len(batch)}


def _window(options: Mapping[str, Any]) -> dict[str, int]:
    """The size of a window that is one of the settings."""
    size = options.get("f", 1) ** 2 * options.get("pool_height", 1) * options.get("pool_width", 1)
    return {"the window's size": size} if size > 1 else {}


def _compared(observation: Observation, ours: Arrays, dx: str) -> dict[str, Compared]:
    """The quantities that were returned, and those that should have been: not that of a parameter without influence."""
    compared = {}
    for name, true in observation.truth.items():
        if name in observation.ours or name == dx or np.any(np.abs(true.value) > true.allowed):
            compared[name] = Compared(ours.get(name), true.value, true.allowed)
    return compared


def _compare_torch(checked: CheckedPiece, observation: Observation, drawn: Drawn) -> None:
    """Where torch has a forward of this name, the outputs are those that it may give."""
    known = drawn.known or checked.name
    if not torch_may_have(known):
        return
    from experiments.grade.judging.torch_forwards import outputs  # it loads torch, which takes as long as all else

    constants = checked.child.ask(Constants()).numbers
    theirs = [*outputs(known, observation.inputs, constants, drawn.options if drawn.known else None)]
    for place, name in enumerate(observation.outputs):
        if not theirs or name not in observation.truth:
            continue
        checked.torch_has_it = True
        allowed = 2 * observation.truth[name].allowed
        found = [compare(drawn.place, name, observation.ours[name], [*y.values()][place], allowed) for y in theirs]
        best = min(found, key=lambda c: c.ratio)
        if best.differs:
            checked.comparisons.append(replace(best, reason=f"its forward is not torch's {known}"))


def _is_finite(checked: CheckedPiece, observation: Observation) -> None:
    for quantity, value in observation.ours.items():
        if not np.isfinite(value).all():
            said = "it is not finite where the forward decides on an edge"
            checked.fail(checked.shown(quantity), Trouble(said, True))


def _at_large_inputs(checked: CheckedPiece, is_asked: bool) -> None:
    """Whether the first example is finite where the truth is a float: a difference where that is asked, else a
    remark."""
    conduct = [*checked.child.conduct]
    try:
        found = checked.child.ask(ObserveExample(checked.name, 0, factor=LARGE))
    except Failed:  # what cannot be run there is not known to be wrong
        return
    finally:
        checked.child.conduct[:] = conduct
    for quantity, true in found.truth.items():
        ours = found.ours.get(quantity)
        if ours is None or ours.shape != true.value.shape or not np.any(np.isfinite(true.value) & ~np.isfinite(ours)):
            continue
        if is_asked:
            trouble = Trouble("it overflows at large inputs, where torch does not", True)
            checked.fail(checked.shown(quantity), trouble)
        else:
            checked.remarks[checked.shown(quantity)] = "right, but overflows at large inputs"
