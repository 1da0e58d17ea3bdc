"""What the reference gives, and how far a right function may lie from it: derived, or else measured. Neither is done
before a number differs from the reference's: equal ones agree under every tolerance.

Derived (torch_ref/program): twice the error that the reference's own formula may make, in any order of its sums.

Measured: with v the reference in float64, s how far v moves where every input and δ moves by one unit roundoff u of
itself at random, and N numbers that go in,

    4·(u + √N·u′)·(max|v| + s) + 2·torch's own error

The first term is for what is rounded on the way in and out, the second for the sums on it, in their precision u′: in
any order the errors of N terms grow as √N, and a factor of 4 fails with a probability of 2·e^(−8) (Higham and Mary,
"A new approach to probabilistic rounding error analysis", 2019). s stands for Σ|terms|, which v may be far below. The
last is the largest difference of torch in this precision, below float64, from v; in float64, that of float32 times
2⁻²⁹. None of them is divided by a result, which may be noise.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from manual.numbers.number_types import Array, Undecided
from torch_ref.comparison.functions.calls import (
    Found,
    Leaves,
    Subject,
    as_raised,
    copies,
    is_real,
    seed_all,
)
from torch_ref.comparison.functions.expected import Expected, Tolerance, array_of, arrays_of
from torch_ref.comparison.functions.upstream import Upstream, unequal
from torch_ref.program.derivation import bounds
from torch_ref.program.run import NoRule
from torch_ref.program.trace import NoProgram
from torch_ref.tolerance.bounded import Bounded

FLOAT64_IN_FLOAT32 = 2.0**-29
"""One rounding in float64, in roundings in float32."""
NUDGE = 2.0**-26
"""What inputs are moved by, relatively, to see how far a result moves."""
TIMES = 4
LOOSE = {torch.float64: 1e-6}
"""Of the largest element: what is derived of the inputs as they are, in the first dtype, is of use up to here, or to a
tenth."""
BEYOND = "torch's own result lies beyond what is derived of its reference"
OVERFLOWS = "torch itself overflows"
HALVES = (torch.bfloat16, torch.float16)

_PROGRAMS: Any = WeakKeyDictionary()


class Reference:
    """The reference, on whatever it is given. `why` says why nothing is to be derived of it."""

    def __init__(self, subject: Subject, accumulate: torch.dtype | None = None, why: str = "") -> None:
        self.subject, self.accumulate, self.never = subject, accumulate, why
        self.why: dict[str, str] = {}
        self.random = False
        self.first: Expected | None = None
        self.deadly: tuple[int, str] | None = None
        try:
            self.programs = _PROGRAMS.setdefault(subject.function, {}).setdefault(str(subject.given.spec), {})
        except TypeError:
            self.programs = {}

    def on(self, leaves: Leaves, upstream: Upstream, first: bool = False, far: bool = False) -> Expected:
        """What to expect. `first`: these are the inputs as they are, which tell whether what is derived is of use."""
        own = self._run(leaves, upstream)
        if first:
            state = torch.get_rng_state()
            seed_all(upstream.seed, leaves)
            self.random = not torch.equal(torch.get_rng_state(), state)
        decides = first and self.first is None
        expected = Expected(own, lambda of: self._tolerance(leaves, upstream, of, decides, far))
        if decides:
            self.first = expected
        return expected

    def places(self, leaves: Leaves, upstream: Upstream) -> Expected:
        """What to expect where only the places of what is not a number are compared: nothing is allowed."""

        def exact(of: Expected) -> Tolerance:
            return Tolerance(of.arrays, dict.fromkeys(of.arrays, 0), dict.fromkeys(of.arrays, ""))

        return Expected(self._run(leaves, upstream), exact)

    def again(self, known: Expected, leaves: Leaves, upstream: Upstream) -> Expected:
        """For another δ: where it is nowhere larger than the one before, the same is allowed. What is stored in a half
        is rounded by its own size, which may be larger, where less cancels."""
        if upstream.values is unequal or any(v is not None and v.dtype in HALVES for v in known.own.values()):
            return self.on(leaves, upstream)
        return Expected(self._run(leaves, upstream), lambda of: replace(known.tolerance, expected=of.arrays))

    def outputs(self, leaves: Leaves, upstream: Upstream) -> dict[str, Array]:
        """The outputs alone."""
        with warnings.catch_warnings(action="ignore"):
            begun = self.subject.begin(copies(leaves), self.subject.given.needed, upstream)
        return {n: array_of(y) for n, y in begun.results.items() if y is not None}

    def _run(self, leaves: Leaves, upstream: Upstream) -> Found:
        with warnings.catch_warnings(action="ignore"):
            return self.subject.run(copies(leaves), self.subject.given.needed, upstream)

    def _tolerance(self, leaves: Leaves, upstream: Upstream, of: Expected, decides: bool, far: bool) -> Tolerance:
        if self.first is not None and not decides:
            with as_raised("check_backward: this is from the reference, on the inputs as they are"):
                _ = self.first.tolerance  # which tells whether what is derived is of use
        found, derived = Tolerance(dict(of.arrays)), self._derived(leaves, upstream, of.own)
        for name, expected in of.arrays.items():
            value: Any = of.own[name]
            bound = derived.get(name, "it is not a number")
            if not is_real(value):
                found.allowed[name], found.measured[name] = 0, ""
            elif isinstance(bound, str):
                found.measured[name] = bound
            elif value.dtype != torch.float64 and (~np.isfinite(expected) & ~np.isfinite(bound)).any():
                found.measured[name] = OVERFLOWS
            else:
                found.allowed[name], found.measured[name] = 2 * bound, ""
                if decides and (why := _of_no_use(bound, value.dtype, expected)):
                    self.why[name] = found.measured[name] = why
        if any(found.measured.values()):
            self._measure(found, of.own, leaves, upstream)
        if far:
            found.far(of.own)
        return found

    # ------------------------------------------------------------ derived

    def _derived(self, leaves: Leaves, upstream: Upstream, own: Found) -> dict[str, Any]:
        """The derived error of each output and gradient by name; or, where there is none, why."""
        names = self.subject.given.names
        places = self.subject.given.needed or self.subject.given.floats
        smooth = {n: v for n, v in own.items() if n.startswith("output") and v is not None and is_real(v)}
        quantities = [*smooth, *(f"d{names[i]}" for i in places)]
        if all(v is None or not v.any() for n, v in own.items() if n in quantities) and 0 in {
            len(v) for v in leaves if torch.is_tensor(v) and v.ndim
        }:
            return {n: np.zeros(array_of(v).shape) for n, v in own.items() if v is not None}  # sums of nothing
        if self.never:
            return dict.fromkeys(quantities, self.never)
        if self.accumulate and smooth and not any(v.dtype in HALVES for v in smooth.values()):
            return dict.fromkeys(quantities, f"accumulate={self.accumulate}")
        deltas = [*upstream.of({n: v for n, v in smooth.items() if v is not None}).values()]
        why: Any = dict.fromkeys(quantities, "")
        for programs in (self.programs, {}):  # a second time without what is kept: the reference may be another by now
            kept = bool(programs)
            try:
                found = bounds(self._function(own), leaves, deltas, programs=programs, by=places)
            except (NoProgram, NoRule, Undecided) as error:
                return dict.fromkeys(quantities, _why(error))
            errors = dict(zip(smooth, found.outputs, strict=True))
            errors |= {f"d{names[i]}": b for i, b in found.gradients.items()}
            why = {n: b.error if _covers(b, own.get(n)) else BEYOND for n, b in errors.items()}
            if not kept or not any(isinstance(b, str) for b in why.values()):
                break
        return why | self.why

    def _function(self, own: Found) -> Callable[..., Any]:
        def function(*leaves: Any) -> tuple[Any, ...]:
            with as_raised():
                return tuple(o for n, o in self.subject([*leaves]).items() if n in own and is_real(o))

        return function

    # ------------------------------------------------------------ measured

    def _measure(self, found: Tolerance, results: Found, leaves: Leaves, upstream: Upstream) -> None:
        """What is allowed of those quantities of which nothing is derived."""
        dtypes = {v.dtype for v in leaves if is_real(v)}
        store = max(float(torch.finfo(d).eps) for d in dtypes) / 2
        double = dtypes <= {torch.float64, torch.complex128} and not self.accumulate
        inside = self.accumulate or (torch.float32 if dtypes & {*HALVES} else None)
        sums = float(torch.finfo(inside).eps) / 2 if inside else store
        store = max(store, sums)
        wide = [_to(v, torch.float64) for v in leaves]
        exact = self._arrays(wide, upstream)
        single = self._arrays([_to(v, torch.float32) for v in leaves], upstream) if double or self.accumulate else None
        moved = [self._arrays(_nudged(wide, k), upstream, k) for k in range(1, 4)]
        count = sum(v.numel() for v in leaves if is_real(v)) or 1
        for name in [n for n, why in found.measured.items() if why]:
            v, own = exact[name], found.expected[name]
            with np.errstate(all="ignore"):
                s = np.median([np.abs(m[name] - v) for m in moved], axis=0) / NUDGE
                size = np.where(np.isfinite(s), np.abs(v[np.isfinite(v)]).max(initial=0) + s, np.inf)
                apart = np.abs((own if single is None else single[name]) - v)
                largest = apart[np.isfinite(apart)].max(initial=0) * (FLOAT64_IN_FLOAT32 if double else 1)
                kind = results[name]
                tiny = 0.0 if kind is None else float(torch.finfo(kind.dtype).smallest_normal)
                allowed = TIMES * (store + count**0.5 * sums) * size + 2 * largest + tiny
                expected = own if double else v.astype(own.dtype)
            unlike = ~np.isfinite(own) & np.isfinite(expected)
            found.open[name] = unlike
            found.expected[name] = np.where(unlike, own, expected)
            found.allowed[name] = np.where(np.isfinite(expected) | unlike, allowed, 0)

    def _arrays(self, leaves: Leaves, upstream: Upstream, nudge: int = 0) -> dict[str, Array]:
        """The reference's results as arrays, of δ that is moved as the inputs are."""
        if nudge:
            before = upstream.values or (lambda d: d)
            moved: Callable[[torch.Tensor], torch.Tensor] = lambda d: _nudge(before(d), nudge, 0)  # noqa: E731
            upstream = Upstream(upstream.seed, upstream.arrange, moved, upstream.only)
        return arrays_of(self.subject.run(leaves, self.subject.given.needed, upstream))


def _why(error: NoProgram | NoRule | Undecided) -> str:
    """What it says; why there is no program, in the words of what was raised on tracing it."""
    cause = error.error if isinstance(error, NoProgram) else error
    return " ".join(f"{type(cause).__name__}: {cause}".split())


def _to(value: Any, dtype: torch.dtype) -> Any:
    if not is_real(value):
        return value
    wide = {torch.float64: torch.complex128, torch.float32: torch.complex64}
    return value.detach().to(wide[dtype] if value.is_complex() else dtype)


def _nudged(leaves: Leaves, seed: int) -> Leaves:
    return [_nudge(v, seed, i + 1) if is_real(v) else v for i, v in enumerate(leaves)]


def _nudge(tensor: torch.Tensor, seed: int, place: int) -> torch.Tensor:
    signs = np.random.default_rng([seed, place]).choice([-NUDGE, NUDGE], tuple(tensor.shape))
    return tensor * (1 + torch.from_numpy(np.asarray(signs))).to(tensor)


def _covers(bound: Bounded, value: torch.Tensor | None) -> bool:
    """Whether torch's own result lies within what is derived: else one of the two does something else."""
    if value is None:
        return False
    own = array_of(value)
    if bound.shape != own.shape:
        return False
    same = (bound.value == own) | (np.isnan(bound.value) & np.isnan(own))
    with np.errstate(invalid="ignore"):
        return bool(np.all(same | ~(np.abs(bound.value - own) > 2 * bound.error)))


def _of_no_use(error: Array, dtype: torch.dtype, value: Array) -> str:
    """Why what is derived tells too little, or "": it may let a wrong factor pass, as that of a long iteration does,
    whose bound explodes; or a number that torch gives has none, as one that comes from others near overflow."""
    finite, loose = np.isfinite(error) & np.isfinite(value), LOOSE.get(dtype, 0.1)
    if error[finite].max(initial=0) > loose * np.abs(value[finite]).max(initial=0):
        return f"what is derived exceeds {loose:g} of the largest element"
    return "what is derived does not bound every element" if (np.isfinite(value) & ~finite).any() else ""
