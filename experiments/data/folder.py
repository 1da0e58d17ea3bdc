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
from experiments.data.stream import Stream, checksum
from experiments.shared.printable import printable
from experiments.shared.scale import LEVELS, Scale, levels
from experiments.shared.untrusted_files import no_folder
from manual import InputError

DRAWN = "`python -m experiments.data.birds --out birds` draws one"
PARTS = Parts._fields
CHOOSE = f"to choose yourself, sort them into {'/CLASS, '.join(PARTS)}/CLASS"


class Pictures(NamedTuple):
    """Pictures (N, 3, size, size), of pixels 0 to 255, each with its class's place in `classes`.

    Attributes:
        left_out: the files that are in no part.
        scale: what standardises the training part.
        sha256: of all pixels and classes.
    """

    parts: Parts
    classes: list[str]
    left_out: list[LeftOut]
    scale: Scale
    sha256: str


class _Found:
    """What is known of a part's pictures, once each was read."""

    def __init__(self) -> None:
        self.paths, self.sums, self.places = list[Path](), list[int](), list[int]()
        self.levels, self.sha = np.zeros((3, LEVELS), int), hashlib.sha256()

    def add(self, path: Path, picture: np.ndarray, place: int) -> None:
        self.paths.append(path)
        self.sums.append(checksum(picture))
        self.places.append(place)
        self.levels += levels(picture)
        self.sha.update(np.ascontiguousarray(picture).data)

    def part(self, size: int) -> Part:
        return Part(Stream(self.paths, self.sums, size), np.array(self.places))

    @property
    def digest(self) -> bytes:
        return self.sha.digest() + np.array(self.places).tobytes()


def pictures(folder: Path | None, size: int) -> Pictures:
    """Every picture of every class, scaled to size×size. Each is read once here, and again when it is asked for. A file
    that is no picture, or broken, or of no class, is left out.

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
    found = {part: _Found() for part in PARTS}
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
            found[part].add(path, picture, classes.index(inside.parts[split]))
    for place, name in enumerate(classes):
        if place not in found["train"].places:
            elsewhere = 0 if split else sum(part.places.count(place) for part in found.values())
            where = folder / "train" / name if split else folder / name
            raise InputError(_lacking(where, "to train on", left_out, elsewhere))
    for part in PARTS:
        if not found[part].paths:
            where, elsewhere = (folder / part, 0) if split else (folder, sum(len(f.paths) for f in found.values()))
            raise InputError(_lacking(where, f"for the {part} part", left_out, elsewhere))
    sha = hashlib.sha256(b"".join(each.digest for each in found.values())).hexdigest()
    parts = Parts(*(each.part(size) for each in found.values()))
    return Pictures(parts, classes, left_out, Scale.of(found["train"].levels), sha)


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
