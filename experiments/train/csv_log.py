"""A run's `metrics.csv`."""

import csv
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger

METRICS = "metrics.csv"


class CSVLog(Logger):
    """A row for each record, in full precision, in the file at once, so that a killed run keeps its rows.

    Args:
        folder: of the run.
        columns: of the file, after epoch and step.
        size: bytes that are kept of a file that is there; what comes after them is cut off.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path, columns: Sequence[str], size: int = 0) -> None:
        super().__init__()
        self.folder = folder
        self._file = (folder / METRICS).open("ab", buffering=0)
        self._file.truncate(size)
        self._written = hashlib.sha256((folder / METRICS).read_bytes())
        self._writer = csv.DictWriter(self, ["epoch", "step", *columns], lineterminator="\n")
        if not size:
            self._writer.writeheader()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self._written.hexdigest()

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row, of values by column."""
        self._writer.writerow(row)

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: what Lightning and callbacks log is for other loggers."""

    def write(self, line: str) -> None:
        """Append a line."""
        rest = line.encode()
        self._written.update(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            error.filename = self._file.name
            raise

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: they are in `config.yaml`."""

    def flush(self) -> None:
        """Have all of it on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    @property
    def name(self) -> str:
        return self.folder.parent.name

    @property
    def version(self) -> str:
        return self.folder.name

    @property
    def save_dir(self) -> str:
        """The run's folder."""
        return str(self.folder)
