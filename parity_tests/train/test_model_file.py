"""model.safetensors: what training leaves, read by NumPy and by torch."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from experiments.shared import command, model_file
from experiments.shared.model_file import Model, load, save
from experiments.shared.scale import Scale
from experiments.shared.spec import build_network
from experiments.train.checkpoints import restore
from manual import InputError
from parity_tests.train.checkpoints.cutting import fit
from torch_ref import to_numpy, to_torch, twin

LAYERS: list[Any] = [
    {"Conv2d": {"in_channels": 3, "out_channels": 4, "kernel_size": [3, 2], "padding": 1}},
    "ReLU",
    {"MaxPool2d": {"kernel_size": 2}},
    "Flatten",
    {"Dropout": {"p": 0.25}},
    {"Linear": {"in_features": 48, "out_features": 2, "bias": False}},
]
CLASSES, SCALE = ["bluebird", 'a "wren" é'], Scale([0.1, 0.2, 1 / 3], [0.5, 0.25, 2 / 3])


@pytest.fixture
def model() -> Model:
    """A model whose weights do not lie in memory in the order of their indices, and whose state is not as it began."""
    network = build_network(LAYERS, 0, None, "float32")
    arrays = network.params | network.state
    turned = {name: array.T.copy().T if array.ndim > 1 else array for name, array in arrays.items()}
    assert not turned["0.weight"].flags.c_contiguous
    turned["4.count"] = np.array(7)
    return Model(network.like(**turned), LAYERS, "float32", (3, 8, 5), CLASSES, SCALE)


@pytest.fixture
def path(model: Model, tmp_path: Path) -> Path:
    save(tmp_path / "model.safetensors", model)
    return tmp_path / "model.safetensors"


def test_what_was_saved_comes_back_to_the_last_bit(model: Model, path: Path) -> None:
    back = load(path)
    assert repr(back.network) == repr(model.network)
    assert back[1:] == model[1:]
    for ours, saved in ((back.network.params, model.network.params), (back.network.state, model.network.state)):
        assert ours.keys() == saved.keys()
        for name, array in saved.items():
            assert ours[name].dtype == array.dtype
            np.testing.assert_array_equal(ours[name], array)


def test_the_same_model_makes_the_same_file(model: Model, path: Path, tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / name, model)
        assert (tmp_path / name).read_bytes() == path.read_bytes()


def test_numpy_and_torch_read_the_same(model: Model, path: Path, rng: np.random.Generator) -> None:
    arrays, tensors = safetensors.numpy.load_file(path), safetensors.torch.load_file(path)
    assert arrays.keys() == tensors.keys() == (model.network.params | model.network.state).keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(to_numpy(tensors[name]), array)
    x = rng.standard_normal((2, 3, 8, 5)).astype(np.float32)
    of_file, of_network = twin(build_network(LAYERS, 1, None, "float32")), twin(model.network)
    of_file.load_state_dict(tensors)
    assert torch.equal(of_file(to_torch(x)), of_network(to_torch(x)))


@pytest.mark.parametrize("implementation", ["manual", "torch"])
@pytest.mark.parametrize(("config", "shape"), [("digits", (64,)), ("one_two_one", (1,)), ("two_two_one", (2,))])
def test_every_run_leaves_the_network_that_it_trained(
    config: str, shape: tuple[int, ...], implementation: str, tmp_path: Path
) -> None:
    folder = fit(tmp_path, [f"--config={config}", "--trainer.max_epochs=1", f"--model.implementation={implementation}"])
    model, training = load(folder / "model.safetensors"), restore.load(folder / "checkpoints" / "last.ckpt")
    assert (model.layers, model.dtype, model.input) == (training.settings["network"], "float64", shape)
    assert model.classes is model.scale is None
    assert model.network.params.keys() == training.network.params.keys()
    for name, p in training.network.params.items():
        np.testing.assert_array_equal(model.network.params[name], p)


def test_a_save_that_is_cut_off_leaves_the_old_file(model: Model, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(command.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        save(path, model._replace(classes=["x", "y"]))
    assert path.read_bytes() == before
    assert [*path.parent.iterdir()] == [path]


def altered(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """The file with other arrays, or other metadata, and the sha256 of these: made on purpose, not broken."""
    arrays = safetensors.numpy.load_file(path)
    with model_file.safe_open(path, "numpy") as file:
        described = {key: json.loads(value) for key, value in file.metadata().items() if key != "sha256"}
    change(arrays, described)
    metadata = {key: json.dumps(value) for key, value in described.items()}
    if metadata.keys() == {*model_file.KEYS}:
        metadata["sha256"] = model_file.digest(arrays, metadata)
    safetensors.numpy.save_file(arrays, path, metadata)


ARRAYS = "its arrays are not those of its network"
CHANGES: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], object], str]] = {
    "no metadata": (lambda a, d: d.clear(), "its metadata lack network, dtype, input, classes, scale, sha256"),
    "no scale": (lambda a, d: d.pop("scale"), "its metadata lack scale, sha256"),
    "an array less": (lambda a, d: a.pop("5.weight"), ARRAYS),
    "an array more": (lambda a, d: a.update(more=np.ones(2)), ARRAYS),
    "another dtype": (lambda a, d: a.update({"5.weight": np.ones((2, 48))}), ARRAYS),
    "another shape": (lambda a, d: a.update({"5.weight": np.ones((48, 2), np.float32)}), ARRAYS),
    "a NaN": (lambda a, d: a["5.weight"].fill(np.nan), r"5\.weight: expected finite values, got nan"),
    "an unknown layer": (lambda a, d: d["network"].append("Relu"), r"there is no layer 'Relu'; did you mean 'ReLU'\?"),
    "a network that is none": (lambda a, d: d.update(network=3), "does not fit together"),
    "a dtype that is none": (lambda a, d: d.update(dtype="float"), "expected float32 or float64, got 'float'"),
    "several dtypes": (lambda a, d: d.update(dtype=["float32"]), "expected float32 or float64"),
    "another input": (lambda a, d: d.update(input=[2, 8, 5]), r"layer 0 of 6, Conv2d.* got shape \(1, 2, 8, 5\)"),
    "an input beyond all memory": (lambda a, d: d.update(input=[3, 10**7, 10**7]), "does not fit together"),
    "an input that is none": (lambda a, d: d.update(input="3, 8, 5"), "does not fit together"),
    "a class less": (lambda a, d: d["classes"].pop(), r"1 classes, and outputs of shape \(1, 2\)"),
    "a mean less": (lambda a, d: d["scale"]["mean"].pop(), "its scale is"),
    "a std of 0": (lambda a, d: d["scale"].update(std=[0, 1, 1]), "its scale is"),
    "a std that is no number": (
        lambda a, d: d["scale"].update(std=[float("nan"), 1, 1]),
        "std: expected finite values",
    ),
    "no std": (lambda a, d: d["scale"].pop("std"), "does not fit together"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_that_does_not_fit_together_is_an_error(name: str, path: Path) -> None:
    change, message = CHANGES[name]
    altered(path, change)
    with pytest.raises(InputError, match=message) as error:
        load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("kept", [0, 5, 400, -1])
def test_a_truncated_file_is_an_error(kept: int, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=f"{path} is not a model, or is broken or truncated"):
        load(path)


def test_another_file_is_an_error(path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, path)
    with pytest.raises(InputError, match="is not a model, or is broken or truncated"):
        load(path)


def test_a_missing_file_is_an_error_that_names_the_nearest(path: Path) -> None:
    with pytest.raises(
        InputError, match=r"there is no model .*modell\.safetensors; did you mean 'model\.safetensors'\?"
    ):
        load(path.with_name("modell.safetensors"))
    with pytest.raises(InputError, match=f"{path.parent}: expected a model, got a folder"):
        load(path.parent)
