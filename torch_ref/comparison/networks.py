"""Hold a hand-written network, or a training run of it, against torch: as its layers are wired, and as a whole.

A network that overrides its forward is one piece, and its reference is its certified truth (see wiring.py). It is
never taken for the chain of its layers.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from manual import InputError, Layer, Loss, Network, Optimizer, Undecided
from manual.numbers.checks import instance, shown, whole
from manual.numbers.number_types import Array
from torch_ref.comparison.layers import judge_within
from torch_ref.comparison.losses import judge_loss
from torch_ref.comparison.optimizers import judge_update
from torch_ref.comparison.parity import Parity
from torch_ref.comparison.unchanged import Handed, check_contract
from torch_ref.comparison.wiring import loss_reference, reference
from torch_ref.quantities import numbered
from torch_ref.tolerance.allowance import allowance, check_array, ours_of
from torch_ref.tolerance.bounds import exact, layer_bounds
from torch_ref.twins import buffers_of, commit, is_chain, params_of, to_numpy, to_torch, twin_optimizer

Piece = tuple[str, str, Layer, torch.nn.Module]
"""Where it is, the beginning of its parameters' names, the layer, and what it is held against."""


def compare_network(network: Network, loss: Loss, x: Array, y: Array, device: str = "cpu") -> Parity:
    """One pass, locally: every layer and the loss on what torch's pass gave them; if they agree, the network as their
    chain.

    Raises:
        NoTwin: torch has no such layer or loss.
        InputError: x and y are not arrays that network and loss take.
    """
    _check("compare_network", network, loss, x, y)
    parity = Parity(device)
    _judge_pass(parity, "", network, loss, reference(network, device), to_torch(x, device), to_torch(y, device))
    return parity


def _check(where: str, network: Network, loss: Loss, x: Array, y: Array) -> None:
    instance(where, "network", network, Network)
    instance(where, "loss", loss, Loss)
    check_array(where, "x", x, "fiu")
    if not isinstance(y, np.ndarray):
        raise InputError(f"{where}: expected y as an array, got {shown(y)}")
    check_contract(network, x)


def _judge_pass(
    parity: Parity, prefix: str, network: Network, loss: Loss, module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor
) -> None:
    """Compare every layer on torch's inputs and δ, and their chain; leave torch's gradients on the module's
    parameters."""
    before = len(parity.comparisons)
    pieces = [*_pieces(network, module)]
    try:
        values, _ = _run_torch(network, pieces, loss, parity.device, x, y)
    except Undecided as undecided:
        parity.not_judged(f"{prefix}the whole network", undecided)
        return
    for (place, _, layer, piece), a, out in zip(pieces, values, values[1:], strict=False):
        delta = torch.zeros_like(out) if out.grad is None else out.grad  # None: the cost does not depend on it
        judge_within(parity, f"{prefix}{place}", layer, piece, [a], [delta])
    judge_loss(parity, f"{prefix}{loss!r}", loss, values[-1], y)
    if all(c.agrees for c in parity.comparisons[before:]):
        _judge_chain(parity, prefix, network, [layer for _, _, layer, _ in pieces], loss, to_numpy(x), to_numpy(y))


def _run_torch(
    network: Network, pieces: list[Piece], loss: Loss, device: str, x: torch.Tensor, y: torch.Tensor
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """(the input and every piece's output, the cost); their gradients, and those of the parameters, are left on
    them."""
    values = [x.detach().clone().requires_grad_(x.is_floating_point())]
    try:
        for _, _, _, piece in pieces:
            values.append(piece(values[-1]))
            values[-1].retain_grad()
    except (RuntimeError, TypeError, ValueError):
        network.forward(to_numpy(x).copy())  # says it more clearly, where it does not take x either
        raise
    with np.errstate(all="ignore"):
        loss.forward(to_numpy(values[-1]).copy(), to_numpy(y).copy())  # likewise, and torch would broadcast
    cost = loss_reference(loss, device)(values[-1], y)
    cost.backward()
    return values, cost


def _judge_chain(
    parity: Parity, prefix: str, network: Network, layers: list[Layer], loss: Loss, x: Array, y: Array
) -> None:
    """Hold what the network does as a whole against its layers, one after the other: the same arithmetic, so the same
    bits, unless it has a backward of its own, which may round otherwise.
    """
    place, a, caches = f"{prefix}the whole network", x.copy(), []
    with np.errstate(all="ignore"):
        for layer in layers:
            a, cache = layer.forward(a)
            caches.append(cache)
        delta = first = loss.backward(loss.forward(a, y.copy())[1])
        gradients: list[Array] = []
        for layer, cache in zip(layers[::-1], caches[::-1], strict=True):
            delta, gradient = layer.backward(delta, cache)
            gradients = [*gradient.params.values(), *gradients]
    expected = {"y": a, **numbered("dx", delta), **dict(zip(network.params, gradients, strict=True))}
    try:
        plainly = _sends_back_plainly(network)
        allowed = [0.0] * len(expected) if plainly else _of_chain(layers, x, first)[: len(expected)]
    except Undecided as undecided:
        parity.not_judged(place, undecided)
        return
    _judge_whole(parity, place, network, loss, x, y, {
        name: (value, bound) for (name, value), bound in zip(expected.items(), allowed, strict=True)})  # fmt: skip


def _judge_whole(
    parity: Parity, place: str, network: Network, loss: Loss, x: Array, y: Array, expected: dict[str, tuple[Any, Any]]
) -> None:
    """Run the network itself, watch that no array is changed, and hold "y", "dx" and every parameter's gradient
    against what is expected, each with what is allowed.
    """
    handed = Handed(network)
    watched = handed.watched(place, network)
    with np.errstate(all="ignore"):
        prediction, tape = watched.forward(x.copy())
        cache = loss.forward(prediction, y.copy())[1]
        handed.check(repr(loss), "forward")
        delta = loss.backward(cache)
        handed.check(repr(loss), "backward")
        dx, back = watched.backward(delta, tape)
        alone = watched.gradient(delta, tape)
    for quantity, (value, allowed) in expected.items():
        if quantity in ("y", "dx"):
            parity.add(place, quantity, {"y": prediction, "dx": dx}[quantity], value, allowed)
        else:
            parity.add(place, f"d{quantity}", back.params.get(quantity), value, allowed)
            parity.add(place, f"d{quantity}, by gradient()", alone.params.get(quantity), value, allowed)
    parity.comparisons += handed.findings


def _sends_back_plainly(network: Network) -> bool:
    """Whether δ goes back through the layers as `Network` sends it, in the networks inside too."""
    plain = all(
        getattr(type(network), way) is getattr(Network, way) and way not in vars(network)
        for way in ("backward", "gradient")
    )
    inside = [layer for layer in network.layers if isinstance(layer, Network) and is_chain(layer)]
    return (plain or not is_chain(network)) and all(map(_sends_back_plainly, inside))


def _of_chain(layers: list[Layer], x: Array, delta: Array) -> list[Array]:
    """How far two correct evaluations of the chain's "y", "dx" and gradients may differ."""
    chain = Network(*[ours_of(layer).like() for layer in layers])
    return [*allowance(chain, lambda own: layer_bounds(own, x, delta)).values()]


def compare_end_to_end(network: Network, loss: Loss, x: Array, y: Array, device: str = "cpu") -> Parity:
    """Both run freely; every output, δ and gradient is compared, of the layers one after the other and of the network
    itself. What is allowed is carried from input to gradient, and grows beyond use in deep or wide networks: it is
    for small ones.

    Raises:
        NoTwin: torch has no such layer or loss.
        InputError: x and y are not arrays that network and loss take.
    """
    _check("compare_end_to_end", network, loss, x, y)
    parity = Parity(device)
    pieces = [*_pieces(network, reference(network, device))]

    def bounds(formula: Loss) -> dict[int, Any]:
        return dict(enumerate(value for _, _, value in _run_freely(pieces, ours_of, formula, x, y, exact)))

    try:
        values, cost = _run_torch(network, pieces, loss, device, to_torch(x, device), to_torch(y, device))
        allowed = allowance(loss, bounds)
    except Undecided as undecided:
        parity.not_judged("end to end", undecided)
        return parity
    expected = [*values[1:], cost]
    for (_, _, layer, piece), out in zip(pieces[::-1], values[:0:-1], strict=True):
        named = dict(piece.named_parameters())
        expected += [_grad(out), *(_grad(named[name]) for name in layer.params)]
    if values[0].requires_grad:
        expected.append(_grad(values[0]))
    with np.errstate(all="ignore"):
        ours = _run_freely(pieces, lambda layer: layer, loss, x, y, np.asarray)
    for (place, quantity, value), theirs, tolerance in zip(ours, expected, allowed.values(), strict=True):
        parity.add(f"{place}, end to end", quantity, value, theirs, tolerance)
    by_name = {(place, quantity): i for i, (place, quantity, _) in enumerate(ours)}
    at = {"y": by_name[pieces[-1][0], "y"]} | ({"dx": len(ours) - 1} if values[0].requires_grad else {})
    at |= {f"{prefix}{name}": by_name[place, f"d{name}"] for place, prefix, layer, _ in pieces for name in layer.params}
    whole = {quantity: (to_numpy(expected[i]), allowed[i]) for quantity, i in at.items()}
    _judge_whole(parity, "the whole network, end to end", network, loss, x, y, whole)
    return parity


def _run_freely(
    pieces: list[Piece],
    formula: Callable[[Layer], Layer],
    loss: Loss,
    x: Array,
    y: Array,
    number: Callable[[Array], Any],
) -> list[tuple[str, str, Any]]:
    """(place, quantity, value) of one pass on this number type: every "y", the cost, and back every "delta" and
    gradient, last the "dx" of the whole network."""
    layers = []
    for _, _, layer, _ in pieces:
        own = formula(layer)
        layers.append(own.like(**{name: number(p) for name, p in own.params.items()}))
    a, tape, found = number(x.copy()) if x.dtype.kind == "f" else x, [], []
    for (place, *_), layer in zip(pieces, layers, strict=True):
        a, cache = layer.forward(a)
        tape.append(cache)
        found.append((place, "y", a))
    cost, cache = loss.forward(a, number(y) if y.dtype.kind == "f" else y)
    delta = loss.backward(cache)
    found.append((repr(loss), "cost", cost))
    for (place, *_), layer, cache in zip(pieces[::-1], layers[::-1], tape[::-1], strict=True):
        found.append((place, "delta", delta))
        delta, gradient = layer.backward(delta, cache)
        found.extend((place, f"d{name}", g) for name, g in gradient.params.items())
    return found if delta is None else [*found, ("the whole network", "dx", delta)]


def _grad(tensor: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def compare_training(
    network: Network, loss: Loss, optimizer: Optimizer, x: Array, y: Array, steps: int, device: str = "cpu"
) -> Parity:
    """Training steps on one batch, each from torch's weights and state: every layer and the loss locally, then the
    update. `distance` is how far apart the two are when ours runs on its own.

    Raises:
        NoTwin: torch has no such layer, loss or optimizer.
        InputError: x and y are not arrays that network and loss take; steps is not an integer >= 1.
    """
    _check("compare_training", network, loss, x, y)
    instance("compare_training", "optimizer", optimizer, Optimizer)
    whole("compare_training", "steps", steps, 1)
    parity, network = Parity(device), deepcopy(network)
    module, inputs, target = reference(network, device), to_torch(x, device), to_torch(y, device)
    torch_optimizer = twin_optimizer(optimizer, module)
    free, free_optimizer = network.like(**params_of(module)), deepcopy(optimizer)
    for step in range(1, steps + 1):
        torch_optimizer.zero_grad()
        now = network.like(**params_of(module), **(network.state | buffers_of(module)))
        _judge_pass(parity, f"step {step}, ", now, loss, module, inputs, target)
        if any(p.grad is None for p in module.parameters()):  # the pass was not judged
            return parity
        judge_update(parity, f"step {step}, {type(optimizer).__name__}", optimizer, torch_optimizer, network, module)

        prediction, tape = free.forward(x.copy())
        _, cache = loss.forward(prediction, y.copy())
        free_optimizer.step(free, free.gradient(loss.backward(cache), tape))
        free.commit(tape)  # the state is shared with `network`
        commit(module)
        theirs = params_of(module)
        parity.distance.append(max(float(np.abs(p - theirs[name]).max()) for name, p in free.params.items()))
    return parity


def _pieces(network: Network, module: torch.nn.Module, prefix: str = "") -> Iterator[Piece]:
    """The layers of a chain, and of the chains in it; a network with a wiring of its own is one piece."""
    if not is_chain(network):
        yield f"the network, {type(network).__name__}", prefix, network, module
        return
    for i, (layer, piece) in enumerate(zip(network.layers, module.children(), strict=True)):
        if isinstance(layer, Network) and is_chain(layer):
            yield from _pieces(layer, piece, f"{prefix}{i}.")
        else:
            yield f"layer {prefix}{i}, {type(layer).__name__}", f"{prefix}{i}.", layer, piece
