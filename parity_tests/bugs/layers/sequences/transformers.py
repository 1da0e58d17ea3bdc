"""Mistakes in the wiring of a transformer's blocks."""

import numpy as np

from manual import BertEmbeddings, GPTBlock, TransformerDecoderLayer, TransformerEncoderLayer
from manual.layer import several
from parity_tests.bugs.registry import bug, mistakes


def given(block, x, mask, attended=lambda x, _: x, activated=lambda z, _: z):
    """The right forward, but for what the attention, and the second linear map, are given: of two, one before and one
    after."""
    run, tape = block.runs()

    def feed(z):
        z = run("linear1", z)
        return run("linear2", activated(run("activation", z), z))

    if block.norm_first:
        z = x + run("self_attn", attended(run("norm1", x), x), *mask)
        y = z + feed(run("norm2", z))
    else:
        z = run("norm1", attended(x, 0 * x) + run("self_attn", x, *mask))
        y = run("norm2", z + feed(z))
    return y, (tape, len(mask))


def sent_back(block, delta, cache, past_attention: float = 1, past_maps: float = 1):
    """The right backward, with what goes past the attention, and past the linear maps, times a number."""
    tape, masks = cache
    back, gradient = block.backs(tape)

    def feed_back(d):
        return back("linear1", back("activation", back("linear2", d)))

    if block.norm_first:
        d = past_maps * delta + back("norm2", feed_back(delta))
        dx = past_attention * d + back("norm1", several(back("self_attn", d))[0])
    else:
        e = back("norm2", delta)
        f = back("norm1", past_maps * e + feed_back(e))
        dx = past_attention * f + several(back("self_attn", f))[0]
    return (dx, *[None] * masks) if masks else dx, gradient()


# ---------------------------------------------------------------- TransformerEncoderLayer


@bug("dx")
class _(TransformerEncoderLayer):
    """Nothing goes back past the attention."""

    def backward(self, delta, cache):
        return sent_back(self, delta, cache, past_attention=0)


@bug("dx")
class _(TransformerEncoderLayer):
    """Nothing goes back past the linear maps."""

    def backward(self, delta, cache):
        return sent_back(self, delta, cache, past_maps=0)


@bug("dx")
class _(TransformerEncoderLayer):
    """A sum sends back half of δ past what it adds."""

    def backward(self, delta, cache):
        return sent_back(self, delta, cache, 0.5, 0.5)


@bug("y")
class _(TransformerEncoderLayer):
    """The norms stand after the sums where they belong before, and before where they belong after."""

    def forward(self, x, *mask):
        other = self.like()
        other.norm_first = not self.norm_first
        return super(type(self), other).forward(x, *mask)


@bug("y")
class _(TransformerEncoderLayer):
    """There is no activation between the linear maps."""

    def forward(self, x, *mask):
        return given(self, x, mask, activated=lambda _, z: z)


@bug("y")
class _(TransformerEncoderLayer):
    """The attention is given the input without its norm, or the sum after it is left out."""

    def forward(self, x, *mask):
        return given(self, x, mask, attended=lambda _, x: x)


# ---------------------------------------------------------------- TransformerDecoderLayer


def decoded(block, delta, cache, past=(1, 1, 1), memory=lambda key, value: key + value):
    """The right backward, with what goes past each sum times a number, and another sum for the memory."""
    tape, masks = cache
    back, gradient = block.backs(tape)

    def feed_back(d):
        return back("linear1", back("activation", back("linear2", d)))

    if block.norm_first:
        dw = past[2] * delta + back("norm3", feed_back(delta))
        dlooked, dkey, dvalue, *_ = back("multihead_attn", dw)
        dz = past[1] * dw + back("norm2", dlooked)
        dx = past[0] * dz + back("norm1", several(back("self_attn", dz))[0])
    else:
        e = back("norm3", delta)
        f = back("norm2", past[2] * e + feed_back(e))
        dlooked, dkey, dvalue, *_ = back("multihead_attn", f)
        g = back("norm1", past[1] * f + dlooked)
        dx = past[0] * g + several(back("self_attn", g))[0]
    return (dx, memory(dkey, dvalue), *[None] * masks), gradient()


mistakes(TransformerDecoderLayer, [
    ("Nothing goes back past the attention to what has been written", "dx0", "",
     {"backward": lambda self, delta, cache: decoded(self, delta, cache, (0, 1, 1))}),
    ("Nothing goes back past the attention to the memory", "dx0", "",
     {"backward": lambda self, delta, cache: decoded(self, delta, cache, (1, 0, 1))}),
    ("Nothing goes back past the linear maps", "dx0", "",
     {"backward": lambda self, delta, cache: decoded(self, delta, cache, (1, 1, 0))}),
    ("The memory has the δ of the keys alone", "dx1", "",
     {"backward": lambda self, delta, cache: decoded(self, delta, cache, memory=lambda key, value: key)}),
    ("The memory has the δ of the values alone", "dx1", "",
     {"backward": lambda self, delta, cache: decoded(self, delta, cache, memory=lambda key, value: value)}),
    ("The memory has no δ: its encoder is not trained", "dx1", "",
     {"backward": lambda self, delta, cache: decoded(self, delta, cache, memory=lambda key, value: 0 * key)}),
])  # fmt: skip


@bug("y")
class _(TransformerDecoderLayer):
    """Nothing is heard of the memory."""

    def forward(self, x, memory, *masks):
        return super().forward(x, 0 * memory, *masks)


# ---------------------------------------------------------------- GPTBlock


@bug("dx")
class _(GPTBlock):
    """Nothing goes back past the attention."""

    def backward(self, delta, tape):
        back, gradient = self.backs(tape)
        return back("ln_1", back("attn", delta + back("ln_2", back("mlp", delta)))), gradient()


@bug("dx")
class _(GPTBlock):
    """Nothing goes back past the mlp."""

    def backward(self, delta, tape):
        back, gradient = self.backs(tape)
        dz = back("ln_2", back("mlp", delta))
        return dz + back("ln_1", back("attn", dz)), gradient()


@bug("dx")
class _(GPTBlock):
    """What goes past the attention is δ, without what the mlp sends back."""

    def backward(self, delta, tape):
        back, gradient = self.backs(tape)
        dz = delta + back("ln_2", back("mlp", delta))
        return delta + back("ln_1", back("attn", dz)), gradient()


@bug("y")
class _(GPTBlock):
    """The mlp is added to the input, not to what the attention has made of it."""

    def forward(self, x):
        run, tape = self.runs()
        z = x + run("attn", run("ln_1", x))
        return x + run("mlp", run("ln_2", z)), tape


@bug("y")
class _(GPTBlock):
    """The attention is given the input without its norm."""

    def forward(self, x):
        run, tape = self.runs()
        run("ln_1", x)
        z = x + run("attn", x)
        return z + run("mlp", run("ln_2", z)), tape


@bug("y")
class _(GPTBlock):
    """The norm before the mlp is left out."""

    def forward(self, x):
        run, tape = self.runs()
        z = x + run("attn", run("ln_1", x))
        run("ln_2", z)
        return z + run("mlp", z), tape


# ---------------------------------------------------------------- BertEmbeddings


def summed(block, i, types, places=lambda z: z, add=lambda z, s: z + s):
    """The right forward, but for the places, and for how the types come to it."""
    run, tape = block.runs()
    z = places(run("position_embeddings", places(run("word_embeddings", i))))
    return run("LayerNorm", add(z, run("token_type_embeddings", *types or [np.zeros_like(i)]))), (tape, len(types))


@bug("y")
class _(BertEmbeddings):
    """The places are counted from the last word."""

    def forward(self, i, *types):
        return summed(self, i, types, places=lambda z: z[:, ::-1])


@bug("y")
class _(BertEmbeddings):
    """The types are left out."""

    def forward(self, i, *types):
        return summed(self, i, types, add=lambda z, _: z)


@bug("dword_embeddings.weight")
class _(BertEmbeddings):
    """What the embeddings are sent has not gone through the norm."""

    def backward(self, delta, cache):
        tape, types = cache
        back, gradient = self.backs(tape)
        back("LayerNorm", delta)
        back("token_type_embeddings", delta)
        back("word_embeddings", back("position_embeddings", delta))
        return (None, None) if types else None, gradient()


@bug("dtoken_type_embeddings.weight")
class _(BertEmbeddings):
    """The types learn nothing, as if they were a constant."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        gradient.params["token_type_embeddings.weight"][...] = 0
        return dx, gradient


@bug("dposition_embeddings.weight", "times")
class _(BertEmbeddings):
    """The gradient of a place is the mean over the batch."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        gradient.params["position_embeddings.weight"][...] /= len(delta)
        return dx, gradient
