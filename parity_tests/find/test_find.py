"""Find Bluebird: image files in, a trained network, the bird found."""

import csv
import html
import json
import os
import re
import shutil
import tracemalloc
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser

from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.find import command as find
from experiments.find.contact_sheet import Thumbnails
from experiments.find.search import search
from experiments.shared.model_file import Model, load, save
from experiments.shared.scale import Scale
from experiments.shared.spec import build_network
from experiments.train import command as train
from manual import CrossEntropyLoss, Softmax
from parity_tests.drawn import draw
from torch_ref import Parity, compare_network, to_numpy, twin

KINDS = ["blue_jay", "bluebird", "goldfinch", "robin"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hundred drawn pictures: 280 to train on, 60 to choose by, 60 to test."""
    return draw(tmp_path_factory.mktemp("drawn") / "birds", 400)


@pytest.fixture(scope="module")
def models(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What training leaves: document B's kind of network, and one with convolutions, on the same pictures by the same
    steps."""
    out = tmp_path_factory.mktemp("runs")
    options = [f"--data.folder={drawn}", f"--out={out}", "--trainer.max_epochs=15", "--data.batch_size=32"]
    return {
        name: train.run(["fit", f"--config=bluebird_{name}", *options]) / "model.safetensors" for name in ("mlp", "cnn")
    }


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command, and give its exit status and what it writes."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = find.main([*map(str, arguments)])
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


Command = Callable[..., tuple[int, str, str]]


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


# A network that is known: the bluer the more of a bluebird, the greener the more of a leaf


def of_two(path: Path, *between: dict[str, Any]) -> Path:
    """That network as a model; with layers between its pixels and its weights."""
    layers: list[Any] = ["Flatten", *between, {"Linear": {"in_features": 12, "out_features": 2, "bias": False}}]
    weight = np.array([[0] * 4 + [1] * 4 + [0] * 4, [0] * 8 + [1] * 4], float)
    drawn = build_network(layers, 0, None, "float64")
    network = drawn.like(**drawn.state, **{f"{len(layers) - 1}.weight": weight})
    scale = Scale([0.1, 0.2, 0.3], [0.5, 0.25, 0.5])
    save(path, Model(network, layers, "float64", (3, 2, 2), ["leaf", "bluebird"], scale))
    return path


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return of_two(tmp_path / "known.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three bluebirds, the bluest in a folder of its own, and two leaves."""
    for name, colour in {
        "b.png": (0, 0, 150),
        "deep/er/a.png": (0, 0, 200),
        "c.png": (0, 10, 160),
        "green.png": (0, 200, 0),
        '<i>&".png': (0, 90, 20),
    }.items():
        file = tmp_path / "folder" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3, 2), colour).save(file)
    return tmp_path / "folder"


ORDER = ["deep/er/a.png", "b.png", "c.png", '<i>&".png', "green.png"]


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


def test_pictures_are_read_one_at_a_time(known: Path, folder: Path, command: Command) -> None:
    def most(count: int) -> int:
        for index in range(count):
            shutil.copy(folder / "b.png", folder / f"more {index}.png")
        tracemalloc.start()
        command(folder, "--model", known, "--format", "html", "--out", folder.parent / "sheet.html")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    Image.new("RGB", (300, 300), (0, 0, 150)).save(folder / "b.png")
    most(1)
    few, many = most(10), most(50)
    assert many - few < 40 * 96 * 96 * 3 / 4, "forty thumbnails more, but nowhere near their size"


# The contact sheet


def test_the_sheet_shows_every_picture_and_where_the_network_looked(
    known: Path, folder: Path, command: Command
) -> None:
    out = folder.parent / "sheet.html"
    code, said, _ = command(folder, "--model", known, "--format", "html", "--out", out)
    assert (code, said) == (0, f"{out}: bluebird: found in 3 of 5 pictures\n")
    page = out.read_text("utf-8")
    shown = [Image.open(BytesIO(b64decode(uri))) for uri in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]
    assert len(shown) == 10
    assert shown[0].getpixel((0, 0)) == (0, 0, 200)
    assert shown[8].getpixel((0, 0)) == (0, 200, 0)
    names = [html.unescape(name) for name in re.findall(r"<br>\s*<bdi>(.*?)</bdi></figcaption>", page)]
    assert names == ORDER
    assert "<i>" not in page, "a file's name is text"
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|url\(|<script", page)
    assert [*out.parent.glob("*.part")] == []


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (5, "2 of the 7 pictures are drawn by a program. Nothing is claimed about photographs."),
        (0, "The pictures are drawn by a program. Nothing is claimed about photographs."),
    ],
)
def test_the_sheet_says_of_drawn_pictures_that_they_are(
    others: int, said: str, known: Path, folder: Path, drawn: Path, command: Command
) -> None:
    _, undrawn, _ = command(folder, "--model", known, "--format", "html")
    assert not re.search("drawn by a program|, drawn<", undrawn)
    if not others:
        emptied(folder)
    for suffix in ("png", "jpg"):
        shutil.copy(next(drawn.glob(f"test/robin/*.{suffix}")), folder)
    _, page, _ = command(folder, "--model", known, "--format", "html")
    assert said in page
    assert page.count("</bdi>, drawn</figcaption>") == 2


def test_the_sheet_can_go_to_standard_output(known: Path, folder: Path, command: Command) -> None:
    code, out, _ = command(folder, "--model", known, "--format", "html")
    assert code == 0
    assert out.startswith("<!doctype html>")
    assert out.rstrip().endswith("</html>")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_the_sheet_fits_a_screen_and_asks_for_nothing(
    scheme: Any, width: int, known: Path, folder: Path, command: Command, browser: Browser
) -> None:
    out = folder.parent / "sheet.html"
    command(folder, "--model", known, "--format", "html", "--out", out)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    try:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on(
            "request",
            lambda request: said.append(request.url) if not request.url.startswith(("data:", "file:")) else None,
        )
        page.goto(out.as_uri())
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert said == []
    finally:
        page.close()


@pytest.mark.parametrize("sought", KINDS)
def test_where_it_looked_is_the_derivative_by_the_pixels_of_the_probability_of_what_is_sought(
    sought: str, models: dict[str, Path], drawn: Path
) -> None:
    with Image.open(next(drawn.glob("test/bluebird/*.png"))) as file:
        picture = file.convert("RGB")
    look_for = search(models["cnn"], sought, None)
    model = load(models["cnn"])
    assert model.scale is not None
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (model.scale.mean, model.scale.std))
    raw = torch.tensor(np.asarray(picture).transpose(2, 0, 1).copy() / 255, dtype=torch.float64, requires_grad=True)
    module = twin(model.network.astype(np.float64))
    p = torch.softmax(module(((raw - mean.double()) / std.double())[None]), dim=1)[0, KINDS.index(sought)]
    p.backward()
    assert raw.grad is not None
    reference = to_numpy(raw.grad.abs().sum(0))
    ours = look_for.looked(picture)
    assert ours.shape == (32, 32)
    np.testing.assert_allclose(ours, reference, rtol=1e-3, atol=1e-3 * reference.max())


def test_the_brightest_pixel_is_where_the_derivative_is_largest() -> None:
    looked = np.zeros((4, 4))
    looked[1, 2] = 3
    with Thumbnails() as thumbnails:
        thumbnails.add("a", Image.new("RGB", (4, 4), (30, 30, 30)), looked)
        thumbnails.add("blank", Image.new("RGB", (4, 4), (30, 30, 30)), 0 * looked)
        marked, blank = (
            np.asarray(Image.open(BytesIO(b64decode([*thumbnails.uris(name)][1].partition(",")[2]))))
            for name in ("a", "blank")
        )
    assert np.argwhere(marked[..., 0] > 100).tolist() == [[1, 2]]
    assert (blank == blank[0, 0]).all(), "nothing moves it, nothing is marked"


# What cannot be


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def test_the_help_has_two_examples(command: Command) -> None:
    code, out, _ = command("--help")
    assert code == 0
    assert out.count("  python -m experiments.find ") == 2
