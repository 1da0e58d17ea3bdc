"""A pretrained encoder, such as BERT, by hand: the weights that others published, in a file of theirs.

    embeddings.word_embeddings.weight, …            BertEmbeddings
    encoder.layer.0.attention.self.query.weight, …  TransformerEncoderLayer, post-norm, by Hugging Face's names
    encoder.layers.0.self_attn.in_proj_weight, …    or by torch's

Before all of them there may be a prefix, as "bert.".
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from experiments.shared.spec import Spec, outline
from experiments.shared.untrusted_files import plain_file
from manual import InputError, Network
from manual.numbers.checks import finite
from manual.numbers.number_types import Array

HUGGING_FACE = {
    "self_attn.in_proj_": ("attention.self.query.", "attention.self.key.", "attention.self.value."),
    "self_attn.out_proj.": ("attention.output.dense.",),
    "norm1.": ("attention.output.LayerNorm.",),
    "linear1.": ("intermediate.dense.",),
    "linear2.": ("output.dense.",),
    "norm2.": ("output.LayerNorm.",),
}
"""What a block's parameters are called here, and there, before "weight" or "bias"."""
BLOCKS = {"encoder.layer.": HUGGING_FACE, "encoder.layers.": {name: (name,) for name in HUGGING_FACE}}
"""What stands before a block's number, and what is called how after it."""
FIRST = "embeddings.word_embeddings.weight"
OLD = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
"""What the first of these files said."""


class Pretrained(NamedTuple):
    """An encoder: of words (N, T) a vector for each, (N, T, hidden_size). And what else the file holds, by name."""

    network: Network
    left_out: list[str]


def read(file: Path, num_heads: int, layer_norm_eps: float = 1e-12, padding_idx: int | None = 0) -> Pretrained:
    """The encoder in a safetensors file. What the weights do not tell stands in the config.json beside them:
    num_attention_heads, layer_norm_eps, pad_token_id. The activation is GELU.

    Raises:
        InputError: no such file, or no safetensors; it holds no such encoder, or one that has more to it; its arrays
            do not fit together.
    """
    try:
        held = load_file(plain_file(file, "model"))
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{file} is no safetensors file that NumPy reads ({error})") from None
    firsts = [name for name in held if name.endswith(FIRST)]
    if len(firsts) != 1:
        raise InputError(f"{file}: expected one array …{FIRST}, as of a BERT-like encoder, got {len(firsts)}")
    prefix = firsts[0].removesuffix(FIRST)
    arrays = {_modern(name.removeprefix(prefix)): array for name, array in held.items() if name.startswith(prefix)}
    network, used = _encoder(_Given(file, arrays), num_heads, layer_norm_eps, padding_idx)
    rest = [name for name in arrays if name not in used]
    for name in rest:
        if name.startswith(("embeddings.", "encoder.")) and arrays[name].dtype.kind == "f":
            raise InputError(f"{file}: {prefix}{name} has no place in a BERT-like encoder")
    return Pretrained(network, [*(prefix + name for name in rest), *(n for n in held if not n.startswith(prefix))])


class _Given(NamedTuple):
    """What a file holds, and a clear word for what it does not."""

    file: Path
    arrays: dict[str, Array]

    def shape(self, name: str) -> tuple[int, int]:
        """That of a matrix."""
        [array] = self.some([name])
        if array.ndim != 2:
            raise InputError(f"{self.file}: expected a matrix {name}, got shape {array.shape}")
        return array.shape

    def some(self, names: Iterable[str]) -> list[Array]:
        """The arrays of these names."""
        for name in names:
            if name not in self.arrays:
                raise InputError(f"{self.file}: expected an array {name}, which is not there")
            if self.arrays[name].dtype != self.arrays[FIRST].dtype:
                raise InputError(f"{self.file}: {name} is {self.arrays[name].dtype}, others are not")
            finite(name, self.arrays[name])
        return [self.arrays[name] for name in names]


def _encoder(given: _Given, num_heads: int, eps: float, padding_idx: int | None) -> tuple[Network, set[str]]:
    """The network with its parameters, and the names of those of the file."""
    (words, d), (places, _), (types, _) = (
        given.shape(f"embeddings.{kind}_embeddings.weight") for kind in ("word", "position", "token_type")
    )
    sizes = {"vocab_size": words, "hidden_size": d, "max_position_embeddings": places, "type_vocab_size": types}
    layers: list[Spec] = [{"BertEmbeddings": sizes | {"padding_idx": padding_idx, "layer_norm_eps": eps}}]
    before = next((kind for kind in BLOCKS if any(name.startswith(kind) for name in given.arrays)), "encoder.layer.")
    wide = BLOCKS[before]["linear1."][0] + "weight"
    while len(layers) == 1 or f"{before}{len(layers) - 1}.{wide}" in given.arrays:
        hidden, _ = given.shape(f"{before}{len(layers) - 1}.{wide}")
        how = {"activation": "gelu", "layer_norm_eps": eps, "batch_first": True}
        layers.append({"TransformerEncoderLayer": {"d_model": d, "nhead": num_heads, "dim_feedforward": hidden} | how})
    network = outline(layers)
    theirs = {name: _theirs(name, before) for name in network.params}
    weights = {}
    for name, p in network.params.items():
        parts = given.some(theirs[name])
        want = (len(p) // len(parts), *p.shape[1:])
        for there, part in zip(theirs[name], parts, strict=True):
            if part.shape != want:
                raise InputError(f"{given.file}: expected {there} of shape {want}, got {part.shape}")
        weights[name] = np.concatenate(parts)
    return network.like(**weights), {there for names in theirs.values() for there in names}


def _theirs(name: str, before: str) -> list[str]:
    """What a parameter of the network is called in the file; of several, one is below the other."""
    layer, _, own = name.partition(".")
    if layer == "0":
        return [f"embeddings.{own}"]
    ours = own.removesuffix("weight").removesuffix("bias")
    return [f"{before}{int(layer) - 1}.{there}{own.removeprefix(ours)}" for there in BLOCKS[before][ours]]


def _modern(name: str) -> str:
    for old, new in OLD.items():
        name = name.replace(old, new)
    return name
