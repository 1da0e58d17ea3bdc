"""Files from strangers, made on purpose: zips, model files and checkpoints that say something else."""

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import safetensors.numpy
import torch

from experiments.shared import model_file
from experiments.train.options import CONFIGS

LAYERS: list[Any] = ["Flatten", {"Linear": {"in_features": 12, "out_features": 2}}]
CONFIG = CONFIGS / "two_two_one.yaml"
Refuse = Callable[[str, Path], str]


class Bomb:
    """Unpickled, it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def saved_by_torch(value: Any) -> bytes:
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


def zipped(records: dict[str, bytes], how: int = zipfile.ZIP_STORED, attribute: int = 0) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", how) as file:
        for name, record in records.items():
            about = zipfile.ZipInfo(f"archive/{name}")
            about.external_attr, about.compress_type = attribute, how
            file.writestr(about, record)
    return content.getvalue()


def records(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for name in file.namelist():
            yield name.partition("/")[2], file.read(name)


def header(described: str, data: bytes = b"") -> bytes:
    """A model file of this header."""
    return struct.pack("<Q", len(described)) + described.encode() + data


def sealed(content: bytes, said: dict[str, str]) -> bytes:
    """A model file that says something else, with the sha256 of that."""
    arrays = safetensors.numpy.load(content)
    metadata = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])["__metadata__"] | said
    return safetensors.numpy.save(arrays, metadata | {"sha256": model_file.digest(arrays, metadata)})


def laughs() -> list[Any]:
    """Sixty lists, each of which is twice the next: short in the file, 2⁶⁰ numbers to whoever looks at each."""
    inner: list[Any] = [1]
    for _ in range(60):
        inner = [inner, inner]
    return inner
