"""How long a verdict of check_backward takes beside a full gradcheck of the same function, in one run.

Each is torch's own function, its outputs a rounding farther, against itself, in float64 and float32, which gradcheck
tries in float64 alone. The ratios are those of a check whose reference was traced before; the first, cold one stands
beside them, and one of equal numbers, for which no tolerance is made.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.autograd import gradcheck
from torch.nn import functional

from torch_ref import check_backward
from torch_ref.tables import columns

SHAPES = ((8, 16), (64, 256))
COLUMNS = 32
"""At 64×256 gradcheck is timed on so many columns of its Jacobian, and the rest is reckoned."""


def _attention(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x @ x.mT / 4, -1) @ x


def _row(f: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: f(x)


FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    **{name: _row(getattr(functional, name)) for name in (
        "silu", "gelu", "softplus", "mish", "elu", "logsigmoid", "hardswish", "selu")},
    **{name: _row(getattr(torch, name)) for name in ("tanh", "sigmoid", "sin", "exp", "square")},
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "layer norm": lambda x: functional.layer_norm(x, x.shape[1:]),
    "RMS norm": lambda x: functional.rms_norm(x, x.shape[1:]),
    "logsumexp": lambda x: torch.logsumexp(x, -1),
    "normalize": lambda x: functional.normalize(x, dim=-1),
    "attention": _attention,
}  # fmt: skip


def farther(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function, whose outputs are a rounding farther."""

    def right(x: torch.Tensor) -> torch.Tensor:
        y = function(x)
        return y + y.detach() * (torch.finfo(y.dtype).eps / 2)

    return right


def seconds(call: Callable[[], Any], times: int = 3) -> float:
    """The median of some calls."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def rows(shape: tuple[int, int]) -> list[tuple[str, float, float, float, float, float]]:
    """Name, and the seconds of gradcheck, of the first check, of one after it, of a quick one, and of one of equal
    numbers."""
    found = []
    for name, function in FUNCTIONS.items():
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        check = partial(check_backward, farther(function), function, [x], skip=("forward mode", "vmap"))
        equal = partial(check_backward, function, function, [x], skip=("forward mode", "vmap"))
        cold, quick = seconds(check, 1), partial(check, quick=True)
        found.append((name, _gradcheck(function, x), cold, *map(seconds, (check, quick, equal))))
    return found


def _gradcheck(function: Callable[..., Any], x: torch.Tensor) -> float:
    """The seconds of a full gradcheck; of a large one, those of its parts times their number: two forwards for each
    input, and a backward for each output."""
    wide = x.double().requires_grad_()
    if x.numel() <= 1024:
        return seconds(partial(gradcheck, function, [wide], raise_exception=False))
    output = function(wide)

    def columns_() -> None:
        for _ in range(COLUMNS):
            function(wide)
            function(wide)
            torch.autograd.grad(output, wide, torch.ones_like(output), retain_graph=True)

    return seconds(columns_) * max(x.numel(), output.numel()) / COLUMNS


def text() -> str:
    """The table."""
    lines = []
    for shape in SHAPES:
        timed = rows(shape)
        head = (
            f"{shape[0]}×{shape[1]}",
            "gradcheck",
            "first check",
            "check",
            "quick",
            "equal",
            "check/gradcheck",
            "quick/check",
        )
        body = [
            (n, *(f"{s * 1e3:.3g} ms" for s in (g, c, w, q, e)), f"{w / g:.3g}", f"{q / w:.3g}")
            for n, g, c, w, q, e in timed
        ]
        all_, quick, equal = np.median([(w / g, q / w, e / g) for _, g, _, w, q, e in timed], axis=0)
        line = f"medians: {all_:.3g} of gradcheck, {equal:.3g} where all is equal; quick {quick:.3g} of a check"
        lines += [*columns([head, *body]), line, ""]
    return "\n".join(lines[:-1])
