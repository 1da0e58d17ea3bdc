"""A layer, a loss, an optimizer or a pair of functions against its twin in torch, where this project has one of its name.

The comparisons are those of `torch_ref`; what takes part in them is a stand-in for the submission (standin.py).
"""

import sys
from copy import deepcopy
from typing import Any

import numpy as np

import manual
from experiments.checking.checked import Checked
from experiments.checking.sandboxed import Failed, Unclear
from manual import Layer, Linear, Loss, Optimizer
from manual.number_types import Array
from torch_ref import compare_layer, compare_loss, compare_optimizer, params_of, state_of, to_torch, twin, twin_optimizer
from torch_ref.bounds import bounded
from torch_ref.diagnosis import Compared, of_update

DTYPES = (np.float64, np.float32)
"""Of classes. Of plain functions it is float64 alone: a dtype was no part of the task."""
STEPS = 3
STANDS_FOR = {n.lower(): n for n in ("Linear", "ReLU", "Sigmoid", "Softmax", "Tanh")} | {"affine": "Linear"}
"""What a pair of functions is a twin of, by the prefix of their names."""
ROLES = {"w": "weight", "weight": "weight", "weights": "weight", "b": "bias", "bias": "bias"}


def layer(checked: Checked) -> None:
    """A class: against torch's layer of that name, else the truth."""
    own = _examples(checked, Layer)
    if own is None:
        return checked.truth()
    if any(layer.state for layer, _ in own):
        raise Unclear(f"what a {checked.name} draws or keeps is its own, and torch draws something else")
    checked.finding.against = f"torch.nn.{checked.name}"
    for layer, x in own:
        names = {name: name for name in layer.params}
        for dtype in DTYPES:
            stand_in = checked.stand_in.layer(layer.astype(dtype), _options(checked, layer), "x", names)
            for place in checked.in_every_order():
                checked.take(compare_layer(stand_in, x.astype(dtype), np.random.default_rng(0), checked.device), place)
    return None


def functions(checked: Checked) -> None:
    """Two functions: against torch's layer of that name, else the truth."""
    if not checked.arguments:
        raise Unclear("expected forward(x, …), got one that takes nothing")
    name = STANDS_FOR.get(checked.name.lower())
    if name is None:
        return checked.truth()
    checked.finding.against = f"torch.nn.{name}"
    x, *given = map(str, checked.arguments)
    names = {ROLES.get(n.lower(), n): n for n in given}
    turned = None
    for layer, a in sys.modules[getattr(manual, name).__module__].examples(np.random.default_rng(0)):
        if layer.params.keys() != names.keys() or not _special(layer) <= {"bias"}:
            continue
        if turned is None:
            turned = _turned(checked, layer, a, x, names)
        stand_in = checked.stand_in.layer(layer, {}, x, names, turned)
        for place in checked.in_every_order():
            checked.take(compare_layer(stand_in, a, np.random.default_rng(0), checked.device), place)
    if not checked.comparisons:
        raise Unclear(f"expected forward arguments like x, W, b of a {name}, got {', '.join(checked.arguments)}")
    return None


def _turned(checked: Checked, layer: Layer, a: Array, x: str, names: dict[str, str]) -> bool:
    """Whether the submission's weight is (in, out): where it fails with the one and runs with the other."""
    for turned in (False, True):
        given = {names[n]: p.T.copy() if turned and n == "weight" else p for n, p in layer.params.items()}
        try:
            checked.child.ask("forward", {x: a, **given}, piece=checked.name, options={})
        except Failed:
            continue
        if turned:
            checked.finding.form += f", {names['weight']} is (in, out)"
        return turned
    return False


def loss(checked: Checked) -> None:
    """A class: against torch's loss of that name, else the truth."""
    own = _examples(checked, Loss)
    if own is None:
        return checked.truth()
    checked.finding.against = "½ Σ (ŷ − y)² / N in torch" if checked.name == "HalfMSELoss" else f"torch.nn.{checked.name}"
    for loss, prediction, target in own:
        for dtype in DTYPES:
            y = target.astype(dtype) if target.dtype.kind == "f" else target
            stand_in = checked.stand_in.loss(loss, _options(checked, loss))
            for place in checked.in_every_order():
                checked.take(compare_loss(stand_in, prediction.astype(dtype), y, checked.device), place)
    return None


def optimizer(checked: Checked) -> None:
    """A class: against torch's optimizer of that name, from torch's parameters and state at every step. One that keeps its
    state under names of its own cannot be given torch's: it runs freely.
    """
    own = _examples(checked, Optimizer)
    if own is None:
        known = ", ".join(sorted(kind.__name__ for kind in Optimizer.__subclasses__() if kind.__module__.startswith("manual.")))
        raise Unclear(f"an update has no derivative to hold {checked.name} against; expected the rule of one of {known}")
    checked.finding.against = f"torch.optim.{checked.name}"
    free = any(_keeps_its_own(checked, optimizer) for (optimizer,) in own)
    checked.finding.form += ", running freely: its state has other names than torch's" if free else ""
    for (optimizer,) in own:
        for dtype in DTYPES:
            rng = np.random.default_rng(0)
            layer = Linear(3, 4, rng=rng).astype(dtype)
            if free:
                _compare_freely(checked, optimizer, layer, rng)
            else:
                stand_in = checked.stand_in.optimizer(optimizer, _options(checked, optimizer))
                checked.take(compare_optimizer(stand_in, layer, rng, STEPS, checked.device))


def _keeps_its_own(checked: Checked, optimizer: Optimizer) -> bool:
    """Whether what it remembers of a step is not what torch remembers; where it fails, that is another matter."""
    stand_in, optimizer = checked.stand_in.optimizer(optimizer, _options(checked, optimizer)), deepcopy(optimizer)
    for one in (stand_in, optimizer):
        layer = Linear(1, 1, rng=np.random.default_rng(0))
        one.step(layer, layer.like(**{name: p.copy() for name, p in layer.params.items()}))
    failed, checked.stand_in.troubles = bool(checked.stand_in.troubles), {}
    return not failed and any(stand_in.state.get(name, {}).keys() != kept.keys() for name, kept in optimizer.state.items())


def _compare_freely(checked: Checked, optimizer: Optimizer, layer: Linear, rng: np.random.Generator) -> None:
    """Steps from the same parameters on; what rounding explains grows from step to step."""
    module = twin(layer, checked.device)
    torch_optimizer = twin_optimizer(optimizer, module)
    moved, free = layer.like(**bounded(layer.params)), deepcopy(optimizer)
    given = {f"p:{name}": p for name, p in layer.params.items()}
    cases = []
    for step in range(STEPS):
        gradient = {name: rng.standard_normal(p.shape).astype(p.dtype) for name, p in layer.params.items()}
        given |= {f"g{step}:{name}": g for name, g in gradient.items()}
        before, state = params_of(module), state_of(torch_optimizer, module)
        for name, p in module.named_parameters():
            p.grad = to_torch(gradient[name], checked.device)
        torch_optimizer.step()
        free.step(moved, layer.like(**bounded(gradient)))
        bounds: dict[str, Any] = moved.params
        compared = {name: Compared(None, p, 2 * bounds[name].error) for name, p in params_of(module).items()}
        cases.append(of_update(optimizer, before, gradient, state, compared))
    answer = checked.stand_in.answer("steps", given, options=_options(checked, optimizer), count=STEPS)
    if answer is None:
        return checked.fail("all", checked.stand_in.troubles.pop("steps"))
    for step, case in enumerate(cases):
        for name, compared in case.compared.items():
            case.compared[name] = compared._replace(ours=answer[1][f"p{step}:{name}"])
        checked.compare(case)
    return None


# ---------------------------------------------------------------- the project's own


def _examples(checked: Checked, kind: type) -> list[tuple[Any, ...]] | None:
    """The examples of the project's piece of that name, as far as the submission takes their hyperparameters."""
    own = getattr(manual, checked.name, None)
    make = getattr(sys.modules[own.__module__], "examples", None) if isinstance(own, type) and issubclass(own, kind) else None
    if make is None:
        return None
    cases = [case if isinstance(case, tuple) else (case,) for case in make(np.random.default_rng(0))]
    fit = [case for case in cases if _special(case[0]) <= {*checked.accepts}]
    if not fit:
        expected = " or ".join(dict.fromkeys(f"({', '.join(sorted(_special(case[0])))})" for case in cases))
        raise Unclear(f"expected {checked.name} to take {expected}, got ({', '.join(checked.accepts)})")
    return fit


def _options(checked: Checked, own: Any) -> dict[str, Any]:
    return {name: value for name, value in own.hyper.items() if name in checked.accepts}


def _special(own: Any) -> set[str]:
    """The hyperparameters that are not at their defaults, but for sizes."""
    defaults = type(own).__dataclass_fields__
    return {n for n, v in own.hyper.items() if n in defaults and defaults[n].default != v and not n.endswith("_features")}
