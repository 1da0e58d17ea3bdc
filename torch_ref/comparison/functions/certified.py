"""How far the backward of a torch function lies from the certified derivative of its own forward: no reference, and no
tolerance, is asked for."""

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
import torch

from manual import InputError
from torch_ref.comparison.functions.calls import Function, Given, Subject, as_raised, is_real, names_of
from torch_ref.comparison.functions.expected import array_of
from torch_ref.comparison.functions.upstream import Upstream
from torch_ref.program.derivation import certified
from torch_ref.truth.certify import distance


def certify_function(function: Function, inputs: Sequence[Any], delta: Any = None) -> dict[str, float]:
    """By "dx" for each input x, and each parameter of a module: the largest gap of the gradient that torch gives, in
    the dtype of the inputs, to the truth, relative to the largest element of that. A right one in float64 gives some
    1e-16; where the truth is 0, and the gradient is not, it is infinite.

    Args:
        function: takes the inputs, and returns tensors.
        inputs: tensors, and whatever else it takes.
        delta: ∂C/∂output, or a list of them; ±[½, 2) at random where none is given.

    Raises:
        NoProgram: torch cannot trace the function.
        NoRule: an operation of the function has no rule.
        Undecided: it decides exactly on an edge.
        InputError: inputs are no list, none is a tensor of floats, or δ has not the output's shape.
    """
    if not isinstance(inputs, list | tuple):
        raise InputError(f"certify: expected inputs as a list, as [x], got a {type(inputs).__name__}")
    params = dict(function.named_parameters()) if isinstance(function, torch.nn.Module) else {}
    given = Given(inputs, {}, params, names_of(function, len(inputs)))
    if not given.needed:
        raise InputError("certify: expected a tensor of floats among the inputs, got none")
    subject = Subject(function, given)
    with as_raised():
        begun = subject.begin(given.leaves, given.needed, Upstream(0))
    smooth = {n: o for n, o in begun.results.items() if o is not None and is_real(o)}
    deltas = _deltas(begun.deltas, smooth, delta)
    begun.deltas = {n: d for n, d in deltas.items() if n in begun.smooth}

    def of_floats(*leaves: Any) -> tuple[Any, ...]:
        with as_raised():
            return tuple(o for n, o in subject([*leaves]).items() if n in smooth)

    with as_raised():
        found = begun.backward(keep=False)
    truth = certified(of_floats, given.leaves, [*deltas.values()], by=given.needed)
    return {f"d{given.names[i]}": _gap(found[f"d{given.names[i]}"], truth[i]) for i in given.needed}


def _deltas(drawn: dict[str, torch.Tensor], outputs: dict[str, torch.Tensor], delta: Any) -> dict[str, torch.Tensor]:
    if delta is None:
        return {n: drawn.get(n, torch.zeros_like(o)) for n, o in outputs.items()}
    given = [*delta] if isinstance(delta, list | tuple) else [delta]
    shapes = [tuple(o.shape) for o in outputs.values()]
    if [tuple(getattr(d, "shape", ())) for d in given] != shapes or not all(map(torch.is_tensor, given)):
        raise InputError(f"certify: expected tensors as delta, of the shapes {shapes}, got {delta!r}")
    return dict(zip(outputs, given, strict=True))


def _gap(gradient: torch.Tensor | None, truth: Any) -> float:
    found = np.zeros(truth.shape) if gradient is None else array_of(gradient)
    if not truth.size:
        return 0.0
    size = max(abs(float(t)) for t in truth.ravel())
    gap = float(distance(found, truth).max()) if np.isfinite(found).all() else inf
    return gap / size if size else inf if gap else 0.0
