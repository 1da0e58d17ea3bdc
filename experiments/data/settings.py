"""What a config may say of the data."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class DataSettings:
    """A data set, and in what batches it is trained on.

    Args:
        name: digits, hand_computation, sine, pictures: those of a folder; or text.
        folder: a folder of pictures, with a subfolder for each class, or such folders in train, validation and test.
        size: of the pictures' sides, in pixels; they are scaled to it.
        augment: how training pictures are changed anew in each epoch: flip, shift, both or not at all.
        file: of a text of your own, in UTF-8; none is the language reference that comes with Python.
        context: tokens of a text that are looked at together.
        merges: the number of merges of byte-pair encoding, at most 1,000; 0: a token is a character.
        batch_size: examples a training step, the last batch of an epoch may be smaller; none is all of them.
        seed: of shuffling and augmentation.
    """

    name: Literal["digits", "hand_computation", "sine", "pictures", "text"]
    folder: str | None = None
    size: int | None = None
    augment: list[Literal["flip", "shift"]] | None = None
    file: str | None = None
    context: int | None = None
    merges: int | None = None
    batch_size: int | None = None
    seed: int = 0
