"""How far a hand-written piece may be from torch's: the project's own code of that name, run on `Bounded` (see
bounded.py)."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

import manual
from manual import Block, InputError, Layer, Network, Optimizer, Undecided
from manual.numbers.checks import shown
from manual.numbers.number_types import Array
from torch_ref.tolerance import torch_formulas
from torch_ref.tolerance.bounded import Bounded
from torch_ref.twins import is_chain


class NoTolerance(Undecided):
    """A piece that the project has not, and whose code does not run on `Bounded`: it cannot be judged."""


def ours_of(piece: Any, formula: Any = None) -> Any:
    """The project's own layer, loss or optimizer of that name, with the same hyperparameters and parameters; a piece
    that the project has not is its own measure.
    """
    if isinstance(piece, Network):
        formula = Network if is_chain(piece) else type(piece)
    elif isinstance(piece, Block) and formula is None:  # another's of that name may be made of other parts
        formula = next((c for c in type(piece).__mro__ if c.__module__.startswith("manual.blocks.")), type(piece))
    formula = formula or getattr(manual, type(piece).__name__, type(piece))
    if type(piece) is formula and not isinstance(piece, Block):
        return piece
    if isinstance(piece, Layer) and not isinstance(piece, Block):
        return _made(formula, piece)
    own = object.__new__(formula)
    own.__dict__.update(vars(piece))
    if isinstance(own, Optimizer):
        own.groups = {pattern: ours_of(rule, formula) for pattern, rule in own.groups.items()}
    return own._of([ours_of(layer) for layer in own.layers]) if isinstance(own, Block) else own


def _made(formula: type[Layer], piece: Layer) -> Layer:
    """A layer of ours with the hyperparameters, parameters and state of this one, which may keep them otherwise; the
    piece itself, where ours takes others."""
    drawn = {"rng": np.random.default_rng(0)} if "rng" in signature(formula).parameters else {}
    try:
        own = formula(**piece.hyper, **drawn).like(**piece.params, **piece.state)
    except (TypeError, InputError):
        return piece
    own.training = piece.training
    return own


def allowance(piece: Any, bounds: Callable[[Any], dict[Any, Bounded]], nan: bool = False) -> dict[Any, Array]:
    """How far two correct evaluations may differ: the error of our formula plus the error of torch's.

    `nan`: a NaN is among what the piece is given. Where it leads to a NaN there is no rounding: a right value is NaN
    too.

    Raises:
        NoTolerance: the piece is its own measure, and its code does not run on `Bounded`.
        Undecided: it takes a decision that rounding leaves open.
    """
    theirs = torch_formulas.BY_NAME.get(type(piece).__name__)
    with np.errstate(over="ignore", invalid="ignore"):  # what may overflow has no bound
        try:
            ours = bounds(ours_of(piece))
        except (AttributeError, TypeError) as error:
            raise NoTolerance(f"no tolerance can be derived, its code does not run on Bounded: {error}") from error
        others = ours if theirs is None else bounds(ours_of(piece, theirs))
        return {name: _error(bound, nan) + _error(others[name], nan) for name, bound in ours.items()}


def _error(bound: Any, nan: bool) -> Any:
    """The error of a number; what was made of decisions alone has none but that of a quotient, one rounding."""
    if not isinstance(bound, Bounded):
        return np.spacing(np.abs(np.asarray(bound, float)))
    return np.where(np.isnan(bound.value), 0, bound.error) if nan else bound.error


def check_random(where: str, rng: Any) -> None:
    """Raise InputError unless `rng` draws normal numbers, as a numpy.random.Generator does."""
    if not callable(getattr(rng, "standard_normal", None)):
        raise InputError(f"{where}: rng must be a numpy.random.Generator, as np.random.default_rng(0) is, got {rng!r}")


def check_array(where: str, name: str, array: Any, kinds: str = "f") -> None:
    """Raise InputError unless it is an array of floats, or of these kinds of numbers, with an example a row."""
    if not isinstance(array, np.ndarray) or not array.ndim or array.dtype.kind not in kinds:
        what = "floats" if kinds == "f" else "numbers"
        raise InputError(f"{where}: expected {name} as an array of {what} with an example a row, got {shown(array)}")
