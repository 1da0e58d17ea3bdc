"""Hold a hand-written loss or penalty against its twin in torch; layers.py says how."""

import numpy as np
import torch

from manual import InputError, Layer, Loss, Network, Penalty, Undecided
from manual.numbers.checks import instance, shown
from manual.numbers.number_types import Array
from torch_ref.comparison.parity import Parity
from torch_ref.comparison.unchanged import Handed
from torch_ref.comparison.wiring import loss_reference
from torch_ref.devices import staying
from torch_ref.diagnosis import Compared, of_loss
from torch_ref.penalties import penalty_of
from torch_ref.tolerance.allowance import allowance, check_array, ours_of
from torch_ref.tolerance.bounds import loss_bounds, penalty_bounds
from torch_ref.truth.zero_reference import zero_of_loss
from torch_ref.twins import gradients, to_numpy, to_torch, twin


def compare_loss(loss: Loss, prediction: Array, target: Array, device: str = "cpu") -> Parity:
    """The cost and ∂C/∂prediction of one loss.

    Its reference is its twin, or, where torch has none, its certified truth. Raises NoTwin where torch has another of
    that name, or it cannot be certified, and InputError for what is not a loss or not arrays that it takes.
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
    module = loss_reference(loss, parity.device).to(prediction.dtype)  # of the weights of classes, too
    try:
        with staying(parity.device):
            expected = module(inputs, target)
    except Undecided as undecided:
        parity.not_judged(place, undecided)
        return
    upstream = None
    if expected.ndim:  # reduction="none": each number has a δ
        upstream = np.random.default_rng(0).standard_normal(expected.shape).astype(to_numpy(prediction).dtype)
        back = to_torch(upstream, parity.device)
    else:
        back = torch.ones_like(expected)
    with staying(parity.device):
        (delta,) = gradients(expected, [inputs], back)
    given, wanted = to_numpy(prediction).copy(), to_numpy(target).copy()
    nan = parity.name_nans(place, {"prediction": given, "target": wanted})
    try:
        allowed = allowance(loss, lambda own: loss_bounds(own, given, wanted, upstream), nan)
    except Undecided as undecided:
        parity.not_judged(place, undecided)
        return
    handed = Handed()
    handed.note("the prediction", mine := given.copy())
    handed.note("the target", theirs := wanted.copy())
    with np.errstate(all="ignore"):
        cost, cache = loss.forward(mine, theirs)
        handed.check(place, "forward")
        ours = loss.backward(cache) if upstream is None else loss.backward(cache, upstream.copy())
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
