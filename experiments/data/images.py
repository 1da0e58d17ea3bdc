"""Image files as numbers: whatever their size and colours, size×size pixels of red, green and blue."""

import logging
import os
import warnings
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError, features

from experiments.shared.errors import CommandError
from experiments.shared.printable import printable
from manual.numbers.number_types import Array

FORMATS = (
    *(["AVIF"] if features.check("avif") else []),
    "BMP",
    "GIF",
    "JPEG",
    "JPEG2000",
    "PNG",
    "PPM",
    "TIFF",
    "WEBP",
)
"""What is opened: formats of pixels alone. (For some of the others Pillow starts another program.)"""
DECODED = 40_000_000
"""Pixels that are decoded at most, so that a picture takes less than a gigabyte. (JPEG files are decoded at a smaller
size.)"""

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it says of a broken file, it raises too

DRAWN = "Drawn by a program; not a photograph."
"""What the file of a drawn picture says of it."""


class Unreadable(CommandError):
    """A file that is no picture, or a broken one; the message says which."""


class LeftOut(NamedTuple):
    """A file that is not used, and why."""

    path: Path
    reason: str


def files(folder: Path) -> Iterator[Path]:
    """Every file under the folder, in a fixed order, and every link to a folder, which is not followed. What begins
    with a dot is left out.

    Raises:
        OSError: a folder cannot be listed.
    """
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if Path(place, name).is_symlink()]
        yield from (Path(place, name) for name in sorted(names + links) if not name.startswith("."))


def _raise(error: OSError) -> None:
    raise error


def image(path: Path, size: int) -> Image.Image:
    """A file's picture, upright, in RGB; what is transparent shows white. It will be scaled to `size`: of a large
    JPEG file no more is decoded than four times that.

    Raises:
        Unreadable: it is no picture; it is broken or truncated; it may not be read; it has more pixels than Pillow, or
            `DECODED`, takes.
    """
    if not path.is_file():
        raise Unreadable("a link to a folder, which is not followed" if path.is_dir() else "not a file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as file:
                file.draft(None, (4 * size, 4 * size))
                if prod(file.size) > DECODED:
                    raise Unreadable(f"more than {DECODED:,} pixels to decode")
                return _rgb(ImageOps.exif_transpose(file))
    except UnidentifiedImageError:
        raise Unreadable(f"not a picture of a format that is read ({', '.join(FORMATS)})") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Unreadable(f"more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
    except MemoryError:
        raise Unreadable("more than the memory holds") from None
    except Unreadable:
        raise
    except PermissionError:
        raise Unreadable("it may not be read") from None
    except Exception as error:  # a broken file breaks the decoders in many ways
        raise Unreadable(printable(f"broken or truncated ({type(error).__name__}: {error})")) from error


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):  # 16 bits, which convert() would cut off at 255
        grey = np.asarray(picture)
        if picture.mode == "F" or grey.min() < 0 or grey.max() > 65535:
            raise Unreadable("neither 8 nor 16 bits a channel")
        picture = Image.fromarray(((grey.astype(np.int32) + 128) // 257).astype(np.uint8))  # to the nearest: 257 is odd
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def is_drawn(picture: Image.Image) -> bool:
    """Whether its file says that it is drawn. What is broken says nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return picture.getexif().get(ExifTags.Base.ImageDescription) == DRAWN
        except Exception:  # broken metadata break their reader in many ways
            return False


def pixels(picture: Image.Image, size: int) -> Array:
    """(3, size, size), 0 to 255: the largest square in the middle of the picture, scaled."""
    return np.asarray(ImageOps.fit(picture, (size, size))).transpose(2, 0, 1)


def account(left_out: list[LeftOut], read: int) -> str:
    """The files that are left out by name, and how many they are."""
    lines = [f"left out: {printable(path)}: {reason}" for path, reason in left_out]
    return "\n".join([*lines, f"left out {len(left_out)} of {len(left_out) + read} files"])
