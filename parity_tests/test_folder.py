"""A folder of pictures as data: what is read, how, what is left out, and what both implementations get to see."""

import math
import sys
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from experiments import train
from experiments.data import Data, birds
from experiments.data.augment import augmented
from experiments.data.folder import part_of, pictures
from experiments.data.images import Unreadable, image, pixels
from experiments.data.scale import Scale
from experiments.training import module
from experiments.training.module import Training
from manual import InputError
from manual.number_types import Array

SIZE = 12
KINDS = ["blue_jay", "bluebird", "goldfinch", "robin"]
PARTS = ["train", "validation", "test"]
Command = Callable[..., tuple[int, str]]


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "birds"
    for _ in birds.written(folder, birds.pictures(40, 0, SIZE)):
        pass
    return folder


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

    def run(*arguments: object) -> tuple[int, str]:
        options = "--config=bluebird_softmax", f"--out={tmp_path / 'runs'}", "--trainer.max_epochs=1"
        monkeypatch.setattr(sys, "argv", ["train", *map(str, arguments), *options])
        capsys.readouterr()
        try:
            train.main()
        except SystemExit as stop:
            return int(stop.code or 0), capsys.readouterr().err
        return 0, capsys.readouterr().err

    return run


# What a file holds


def read(path: Path) -> Array:
    """(SIZE, SIZE, 3)"""
    return pixels(image(path, SIZE), SIZE).transpose(1, 2, 0)


COLOURS, ALPHA, GREY = noise(SIZE, SIZE, 3), noise(SIZE, SIZE, seed=1)[..., None], noise(SIZE, SIZE, seed=2)
DEEP = np.random.default_rng(3).integers(0, 65536, (SIZE, SIZE), np.uint16)
FIVE, INDEX = noise(5, 3, seed=4), GREY % 5
INKS = noise(SIZE, SIZE, 4, seed=5)
WHITE = 255.0 - INKS  # what each ink leaves of the paper


def in_palette() -> Image.Image:
    picture = Image.frombytes("P", (SIZE, SIZE), INDEX.tobytes())
    picture.putpalette(FIVE.ravel().tolist())
    return picture


MODES: dict[str, tuple[str, Image.Image, Array, dict[str, Any]]] = {
    "RGB": ("png", Image.fromarray(COLOURS), COLOURS, {}),
    "BMP": ("bmp", Image.fromarray(COLOURS), COLOURS, {}),
    "grey": ("png", Image.fromarray(GREY), GREY[..., None].repeat(3, 2), {}),
    "16 bits": ("png", Image.fromarray(DEEP), (DEEP[..., None] / 65535 * 255).repeat(3, 2), {}),
    "black and white": ("png", Image.fromarray(GREY > 99), 255 * (GREY > 99)[..., None].repeat(3, 2), {}),
    "palette": ("gif", in_palette(), FIVE[INDEX], {}),
    "palette, one colour transparent": (
        "png", in_palette(), np.where(INDEX[..., None] == 2, 255, FIVE[INDEX]), {"transparency": 2},
    ),
    "RGBA": ("png", Image.fromarray(np.dstack([COLOURS, ALPHA])), 255 + (COLOURS - 255.0) * (ALPHA / 255), {}),
    "grey, transparent": (
        "png", Image.fromarray(np.dstack([GREY, ALPHA])), (255 + (GREY[..., None] - 255.0) * (ALPHA / 255)).repeat(3, 2), {},
    ),
    "CMYK": ("tif", Image.frombytes("CMYK", (SIZE, SIZE), INKS.tobytes()), WHITE[..., :3] * WHITE[..., 3:] / 255, {}),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_any_mode_becomes_red_green_and_blue_on_white(mode: str, tmp_path: Path) -> None:
    suffix, picture, expected, options = MODES[mode]
    picture.save(tmp_path / f"a.{suffix}", **options)
    found = read(tmp_path / f"a.{suffix}")
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 1, "to a rounding"


@pytest.mark.parametrize(("orientation", "turn"), [
    (1, lambda upright: upright), (2, np.fliplr), (3, lambda upright: np.rot90(upright, 2)), (4, np.flipud),
    (5, lambda upright: upright.transpose(1, 0, 2)), (6, np.rot90),
    (7, lambda upright: np.rot90(upright, 2).transpose(1, 0, 2)), (8, lambda upright: np.rot90(upright, 3)),
])
def test_a_picture_that_the_camera_turned_is_turned_back(
    orientation: int, turn: Callable[[Array], Array], tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(np.ascontiguousarray(turn(COLOURS))).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "a.png"), COLOURS)


@pytest.mark.parametrize("wide", [True, False])
def test_the_square_in_the_middle_is_taken(wide: bool, tmp_path: Path) -> None:
    strip = np.zeros((30, 90, 3), np.uint8)
    strip[:, 30:60] = 10, 20, 250
    Image.fromarray(strip if wide else strip.transpose(1, 0, 2).copy()).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png").astype(int)
    assert (found[2:-2, 2:-2] == [10, 20, 250]).all()
    assert np.abs(found - [10, 20, 250]).max() < 25, "at the edge the scaling looks one pixel further"


def test_a_small_picture_is_scaled_up(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "a.png")
    assert (read(tmp_path / "a.png") == [1, 2, 3]).all()


def test_of_a_large_jpeg_no_more_is_decoded_than_needed(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 1200), (90, 120, 150)).save(tmp_path / "a.jpg")
    assert image(tmp_path / "a.jpg", SIZE).size == (200, 150)
    assert np.abs(read(tmp_path / "a.jpg") - np.array([90.0, 120, 150])).max() <= 2


# What is left out

BROKEN: dict[str, Callable[[Path], object]] = {
    "nothing in it": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not a picture"),
    "a truncated PNG": lambda path: cut(path, "PNG"),
    "a truncated JPEG": lambda path: cut(path, "JPEG"),
    "a PNG with a flipped byte": lambda path: flip(path),
    "an EPS": lambda path: Image.new("RGB", (9, 9)).save(path, "EPS"),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "more than 16 bits": lambda path: Image.fromarray(np.array([[1, 70000]], np.int32)).save(path, "TIFF"),
    "floating point": lambda path: Image.fromarray(np.array([[0.5, np.nan]], np.float32)).save(path, "TIFF"),
}


def cut(path: Path, kind: str) -> None:
    Image.fromarray(noise(64, 64, 3)).save(path, kind)
    path.write_bytes(path.read_bytes()[:-2000])


def flip(path: Path) -> None:
    Image.fromarray(noise(64, 64, 3)).save(path, "PNG")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_is_no_whole_picture_is_unreadable(kind: str, tmp_path: Path) -> None:
    BROKEN[kind](tmp_path / "a.jpg")
    with pytest.raises(Unreadable):
        image(tmp_path / "a.jpg", SIZE)


@pytest.mark.parametrize("limit", [60, 300], ids=["an error", "a warning"])
def test_a_picture_of_too_many_pixels_is_unreadable(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Image.MAX_IMAGE_PIXELS == 89_478_485, "Pillow's own limit is in force"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    Image.new("RGB", (20, 20)).save(tmp_path / "bomb.png")
    with pytest.raises(Unreadable, match=f"more than {limit} pixels"):
        image(tmp_path / "bomb.png", SIZE)


def test_what_is_left_out_is_named_and_counted_and_training_goes_on(photos: Path, command: Command, tmp_path: Path) -> None:
    cut(photos / "crow" / "cut.jpg", "JPEG")
    (photos / "crow" / "of 2020" / "a\nb.txt").write_text("notes")
    (photos / "readme.png").write_bytes((photos / "wren" / "0.png").read_bytes())
    (photos / "crow" / ".DS_Store").write_text("not the user's")
    (photos / ".thumbnails").mkdir()
    code, err = command("fit", "--data.folder", photos)
    assert code == 0
    *named, last = err.splitlines()
    assert [line.partition(" (")[0] for line in sorted(named)] == [
        f"left out: {photos / 'crow' / 'cut.jpg'}: broken or truncated",
        rf"left out: {photos / 'crow' / 'of 2020'}/a\nb.txt: not a picture",
        f"left out: {photos / 'readme.png'}: in the folder of no class",
    ]
    assert last == "left out 3 of 63 files"
    assert [*tmp_path.glob("runs/*/*/*/model.safetensors")]


def test_nothing_is_said_where_nothing_is_left_out(drawn: Path, command: Command) -> None:
    assert command("fit", "--data.folder", drawn) == (0, "")


# Folders that cannot be trained on


def no_folder(folder: Path) -> None:
    folder.rmdir()


def empty(folder: Path) -> None:
    pass


def one_class(folder: Path) -> None:
    lay(folder, *of_part("train", "crow"))


def nothing_readable(folder: Path) -> None:
    lay(folder, *of_part("train", "crow"), "wren/broken.png")
    (folder / "wren" / "broken.png").write_text("broken")


def without_test(folder: Path) -> None:
    lay(folder, "train/crow/0.png", "train/wren/0.png", "validation/crow/1.png")


def empty_test(folder: Path) -> None:
    without_test(folder)
    (folder / "test" / "crow").mkdir(parents=True)


def untrained(folder: Path) -> None:
    lay(folder, "train/crow/0.png", "train/wren/0.png", "validation/crow/1.png", "test/owl/0.png")


def trained_nowhere(folder: Path) -> None:
    lay(folder, "train/crow/0.png", "validation/wren/1.png", "test/wren/2.png")
    (folder / "train" / "wren").mkdir()


def by_hash_none(folder: Path) -> None:
    lay(folder, *of_part("train", "crow"), *of_part("test", "wren"))


def of_part(part: str, kind: str) -> list[str]:
    """The names of two pictures that fall to that part."""
    return [name for name in (f"{kind}/{index}.png" for index in range(99)) if part_of(Path(name)) == part][:2]


def lay(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name)


@pytest.mark.parametrize(("make", "message"), [
    (no_folder, "--data.folder: there is no folder FOLDER; `python -m experiments.data.birds --out birds` draws one"),
    (empty, "FOLDER: expected a subfolder for each of at least two classes, got none"),
    (one_class, "FOLDER: expected a subfolder for each of at least two classes, got crow"),
    (nothing_readable,
     "FOLDER/wren: expected a picture to train on, got none; 1 left out, the first is broken.png (not a picture)"),
    (without_test, "FOLDER: expected train, validation, test alone, or none of them, got train, validation"),
    (empty_test, "FOLDER/test: expected a picture for the test part, got none"),
    (untrained, "FOLDER/test/owl: expected a class of the train part: crow, wren"),
    (trained_nowhere, "FOLDER/train/wren: expected a picture to train on, got none"),
    (by_hash_none, "FOLDER/wren: expected a picture to train on, got 2 for validation and test, by the hash of their paths"),
])
def test_a_folder_that_cannot_be_trained_on_is_one_line(
    make: Callable[[Path], None], message: str, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    make(folder)
    line = message.replace("FOLDER", str(folder))
    assert command("fit", "--data.folder", folder) == (2, f"python -m experiments.train: {line}\n")
    assert not (tmp_path / "runs").exists()


def test_without_a_folder_the_error_names_the_command_that_draws_one(command: Command) -> None:
    code, err = command("fit")
    assert code == 2
    assert err.count("\n") == 1
    assert "--data.folder: expected a folder of pictures" in err
    assert "`python -m experiments.data.birds --out birds` draws one" in err


@pytest.mark.parametrize(("option", "value"), [("folder", "birds"), ("size", 32), ("augment", ["flip"])])
def test_an_option_of_pictures_is_refused_where_there_are_none(option: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"data\.{option} is for data\.name pictures, which is digits"):
        Data("digits", **{option: value})


# How the parts are made


def test_a_folder_in_three_parts_is_taken_as_it_is(drawn: Path) -> None:
    found = pictures(drawn, SIZE)
    assert found.classes == KINDS
    assert found.left_out == []
    for part, (x, y) in zip(PARTS, found.parts, strict=True):
        files = [(path, place) for place, kind in enumerate(KINDS) for path in sorted((drawn / part / kind).iterdir())]
        assert sorted(y.tolist()) == [place for _, place in files]
        expected = {(read(path).tobytes(), place) for path, place in files}
        assert {(picture.transpose(1, 2, 0).tobytes(), int(place)) for picture, place in zip(x, y, strict=True)} == expected


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


def test_two_ways_to_write_the_same_letter_are_one_path() -> None:
    names = [f"mésange/{index}.jpg" for index in range(50)]
    assert [part_of(Path(name)) for name in names] == [part_of(Path(name.replace("é", "e\u0301"))) for name in names]


# What goes into the network


def test_pictures_are_standardised_by_the_training_part_alone(drawn: Path) -> None:
    raw = pictures(drawn, SIZE).parts
    x = raw.train.x / 255
    mean, std = x.mean(axis=(0, 2, 3), keepdims=True), x.std(axis=(0, 2, 3), keepdims=True)
    data = Data("pictures", folder=str(drawn), size=SIZE)
    for ours, part in zip((data.train, data.validation, data.test), raw, strict=True):
        assert ours.x.dtype == np.float64
        np.testing.assert_allclose(ours.x, (part.x / 255 - mean) / std, atol=1e-12)
    single = Data("pictures", folder=str(drawn), size=SIZE, dtype="float32").train.x
    np.testing.assert_array_equal(single, data.train.x.astype(np.float32))


def test_a_channel_that_is_the_same_everywhere_is_centred() -> None:
    pictures = noise(4, 3, 5, 5)
    pictures[:, 1] = 77
    scale = Scale.of(pictures)
    assert scale.std[1] == 1
    assert np.abs(scale(pictures, "float64")[:, 1]).max() < 1e-15


def candidates(picture: Array, reach: int) -> dict[bytes, tuple[bool, int, int]]:
    """Every way in which a picture may be flipped and shifted."""
    size, found = picture.shape[-1], {}
    for flipped, down, right in product((False, True), range(2 * reach + 1), range(2 * reach + 1)):
        padded = np.pad(picture, ((0, 0), (reach, reach), (reach, reach)), "edge")[:, down : down + size, right : right + size]
        found[(padded[..., ::-1] if flipped else padded).tobytes()] = (flipped, down - reach, right - reach)
    return found


@pytest.mark.parametrize("kinds", [["flip"], ["shift"], ["flip", "shift"]])
def test_a_picture_is_flipped_and_shifted_by_at_most_an_eighth(kinds: list[str]) -> None:
    batch = noise(300, 3, 16, 16)
    changed = augmented(batch, range(300), kinds, 0, 0)
    seen = [candidates(old, 2)[new.tobytes()] for old, new in zip(batch, changed, strict=True)]
    flips, downs, rights = zip(*seen, strict=True)
    assert set(flips) == ({True, False} if "flip" in kinds else {False})
    assert set(downs) == set(rights) == ({-2, -1, 0, 1, 2} if "shift" in kinds else {0})
    assert len(set(zip(downs, rights, strict=True))) == (25 if "shift" in kinds else 1)


def test_the_changes_depend_on_seed_epoch_and_index_alone() -> None:
    batch, kinds = noise(50, 3, 16, 16), ["flip", "shift"]
    whole = augmented(batch, range(50), kinds, 3, 1)
    some = [40, 7, 22]
    np.testing.assert_array_equal(augmented(batch[some], some, kinds, 3, 1), whole[some])
    for seed, epoch in ((3, 2), (4, 1)):
        assert (augmented(batch, range(50), kinds, seed, epoch) != whole).any(axis=(1, 2, 3)).sum() > 40


@pytest.mark.parametrize("augment", ["null", "[flip, shift]"])
def test_both_implementations_see_the_same_pictures_in_the_same_order(
    augment: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[list[Array]]] = {"manual": [], "torch": []}
    step = Training.training_step

    def watched(self: Training, batch: list[torch.Tensor]) -> None:
        seen[self.settings["implementation"]].append([array.numpy().copy() for array in batch])
        step(self, batch)

    monkeypatch.setattr(Training, "training_step", watched)
    for side in seen:
        train.run([
            "fit", "--config=bluebird_softmax", f"--data.folder={drawn}", f"--out={tmp_path}", "--trainer.max_epochs=2",
            "--data.batch_size=10", f"--data.augment={augment}", f"--model.implementation={side}",
        ])
    assert len(seen["manual"]) == len(seen["torch"]) == 6
    for ours, theirs in zip(*seen.values(), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    first, second = (Counter(x.tobytes() for batch, _ in seen["manual"][epoch : epoch + 3] for x in batch) for epoch in (0, 3))
    assert (first == second) == (augment == "null"), "another epoch, other changes"


def test_a_part_is_evaluated_in_pieces(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def last_line(at_once: int) -> list[float]:
        monkeypatch.setattr(module, "AT_ONCE", at_once)
        folder = train.run([
            "fit", "--config=bluebird_softmax", f"--data.folder={drawn}", f"--out={tmp_path}", "--trainer.max_epochs=1",
        ])
        _, _, _, _, *values = (folder / "metrics.csv").read_text("utf-8").splitlines()[-1].split(",")
        return [float(value) for value in values if value]

    whole, pieces = last_line(512), last_line(2)
    assert len(whole) == 2
    np.testing.assert_allclose(pieces, whole, rtol=1e-6)


# Runs on pictures


def test_the_network_has_an_output_for_each_class_of_the_folder(photos: Path, tmp_path: Path) -> None:
    folder = train.run([
        "fit", "--config=bluebird_softmax", f"--data.folder={photos}", f"--out={tmp_path}", "--trainer.max_epochs=1",
    ])
    assert train.load(folder / "checkpoints" / "last.ckpt").network.params["1.weight"].shape == (2, 3072)


def test_a_run_does_not_go_on_with_other_pictures_nor_is_tested_on_them(drawn: Path, photos: Path, command: Command) -> None:
    assert command("fit", "--data.folder", drawn)[0] == 0
    for subcommand in ("fit", "test"):
        code, err = command(subcommand, "--data.folder", photos, "--ckpt_path", "last")
        assert code == 2
        assert f"data.classes was {KINDS} there, and is ['crow', 'wren'] here" in err
    copy = photos.parent / "copy"
    for _ in birds.written(copy, birds.pictures(40, 1, SIZE)):
        pass
    code, err = command("test", "--data.folder", copy, "--ckpt_path", "last")
    assert code == 2
    assert "data.scale was {" in err
