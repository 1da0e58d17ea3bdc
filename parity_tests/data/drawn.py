"""Drawn birds in a folder, for tests."""

from pathlib import Path

from experiments.data import birds


def draw(folder: Path, count: int, seed: int = 0, size: int = 32) -> Path:
    """Draw so many pictures of a seed into the folder."""
    for _ in birds.written(folder, birds.pictures(count, seed, size)):
        pass
    return folder
