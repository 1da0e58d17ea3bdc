"""Augmentation: each epoch sees every training picture a little changed."""

from collections.abc import Collection, Iterable

import numpy as np

from manual.numbers.number_types import Array


def augmented(pictures: Array, indices: Iterable[int], changes: Collection[str], seed: int, epoch: int) -> Array:
    """The pictures (N, C, S, S), each changed in a way that (seed, epoch, its index) alone decide.

    flip: mirrored left to right, half of the time; shift: by up to an eighth of S, down or up and right or left, the
    pixels on the edge repeated.
    """
    new, place = np.empty_like(pictures), np.arange(pictures.shape[-1])
    reach = len(place) // 8
    for changed, picture, index in zip(new, pictures, indices, strict=True):
        rng = np.random.default_rng((seed, epoch, int(index)))
        mirrored, (down, right) = rng.random() < 0.5, rng.integers(-reach, reach, 2, endpoint=True)
        rows, columns = place, place
        if "shift" in changes:
            rows, columns = ((place - by).clip(0, place[-1]) for by in (down, right))
        if "flip" in changes and mirrored:
            columns = columns[::-1]
        changed[...] = picture[:, rows[:, None], columns]
    return new
