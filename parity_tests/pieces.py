"""Random layers and blocks of any kind, each with its input: what `prove.py` draws beside its networks."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import manual.blocks
import manual.layers
from manual import (
    GRU,
    LSTM,
    RNN,
    GPTBlock,
    GRUCell,
    LSTMCell,
    MultiheadAttention,
    RNNCell,
    RotaryPositions,
    SinusoidalPositions,
    TransformerEncoderLayer,
)
from manual.layer import several
from torch_ref.examples import modules
from torch_ref.quantities import alone

Piece = tuple[Any, Any]
"""A layer and its input."""
Drawn = dict[str, Any]

FILES = [*modules(manual.layers), *modules(manual.blocks)]

pieces = st.fixed_dictionaries({
    "kind": st.sampled_from(["example", "sequence", "cell", "attention", "transformer", "positions"]),
    "which": st.integers(0, 2**16),
    "flags": st.tuples(*[st.booleans()] * 5),
    "batch": st.integers(1, 4),
    "steps": st.integers(1, 5),
    "wide": st.integers(1, 4),
    "heads": st.integers(1, 2),
    "dtype": st.sampled_from([np.float32, np.float64]),
    "scale": st.integers(-1, 1),
    "seed": st.integers(0, 2**32 - 1),
})  # fmt: skip


def build(drawn: Drawn) -> Piece:
    """The layer and its input, both in the dtype, the input's floats of the scale."""
    rng, dtype = np.random.default_rng(drawn["seed"]), drawn["dtype"]
    layer, x = KINDS[drawn["kind"]](drawn, rng)
    given = [(a * 10.0 ** drawn["scale"]).astype(dtype) if a.dtype.kind == "f" else a for a in several(x)]
    return layer.astype(dtype), alone(given)


def example(drawn: Drawn, rng: np.random.Generator) -> Piece:
    """One of a file's own, with other numbers."""
    cases = [*FILES[drawn["which"] % len(FILES)].examples(rng)]
    return cases[drawn["which"] % len(cases)]


def sequence(drawn: Drawn, rng: np.random.Generator) -> Piece:
    """One step after the other, from zeros or from a state."""
    bias, both, first, started, relu = drawn["flags"]
    n, t, wide, h, layers = drawn["batch"], drawn["steps"], drawn["wide"], drawn["which"] % 4 + 1, drawn["heads"]
    kind = (LSTM, GRU, RNN)[drawn["which"] % 3]
    how = {"nonlinearity": "relu" if relu else "tanh"} if kind is RNN else {}
    layer = kind(wide, h, layers, bias=bias, bidirectional=both, batch_first=first, **how, rng=rng)
    state = rng.standard_normal((kind.states, layers * (1 + both), n, h))
    x = rng.standard_normal((n, t, wide) if first else (t, n, wide))
    return layer, (x, *state) if started else x


def cell(drawn: Drawn, rng: np.random.Generator) -> Piece:
    """One step."""
    bias, _, _, started, _ = drawn["flags"]
    kind, h = (LSTMCell, GRUCell, RNNCell)[drawn["which"] % 3], drawn["which"] % 4 + 1
    x, state = (
        rng.standard_normal((drawn["batch"], drawn["wide"])),
        rng.standard_normal((kind.states, drawn["batch"], h)),
    )
    return kind(drawn["wide"], h, bias=bias, rng=rng), (x, *state) if started else x


def attention(drawn: Drawn, rng: np.random.Generator) -> Piece:
    """Of itself or of others, causal or not, with keys masked or not."""
    bias, first, causal, cross, masked = drawn["flags"]
    n, t, e = drawn["batch"], drawn["steps"], drawn["wide"] * drawn["heads"]
    layer = MultiheadAttention(e, drawn["heads"], bias=bias, batch_first=first, causal=causal, rng=rng)
    keys = drawn["which"] % 4 + 1 if cross else t
    lengths = (t, keys, keys) if cross else (t,)
    given = tuple(rng.standard_normal((n, length, e) if first else (length, n, e)) for length in lengths)
    return layer, (*given, rng.random((n, keys)) < 0.3) if masked else alone(given)


def transformer(drawn: Drawn, rng: np.random.Generator) -> Piece:
    """A block of either kind."""
    bias, norm_first, causal, gpt, masked = drawn["flags"]
    n, t, e = drawn["batch"], drawn["steps"], (drawn["wide"] + 1) * drawn["heads"]
    x = rng.standard_normal((n, t, e))
    if gpt:
        return GPTBlock(e, drawn["heads"], bias=bias, rng=rng), x
    layer = TransformerEncoderLayer(
        e,
        drawn["heads"],
        drawn["which"] % 6 + 1,
        activation="gelu" if drawn["which"] % 2 else "relu",
        layer_norm_eps=0.1,
        batch_first=True,
        norm_first=norm_first,
        bias=bias,
        causal=causal,
        rng=rng,
    )
    return layer, (x, rng.random((n, t)) < 0.3) if masked else x


def positions(drawn: Drawn, rng: np.random.Generator) -> Piece:
    """Waves added, or turns."""
    kind, t, e = (SinusoidalPositions, RotaryPositions)[drawn["which"] % 2], drawn["steps"], 2 * drawn["wide"]
    return kind(t + drawn["which"] % 3, e), rng.standard_normal((drawn["batch"], t, e))


KINDS: dict[str, Callable[[Drawn, np.random.Generator], Piece]] = {
    "example": example, "sequence": sequence, "cell": cell, "attention": attention, "transformer": transformer,
    "positions": positions,
}  # fmt: skip
