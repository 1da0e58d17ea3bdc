"""Check a backward pass of your own, a torch.autograd.Function say, against a reference in torch: from code and from
pytest.

    def test_my_function():
        check_backward(MyFunction.apply, torch.nn.functional.gelu, [torch.randn(8, 16)])

It is tried on the inputs as they are and on others that are made of them (functions/draws.py): batches of 1, 2, an odd
number and none, 1e-4 and 1e4 times as large, near overflow, zeros, repeated indices, NaN, infinities. The inputs, and
the upstream gradient, lie in memory otherwise; δ is zero, one number expanded, large and small, or undefined for all
outputs but one; some inputs alone need a gradient; the graph is run backward twice; calls disturb each other and are
repeated. What the reference cannot do is not asked for.

What is allowed is derived where the reference can be run as a program (torch_ref/program): twice the error that its own
formula may make, in any order of its sums. Where it cannot, because it draws random numbers, chooses shapes by its data
or does something that has no rule, and where what is derived is too wide to tell anything, it is measured
(functions/reference.py), and the table says so. Neither is done where every number is the reference's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torch_ref.comparison.functions.calls import (
    Changed,
    Function,
    Given,
    Leaves,
    Refused,
    Subject,
    as_raised,
    copies,
    is_real,
    names_of,
)
from torch_ref.comparison.functions.claims import claims
from torch_ref.comparison.functions.draws import beside_fewer_rows
from torch_ref.comparison.functions.failure.blame import described
from torch_ref.comparison.functions.judge import Observed, judge
from torch_ref.comparison.functions.observe import InDtype
from torch_ref.comparison.functions.options import Options
from torch_ref.comparison.functions.reference import Reference
from torch_ref.comparison.functions.result import Checked
from torch_ref.comparison.functions.upstream import Upstream

Inputs = Sequence[Any] | Callable[[np.random.Generator], Sequence[Any]]
SHORTENED = 1 - 2.0**-30
"""Makes of a float32 number a float64 one that float32 has not, so that a loss of digits shows."""


def check_backward(
    function: Function, reference: Function, inputs: Inputs, *, kwargs: Mapping[str, Any] | None = None,
    dtypes: Sequence[torch.dtype] | None = None, device: str | None = None, accumulate: torch.dtype | None = None,
    orders: int = 1, repeats: int = 12, seed: int = 0, skip: Sequence[str] = (), strict: bool = False,
    quick: bool = False, save: str | Path | None = None,
) -> Checked:  # fmt: skip
    """Compare a function's outputs and gradients with those of a reference.

    Args:
        function: takes the inputs, and returns tensors and numbers, or tuples, dicts and dataclasses of them: a
            Function's `apply`, an operator of `torch.library`, a module.
        reference: the same function written in torch, which differentiates it. Of two modules the reference is run with
            the parameters of the function; a plain reference takes them by name.
        inputs: tensors, and whatever else the two take; or a function of a NumPy Generator that makes them; or several
            lists. Tensors of floats and of complex numbers are differentiated; where some have requires_grad=True,
            these alone. One that the reference cannot be differentiated by is left out, and the verdict says so.
        kwargs: keyword arguments of both.
        dtypes: in which it is judged: else float64 and float32, or the bfloat16 or float16 of the inputs alone.
        device: where the tensors are moved to.
        accumulate: the dtype of the sums inside, where it is not that of the inputs.
        orders: 2 judges second derivatives, too.
        repeats: how often it is called again, in shuffled order.
        seed: of the upstream gradients, and of all else that is drawn.
        skip: names of trials that are left out (functions/options.py).
        strict: a convention, and what the function does not offer, is a failure.
        quick: the inputs as they are alone, with one upstream gradient.
        save: where the first comparison that differs is written as a test, its inputs made small.

    Returns:
        The comparisons, none of which fails. Printed it is a table.

    Raises:
        AssertionError: one fails; the message names it.
        ValueError: inputs are not a list, or none is a tensor of a floating dtype; a parameter has no place in the
            reference; there is no such trial to skip, dtype or device; the function is a Function, not its `apply`;
            the reference cannot be called.
    """
    __tracebackhide__ = True
    if isinstance(function, type) and issubclass(function, torch.autograd.Function):
        raise ValueError(f"check_backward: expected {function.__name__}.apply, got {function.__name__}")
    if not callable(reference):
        raise ValueError(f"check_backward: expected a reference that can be called, got {reference!r}")
    options = Options(kwargs or {}, dtypes, device, accumulate, orders, repeats, seed, skip, quick)
    with torch.random.fork_rng(devices=[]), np.errstate(all="ignore"):  # overflow and NaN are tried on purpose
        parity = judge(observe(function, reference, inputs, options), device or _device(inputs))
        parity.seed, parity.strict = seed, strict
        if parity.agrees:
            return parity
        saved = _saved(save, function, reference, inputs, options, parity) if save is not None else ""
    raise AssertionError(f"{parity.failure}{saved}")


def _saved(
    path: str | Path, function: Function, reference: Function, inputs: Inputs, options: Options, parity: Checked
) -> str:
    """Write the first comparison that differs as a test; a line that says so, or why not."""
    from torch_ref.comparison.functions.failure.reproduce import reproduced

    first = next((c for c in parity.failing if c.differs), None)
    if first is None:
        return "\nnot saved: nothing differs"
    place, _, number = first.place.partition(", inputs ")
    values = [*_every(inputs, options.seed)][int(number or 1) - 1]

    def check(attempt: Sequence[Any], by: Options) -> Checked:
        return judge(_on_every(function, reference, attempt, by))

    return f"\n{reproduced(path, function, reference, values, options, check, replace(first, place=place))}"


def observe(
    function: Function, reference: Function, inputs: Inputs, options: Options | None = None
) -> Iterator[Observed]:
    """Run both on everything that there is to try. What the reference cannot do is not asked for.

    Raises:
        ValueError: see `check_backward`.
    """
    with as_raised("check_backward: this is from the reference, on the inputs as they are"):
        yield from _on_every(function, reference, inputs, options or Options())


def _on_every(function: Function, reference: Function, inputs: Inputs, options: Options) -> Iterator[Observed]:
    for number, values in enumerate(_every(inputs, options.seed)):
        for o in _observe(function, reference, values, options):
            o.place += f", inputs {number + 1}" if number else ""
            yield o


def _every(inputs: Inputs, seed: int) -> Iterator[Sequence[Any]]:
    """The lists of inputs: as made twice, or as given."""
    if callable(inputs):
        for number in range(2):
            made = inputs(np.random.default_rng(seed + number))
            yield [torch.from_numpy(v) if isinstance(v, np.ndarray) else v for v in made]
    elif not isinstance(inputs, list | tuple):
        raise ValueError(f"check_backward: expected inputs as a list, as [x], got a {type(inputs).__name__}")
    else:
        several = bool(inputs) and all(isinstance(one, list | tuple) for one in inputs)
        yield from inputs if several else [inputs]


def _observe(function: Function, reference: Function, inputs: Sequence[Any], options: Options) -> Iterator[Observed]:
    params = dict(function.named_parameters()) if isinstance(function, torch.nn.Module) else {}
    given = Given(inputs, options.kwargs, params, names_of(reference, len(inputs)))
    if not given.needed:
        got = ", ".join(dict.fromkeys(map(_kind, given.leaves))) or "nothing"
        raise ValueError(f"check_backward: expected a tensor of a floating dtype among the inputs, got {got}")
    ours = Subject(function, given)
    theirs = Reference(Subject(reference, given, _renamed(reference, params)), options.accumulate)
    if any(torch.is_tensor(v) and v.layout != torch.strided for v in given.leaves):
        yield Observed("sparse inputs", "all", "dense tensors alone are compared", offered=False)
        return
    offered = 0
    for dtype in options.dtypes_of(given):
        leaves = [_cast(v, dtype, i in given.needed, options.device) for i, v in enumerate(given.leaves)]
        if _raised(theirs.subject, leaves, given.needed, Upstream(options.seed)):
            _refusal(theirs.subject, leaves, options)
            given.changes |= _changed(theirs.subject, leaves, options)
            yield from _left_out(theirs.subject, leaves, options)
        if error := _refusal(ours, leaves, options):
            wanted = options.dtypes is not None or dtype is None or any(v.dtype == dtype for v in _reals(given.leaves))
            if wanted:  # a reference that fails, too, raises
                theirs.subject.begin(leaves, given.needed, Upstream(options.seed))
            name = str(dtype).removeprefix("torch.")
            yield Observed(name, "all", error, offered=wanted)
            continue
        given.whole |= beside_fewer_rows(theirs.subject, leaves, options.seed)
        tried = InDtype(ours, theirs, leaves, dtype, options)
        yield from chain(tried.observe(), () if offered or options.quick else claims(tried))
        offered += 1


def _kind(value: Any) -> str:
    return f"a tensor of {value.dtype}" if torch.is_tensor(value) else type(value).__name__


def _changed(reference: Subject, leaves: Leaves, options: Options) -> set[int]:
    """Inputs that the reference changes, by contract, as running statistics are."""
    try:
        begun = reference.begin(copies(leaves), reference.given.needed, Upstream(options.seed))
    except Refused:  # it is raised again where it can be told
        return set()
    return begun.changed() - {*reference.given.needed}


def _left_out(reference: Subject, leaves: Leaves, options: Options) -> Iterator[Observed]:
    """Inputs that the reference cannot be differentiated by, as the class weights of a loss: they are not asked for,
    unless the caller said so."""
    given, upstream = reference.given, Upstream(options.seed)
    if given.said or not (refused := _raised(reference, leaves, given.needed, upstream)):
        return
    kept = [i for i in given.needed if not _raised(reference, leaves, [i], upstream)]
    if kept:
        for i in {*given.needed} - {*kept}:
            yield Observed(
                f"the derivative by {given.names[i]}", "all", f"nor by the reference: {refused}", offered=False
            )
        given.needed = kept


def _raised(function: Subject, leaves: Leaves, needed: Sequence[int], upstream: Upstream) -> str:
    """What it raises, or ""."""
    try:
        function.run(copies(leaves), needed, upstream)
    except Changed as changed:
        return changed.said
    except Refused as refused:
        return described(refused)
    return ""


def _refusal(function: Subject, leaves: Leaves, options: Options) -> str:
    """What it raises on the inputs as they are, or "". One that works in place, by contract, on what autograd knows to
    be changed, is given copies from there on."""
    upstream, refused = Upstream(options.seed), ""
    for in_place in (False, True):
        function.in_place = in_place
        try:  # on copies: one that writes, and then raises, would leave its numbers behind
            begun = function.begin(copies(leaves), function.given.needed, upstream)
        except Refused as error:
            refused = refused or described(error)
            continue
        if not in_place or begun.returned:
            return ""
    function.in_place = False
    return refused


def _cast(value: Any, dtype: torch.dtype | None, shorten: bool, device: str | None) -> Any:
    """A tensor in a dtype: in float64 with numbers that float32 has not; equal ones stay equal, 0 stays 0, and 1 is
    below 1."""
    if torch.is_tensor(value) and device is not None:
        value = value.to(device)
    if not is_real(value) or dtype is None:
        return value
    if value.is_complex() and not dtype.is_complex:
        return value
    if dtype.is_complex and not value.is_complex():
        dtype = torch.float64 if dtype == torch.complex128 else torch.float32
    wide = value.to(dtype)
    narrow = {torch.float64: torch.float32, torch.complex128: torch.complex64}.get(dtype)
    if shorten and narrow and torch.equal(wide.to(narrow).to(dtype), wide):
        return wide * SHORTENED
    return wide


def _reals(leaves: Leaves) -> list[torch.Tensor]:
    return [v for v in leaves if is_real(v)]


def _renamed(reference: Function, params: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """The reference's name of each parameter of the function: its own, or that of the same shape in the same order.

    Raises:
        ValueError: it has none.
    """
    if not isinstance(reference, torch.nn.Module):
        if missing := [name for name in params if not _takes(reference, name)]:
            raise ValueError(
                f"check_backward: expected a reference that takes the parameters {missing} of the module by name, or a "
                f"module with parameters of these shapes, got {getattr(reference, '__name__', reference)}"
            )
        return {}
    theirs = dict(reference.named_parameters())
    if not params or params.keys() == theirs.keys():
        return {}
    if [tuple(p.shape) for p in params.values()] != [tuple(p.shape) for p in theirs.values()]:
        raise ValueError(f"check_backward: expected a reference with the parameters {[*params]}, got {[*theirs]}")
    return dict(zip(params, theirs, strict=True))


def _takes(function: Function, name: str) -> bool:
    """Whether it has an argument of this name, as far as it can be told."""
    try:
        signature(function).bind_partial(**{name: None})
    except TypeError:
        return False
    except ValueError:  # a builtin may have no signature
        return True
    return True


def _device(inputs: Inputs) -> str:
    return next((v.device.type for v in ([] if callable(inputs) else inputs) if torch.is_tensor(v)), "cpu")
