from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Annotated, Any

import numpy as np

from manual.block import Block
from manual.blocks.multihead_attention import MultiheadAttention
from manual.layer import several
from manual.layers import GELU, LayerNorm, Linear, ReLU
from manual.numbers.checks import AtLeast0, Flag, Size, one_of
from manual.numbers.number_types import Array
from manual.numbers.one_example import batch_first, takes_one


@takes_one(3, batch_first)
class TransformerEncoderLayer(Block, without={"dropout": 0.0}):
    """Attention, and then two linear maps with an activation between, each added to what goes into it.

        feed(x) = linear2(activation(linear1(x)))

        z = norm1(x + self_attn(x)),  y = norm2(z + feed(z))        as published: post-norm
        z = x + self_attn(norm1(x)),  y = z + feed(norm2(z))        norm_first: pre-norm; x goes through unchanged

    A sum sends its δ both ways, so that what comes back by both adds up. With d = ∂C/∂z at the end:

        post-norm     e = norm2ᵀ δ,  d = e + feedᵀ e;    f = norm1ᵀ d,  ∂C/∂x = f + self_attnᵀ f
        pre-norm      d = δ + norm2ᵀ feedᵀ δ;            ∂C/∂x = d + norm1ᵀ self_attnᵀ d

    where fᵀ δ is what f sends back of δ. In pre-norm δ arrives undiminished, however many blocks there are.

        x, y (T, N, d_model), or (N, T, d_model) with batch_first; one example has no N. Then may come truths, as for
        MultiheadAttention: src_key_padding_mask, and src_mask, of which `causal` makes one

    Raises:
        InputError: a size is not an integer >= 1, or the heads do not share out d_model; activation is neither "relu"
            nor "gelu"; batch_first, norm_first, bias or causal is not a flag; rng is not a Generator; the input has
            another shape or dtype.
    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.1; Xiong et al., "On Layer Normalization in the
    Transformer Architecture", 2020, pre-norm. Same as torch.nn.TransformerEncoderLayer with dropout=0.
    """

    d_model: Size
    nhead: Size
    dim_feedforward: Size = 2048
    _: KW_ONLY
    activation: Annotated[str, one_of("relu", "gelu")] = "relu"
    layer_norm_eps: AtLeast0 = 1e-5
    batch_first: Flag = False
    norm_first: Flag = False
    bias: Flag = True
    causal: Flag = False
    rng: InitVar[np.random.Generator]
    only_adds_to_dx = True

    def __post_init__(self, rng: np.random.Generator) -> None:
        d, wide, bias = self.d_model, self.dim_feedforward, self.bias
        how = {"batch_first": self.batch_first, "causal": self.causal}
        self.parts = {
            "self_attn": MultiheadAttention(d, self.nhead, bias=bias, **how, rng=rng),
            "linear1": Linear(d, wide, bias, rng=rng),
            "activation": ReLU() if self.activation == "relu" else GELU(),
            "linear2": Linear(wide, d, bias, rng=rng),
            "norm1": LayerNorm(d, self.layer_norm_eps, bias=bias),
            "norm2": LayerNorm(d, self.layer_norm_eps, bias=bias),
        }

    def forward(self, x: Array, /, *mask: Array) -> tuple[Array, Any]:
        run, tape = self.runs()

        def feed(z: Array) -> Array:
            return run("linear2", run("activation", run("linear1", z)))

        if self.norm_first:
            z = x + run("self_attn", run("norm1", x), *mask)
            y = z + feed(run("norm2", z))
        else:
            z = run("norm1", x + run("self_attn", x, *mask))
            y = run("norm2", z + feed(z))
        return y, (tape, len(mask))

    def backward(self, delta: Array, cache: Any, /) -> tuple[Any, "TransformerEncoderLayer"]:
        tape, masks = cache
        back, gradient = self.backs(tape)

        def attend_back(d: Array) -> Array:
            return several(back("self_attn", d))[0]

        def feed_back(d: Array) -> Array:
            return back("linear1", back("activation", back("linear2", d)))

        if self.norm_first:
            d = delta + back("norm2", feed_back(delta))
            dx = d + back("norm1", attend_back(d))
        else:
            e = back("norm2", delta)
            f = back("norm1", e + feed_back(e))
            dx = f + attend_back(f)
        return (dx, *[None] * masks) if masks else dx, gradient()


def examples(rng: np.random.Generator) -> Iterator[tuple[TransformerEncoderLayer, Any]]:
    x, nobody = rng.standard_normal((3, 2, 4)), np.array([[False, True, False], [False, False, False]])
    yield TransformerEncoderLayer(4, 2, 5, rng=rng), x
    yield TransformerEncoderLayer(4, 2, 3, activation="gelu", norm_first=True, causal=True, rng=rng), x
    yield TransformerEncoderLayer(4, 1, 3, batch_first=True, bias=False, rng=rng), (x.swapaxes(0, 1), nobody)
