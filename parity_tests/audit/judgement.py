"""One call of an operator: torch against what is derived of it, and its gradient against the certified truth."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from parity_tests.audit.operators import Call
from torch_ref.program.derivation import Bounds, as_real, bounds, certified, values
from torch_ref.program.run import as_numpy
from torch_ref.truth.certify import distance

SMALL = 40
"""So many elements at most are differentiated by, drawn of all: each is a direction of the dual numbers."""
LARGE = 4000
"""Of more elements than this nothing is certified."""

DERIVED, BEYOND, MEASURED, NOT_JUDGED = "derived", "beyond", "measured", "not judged"
WRONG, NAN, DIGITS = "wrong", "NaN where the truth is finite", "loses digits"
OUTPUT = "its output loses digits"


@dataclass
class Judged:
    """What one call gave.

    `outcome` says whether torch lies within what is derived; `why` it is not derived; `certified` whether the truth is
    known, or why not; `finding` what is wrong with torch's gradient by the truth.
    """

    dtype: str
    outcome: str
    why: str = ""
    of_allowed: float = 0.0
    relative: list[float] = field(default_factory=list)
    certified: str = ""
    ulps: float = 0.0
    finding: str = ""
    reproduction: str = ""

    as_dict = asdict


def judge(call: Call, certify: bool = True) -> Judged:
    """Try one call; whatever is raised is a reason."""
    dtype = str(call.inputs[call.by[0]].dtype).removeprefix("torch.")
    try:
        outputs, deltas, gradients = by_torch(call)
    except Exception as error:
        return Judged(dtype, NOT_JUDGED, f"torch: {_words(error)}")
    judged, allowed = _derived(call, dtype, outputs, deltas, gradients)
    if judged.outcome == BEYOND and allowed is not None:
        _of_output(judged, call, outputs, allowed)
    if certify and gradients:
        _certified(judged, call, deltas, gradients, allowed)
    return judged


def by_torch(call: Call) -> tuple[list[torch.Tensor], list[torch.Tensor], dict[int, Any]]:
    """The outputs of floats, δ of each, which is 0 where torch gives no derivative, and the gradients, if there need be
    any."""
    live = [x.clone().requires_grad_() if i in call.by else x for i, x in enumerate(call.inputs)]
    outputs = [y for y in call.function(*live) if torch.is_tensor(y) and (y.is_floating_point() or y.is_complex())]
    generator = torch.Generator().manual_seed(0)
    deltas = [torch.randn(y.shape, dtype=_double(y), generator=generator).to(y.dtype) for y in outputs]
    deltas = [d if y.requires_grad else torch.zeros_like(d) for d, y in zip(deltas, outputs, strict=True)]
    smooth = [(y, d) for y, d in zip(outputs, deltas, strict=True) if y.requires_grad]
    if not smooth and call.reference is None:
        raise TypeError("no output has a derivative")
    if not smooth:
        return outputs, deltas, {}
    found = torch.autograd.grad(
        [y for y, _ in smooth], [live[i] for i in call.by], [d for _, d in smooth], allow_unused=True
    )
    gradients = {
        i: as_numpy(as_real(torch.zeros_like(live[i]) if g is None else g.clone()).detach())
        for i, g in zip(call.by, found, strict=True)
    }
    return [y.detach() for y in outputs], deltas, gradients


def _double(x: torch.Tensor) -> torch.dtype:
    return torch.complex128 if x.is_complex() else torch.float64


def _derived(call: Call, dtype: str, outputs: Any, deltas: Any, gradients: Any) -> tuple[Judged, Bounds | None]:
    try:
        allowed = bounds(call.reference or call.function, call.inputs, deltas, by=call.by)
    except Exception as error:
        return Judged(dtype, MEASURED, _words(error)), None
    pairs = [*zip([as_numpy(as_real(y)) for y in outputs], allowed.outputs, strict=True)]
    pairs += [(gradient, allowed.gradients[i]) for i, gradient in gradients.items()]
    judged, open_everywhere = Judged(dtype, DERIVED), True
    for value, bound in pairs:
        if value.shape != bound.shape:
            judged.outcome, judged.why = BEYOND, f"shape {value.shape}, expected {bound.shape}"
            continue
        with np.errstate(all="ignore"):
            same = (value == bound.value) | (np.isnan(value) & np.isnan(bound.value))
            ratio = np.where(same, 0, np.abs(value - bound.value) / (2 * bound.error))
            relative = (bound.error / np.abs(bound.value))[(bound.value != 0) & np.isfinite(bound.error)]
        open_everywhere &= not np.any(np.isfinite(bound.error)) and value.size > 0
        judged.of_allowed = max(judged.of_allowed, float(np.max(ratio, initial=0, where=~np.isnan(ratio))))
        judged.relative += [float(np.median(relative))] if relative.size else []
    if judged.of_allowed > 1:
        judged.outcome = BEYOND
    elif open_everywhere:
        judged.outcome, judged.why = MEASURED, "nothing is bounded"
    return judged, allowed


def _of_output(judged: Judged, call: Call, outputs: Any, allowed: Bounds) -> None:
    """Whether it is torch's output that lies farther from the truth than is derived."""
    try:
        truth = values(call.function, call.inputs, by=call.by)
    except Exception:
        return  # nothing is found, and the call stays beyond what is derived
    for y, true, bound in zip(outputs, truth, allowed.outputs, strict=True):
        own = as_numpy(as_real(y))
        if own.shape == true.shape and np.isfinite(own).all() and np.any(distance(own, true) > bound.error):
            judged.finding = OUTPUT
            if call.written and len(outputs) == 1:
                floats = [float(t) for t in true.ravel()]
                judged.reproduction = f"{_given(call)}print({call.written}.flatten(), {floats})"


def _certified(judged: Judged, call: Call, deltas: Any, gradients: Any, allowed: Bounds | None) -> None:
    """The truth of the gradients, and what torch's lack of it."""
    if sum(call.inputs[i].numel() for i in call.by) > LARGE:
        judged.certified = f"more than {LARGE} elements"
        return
    elements = _drawn({i: as_numpy(as_real(call.inputs[i])) for i in call.by})
    try:
        truth = certified(call.function, call.inputs, deltas, call.by, elements)
    except Exception as error:
        judged.certified = _words(error)
        return
    judged.certified = "yes"
    for i, whole in gradients.items():
        gradient = whole.ravel()[elements[i]]
        true = np.vectorize(float, otypes=[float])(truth[i]) if truth[i].size else np.zeros(truth[i].shape)
        if not np.all(np.isfinite(gradient) | ~np.isfinite(true)):
            judged.finding = NAN
            judged.reproduction = _reproduction(call, deltas, i, elements[i], true)
            continue
        off = np.where(gradient == true, 0, distance(gradient, truth[i]))
        unit = np.spacing(np.max(np.abs(true), initial=0).astype(gradient.dtype))
        judged.ulps = max(judged.ulps, float((off / unit).max(initial=0)) if off.any() else 0.0)
        error = allowed.gradients[i].error.ravel()[elements[i]] if allowed else 1e3 * unit
        if np.any(off > error):
            judged.finding = WRONG if off.max() > 1e-3 * np.abs(true).max() else DIGITS
            judged.reproduction = _reproduction(call, deltas, i, elements[i], true)


def _drawn(inputs: dict[int, Any]) -> dict[int, Any]:
    """Of every input, which finite elements to differentiate by; all of them, where they are few."""
    finite = np.flatnonzero(np.concatenate([np.isfinite(x).ravel() for x in inputs.values()]))
    chosen = np.sort(np.random.default_rng(0).permutation(finite)[:SMALL])
    found, start = {}, 0
    for i, x in inputs.items():
        found[i] = chosen[(chosen >= start) & (chosen < start + x.size)] - start
        start += x.size
    return found


def _reproduction(call: Call, deltas: Any, place: int, elements: Any, truth: Any) -> str:
    """Three lines that show it."""
    if not call.written or len(deltas) != 1:
        return ""
    return (
        f"{_given(call, place)}"
        f"print(torch.autograd.grad({call.written}, x[{place}], {_tensor(deltas[0], False)})[0].flatten()"
        f"[{elements.tolist()}], {truth.tolist()})"
    )


def _given(call: Call, by: int | None = None) -> str:
    """The inputs, the one that is differentiated by among them."""
    given = ", ".join(_tensor(x, i == by) if torch.is_tensor(x) else "None" for i, x in enumerate(call.inputs))
    return f"import torch\nx = [{given}]\n"


def _tensor(x: torch.Tensor, needed: bool) -> str:
    return f"torch.tensor({x.tolist()}, dtype={x.dtype}{', requires_grad=True' if needed else ''})"


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
