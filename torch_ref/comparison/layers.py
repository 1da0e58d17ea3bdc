"""Hold a hand-written layer against its twin in torch.

*Local* comparisons are the gate: each piece is given torch's own inputs, upstream gradient and state, so that errors
neither add up nor hide, and the first wrong piece is the wrong one. *End to end* both run freely, and what comes out
is compared.

What is allowed is derived, by running the project's own code on `Bounded` (see tolerance/bounded.py): the error of our
formula plus the error of torch's. It does not come from the code under check: a `Linear` of somebody else's is
bounded by ours. Only a layer that the project has not, but torch has, is bounded by its own formula.

A block is judged as a whole, and every layer in it on what the block gave it, by that layer's own twin.

A comparison can fail: the upstream gradient is random, never ones; shape and dtype are compared before any value;
where the reference is zero, so that zeros would pass, or where rounding may exceed the value, it is not judged, and
that is no agreement (unless it is certified that 0 is right, see truth/zero_reference.py); what was given or handed
on is unchanged (see unchanged.py); the state that a pass leaves is compared, too; and on another device than the CPU
nothing may be computed on the CPU (see devices.py).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from manual import Block, InputError, Layer, Undecided
from manual.layer import several
from manual.numbers.checks import instance
from manual.numbers.number_types import Array
from torch_ref.comparison.parity import Parity
from torch_ref.comparison.unchanged import Handed, check_contract
from torch_ref.comparison.verdict import ROUNDING, ZERO_REFERENCE
from torch_ref.comparison.wiring import Certified, reference
from torch_ref.devices import staying
from torch_ref.diagnosis import Case, Compared, of_layer, of_steps
from torch_ref.diagnosis.mistakes.recurrence import BACKWARDS
from torch_ref.quantities import alone, numbered
from torch_ref.tolerance.allowance import allowance, check_array, check_random, ours_of
from torch_ref.tolerance.bounds import layer_bounds
from torch_ref.truth.zero_reference import zero_of_layer
from torch_ref.twins import NoTwin, buffers_of, commit, flat, gradients, is_chain, params_of, to_numpy, to_torch

Upstream = Callable[[list[torch.Tensor]], list[torch.Tensor | None]]
"""The δs of these outputs."""


def compare_layer(layer: Layer, x: Any, rng: np.random.Generator, device: str = "cpu") -> Parity:
    """Forward, backward and gradient of one layer or network, on one input and a random upstream gradient. Several
    inputs are a tuple; one of integers or truths has no gradient. What torch lacks is held against its certified truth.

    Raises NoTwin where torch has another layer of that name, or it cannot be certified, and InputError for what is no
    layer, no array of numbers or no generator, and for a layer that gives something else than the contract says.
    """
    instance("compare_layer", "layer", layer, Layer)
    check_random("compare_layer", rng)
    for given in several(x):
        check_array("compare_layer", "x", given, "fiub")
    reference(layer, device)  # a layer that has none is told that first
    check_contract(layer, x)
    return compare_conforming(layer, x, rng, device)


def compare_conforming(layer: Layer, x: Any, rng: np.random.Generator, device: str) -> Parity:
    """`compare_layer` of a layer that keeps the contract, without a pass to see whether it does."""
    parity = Parity(device)
    module = reference(layer, device)
    with np.errstate(all="ignore"):
        layer.forward(*[np.flip(given).copy() for given in several(x)])  # raises what it does not take
    judge_layer(parity, repr(layer), layer, module, [to_torch(a, device) for a in several(x)], drawn(rng, device))
    return parity


def drawn(rng: np.random.Generator, device: str) -> Upstream:
    """Random δs."""
    return lambda outputs: [to_torch(rng.standard_normal(y.shape), device).to(y.dtype) for y in outputs]


class Pass(NamedTuple):
    """What torch makes of a layer's inputs and δ: its outputs, the δs, the gradients by inputs and parameters, and the
    state that it leaves."""

    y: Any
    delta: Any
    dx: Any
    gradients: dict[str, Array]
    state: dict[str, Array]


@contextmanager
def starting_from(state: dict[str, Array], module: torch.nn.Module) -> Iterator[None]:
    """Within, the module's buffers are this state; afterwards what they were."""
    buffers = dict(module.named_buffers())
    before = {name: b.clone() for name, b in buffers.items()}
    try:
        for name, b in buffers.items():
            b.copy_(to_torch(state[name], b.device))
        yield
    finally:
        for name, b in buffers.items():
            b.copy_(before[name])


def pass_of(module: torch.nn.Module, inputs: list[torch.Tensor], upstream: Upstream, device: str) -> Pass:
    """One pass of torch's, forward and back. The module is called once: a call may change its state.

    Raises InputError for an input that torch refuses.
    """
    given = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    with staying(device):
        try:
            outputs = flat(module(*given))
        except RuntimeError as error:
            if torch.device(device).type != "cpu":
                raise  # it may be the device
            shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
            why = str(error).partition("\n")[0]
            raise InputError(f"torch's {module} refuses an input of shape {shapes}: {why}") from error
    deltas = upstream(outputs)
    moving, named = [x for x in given if x.requires_grad], dict(module.named_parameters())
    with staying(device):
        slopes = gradients(outputs, [*moving, *named.values()], deltas)
        commit(module)
    by_input = iter([to_numpy(g) for g in slopes[: len(moving)]])
    return Pass(
        alone([to_numpy(y) for y in outputs]),
        alone([None if d is None else to_numpy(d).copy() for d in deltas]),
        alone([next(by_input) if x.requires_grad else None for x in given]),
        dict(zip(named, map(to_numpy, slopes[len(moving) :]), strict=True)),
        {} if isinstance(module, Certified) else buffers_of(module),
    )


def judge_layer(
    parity: Parity,
    place: str,
    layer: Layer,
    module: torch.nn.Module,
    inputs: list[torch.Tensor],
    upstream: Upstream,
    parts: bool = True,
) -> None:
    """Add the comparisons of one layer, given torch's inputs and δ, and of its parts; what it is given are copies."""
    given = alone([to_numpy(x).copy() for x in inputs])
    try:
        with starting_from(layer.state, module):
            theirs = pass_of(module, inputs, upstream, parity.device)
        nan = parity.name_nans(place, {**numbered("x", given), **numbered("delta", theirs.delta), **layer.params})
        allowed = allowance(layer, lambda own: layer_bounds(own, given, theirs.delta), nan)
    except Undecided as undecided:
        parity.not_judged(place, undecided)
        return
    handed = Handed(layer)
    with np.errstate(all="ignore"):
        ours = _by_hand(handed, place, layer, given, theirs)
    if parts:
        _judge_parts(parity, layer, handed)
    expected = {**numbered("y", theirs.y), **numbered("dx", theirs.dx)}
    expected |= {name: g for p, g in theirs.gradients.items() for name in (f"d{p}", f"d{p}, by gradient()")}
    if not _takes_delta(layer, numbered("y", theirs.y), ours):
        expected = numbered("y", theirs.y)
    compared = {}
    for name, value in expected.items():
        bound = allowed.get(name.removesuffix(", by gradient()"), np.inf)
        compared[name] = Compared(ours.get(name), value, bound if np.shape(bound) == value.shape else np.inf)
    case = _case(ours_of(layer).like(**params_of(module)), given, theirs.delta, compared)
    parity.add_all(place, case, lambda quantity: zero_of_layer(ours_of(layer), given, quantity))
    if len(ours) > 1:
        _judge_state(parity, place, layer, ours, theirs.state, allowed)
    for name in ours.keys() - expected.keys() - layer.state.keys():
        parity.add(place, name, ours[name], np.zeros(0), 0)  # a derivative that there is not
    parity.comparisons += handed.findings


def judge_within(
    parity: Parity,
    place: str,
    layer: Layer,
    module: torch.nn.Module,
    inputs: list[torch.Tensor],
    deltas: list[torch.Tensor | None],
    parts: bool = True,
) -> None:
    """`judge_layer` on what came back to it. That may add up to nothing, as before a softmax or a normalisation, and
    tell nothing; then it is redrawn.
    """
    for upstream in (lambda _: deltas, drawn(np.random.default_rng(0), parity.device)):
        judged = Parity(parity.device, nans=[*parity.nans])
        judge_layer(judged, place, layer, module, inputs, upstream, parts)
        told = all(c.reason not in (ROUNDING, ZERO_REFERENCE) for c in judged.comparisons)
        if told or any(c.differs for c in judged.comparisons):
            break
    parity.comparisons += judged.comparisons
    parity.nans = judged.nans


def _by_hand(handed: Handed, place: str, layer: Layer, given: Any, theirs: Pass) -> dict[str, Any]:
    """The layer's own outputs, gradients and the state that it leaves, by name; of a block whose outputs have other
    shapes, these alone.

    It is called on other inputs before and after: one that keeps a call's values elsewhere than in the cache is wrong
    from the second call on.
    """
    watched, others = handed.watched(place, layer), [np.flip(x) for x in several(given)]
    layer.forward(*[x.copy() for x in others])
    y, cache = watched.forward(*[x.copy() for x in several(given)])
    layer.forward(*others)
    ours = numbered("y", y)
    if not _takes_delta(layer, numbered("y", theirs.y), ours):
        return ours

    def delta() -> Any:
        copies = [None if d is None else d.copy() for d in several(theirs.delta)]
        return tuple(copies) if isinstance(theirs.delta, tuple) else copies[0]

    dx, back = watched.backward(delta(), cache)
    by_gradient = watched.gradient(delta(), cache).params
    ours |= numbered("dx", dx)
    for name in theirs.gradients:
        ours |= {f"d{name}": back.params.get(name), f"d{name}, by gradient()": by_gradient.get(name)}
    if not layer.state:
        return ours
    after = layer.like(**layer.params, **{name: s.copy() for name, s in layer.state.items()})
    after.commit(cache)
    return ours | after.state


def _takes_delta(layer: Layer, theirs: dict[str, Any], ours: dict[str, Any]) -> bool:
    """Whether δ, which has the shapes of torch's outputs, fits: what the project has not would raise."""
    if not isinstance(layer, Block) and ours_of(layer) is not layer:
        return True
    shapes = {name: None if y is None else np.shape(y) for name, y in ours.items()}
    return all(shapes.get(name) == np.shape(y) for name, y in theirs.items())


def _judge_parts(parity: Parity, block: Layer, handed: Handed) -> None:
    """Judge every layer within a block on what the block gave it, by the layer's own twin.

    One that torch lacks is judged with the block alone, and so is one that nothing went through or came back to, or
    that was sent a δ of another shape than what it gave.
    """
    if not isinstance(block, Block) or is_chain(block):
        return
    for call in handed.seen:
        if is_chain(call.layer) or call.layer is handed.whole or not call.is_whole:
            continue
        try:
            module = reference(call.layer, parity.device)
        except NoTwin:
            continue
        inputs = [to_torch(x, parity.device) for x in call.inputs]
        deltas = [None if d is None else to_torch(d, parity.device) for d in several(call.delta)]
        judge_within(parity, call.place, call.layer, module, inputs, deltas, parts=False)


def _case(layer: Layer, x: Any, delta: Any, compared: dict[str, Compared]) -> Case:
    """What is known of the layer for a diagnosis: the mistakes that are known are those with one input of floats."""
    if type(layer) in BACKWARDS:
        return of_steps(layer, x, delta, compared)
    if isinstance(x, tuple) or isinstance(delta, tuple) or x.dtype.kind != "f":
        return Case(compared, params=layer.params)
    return of_layer(layer, x, delta, compared)


def _judge_state(
    parity: Parity, place: str, layer: Layer, ours: dict[str, Any], theirs: dict[str, Array], allowed: dict[str, Any]
) -> None:
    """Compare what a pass leaves behind. State that torch leaves as it is must stay the same number. A layer that
    torch lacks is its own only witness of what it leaves, so that this is not judged."""
    if not theirs and not isinstance(layer, Block):
        for name in (n for n, before in layer.state.items() if not np.array_equal(before, ours[n], equal_nan=True)):
            parity.not_judged(place, f"nothing says what a step is to leave in {name}", name)
        return
    for name, after in theirs.items():
        moved = after - layer.state[name]
        bound = np.where(moved == 0, 0, allowed.get(name, np.inf)) if after.dtype.kind == "f" else 0
        parity.add(place, name, ours.get(name), after, bound, np.where(np.any(moved), moved, 1))
