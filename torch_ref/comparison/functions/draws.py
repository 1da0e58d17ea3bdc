"""The numbers that are tried: the inputs as they are, and others that are made of them.

A draw takes the inputs, as a list, and gives others; None where it does not apply. What the reference cannot do, or
where it has no finite value, is not asked for.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from torch_ref.comparison.functions.calls import Given, Leaves, Refused, Subject, copies, is_real
from torch_ref.comparison.functions.upstream import Upstream

Rng = Callable[[], np.random.Generator]
"""Makes a generator of random numbers, which most draws do not need."""
Make = Callable[[Leaves, Rng], Leaves | None]
LARGE = 2**13
"""Of more elements than this, all trials but the first take the first rows alone."""
OVERFLOW = "overflow"
ZEROS = "zeros"
IGNORED = -100
"""The index that torch's losses leave out."""


class Draw(NamedTuple):
    """A name, and how its numbers are made. `refusable`: an exception there is no mistake, as nothing that was given
    asks for it. `only_where` names what is not a number, of which only the place is compared."""

    name: str
    make: Make
    refusable: bool = False
    only_where: str = ""


def draws(given: Given) -> Iterator[Draw]:
    """All of them."""
    rows, floats, needed = batched(given), set(given.floats), set(given.needed)

    def gather(name: str, order: Callable[[int, Rng], list[int]]) -> Iterator[Draw]:
        def make(leaves: Leaves, rng: Rng) -> Leaves:
            index = order(len(leaves[min(rows)]), rng)
            return [v[index] if i in rows else v for i, v in enumerate(leaves)]

        if rows and len(given.leaves[min(rows)]):
            yield Draw(name, make)

    def scale(name: str, factor: Callable[[Leaves], float]) -> Draw:
        """What is not differentiated, as a mask or a target is, may be right in its own range alone."""
        return Draw(name, lambda leaves, _: [v * factor(leaves) if i in needed else v for i, v in enumerate(leaves)])

    yield Draw("expanded", lambda leaves, _: [v[:1].expand_as(v) if i in floats and v.ndim and len(v) else v
                                              for i, v in enumerate(leaves)])  # fmt: skip
    yield from gather("rows in another order", lambda n, rng: [*rng().permutation(n)])
    yield from gather("batch of 1", lambda *_: [0])
    yield from gather("batch of 2", lambda n, _: [0, n - 1])
    yield from gather("odd batch", lambda n, _: [*range(n), *range((n % 2) * 2 or 1)][: n + 2 - n % 2])
    yield from gather("empty", lambda *_: [])
    yield scale("times 1e-4", lambda _: 1e-4)
    yield scale("times 1e4", lambda _: 1e4)
    yield scale("near overflow", lambda leaves: near_overflow([leaves[i] for i in needed]))._replace(
        only_where=OVERFLOW
    )
    yield Draw("zeros", lambda leaves, _: _zeroed(leaves, given), refusable=True, only_where=ZEROS)
    yield Draw("repeated indices", _repeated, refusable=True)
    yield Draw("ignored indices", _ignored, refusable=True)
    yield Draw("NaN", lambda leaves, rng: _with(leaves, given, rng, [torch.nan]), True, "NaN")
    yield Draw("infinities", lambda leaves, rng: _with(leaves, given, rng, [torch.inf, -torch.inf]), True, "infinity")


def batched(given: Given) -> set[int]:
    """The places of what has an axis for the batch, whose length is that of the first input that has one.

    One of fewer axes, as a bias, is of no row where another axis of the first is as long: torch's own kernels may read
    beyond its end, were it made shorter.
    """
    first = next((given.leaves[i] for i in given.floats if given.leaves[i].ndim), None)
    if first is None:
        return set()
    square = len(first) in first.shape[1:]
    return {i for i, v in enumerate(given.leaves)
            if torch.is_tensor(v) and v.ndim and len(v) == len(first) and i not in given.changes | given.whole
            and not (square and is_real(v) and v.ndim < first.ndim)}  # fmt: skip


def beside_fewer_rows(reference: Subject, leaves: Leaves, seed: int) -> set[int]:
    """Inputs of fewer axes than the first that are as long as it by chance, as a filter's taps may be: the reference
    runs on fewer rows of the first beside the whole of them. Beside indices it is not asked: they may point beyond."""
    rows = sorted(batched(reference.given))
    others = {i for i in rows[1:] if leaves[i].ndim < leaves[rows[0]].ndim}
    indices = any(torch.is_tensor(v) and not is_real(v) for v in leaves)
    if not others or indices or len(leaves[rows[0]]) < 3:  # one row would be broadcast
        return set()
    fewer = [v[:2] if i in rows and i not in others else v for i, v in enumerate(leaves)]
    try:
        reference.begin(copies(fewer), reference.given.needed, Upstream(seed))
    except Refused:
        return set()
    return others


def cut(given: Given, leaves: Leaves) -> Leaves:
    """The first rows alone of what is large, or all."""
    size, rows = sum(leaves[i].numel() for i in given.floats), batched(given)
    if size <= LARGE or not rows:
        return leaves
    n = len(leaves[min(rows)])
    kept = max(1, min(17, n * LARGE // size))
    return [v[:kept] if i in rows else v for i, v in enumerate(leaves)]


def near_overflow(floats: Leaves) -> float:
    """What makes the largest element's cube come near the largest number of the dtype: a right backward may multiply
    three inputs before it divides."""
    largest = max((float(v.abs().max()) for v in floats if v.numel()), default=0.0)
    top = min((torch.finfo(v.dtype).max for v in floats), default=1.0)
    return top ** (1 / 3) / 64 / largest if 0 < largest < torch.inf else 1.0


def other_indices(value: Any, base: Any) -> bool:
    """Whether it holds other integers: a kernel that does not check them reads, and writes, beyond its arrays."""
    return torch.is_tensor(value) and not is_real(value) and not torch.equal(value, base)


def _is_index(value: object) -> bool:
    return isinstance(value, torch.Tensor) and not is_real(value) and value.dtype != torch.bool and value.numel() > 1


def _repeated(leaves: Leaves, rng: Rng) -> Leaves | None:
    if not any(map(_is_index, leaves)):
        return None
    generator = rng()
    return [_replaced(v, generator, v.flatten()[0], v.numel() // 2 + 1) if _is_index(v) else v for v in leaves]


def _ignored(leaves: Leaves, rng: Rng) -> Leaves | None:
    if not any(map(_is_index, leaves)):
        return None
    generator = rng()
    return [_replaced(v, generator, IGNORED, 1) if _is_index(v) and v.dtype == torch.int64 else v for v in leaves]


def _replaced(v: torch.Tensor, rng: np.random.Generator, value: Any, count: int) -> torch.Tensor:
    new = v.flatten().clone()
    new[torch.from_numpy(rng.permutation(v.numel())[:count])] = value
    return new.reshape(v.shape)


def _zeroed(leaves: Leaves, given: Given) -> Leaves:
    """The first differentiated input with zeros: its first row, and every third number."""
    at = given.needed[0]
    new = leaves[at].clone().reshape(-1)
    new[::3] = 0
    new = new.reshape(leaves[at].shape)
    if new.ndim > 1:
        new[:1] = 0
    return [new if i == at else v for i, v in enumerate(leaves)]


def _with(leaves: Leaves, given: Given, rng: Rng, values: list[float]) -> Leaves:
    """The first differentiated input with these among its numbers."""
    at = given.needed[0]
    new = leaves[at].flatten().clone()
    for place, value in zip(rng().permutation(new.numel()), values, strict=False):
        new[int(place)] = value
    return [new.reshape(v.shape) if i == at else v for i, v in enumerate(leaves)]
