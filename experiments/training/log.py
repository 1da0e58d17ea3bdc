"""A run's `metrics.csv`."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger


class CSVLog(Logger):
    """A row for each record, in full precision, in the file at once, so that a killed run keeps its rows."""

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        super().__init__()
        self.folder = folder
        self._file = (folder / "metrics.csv").open("x", newline="", buffering=1, encoding="utf-8")
        self._writer = csv.DictWriter(self._file, ["epoch", "step", *columns], lineterminator="\n")
        self._writer.writeheader()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._writer.writerow({**metrics, "step": step})

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: they are in `config.yaml`."""

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
