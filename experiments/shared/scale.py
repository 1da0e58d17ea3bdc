"""Standardisation: pixels of mean 0 and standard deviation 1 in each channel of the training pictures."""

from typing import NamedTuple, Self

import numpy as np

from manual.numbers.number_types import Array

LEVELS = 256


class Scale(NamedTuple):
    """(pixel / 255 − mean) / std, a mean and a std a channel."""

    mean: list[float]
    std: list[float]

    @classmethod
    def of(cls, counts: Array) -> Self:
        """What standardises pictures whose channels' levels were counted, see `levels`. A channel that is the same
        everywhere is only centred."""
        level, total = np.arange(LEVELS) / 255, counts.sum(axis=1)
        mean = counts @ level / total
        std = np.sqrt((counts * (level - mean[:, None]) ** 2).sum(axis=1) / total)
        return cls(mean.tolist(), np.where((counts > 0).sum(axis=1) > 1, std, 1).tolist())

    def __call__(self, pictures: Array, dtype: str) -> Array:
        """(N, C, H, W) of 0 to 255, standardised."""
        scaled = np.empty(pictures.shape, dtype)
        for c, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            level = ((np.arange(LEVELS) / 255 - mean) / std).astype(dtype)
            scaled[:, c] = level[pictures[:, c]]
        return scaled


def levels(picture: Array) -> Array:
    """How often each channel of a picture, (C, H, W), has each of the levels 0 to 255: (C, 256)."""
    return np.stack([np.bincount(channel.ravel(), minlength=LEVELS) for channel in picture])
