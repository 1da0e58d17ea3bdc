"""An encoder whose weights come from another's file: torch's own of those names gives the same, tensor by tensor."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from experiments.write.pretrained import read
from manual import SGD, InputError, MSELoss
from torch_ref import compare, compare_training, to_numpy, to_torch
from torch_ref.tolerance.bounds import bounded, layer_bounds

WORDS, D, WIDE, HEADS, LR, EPS = 9, 8, 12, 2, 0.5, 1e-12
PAGE = Path(__file__).parents[2] / "docs/language.md"
IDS = np.array([[1, 5, 3, 1, 7], [2, 8, 8, 4, 6]])


def named(**parts: nn.Module) -> nn.ModuleDict:
    return nn.ModuleDict(parts)


class Encoder(nn.Module):
    """BERT's encoder as it is published, written out, by Hugging Face's names."""

    def __init__(self) -> None:
        super().__init__()
        sizes = {"word_embeddings": WORDS, "position_embeddings": 6, "token_type_embeddings": 2}
        self.embeddings = named(
            **{name: nn.Embedding(n, D) for name, n in sizes.items()}, LayerNorm=nn.LayerNorm(D, EPS)
        )
        self.encoder = named(layer=nn.ModuleList(self.block() for _ in range(2)))
        for name, p in self.named_parameters():
            nn.init.normal_(p, mean=float(name.endswith("LayerNorm.weight")), std=0.3)

    def block(self) -> nn.ModuleDict:
        own = named(**{name: nn.Linear(D, D) for name in ("query", "key", "value")})
        output = named(dense=nn.Linear(D, D), LayerNorm=nn.LayerNorm(D, EPS))
        return named(
            attention=named(self=own, output=output),
            intermediate=named(dense=nn.Linear(D, WIDE)),
            output=named(dense=nn.Linear(WIDE, D), LayerNorm=nn.LayerNorm(D, EPS)),
        )

    def forward(self, i: torch.Tensor) -> torch.Tensor:
        first: Any = self.embeddings
        types, places = torch.zeros_like(i), torch.arange(i.shape[1])
        x = first.word_embeddings(i) + first.token_type_embeddings(types) + first.position_embeddings(places)
        x = first.LayerNorm(x)
        for block in self.encoder["layer"]:  # pyright: ignore[reportGeneralTypeIssues]
            ask, output = block["attention"]["self"], block["attention"]["output"]
            q, k, v = (ask[n](x).unflatten(2, (HEADS, -1)).transpose(1, 2) for n in ("query", "key", "value"))
            a = torch.softmax(q @ k.transpose(2, 3) / (D / HEADS) ** 0.5, dim=3)
            x = output["LayerNorm"](output["dense"]((a @ v).transpose(1, 2).flatten(2)) + x)
            z = block["output"]["dense"](nn.functional.gelu(block["intermediate"]["dense"](x)))
            x = block["output"]["LayerNorm"](z + x)
        return x


@pytest.fixture
def theirs() -> Encoder:
    torch.manual_seed(0)
    return Encoder().double()


def saved(path: Path, arrays: dict[str, torch.Tensor]) -> Path:
    save_file({name: array.contiguous() for name, array in arrays.items()}, path)
    return path


def by_their_names(params: dict[str, Any]) -> dict[str, Any]:
    """Arrays of our parameters' names and shapes, by theirs."""
    found = {}
    for name, array in params.items():
        layer, _, own = name.partition(".")
        if layer == "0":
            found[f"embeddings.{own}"] = array
            continue
        before, kind = f"encoder.layer.{int(layer) - 1}.", own[own.rindex("_" if "in_proj" in own else ".") + 1 :]
        if "in_proj" in own:
            for third, what in enumerate(("query", "key", "value")):
                found[f"{before}attention.self.{what}.{kind}"] = array[third * D : (third + 1) * D]
            continue
        place = {
            "self_attn.out_proj": "attention.output.dense", "norm1": "attention.output.LayerNorm",
            "linear1": "intermediate.dense", "linear2": "output.dense", "norm2": "output.LayerNorm",
        }[own.removesuffix(f".{kind}")]  # fmt: skip
        found[f"{before}{place}.{kind}"] = array
    return found


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_forward_backward_and_a_step_are_torch_s_tensor_by_tensor(prefix, theirs, tmp_path):
    more = {"embeddings.position_ids": torch.arange(6), "pooler.dense.weight": torch.ones(D, D, dtype=torch.float64)}
    file = saved(tmp_path / "m.safetensors", {prefix + n: a for n, a in (theirs.state_dict() | more).items()})
    network, left_out = read(file, HEADS)
    assert {*left_out} == {prefix + name for name in more}
    y, tape = network.forward(IDS)
    delta = np.random.default_rng(0).standard_normal(y.shape)
    gradient = network.gradient(delta, tape)
    bounds = layer_bounds(network, IDS, delta)
    reference = theirs(to_torch(IDS))
    (reference * to_torch(delta)).sum().backward()
    before = {name: to_numpy(p).copy() for name, p in theirs.named_parameters()}
    torch.optim.SGD(theirs.parameters(), LR).step()
    moving = network.like(**bounded(network.params))
    SGD(LR).step(moving, network.like(**{name: bounds[f"d{name}"] for name in network.params}))  # pyright: ignore[reportArgumentType]
    SGD(LR).step(network, gradient)

    found = [compare("forward", "y", y, reference, 2 * bounds["y"].error)]
    allowed = by_their_names({name: 2 * bounds[f"d{name}"].error for name in gradient.params})
    after = by_their_names({name: 2 * p.error for name, p in moving.params.items()})  # pyright: ignore[reportAttributeAccessIssue]
    ours, moved = by_their_names(gradient.params), by_their_names(network.params)
    assert ours.keys() == before.keys()
    for name, p in theirs.named_parameters():
        found.append(compare("backward", name, ours[name], p.grad, allowed[name]))
        found.append(compare("step", name, moved[name], p, after[name], to_numpy(p) - before[name]))
    # softmax does not see what is added to all keys alike, so that the gradient of their bias is 0 but for rounding
    keys = {f"encoder.layer.{i}.attention.self.key.bias" for i in range(2)}
    assert {c.quantity for c in found if not c.agrees} == keys
    assert not [c for c in found if c.differs]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_torch_s_own_blocks_load_too_and_are_fine_tuned_alike(dtype, theirs, tmp_path):
    block = nn.TransformerEncoderLayer(D, HEADS, WIDE, activation="gelu")
    arrays = {f"embeddings.{name}": p for name, p in theirs.embeddings.state_dict().items()}
    arrays |= {
        f"encoder.{name}": p
        for name, p in nn.TransformerEncoder(block, 2, enable_nested_tensor=False).state_dict().items()
    }
    file = saved(tmp_path / "m.safetensors", {name: array.to(dtype) for name, array in arrays.items()})
    network, left_out = read(file, HEADS)
    assert not left_out
    target = np.random.default_rng(0).standard_normal((*IDS.shape, D)).astype(network.params["1.norm1.bias"].dtype)
    parity = compare_training(network, MSELoss(), SGD(LR), IDS, target, 2)
    assert not [c for c in parity.comparisons if c.differs]
    assert sum(c.agrees for c in parity.comparisons) > 400


def test_the_page_shows_how(theirs, tmp_path, monkeypatch, capsys):
    saved(tmp_path / "model.safetensors", theirs.state_dict())
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    exec(code.replace("num_heads=12", f"num_heads={HEADS}"), {})
    assert re.search(r"\d+ comparisons agree; ", capsys.readouterr().out)


@pytest.mark.parametrize(("changed", "said"), [
    ({"embeddings.word_embeddings.weight": None}, "expected one array …embeddings.word_embeddings.weight"),
    ({"encoder.layer.0.intermediate.dense.weight": None}, "intermediate.dense.weight, which is not there"),
    ({"encoder.layer.1.output.dense.bias": None}, "encoder.layer.1.output.dense.bias, which is not there"),
    ({"encoder.layer.1.output.dense.bias": (7,)}, r"dense.bias of shape \(8,\), got \(7,\)"),
    ({"encoder.layer.0.attention.self.key.weight": (4, 8)}, r"key.weight of shape \(8, 8\), got \(4, 8\)"),
    ({"embeddings.position_embeddings.weight": (8,)}, r"expected a matrix embeddings.position_embeddings.weight, got"),
    ({"encoder.layer.0.attention.self.distance_embedding.weight": (11, 4)}, "distance_embedding.weight has no place"),
    ({"encoder.layer.2.output.dense.bias": (8,)}, "encoder.layer.2.output.dense.bias has no place"),
])  # fmt: skip
def test_what_is_no_such_encoder_is_refused_in_one_line(changed, said, theirs, tmp_path):
    arrays = theirs.state_dict() | {name: shape and torch.ones(shape).double() for name, shape in changed.items()}
    file = saved(tmp_path / "m.safetensors", {name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(InputError, match=said):
        read(file, HEADS)


@pytest.mark.parametrize(("content", "said"), [(None, "there is no model"), (b"no weights", "is no safetensors file")])
def test_a_file_that_holds_no_weights_is_refused(content, said, tmp_path):
    if content:
        (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read(tmp_path / "m.safetensors", HEADS)
