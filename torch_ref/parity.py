"""Hold a hand-written layer, loss, optimizer, network or training run against its twin in torch.

*Local* comparisons are the gate: each piece is given torch's own inputs, upstream gradient and state, so that errors neither
add up nor hide, and the first wrong piece is the wrong one. *End to end* both run freely, and what comes out is compared.

A comparison can fail: the upstream gradient is random, never ones; shape and dtype are compared before any value; and where
the reference is itself within the tolerance of zero, so that zeros would pass, the comparison is vacuous, and fails.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from manual import Layer, Loss, Network, Optimizer
from manual.number_types import Array
from torch_ref.twin import params_of, state_of, to_numpy, to_torch, twin, twin_optimizer


@dataclass(frozen=True)
class Comparison:
    """One quantity, ours against torch's. `ratio` is the largest difference in units of what is allowed there."""

    place: str
    quantity: str
    dtype: str
    shape: tuple[int, ...]
    difference: float
    ratio: float
    verdict: str

    @property
    def agrees(self) -> bool:
        return self.verdict == "agrees"


@dataclass
class Parity:
    """The comparisons of one run, in the order in which the quantities arise. Printed, it is a table.

    `distance`, of a training run, is how far apart the two are after each step when both run freely: the largest difference of
    a parameter. It is reported, not gated.
    """

    device: str
    comparisons: list[Comparison] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether there are comparisons, and all of them agree."""
        return bool(self.comparisons) and all(c.agrees for c in self.comparisons)

    @property
    def first(self) -> Comparison | None:
        """The first comparison that does not agree: where to look."""
        return next((c for c in self.comparisons if not c.agrees), None)

    @property
    def verdict(self) -> str:
        """One line: how many comparisons agree, or what differs first."""
        if self.first is None:
            worst = max((c.ratio for c in self.comparisons), default=0.0)
            return f"{len(self.comparisons)} comparisons agree; the largest difference is {worst:.2g} of what is allowed"
        wrong = sum(not c.agrees for c in self.comparisons)
        first = f"{self.first.place}, {self.first.quantity}: {self.first.verdict}"
        return f"{wrong} of {len(self.comparisons)} comparisons fail; the first is {first}"

    def add(self, place: str, quantity: str, ours: Any, reference: Any, moved: Any = None) -> None:
        """Compare one quantity (see `compare`)."""
        self.comparisons.append(compare(place, quantity, ours, reference, moved))

    def __str__(self) -> str:
        rows = [("where", "quantity", "dtype", "shape", "difference", "of allowed", "verdict")] + [
            (c.place, c.quantity, c.dtype, str(c.shape), f"{c.difference:.1e}", f"{c.ratio:.2g}", c.verdict)
            for c in self.comparisons
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, self.verdict])


def allowed(reference: Array) -> Array:
    """How far a right value may be from the reference: `torch.testing.assert_close`'s tolerance for the dtype."""
    rtol, atol = {"float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}[str(reference.dtype)]
    return atol + rtol * np.abs(reference)


def compare(place: str, quantity: str, ours: Any, reference: Any, moved: Any = None) -> Comparison:
    """Compare one array with its reference.

    `moved`, for a quantity that a step changes, is how far the reference came: a tolerance as large as the whole way would let
    parameters pass that were never updated.
    """
    ours, reference = np.asarray(ours), to_numpy(reference) if isinstance(reference, torch.Tensor) else np.asarray(reference)
    about = (place, quantity, str(reference.dtype), reference.shape)
    if ours.shape != reference.shape:
        return Comparison(*about, np.inf, np.inf, f"shape {ours.shape}, expected {reference.shape}")
    if ours.dtype != reference.dtype:
        return Comparison(*about, np.inf, np.inf, f"dtype {ours.dtype}, expected {reference.dtype}")
    difference, tolerance = np.abs(ours - reference), allowed(reference)
    ratio = float((difference / tolerance).max(initial=0))
    numbers = (*about, float(difference.max(initial=0)), ratio)
    if not ratio <= 1:
        return Comparison(*numbers, "differs")
    if not np.any(np.abs(reference if moved is None else moved) > tolerance):
        return Comparison(*numbers, "vacuous: zeros would pass")
    return Comparison(*numbers, "agrees")


def compare_layer(layer: Layer, x: Array, rng: np.random.Generator, device: str = "cpu") -> Parity:
    """Forward, backward and gradient of one layer, on one input and a random upstream gradient."""
    parity = Parity(device)
    _layer(parity, repr(layer), layer, twin(layer, device), to_torch(x, device), rng)
    return parity


def _layer(
    parity: Parity,
    place: str,
    layer: Layer,
    module: torch.nn.Module,
    x: torch.Tensor,
    rng: np.random.Generator,
    delta: torch.Tensor | None = None,
) -> None:
    """Compare a layer with its module on torch's input and torch's delta (a random one, if none is given)."""
    inputs = x.detach().requires_grad_()
    reference = module(inputs)
    if delta is None:
        delta = to_torch(rng.standard_normal(reference.shape).astype(str(reference.dtype).split(".")[1]), parity.device)
    wanted = dict(module.named_parameters())
    dx, *gradients = torch.autograd.grad(reference, [inputs, *wanted.values()], delta)

    y, cache = layer.forward(to_numpy(x))
    parity.add(place, "y", y, reference)
    ours_dx, ours = layer.backward(to_numpy(delta), cache)
    parity.add(place, "dx", ours_dx, dx)
    alone = layer.gradient(to_numpy(delta), cache).params
    for name, g in zip(wanted, gradients, strict=True):
        parity.add(place, f"d{name}", ours.params.get(name), g)
        parity.add(place, f"d{name}, by gradient()", alone.get(name), g)


def compare_loss(loss: Loss, prediction: Array, target: Array, device: str = "cpu") -> Parity:
    """The cost and ∂C/∂prediction of one loss."""
    parity = Parity(device)
    _loss(parity, loss, to_torch(prediction, device), to_torch(target, device))
    return parity


def _loss(parity: Parity, loss: Loss, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    inputs = prediction.detach().requires_grad_()
    reference = twin(loss, parity.device)(inputs, target)
    (delta,) = torch.autograd.grad(reference, inputs)
    cost, cache = loss.forward(to_numpy(prediction), to_numpy(target))
    parity.add(repr(loss), "cost", cost, reference)
    parity.add(repr(loss), "delta", loss.backward(cache), delta)
    return delta


def compare_optimizer(
    optimizer: Optimizer, layer: Layer, rng: np.random.Generator, steps: int = 3, device: str = "cpu"
) -> Parity:
    """Steps on a layer's parameters with random gradients; each starts from torch's parameters and state."""
    parity = Parity(device)
    module = twin(layer, device)
    torch_optimizer = twin_optimizer(optimizer, module)
    for step in range(1, steps + 1):
        for p in module.parameters():
            p.grad = to_torch(rng.standard_normal(p.shape).astype(str(p.dtype).split(".")[1]), device)
        _update(parity, f"step {step}, {optimizer!r}", optimizer, torch_optimizer, layer, module)
    return parity


def _update(
    parity: Parity,
    place: str,
    optimizer: Optimizer,
    torch_optimizer: torch.optim.Optimizer,
    layer: Layer,
    module: torch.nn.Module,
) -> None:
    """Let both optimizers step, ours from torch's parameters, state and gradients."""
    ours, before = layer.like(**params_of(module)), params_of(module)
    gradient = layer.like(**{name: to_numpy(p.grad).copy() for name, p in module.named_parameters() if p.grad is not None})
    optimizer = deepcopy(optimizer)
    optimizer.state = state_of(torch_optimizer, module)
    optimizer.step(ours, gradient)
    torch_optimizer.step()
    for name, state in state_of(torch_optimizer, module).items():
        for key, value in state.items():
            mine = optimizer.state.get(name, {}).get(key)
            parity.add(place, f"{name}, {key}", mine if key != "step" else np.asarray(mine, value.dtype), value)
    for name, after in params_of(module).items():
        parity.add(place, name, ours.params[name], after, moved=after - before[name])


def compare_network(network: Network, loss: Loss, x: Array, y: Array, rng: np.random.Generator, device: str = "cpu") -> Parity:
    """One pass: every layer and the loss locally, then every output, δ and gradient end to end."""
    parity = Parity(device)
    target = to_torch(y, device)
    places = [*_leaves(network, twin(network, device))]

    values = [to_torch(x, device).requires_grad_()]
    for _, _, module in places:
        values.append(module(values[-1]))
        values[-1].retain_grad()
    cost = twin(loss, device)(values[-1], target)
    cost.backward()

    for (place, layer, module), a, out in zip(places, values, values[1:], strict=False):
        _layer(parity, place, layer, module, a, rng, out.grad)
    _loss(parity, loss, values[-1], target)

    a, tape = x, []
    for (place, layer, _), out in zip(places, values[1:], strict=True):
        a, cache = layer.forward(a)
        tape.append(cache)
        parity.add(f"{place}, end to end", "y", a, out)
    ours, cache = loss.forward(a, y)
    parity.add("end to end", "cost", ours, cost)
    delta = loss.backward(cache)
    for (place, layer, module), out, cache in zip(places[::-1], values[:0:-1], tape[::-1], strict=True):
        parity.add(f"{place}, end to end", "delta", delta, out.grad)
        delta, gradient = layer.backward(delta, cache)
        for name, p in module.named_parameters():
            parity.add(f"{place}, end to end", f"d{name}", gradient.params[name], p.grad)
    return parity


def compare_training(
    network: Network, loss: Loss, optimizer: Optimizer, x: Array, y: Array, steps: int, device: str = "cpu"
) -> Parity:
    """Training steps on one batch. In each, the gradient is compared at torch's weights, and the update from torch's weights,
    state and gradient; `distance` is how far apart the two are when ours runs on its own.
    """
    parity = Parity(device)
    module, target = twin(network, device), to_torch(y, device)
    torch_loss, torch_optimizer = twin(loss, device), twin_optimizer(optimizer, module)
    free, free_optimizer = network.like(**params_of(module)), deepcopy(optimizer)
    for step in range(1, steps + 1):
        torch_optimizer.zero_grad()
        cost = torch_loss(module(to_torch(x, device)), target)
        cost.backward()
        ours_cost, gradient = _gradient(network.like(**params_of(module)), loss, x, y)
        parity.add(f"step {step}", "cost", ours_cost, cost)
        for name, p in module.named_parameters():
            parity.add(f"step {step}", f"d{name}", gradient.params[name], p.grad)
        _update(parity, f"step {step}", optimizer, torch_optimizer, network, module)

        free_optimizer.step(free, _gradient(free, loss, x, y)[1])
        theirs = params_of(module)
        parity.distance.append(max(float(np.abs(p - theirs[name]).max()) for name, p in free.params.items()))
    return parity


def _gradient(network: Network, loss: Loss, x: Array, y: Array) -> tuple[Any, Network]:
    prediction, tape = network.forward(x)
    cost, cache = loss.forward(prediction, y)
    return cost, network.gradient(loss.backward(cache), tape)


def _leaves(network: Network, module: torch.nn.Module, prefix: str = "") -> Iterator[tuple[str, Layer, torch.nn.Module]]:
    """The layers of a network that are not networks themselves, each with its place and its module."""
    for place, (layer, twin_of_it) in enumerate(zip(network.layers, module.children(), strict=True)):
        if isinstance(layer, Network):
            yield from _leaves(layer, twin_of_it, f"{prefix}{place}.")
        else:
            yield f"layer {prefix}{place}, {type(layer).__name__}", layer, twin_of_it
