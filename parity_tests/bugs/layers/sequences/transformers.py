"""Mistakes in the wiring of a transformer's blocks."""

from manual import BertEmbeddings, GPTBlock, TransformerDecoderLayer, TransformerEncoderLayer
from parity_tests.bugs.registry import bug, edits

# ---------------------------------------------------------------- TransformerEncoderLayer


edits(TransformerEncoderLayer, "backward", [
    ("Nothing goes back past the attention", "dx", "",
     "dx = d + back(", "dx = back(",
     "dx = f + attend", "dx = attend"),
    ("Nothing goes back past the linear maps", "dx", "",
     "d = delta + back(", "d = back(",
     "e + feed_back(e)", "feed_back(e)"),
    ("A sum sends back half of δ past what it adds", "dx", "",
     "d = delta +", "d = delta / 2 +",
     "dx = d +", "dx = d / 2 +",
     "e + feed", "e / 2 + feed",
     "dx = f +", "dx = f / 2 +"),
])  # fmt: skip

edits(TransformerEncoderLayer, "forward", [
    ("The norms stand after the sums where they belong before, and before where they belong after", "y", "",
     "if self.norm_first", "if not self.norm_first"),
    ("There is no activation between the linear maps", "y", "",
     'return run("linear2", run("activation", run("linear1", z)))',
     'z = run("linear1", z)\n        run("activation", z)\n        return run("linear2", z)'),
    ("The attention is given the input without its norm, or the sum after it is left out", "y", "",
     'z = x + run("self_attn", run("norm1", x), *mask)', 'run("norm1", x)\n        z = x + run("self_attn", x, *mask)',
     'x + run("self_attn", x, *mask))', 'run("self_attn", x, *mask))'),
])  # fmt: skip


# ---------------------------------------------------------------- TransformerDecoderLayer


edits(TransformerDecoderLayer, "backward", [
    ("Nothing goes back past the attention to what has been written", "dx0", "",
     "dx = dz + back(", "dx = back(",
     "dx = g + attend_back(g)", "dx = attend_back(g)"),
    ("Nothing goes back past the attention to the memory", "dx0", "",
     "dz = dw + back(", "dz = back(",
     "f + dlooked", "dlooked"),
    ("Nothing goes back past the linear maps", "dx0", "",
     "dw = delta + back(", "dw = back(",
     "e + feed_back(e)", "feed_back(e)"),
    ("The memory has the δ of the keys alone", "dx1", "", "dkey + dvalue", "dkey"),
    ("The memory has the δ of the values alone", "dx1", "", "dkey + dvalue", "dvalue"),
    ("The memory has no δ: its encoder is not trained", "dx1", "", "dkey + dvalue", "0 * dkey"),
])  # fmt: skip


edits(TransformerDecoderLayer, "forward", [
    ("Nothing is heard of the memory", "y", "", "memory, memory, *masks", "0 * memory, 0 * memory, *masks"),
])  # fmt: skip


# ---------------------------------------------------------------- GPTBlock


edits(GPTBlock, "backward", [
    ("Nothing goes back past the attention", "dx", "", "return dz + back(", "return back("),
    ("Nothing goes back past the mlp", "dx", "", "dz = delta + back(", "dz = back("),
    ("What goes past the attention is δ, without what the mlp sends back", "dx", "",
     "return dz + back(", "return delta + back("),
])  # fmt: skip

edits(GPTBlock, "forward", [
    ("The mlp is added to the input, not to what the attention has made of it", "y", "",
     "return z + run(", "return x + run("),
    ("The attention is given the input without its norm", "y", "",
     'z = x + run("attn", run("ln_1", x))', 'run("ln_1", x)\n    z = x + run("attn", x)'),
    ("The norm before the mlp is left out", "y", "",
     'return z + run("mlp", run("ln_2", z))', 'run("ln_2", z)\n    return z + run("mlp", z)'),
])  # fmt: skip


# ---------------------------------------------------------------- BertEmbeddings


edits(BertEmbeddings, "forward", [
    ("The places are counted from the last word", "y", "",
     'run("position_embeddings", run("word_embeddings", i))',
     'run("position_embeddings", run("word_embeddings", i)[:, ::-1])[:, ::-1]'),
    ("The types are left out", "y", "", ' + run("token_type_embeddings", s)', '\n    run("token_type_embeddings", s)'),
])  # fmt: skip

edits(BertEmbeddings, "backward", [
    ("What the embeddings are sent has not gone through the norm", "dword_embeddings.weight", "",
     'd = back("LayerNorm", delta)', 'd = delta\n    back("LayerNorm", delta)'),
    ("The types learn nothing, as if they were a constant", "dtoken_type_embeddings.weight", "",
     'back("token_type_embeddings", d)', 'back("token_type_embeddings", 0 * d)'),
])  # fmt: skip


@bug("dposition_embeddings.weight", "times")
class _(BertEmbeddings):
    """The gradient of a place is the mean over the batch."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        gradient.params["position_embeddings.weight"][...] /= len(delta)
        return dx, gradient
