from collections import namedtuple
from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar
from typing import Any

import numpy as np

from manual.block import Block
from manual.described import parameter
from manual.layers import Linear
from manual.numbers.checks import InputError, flag, generator, mismatch, whole
from manual.numbers.masks import softmax
from manual.numbers.number_types import Array
from manual.numbers.sums import rows, sum_over_batch

Attended = namedtuple("Attended", "tape given q k v a inputs masked")
"""The cache: what was given, what it was mapped to, and how much each place looks at each, a (N, heads, L, S)."""


class MultiheadAttention(Block):
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

    `forward(query, key, value)`, or `forward(x)`, where x is all three, so that three δs add up. A last input of
    truths, (N, S), is the key_padding_mask: True where a key is none. With `causal`, i looks at no j > i. A row that
    may look at nothing has A = 0, and so o = 0. (torch has `causal` as an attn_mask, and gives A beside y.)

        query, y (L, N, E), key and value (S, N, E)         (N, L, E) and (N, S, E) with batch_first

    Raises:
        InputError: embed_dim or num_heads is not an integer >= 1, or the heads do not share out embed_dim; bias,
            batch_first or causal is not a flag; rng is no generator; there are neither one input nor three; an input
            has another shape or dtype.
    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.2. Same as torch.nn.MultiheadAttention on a
    batch (without dropout, add_bias_kv, add_zero_attn, kdim and vdim).
    """

    embed_dim: int
    num_heads: int
    _: KW_ONLY
    bias: bool = True
    batch_first: bool = False
    causal: bool = False
    in_proj_weight: Array = parameter()
    in_proj_bias: Any = parameter()
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        e, heads = whole(self, "embed_dim", self.embed_dim, 1), whole(self, "num_heads", self.num_heads, 1)
        if e % heads:
            raise InputError(f"MultiheadAttention: num_heads must divide embed_dim, got {heads} and {e}")
        for name in ("batch_first", "causal", "bias"):
            flag(self, name, getattr(self, name))
        bias, k = self.bias, (6 / (4 * e)) ** 0.5  # as torch's: Xavier's, of in_proj as one
        self.in_proj_weight = generator(self, rng).uniform(-k, k, (3 * e, e))
        self.in_proj_bias = np.zeros(3 * e) if bias else None
        out = Linear(e, e, bias, rng=rng)
        self.parts = {"out_proj": out.like(weight=out.weight, bias=np.zeros(e) if bias else None)}

    def forward(self, *inputs: Array) -> tuple[Array, Attended]:
        masked = getattr(inputs[-1], "dtype", np.dtype(float)).kind == "b"
        given, mask = (inputs[:-1], inputs[-1]) if masked else (inputs, None)
        given = given * 3 if len(given) == 1 else given
        self._check(given, mask)
        q, k, v = (self._apart(_map(x, W, b)) for x, W, b in zip(given, *self._thirds(), strict=True))
        a = softmax(q @ k.swapaxes(2, 3) / q.shape[3] ** 0.5, self._allowed(q, k, mask))
        run, tape = self.runs()
        return run("out_proj", self._beside(a @ v)), Attended(tape, given, q, k, v, a, len(inputs), masked)

    def backward(self, delta: Array, cache: Attended, /) -> tuple[Any, "MultiheadAttention"]:
        tape, given, q, k, v, a, inputs, masked = cache
        back, gradient = self.backs(tape)
        dz = [rows(self._beside(d)) for d in self._back(self._apart(back("out_proj", delta)), q, k, v, a)]
        dx = [d.dot(W).reshape(x.shape) for d, x, W in zip(dz, given, self._thirds()[0], strict=True)]
        dx = [dx[0] + dx[1] + dx[2]] if inputs == 1 + masked else dx
        own = {"in_proj_weight": np.concatenate([d.T.dot(rows(x)) for d, x in zip(dz, given, strict=True)])}
        if self.in_proj_bias is not None:
            own["in_proj_bias"] = np.concatenate([sum_over_batch(d) for d in dz])
        return (dx[0] if inputs == 1 else (*dx, None) if masked else tuple(dx)), gradient(**own)

    def _back(self, g: Array, q: Array, k: Array, v: Array, a: Array) -> tuple[Array, Array, Array]:
        """∂C/∂q, ∂C/∂k and ∂C/∂v, given g = ∂C/∂o."""
        dv, da = a.swapaxes(2, 3) @ g, g @ v.swapaxes(2, 3)
        ds = a * (da - (da * a).sum(axis=3, keepdims=True)) / q.shape[3] ** 0.5
        return ds @ k, ds.swapaxes(2, 3) @ q, dv

    def _thirds(self) -> tuple[list[Any], list[Any]]:
        """W and b of q, k and v."""
        W, b = self.in_proj_weight, self.in_proj_bias
        return np.split(W, 3), [None] * 3 if b is None else np.split(b, 3)

    def _apart(self, x: Array) -> Array:
        """The heads one after the other, (N, heads, L, d), as each has products of its own."""
        x = x if self.batch_first else x.swapaxes(0, 1)
        return x.reshape(*x.shape[:2], self.num_heads, -1).swapaxes(1, 2)

    def _beside(self, x: Array) -> Array:
        """And back: the heads one beside the other, as the input lies."""
        x = x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)
        return x if self.batch_first else x.swapaxes(0, 1)

    def _allowed(self, q: Array, k: Array, mask: Any) -> Any:
        """Whether i may look at j, for all heads: (L, S), (N, 1, 1, S) or (N, 1, L, S); None: at each."""
        before = np.tri(q.shape[2], k.shape[2], dtype=bool) if self.causal else True
        return ~mask[:, None, None, :] & before if mask is not None else before if self.causal else None

    def _check(self, given: tuple[Any, ...], mask: Any) -> None:
        dtype, e, n = self.in_proj_weight.dtype, self.embed_dim, 1 - self.batch_first
        if len(given) != 3:
            raise InputError(f"{self!r}: expected one input or query, key and value, got {len(given)}")
        for x in given:
            if getattr(x, "dtype", 0) != dtype or x.ndim != 3 or x.shape[2] != e or not x.size:
                raise mismatch(self, f"(N, L, {e})" if self.batch_first else f"(L, N, {e})", dtype, x)
        (_, key, value), batch = given, given[0].shape[n]
        if key.shape != value.shape or key.shape[n] != batch:
            raise mismatch(self, f"{key.shape}, as the key, in a batch of {batch}, as the query,", dtype, value)
        if mask is not None and mask.shape != (batch, key.shape[1 - n]):
            raise mismatch(self, f"{(batch, key.shape[1 - n])} for the key_padding_mask", bool, mask)


def _map(x: Array, W: Array, b: Any) -> Array:
    """W x + b for every place."""
    z = rows(x).dot(W.T)
    return (z if b is None else z + b).reshape(x.shape)


def examples(rng: np.random.Generator) -> Iterator[tuple[MultiheadAttention, Any]]:
    x, memory, nobody = rng.standard_normal((3, 2, 4)), rng.standard_normal((2, 2, 4)), np.zeros((2, 3), bool)
    nobody[0, 1], plain = True, MultiheadAttention(4, 2, rng=rng)
    plain = plain.like(**{name: p + rng.standard_normal(p.shape) / 2 for name, p in plain.params.items()})
    yield plain, x
    yield MultiheadAttention(4, 1, bias=False, rng=rng), (x, memory, 2 * memory)
    for given in (x.swapaxes(0, 1), (x.swapaxes(0, 1), nobody)):
        yield MultiheadAttention(4, 2, batch_first=True, causal=True, rng=rng), given
    yield plain.like(), (x, x, x, nobody | np.array([[False], [True]]))  # the second sees nothing
