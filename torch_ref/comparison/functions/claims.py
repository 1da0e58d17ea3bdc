"""What a function may offer besides: forward mode, vmap, second derivatives. Each is judged where it is offered, and
where it is not, that is said."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from torch_ref.comparison.functions.calls import Changed, Given, Leaves, Refused, Subject, is_real, refusals
from torch_ref.comparison.functions.failure.blame import described
from torch_ref.comparison.functions.judge import Observed
from torch_ref.comparison.functions.observe import InDtype
from torch_ref.comparison.functions.observed import compared, is_beyond
from torch_ref.comparison.functions.reference import Reference
from torch_ref.comparison.functions.ties import tangents_at_a_tie
from torch_ref.comparison.functions.upstream import Upstream

TANGENT = "output, forward: "
NO_PROGRAM = "forward mode has no program"
"""Torch itself may crash where a derivative of its forward mode is traced."""


def claims(tried: InDtype) -> Iterator[Observed]:
    """Each claim that is asked for. `tried` has been observed."""
    if tried.reference.random:
        return
    for name, try_it in (("forward mode", _forward_mode), ("vmap", _vmap), ("second derivatives", _second)):
        if tried.options.asks(name) and (name != "second derivatives" or tried.options.orders == 2):
            place = f"{tried.dtype}, {name}"
            if refused := _not_claimed(tried.function.function, name):
                yield Observed(name, "all", refused, offered=False)
                continue
            yield from try_it(place, name, tried)


def _not_claimed(function: Any, name: str) -> str:
    """Why a Function does not offer it, where it says so itself; "" where it is to be tried."""
    of = getattr(function, "__self__", None)
    if not (isinstance(of, type) and issubclass(of, torch.autograd.Function)):
        return ""
    if name == "forward mode" and of.jvp is torch.autograd.Function.jvp:
        return f"{of.__name__} has no jvp"
    if name == "vmap" and not of.generate_vmap_rule and of.vmap is torch.autograd.Function.vmap:
        return f"{of.__name__} has no vmap"
    return ""


def _forward_mode(place: str, name: str, tried: InDtype) -> Iterator[Observed]:
    """Σ ∂output/∂input·t, of random directions t."""
    leaves, given = tried.known[""][0], tried.given
    directions = [*Upstream(tried.options.seed).of({f"t{i}": leaves[i] for i in given.needed}).values()]
    theirs_along = _by_jvp(tried.reference.subject)
    try:
        with warnings.catch_warnings(action="ignore"):
            ours = _tangents(tried.function, leaves, directions)
    except Refused as refused:
        yield Observed(name, "all", described(refused), offered=False)
        return
    names = [*given.names, *(f"t{i}" for i in range(len(directions)))]
    whole = Given([*leaves, *directions], {}, {}, names)
    whole.needed, whole.changes = [], given.changes
    try:
        reference = Reference(_Named(Subject(theirs_along, whole)), tried.options.accumulate, why=NO_PROGRAM)
        found = [*compared(place, ours, reference.on([*leaves, *directions], tried.upstream), set())]
    except (Refused, Changed) as error:
        yield Observed(name, "all", f"nor by the reference: {_said(error)}", offered=False)
        return
    ties = cache(
        lambda: tangents_at_a_tie(
            ours, lambda moved: theirs_along(*moved, *directions), leaves, given.needed, tried.options.seed
        )
    )
    for one in found:
        one.ties = ties
        if one.arrays and not is_beyond(one) and not (np.abs(one.arrays["expected"]) > one.arrays["allowed"]).any():
            yield Observed(
                name, one.quantity, "zeros would pass: its derivative is within a rounding of 0", offered=False
            )
        else:
            yield one


def _said(error: Refused | Changed) -> str:
    return error.said if isinstance(error, Changed) else described(error)


def _tangents(function: Subject, leaves: Leaves, directions: Sequence[torch.Tensor]) -> dict[str, Any]:
    """Of every output of floats, along the directions of what is differentiated: by the function's own jvp.

    Raises:
        Refused: it gives none.
    """
    with forward_ad.dual_level():
        every = [v.clone() if i in function.given.changes else v for i, v in enumerate(leaves)]
        for i, t in zip(function.given.needed, directions, strict=True):
            every[i] = forward_ad.make_dual(leaves[i], t)
        outputs = {k: o for k, o in function(every).items() if is_real(o)}
        tangents = {k: forward_ad.unpack_dual(o).tangent for k, o in outputs.items()}
        if all(t is None for t in tangents.values()):
            raise Refused(NotImplementedError("no output has a tangent"))
        none = {k for k, t in tangents.items() if t is None or t._is_zerotensor()}  # pyright: ignore[reportPrivateUsage]
        return {TANGENT + k: torch.zeros_like(o) if k in none else tangents[k] for k, o in outputs.items()}


def _by_jvp(reference: Subject) -> Callable[..., dict[str, Any]]:
    """The reference's tangents, of its leaves and the directions, in a form that can be traced."""
    given, n = reference.given, len(reference.given.leaves)

    def function(*every: Any) -> dict[str, Any]:
        def of_needed(*needed: torch.Tensor) -> dict[str, Any]:
            values = [*every[:n]]
            for i, value in zip(given.needed, needed, strict=True):
                values[i] = value
            return {k: o for k, o in reference(values).items() if is_real(o)}

        with refusals():
            _, tangents, *_ = torch.func.jvp(of_needed, tuple(every[i] for i in given.needed), tuple(every[n:]))
        return {TANGENT + k: t for k, t in tangents.items()}

    return function


class _Named(Subject):
    """A subject whose outputs have names already."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject.function, subject.given)

    def __call__(self, leaves: Leaves) -> dict[str, Any]:
        return self.function(*leaves)


def _vmap(place: str, name: str, tried: InDtype) -> Iterator[Observed]:
    """Two calls as one, over a new first axis."""
    two = [v for k, v in tried.known.items() if k in ("", "rows in another order", "expanded")][:2]
    at = tried.given.floats

    def one(*floats: torch.Tensor) -> dict[str, Any]:
        every = [*two[0][0]]
        for i, value in zip(at, floats, strict=True):
            every[i] = value
        return {n: o for n, o in tried.function(every).items() if torch.is_tensor(o)}

    if len(two) < 2 or any(torch.is_tensor(v) and not is_real(v) for v in two[0][0]):
        return
    both = [torch.stack([leaves[i] for leaves, _ in two]) for i in at]
    try:
        with refusals():
            found = torch.func.vmap(one)(*both)
    except Refused as refused:
        yield Observed(name, "all", described(refused), offered=False)
        return
    for n, o in found.items():  # as many as its own vmap gives
        if len(o) != len(two):
            yield Observed(place, n, f"{len(o)} calls in the result, expected {len(two)}")
            return
    for number, (_, expected) in enumerate(two):
        mine = {n: o[number] for n, o in found.items()}
        left_out = {n for n in expected.own if n not in mine}
        yield from compared(f"{place}, {number + 1} of 2", mine, expected, left_out)


def _second(place: str, name: str, tried: InDtype) -> Iterator[Observed]:
    """The gradients, as functions of the inputs and of δ, have gradients, too."""
    leaves = tried.known[""][0]
    given, subject = tried.given, tried.function
    smooth = {n: o for n, o in tried.reference.subject(leaves).items() if is_real(o)}
    deltas = [*tried.upstream.of(smooth).values()]
    n = len(leaves)
    names = [*given.names, *(f"δ{i or ''}" for i in range(len(deltas)))]
    whole = Given([*leaves, *deltas], {}, {}, names)
    whole.needed, whole.changes = [*given.needed, *range(n, n + len(deltas))], given.changes

    def gradients(of: Subject) -> Callable[..., dict[str, Any]]:
        def function(*every: Any) -> dict[str, Any]:
            values = [*every[:n]]
            with torch.enable_grad():
                for i in given.needed:
                    values[i] = values[i] if values[i].requires_grad else values[i].detach().requires_grad_()
                outputs = [o for k, o in of(values).items() if k in smooth]
                with refusals():
                    found = torch.autograd.grad(
                        outputs, [values[i] for i in given.needed], every[n:], create_graph=True, allow_unused=True
                    )
            return {f"output d{given.names[i]}": g for i, g in zip(given.needed, found, strict=True) if g is not None}

        return function

    ours = _Named(Subject(gradients(subject), whole))
    try:
        found = ours.run([*leaves, *deltas], whole.needed, tried.upstream)
    except (Refused, Changed) as error:
        yield Observed(name, "all", _said(error), offered=False)
        return
    if all(v is None for q, v in found.items() if not q.startswith("output")):
        yield Observed(name, "all", "its gradients have no graph", offered=False)
        return
    reference = Reference(_Named(Subject(_by_vjp(tried, smooth), whole)), tried.options.accumulate)
    expected = reference.on([*leaves, *deltas], tried.upstream, first=True)
    yield from compared(place, found, expected, {q for q in expected.own if q.startswith("output")})


def _by_vjp(tried: InDtype, smooth: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """The reference's gradients, in a form that can be traced."""
    given, n = tried.given, len(tried.given.leaves)

    def function(*every: Any) -> dict[str, Any]:
        def of_needed(*needed: torch.Tensor) -> tuple[Any, ...]:
            values = [*every[:n]]
            for i, value in zip(given.needed, needed, strict=True):
                values[i] = value
            return tuple(o for k, o in tried.reference.subject(values).items() if k in smooth)

        with refusals():
            _, back, *_ = torch.func.vjp(of_needed, *(every[i] for i in given.needed))
            found = back(tuple(every[n:]))
        return {f"output d{given.names[i]}": g for i, g in zip(given.needed, found, strict=True)}

    return function
