"""Hold a hand-written layer, loss, penalty or optimizer against its twin in torch. (Networks and training: networks.py.)

*Local* comparisons are the gate: each piece is given torch's own inputs, upstream gradient and state, so that errors neither
add up nor hide, and the first wrong piece is the wrong one. *End to end* both run freely, and what comes out is compared.

What is allowed is derived, by running the project's own code on `Bounded` (see bounds.py): the error of our formula plus the
error of torch's. It does not come from the code under check: a `Linear` of somebody else's is bounded by ours. Only a layer
that the project has not, but torch has, is bounded by its own formula.

A comparison can fail: the upstream gradient is random, never ones; shape and dtype are compared before any value; where the
reference is zero, so that zeros would pass, or where rounding may exceed the value, it is not judged, and that is no agreement
(unless it is certified that 0 is right, see zero_reference.py); what was given or handed on is unchanged (see unchanged.py);
and on another device than the CPU nothing may be computed on the CPU (see devices.py).
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from manual import InputError, Layer, Loss, Network, Optimizer, Penalty, Undecided
from manual.checks import instance, shown, whole
from manual.number_types import Array
from torch_ref.allowed import allowance, check_array, check_random, ours_of
from torch_ref.bounds import layer_bounds, loss_bounds, penalty_bounds, update_bounds
from torch_ref.columns import columns
from torch_ref.comparison import AGREES, NOT_JUDGED, ROUNDING, ZERO_REFERENCE, Comparison, compare, explained
from torch_ref.devices import staying
from torch_ref.diagnosis import Case, Compared, diagnose, of_layer, of_loss, of_update
from torch_ref.embed import Embedded
from torch_ref.penalties import penalty_of
from torch_ref.twin import NoTwin, params_of, state_of, to_numpy, to_torch, twin, twin_optimizer
from torch_ref.unchanged import Handed
from torch_ref.wiring import reference
from torch_ref.zero_reference import ZERO, zero_of_layer, zero_of_loss


@dataclass
class Parity:
    """The comparisons of one run, in the order in which the quantities arise. Printed, it is a table.

    `distance`, of a training run, is how far apart the two are after each step when both run freely: the largest difference of
    a parameter. It is reported, not gated. `nans` names what was given with a NaN in it: there both sides are to have NaN.
    """

    device: str
    comparisons: list[Comparison] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)
    nans: list[str] = field(default_factory=list)

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
        """One line: how many comparisons agree, or what does not, first; and where an input has a NaN."""
        return "; ".join([self._verdict, *self.nans])

    @property
    def _verdict(self) -> str:
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

    def name_nans(self, place: str, given: dict[str, Array]) -> bool:
        """Name the first NaN of each array that a piece is given; whether there is one."""
        before = len(self.nans)
        for name, array in given.items():
            if array.dtype.kind == "f" and np.isnan(array).any():
                self.nans.append(f"{place}: {name} has NaN at {tuple(map(int, np.argwhere(np.isnan(array))[0]))}")
        return len(self.nans) > before

    def not_judged(self, place: str, why: object) -> None:
        """Add that a piece could not be judged."""
        self.comparisons.append(Comparison(place, "all", "", (), 0, 0, NOT_JUDGED, reason=str(why)))

    def add_all(self, place: str, case: Case, zero: Callable[[str], str] | None = None) -> None:
        """Compare the quantities of one piece, and look for the cause where they differ. `zero(quantity)` says why a gradient
        need not be 0, and "" where it is certified that it is: then zeros to within the tolerance agree.
        """
        for quantity, (ours, theirs, allowed) in case.compared.items():
            moved = theirs - case.before[quantity] if quantity in case.before else None
            comparison = compare(place, quantity, ours, theirs, allowed, moved)
            if zero and comparison.reason in (ZERO_REFERENCE, ROUNDING) and np.isfinite(allowed).all() and not zero(quantity):
                comparison = replace(comparison, verdict=AGREES, reason=ZERO)
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
    """Forward, backward and gradient of one layer or network, on one input and a random upstream gradient.

    Raises NoTwin where torch has no such layer, and InputError for what is no layer, no array of floats or no generator.
    """
    instance("compare_layer", "layer", layer, Layer)
    check_random("compare_layer", rng)
    check_array("compare_layer", "x", x)
    parity = Parity(device)
    module = reference(layer, device)
    with np.errstate(all="ignore"):
        layer.forward(x.copy())  # raises what it does not take
    inputs = to_torch(x, device)
    delta = to_torch(rng.standard_normal(module(inputs).shape).astype(x.dtype), device)
    judge_layer(parity, repr(layer), layer, module, inputs, delta)
    return parity


def judge_layer(
    parity: Parity, place: str, layer: Layer, module: torch.nn.Module, x: torch.Tensor, delta: torch.Tensor
) -> None:
    """Add the comparisons of one layer, given torch's input and δ; what it is given are copies."""
    given, upstream = to_numpy(x).copy(), to_numpy(delta).copy()
    nan = parity.name_nans(place, {"x": given, "delta": upstream, **layer.params})
    inputs = x.detach().clone().requires_grad_()
    names = [name for name, _ in module.named_parameters()]
    try:
        with staying(parity.device):
            expected = module(inputs)
            dx, *gradients = torch.autograd.grad(expected, [inputs, *module.parameters()], delta)
        allowed = allowance(layer, lambda own: layer_bounds(own, given, upstream), nan)
    except Undecided as undecided:
        parity.not_judged(place, undecided)
        return
    with np.errstate(all="ignore"):
        handed = Handed(layer)
        watched = handed.watched(place, layer)
        y, cache = watched.forward(given.copy())
        if isinstance(layer, Network) and np.shape(y) != delta.shape:
            parity.add(place, "y", y, expected, 0)  # δ does not fit it, and it refuses it
            return
        ours_dx, ours = watched.backward(upstream.copy(), cache)
        alone = watched.gradient(upstream.copy(), cache).params

    def held(quantity: str, value: Any, theirs: torch.Tensor) -> Compared:
        bound = allowed.get(quantity, np.inf)
        return Compared(value, to_numpy(theirs), bound if np.shape(bound) == theirs.shape else np.inf)

    compared = {"y": held("y", y, expected), "dx": held("dx", ours_dx, dx)}
    for name, g in zip(names, gradients, strict=True):
        compared[f"d{name}"] = held(f"d{name}", ours.params.get(name), g)
        compared[f"d{name}, by gradient()"] = held(f"d{name}", alone.get(name), g)
    case = of_layer(ours_of(layer).like(**params_of(module)), given, upstream, compared)
    parity.add_all(place, case, lambda quantity: zero_of_layer(ours_of(layer), given, quantity))
    parity.comparisons += handed.findings


def compare_loss(loss: Loss, prediction: Array, target: Array, device: str = "cpu") -> Parity:
    """The cost and ∂C/∂prediction of one loss.

    Raises NoTwin where torch has no such loss, and InputError for what is no loss or no arrays that it takes.
    """
    instance("compare_loss", "loss", loss, Loss)
    check_array("compare_loss", "prediction", prediction)
    if not isinstance(target, np.ndarray):
        raise InputError(f"compare_loss: expected the target as an array, got {shown(target)}")
    parity = Parity(device)
    with np.errstate(all="ignore"):
        loss.forward(prediction.copy(), target.copy())  # raises what it does not take
    judge_loss(parity, repr(loss), loss, to_torch(prediction, device), to_torch(target, device))
    return parity


def judge_loss(parity: Parity, place: str, loss: Loss, prediction: torch.Tensor, target: torch.Tensor) -> None:
    """Add the comparisons of a loss, given torch's prediction; what it is given are copies."""
    inputs = prediction.detach().clone().requires_grad_()
    with staying(parity.device):
        expected = twin(loss, parity.device)(inputs, target)
        (delta,) = torch.autograd.grad(expected, inputs)
    given, wanted = to_numpy(prediction).copy(), to_numpy(target).copy()
    nan = parity.name_nans(place, {"prediction": given, "target": wanted})
    try:
        allowed = allowance(loss, lambda own: loss_bounds(own, given, wanted), nan)
    except Undecided as undecided:
        parity.not_judged(place, undecided)
        return
    handed = Handed()
    handed.note("the prediction", mine := given.copy())
    handed.note("the target", theirs := wanted.copy())
    with np.errstate(all="ignore"):
        cost, cache = loss.forward(mine, theirs)
        handed.check(place, "forward")
        ours = loss.backward(cache)
        handed.check(place, "backward")
    compared = {
        "cost": Compared(cost, to_numpy(expected), allowed["cost"]),
        "delta": Compared(ours, to_numpy(delta), allowed["delta"]),
    }
    case = of_loss(ours_of(loss), given, wanted, compared)
    parity.add_all(place, case, lambda quantity: zero_of_loss(ours_of(loss), given, wanted, quantity))
    parity.comparisons += handed.findings


def compare_penalty(penalty: Penalty, network: Network, device: str = "cpu") -> Parity:
    """The cost of a penalty of the network's weights, and its gradient by every parameter."""
    instance("compare_penalty", "penalty", penalty, Penalty)
    instance("compare_penalty", "network", network, Layer)
    parity, module = Parity(device), twin(network, device)
    with staying(device):
        reference = penalty_of(penalty, module)
        gradients = torch.autograd.grad(reference, [*module.parameters()], materialize_grads=True)
    allowed = allowance(penalty, lambda own: penalty_bounds(own, network))
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
    instance("compare_optimizer", "optimizer", optimizer, Optimizer)
    instance("compare_optimizer", "layer", layer, Layer)
    check_random("compare_optimizer", rng)
    whole("compare_optimizer", "steps", steps, 1)
    parity = Parity(device)
    try:
        module = twin(layer, device)
    except NoTwin:  # its parameters are enough
        module = Embedded(layer).to(device)  # pyright: ignore[reportArgumentType]
    torch_optimizer = twin_optimizer(optimizer, module)
    for step in range(1, steps + 1):
        for p, own in zip(module.parameters(), layer.params.values(), strict=True):
            p.grad = to_torch(rng.standard_normal(p.shape).astype(own.dtype), device)
        judge_update(parity, f"step {step}, {optimizer!r}", optimizer, torch_optimizer, layer, module)
    return parity


def judge_update(
    parity: Parity,
    place: str,
    optimizer: Optimizer,
    torch_optimizer: torch.optim.Optimizer,
    layer: Layer,
    module: torch.nn.Module,
) -> None:
    """Let both optimizers step, ours from torch's parameters, state and gradients, and add the comparisons."""
    before, state = params_of(module), state_of(torch_optimizer, module)
    gradient = {name: to_numpy(p.grad).copy() for name, p in module.named_parameters() if p.grad is not None}
    try:
        allowed = allowance(optimizer, lambda own: update_bounds(own, layer.like(**before), gradient, state))
    except Undecided as undecided:
        parity.not_judged(place, undecided)
        torch_optimizer.step()
        return
    ours = layer.like(**{name: p.copy() for name, p in before.items()})
    optimizer, right = deepcopy(optimizer), optimizer
    optimizer.state = deepcopy(state)
    handed = Handed()
    for name, g in gradient.items():
        handed.note(f"the gradient d{name}", g)
    optimizer.step(ours, layer.like(**gradient))
    handed.check(place, "step")
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
    parity.add_all(place, of_update(ours_of(right), before, gradient, state, compared))
    parity.comparisons += handed.findings
