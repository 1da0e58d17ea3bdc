"""An optimizer against torch's of that name: at every argument that both take, over several steps.

Its steps start from torch's parameters and state each time, so that the first wrong quantity is named. One that keeps
its state under names of its own cannot be given torch's: it runs freely, and what rounding explains grows from step
to step. The bound is that of this project's rule; where the project has no such argument, that of the submission's
own arithmetic.
"""

from contextlib import suppress
from copy import deepcopy
from typing import Any

import numpy as np
import torch

import manual
from experiments.grade.judging.argument_combinations import Options, exercised
from experiments.grade.judging.piece_under_check import Checked
from experiments.grade.process.sandbox import Failed, Unclear
from manual import InputError, Linear, Optimizer
from torch_ref import compare_optimizer, params_of, state_of, to_torch, twin
from torch_ref.comparison.verdict import explained
from torch_ref.diagnosis import Case, Compared, of_update
from torch_ref.diagnosis.mistakes.updates import UPDATES, Update
from torch_ref.diagnosis.proofs import DOES_NOT_APPLY
from torch_ref.tolerance.bounds import bounded, exact

DTYPES = (np.float64, np.float32)
STEPS = 4
SCALES = (1, 0.1, 0.5, 2)
"""Of the gradients at each step: a running maximum shows only where they get smaller."""


def optimizer(checked: Checked) -> None:
    """An optimizer class."""
    own: Any = getattr(manual, checked.name, None)
    if not (isinstance(own, type) and issubclass(own, Optimizer)):
        known = ", ".join(
            sorted(kind.__name__ for kind in Optimizer.__subclasses__() if kind.__module__.startswith("manual."))
        )
        raise Unclear(
            f"an update has no derivative to hold {checked.name} against; expected the rule of one of {known}"
        )
    checked.finding.against = f"torch.optim.{checked.name}"
    if "lr" not in checked.accepts:
        raise Unclear(f"expected {checked.name} to take (lr), got ({', '.join(checked.accepts)})")
    make = getattr(torch.optim, checked.name)
    rows, unknown = exercised(make, checked.accepts, {"lr": 0.1}, lambda row: _takes(make, row))
    rows = [{"lr": 0.1, **row} for row in rows] + [{"lr": 0.03, **rows[0]}]
    free = _keeps_its_own(checked, own, rows)
    checked.finding.form += ", running freely: its state has other names than torch's" if free else ""
    for i, row in enumerate(rows):
        ours = _ours(own, row)
        for dtype in DTYPES if i < 2 else DTYPES[:1]:
            rng = np.random.default_rng(i)
            layer = Linear(3, 4, rng=rng).astype(dtype)
            if ours is None or free:
                _compare_freely(checked, make, row, ours, layer, rng)
            else:
                stand_in = checked.stand_in.optimizer(ours, row)
                checked.take(compare_optimizer(stand_in, layer, rng, STEPS, checked.device), _written(row))
    if unknown:
        checked.finding.not_judged = f"not exercised: {', '.join(unknown)}"


def _takes(make: Any, row: Options) -> bool:
    try:
        make([torch.zeros(1, requires_grad=True)], **row)
    except (ValueError, TypeError, RuntimeError):
        return False
    return True


def _ours(own: Any, row: Options) -> Any:
    """The project's optimizer with these arguments; None where it lacks one that is not at its default."""
    fields = own.__dataclass_fields__
    others = {n: v for n, v in row.items() if n not in fields}
    if any(v for v in others.values()):
        return None
    try:
        return own(**{n: v for n, v in row.items() if n in fields})
    except InputError:
        return None


def _written(row: Options) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())


def _keeps_its_own(checked: Checked, own: Any, rows: list[Options]) -> bool:
    """Whether what it remembers of a step is not what torch remembers; where it fails, that is another matter."""
    for row in rows:
        ours = _ours(own, row)
        if ours is None:
            continue
        stand_in, ours = checked.stand_in.optimizer(ours, row), deepcopy(ours)
        for one in (stand_in, ours):
            layer = Linear(1, 1, rng=np.random.default_rng(0))
            one.step(layer, layer.like(**{name: p.copy() for name, p in layer.params.items()}))
        failed, checked.stand_in.troubles = bool(checked.stand_in.troubles), {}
        if not failed and any(stand_in.state.get(name, {}).keys() != kept.keys() for name, kept in ours.state.items()):
            return True
    return False


def _compare_freely(
    checked: Checked, make: Any, row: Options, ours: Optimizer | None, layer: Linear, rng: np.random.Generator
) -> None:
    """Steps from the same parameters on."""
    module = twin(layer, checked.device)
    theirs = make(module.parameters(), **row)
    moved, free = layer.like(**bounded(layer.params)), deepcopy(ours)
    given = {f"p:{name}": p for name, p in layer.params.items()}
    cases = []
    for step, scale in enumerate(SCALES):
        gradient = {n: (scale * rng.standard_normal(p.shape)).astype(p.dtype) for n, p in layer.params.items()}
        given |= {f"g{step}:{name}": g for name, g in gradient.items()}
        before, state = params_of(module), state_of(theirs, module)
        for name, p in module.named_parameters():
            p.grad = to_torch(gradient[name], checked.device)
        theirs.step()
        if free is not None:
            free.step(moved, layer.like(**bounded(gradient)))
        bounds: dict[str, Any] = moved.params
        compared = {name: Compared(None, p, 2 * bounds[name].error) for name, p in params_of(module).items()}
        cases.append(of_update(ours, before, gradient, state, compared) if ours else (before, compared))
    answer = checked.stand_in.answer("steps", given, options=row, count=len(SCALES))
    if answer is None:
        return checked.fail("all", checked.stand_in.troubles.pop("steps"))
    errors = None if ours else _own_errors(checked, given, row)
    convention = _convention(ours, layer, given, answer[1]) if ours else ""
    before = len(checked.comparisons)
    for step, case in enumerate(cases):
        if errors is not None:
            before, compared = case
            compared = {n: c._replace(allowed=2 * errors[f"p{step}:{n}"]) for n, c in compared.items()}
            case = Case(compared, before=before)
        for name, one in case.compared.items():
            case.compared[name] = one._replace(ours=answer[1][f"p{step}:{name}"])
        checked.compare(case, _written(row))
    if convention:
        for i, c in enumerate(checked.comparisons[before:], before):
            checked.comparisons[i] = explained(c, convention) if c.differs else c
    return None


def _convention(ours: Optimizer, layer: Linear, given: dict[str, Any], found: dict[str, Any]) -> str:
    """The convention by which all steps go, if they do not go by the rule; "" if there is none."""
    for cause, update in UPDATES:
        if cause.startswith("a convention: "):
            moved: dict[str, Any] = bounded({n: p.copy() for n, p in layer.params.items()})
            state: dict[str, Any] = {n: {} for n in moved}
            with suppress(*DOES_NOT_APPLY), np.errstate(all="ignore"):
                if all(_goes_by(update, ours, moved, state, given, found, step) for step in range(len(SCALES))):
                    return cause
    return ""


def _goes_by(
    update: Update, ours: Optimizer, moved: dict[str, Any], state: dict[str, Any],
    given: dict[str, Any], found: dict[str, Any], step: int,
) -> bool:  # fmt: skip
    """Whether the submission's step is one by this rule; it moves the parameters and the state."""
    for name, p in moved.items():
        update(ours, p, exact(given[f"g{step}:{name}"]), state[name])
    return all(np.all(np.abs(found[f"p{step}:{n}"] - p.value) <= 2 * p.error) for n, p in moved.items())


def _own_errors(checked: Checked, given: dict[str, Any], row: Options) -> dict[str, Any]:
    try:
        return checked.child.ask("bounded_steps", given, piece=checked.name, options=row, count=len(SCALES))[1]
    except Failed as why:
        raise Unclear(f"with {_written(row)} it does not run on numbers with an error: {why}") from None
