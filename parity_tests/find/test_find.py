"""Find Bluebird: image files in, a trained network, the bird found."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.find.search import search
from experiments.shared.model_file import load, save
from manual import CrossEntropyLoss, Softmax
from parity_tests.find.conftest import ORDER, Command, of_two
from torch_ref import Parity, compare_network


def verdicts(run: Command, folder: Path, model: Path, *more: str) -> dict[str, Any]:
    """What the command says of each picture of the test part, by file."""
    code, out, err = run(folder, "--model", model, "--format", "json", *more)
    assert (code, err) == (0, "")
    return {picture["file"]: picture for picture in json.loads(out)["pictures"]}


def accuracy(said: dict[str, Any]) -> float:
    return sum(picture["class"] == file.partition("/")[0] for file, picture in said.items()) / len(said)


@pytest.mark.ledger("B16")
def test_image_files_in_a_trained_network_and_the_bluebirds_found(
    drawn: Path, models: dict[str, Path], command: Command
) -> None:
    network = load(models["mlp"]).network
    assert [type(layer).__name__ for layer in network.layers] == ["Flatten", "Linear", "ReLU", "Linear"]
    assert isinstance(search(models["mlp"], None, None).network.layers[-1], Softmax)

    said = verdicts(command, drawn / "test", models["mlp"])
    assert said.keys() == {path.relative_to(drawn / "test").as_posix() for path in drawn.glob("test/*/*")}
    assert accuracy(said) > 0.45, "guessing finds a quarter"
    found = [file for file, picture in said.items() if picture["found"]]
    right = [file for file in found if file.startswith("bluebird/")]
    assert len(right) > len(found) / 2.5, "of sixty pictures fifteen show a bluebird"
    assert len(right) > 15 / 2.5
    assert [said[file]["class"] for file in found] == ["bluebird"] * len(found)


@pytest.mark.ledger("B17")
def test_convolutions_find_more_and_their_every_gradient_is_torchs(
    drawn: Path, models: dict[str, Path], command: Command, agree: Callable[[Parity], None]
) -> None:
    network = load(models["cnn"]).network
    assert {"Conv2d", "MaxPool2d"} < {type(layer).__name__ for layer in network.layers}
    by_convolutions, without = (accuracy(verdicts(command, drawn / "test", models[name])) for name in ("cnn", "mlp"))
    assert by_convolutions > without + 0.05

    data = Data(DataSettings("pictures", folder=str(drawn), size=32, batch_size=32))
    agree(compare_network(network.astype(np.float64), CrossEntropyLoss(), data.train.x[:8], data.train.y[:8]))


def test_the_command_says_of_the_test_part_what_the_training_run_measured(
    drawn: Path, models: dict[str, Path], command: Command
) -> None:
    for model in models.values():
        with (model.parent / "metrics.csv").open(newline="", encoding="utf-8") as file:
            [measured] = [float(row["test_accuracy"]) for row in csv.DictReader(file) if row["test_accuracy"]]
        assert accuracy(verdicts(command, drawn / "test", model)) == pytest.approx(measured)


def test_both_implementations_say_the_same(drawn: Path, models: dict[str, Path], command: Command) -> None:
    ours, reference = (
        verdicts(command, drawn / "test", models["cnn"], f"--implementation={side}") for side in ("manual", "torch")
    )
    assert ours.keys() == reference.keys()
    for file, picture in ours.items():
        assert picture["sought"] == pytest.approx(reference[file]["sought"], abs=1e-5)  # float32, through a network
        assert picture["class"] == reference[file]["class"]


def probability(colour: tuple[int, int, int]) -> float:
    """Of bluebird, by the definition of softmax, from a picture of one colour."""
    green, blue = 4 * (colour[1] / 255 - 0.2) / 0.25, 4 * (colour[2] / 255 - 0.3) / 0.5
    return float(np.exp(blue) / (np.exp(green) + np.exp(blue)))


def test_bluebirds_come_first_with_their_probabilities(known: Path, folder: Path, command: Command) -> None:
    code, out, err = command(folder, "--model", known, "--format", "csv")
    assert (code, err) == (0, "")
    rows = [*csv.DictReader(out.splitlines())]
    assert [row["file"] for row in rows] == ORDER
    assert [row["found"] for row in rows] == ["yes"] * 3 + ["no"] * 2
    assert [row["class"] for row in rows] == ["bluebird"] * 3 + ["leaf"] * 2
    for row, colour in zip(rows, [(0, 0, 200), (0, 0, 150), (0, 10, 160), (0, 90, 20), (0, 200, 0)], strict=True):
        p = probability(colour)
        assert float(row["sought"]) == pytest.approx(p, rel=1e-12)
        assert float(row["probability"]) == pytest.approx(max(p, 1 - p), rel=1e-12)


def test_the_table_ends_with_how_many_were_found(known: Path, folder: Path, command: Command) -> None:
    _, out, _ = command(folder, "--model", known)
    head, *rows, last = out.splitlines()
    assert head.split() == ["found", "file", "class", "probability", "of", "bluebird"]
    assert [row.split()[:3] for row in rows[:2]] == [["yes", "deep/er/a.png", "bluebird"], ["yes", "b.png", "bluebird"]]
    assert [row.split()[1] for row in rows] == ORDER
    assert last == "bluebird: found in 3 of 5 pictures"


def test_with_a_threshold_found_is_what_is_probable_enough(known: Path, folder: Path, command: Command) -> None:
    between = (probability((0, 0, 150)) + probability((0, 10, 160))) / 2
    for threshold, found in ((0, 5), (between, 2), (1, 0)):
        said = verdicts(command, folder, known, "--threshold", str(threshold))
        assert [*said] == ORDER
        assert [picture["found"] for picture in said.values()] == [True] * found + [False] * (5 - found)


def test_a_picture_that_is_just_as_probable_as_the_threshold_is_found(
    known: Path, folder: Path, command: Command
) -> None:
    """All of its weights 0, a network holds each of two classes for one half."""
    model = load(known)
    save(known, model._replace(network=model.network.like(**{"1.weight": np.zeros((2, 12))})))
    for threshold, found in (("0.5", True), ("0.5000000000000001", False)):
        said = verdicts(command, folder, known, "--threshold", threshold)
        assert [(picture["sought"], picture["found"]) for picture in said.values()] == [(0.5, found)] * 5


@pytest.mark.parametrize("side", ["manual", "torch"])
def test_dropout_rests(side: str, folder: Path, command: Command) -> None:
    model = of_two(folder.parent / "dropped.safetensors", {"Dropout": {"p": 0.75}})
    said = verdicts(command, folder, model, f"--implementation={side}")
    for file, colour in {"b.png": (0, 0, 150), "green.png": (0, 200, 0)}.items():
        assert said[file]["sought"] == pytest.approx(probability(colour), rel=1e-12)


def test_another_class_can_be_sought(known: Path, folder: Path, command: Command) -> None:
    _, out, _ = command(folder, "--model", known, "--class", "leaf")
    assert out.splitlines()[-1] == "leaf: found in 2 of 5 pictures"
    assert out.splitlines()[1].split()[1] == "green.png"


def test_the_first_class_is_sought_where_the_network_knows_no_bluebird(
    known: Path, folder: Path, command: Command
) -> None:
    model = load(known)
    save(known, model._replace(classes=["leaf", "sky"]))
    assert command(folder, "--model", known)[1].splitlines()[-1] == "leaf: found in 2 of 5 pictures"


def test_what_is_no_picture_is_named_and_counted(known: Path, folder: Path, command: Command) -> None:
    (folder / "notes.txt").write_text("notes")
    Image.effect_noise((64, 64), 50).save(folder / "deep" / "cut.png")
    (folder / "deep" / "cut.png").write_bytes((folder / "deep" / "cut.png").read_bytes()[:-1000])
    (folder / ".hidden").write_text("not looked at")
    code, out, err = command(folder, "--model", known)
    assert code == 0
    assert out.splitlines()[-1] == "bluebird: found in 3 of 5 pictures"
    assert [line.partition(" (")[0] for line in err.splitlines()] == [
        f"left out: {folder / 'notes.txt'}: not a picture of a format that is read",
        f"left out: {folder / 'deep' / 'cut.png'}: broken or truncated",
        "left out 2 of 7 files",
    ]


def test_a_file_name_that_is_not_text_is_escaped(known: Path, folder: Path, command: Command) -> None:
    shutil.copy(folder / "b.png", os.fsdecode(bytes(folder) + b"/\xff\n.png"))
    assert r"\xff\n.png" in command(folder, "--model", known)[1]
    assert "\\xff\n.png" in verdicts(command, folder, known)


def test_the_help_has_two_examples(command: Command) -> None:
    code, out, _ = command("--help")
    assert code == 0
    assert out.count("  python -m experiments.find ") == 2
