"""Wrong formulas of a layer with a weight and a bias, and of any layer."""

from typing import Any

from manual import Layer
from torch_ref.diagnosis.mistakes.passes import Backward, output, plain


def _of_rows(layer: Layer, x: Any, delta: Any, rows: slice) -> tuple[Any, Any]:
    return plain(layer, x, delta)[0], plain(layer, x[rows], delta[rows])[1]


def with_bias(layer: Any, x: Any, delta: Any, bias: Any) -> tuple[Any, Any]:
    """The layer's own backward, with another gradient of the bias."""
    dx, gradient = plain(layer, x, delta)
    return dx, gradient.like(weight=gradient.weight, bias=bias)


def with_transposed_weight(layer: Any, x: Any, delta: Any) -> tuple[Any, Any]:
    """The layer's own backward, through Wᵀ."""
    return plain(layer.like(**layer.params | {"weight": layer.weight.T}), x, delta)


WITHOUT_DELTA: list[tuple[str, Backward]] = [("δ is left out", lambda f, x, d: plain(f, x, d * 0 + 1))]
PARAMETERS: list[tuple[str, Backward]] = [
    ("the weight is transposed", with_transposed_weight),
    ("the output stands where the input belongs", lambda f, x, d: f.backward(d, output(f, x))),
    ("the gradient is that of the first example alone", lambda f, x, d: _of_rows(f, x, d, slice(1))),
    ("the gradient is that of the last example alone", lambda f, x, d: _of_rows(f, x, d, slice(-1, None))),
    ("δ is summed over the wrong axis", lambda f, x, d: with_bias(f, x, d, d.sum(axis=1))),
    ("δ is summed over the wrong axis: over the outputs too", lambda f, x, d: with_bias(f, x, d, d.sum())),
]
