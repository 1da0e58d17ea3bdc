"""What a data set is: three parts, each examples and their targets."""

from typing import Any, NamedTuple

from manual.numbers.number_types import Array


class Part(NamedTuple):
    """Examples x and their targets y, row by row. Pictures are a `Stream`, which is read as an array is."""

    x: Any
    y: Array


class Parts(NamedTuple):
    """What is trained on; what choices are made by; what is looked at in the end."""

    train: Part
    validation: Part
    test: Part
