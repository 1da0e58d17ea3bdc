"""Look at every picture of a folder with a trained network, one after the other."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from experiments.data.images import LeftOut, Unreadable, files, image, is_drawn, pixels
from experiments.shared import model_file
from experiments.shared.command import expected_one_of
from experiments.shared.inference import outputs
from experiments.shared.scale import Scale
from manual import InputError, Network, Softmax
from manual.numbers.number_types import Array


class Finding(NamedTuple):
    """What the network says of a picture.

    Attributes:
        predicted: its most probable class, and `probability` of that.
        score: of the class that is looked for.
        drawn: the file says that its picture is drawn.
    """

    file: str
    predicted: str
    probability: float
    found: bool
    score: float
    drawn: bool


@dataclass
class Search:
    """Which class is looked for, and by which network: one for inference whose outputs are probabilities.

    Found is a picture whose most probable class is the positive one; or, with a threshold, one that is of that class
    with this probability or more.
    """

    network: Network
    dtype: str
    size: int
    classes: list[str]
    scale: Scale
    positive: str
    threshold: float | None

    def input(self, picture: Image.Image) -> Array:
        """(1, 3, size, size): the picture as the network sees it."""
        return self.scale(pixels(picture, self.size)[None], self.dtype)

    def through(self, folder: Path, implementation: str) -> Iterator[tuple[Finding, Image.Image] | LeftOut]:
        """Every picture in the folder and below, and every file that is none."""
        probabilities, place = outputs(self.network, implementation), self.classes.index(self.positive)
        for path in files(folder):
            try:
                picture = image(path, self.size)
            except Unreadable as error:
                yield LeftOut(path, str(error))
                continue
            with np.errstate(all="ignore"):
                p = probabilities(self.input(picture))[0]
            if not np.isfinite(p).all():
                raise InputError(f"{path}: the network's answer is not finite; its weights are too large")
            best, of_positive = int(p.argmax()), float(p[place])
            found = best == place if self.threshold is None else of_positive >= self.threshold
            name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")
            yield Finding(name, self.classes[best], float(p[best]), found, of_positive, is_drawn(picture)), picture

    def looked(self, picture: Image.Image) -> Array:
        """(size, size): where the network looked, |∂p/∂pixel| summed over the colours, by the hand-written backward
        pass.

        p is the probability of the positive class. In float64: the derivative of a p near 1 is lost in float32.
        """
        network = self.network.astype(np.float64)
        p, tape = network.forward(self.input(picture).astype(np.float64))
        delta = np.zeros_like(p)
        delta[:, self.classes.index(self.positive)] = 1
        dx, _ = network.backward(delta, tape)
        return (np.abs(dx[0]) / np.array(self.scale.std)[:, None, None]).sum(axis=0)


def search(path: Path, positive: str | None, threshold: float | None) -> Search:
    """A search with the model of that file; without a class, for bluebird if it knows it, else for its first.

    Raises:
        InputError: the file is no model, or one of something else than pictures; it does not know the class.
    """
    network, _, dtype, shape, classes, scale = model_file.load(path)
    if classes is None or scale is None or shape != (3, shape[-1], shape[-1]):
        raise InputError(f"{path}: expected a model that tells pictures apart, got one whose input is of shape {shape}")
    positive = positive or ("bluebird" if "bluebird" in classes else classes[0])
    if positive not in classes:
        raise InputError(f"--class: {expected_one_of(classes, positive)}")
    probabilities = Network(*network.evaluated().layers, Softmax())
    return Search(probabilities, dtype, shape[-1], classes, scale, positive, threshold)
