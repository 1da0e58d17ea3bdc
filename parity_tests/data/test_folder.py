"""A folder of pictures as data: what is read, how, what is left out, and what both implementations get to see."""

import math
import sys
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.data.folder import CHOOSE, part_of, pictures
from experiments.data.images import FORMATS
from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.shared.scale import Scale, levels
from experiments.train import command as train
from experiments.train.checkpoints import restore
from parity_tests.data.drawn import draw
from parity_tests.data.test_images import SIZE, cut, noise, read
from parity_tests.train.checkpoints.cutting import fit

KINDS = ["blue_jay", "bluebird", "goldfinch", "robin"]
PARTS = ["train", "validation", "test"]
Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("drawn") / "birds", 40, size=SIZE)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A user's folder: two classes of thirty pictures each, some a folder further down, not split."""
    for kind, index in product(("crow", "wren"), range(30)):
        file = tmp_path / "photos" / kind / ("of 2020" if index % 3 else "") / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(9, 7, 3, seed=index)).save(file)
    return tmp_path / "photos"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run a training command for one epoch, and give its exit status and what it writes to standard error."""

    def run(subcommand: str, *arguments: object) -> tuple[int, str]:
        options = "--config=bluebird_softmax", f"--out={tmp_path / 'runs'}", "--trainer.max_epochs=1"
        monkeypatch.setattr(sys, "argv", ["train", subcommand, *options, *map(str, arguments)])
        capsys.readouterr()
        try:
            train.main()
        except SystemExit as stop:
            return int(stop.code or 0), capsys.readouterr().err
        return 0, capsys.readouterr().err

    return run


# What is left out


def test_what_is_left_out_is_named_and_counted_and_training_goes_on(
    photos: Path, command: Command, tmp_path: Path
) -> None:
    cut(photos / "crow" / "cut.jpg", "JPEG")
    (photos / "crow" / "of 2020" / "a\nb.txt").write_text("notes")
    (photos / "readme.png").write_bytes((photos / "wren" / "0.png").read_bytes())
    (photos / "crow" / ".DS_Store").write_text("not the user's")
    (photos / ".thumbnails").mkdir()
    (photos / "elsewhere").symlink_to(photos / "wren")
    code, err = command("fit", "--data.folder", photos)
    assert code == 0
    *named, last = err.splitlines()
    assert [line.partition(" (")[0] for line in sorted(named)] == [
        f"left out: {photos / 'crow' / 'cut.jpg'}: broken or truncated",
        rf"left out: {photos / 'crow' / 'of 2020'}/a\nb.txt: not a picture of a format that is read",
        f"left out: {photos / 'elsewhere'}: in the folder of no class",
        f"left out: {photos / 'readme.png'}: in the folder of no class",
    ]
    assert last == "left out 4 of 64 files"
    assert [*tmp_path.glob("runs/*/*/*/model.safetensors")]


def test_nothing_is_said_where_nothing_is_left_out(drawn: Path, command: Command) -> None:
    assert command("fit", "--data.folder", drawn) == (0, "")


# Folders that cannot be trained on


def lay(folder: Path, *names: str) -> None:
    """Pictures of these names in the folder; a name that ends with / is a folder, one of .txt no picture."""
    for name in names:
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if name.endswith(".txt"):
            path.write_text("no picture")
        elif not name.endswith("/"):
            Image.new("RGB", (4, 4)).save(path)


def of_part(part: str, name: str) -> list[str]:
    """The names of two pictures of a class that fall to that part."""
    return [path for path in (f"{name}/{index}.png" for index in range(99)) if part_of(Path(path)) == part][:2]


DRAW = "`python -m experiments.data.birds --out birds` draws one"
TWO = "FOLDER: expected a subfolder for each of at least two classes, got"
CROWS, SPLIT = of_part("train", "crow"), ["train/crow/0.png", "train/wren/0.png", "validation/crow/1.png"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], f"{TWO} none"),
        (CROWS, f"{TWO} crow"),
        ([*CROWS, "LINK"], f"{TWO} crow and 1 links, which are not followed"),
        (
            [*CROWS, "wren/broken.txt"],
            "FOLDER/wren: expected a picture to train on, got none; 1 left out, the first is broken.txt (not a "
            f"picture of a format that is read ({', '.join(FORMATS)}))",
        ),
        (SPLIT, "FOLDER: expected train, validation, test alone, or none of them, got train, validation"),
        ([*SPLIT, "test/crow/"], "FOLDER/test: expected a picture for the test part, got none"),
        ([*SPLIT, "test/owl/0.png"], "FOLDER/test/owl: expected a class of the train part: crow, wren"),
        (
            ["train/crow/0.png", "train/wren/", "validation/wren/1.png", "test/wren/2.png"],
            "FOLDER/train/wren: expected a picture to train on, got none",
        ),
        (
            [*CROWS, *of_part("test", "wren")],
            "FOLDER/wren: expected a picture to train on, got none: a hash of their paths gives 2 to other parts; "
            f"{CHOOSE}",
        ),
        (
            [*CROWS, *of_part("train", "wren"), *of_part("validation", "wren")],
            "FOLDER: expected a picture for the test part, got none: a hash of their paths gives 6 to other parts; "
            f"{CHOOSE}",
        ),
        (None, f"--data.folder: there is no folder FOLDER; {DRAW}"),
        ("a file", f"--data.folder: FOLDER: expected a folder, got a file; {DRAW}"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_one_line(
    names: list[str] | str | None, said: str, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    if isinstance(names, str):
        folder.write_text(names)
    elif names is not None:
        folder.mkdir()
        lay(folder, *[name for name in names if name != "LINK"])
        if "LINK" in names:
            (folder / "wren").symlink_to(tmp_path)
    line = said.replace("FOLDER", str(folder))
    assert command("fit", "--data.folder", folder) == (2, f"python -m experiments.train: {line}\n")
    assert not (tmp_path / "runs").exists()


def test_pictures_of_a_size_that_the_network_does_not_take_are_one_line(drawn: Path, command: Command) -> None:
    status, err = command("fit", "--data.folder", drawn, "--data.size=64")
    assert (status, err.count("\n")) == (2, 1)
    assert "the network does not fit pictures of data.size 64: layer 1 of 2, Linear(in_features=3072, " in err


# How the parts are made


def test_a_folder_in_three_parts_is_taken_as_it_is(drawn: Path) -> None:
    found = pictures(drawn, SIZE)
    assert found.classes == KINDS
    assert found.left_out == []
    for part, (x, y) in zip(PARTS, found.parts, strict=True):
        files = [(path, place) for place, kind in enumerate(KINDS) for path in sorted((drawn / part / kind).iterdir())]
        assert sorted(y.tolist()) == [place for _, place in files]
        expected = {(read(path).tobytes(), place) for path, place in files}
        assert {
            (picture.transpose(1, 2, 0).tobytes(), int(place)) for picture, place in zip(x, y, strict=True)
        } == expected


def test_a_folder_that_is_not_split_is_split_by_the_path_alone(photos: Path, tmp_path: Path) -> None:
    def parts() -> list[Counter[bytes]]:
        return [Counter(picture.tobytes() for picture in part.x) for part in pictures(photos, SIZE).parts]

    before = parts()
    assert sum(part.total() for part in before) == 60
    assert min(part.total() for part in before) > 0
    photos = photos.rename(tmp_path / "elsewhere")
    assert parts() == before, "it does not matter where the folder lies"
    Image.fromarray(noise(9, 7, 3, seed=99)).save(photos / "crow" / "more.png")
    more = parts()
    assert sum((new - old).total() for new, old in zip(more, before, strict=True)) == 1, "nor what else is in it"
    assert not any(old - new for new, old in zip(more, before, strict=True))


def test_about_seventy_of_a_hundred_are_trained_on() -> None:
    n = 4000
    shares = Counter(part_of(Path("wren") / f"{index}.jpg") for index in range(n))
    for part, share in zip(PARTS, (0.70, 0.15, 0.15), strict=True):
        assert abs(shares[part] - share * n) < 4 * math.sqrt(n * share * (1 - share)), "four standard deviations"


@pytest.mark.parametrize(
    ("part", "files"),
    [
        ("train", ["crow/1.jpg", "owl/2.jpg", "crow/of 2020/0.jpg", "mésange/2.jpg"]),
        ("validation", ["crow/0.jpg", "wren/1.jpg", "owl/0.jpg"]),
        ("test", ["owl/1.jpg", "wren/3.jpg"]),
    ],
)
def test_the_part_of_a_path_is_the_same_for_ever(part: str, files: list[str]) -> None:
    """With another hash, or of the name alone, pictures that a network was tested on would be trained on."""
    assert [part_of(Path(file)) for file in files] == [part] * len(files)


def test_two_ways_to_write_the_same_letter_are_one_path() -> None:
    names = [f"mésange/{index}.jpg" for index in range(50)]
    assert [part_of(Path(name)) for name in names] == [part_of(Path(name.replace("é", "e\u0301"))) for name in names]


# What goes into the network


def test_pictures_are_standardised_by_the_training_part_alone(drawn: Path) -> None:
    raw = pictures(drawn, SIZE).parts
    x = raw.train.x[:] / 255
    mean, std = x.mean(axis=(0, 2, 3), keepdims=True), x.std(axis=(0, 2, 3), keepdims=True)
    data = Data(DataSettings("pictures", folder=str(drawn), size=SIZE))
    for ours, part in zip((data.train, data.validation, data.test), raw, strict=True):
        assert ours.x[:1].dtype == np.float64
        np.testing.assert_allclose(ours.x[:], (part.x[:] / 255 - mean) / std, atol=1e-12)
    single = Data(DataSettings("pictures", folder=str(drawn), size=SIZE), "float32").train.x
    np.testing.assert_array_equal(single[:], data.train.x[:].astype(np.float32))


def test_a_channel_that_is_the_same_everywhere_is_centred() -> None:
    pictures = noise(4, 3, 5, 5)
    pictures[:, 1] = 77
    scale = Scale.of(np.sum([levels(picture) for picture in pictures], axis=0))
    assert scale.std[1] == 1
    assert np.abs(scale(pictures, "float64")[:, 1]).max() < 1e-15


# Runs on pictures


def test_the_network_has_an_output_for_each_class_of_the_folder(photos: Path, tmp_path: Path) -> None:
    folder = fit(tmp_path, ["--config=bluebird_softmax", f"--data.folder={photos}", "--trainer.max_epochs=1"])
    assert restore.load(folder / "checkpoints" / "last.ckpt").network.params["1.weight"].shape == (2, 3072)


def test_a_run_does_not_go_on_with_other_pictures_nor_is_tested_on_them(
    drawn: Path, photos: Path, command: Command
) -> None:
    assert command("fit", "--data.folder", drawn)[0] == 0
    for subcommand in ("fit", "test"):
        code, err = command(subcommand, "--data.folder", photos, "--ckpt_path", "last")
        assert code == 2
        assert f"data.classes was {KINDS} there, and is ['crow', 'wren'] here" in err
    copy = photos.parent / "copy"
    draw(copy, 40, seed=1, size=SIZE)
    code, err = command("test", "--data.folder", copy, "--ckpt_path", "last")
    assert code == 2
    assert "data.scale was {" in err
