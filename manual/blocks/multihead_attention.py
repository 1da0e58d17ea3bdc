from collections import namedtuple
from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.block import Block
from manual.described import parameter
from manual.layers import Linear
from manual.numbers.attention import allowed, and_learned, given, mapped, of_heads
from manual.numbers.checks import Flag, InputError, Size, generator
from manual.numbers.masks import softmax
from manual.numbers.number_types import Array
from manual.numbers.one_example import batch_first, takes_one
from manual.numbers.sums import dots_of_rows, rows, sum_over_batch

Attended = namedtuple("Attended", "tape given q k v a")
"""The cache: what was given, what it was mapped to, and how much each place looks at each, a (N, heads, L, S)."""


@takes_one(3, batch_first)
class MultiheadAttention(Block, without={"dropout": 0.0, "kdim": None, "vdim": None}):
    """Every place asks the others, and takes a mean of what they say, weighed by how well they answer.

        q = W_q query + b_q,  k = W_k key + b_k,  v = W_v value + b_v       W, b (in_proj) hold the three, one below
                                                                            the other; each is split into heads
        S = q kᵀ / √d                       for each head, of d numbers: how well key j answers query i
        A = softmax(S), row by row          Aᵢⱼ = e^Sᵢⱼ / Σⱼ e^Sᵢⱼ, over the keys j that i may look at; else 0
        o = A v                             the heads' o, one beside the other, go through out_proj

    With g = ∂C/∂o, which out_proj sends back, step by step:

        o = A v                             ∂C/∂v = Aᵀ g,  ∂C/∂A = g vᵀ = G
        A = softmax(S)                      in a row, ∂Aⱼ/∂Sᵢ = Aⱼ([i = j] − Aᵢ): every key takes from all others, so
                                            ∂C/∂Sᵢ = Σⱼ Gⱼ Aⱼ([i = j] − Aᵢ) = Aᵢ (Gᵢ − Σⱼ Gⱼ Aⱼ)
        S = q kᵀ / √d                       ∂C/∂q = ∂C/∂S k / √d,  ∂C/∂k = ∂C/∂Sᵀ q / √d
        q = W_q query + b_q                 equations 2 to 4; k and v likewise

    `forward(query, key, value)`, or `forward(x)`, where x is all three, so that three δs add up. Then may come truths:
    the key_padding_mask (N, S), True where a key is padding, and the attn_mask, (L, S) or (N · heads, L, S), True where
    i may not look at j. With `causal`, an attn_mask in torch, i looks at no j > i. A row that may look at nothing has
    A = 0, and so o = 0. (torch gives A beside y.)

        query, y (L, N, E), key and value (S, N, E); (N, …, E) with batch_first; one example has no N

    add_bias_kv: all may look at one more key, bias_k, which says bias_v, both learned; the examples share them, so that
    their δs add up. add_zero_attn: and at one that is 0 and says 0, a 1 = e⁰ in the sum under A, which changes no
    derivative. W starts as torch's does, Xavier's.

    Raises:
        InputError: embed_dim or num_heads is not an integer >= 1, or the heads do not share out embed_dim; bias,
            batch_first, causal, add_bias_kv or add_zero_attn is not a flag; rng is not a Generator; there are neither
            one input nor three; an input has another shape or dtype.
    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.2. Same as torch.nn.MultiheadAttention
    (without dropout, kdim and vdim).
    """

    embed_dim: Size
    num_heads: Size
    _: KW_ONLY
    bias: Flag = True
    batch_first: Flag = False
    causal: Flag = False
    add_bias_kv: Flag = False
    add_zero_attn: Flag = False
    in_proj_weight: Array = parameter()
    in_proj_bias: Any = parameter()
    bias_k: Any = parameter()
    bias_v: Any = parameter()
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        e, heads = self.embed_dim, self.num_heads
        if e % heads:
            raise InputError(f"MultiheadAttention: num_heads must divide embed_dim, got {heads} and {e}")
        bias, k = self.bias, (6 / (4 * e)) ** 0.5  # as torch's: Xavier's, of in_proj as one
        self.in_proj_weight = generator(self, rng).uniform(-k, k, (3 * e, e))
        self.in_proj_bias = np.zeros(3 * e) if bias else None
        out = Linear(e, e, bias, rng=rng)
        self.parts = {"out_proj": out.like(weight=out.weight, bias=np.zeros(e) if bias else None)}
        self.bias_k, self.bias_v = rng.normal(0, e**-0.5, (2, 1, 1, e)) if self.add_bias_kv else (None, None)

    def forward(self, *inputs: Array) -> tuple[Array, Attended]:
        all_given = given(self, inputs)
        q, k, v = (self._apart(mapped(x, W, b)) for x, W, b in zip(all_given.three, *self._thirds(), strict=True))
        may = allowed(self, all_given, one_more=self.add_bias_kv)
        if self.add_bias_kv:
            k, v = and_learned(k, self.bias_k), and_learned(v, self.bias_v)
        a = softmax((q / q.shape[3] ** 0.5) @ k.swapaxes(2, 3), may, self.add_zero_attn)
        run, tape = self.runs()
        return run("out_proj", self._beside(of_heads(a, v))), Attended(tape, all_given, q, k, v, a)

    def backward(self, delta: Array, cache: Attended, /) -> tuple[Any, "MultiheadAttention"]:
        dz, gradient = self._back_to_maps(delta, cache)
        dx = [d.dot(W).reshape(x.shape) for d, W, x in zip(dz, self._thirds()[0], cache.given.three, strict=True)]
        return cache.given.back(dx), gradient

    def gradient(self, delta: Array, cache: Attended, /) -> "MultiheadAttention":
        return self._back_to_maps(delta, cache)[1]

    def _back_to_maps(self, delta: Array, cache: Attended) -> tuple[list[Array], "MultiheadAttention"]:
        """∂C/∂ what the three maps give, place by place, and the gradient."""
        tape, x, q, k, v, a = cache
        back, gradient = self.backs(tape)
        dq, dk, dv = self._back(self._apart(back("out_proj", delta)), q, k, v, a)
        own: dict[str, Any] = {}
        if self.add_bias_kv:
            own = {name: d[:, :, -1].sum(axis=0).reshape(1, 1, -1) for name, d in (("bias_k", dk), ("bias_v", dv))}
            dk, dv = dk[:, :, :-1], dv[:, :, :-1]
        dz = [rows(self._beside(d)) for d in (dq, dk, dv)]
        own["in_proj_weight"] = np.concatenate([d.T.dot(rows(to)) for d, to in zip(dz, x.three, strict=True)])
        own["in_proj_bias"] = None if self.in_proj_bias is None else np.concatenate([sum_over_batch(d) for d in dz])
        return dz, gradient(**own)

    def _back(self, g: Array, q: Array, k: Array, v: Array, a: Array) -> tuple[Array, Array, Array]:
        """∂C/∂q, ∂C/∂k and ∂C/∂v, given g = ∂C/∂o."""
        ds = g @ v.swapaxes(2, 3)
        ds -= dots_of_rows(ds, a)
        ds *= a
        root = q.shape[3] ** 0.5
        return of_heads(ds, k / root), of_heads(ds.swapaxes(2, 3), q / root), of_heads(a.swapaxes(2, 3), g)

    def _thirds(self) -> tuple[Any, Any]:
        """W and b of q, k and v."""
        W, b = self.in_proj_weight, self.in_proj_bias
        return W.reshape(3, -1, W.shape[1]), [None] * 3 if b is None else b.reshape(3, -1)

    def _apart(self, x: Array) -> Array:
        """The heads one after the other, (N, heads, L, d), as each has products of its own."""
        x = x if self.batch_first else x.swapaxes(0, 1)
        return x.reshape(*x.shape[:2], self.num_heads, -1).swapaxes(1, 2)

    def _beside(self, x: Array) -> Array:
        """And back: the heads one beside the other, as the input lies."""
        x = x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)
        return x if self.batch_first else x.swapaxes(0, 1)


def examples(rng: np.random.Generator) -> Iterator[tuple[MultiheadAttention, Any]]:
    x, memory, nobody = rng.standard_normal((3, 2, 4)), rng.standard_normal((2, 2, 4)), np.zeros((2, 3), bool)
    nobody[0, 1], plain = True, MultiheadAttention(4, 2, rng=rng)
    plain = plain.like(**{name: p + rng.standard_normal(p.shape) / 2 for name, p in plain.params.items()})
    yield plain, x
    yield MultiheadAttention(4, 1, bias=False, rng=rng), (x, memory, 2 * memory)
    for inputs in (x.swapaxes(0, 1), (x.swapaxes(0, 1), nobody)):
        yield MultiheadAttention(4, 2, batch_first=True, causal=True, rng=rng), inputs
    yield plain.like(), (x, x, x, nobody | np.array([[False], [True]]))  # the second sees nothing
    ahead = np.triu(np.ones((3, 3), bool), 2)
    yield MultiheadAttention(4, 2, add_bias_kv=True, rng=rng), (x, nobody, ahead)
    yield MultiheadAttention(4, 2, add_zero_attn=True, bias=False, rng=rng), (x, nobody)
