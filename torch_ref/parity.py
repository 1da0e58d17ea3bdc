"""Hold a hand-written layer, loss, optimizer, network or training run against its twin in torch.

*Local* comparisons are the gate: each piece is given torch's own inputs, upstream gradient and state, so that errors neither
add up nor hide, and the first wrong piece is the wrong one. *End to end* both run freely, and what comes out is compared.

What is allowed is derived, by running the project's own code on `Bounded` (see bounds.py): the error of our formula plus the
error of torch's. It does not come from the code under check: a `Linear` of somebody else's is bounded by ours. Only a layer
that the project has not, but torch has, is bounded by its own formula.

A comparison can fail: the upstream gradient is random, never ones; shape and dtype are compared before any value; where the
reference is zero, so that zeros would pass, or where rounding may exceed the value, it is not judged, and that is no agreement;
and on another device than the CPU nothing may be computed on the CPU (see devices.py).
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import manual
from manual import Layer, Loss, Network, Optimizer, Penalty, Undecided
from manual.number_types import Array
from torch_ref import formulas
from torch_ref.bounds import Bounded, exact, layer_bounds, loss_bounds, penalty_bounds, update_bounds
from torch_ref.columns import columns
from torch_ref.comparison import NOT_JUDGED, Comparison, compare, explained
from torch_ref.devices import staying
from torch_ref.diagnosis import Case, Compared, diagnose, of_layer, of_loss, of_update
from torch_ref.penalties import penalty_of
from torch_ref.twin import commit, params_of, state_of, to_numpy, to_torch, twin, twin_optimizer


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
        """One line: how many comparisons agree, or what does not, first."""
        if self.first is None:
            worst = max((c.ratio for c in self.comparisons), default=0.0)
            return f"{len(self.comparisons):,} comparisons agree; the largest difference is {worst:.2g} of what rounding allows"
        wrong = sum(not c.agrees for c in self.comparisons)
        first = f"{self.first.place}, {self.first.quantity}: {self.first.said}"
        if self.first.cause:
            first += f"; likely cause: {self.first.cause}"
        return f"{wrong:,} of {len(self.comparisons):,} comparisons fail; the first is {first}"

    def add(self, place: str, quantity: str, ours: Any, reference: Any, allowed: Any, moved: Any = None) -> None:
        """Compare one quantity (see `compare`)."""
        self.comparisons.append(compare(place, quantity, ours, reference, allowed, moved))

    def add_all(self, place: str, case: Case) -> None:
        """Compare the quantities of one piece, and look for the cause where they differ."""
        for quantity, (ours, reference, allowed) in case.compared.items():
            moved = reference - case.before[quantity] if quantity in case.before else None
            comparison = compare(place, quantity, ours, reference, allowed, moved)
            if comparison.differs:
                comparison = explained(comparison, diagnose(case, quantity))
            self.comparisons.append(comparison)

    def __str__(self) -> str:
        rows = [("where", "quantity", "dtype", "shape", "difference", "of allowed", "verdict", "likely cause")] + [
            (c.place, c.quantity, c.dtype, str(c.shape), f"{c.difference:.1e}", f"{c.ratio:.2g}", c.said, c.cause)
            for c in self.comparisons
        ]
        if not any(c.cause for c in self.comparisons):
            rows = [row[:-1] for row in rows]
        return "\n".join([*columns(rows), self.verdict])


def compare_layer(layer: Layer, x: Array, rng: np.random.Generator, device: str = "cpu") -> Parity:
    """Forward, backward and gradient of one layer, on one input and a random upstream gradient."""
    parity = Parity(device)
    module = twin(layer, device)
    inputs = to_torch(x, device)
    shape = module(inputs).shape
    delta = to_torch(rng.standard_normal(shape).astype(x.dtype), device)
    _compare_layer(parity, repr(layer), layer, module, inputs, delta)
    return parity


def _compare_layer(
    parity: Parity, place: str, layer: Layer, module: torch.nn.Module, x: torch.Tensor, delta: torch.Tensor
) -> None:
    inputs = x.detach().requires_grad_()
    names = [name for name, _ in module.named_parameters()]
    with staying(parity.device):
        reference = module(inputs)
        dx, *gradients = torch.autograd.grad(reference, [inputs, *module.parameters()], delta)
    given, upstream = to_numpy(x), to_numpy(delta)

    allowed = _allowed(layer, lambda own: layer_bounds(own, given, upstream))
    y, cache = layer.forward(given)
    ours_dx, ours = layer.backward(upstream, cache)
    alone = layer.gradient(upstream, cache).params
    compared = {
        "y": Compared(y, to_numpy(reference), allowed["y"]),
        "dx": Compared(ours_dx, to_numpy(dx), allowed["dx"]),
    }
    for name, g in zip(names, map(to_numpy, gradients), strict=True):
        compared[f"d{name}"] = Compared(ours.params.get(name), g, allowed[f"d{name}"])
        compared[f"d{name}, by gradient()"] = Compared(alone.get(name), g, allowed[f"d{name}"])
    parity.add_all(place, of_layer(_own(layer).like(**params_of(module)), given, upstream, compared))


def compare_loss(loss: Loss, prediction: Array, target: Array, device: str = "cpu") -> Parity:
    """The cost and ∂C/∂prediction of one loss."""
    parity = Parity(device)
    _compare_loss(parity, repr(loss), loss, to_torch(prediction, device), to_torch(target, device))
    return parity


def _compare_loss(parity: Parity, place: str, loss: Loss, prediction: torch.Tensor, target: torch.Tensor) -> None:
    inputs = prediction.detach().requires_grad_()
    with staying(parity.device):
        reference = twin(loss, parity.device)(inputs, target)
        (delta,) = torch.autograd.grad(reference, inputs)
    given, wanted = to_numpy(prediction), to_numpy(target)

    allowed = _allowed(loss, lambda own: loss_bounds(own, given, wanted))
    cost, cache = loss.forward(given, wanted)
    compared = {
        "cost": Compared(cost, to_numpy(reference), allowed["cost"]),
        "delta": Compared(loss.backward(cache), to_numpy(delta), allowed["delta"]),
    }
    parity.add_all(place, of_loss(_own(loss), given, wanted, compared))


def compare_penalty(penalty: Penalty, network: Network, device: str = "cpu") -> Parity:
    """The cost of a penalty of the network's weights, and its gradient by every parameter."""
    parity, module = Parity(device), twin(network, device)
    with staying(device):
        reference = penalty_of(penalty, module)
        gradients = torch.autograd.grad(reference, [*module.parameters()], materialize_grads=True)
    allowed = _allowed(penalty, lambda own: penalty_bounds(own, network))
    cost, cache = penalty.forward(network)
    parity.add(repr(penalty), "cost", cost, reference, allowed["cost"])
    for (name, ours), g in zip(penalty.backward(cache).params.items(), gradients, strict=True):
        if ours.ndim > 1:
            parity.add(repr(penalty), f"d{name}", ours, g, allowed[f"d{name}"])
        else:  # 0, exactly; what it would be if biases were not spared is what zeros must be told from
            parity.add(repr(penalty), f"d{name}, of a bias", ours, g, 0, moved=penalty.slope(network.params[name]))
    return parity


def compare_optimizer(
    optimizer: Optimizer, layer: Layer, rng: np.random.Generator, steps: int = 3, device: str = "cpu"
) -> Parity:
    """Steps on a layer's parameters with random gradients; each starts from torch's parameters and state."""
    parity = Parity(device)
    module = twin(layer, device)
    torch_optimizer = twin_optimizer(optimizer, module)
    for step in range(1, steps + 1):
        for p, own in zip(module.parameters(), layer.params.values(), strict=True):
            p.grad = to_torch(rng.standard_normal(p.shape).astype(own.dtype), device)
        _compare_update(parity, f"step {step}, {optimizer!r}", optimizer, torch_optimizer, layer, module)
    return parity


def _compare_update(
    parity: Parity,
    place: str,
    optimizer: Optimizer,
    torch_optimizer: torch.optim.Optimizer,
    layer: Layer,
    module: torch.nn.Module,
) -> None:
    """Let both optimizers step, ours from torch's parameters, state and gradients."""
    before, state = params_of(module), state_of(torch_optimizer, module)
    gradient = {name: to_numpy(p.grad).copy() for name, p in module.named_parameters() if p.grad is not None}
    allowed = _allowed(optimizer, lambda own: update_bounds(own, layer.like(**before), gradient, state))
    ours = layer.like(**{name: p.copy() for name, p in before.items()})
    optimizer, right = deepcopy(optimizer), optimizer
    optimizer.state = deepcopy(state)
    optimizer.step(ours, layer.like(**gradient))
    with staying(parity.device):
        torch_optimizer.step()
    compared = {}
    for name, values in state_of(torch_optimizer, module).items():
        for key, value in values.items():
            mine = optimizer.state.get(name, {}).get(key)
            if key == "step":
                compared[f"{name}, step"] = Compared(np.asarray(mine, value.dtype), value, 0)
            else:
                compared[f"{name}, {key}"] = Compared(mine, value, allowed.get(f"{name}, {key}", 0))
    for name, after in params_of(module).items():
        compared[name] = Compared(ours.params[name], after, allowed[name])
    parity.add_all(place, of_update(_own(right), before, gradient, state, compared))


def compare_network(network: Network, loss: Loss, x: Array, y: Array, device: str = "cpu") -> Parity:
    """One pass, locally: every layer and the loss on what torch's pass gave them; if they agree, the network as their chain."""
    parity = Parity(device)
    _compare_pass(parity, "", network, loss, twin(network, device), to_torch(x, device), to_torch(y, device))
    return parity


def _compare_pass(
    parity: Parity, prefix: str, network: Network, loss: Loss, module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor
) -> None:
    """Compare every layer on torch's inputs and δ, and their chain; leave torch's gradients on the module's parameters."""
    before = len(parity.comparisons)
    pieces = [*_leaves(network, module)]
    values = [x.detach().requires_grad_()]
    for _, _, piece in pieces:
        values.append(piece(values[-1]))
        values[-1].retain_grad()
    twin(loss, parity.device)(values[-1], y).backward()
    for (place, layer, piece), a, out in zip(pieces, values, values[1:], strict=False):
        delta = torch.zeros_like(out) if out.grad is None else out.grad  # None: the cost does not depend on it
        _compare_layer(parity, f"{prefix}{place}", layer, piece, a, delta)
    _compare_loss(parity, f"{prefix}{loss!r}", loss, values[-1], y)
    if all(c.agrees for c in parity.comparisons[before:]):
        layers = [layer for _, layer, _ in pieces]
        _compare_chain(parity, f"{prefix}the whole network", network, layers, loss, to_numpy(x), to_numpy(y))


def _compare_chain(
    parity: Parity, place: str, network: Network, layers: list[Layer], loss: Loss, x: Array, y: Array
) -> None:
    """Hold what the network does as a whole against its layers, one after the other: the same arithmetic, so the same bits."""
    a, caches = x, []
    for layer in layers:
        a, cache = layer.forward(a)
        caches.append(cache)
    prediction, tape = network.forward(x)
    parity.add(place, "y", prediction, a, 0)
    delta = loss.backward(loss.forward(a, y)[1])
    whole, alone = network.backward(delta, tape), network.gradient(delta, tape)
    gradients: list[Array] = []
    for layer, cache in zip(layers[::-1], caches[::-1], strict=True):
        delta, gradient = layer.backward(delta, cache)
        gradients = [*gradient.params.values(), *gradients]
    parity.add(place, "dx", whole[0], delta, 0)
    for name, g in zip(network.params, gradients, strict=True):
        parity.add(place, f"d{name}", whole[1].params.get(name), g, 0)
        parity.add(place, f"d{name}, by gradient()", alone.params.get(name), g, 0)


def compare_end_to_end(network: Network, loss: Loss, x: Array, y: Array, device: str = "cpu") -> Parity:
    """Both run freely; every output, δ and gradient is compared. What is allowed is carried from input to gradient, and grows
    beyond use in deep or wide networks: the comparison is for small ones.
    """
    parity = Parity(device)
    pieces = [*_leaves(network, twin(network, device))]
    values = [to_torch(x, device)]
    for _, _, piece in pieces:
        values.append(piece(values[-1]))
        values[-1].retain_grad()
    cost = twin(loss, device)(values[-1], to_torch(y, device))
    cost.backward()

    def run(loss: Loss, number: Callable[[Array], Any]) -> list[tuple[str, str, Any]]:
        layers = [layer if number is np.asarray else _own(layer) for _, layer, _ in pieces]
        layers = [layer.like(**{name: number(p) for name, p in layer.params.items()}) for layer in layers]
        a, tape, found = number(x), [], []
        for (place, _, _), layer in zip(pieces, layers, strict=True):
            a, cache = layer.forward(a)
            tape.append(cache)
            found.append((place, "y", a))
        cost, cache = loss.forward(a, number(y) if y.dtype.kind == "f" else y)
        delta = loss.backward(cache)
        found.append((repr(loss), "cost", cost))
        for (place, _, _), layer, cache in zip(pieces[::-1], layers[::-1], tape[::-1], strict=True):
            found.append((place, "delta", delta))
            delta, gradient = layer.backward(delta, cache)
            found.extend((place, f"d{name}", g) for name, g in gradient.params.items())
        return found

    reference = [*values[1:], cost]
    for (_, _, piece), out in zip(pieces[::-1], values[:0:-1], strict=True):
        reference += [out.grad, *[p.grad for p in piece.parameters()]]
    try:
        bounds = _allowed(loss, lambda own: dict(enumerate(value for _, _, value in run(own, exact))))
    except Undecided as open_branch:
        parity.comparisons.append(Comparison("end to end", "all", str(x.dtype), (), 0, 0, NOT_JUDGED, reason=str(open_branch)))
        return parity
    for (place, quantity, ours), theirs, tolerance in zip(run(loss, np.asarray), reference, bounds.values(), strict=True):
        parity.add(f"{place}, end to end", quantity, ours, theirs, tolerance)
    return parity


def compare_training(
    network: Network, loss: Loss, optimizer: Optimizer, x: Array, y: Array, steps: int, device: str = "cpu"
) -> Parity:
    """Training steps on one batch, each from torch's weights and state: every layer and the loss locally, then the update.
    `distance` is how far apart the two are when ours runs on its own.
    """
    parity, network = Parity(device), deepcopy(network)
    module, inputs, target = twin(network, device), to_torch(x, device), to_torch(y, device)
    torch_optimizer = twin_optimizer(optimizer, module)
    free, free_optimizer = network.like(**params_of(module)), deepcopy(optimizer)
    for step in range(1, steps + 1):
        torch_optimizer.zero_grad()
        now = network.like(**params_of(module))
        _compare_pass(parity, f"step {step}, ", now, loss, module, inputs, target)
        _compare_update(parity, f"step {step}, {type(optimizer).__name__}", optimizer, torch_optimizer, network, module)

        prediction, tape = free.forward(x)
        _, cache = loss.forward(prediction, y)
        free_optimizer.step(free, free.gradient(loss.backward(cache), tape))
        free.commit(tape)  # the state is shared with `network`
        commit(module)
        theirs = params_of(module)
        parity.distance.append(max(float(np.abs(p - theirs[name]).max()) for name, p in free.params.items()))
    return parity


def _own(piece: Any, formula: Any = None) -> Any:
    """The project's own layer, loss or optimizer of that name, with the same hyperparameters and parameters; a piece that the
    project has not is its own measure.
    """
    formula = formula or getattr(manual, type(piece).__name__, type(piece))
    if type(piece) is formula and not isinstance(piece, Network):
        return piece
    own = object.__new__(formula)
    own.__dict__.update(vars(piece))
    if isinstance(own, Network):
        own.layers = [_own(layer) for layer in own.layers]
    return own


def _allowed(piece: Any, bounds: Callable[[Any], dict[Any, Bounded]]) -> dict[Any, Array]:
    """How far two correct evaluations may differ: the error of our formula plus the error of torch's."""
    theirs = formulas.BY_NAME.get(type(piece).__name__)
    with np.errstate(over="ignore", invalid="ignore"):  # what may overflow has no bound
        ours = bounds(_own(piece))
        others = ours if theirs is None else bounds(_own(piece, theirs))
        return {name: bound.error + others[name].error for name, bound in ours.items()}


def _leaves(network: Network, module: torch.nn.Module, prefix: str = "") -> Iterator[tuple[str, Layer, torch.nn.Module]]:
    """The layers of a network that are not networks themselves, each with its place and its module."""
    for place, (layer, piece) in enumerate(zip(network.layers, module.children(), strict=True)):
        if isinstance(layer, Network):
            yield from _leaves(layer, piece, f"{prefix}{place}.")
        else:
            yield f"layer {prefix}{place}, {type(layer).__name__}", layer, piece
