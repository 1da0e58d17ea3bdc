"""A layer, a loss or a pair of functions against its twin in torch, where this project has one of its name.

The comparisons are those of `torch_ref`; what takes part in them is a proxy for the submission (proxies.py).
"""

import sys
from contextlib import suppress
from typing import Any

import numpy as np

import manual
from experiments.grade.errors import Failed, Unclear
from experiments.grade.judging.against_truth import against_truth
from experiments.grade.judging.argument_combinations import NOT_OWED, SIZES
from experiments.grade.judging.checked_piece import CheckedPiece
from experiments.grade.judging.exercises import at_large_inputs, exercise, not_exercised
from experiments.grade.judging.torch_forwards import UNARY
from experiments.grade.process.requests import Forward, OwnTargets
from manual import Layer, Loss
from manual.numbers.number_types import Array
from torch_ref import compare_loss
from torch_ref.comparison.layers import compare_conforming

DTYPES = (np.float64, np.float32)
"""Of classes. Of plain functions it is float64 alone: a dtype was no part of the task."""
STANDS_FOR = {n.lower(): n for n in ("Linear", "ReLU", "Sigmoid", "Softmax", "Tanh")} | {"affine": "Linear"}
"""What a pair of functions is a twin of, by the prefix of their names."""
ROLES = {"w": "weight", "weight": "weight", "weights": "weight", "b": "bias", "bias": "bias"}


def layer(checked: CheckedPiece) -> None:
    """A class: against torch's layer of that name, else the truth."""
    try:
        own = _examples(checked, Layer)
    except Unclear:
        if not checked.has_examples:
            raise
        own = None  # it takes other arguments than torch's, and is made in the file
    own = own and [case for case in own if not isinstance(case[1], tuple)]  # several inputs are the file's to give
    if not own:
        return _without_ours(checked)
    if checked.name in SIZES and any(layer.state for layer, _ in own):
        return _without_ours(checked)  # where a hand-in keeps its running means is its own
    if any(layer.state for layer, _ in own):
        raise Unclear(f"what a {checked.name} draws or keeps is its own, and torch draws something else")
    checked.finding.against = f"torch.nn.{checked.name}"
    for layer, x in own:
        names = {name: name for name in layer.params}
        for dtype in DTYPES:
            proxy = checked.proxies.layer(layer.astype(dtype), _options(checked, layer), "x", names)
            for place in checked.in_every_order():
                given = x.astype(dtype) if x.dtype.kind == "f" else x
                checked.keep(compare_conforming(proxy, given, np.random.default_rng(0), checked.device), place)
    _beyond_the_examples(checked)
    return None


def _without_ours(checked: CheckedPiece) -> None:
    """A class that the project lacks: against the truth of its own forward, and torch's class of that name, if it has
    one."""
    only_a_function = checked.name.lower() in UNARY and not checked.accepts  # of which torch may have several
    if only_a_function or checked.name not in SIZES or checked.has_examples:
        against_truth(checked)
    if checked.name not in SIZES and (left := not_exercised(checked)):
        checked.finding.not_judged = f"not exercised: {', '.join(left)}"
    if checked.name in SIZES and not only_a_function:
        checked.finding.against = " and ".join(filter(None, [f"torch.nn.{checked.name}", checked.finding.against]))
        at_large_inputs(checked, checked.name, "x", {})
        exercise(checked)


def _beyond_the_examples(checked: CheckedPiece) -> None:
    """A class of a known name at large inputs, at every argument, and on the examples of its own file."""
    at_large_inputs(checked, checked.name, "x", {})
    exercise(checked)
    if checked.has_examples:
        against = checked.finding.against
        against_truth(checked)
        checked.finding.against = against


def functions(checked: CheckedPiece) -> None:
    """Two functions: against torch's layer of that name, else the truth."""
    if not checked.arguments:
        raise Unclear("expected forward(x, …), got one that takes nothing")
    name = STANDS_FOR.get(checked.name.lower())
    if name is None or (checked.expected and checked.expected.reference):
        return against_truth(checked)
    checked.finding.against = f"torch.nn.{name}"
    x, *params = map(str, checked.arguments)
    names = {ROLES.get(n.lower(), n): n for n in params}
    turned = None
    for layer, a in sys.modules[getattr(manual, name).__module__].examples(np.random.default_rng(0)):
        if layer.params.keys() != names.keys() or not _special(layer) <= {"bias"}:
            continue
        if turned is None:
            turned = _turned(checked, layer, a, x, names)
        proxy = checked.proxies.layer(layer, {}, x, names, turned)
        for place in checked.in_every_order():
            checked.keep(compare_conforming(proxy, a, np.random.default_rng(0), checked.device), place)
    at_large_inputs(checked, name, x, names) if not turned else None
    if not checked.comparisons:
        raise Unclear(f"expected forward arguments like x, W, b of a {name}, got {', '.join(checked.arguments)}")
    return None


def _turned(checked: CheckedPiece, layer: Layer, a: Array, x: str, names: dict[str, str]) -> bool:
    """Whether the submission's weight is (in, out): where it fails with the one and runs with the other."""
    for turned in (False, True):
        given = {names[n]: p.T.copy() if turned and n == "weight" else p for n, p in layer.params.items()}
        try:
            checked.child.ask(Forward(checked.name, {x: a, **given}, {}))
        except Failed:
            continue
        if turned:
            checked.finding.form += f", {names['weight']} is (in, out)"
        return turned
    return False


def loss(checked: CheckedPiece) -> None:
    """A class: against torch's loss of that name, else the truth."""
    own = _examples(checked, Loss)
    if own is None:
        return _without_ours(checked)
    _same_targets(checked, own[0][2])
    checked.finding.against = (
        "½ Σ (ŷ − y)² / N in torch" if checked.name == "HalfMSELoss" else f"torch.nn.{checked.name}"
    )
    for loss, prediction, target in own:
        for dtype in DTYPES:
            y = target.astype(dtype) if target.dtype.kind == "f" else target
            proxy = checked.proxies.loss(loss, _options(checked, loss))
            for place in checked.in_every_order():
                checked.keep(compare_loss(proxy, prediction.astype(dtype), y, checked.device), place)
    _beyond_the_examples(checked)
    return None


def _same_targets(checked: CheckedPiece, target: Array) -> None:
    """A loss of classes whose file shows targets of another form, such as one-hot rows, is not the one that torch
    has."""
    found = []
    with suppress(Failed):  # examples that fail are said where they are run
        found = checked.child.ask(OwnTargets(checked.name)).targets
    for own in found:
        if target.dtype.kind in "iu" and own.kind not in "iu":
            expected = "a class for each example, integers of shape (N,), as target"
            raise Unclear(f"expected {expected}, got floats of shape {tuple(own.shape)}")


# ---------------------------------------------------------------- the project's own


def _examples(checked: CheckedPiece, kind: type) -> list[tuple[Any, ...]] | None:
    """The examples of the project's piece of that name, as far as the submission takes their hyperparameters."""
    own = getattr(manual, checked.name, None)
    make = (
        getattr(sys.modules[own.__module__], "examples", None)
        if isinstance(own, type) and issubclass(own, kind)
        else None
    )
    if make is None:
        return None
    cases = [case if isinstance(case, tuple) else (case,) for case in make(np.random.default_rng(0))]
    cases = [case for case in cases if kind is not Loss or _is_plain(*case)]
    owed = [case for case in cases if all(case[0].hyper.get(n) != v for n, v in NOT_OWED.items())]
    fit = [case for case in owed if _special(case[0]) <= {*checked.accepts}]
    if not fit:
        expected = " or ".join(dict.fromkeys(f"({', '.join(sorted(_special(case[0])))})" for case in cases))
        raise Unclear(f"expected {checked.name} to take {expected}, got ({', '.join(checked.accepts)})")
    return fit


def _is_plain(loss: Any, prediction: Array, target: Array) -> bool:
    """Whether it has one cost, and of a classification one class for each example, all alike."""
    classes = loss.hyper.keys() >= {"ignore_index"}
    alike = not classes or (target.dtype.kind in "iu" and prediction.ndim == 2)
    weighted = loss.hyper.get("weight") is not None
    return alike and not weighted and loss.hyper.get("reduction") != "none" and _special(loss) <= {"reduction"}


def _options(checked: CheckedPiece, own: Any) -> dict[str, Any]:
    return {name: value for name, value in own.hyper.items() if name in checked.accepts}


def _special(own: Any) -> set[str]:
    """The hyperparameters that are not at their defaults, but for sizes."""
    defaults = type(own).__dataclass_fields__
    return {
        n for n, v in own.hyper.items() if n in defaults and defaults[n].default != v and not n.endswith("_features")
    }
