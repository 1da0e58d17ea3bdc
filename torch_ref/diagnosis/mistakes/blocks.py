"""Wrong wirings of a block."""

from typing import Any

import manual
from manual import Layer
from torch_ref.diagnosis.mistakes.passes import Backward, Forward, output, plain

BLOCK_OUTPUTS: dict[type[Layer], list[tuple[str, Forward]]] = {
    manual.Residual: [("the input is not added", lambda f, x: output(f.parts["inner"], x))],
}


def _past(f: Any, x: Any, delta: Any) -> tuple[Any, Any]:
    return plain(f.parts["inner"], x, delta)[0], plain(f, x, delta)[1]


BLOCKS: dict[type[Layer], list[tuple[str, Backward]]] = {
    manual.Residual: [
        ("the path past the inner layer is missing", _past),
        ("the path through the inner layer is missing", lambda f, x, d: (d, plain(f, x, d)[1])),
    ],
}
