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
class TransformerDecoderLayer(Block, without={"dropout": 0.0}):
    """What a translation is written with: attention to what has been written, then to the memory, what an encoder has
    made of the text; then two linear maps. Each is added to what goes into it.

        feed(x) = linear2(activation(linear1(x))),  look(z) = multihead_attn(z, memory, memory)

        z = norm1(x + self_attn(x)),  w = norm2(z + look(z)),  y = norm3(w + feed(w))        as published: post-norm
        z = x + self_attn(norm1(x)),  w = z + look(norm2(z)),  y = w + feed(norm3(w))        norm_first: pre-norm

    A sum sends its δ both ways, so that what comes back by both adds up. With fᵀ δ for what f sends back of δ:

        post-norm     e = norm3ᵀ δ,  ∂C/∂w = e + feedᵀ e;      f = norm2ᵀ ∂C/∂w,  ∂C/∂z = f + lookᵀ f
                      g = norm1ᵀ ∂C/∂z,  ∂C/∂x = g + self_attnᵀ g
        pre-norm      ∂C/∂w = δ + norm3ᵀ feedᵀ δ,              ∂C/∂z = ∂C/∂w + norm2ᵀ lookᵀ ∂C/∂w
                      ∂C/∂x = ∂C/∂z + norm1ᵀ self_attnᵀ ∂C/∂z
        memory        is keys and values: ∂C/∂memory is the sum of their two δs

        x (tgt), y (T, N, d_model), memory (S, N, d_model); (N, …, d_model) with batch_first; one example has no N. Then
        may come truths, in this order: tgt_key_padding_mask, memory_key_padding_mask, tgt_mask, memory_mask; `causal`
        makes a tgt_mask

    Raises:
        InputError: a size is not an integer >= 1, or the heads do not share out d_model; activation is neither "relu"
            nor "gelu"; batch_first, norm_first, bias or causal is not a flag; rng is not a Generator; an input has
            another shape or dtype.
    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Same as torch.nn.TransformerDecoderLayer
    with dropout=0.
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

    def __post_init__(self, rng: np.random.Generator) -> None:
        d, wide, bias = self.d_model, self.dim_feedforward, self.bias
        first = self.batch_first
        self.parts = {
            "self_attn": MultiheadAttention(d, self.nhead, bias=bias, batch_first=first, causal=self.causal, rng=rng),
            "multihead_attn": MultiheadAttention(d, self.nhead, bias=bias, batch_first=first, rng=rng),
            "linear1": Linear(d, wide, bias, rng=rng),
            "activation": ReLU() if self.activation == "relu" else GELU(),
            "linear2": Linear(wide, d, bias, rng=rng),
            **{f"norm{i}": LayerNorm(d, self.layer_norm_eps, bias=bias) for i in (1, 2, 3)},
        }

    def forward(self, x: Array, memory: Array, /, *masks: Array) -> tuple[Array, Any]:
        run, tape = self.runs()

        def attend(z: Array) -> Array:
            return run("self_attn", z, *masks[:3:2])

        def look(z: Array) -> Array:
            return run("multihead_attn", z, memory, memory, *masks[1:4:2])

        def feed(z: Array) -> Array:
            return run("linear2", run("activation", run("linear1", z)))

        if self.norm_first:
            z = x + attend(run("norm1", x))
            w = z + look(run("norm2", z))
            y = w + feed(run("norm3", w))
        else:
            z = run("norm1", x + attend(x))
            w = run("norm2", z + look(z))
            y = run("norm3", w + feed(w))
        return y, (tape, len(masks))

    def backward(self, delta: Array, cache: Any, /) -> tuple[Any, "TransformerDecoderLayer"]:
        tape, masks = cache
        back, gradient = self.backs(tape)

        def attend_back(d: Array) -> Array:
            return several(back("self_attn", d))[0]

        def feed_back(d: Array) -> Array:
            return back("linear1", back("activation", back("linear2", d)))

        if self.norm_first:
            dw = delta + back("norm3", feed_back(delta))
            dlooked, dkey, dvalue, *_ = back("multihead_attn", dw)
            dz = dw + back("norm2", dlooked)
            dx = dz + back("norm1", attend_back(dz))
        else:
            e = back("norm3", delta)
            f = back("norm2", e + feed_back(e))
            dlooked, dkey, dvalue, *_ = back("multihead_attn", f)
            g = back("norm1", f + dlooked)
            dx = g + attend_back(g)
        return (dx, dkey + dvalue, *[None] * masks), gradient()


def examples(rng: np.random.Generator) -> Iterator[tuple[TransformerDecoderLayer, Any]]:
    x, memory, nobody = rng.standard_normal((3, 2, 4)), rng.standard_normal((2, 2, 4)), np.zeros((2, 2), bool)
    nobody[0, 1], written = True, np.array([[False, False, True], [False, False, False]])
    yield TransformerDecoderLayer(4, 2, 5, causal=True, rng=rng), (x, memory)
    how = {"activation": "gelu", "norm_first": True, "batch_first": True, "bias": False}
    yield TransformerDecoderLayer(4, 1, 3, **how, rng=rng), (x.swapaxes(0, 1), memory.swapaxes(0, 1), written, nobody)
