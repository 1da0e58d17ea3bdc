"""Pictures that stay in their files until they are looked at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from experiments.data.images import Unreadable, image, pixels
from experiments.shared.printable import printable
from manual import InputError
from manual.numbers.number_types import Array

KEPT = 2**25
"""Bytes of pictures that are kept in memory, at most: the first ones, in one piece. Pictures that are kept one by one
lie between the batches, whose memory then cannot be used again: 100,000 took 160 MB more."""


class Stream:
    """Pictures as an array (N, 3, size, size): the rows that are asked for are read.

    Args:
        paths: of the files.
        sums: a checksum of each picture's pixels, see `checksum`.
        size: that they are scaled to.
        change: of the pixels, 0 to 255, to what is given out.

    Raises:
        InputError: as rows are read, where a picture is no longer the one of the checksum.
    """

    def __init__(
        self, paths: list[Path], sums: list[int], size: int, change: Callable[[Array], Array] = lambda pixels: pixels
    ) -> None:
        self.paths, self.sums, self.size, self._change = paths, sums, size, change
        self.shape = (len(paths), 3, size, size)
        self._kept = np.empty((min(len(paths), KEPT // (3 * size * size)), 3, size, size), np.uint8)
        self._is_kept = np.zeros(len(self._kept), bool)

    def changed(self, change: Callable[[Array], Array]) -> "Stream":
        """The same pictures, given out otherwise."""
        return Stream(self.paths, self.sums, self.size, change)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Any) -> Array:
        places = np.arange(len(self))[rows]
        found = np.empty((places.size, *self.shape[1:]), np.uint8)
        for i, place in enumerate(places.flat):
            found[i] = self._picture(int(place))
        return self._change(found).reshape(*places.shape, *self.shape[1:])

    def _picture(self, place: int) -> Array:
        if place >= len(self._kept):
            return self._read(place)
        if not self._is_kept[place]:
            self._kept[place] = self._read(place)
            self._is_kept[place] = True
        return self._kept[place]

    def _read(self, place: int) -> Array:
        path = self.paths[place]
        try:
            found = pixels(image(path, self.size), self.size)
        except Unreadable as error:
            raise InputError(f"{printable(path)}: it was a picture when the run began, and is {error} now") from None
        if checksum(found) != self.sums[place]:
            raise InputError(f"{printable(path)}: it is another picture than when the run began")
        return found


def checksum(picture: Array) -> int:
    """Of a picture's pixels."""
    return crc32(np.ascontiguousarray(picture).data)
