"""A layer or a loss class at every argument that torch's class of its name takes, too, and at inputs that are not tame.

Where the project has the arguments, the tolerance is that of its formula; else that of the submission's own forward,
and the truth is torch's output and gradients.
"""

import inspect
import warnings
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import torch

import manual
from experiments.grade.errors import Failed, Unclear
from experiments.grade.judging.argument_combinations import HOW, NOT_OWED, SIZES, Options, Sizes, exercised
from experiments.grade.judging.checked_piece import LARGE, CheckedPiece
from experiments.grade.judging.proxies import Trouble
from experiments.grade.process.requests import Backward, Forward, ObserveOptions
from manual import InputError
from manual.numbers.number_types import Array
from torch_ref import compare, compare_loss, to_numpy, to_torch
from torch_ref.comparison.layers import compare_conforming
from torch_ref.diagnosis import Case, Compared
from torch_ref.twins import gradients


class NotTaken(Exception):
    """A value that a class need not take, and does not."""


WIDE = 6.0
"""How much wider than a normal distribution the inputs are drawn once, for what a clip changes in its tails."""


def exercise(checked: CheckedPiece) -> None:
    """Every argument, alone and in pairs."""
    sizes, make = SIZES.get(checked.name), getattr(torch.nn, checked.name, None)
    if sizes is None or make is None:
        return
    theirs = inspect.signature(make).parameters
    if missing := [n for n in sizes.fixed if n not in checked.accepts and theirs[n].default is inspect.Parameter.empty]:
        raise Unclear(f"expected {checked.name} to take {missing[0]}, got ({', '.join(checked.accepts)})")
    rows, unknown = exercised(make, checked.accepts, sizes.fixed, lambda row: _reference(make, sizes, row) is not None)
    defaults, refused = rows[0] if rows else {}, []
    for row, scale in [*((row, 1.0) for row in rows), (defaults, WIDE)]:
        try:
            _at(checked, make, sizes, row, scale)
        except NotTaken as value:
            checked.remarks["cost"] = f"does not take {value}"
        except Failed as why:
            pairs = [f"{n}={v}" for n, v in row.items() if isinstance(v, tuple)]
            if pairs:  # one number for both axes is enough
                checked.remarks["cost" if sizes.target else "y"] = f"does not take {pairs[0]}"
            else:
                refused.append(f"{_written(row) or 'its defaults'} ({why})")
    not_run = [*unknown, *refused[:1], *[f"{len(refused) - 1} more"] * (len(refused) > 1)]
    if not_run:
        checked.finding.not_judged = f"not exercised: {', '.join(not_run)}"


def not_exercised(checked: CheckedPiece) -> list[str]:
    """The arguments of a class that torch's class of its name takes, too, and says how to do without."""
    make = getattr(torch.nn, checked.name, None)
    theirs = inspect.signature(make).parameters if inspect.isclass(make) else {}
    return [
        n for n in checked.accepts if n in theirs and n not in HOW and theirs[n].default is not inspect.Parameter.empty
    ]


def _written(row: Options) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())


def _numbers(row: Options) -> Options:
    """The row as torch takes it."""
    arrays = {n: torch.tensor(v["array"], dtype=torch.float64) for n, v in row.items() if isinstance(v, dict)}
    return {**row, **arrays}


class Reference(NamedTuple):
    """What torch computes: inputs, output, and gradients by name."""

    inputs: dict[str, Array]
    delta: Array | None
    y: Array
    gradients: dict[str, Array]


REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError, NotImplementedError)
"""What torch raises of arguments that it does not take."""


def _reference(make: Any, sizes: Sizes, row: Options, scale: float = 1) -> Reference | None:
    """Torch's own pass; None where it takes no such arguments."""
    rng = np.random.default_rng(1)
    drawn = scale * rng.standard_normal(sizes.shape)
    x = torch.tensor(1 / (1 + np.exp(-drawn)) if sizes.input == "share" else drawn, requires_grad=True)
    with suppress(*REFUSALS), warnings.catch_warnings(action="ignore"):  # its advice is not for who reads the result
        module = make(**sizes.fixed | _numbers(row)).double()
        for p in module.parameters():
            p.data = torch.tensor(rng.uniform(0.5, 1.5, p.shape) * rng.choice([-1, 1], p.shape))
        if not sizes.target:
            y = module(x)
            delta = rng.standard_normal(y.shape)
            dx, *others = gradients(y, [x, *module.parameters()], to_torch(delta))
            names, params = zip(*module.named_parameters(), strict=True) if others else ((), ())
            inputs = {"x": to_numpy(x), **dict(zip(names, map(to_numpy, params), strict=True))}
            by_name = {f"d{n}": to_numpy(g) for n, g in zip(names, others, strict=True)}
            return Reference(inputs, delta, to_numpy(y), {"dx": to_numpy(dx), **by_name})
        target = _target(sizes, rng, row)
        cost = module(x, torch.tensor(target))
        (dx,) = torch.autograd.grad(cost.sum(), [x])
        given = {"prediction": to_numpy(x), "target": target}
        return Reference(given, None, to_numpy(cost), {"dprediction": to_numpy(dx)})
    return None


def _target(sizes: Sizes, rng: np.random.Generator, row: Options) -> Array:
    if sizes.target == "class":
        return np.array([0, 1, 2, 3, row.get("ignore_index", 1), 2])
    if sizes.target == "sign":
        return rng.choice([-1.0, 1.0], sizes.shape)
    return rng.random(sizes.shape) if sizes.target == "share" else rng.standard_normal(sizes.shape)


def _at(checked: CheckedPiece, make: Any, sizes: Sizes, row: Options, scale: float) -> None:
    """Compare at one row of arguments, on inputs of this scale."""
    options = {**sizes.fixed, **row}
    reference = _reference(make, sizes, row, scale)
    if reference is None:
        return None
    options = {n: v for n, v in options.items() if n in checked.accepts}
    place = _written(row) if scale == 1 else f"inputs {scale:g} times as wide"
    own = _ours(checked.name, options)
    if own is not None and not sizes.target:
        params = {n: p for n, p in reference.inputs.items() if n != "x"}
        own = own.like(**params) if params else own
        proxy = checked.proxies.layer(own, options, "x", {n: n for n in params})
        return checked.keep(
            compare_conforming(proxy, reference.inputs["x"], np.random.default_rng(2), checked.device), place
        )
    if own is not None:
        proxy = checked.proxies.loss(own, options)
        prediction, target = reference.inputs["prediction"], reference.inputs["target"]
        return checked.keep(compare_loss(proxy, prediction, target, checked.device), place)
    y = "y" if not sizes.target else "cost"
    ours = _output(checked, reference, options)
    if ours.shape != reference.y.shape:
        return checked.comparisons.append(compare(place, y, ours, reference.y, 0))
    found = checked.child.ask(ObserveOptions(checked.name, reference.inputs, reference.delta, options))
    if found.undecided:
        raise Unclear(found.undecided)
    compared = {y: Compared(found.ours["y"], reference.y, 2 * found.truth["y"].allowed)}
    for name, theirs in reference.gradients.items():
        shown = "delta" if name == "dprediction" else name
        compared[shown] = Compared(found.ours.get(name), theirs, 2 * found.truth[name].allowed)
    return checked.compare(Case(compared), place)


def _output(checked: CheckedPiece, reference: Reference, options: Options) -> Array:
    """What the submission's forward gives at these arguments.

    Raises:
        NotTaken: it raises, or gives one number for all examples, at a value that it need not take.
    """
    value = next((f"{n}={v!r}" for n, v in NOT_OWED.items() if options.get(n) == v), "")
    try:
        ours = checked.child.ask(Forward(checked.name, reference.inputs, options)).y
    except Failed as why:
        if not value:
            raise
        raise NotTaken(value) from why
    if value and ours.ndim < reference.y.ndim:
        raise NotTaken(value)
    return ours


def _ours(name: str, options: Options) -> Any:
    """The project's own piece with these arguments; None where it lacks them, or keeps a state, which a submission
    keeps as it likes. A loss of one cost alone: of options a submission's own form is asked."""
    own: Any = getattr(manual, name, None)
    if own is None or (issubclass(own, manual.Loss) and options not in ({}, {"reduction": "sum"})):
        return None
    accepted = {**own.__dataclass_fields__}
    if any(n not in accepted for n in options):
        return None
    rng = {"rng": np.random.default_rng(0)} if "rng" in own.__annotations__ else {}
    try:
        made = own(**{n: v for n, v in options.items() if n in accepted}, **rng)
    except (InputError, TypeError):
        return None
    return None if isinstance(made, manual.Layer) and made.state else made


# ---------------------------------------------------------------- inputs that are not tame


def at_large_inputs(checked: CheckedPiece, name: str, x: str, names: dict[str, str]) -> None:
    """Where torch's output and gradients are finite, a right one's are: held against a named class, overflow
    differs."""
    sizes, make = SIZES.get(name), getattr(torch.nn, name, None)
    if sizes is None or make is None or sizes.input == "share":
        return
    reference = _reference(make, sizes, {}, LARGE)
    if reference is None:
        return
    options = {n: v for n, v in sizes.fixed.items() if n in checked.accepts}
    inputs = {x if n == "x" else names.get(n, n): a for n, a in reference.inputs.items()}
    try:
        output = checked.child.ask(Forward(checked.name, inputs, options))
        found = checked.child.ask(Backward(output.number, reference.delta)).by
    except Failed:
        return  # what it raises here, it raises on tame inputs, too
    shown = {"y": "cost", "dprediction": "delta"} if sizes.target else {f"d{x}": "dx"}
    theirs = {"y": reference.y, **reference.gradients}
    for quantity, ours in {"y": output.y, **found}.items():
        plain = "dx" if quantity == f"d{x}" else quantity
        known = theirs.get(plain)
        if known is not None and ours.shape == known.shape and np.any(np.isfinite(known) & ~np.isfinite(ours)):
            at = tuple(map(int, np.argwhere(np.isfinite(known) & ~np.isfinite(ours))[0]))
            said = f"it is {ours[at]} where torch has {known[at]:.4g}, at large inputs"
            checked.fail(shown.get(quantity, quantity), Trouble(said, True))
