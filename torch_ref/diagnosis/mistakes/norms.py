"""Wrong formulas of the project's own normalisations. (normalisation.py knows one by its numbers, whoever wrote it.)"""

from collections.abc import Callable
from typing import Any

import numpy as np

import manual
from manual import Layer
from torch_ref.diagnosis.mistakes.passes import Backward, Forward, plain


def _inside(f: Any, x: Any, delta: Any) -> tuple[Any, Any, Any, Callable[[Any], Any]]:
    """h, r, γ δ, and the mean over what is brought to the same size, each laid out so that they meet."""
    h, r, *rest = f.forward(x)[1]
    weight = f.weight
    if isinstance(f, manual.GroupNorm):
        g = delta if weight is None else delta * f._along(weight, delta)
        h, g, over = f._grouped(h), f._grouped(g), (2,)
    elif rest:  # a batch norm
        g = delta if weight is None else delta * weight.reshape(-1, *[1] * (delta.ndim - 2))
        over = (0, *range(2, delta.ndim))
    else:
        g, over = (delta if weight is None else delta * weight), tuple(range(-len(f._shape), 0))

    def mean(a: Any) -> Any:
        return a.sum(axis=over, keepdims=True) / int(np.prod([a.shape[axis] for axis in over]))

    return h, r, g, mean


def _path(mean_too: bool, variance_too: bool, growth: bool = True) -> Backward:
    """The backward with these paths, with γ or without; whoever is given no batch has no paths."""

    def backward(f: Any, x: Any, delta: Any) -> tuple[Any, Any]:
        h, r, g, mean = _inside(f, x, delta)
        if not growth:
            g = _inside(f.like(**{name: p * 0 + 1 for name, p in f.params.items()}), x, delta)[2]
        total = g
        if mean_too and not isinstance(f, manual.RMSNorm):
            total = total - mean(g)
        if variance_too:
            total = total - h * mean(g * h)
        return (r * total).reshape(*delta.shape), plain(f, x, delta)[1]

    return backward


def _outside(f: Any, x: Any) -> Any:
    """ε beside the root."""
    bare = f.like()
    bare.eps = 0
    h, r, *_ = bare.forward(x)[1]
    found = (h / r) / (1 / r + f.eps)
    y = found if f.weight is None else found * f.weight
    return y if getattr(f, "bias", None) is None else y + f.bias


PATHS: list[tuple[str, Backward]] = [
    ("the path through the mean is missing", _path(mean_too=False, variance_too=True)),
    ("the path through the variance is missing", _path(mean_too=True, variance_too=False)),
    ("the paths through the mean and the variance are missing", _path(mean_too=False, variance_too=False)),
    ("weight is left out", _path(mean_too=True, variance_too=True, growth=False)),
]
NORMS = (manual.LayerNorm, manual.RMSNorm, manual.GroupNorm, manual.BatchNorm1d, manual.BatchNorm2d)
NORM_OUTPUTS: dict[type[Layer], list[tuple[str, Forward]]] = {
    manual.LayerNorm: [("ε stands outside the root", _outside)],
}
