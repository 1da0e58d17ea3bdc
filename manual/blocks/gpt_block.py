from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.block import Block
from manual.blocks.multihead_attention import MultiheadAttention
from manual.layers import GELU, LayerNorm, Linear
from manual.network import Network
from manual.numbers.checks import Flag, Size
from manual.numbers.number_types import Array


class GPTBlock(Block):
    """What a language model is made of: each word looks at those before it, and then thinks by itself.

        z = x + attn(ln_1(x))               attn: causal, so that no word sees what comes after it
        y = z + mlp(ln_2(z))                mlp: d to 4d, GELU (by tanh), 4d to d
                                            x, y (N, T, d)
    A sum sends its δ both ways, so that what comes back by both adds up; fᵀ δ is what f sends back of δ:

        ∂C/∂z = δ + ln_2ᵀ mlpᵀ δ
        ∂C/∂x = ∂C/∂z + ln_1ᵀ attnᵀ ∂C/∂z

    Raises:
        InputError: embed_dim or num_heads is not an integer >= 1, or the heads do not share out embed_dim; bias is not
            a flag; rng is not a Generator; the input is not (N, T, d), or not of the weights' dtype.
    Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section 2.3 (GPT-2).
    """

    embed_dim: Size
    num_heads: Size
    _: KW_ONLY
    bias: Flag = True
    rng: InitVar[np.random.Generator]
    only_adds_to_dx = True

    def __post_init__(self, rng: np.random.Generator) -> None:
        d, bias = self.embed_dim, self.bias
        attention = MultiheadAttention(d, self.num_heads, bias=bias, batch_first=True, causal=True, rng=rng)
        mlp = Network(Linear(d, 4 * d, bias, rng=rng), GELU("tanh"), Linear(4 * d, d, bias, rng=rng))
        self.parts = {"ln_1": LayerNorm(d, bias=bias), "attn": attention, "ln_2": LayerNorm(d, bias=bias), "mlp": mlp}

    def forward(self, x: Array, /) -> tuple[Array, Any]:
        run, tape = self.runs()
        z = x + run("attn", run("ln_1", x))
        return z + run("mlp", run("ln_2", z)), tape

    def backward(self, delta: Array, tape: Any, /) -> tuple[Array, "GPTBlock"]:
        back, gradient = self.backs(tape)
        dz = delta + back("ln_2", back("mlp", delta))
        return dz + back("ln_1", back("attn", dz)), gradient()


def examples(rng: np.random.Generator) -> Iterator[tuple[GPTBlock, Array]]:
    yield GPTBlock(4, 2, rng=rng), rng.standard_normal((2, 3, 4))
    yield GPTBlock(2, 1, bias=False, rng=rng), rng.standard_normal((1, 4, 2))
