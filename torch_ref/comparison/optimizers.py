"""Hold the steps of a hand-written optimizer against its twin in torch; layers.py says how."""

from copy import deepcopy

import numpy as np
import torch

from manual import Layer, Optimizer, Undecided
from manual.numbers.checks import instance, whole
from torch_ref.comparison.parity import Parity
from torch_ref.comparison.unchanged import Handed
from torch_ref.devices import staying
from torch_ref.diagnosis import Compared, of_update
from torch_ref.embedding import Embedded
from torch_ref.tolerance.allowance import allowance, check_random, ours_of
from torch_ref.tolerance.bounds import update_bounds
from torch_ref.twins import NoTwin, params_of, state_of, to_numpy, to_torch, twin, twin_optimizer


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
                mine = np.asarray(mine, value.dtype) if isinstance(mine, float) else mine
                compared[f"{name}, {key}"] = Compared(mine, value, allowed.get(f"{name}, {key}", 0))
    for name, after in params_of(module).items():
        compared[name] = Compared(ours.params[name], after, allowed[name])
    parity.add_all(place, of_update(ours_of(right), before, gradient, state, compared))
    parity.comparisons += handed.findings
