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
from experiments.grade.errors import Failed, Unclear
from experiments.grade.judging.argument_combinations import Options, exercised
from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.process.answers import Arrays
from experiments.grade.process.requests import OwnSettings, StepErrors, Steps
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


def optimizer(checked: CheckedPiece) -> None:
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
    own_rows = checked.child.ask(OwnSettings(checked.name)).settings
    rows = [{"lr": 0.1, **row} for row in rows] + [{"lr": 0.03, **rows[0]}] + [r for r in own_rows if _takes(make, r)]
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
                proxy = checked.proxies.optimizer(ours, row)
                checked.keep(compare_optimizer(proxy, layer, rng, STEPS, checked.device), _written(row))
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


def _keeps_its_own(checked: CheckedPiece, own: Any, rows: list[Options]) -> bool:
    """Whether what it remembers of a step is not what torch remembers; where it fails, that is another matter."""
    for row in rows:
        ours = _ours(own, row)
        if ours is None:
            continue
        proxy, ours = checked.proxies.optimizer(ours, row), deepcopy(ours)
        for one in (proxy, ours):
            layer = Linear(1, 1, rng=np.random.default_rng(0))
            one.step(layer, layer.like(**{name: p.copy() for name, p in layer.params.items()}))
        failed, checked.proxies.troubles = bool(checked.proxies.troubles), {}
        if not failed and any(proxy.state.get(name, {}).keys() != kept.keys() for name, kept in ours.state.items()):
            return True
    return False


def _compare_freely(
    checked: CheckedPiece, make: Any, row: Options, ours: Optimizer | None, layer: Linear, rng: np.random.Generator
) -> None:
    """Steps from the same parameters on."""
    gradients = [_gradient(layer, scale, rng) for scale in SCALES]
    answer = checked.proxies.answer("steps", Steps(checked.name, row, layer.params, gradients))
    if answer is None:
        return checked.fail("all", checked.proxies.troubles.pop("steps"))
    cases = _torch_steps(checked, make, row, ours, layer, gradients)
    errors = None if ours else _own_errors(checked, StepErrors(checked.name, row, layer.params, gradients))
    convention = _convention(ours, layer, gradients, answer.steps) if ours else ""
    before = len(checked.comparisons)
    for step, (case, params) in enumerate(zip(cases, answer.steps, strict=True)):
        for name, one in case.compared.items():
            allowed = one.allowed if errors is None else 2 * errors[step][name]
            case.compared[name] = one._replace(ours=params[name], allowed=allowed)
        checked.compare(case, _written(row))
    if convention:
        for i, c in enumerate(checked.comparisons[before:], before):
            checked.comparisons[i] = explained(c, convention) if c.differs else c
    return None


def _gradient(layer: Linear, scale: float, rng: np.random.Generator) -> Arrays:
    return {n: (scale * rng.standard_normal(p.shape)).astype(p.dtype) for n, p in layer.params.items()}


def _torch_steps(
    checked: CheckedPiece, make: Any, row: Options, ours: Optimizer | None, layer: Linear, gradients: list[Arrays]
) -> list[Case]:
    """Torch's parameters after each step; what is allowed by this project's rule, where it has one."""
    module = twin(layer, checked.device)
    theirs = make(module.parameters(), **row)
    moved, free = layer.like(**bounded(layer.params)), deepcopy(ours)
    cases = []
    for gradient in gradients:
        before, state = params_of(module), state_of(theirs, module)
        for name, p in module.named_parameters():
            p.grad = to_torch(gradient[name], checked.device)
        theirs.step()
        if free is not None:
            free.step(moved, layer.like(**bounded(gradient)))
        bounds: dict[str, Any] = moved.params
        compared = {name: Compared(None, p, 2 * bounds[name].error) for name, p in params_of(module).items()}
        cases.append(of_update(ours, before, gradient, state, compared) if ours else Case(compared, before=before))
    return cases


def _convention(ours: Optimizer, layer: Linear, gradients: list[Arrays], steps: list[Arrays]) -> str:
    """The convention by which all steps go, if they do not go by the rule; "" if there is none."""
    for cause, update in UPDATES:
        if cause.startswith("a convention: "):
            moved: dict[str, Any] = bounded({n: p.copy() for n, p in layer.params.items()})
            state: dict[str, Any] = {n: {} for n in moved}
            with suppress(*DOES_NOT_APPLY), np.errstate(all="ignore"):
                if all(_goes_by(update, ours, moved, state, *step) for step in zip(gradients, steps, strict=True)):
                    return cause
    return ""


def _goes_by(
    update: Update, ours: Optimizer, moved: dict[str, Any], state: dict[str, Any], gradient: Arrays, found: Arrays
) -> bool:
    """Whether the submission's step is one by this rule; it moves the parameters and the state."""
    for name, p in moved.items():
        update(ours, p, exact(gradient[name]), state[name])
    return all(np.all(np.abs(found[n] - p.value) <= 2 * p.error) for n, p in moved.items())


def _own_errors(checked: CheckedPiece, request: StepErrors) -> list[Arrays]:
    try:
        return checked.child.ask(request).steps
    except Failed as why:
        options = _written(request.options)
        raise Unclear(f"with {options} it does not run on numbers with an error: {why}") from None
