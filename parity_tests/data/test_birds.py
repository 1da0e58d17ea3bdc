"""The drawn birds: the same pictures for everyone, in files that say what they are."""

from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageChops

from experiments.data import birds
from experiments.data.bird_drawing import SPECIES, picture
from manual.numbers.number_types import Array

Drawn = list[tuple[str, Image.Image]]
PAIRS = list(permutations(SPECIES, 2))


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return list(birds.pictures(240, 0))


@pytest.mark.parametrize(
    ("count", "recorded"),
    [
        (40, "a8fef72dbeb818a611be50d4a12dcc4de6e7b1336c1135d84889a42d378cacaf"),
        pytest.param(  # what the Bluebird networks are trained on
            4000, "eb307dfc03df58d34ea4dc8237501cc1d194efd2f0a90519e60cdc83889adceb", marks=pytest.mark.slow
        ),
    ],
)
def test_the_pictures_of_seed_0_are_the_recorded_ones(count: int, recorded: str) -> None:
    assert birds.digest(birds.pictures(count, 0)) == recorded, "recorded with Pillow 13.0.0 and NumPy 2.4.6"


def test_a_picture_depends_on_the_seed_and_its_index_alone(drawn: Drawn) -> None:
    assert list(birds.pictures(40, 0)) == drawn[:40]
    path, image = drawn[39]
    assert path == "validation/robin/00039.jpg"
    assert picture(SPECIES["robin"], np.random.default_rng((0, 39))) == image
    assert picture(SPECIES["robin"], np.random.default_rng((1, 39))) != image


def test_no_two_pictures_are_the_same(drawn: Drawn) -> None:
    assert len({image.tobytes() for _, image in drawn}) == 240


def test_each_part_has_as_many_of_each_class_in_either_format(drawn: Drawn) -> None:
    found = Counter((*path.split("/")[:2], Path(path).suffix) for path, _ in drawn)
    expected = {
        ("train", ".png"): 28,
        ("train", ".jpg"): 14,
        ("validation", ".png"): 6,
        ("validation", ".jpg"): 3,
        ("test", ".png"): 6,
        ("test", ".jpg"): 3,
    }
    kinds = ("blue_jay", "bluebird", "goldfinch", "robin")
    assert found == {(part, kind, suffix): n for (part, suffix), n in expected.items() for kind in kinds}


def test_the_fewest_pictures_that_may_be_asked_for_have_each_class_in_each_part() -> None:
    def folders(count: int) -> int:
        return len({Path(path).parent for path, _ in birds.pictures(count, 0)})

    assert folders(birds.FEWEST) == 12
    assert folders(birds.FEWEST - 1) == 11


def test_each_file_holds_the_picture_drawn_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], drawn: Drawn
) -> None:
    folder = tmp_path / "new" / "birds"
    assert birds.main(["--out", str(folder), "--count", "40"]) == 0
    assert capsys.readouterr().out == f"40 drawn pictures in {folder}\nsha256 {birds.digest(drawn[:40])}\n"
    files = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.*"))
    assert files == sorted(path for path, _ in drawn[:40])
    pixels = np.array([np.asarray(image, int) for _, image in drawn[:40]])
    for index, (path, image) in enumerate(drawn[:40]):
        with Image.open(folder / path) as file:
            assert (file.mode, file.size, file.format) == ("RGB", (32, 32), "PNG" if path.endswith("png") else "JPEG")
            assert file.getexif()[ExifTags.Base.ImageDescription] == "Drawn by a program; not a photograph."
            if file.format == "PNG":
                assert file.tobytes() == image.tobytes()
            else:  # it is lossy, but nearer to its own picture than to any other
                assert np.abs(pixels - np.asarray(file, int)).sum((1, 2, 3)).argmin() == index


def test_a_larger_size_shows_the_same_scene(tmp_path: Path) -> None:
    assert birds.main(["--out", str(tmp_path), "--count", "24", "--size", "64"]) == 0
    with Image.open(tmp_path / "train" / "bluebird" / "00001.jpg") as file:
        large = np.asarray(file.reduce(2), int)
    small = np.array([np.asarray(image, int) for _, image in birds.pictures(24, 0)])
    assert np.abs(small - large).sum((1, 2, 3)).argmin() == 1


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_species_differ_where_all_else_is_equal(one: str, other: str) -> None:
    first, second = (picture(SPECIES[name], np.random.default_rng(0)) for name in (one, other))
    box = ImageChops.difference(first, second).getbbox()
    assert box is not None
    assert box[2] - box[0] < 32, "the bird alone differs, not what is around it"


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_colour_of_a_whole_picture_does_not_give_its_class_away(one: str, other: str, drawn: Drawn) -> None:
    def means(name: str) -> Array:
        return np.array([np.asarray(image).mean((0, 1)) for path, image in drawn if f"/{name}/" in path])

    usual = np.median(means(one), 0)
    assert (means(other).min(0) < usual).all()
    assert (usual < means(other).max(0)).all()


def test_an_interrupted_command_says_that_pictures_are_lacking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(birds, "written", interrupted)
    with pytest.raises(SystemExit) as stop:
        birds.main(["--out", str(tmp_path)])
    assert stop.value.code == 130
    assert capsys.readouterr().err == f"python -m experiments.data.birds: interrupted; {tmp_path} lacks pictures\n"


def test_the_help_has_two_examples_and_claims_nothing_about_photographs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        birds.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.count("  python -m experiments.data.birds --out") == 2
    assert "says nothing about photographs" in text
