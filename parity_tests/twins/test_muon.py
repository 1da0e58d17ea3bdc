"""The twin of Muon is torch's, but for the rounding to bfloat16."""

from typing import Any

import pytest
import torch

import manual
from manual import InputError, Linear
from torch_ref import twin_optimizer
from torch_ref.muon import Muon


def moved(kind: Any, start: torch.Tensor, gradients: list[torch.Tensor], **hyper: Any) -> torch.Tensor:
    """The parameter after a step by each gradient."""
    p = torch.nn.Parameter(start.clone())
    optimizer = kind([p], **hyper)
    for g in gradients:
        p.grad = g
        optimizer.step()
    return p.detach()


def test_on_parameters_in_bfloat16_it_takes_torch_s_steps_bit_for_bit():
    """Without nesterov torch's does not: there the momentum needs no rounding, so it is no copy that is made as long as
    1 in place, and the next step finds it so."""
    torch.manual_seed(0)
    start, *gradients = torch.randn(4, 5, 3).bfloat16().unbind()
    for hyper in ({}, {"nesterov": True, "adjust_lr_fn": "match_rms_adamw"}):
        torch_s, ours = (moved(kind, start, gradients, lr=0.1, **hyper) for kind in (torch.optim.Muon, Muon))
        assert torch.equal(torch_s, ours)


def test_it_leaves_the_momentum_as_it_is():
    p = torch.nn.Parameter(torch.eye(2, dtype=torch.bfloat16))
    p.grad = torch.eye(2, dtype=torch.bfloat16)
    optimizer = Muon([p], momentum=0.5, nesterov=False)
    optimizer.step()
    assert torch.equal(optimizer.state[p]["momentum_buffer"], p.grad / 2)


def test_it_is_the_twin_of_a_network_of_matrices():
    assert type(twin_optimizer(manual.Muon(), torch.nn.Linear(3, 4, bias=False))) is Muon


def test_other_parameters_are_refused_on_both_sides(rng):
    with pytest.raises(InputError, match=r"expected matrices alone.*bias of shape \(4,\)"):
        manual.Muon().step(*[Linear(3, 4, rng=rng)] * 2)
    with pytest.raises(InputError, match="expected matrices alone"):
        twin_optimizer(manual.Muon(), torch.nn.Linear(3, 4))
