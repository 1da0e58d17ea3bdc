# pyright: reportCallIssue=false, reportArgumentType=false, reportOptionalMemberAccess=false
"""Parameter groups, clipped gradients and schedules against torch's."""

from copy import deepcopy
from math import inf
from typing import Any

import numpy as np
import pytest
import torch

import manual.schedules
from manual import SGD, Adam, AdamW, InputError, Linear, Network, OneCycleLR, Optimizer, ReLU, Tanh
from manual import clip_grad_norm_ as clip_norm
from manual import clip_grad_value_ as clip_value
from parity_tests.comparison.against_torch import wrong
from torch_ref import compare_optimizer, twin
from torch_ref.examples import examples
from torch_ref.tolerance.bounds import bounded

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
GROUPS = {"0.*": {"lr": 0.5, "momentum": 0.9}, "*.bias": {"weight_decay": 0}}


def network(rng: np.random.Generator) -> Network:
    return Network(Linear(3, 4, rng=rng), Tanh(), Linear(4, 2, rng=rng))


# ---------------------------------------------------------------- parameter groups


@DTYPES
def test_groups_step_as_torch_s_do(dtype, rng, agree):
    agree(compare_optimizer(SGD(GROUPS, lr=0.1, weight_decay=0.3), network(rng).astype(dtype), rng, steps=3))
    agree(compare_optimizer(AdamW({"*.bias": {"weight_decay": 0}}, 0.1), network(rng).astype(dtype), rng, steps=3))


def test_a_mistake_in_a_group_is_seen_there_and_named(rng):
    kind = wrong(SGD, update=lambda self, p, g, state: SGD(lr=0.1).update(p, g, state))
    found = compare_optimizer(kind({"2.*": {"weight_decay": 0.3}}, lr=0.1), network(rng), rng).comparisons
    assert {c.quantity for c in found if not c.agrees} == {"2.weight", "2.bias"}
    assert {c.cause for c in found if c.quantity == "2.weight"} == {"it is computed without weight_decay"}


def test_the_first_pattern_that_matches_counts_and_the_rest_has_the_rule_s_own_settings():
    rules = SGD(GROUPS, lr=0.1, weight_decay=0.3).rules(dict.fromkeys(["0.weight", "0.bias", "2.weight", "2.bias"]))
    assert [names for _, names in rules] == [["0.weight", "0.bias"], ["2.bias"], ["2.weight"]]
    assert [(rule.hyper["lr"], rule.hyper["weight_decay"]) for rule, _ in rules] == [(0.5, 0.3), (0.1, 0), (0.1, 0.3)]


@pytest.mark.parametrize(("make", "said"), [
    (lambda: SGD({"*": {"betas": (0, 0)}}, lr=0.1), r"SGD: expected settings among \['lr', .*'\*', got \['betas'\]"),
    (lambda: SGD({"*": {"lr": -1}}), "SGD: lr must be a finite number >= 0, got -1"),
    (lambda: SGD({"*": 0.1}), "SGD: expected the learning rate first, got a dict"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        make()


def test_a_group_that_moves_nothing_is_refused_before_anything_moves(rng):
    net = network(rng)
    before = deepcopy(net.params)
    for groups in ({"5.*": {"lr": 1}}, {"*": {"lr": 1}, "0.*": {"lr": 2}}):
        with pytest.raises(InputError, match="expected a parameter for the group"):
            SGD(groups).step(net, net)
    assert all(np.array_equal(p, before[name]) for name, p in net.params.items())


# ---------------------------------------------------------------- clipped gradients


def clipped(ours: Any, theirs: Any, net: Network) -> tuple[Any, Any, dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What both return, both gradients after it, and the bounds of ours."""
    module = twin(net)
    for p in module.parameters():
        p.grad = p.detach().clone()
    bounds, mine = net.like(**bounded(net.params)), deepcopy(net)
    ours(bounds)
    returned = ours(mine), theirs(module.parameters())
    grads = {name: p.grad.numpy() for name, p in module.named_parameters()}
    return *returned, mine.params, grads, bounds.params


@DTYPES
@pytest.mark.parametrize("norm_type", [1, 2, 3, inf])
@pytest.mark.parametrize("max_norm", [0, 0.5, 100])
def test_a_norm_is_clipped_as_torch_s(max_norm, norm_type, dtype, rng):
    n, norm, ours, theirs, bounds = clipped(
        lambda g: clip_norm(g, max_norm, norm_type),
        lambda params: torch.nn.utils.clip_grad_norm_(params, max_norm, norm_type), network(rng).astype(dtype),
    )  # fmt: skip
    for name, g in theirs.items():
        assert ours[name].dtype == g.dtype
        assert np.all(np.abs(ours[name] - g) <= 2 * bounds[name].error)
    # of 30 numbers: a sum of γ₂₉, one of the norms of 4, and five powers of 8u; both may err by that
    assert abs(n - norm.item()) <= (29 + 4 + 5 * 8) * np.finfo(dtype).eps * norm.item()


def test_a_gradient_as_long_as_it_may_be_is_shortened_by_what_torch_adds_to_its_norm():
    net = Network(Linear(1, 1, bias=False, rng=np.random.default_rng(0)))
    net.params["0.weight"][...] = 2
    _, _, ours, theirs, bounds = clipped(
        lambda g: clip_norm(g, 2), lambda params: torch.nn.utils.clip_grad_norm_(params, 2), net
    )
    assert theirs["0.weight"] < 2
    assert np.abs(ours["0.weight"] - theirs["0.weight"]) <= 2 * bounds["0.weight"].error


@pytest.mark.parametrize("norm_type", [2, inf])
def test_a_layer_without_parameters_has_a_gradient_of_norm_0_as_in_torch(norm_type):
    assert clip_norm(ReLU(), 1, norm_type) == torch.nn.utils.clip_grad_norm_([], 1, norm_type).item() == 0


@DTYPES
def test_values_are_clipped_as_torch_s(dtype, rng):
    *_, ours, theirs, _ = clipped(
        lambda g: clip_value(g, 0.25), lambda params: torch.nn.utils.clip_grad_value_(params, 0.25),
        network(rng).astype(dtype),
    )  # fmt: skip
    assert all(np.array_equal(ours[name], g) and ours[name].dtype == dtype for name, g in theirs.items())


def test_a_nan_in_one_gradient_spreads_to_all_as_in_torch(rng):
    net = network(rng)
    net.params["0.bias"][0] = np.nan
    module = twin(net)
    for p in module.parameters():
        p.grad = p.detach().clone()
    clip_norm(net, 1)
    torch.nn.utils.clip_grad_norm_(module.parameters(), 1)
    for name, p in module.named_parameters():
        assert np.isnan(net.params[name]).all()
        assert p.grad.isnan().all()  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize(("call", "said"), [
    (lambda g: clip_norm(g, -1), "clip_grad_norm_: max_norm must be a finite number >= 0, got -1"),
    (lambda g: clip_norm(g, 1, 0), "clip_grad_norm_: norm_type must be above 0, got 0"),
    (lambda g: clip_value(g, None), "clip_grad_value_: clip_value must be a finite number >= 0, got None"),
])  # fmt: skip
def test_what_cannot_be_clipped_to_is_refused(call, said, rng):
    with pytest.raises(InputError, match=f"^{said}"):
        call(network(rng))


# ---------------------------------------------------------------- schedules


def torch_schedule(schedule: Any, optimizer: torch.optim.Optimizer) -> Any:
    """Torch's schedule of the same name and settings."""
    settings = dict(schedule.hyper)
    if "schedulers" in settings:
        settings["schedulers"] = [torch_schedule(part, optimizer) for part in settings["schedulers"]]
    return getattr(torch.optim.lr_scheduler, type(schedule).__name__)(optimizer, **settings)


@pytest.mark.parametrize("optimizer", [SGD(lr=0.3, momentum=0.9), Adam(lr=0.3)], ids=["SGD", "Adam"])
@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in examples(manual.schedules)])
def test_a_schedule_agrees_with_torch(make, optimizer: Optimizer):
    """Torch goes from each rate to the next: at most 8 roundings a step, of a number no larger than the largest rate;
    where it divides by 1 + cos, what that loses is in a rate that is as much smaller."""
    schedule, own, p = make(), optimizer.hyper, torch.nn.Parameter(torch.zeros(1))
    theirs = getattr(torch.optim, type(optimizer).__name__)([p], **own)
    scheduler = torch_schedule(schedule, theirs)
    largest = max(own["lr"], getattr(schedule, "max_lr", 0))
    for t in range(20):
        schedule.set(optimizer, t, own)
        [group] = theirs.param_groups
        allowed = 8 * (t + 1) * np.finfo(float).eps
        assert abs(optimizer.hyper["lr"] - group["lr"]) <= allowed * largest, t
        for name in ("momentum", "betas"):
            if name in own:
                assert np.all(np.abs(np.subtract(optimizer.hyper[name], group[name])) <= allowed), t
        theirs.step()
        if t < 19:
            scheduler.step()
    optimizer.__dict__.update(own)


def test_a_cycle_that_rises_for_no_step_begins_at_the_top():
    """Torch divides by the length of its rise, 0."""
    assert OneCycleLR(0.5, 4, 0.25).rate(0, 1) == 0.5


def test_a_schedule_refuses_a_step_beyond_its_last_and_an_optimizer_without_momentum():
    with pytest.raises(InputError, match="OneCycleLR: expected a step below total_steps 5, got 5"):
        OneCycleLR(1, 5).at(5, {"lr": 1, "momentum": 0.9})
    with pytest.raises(InputError, match=r"OneCycleLR: cycle_momentum needs .* got one with \['lr'\]"):
        OneCycleLR(1, 5).at(0, {"lr": 1})
