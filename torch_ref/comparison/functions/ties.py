"""Whether a difference is no more than another choice where the function has a kink or a tie: which of two equal
maxima takes δ is a convention.

Moved a little along ours less the reference's, the inputs have no tie, and the reference must choose as ours did; or,
moved against it, ours must choose as the reference did, where ours shares out what the reference gives to one. δ grows
from element to element, so that the move tells the orders of a sort, too.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torch_ref.comparison.functions.calls import Changed, Found, Leaves, Refused, Subject, is_real
from torch_ref.comparison.functions.expected import array_of
from torch_ref.comparison.functions.upstream import Upstream

Tangents = dict[str, torch.Tensor]
ROOM = 64
"""So many moves a smooth gradient may change by on the way."""
BESIDE = 16
"""So many places around a tie are looked at."""


def rising(delta: torch.Tensor) -> torch.Tensor:
    """δ between 1 and 2, larger from element to element."""
    return torch.linspace(1, 2, delta.numel(), dtype=torch.float64).reshape(delta.shape).to(delta)


def at_a_tie(ours: Subject, reference: Subject, leaves: Leaves, needed: Sequence[int], seed: int) -> set[str]:
    """The quantities that differ by a choice alone."""
    if not all(v.dtype in (torch.float64, torch.float32) for v in leaves if is_real(v)):
        return set()
    upstream, names = Upstream(seed, values=rising), ours.given.names
    try:
        here = ours.run([*leaves], needed, upstream), reference.run([*leaves], needed, upstream)
        found: set[str] = set()
        by = 0.0
        for sign in (1, -1):
            ahead, by = _moved(leaves, needed, names, here, sign)
            behind, _ = _moved(leaves, needed, names, here, -sign)
            found |= _alike(here[0], reference.run(ahead, needed, upstream), by)
            found |= _alike(here[1], ours.run(behind, needed, upstream), by) & _conserved(here, by)
    except (Refused, Changed):
        return set()
    return found - _alike(here[0], here[1], by)


def _moved(
    leaves: Leaves, needed: Sequence[int], names: list[str], here: tuple[Found, Found], sign: int
) -> tuple[Leaves, float]:
    """The inputs, moved by the root of a rounding along the difference of the gradients; and by how much."""
    moved, by = [*leaves], 0.0
    for i in needed:
        gradients = [found.get(f"d{names[i]}") for found in here]
        gap = sum(s * g for s, g in zip((1, -1), gradients, strict=True) if g is not None)
        if isinstance(gap, torch.Tensor) and gap.any():
            by = float(torch.finfo(gap.dtype).eps) ** 0.5
            moved[i] = leaves[i] + sign * by * (float(leaves[i].abs().max()) or 1) * gap / gap.abs().max()
    return moved, by


def _alike(one: Found, other: Found, by: float) -> set[str]:
    """The quantities that are the same but for what a move changes in a smooth gradient."""
    found = set()
    for name, a in one.items():
        b = other.get(name)
        if a is None or b is None or a.shape != b.shape:
            continue
        x, y = array_of(a), array_of(b)
        room: Any = ROOM * by * np.abs(y[np.isfinite(y)]).max(initial=0) if is_real(a) else 0
        with np.errstate(invalid="ignore"):  # of two infinities
            is_near = np.abs(np.subtract(x, y, dtype=np.float64)) <= room
        if np.all(is_near | (x == y)):
            found.add(name)
    return found


def _conserved(here: tuple[Found, Found], by: float) -> set[str]:
    """The quantities whose sum is that of the reference's."""
    ours, theirs = here
    return _alike(_sums(ours), _sums(theirs), by)


def _sums(found: Found) -> Found:
    return {n: v.double().sum()[None] for n, v in found.items() if v is not None and not v.is_complex()}


def tangents_at_a_tie(
    ours: Tangents, along: Callable[[Leaves], Tangents], leaves: Leaves, needed: Sequence[int], seed: int
) -> set[str]:
    """The quantities of forward mode that differ by a choice alone: each element of ours is what the reference gives
    somewhere beside the tie, or the mean of all that it gives there."""
    generator = torch.Generator().manual_seed(seed)
    by = max(float(torch.finfo(leaves[i].dtype).eps) for i in needed) ** 0.5
    beside: list[Tangents] = []
    for _ in range(BESIDE):
        moved = [*leaves]
        for i in needed:
            by_some = torch.rand(leaves[i].shape, generator=generator, dtype=torch.float64) - 0.5
            moved[i] = leaves[i] + (2 * by * (float(leaves[i].abs().max()) or 1) * by_some).to(leaves[i])
        beside.append(along(moved))
    found = set()
    for name, mine in ours.items():
        if all(b[name].shape == mine.shape for b in beside):
            choices = np.sort([array_of(b[name]) for b in beside], axis=0)
            room = ROOM * by * np.abs(choices).max(initial=0)
            new = np.diff(choices, axis=0, prepend=-np.inf) > room
            mean = np.sum(np.where(new, choices, 0), axis=0) / new.sum(axis=0)
            apart = np.minimum(np.abs(choices - array_of(mine)).min(axis=0), np.abs(mean - array_of(mine)))
            if np.all(apart <= room):
                found.add(name)
    return found
