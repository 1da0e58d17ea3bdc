"""Check a backward pass of your own, a torch.autograd.Function say, against a reference in torch: from code and from
pytest.

    def test_my_function():
        check_backward(MyFunction.apply, torch.nn.functional.gelu, [torch.randn(8, 16)])

Both are run in float32 and float64, on the inputs as they are, non-contiguous, expanded and empty, and for each
choice of the inputs that need a gradient. The upstream gradient is random, as strided as the inputs are, and once of
other strides.

What is allowed is derived where the reference can be run as a program (torch_ref/program): twice the error that the
reference's own formula may make, in any order of its sums. Where it cannot, because it draws random numbers, chooses
shapes by its data, or does something that has no rule, and where what is derived is too wide to tell anything, the
tolerance is measured, and the table says so: a result may be twice as far as torch's own is, at the same dtype, from
the reference in higher precision. Torch's own error is then the largest that it makes of a quantity in any of these
runs, relative to the array's largest element, and is taken to be one unit in the last place of that at least. Above
float64 torch has no precision: there its own error is the one that it makes in float32, scaled by 2⁻²⁹, and the
reference may have it too.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from torch_ref.comparison.observations import Observed, judge
from torch_ref.comparison.parity import Parity
from torch_ref.comparison.trials import DTYPES, Trial, deltas, in_float64, trials
from torch_ref.program.derivation import bounds
from torch_ref.tolerance.bounded import Bounded
from torch_ref.twins import to_numpy

Function = Callable[..., Any]
Found = dict[str, Any]
"""Arrays by name; None where there is no gradient."""


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
    double = [in_float64(v.detach()) if i in which else v for i, v in enumerate(inputs)]
    given_in = dict(zip(DTYPES, (double, single), strict=True))
    for trial in trials(which, names, rows=next((len(single[i]) for i in which if single[i].ndim), None)):
        given = {d: [trial.arrange(v) if i in which else v for i, v in enumerate(given_in[d])] for d in DTYPES}
        try:
            expected = {d: _run(reference, values, trial, names) for d, values in given.items()}
        except Exception:
            if not trial.name:
                raise
            continue
        for dtype in trial.dtypes:
            place = ", ".join(filter(None, [str(dtype).removeprefix("torch."), trial.name]))
            derived = _derived(reference, given[dtype], trial, names, expected[dtype])
            for o in _observe(place, function, given[dtype], trial, names, expected[dtype], expected):
                allowed = derived.get(o.quantity, "it is no number")
                if isinstance(allowed, str):
                    o.why_measured = allowed
                elif o.arrays:
                    o.arrays["allowed"] = allowed
                yield o


def _derived(reference: Function, values: list[Any], trial: Trial, names: list[str], expected: Found) -> dict[str, Any]:
    """The derived error of each output and gradient by name; or, where there is none, why."""
    result = reference(*values)
    outputs = [*result] if isinstance(result, tuple | list) else [result]
    smooth = {i: o for i, o in enumerate(outputs) if torch.is_tensor(o) and o.is_floating_point()}
    quantities = [*map(_output, smooth), *(f"d{names[i]}" for i in trial.needed)]
    try:
        found = bounds(reference, values, deltas([*smooth.values()], trial))
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split("While executing")[0].split())
        return dict.fromkeys(quantities, why)
    errors = {_output(i): b for i, b in zip(smooth, found.outputs, strict=True)}
    errors |= {f"d{names[i]}": b for i, b in found.gradients.items()}
    return {name: b.error if _covers(b, expected.get(name)) else BEYOND for name, b in errors.items()}


BEYOND = "torch's own result lies beyond what is derived of its reference"


def _covers(bound: Bounded, value: Any) -> bool:
    """Whether torch's own result lies within what is derived: else one of the two does something else."""
    if value is None or bound.shape != value.shape:
        return False
    same = (bound.value == value) | (np.isnan(bound.value) & np.isnan(value))
    with np.errstate(invalid="ignore"):
        return bool(np.all(same | ~(np.abs(bound.value - value) > 2 * bound.error)))


def _output(i: int) -> str:
    return f"output {i}" if i else "output"


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
    for quantity in ours.keys() - expected.keys():
        yield Observed(place, quantity, "is there, where the reference has none")
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
    """The outputs, and the gradients by name."""
    values = [v.detach().requires_grad_(i in trial.needed) if torch.is_tensor(v) else v for i, v in enumerate(values)]
    result = function(*values)
    outputs = [*result] if isinstance(result, tuple | list) else [result]
    floats = [o for o in outputs if torch.is_tensor(o) and o.is_floating_point()]
    pairs = [(o, delta) for o, delta in zip(floats, deltas(floats, trial), strict=True) if o.requires_grad]
    smooth, upstream = ([*each] for each in zip(*pairs, strict=True)) if pairs else ([], [])
    kept = [d.clone() for d in upstream]
    gradients = torch.autograd.grad(smooth, [values[i] for i in trial.needed], upstream, allow_unused=True)
    if not all(map(torch.equal, upstream, kept)):
        raise RuntimeError("backward changes the upstream gradient, which is its caller's")
    found: Found = {_output(i): to_numpy(o).copy() for i, o in enumerate(outputs) if torch.is_tensor(o)}
    return found | {
        f"d{names[i]}": None if g is None else to_numpy(g).copy() for i, g in zip(trial.needed, gradients, strict=True)
    }


def _names(reference: Function, count: int) -> list[str]:
    """The inputs' names in the reference, if it gives them."""
    try:
        parameters = inspect.signature(reference).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL][:count]
    return names if len(names) == count else [f"input {i}" for i in range(count)]
