"""A folder of pictures as a data set: a subfolder for each class.

FOLDER/bluebird/a.jpg, FOLDER/robin/b.png, …                       split by a hash of the path, about 70 : 15 : 15
FOLDER/train/bluebird/a.jpg, FOLDER/validation/…, FOLDER/test/…    split already
"""

import hashlib
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.data.images import LeftOut, Unreadable, files, image, pixels
from experiments.data.splits import Part, Parts
from experiments.shared.printable import printable
from experiments.shared.untrusted_files import no_folder
from manual import InputError

DRAWN = "`python -m experiments.data.birds --out birds` draws one"
PARTS = Parts._fields
CHOOSE = f"to choose yourself, sort them into {'/CLASS, '.join(PARTS)}/CLASS"


class Pictures(NamedTuple):
    """Pixels (N, 3, size, size) of 0 to 255, each with its class's place in `classes`; and the files that are in no
    part."""

    parts: Parts
    classes: list[str]
    left_out: list[LeftOut]


def pictures(folder: Path | None, size: int) -> Pictures:
    """Every picture of every class, scaled to size×size. A file that is no picture, or broken, or of no class, is
    left out.

    Raises:
        InputError: there is no such folder; it has fewer than two classes, a class that has no picture to train on,
            or a part that has no picture at all.
        OSError: a folder cannot be listed.
    """
    if folder is None:
        raise InputError(f"--data.folder: expected a folder of pictures, a subfolder for each class; {DRAWN}")
    if not folder.is_dir():
        raise InputError(f"--data.folder: {no_folder(folder)}; {DRAWN}")
    split = _is_split(folder)
    classes = _classes(folder, split)
    x: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    y: dict[str, list[int]] = {part: [] for part in PARTS}
    left_out: list[LeftOut] = []
    for path in files(folder):
        inside = path.relative_to(folder)
        try:
            if len(inside.parts) < 2 + split:
                raise Unreadable("in the folder of no class")
            picture = pixels(image(path, size), size)
        except Unreadable as error:
            left_out.append(LeftOut(path, str(error)))
        else:
            part = inside.parts[0] if split else part_of(inside)
            x[part].append(picture)
            y[part].append(classes.index(inside.parts[split]))
    for place, name in enumerate(classes):
        if place not in y["train"]:
            elsewhere = 0 if split else sum(numbers.count(place) for numbers in y.values())
            where = folder / "train" / name if split else folder / name
            raise InputError(_lacking(where, "to train on", left_out, elsewhere))
    for part in PARTS:
        if not x[part]:
            where, elsewhere = (folder / part, 0) if split else (folder, sum(map(len, y.values())))
            raise InputError(_lacking(where, f"for the {part} part", left_out, elsewhere))
    return Pictures(Parts(*(Part(np.stack(x[part]), np.array(y[part])) for part in PARTS)), classes, left_out)


def part_of(inside: Path) -> str:
    """The part that a picture is for, by a hash of its path inside the folder: the same whatever else is there."""
    text = unicodedata.normalize("NFC", inside.as_posix()).encode("utf-8", "surrogateescape")
    percent = int.from_bytes(hashlib.sha256(text).digest()) % 100
    return "train" if percent < 70 else "validation" if percent < 85 else "test"


def _is_split(folder: Path) -> bool:
    found = _subfolders(folder)
    if not set(found) & set(PARTS):
        return False
    if sorted(found) != sorted(PARTS):
        raise InputError(
            f"{printable(folder)}: expected {', '.join(PARTS)} alone, or none of them, got {', '.join(found)}"
        )
    return True


def _classes(folder: Path, split: bool) -> list[str]:
    classes = _subfolders(folder / "train" if split else folder)
    if len(classes) < 2:
        where, got = folder / "train" if split else folder, ", ".join(classes) or "none"
        if links := sum(path.is_symlink() and path.is_dir() for path in where.iterdir()):
            got += f" and {links} links, which are not followed"
        raise InputError(f"{printable(where)}: expected a subfolder for each of at least two classes, got {got}")
    for part in PARTS if split else ():
        for name in _subfolders(folder / part):
            if name not in classes:
                raise InputError(
                    f"{printable(folder / part / name)}: expected a class of the train part: {', '.join(classes)}"
                )
    return classes


def _subfolders(folder: Path) -> list[str]:
    """The names of the folders in it, without links to folders: these are followed nowhere."""
    found = (path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    return sorted(path.name for path in found if not path.name.startswith("."))


def _lacking(where: Path, what: str, left_out: list[LeftOut], elsewhere: int) -> str:
    """The error about a folder that has no picture for something; `elsewhere` is how many the hash gives to other
    parts."""
    lost, got = [(path, reason) for path, reason in left_out if path.is_relative_to(where)], "none"
    if elsewhere:
        got += f": a hash of their paths gives {elsewhere} to other parts; {CHOOSE}"
    if lost:
        got += f"; {len(lost)} left out, the first is {printable(lost[0][0].name)} ({lost[0][1]})"
    return f"{printable(where)}: expected a picture {what}, got {got}"
