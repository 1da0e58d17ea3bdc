"""Messages between the checker and the process that runs a submission: a header of plain values, and plain arrays."""

import io
import json
import zipfile
from typing import IO, Any

import numpy as np

from manual.number_types import Array

LARGEST = 1 << 32
"""Bytes of a message: what the process may have in memory."""
HEADER = "arr_0"
"""What `np.savez` calls the first array that has no name."""

Message = tuple[dict[str, Any], dict[str, Array]]


class Garbled(ValueError):
    """What came is no message."""


class Fault(RuntimeError):
    """A message that one of the two should not have sent: the checker's own fault, and of no file."""


def send(stream: IO[bytes], header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write one message.

    Raises:
        Fault: an array is not of numbers.
    """
    for name, a in arrays.items():
        if a.dtype.kind not in "fiub":
            raise Fault(f"expected an array of numbers, got {name} of {a.dtype}")
    text = io.BytesIO()
    np.savez(text, np.array(json.dumps([header, _kinds(arrays)])), *arrays.values())  # a name may be one of savez's own
    content = text.getvalue()
    stream.write(len(content).to_bytes(8, "big") + content)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Read one message. What is not plain is refused.

    Raises:
        EOFError: the other side is gone.
        Garbled: something else than messages was written there.
        Fault: the arrays are not those that were sent, by name, type or shape.
    """
    size = stream.read(8)
    length = int.from_bytes(size, "big")
    if length > LARGEST:
        raise Garbled("not a message")
    content = stream.read(length)
    if len(size) < 8 or len(content) < length:
        raise EOFError("the other side is gone")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as parts:
            header, kinds = json.loads(str(parts[HEADER]))
            values = [parts[name] for name in parts.files if name != HEADER]
        arrays = dict(zip(kinds, values, strict=False))
    except (AttributeError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        raise Garbled("not a message") from None
    if len(kinds) != len(values) or kinds != _kinds(arrays):
        raise Fault(f"expected the arrays {kinds}, got {[[a.dtype.str, [*a.shape]] for a in values]}")
    return header, arrays


def _kinds(arrays: dict[str, Array]) -> dict[str, list[Any]]:
    """Of every array, dtype and shape."""
    return {name: [a.dtype.str, [*a.shape]] for name, a in arrays.items()}
