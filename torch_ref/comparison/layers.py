"""Hold a hand-written layer against its twin in torch.

*Local* comparisons are the gate: each piece is given torch's own inputs, upstream gradient and state, so that errors
neither add up nor hide, and the first wrong piece is the wrong one. *End to end* both run freely, and what comes out
is compared.

What is allowed is derived, by running the project's own code on `Bounded` (see tolerance/bounded.py): the error of our
formula plus the error of torch's. It does not come from the code under check: a `Linear` of somebody else's is
bounded by ours. Only a layer that the project has not, but torch has, is bounded by its own formula.

A comparison can fail: the upstream gradient is random, never ones; shape and dtype are compared before any value;
where the reference is zero, so that zeros would pass, or where rounding may exceed the value, it is not judged, and
that is no agreement (unless it is certified that 0 is right, see truth/zero_reference.py); what was given or handed
on is unchanged (see unchanged.py); and on another device than the CPU nothing may be computed on the CPU (see
devices.py).
"""

from typing import Any

import numpy as np
import torch

from manual import Layer, Network, Undecided
from manual.numbers.checks import instance
from manual.numbers.number_types import Array
from torch_ref.comparison.parity import Parity
from torch_ref.comparison.unchanged import Handed
from torch_ref.comparison.wiring import reference
from torch_ref.devices import staying
from torch_ref.diagnosis import Compared, of_layer
from torch_ref.tolerance.allowance import allowance, check_array, check_random, ours_of
from torch_ref.tolerance.bounds import layer_bounds
from torch_ref.truth.zero_reference import zero_of_layer
from torch_ref.twins import gradients, params_of, to_numpy, to_torch


def compare_layer(layer: Layer, x: Array, rng: np.random.Generator, device: str = "cpu") -> Parity:
    """Forward, backward and gradient of one layer or network, on one input and a random upstream gradient.

    Raises NoTwin where torch has no such layer, and InputError for what is no layer, no array of floats or no
    generator.
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
            dx, *of_params = gradients(expected, [inputs, *module.parameters()], delta)
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
    for name, g in zip(names, of_params, strict=True):
        compared[f"d{name}"] = held(f"d{name}", ours.params.get(name), g)
        compared[f"d{name}, by gradient()"] = held(f"d{name}", alone.get(name), g)
    case = of_layer(ours_of(layer).like(**params_of(module)), given, upstream, compared)
    parity.add_all(place, case, lambda quantity: zero_of_layer(ours_of(layer), given, quantity))
    parity.comparisons += handed.findings
