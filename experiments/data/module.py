"""A data set, in batches."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, TensorDataset

from experiments.data.augment import augmented
from experiments.data.digits import digits
from experiments.data.folder import pictures
from experiments.data.functions import hand_computation, sine
from experiments.data.images import LeftOut
from experiments.data.settings import DataSettings
from experiments.data.splits import Part, Parts
from experiments.data.text import Text, Windows
from experiments.shared.scale import Scale
from manual import InputError, batches
from manual.numbers.checks import at_least, finite, whole
from torch_ref import to_torch

SETS = {"digits": digits, "hand_computation": hand_computation, "sine": sine}
ONLY = {
    "folder": "pictures",
    "size": "pictures",
    "augment": "pictures",
    "file": "text",
    "context": "text",
    "merges": "text",
}
"""Options, and the data that they are for."""


class Data(L.LightningDataModule):
    """Training batches in an order that (seed, epoch) alone decide; validation and test whole. Of several processes
    each has a share of every batch.

    Args:
        chosen: what the config says.
        dtype: of the numbers; the network's.

    Raises:
        InputError: the data are not finite, or do not fit together; a batch size or a seed that cannot be; a folder
            of pictures, or a text, that cannot be trained on; an option for other data.
    """

    def __init__(self, chosen: DataSettings, dtype: Literal["float64", "float32"] = "float64") -> None:
        super().__init__()
        name = chosen.name
        self.settings: dict[str, Any] = {
            "name": name, "batch_size": chosen.batch_size, "seed": chosen.seed, "dtype": dtype,
        }  # fmt: skip
        self.classes: list[str] | None = None
        self.scale: Scale | None = None
        self.left_out: list[LeftOut] = []
        self.augment = chosen.augment or []
        self.text: Text | None = None
        for option, wanted in ONLY.items():
            if name != wanted and getattr(chosen, option) is not None:
                raise InputError(f"data.{option} is for data.name {wanted}; here it is {name}")
        if name == "pictures":
            parts = self._pictures(chosen.folder, whole(self, "size", chosen.size, 1), dtype)
        elif name == "text":
            self.text = Text(Path(chosen.file) if chosen.file else None, chosen.context, chosen.merges or 0)
            parts, self.classes = self.text.windows(), self.text.tokenizer.tokens
            self.settings |= self.text.settings
        else:
            parts = SETS[name]()
        for label, part in zip(parts._fields, parts, strict=True):
            if len(part.x) != len(part.y):
                raise InputError(
                    f"data {name}, {label}: expected a target an example, got {len(part.x)} and {len(part.y)}"
                )
            finite(f"data {name}, {label}: x", part.x)
            finite(f"data {name}, {label}: y", part.y)
        self.train, self.validation, self.test = (Part(_typed(part.x, dtype), _typed(part.y, dtype)) for part in parts)
        n = len(self.train.x)
        rows = n if chosen.batch_size is None else whole(self, "batch_size", chosen.batch_size, 1)
        self.order = Order(n, rows, at_least(self, "seed", chosen.seed, 0))

    def _pictures(self, folder: str | None, size: int, dtype: str) -> Parts:
        parts, self.classes, self.left_out = pictures(None if folder is None else Path(folder), size)
        self.scale = Scale.of(parts.train.x)
        digest = sha256(b"".join(np.ascontiguousarray(array).tobytes() for part in parts for array in part)).hexdigest()
        self.settings |= {
            "size": size, "augment": self.augment, "classes": self.classes, "scale": self.scale._asdict(),
            "sha256": digest,
        }  # fmt: skip
        return Parts(*(Part(self.scale(x, dtype), y) for x, y in parts))

    def train_dataloader(self) -> DataLoader[Any]:
        self.order.rank, self.order.processes = self._rank()
        data = _tensors(self.train)
        if self.augment:
            data = Augmented(self.train, self.augment, self.order)
        if self.text:
            data = Windows(self.text, self.order)
        return DataLoader(data, sampler=self.order, batch_size=None)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._whole(self.validation)

    def test_dataloader(self) -> DataLoader[Any]:
        return self._whole(self.test)

    predict_dataloader = test_dataloader

    def _whole(self, part: Part) -> DataLoader[Any]:
        whole = Order(len(part.x), len(part.x), shuffle=False)
        whole.rank, whole.processes = self._rank()
        return DataLoader(_tensors(part), sampler=whole, batch_size=None)

    def _rank(self) -> tuple[int, int]:
        """This process's rank, and how many processes there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)


class Order(DistributedSampler[Any]):
    """The rows of each batch that are this process's, shuffled anew in each epoch, which Lightning sets. It puts no
    sampler of its own in the place of a distributed one.

    Attributes:
        done: batches of the next epoch that are left out, since a run that goes on has them behind it.
    """

    def __init__(self, n: int, batch_size: int, seed: int = 0, shuffle: bool = True) -> None:
        self.n, self.batch_size, self.seed, self.epoch = n, batch_size, seed, 0
        self.rank, self.processes, self.done = 0, 1, 0
        self.batches, self.same, self.shuffle = -(-n // batch_size), False, shuffle

    def limit(self, batches: float | None, same: float) -> None:
        """Let an epoch have so many batches, or that share of them; with `same` the first so many, and every epoch
        those of the first.

        Raises:
            InputError: there are not so many, or fewer than one.
        """
        for name, given in (("limit_train_batches", batches), ("overfit_batches", same or None)):
            if given is not None:
                self.batches, self.same = self.count(name, given), bool(same)

    def count(self, option: str, given: float) -> int:
        """So many batches of an epoch, or that share of them.

        Raises:
            InputError: there are not so many, or fewer than one.
        """
        share = isinstance(given, float)
        count = int(given * self.batches) if share and 0 <= given <= 1 else given
        if not 1 <= count <= self.batches or (share and given > 1):
            raise InputError(f"trainer.{option} {given}: expected 1 to {self.batches} batches, or a share of them")
        return int(count)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = 0 if self.same else epoch

    def __iter__(self) -> Iterator[torch.Tensor]:
        done, self.done = self.done, 0  # at the first batch: Lightning calls iter() early
        every = batches(self.n, self.batch_size, self.seed, self.epoch) if self.shuffle else [np.arange(self.n)]
        for rows in islice(every, done, self.batches):
            yield torch.from_numpy(share_of(rows, self.rank, self.processes))

    def __len__(self) -> int:
        return self.batches


class Augmented(Dataset[Any]):
    """Training pictures, changed as the epoch of the order has it."""

    def __init__(self, part: Part, changes: list[Literal["flip", "shift"]], order: Order) -> None:
        self.part, self.changes, self.order = part, changes, order

    def __getitem__(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        at = rows.numpy()
        x = augmented(self.part.x[at], at, self.changes, self.order.seed, self.order.epoch)
        return to_torch(x), to_torch(self.part.y[at])


def share_of(rows: np.ndarray, rank: int, processes: int) -> np.ndarray:
    """A process's share of the rows: in the order of the ranks, and no process has two more than another. It may be
    none."""
    return np.array_split(rows, processes)[rank]


def _typed(array: np.ndarray, dtype: str) -> np.ndarray:
    return array.astype(dtype if array.dtype.kind == "f" else "int64", copy=False)


def _tensors(part: Part) -> TensorDataset:
    return TensorDataset(to_torch(part.x), to_torch(part.y))
