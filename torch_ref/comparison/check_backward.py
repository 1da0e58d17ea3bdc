"""Check a backward pass of your own, a torch.autograd.Function say, against a reference in torch: from code and from
pytest.

    def test_my_function():
        check_backward(MyFunction.apply, torch.nn.functional.gelu, [torch.randn(8, 16)])

Both are run in float32 and float64, on the inputs as they are, non-contiguous, expanded and empty, and for each
choice of the inputs that need a gradient. The upstream gradient is random, and as strided as the inputs are.

No tolerance can be derived for code of which nothing is known. So this one is measured: a result may be twice as far
as torch's own is, at the same dtype, from the reference in higher precision. Torch's own error is the largest that it
makes of a quantity in any of these runs, relative to the array's largest element, and is taken to be one unit in the
last place of that at least. Above float64 torch has no precision: there its own error is the one that it makes in
float32, scaled by 2⁻²⁹, and the reference may have it too.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch

from manual.number_types import Array
from torch_ref.comparison.parity import Parity
from torch_ref.comparison.verdict import AGREES, DIFFERS, ZERO_REFERENCE, Comparison
from torch_ref.diagnosis import Case, Compared
from torch_ref.twins import to_numpy

DTYPES = (torch.float64, torch.float32)
FLOAT64_IN_FLOAT32 = 2.0**-29
"""One rounding in float64, in roundings in float32."""

Function = Callable[..., Any]
Arrange = Callable[[torch.Tensor], torch.Tensor]
Found = dict[str, Any]
"""Arrays by name; None where there is no gradient."""


class Trial(NamedTuple):
    """A way to call both: how the tensors lie in memory, which inputs need a gradient, and in which dtypes."""

    name: str
    arrange: Arrange
    needed: Sequence[int]
    dtypes: Sequence[torch.dtype] = DTYPES[:1]


@dataclass
class Observed:
    """One quantity as the checked function, torch at the same dtype, and torch in float64 and in float32 compute it.

    `trouble` says in words what no comparison can: an exception, a changed input.
    """

    place: str
    quantity: str
    trouble: str = ""
    arrays: dict[str, Array] = field(default_factory=dict)


class Measured(Parity):
    """Comparisons whose tolerance is not derived."""

    @property
    def verdict(self) -> str:
        """One line as for any comparisons, and one that says where the tolerance is from."""
        return f"{super().verdict}\nthe tolerance is not derived: it is twice torch's own error at the same dtype"


def check_backward(function: Callable[..., Any], reference: Callable[..., Any], inputs: Sequence[Any]) -> Parity:
    """Compare a function's output and gradients with those of a reference.

    Args:
        function: takes the inputs, returns a tensor or several; a Function's `apply`.
        reference: the same function written in torch, which differentiates it.
        inputs: tensors, and whatever else the two take. Those of a floating dtype are differentiated.

    Returns:
        The comparisons, which all agree.

    Raises:
        AssertionError: they do not; its message is the table.
        ValueError: no input is a tensor of a floating dtype.
    """
    parity = judge(
        observe(function, reference, inputs), next((v.device.type for v in inputs if torch.is_tensor(v)), "cpu")
    )
    if not parity.agrees:
        raise AssertionError(f"\n{parity}")
    return parity


def judge(observed: Iterable[Observed], device: str = "cpu") -> Parity:
    """The comparisons of what was observed."""
    observed = [*observed]
    own: dict[str, float] = {}
    for o in observed:
        if o.arrays and not o.place.endswith("empty"):
            own[o.quantity] = max(own.get(o.quantity, 0), _own_error(o.arrays))
    parity = Measured(device)
    for o in observed:
        if o.trouble:
            parity.comparisons.append(
                Comparison(o.place, o.quantity, "", (), np.inf, np.inf, DIFFERS, reason=o.trouble)
            )
        elif o.place.endswith("empty"):  # there a gradient is empty or zero, exactly
            parity.add(o.place, o.quantity, o.arrays["ours"], o.arrays["torch"], 0)
        else:
            dtype, error = o.arrays["torch"].dtype, own[o.quantity]
            times = 3 * error * FLOAT64_IN_FLOAT32 if dtype == np.float64 else 2 * error + np.finfo(dtype).eps / 2
            allowed = (
                times * np.abs(o.arrays["float64"]).max()
            )  # in float32 the half ulp is the reference's, rounded to it
            compared = Compared(o.arrays["ours"], o.arrays["float64"].astype(dtype), allowed)
            parity.add_all(o.place, Case({o.quantity: compared}))
    parity.comparisons = [*judged(parity.comparisons)]
    return parity


def judged(comparisons: Iterable[Comparison]) -> Iterator[Comparison]:
    """The comparisons, where a reference of zeros tells nothing against a quantity that elsewhere agrees with another
    one."""
    comparisons = [*comparisons]
    known = {c.quantity for c in comparisons if c.agrees}
    for c in comparisons:
        if c.reason == ZERO_REFERENCE:
            agrees = c.quantity in known or c.place.endswith("empty")
            yield (
                replace(c, verdict=AGREES, reason="")
                if agrees
                else replace(c, reason=f"{ZERO_REFERENCE}, on every input")
            )
        else:
            yield c


def _own_error(arrays: dict[str, Array]) -> float:
    """Torch's own error in float32, by the largest element; a unit in its last place at least."""
    exact, single = arrays["float64"], arrays["float32"]
    largest = np.abs(exact).max()
    return max(np.abs(single - exact).max() / largest, np.finfo(np.float32).eps) if largest else 0


def observe(function: Function, reference: Function, inputs: Sequence[Any]) -> Iterator[Observed]:
    """Run both on everything that there is to try. What the reference cannot do is not asked for.

    Raises:
        ValueError: no input is a tensor of a floating dtype.
    """
    which = [i for i, value in enumerate(inputs) if torch.is_tensor(value) and value.is_floating_point()]
    if not which:
        raise ValueError("check_backward: expected a tensor of a floating dtype among the inputs, got none")
    names = _names(reference, len(inputs))
    single = [v.detach().float() if i in which else v for i, v in enumerate(inputs)]
    for trial in _trials(which, names, rows=len(single[which[0]]) if single[which[0]].ndim else 0):
        given = {d: [trial.arrange(v.to(d)) if i in which else v for i, v in enumerate(single)] for d in DTYPES}
        try:
            expected = {d: _run(reference, values, trial, names) for d, values in given.items()}
        except Exception:
            if not trial.name:
                raise
            continue
        for dtype in trial.dtypes:
            place = ", ".join(filter(None, [str(dtype).removeprefix("torch."), trial.name]))
            yield from _observe(place, function, given[dtype], trial, names, expected[dtype], expected)


def _observe(
    place: str,
    function: Function,
    given: list[Any],
    trial: Trial,
    names: list[str],
    expected: Found,
    in_dtype: dict[torch.dtype, Found],
) -> Iterator[Observed]:
    before = [v.clone() if torch.is_tensor(v) else v for v in given]
    try:
        ours, again = (_run(function, given, trial, names) for _ in range(2))
    except Exception as error:
        yield Observed(place, "all", f"{type(error).__name__}: {' '.join(str(error).split())}")
        return
    for name, now, old in zip(names, given, before, strict=True):
        if torch.is_tensor(now) and not np.array_equal(to_numpy(now), to_numpy(old), equal_nan=now.is_floating_point()):
            yield Observed(place, name, "is changed, which is its caller's")
    for quantity, value in expected.items():
        mine = ours.get(quantity)
        if value is None or mine is None:
            if mine is not value:
                yield Observed(
                    place, quantity, "is missing" if mine is None else "is there, where the reference has none"
                )
        elif not np.array_equal(mine, again[quantity], equal_nan=True):
            yield Observed(place, quantity, "is another for the same input")
        else:
            exact, single = (in_dtype[d][quantity] for d in DTYPES)
            yield Observed(place, quantity, "", {"ours": mine, "torch": value, "float64": exact, "float32": single})


def _run(function: Function, values: list[Any], trial: Trial, names: list[str]) -> Found:
    """The outputs, and the gradients by name. The upstream gradient is the same for every call on the same shapes."""
    values = [v.detach().requires_grad_(i in trial.needed) if torch.is_tensor(v) else v for i, v in enumerate(values)]
    result = function(*values)
    outputs = [*result] if isinstance(result, tuple | list) else [result]
    rng = np.random.default_rng(0)
    smooth = [o for o in outputs if o.requires_grad]
    deltas = [trial.arrange(torch.tensor(rng.standard_normal(o.shape, dtype=np.float32)).to(o)) for o in smooth]
    kept = [d.clone() for d in deltas]
    gradients = torch.autograd.grad(smooth, [values[i] for i in trial.needed], deltas, allow_unused=True)
    if not all(map(torch.equal, deltas, kept)):
        raise RuntimeError("backward changes the upstream gradient, which is its caller's")
    found: Found = {f"output {i}" if i else "output": to_numpy(o).copy() for i, o in enumerate(outputs)}
    return found | {
        f"d{names[i]}": None if g is None else to_numpy(g).copy() for i, g in zip(trial.needed, gradients, strict=True)
    }


def _trials(which: list[int], names: list[str], rows: int) -> Iterator[Trial]:
    yield Trial("", lambda t: t, which, DTYPES)
    yield Trial("non-contiguous", lambda t: torch.stack([t, t], -1)[..., 0], which)
    yield Trial("expanded", lambda t: t[:1].expand_as(t) if t.ndim else t, which)
    yield Trial("empty", lambda t: t[:0] if t.ndim and len(t) == rows else t, which, DTYPES)
    sizes = range(1, len(which)) if len(which) <= 3 else (1, len(which) - 1)
    for some in (some for size in sizes for some in combinations(which, size)):
        yield Trial(f"only {', '.join(names[i] for i in some)}", lambda t: t, some)


def _names(reference: Function, count: int) -> list[str]:
    """The inputs' names in the reference, if it gives them."""
    try:
        parameters = inspect.signature(reference).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL][:count]
    return names if len(names) == count else [f"input {i}" for i in range(count)]
