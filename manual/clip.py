"""Gradients that are too long, cut before a step: `clip_grad_norm_(gradient, 1)`."""

from math import inf
from typing import Any

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import InputError, at_least
from manual.numbers.number_types import nonpositive

ABOVE_0 = 1e-6
"""What torch adds to the norm that it divides by."""


def clip_grad_norm_(gradient: Layer, max_norm: Any, norm_type: Any = 2) -> Any:
    """Shorten all gradients together, in place, to a norm of at most `max_norm`; their direction stays.

        n = (Σ |g|ᵖ)^(1/p)                    norm_type p, over all parameters; max |g| for p = ∞
        g ← g · max_norm / (n + 10⁻⁶)         where max_norm / (n + 10⁻⁶) < 1

    Returns:
        n, as it was before.

    Raises:
        InputError: max_norm is negative or not finite; norm_type is neither a number above 0 nor ∞.
    Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    algorithm 1. Same as torch.nn.utils.clip_grad_norm_.
    """
    max_norm = at_least("clip_grad_norm_", "max_norm", max_norm, 0)
    p = norm_type if norm_type == inf else at_least("clip_grad_norm_", "norm_type", norm_type, 0)
    if not p > 0:
        raise InputError(f"clip_grad_norm_: norm_type must be above 0, got {norm_type!r}")
    sizes = [np.abs(g) for g in gradient.params.values()]
    if p == inf:
        n = np.max(np.concatenate([size.reshape(-1) for size in sizes])) if sizes else 0
    else:
        total = sum((size**p).sum() for size in sizes)
        n = np.sqrt(total) if p == 2 else total ** (1 / p)
    if not nonpositive(np.reshape(n + ABOVE_0 - max_norm, 1)):
        for g in gradient.params.values():
            g *= max_norm / (n + ABOVE_0)
    return n


def clip_grad_value_(gradient: Layer, clip_value: Any) -> None:
    """Cut every number of the gradient off at ±clip_value, in place.

        g ← min(max(g, −c), c)

    Raises:
        InputError: clip_value is negative or not finite.
    Source: the recurrent networks of Graves, "Generating Sequences With Recurrent Neural Networks", 2013. Same as
    torch.nn.utils.clip_grad_value_.
    """
    c = at_least("clip_grad_value_", "clip_value", clip_value, 0)
    for g in gradient.params.values():
        g[...] = np.clip(g, -c, c)
