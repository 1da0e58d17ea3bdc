"""A layer or a loss class at every argument that torch's class of its name takes, too, and at inputs that are not tame.

Where the project has the arguments, the tolerance is that of its formula; else that of the submission's own forward,
and the truth is torch's output and gradients.
"""

import inspect
from typing import Any, NamedTuple

import numpy as np
import torch

import manual
from experiments.grade.judging.argument_combinations import Options, exercised
from experiments.grade.judging.piece_under_check import LARGE, Checked
from experiments.grade.judging.proxy import Trouble
from experiments.grade.process.sandbox import Failed, Unclear
from manual import InputError
from manual.number_types import Array
from torch_ref import compare, compare_layer, compare_loss, to_numpy, to_torch
from torch_ref.diagnosis import Case, Compared


class Sizes(NamedTuple):
    """What a class is made with besides, and the shape of its input."""

    fixed: Options
    shape: tuple[int, ...]
    target: str = ""


ACTIVATIONS = (
    "ReLU", "Sigmoid", "Tanh", "LeakyReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish", "Softplus",
    "Softsign", "Tanhshrink", "LogSigmoid", "Hardtanh", "ReLU6", "Hardsigmoid", "Hardswish",
)  # fmt: skip
SIZES = {
    **dict.fromkeys(ACTIVATIONS, Sizes({}, (5, 3))),
    **dict.fromkeys(("Softmax", "LogSoftmax"), Sizes({"dim": -1}, (5, 3))),
    "Linear": Sizes({"in_features": 3, "out_features": 4}, (5, 3)),
    "Conv2d": Sizes({"in_channels": 4, "out_channels": 4, "kernel_size": 2}, (2, 4, 4, 3)),
    "MaxPool2d": Sizes({"kernel_size": 2}, (2, 2, 7, 6)),
    "AvgPool2d": Sizes({"kernel_size": 2}, (2, 2, 7, 6)),
    "Flatten": Sizes({}, (2, 3, 2, 2)),
    "LayerNorm": Sizes({"normalized_shape": 3}, (5, 3)),
    "RMSNorm": Sizes({"normalized_shape": 3}, (5, 3)),
    "BatchNorm1d": Sizes({"num_features": 3}, (5, 3)),
    "BatchNorm2d": Sizes({"num_features": 3}, (2, 3, 2, 3)),
    "GroupNorm": Sizes({"num_groups": 2, "num_channels": 4}, (3, 4, 2, 2)),
    "MSELoss": Sizes({}, (5, 3), "number"), "L1Loss": Sizes({}, (5, 3), "number"),
    "SmoothL1Loss": Sizes({}, (5, 3), "number"), "HuberLoss": Sizes({}, (5, 3), "number"),
    "BCEWithLogitsLoss": Sizes({}, (5, 4), "share"), "CrossEntropyLoss": Sizes({}, (6, 4), "class"),
    "NLLLoss": Sizes({}, (6, 4), "class"),
}  # fmt: skip
"""Of the classes whose arguments are exercised."""


def exercise(checked: Checked) -> None:
    """Every argument, alone and in pairs."""
    sizes, make = SIZES.get(checked.name), getattr(torch.nn, checked.name, None)
    if sizes is None or make is None:
        return
    theirs = inspect.signature(make).parameters
    if missing := [n for n in sizes.fixed if n not in checked.accepts and theirs[n].default is inspect.Parameter.empty]:
        raise Unclear(f"expected {checked.name} to take {missing[0]}, got ({', '.join(checked.accepts)})")
    rows, unknown = exercised(make, checked.accepts, sizes.fixed, lambda row: _reference(make, sizes, row) is not None)
    refused = []
    for row in rows:
        try:
            _at(checked, make, sizes, row)
        except Failed as why:
            refused.append(f"{_written(row) or 'its defaults'} ({why})")
    not_run = [*unknown, *refused[:1], *[f"{len(refused) - 1} more"] * (len(refused) > 1)]
    if not_run:
        checked.finding.not_judged = f"not exercised: {', '.join(not_run)}"


def _written(row: Options) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())


def _numbers(row: Options) -> Options:
    """The row as torch takes it."""
    arrays = {n: torch.tensor(v["array"], dtype=torch.float64) for n, v in row.items() if isinstance(v, dict)}
    return {**row, **arrays}


class Reference(NamedTuple):
    """What torch computes: inputs, output, and gradients by name."""

    given: dict[str, Array]
    delta: Array | None
    y: Array
    gradients: dict[str, Array]


def _reference(make: Any, sizes: Sizes, row: Options, scale: float = 1) -> Reference | None:
    """Torch's own pass; None where it takes no such arguments."""
    rng = np.random.default_rng(1)
    x = torch.tensor(scale * rng.standard_normal(sizes.shape), requires_grad=True)
    try:
        module = make(**sizes.fixed | _numbers(row)).double()
        for p in module.parameters():
            p.data = torch.tensor(rng.uniform(0.5, 1.5, p.shape) * rng.choice([-1, 1], p.shape))
        if not sizes.target:
            y = module(x)
            delta = rng.standard_normal(y.shape)
            dx, *others = torch.autograd.grad(y, [x, *module.parameters()], to_torch(delta))
            names, params = zip(*module.named_parameters(), strict=True) if others else ((), ())
            given = {"x": to_numpy(x), **dict(zip(names, map(to_numpy, params), strict=True))}
            gradients = {f"d{n}": to_numpy(g) for n, g in zip(names, others, strict=True)}
            return Reference(given, delta, to_numpy(y), {"dx": to_numpy(dx), **gradients})
        target = _target(sizes, rng, row)
        cost = module(x, torch.tensor(target))
        (dx,) = torch.autograd.grad(cost, [x])
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError, NotImplementedError):
        return None
    return Reference({"prediction": to_numpy(x), "target": target}, None, to_numpy(cost), {"dprediction": to_numpy(dx)})


def _target(sizes: Sizes, rng: np.random.Generator, row: Options) -> Array:
    if sizes.target == "class":
        return np.array([0, 1, 2, 3, row.get("ignore_index", 1), 2])
    return rng.random(sizes.shape) if sizes.target == "share" else rng.standard_normal(sizes.shape)


def _at(checked: Checked, make: Any, sizes: Sizes, row: Options) -> None:
    """Compare at one row of arguments."""
    options = {**sizes.fixed, **row}
    reference = _reference(make, sizes, row)
    if reference is None:
        return None
    options, place = {n: v for n, v in options.items() if n in checked.accepts}, _written(row)
    own = _ours(checked.name, options)
    if own is not None and not sizes.target:
        params = {n: p for n, p in reference.given.items() if n != "x"}
        own = own.like(**params) if params else own
        stand_in = checked.stand_in.layer(own, options, "x", {n: n for n in params})
        return checked.take(
            compare_layer(stand_in, reference.given["x"], np.random.default_rng(2), checked.device), place
        )
    if own is not None:
        stand_in = checked.stand_in.loss(own, options)
        prediction, target = reference.given["prediction"], reference.given["target"]
        return checked.take(compare_loss(stand_in, prediction, target, checked.device), place)
    y = "y" if not sizes.target else "cost"
    _, output = checked.child.ask("forward", reference.given, piece=checked.name, options=options)
    if output["y"].shape != reference.y.shape:
        return checked.comparisons.append(compare(place, y, output["y"], reference.y, 0))
    delta = {} if reference.delta is None else {"delta": reference.delta}
    header, found = checked.child.ask("trial", {**reference.given, **delta}, piece=checked.name, options=options)
    if "undecided" in header:
        raise Unclear(header["undecided"])
    compared = {y: Compared(found["ours:y"], reference.y, 2 * found["allowed:y"])}
    for name, theirs in reference.gradients.items():
        shown = "delta" if name == "dprediction" else name
        ours = found.get(f"ours:{name}")
        compared[shown] = Compared(ours, theirs, 2 * found[f"allowed:{name}"])
    return checked.compare(Case(compared), place)


def _ours(name: str, options: Options) -> Any:
    """The project's own piece with these arguments; None where it lacks them."""
    own: Any = getattr(manual, name, None)
    if own is None:
        return None
    accepted = {**own.__dataclass_fields__}
    if any(n not in accepted for n in options):
        return None
    rng = {"rng": np.random.default_rng(0)} if "rng" in own.__annotations__ else {}
    try:
        return own(**{n: v for n, v in options.items() if n in accepted}, **rng)
    except (InputError, TypeError):
        return None


# ---------------------------------------------------------------- inputs that are not tame


def at_large_inputs(checked: Checked, name: str, x: str, names: dict[str, str]) -> None:
    """Where torch's output and gradients are finite, a right one's are: held against a named class, overflow
    differs."""
    sizes, make = SIZES.get(name), getattr(torch.nn, name, None)
    if sizes is None or make is None:
        return
    reference = _reference(make, sizes, {}, LARGE)
    if reference is None:
        return
    options = {n: v for n, v in sizes.fixed.items() if n in checked.accepts}
    given = {x if n == "x" else names.get(n, n): a for n, a in reference.given.items()}
    try:
        header, found = checked.child.ask("forward", given, piece=checked.name, options=options)
        delta = {} if reference.delta is None else {"delta": reference.delta}
        _, back = checked.child.ask("backward", delta, piece=checked.name, number=header["pass"])
    except Failed:
        return  # what it raises here, it raises on tame inputs, too
    shown = {"y": "cost", "dprediction": "delta"} if sizes.target else {f"d{x}": "dx"}
    theirs = {"y": reference.y, **reference.gradients}
    for quantity, ours in {"y": found["y"], **back}.items():
        plain = "dx" if quantity == f"d{x}" else quantity
        known = theirs.get(plain)
        if known is not None and ours.shape == known.shape and np.any(np.isfinite(known) & ~np.isfinite(ours)):
            at = tuple(map(int, np.argwhere(np.isfinite(known) & ~np.isfinite(ours))[0]))
            said = f"it is {ours[at]} where torch has {known[at]:.4g}, at large inputs"
            checked.fail(shown.get(quantity, quantity), Trouble(said, True))
