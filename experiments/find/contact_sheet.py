"""A contact sheet: each picture, what the network says of it, and where it looked.

The pictures wait in a temporary file until all are seen and it is known which come first, and from there go into the
page one by one.
"""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Self

import numpy as np
from PIL import Image, ImageOps

from experiments.shared.png import as_png, data_uri
from manual.numbers.number_types import Array

SIDE = 96  # pixels at most, where the network does not take more
MARK = (255, 140, 40)


class Thumbnails:
    """Small pictures, and where the network looked in them, as PNG files in one file on the disk."""

    def __enter__(self) -> Self:
        self._file, self._places = TemporaryFile(), {}
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, name: str, picture: Image.Image, looked: Array) -> None:
        """Keep a picture, and where the network looked in it, (H, W)."""
        side = max(len(looked), min(SIDE, *picture.size))
        small = ImageOps.fit(picture, (side, side))
        self._places[name] = [self._put(small), self._put(_marked(small, looked))]

    def _put(self, picture: Image.Image) -> tuple[int, int]:
        return self._file.seek(0, 2), self._file.write(as_png(picture))

    def uris(self, name: str) -> Iterator[str]:
        """Both pictures of that name as data URIs."""
        for start, length in self._places[name]:
            self._file.seek(start)
            yield data_uri(self._file.read(length))


def _marked(picture: Image.Image, looked: Array) -> Image.Image:
    """The picture in dark grey; the more a pixel counts, the more of the mark's colour it has."""
    grey = picture.convert("L").point([level // 2 for level in range(256)]).convert("RGB")
    share = looked / (looked.max() or 1)
    mask = Image.fromarray(np.rint(255 * share).astype(np.uint8)).resize(picture.size, Image.Resampling.NEAREST)
    return Image.composite(Image.new("RGB", picture.size, MARK), grey, mask)
