"""What attention is given, and who may look at whom."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from manual.numbers.checks import InputError, mismatch
from manual.numbers.number_types import Array, bilinear
from manual.numbers.sums import rows

TRUTH = np.dtype(bool)


@dataclass(frozen=True)
class Given:
    """Query, key and value, of which one input may be all three, and how many inputs there were; the masks."""

    three: tuple[Array, Array, Array]
    inputs: int
    padding: Any
    """The key_padding_mask (N, S), or None."""
    attention: Any
    """The attn_mask (L, S) or (N · heads, L, S), or None."""

    @property
    def masks(self) -> int:
        """How many masks there were."""
        return (self.padding is not None) + (self.attention is not None)

    def back(self, dx: list[Array]) -> Any:
        """∂C/∂ each input, given those of query, key and value: None of a mask."""
        if self.inputs == 1 + self.masks:
            dx = [dx[0] + dx[1] + dx[2]]
        return dx[0] if self.inputs == 1 else (*dx, *[None] * self.masks)


def given(layer: Any, inputs: tuple[Any, ...]) -> Given:
    """The inputs by what they are.

    Raises:
        InputError: there are neither one nor three, or more than two masks; one has another shape or dtype.
    """
    arrays = [x for x in inputs if getattr(x, "dtype", None) != TRUTH]
    padding, attention, *more = [*inputs[len(arrays) :], None, None]
    if len(arrays) not in (1, 3) or any(x is not None for x in more):
        raise InputError(f"{layer!r}: expected one input or query, key and value, and then at most two masks, "
                         f"got {len(arrays)} and {len(inputs) - len(arrays)}")
    query, key, value = arrays * 3 if len(arrays) == 1 else arrays
    dtype, e, n = layer.in_proj_weight.dtype, layer.embed_dim, 1 - layer.batch_first
    for x in (query, key, value):
        if getattr(x, "dtype", 0) != dtype or x.ndim != 3 or x.shape[2] != e or not x.size:
            raise mismatch(layer, f"(N, L, {e})" if layer.batch_first else f"(L, N, {e})", dtype, x)
    batch, places = query.shape[n], (query.shape[1 - n], key.shape[1 - n])
    if key.shape != value.shape or key.shape[n] != batch:
        raise mismatch(layer, f"{key.shape}, as the key, in a batch of {batch}, as the query,", dtype, value)
    padding = padding[None] if padding is not None and padding.ndim == 1 else padding  # of one example
    if padding is not None and padding.shape != (batch, places[1]):
        raise mismatch(layer, f"{(batch, places[1])} for the first mask, the key_padding_mask,", TRUTH, padding)
    if attention is not None and attention.shape not in (places, (batch * layer.num_heads, *places)):
        raise mismatch(layer, f"{places} or {(batch * layer.num_heads, *places)} for the attn_mask", TRUTH, attention)
    return Given((query, key, value), len(inputs), padding, attention)


def allowed(layer: Any, inputs: Given, one_more: bool) -> Any:
    """Whether i may look at j, (…, L, S), to be broadcast to (N, heads, L, S); None: at each. With `one_more` there is
    a key after those of the input, at which all may look."""
    n = 1 - layer.batch_first
    before = np.tri(inputs.three[0].shape[1 - n], inputs.three[1].shape[1 - n], dtype=bool) if layer.causal else True
    may: Any = before
    if inputs.padding is not None:
        may = ~inputs.padding[:, None, None, :] & may
    if inputs.attention is not None:
        mask = inputs.attention
        may = ~(mask if mask.ndim == 2 else mask.reshape(-1, layer.num_heads, *mask.shape[1:])) & may
    if may is True:
        return None
    return np.pad(may, [*[(0, 0)] * (may.ndim - 1), (0, 1)], constant_values=True) if one_more else may


def and_learned(x: Array, learned: Array) -> Array:
    """The keys, or values, (N, heads, S, d), and behind them a learned one (1, 1, heads · d)."""
    return np.concatenate([x, np.zeros_like(x[:, :, :1]) + learned.reshape(1, x.shape[1], 1, -1)], axis=2)


@bilinear
def of_heads(a: Array, b: Array) -> Array:
    """a b of each head: (N, heads, L, S) and (N, heads, S, d) to (N, heads, L, d).

    In memory the heads lie one beside the other, so that nothing is copied when they are put together.
    """
    y = np.empty((len(a), a.shape[2], a.shape[1], b.shape[3]), a.dtype)
    return np.matmul(a, b, out=y.swapaxes(1, 2))


def mapped(x: Array, W: Array, b: Any) -> Array:
    """W x + b for every place."""
    z = rows(x).dot(W.T)
    if b is not None:
        z += b
    return z.reshape(x.shape)
