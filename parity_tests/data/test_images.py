"""Image files as numbers: what is read, how, and what is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, features

from experiments.data.images import DRAWN, Unreadable, files, image, is_drawn, pixels
from manual.numbers.number_types import Array

SIZE = 12


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


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
        "png",
        in_palette(),
        np.where(INDEX[..., None] == 2, 255, FIVE[INDEX]),
        {"transparency": 2},
    ),
    "RGBA": ("png", Image.fromarray(np.dstack([COLOURS, ALPHA])), 255 + (COLOURS - 255.0) * (ALPHA / 255), {}),
    "grey, transparent": (
        "png",
        Image.fromarray(np.dstack([GREY, ALPHA])),
        (255 + (GREY[..., None] - 255.0) * (ALPHA / 255)).repeat(3, 2),
        {},
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


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda upright: upright),
        (2, np.fliplr),
        (3, lambda upright: np.rot90(upright, 2)),
        (4, np.flipud),
        (5, lambda upright: upright.transpose(1, 0, 2)),
        (6, np.rot90),
        (7, lambda upright: np.rot90(upright, 2).transpose(1, 0, 2)),
        (8, lambda upright: np.rot90(upright, 3)),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_that_the_camera_turned_is_turned_back(
    suffix: str, orientation: int, turn: Callable[[Array], Array], tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    blocks = (
        noise(2, 3, 3, seed=6).repeat(8, axis=0).repeat(8, axis=1)
    )  # a colour a block of JPEG: nearly nothing is lost
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(np.ascontiguousarray(turn(blocks))).save(file, exif=exif, quality=100, subsampling=0)
    upright = np.asarray(image(file, SIZE), int)
    assert upright.shape == blocks.shape
    assert np.abs(upright - blocks).max() <= (0 if suffix == "png" else 3)


@pytest.mark.parametrize("wide", [True, False])
def test_the_square_in_the_middle_is_taken(wide: bool, tmp_path: Path) -> None:
    strip = np.zeros((30, 90, 3), np.uint8)
    strip[:, 30:60] = 10, 20, 250
    Image.fromarray(strip if wide else strip.transpose(1, 0, 2).copy()).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png").astype(int)
    assert (found[2:-2, 2:-2] == [10, 20, 250]).all()
    assert np.abs(found - [10, 20, 250]).max() < 25, "at the edge the scaling looks one pixel further"


def keys(distance: Array) -> Array:
    """The weight of a pixel at this distance in bicubic interpolation, with a = −1/2 (Keys 1981, equation 15)."""
    s = np.abs(distance)
    near, far = 1.5 * s**3 - 2.5 * s**2 + 1, -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2
    return np.where(s < 1, near, np.where(s < 2, far, 0))


def test_a_picture_is_scaled_by_bicubic_interpolation(tmp_path: Path) -> None:
    large = noise(2 * SIZE, 2 * SIZE, 3, seed=7)
    Image.fromarray(large).save(tmp_path / "a.png")
    weights = keys((np.arange(2 * SIZE) + 0.5) / 2 - (np.arange(SIZE)[:, None] + 0.5))  # as wide as two pixels are one
    weights /= weights.sum(axis=1, keepdims=True)
    expected = np.einsum("iu,jv,uvc->ijc", weights, weights, large).clip(0, 255)
    assert np.abs(read(tmp_path / "a.png") - expected).max() <= 2, "to a rounding along each side"


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


def test_a_picture_of_a_format_that_is_not_read_is_not_called_broken(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    with pytest.raises(Unreadable, match=r"^not a picture of a format that is read \(.*JPEG.*PNG"):
        image(tmp_path / "a.heic", SIZE)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_read_where_pillow_reads_it(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (90, 120, 150)).save(tmp_path / "a.avif")
    assert np.abs(read(tmp_path / "a.avif") - np.array([90.0, 120, 150])).max() <= 3


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied"), "it may not be read"),
        (MemoryError(), "more than the memory holds"),
        (OSError("image file is truncated"), r"broken or truncated \(OSError: image file is truncated\)"),
    ],
)
def test_why_a_picture_is_not_read_is_said(
    error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    (tmp_path / "a.png").touch()
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        image(tmp_path / "a.png", SIZE)


def test_a_picture_whose_metadata_are_broken_is_read_and_not_called_drawn(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = DRAWN
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg", exif=exif)
    whole = (tmp_path / "a.jpg").read_bytes()
    assert is_drawn(image(tmp_path / "a.jpg", SIZE))
    assert whole.count(b"MM\0*") == 1, "the head of the metadata"
    (tmp_path / "a.jpg").write_bytes(whole.replace(b"MM\0*", b"M\xff\0*"))
    assert not is_drawn(image(tmp_path / "a.jpg", SIZE))


def test_a_link_to_a_folder_is_named_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "deep" / "a.png")
    (tmp_path / "deep" / "round").symlink_to(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in files(tmp_path)] == ["deep/a.png", "deep/round"]
    with pytest.raises(Unreadable, match=r"^a link to a folder, which is not followed$"):
        image(tmp_path / "deep" / "round", SIZE)


@pytest.mark.parametrize("limit", [60, 300], ids=["an error", "a warning"])
def test_a_picture_of_too_many_pixels_is_unreadable(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Image.MAX_IMAGE_PIXELS == 89_478_485, "Pillow's own limit is in force"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    Image.new("RGB", (20, 20)).save(tmp_path / "bomb.png")
    with pytest.raises(Unreadable, match=f"more than {limit} pixels"):
        image(tmp_path / "bomb.png", SIZE)
