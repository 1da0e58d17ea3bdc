"""Messages between the checker and the process that runs a submission: a header of plain values, and plain arrays."""

import io
import json
import zipfile
from typing import IO, Any

import numpy as np

from manual.number_types import Array

LARGEST = 1 << 32
"""Bytes of a message: what the process may have in memory."""

Message = tuple[dict[str, Any], dict[str, Array]]


class Garbled(ValueError):
    """What came is no message."""


def send(stream: IO[bytes], header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write one message.

    Raises:
        ValueError: an array is of objects.
    """
    text = io.BytesIO()
    np.savez(text, allow_pickle=False, **{"": np.array(json.dumps(header)), **arrays})
    content = text.getvalue()
    stream.write(len(content).to_bytes(8, "big") + content)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Read one message. What is not plain is refused.

    Raises:
        EOFError: the other side is gone.
        Garbled: something else than messages was written there.
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
            arrays = {name: parts[name] for name in parts.files}
        return json.loads(str(arrays.pop(""))), arrays
    except (AttributeError, KeyError, ValueError, zipfile.BadZipFile):
        raise Garbled("not a message") from None
