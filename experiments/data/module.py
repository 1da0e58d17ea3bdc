"""A data set, in batches."""

from collections.abc import Collection, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, SequentialSampler

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

AT_ONCE = 512
"""Examples of a part that is evaluated, or predicted, that are looked at together, at most."""

LARGEST = 4096
"""Pixels that a side of a picture may have: a picture of these is a gigabyte on its way through a layer."""

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
    """Training batches in an order that (seed, epoch) alone decide; validation and test in theirs. Of several processes
    each has a share of every batch. Pictures are read as they are needed.

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
            if whole(self, "size", chosen.size, 1) > LARGEST:
                raise InputError(f"data.size {chosen.size}: expected at most {LARGEST:,} pixels")
            parts = self._pictures(chosen.folder, int(chosen.size or 0), dtype)
        elif name == "text":
            self.text = Text(Path(chosen.file) if chosen.file else None, chosen.context, chosen.merges or 0)
            parts, self.classes = self.text.windows(), self.text.tokenizer.tokens
            self.settings |= self.text.settings
        else:
            parts = SETS[name]()
        if name != "pictures":
            labelled = zip(parts._fields, parts, strict=True)
            parts = Parts(*(_checked(f"data {name}, {label}", part.x, part.y, dtype) for label, part in labelled))
        self.train, self.validation, self.test = parts
        n = len(self.train.x)
        rows = n if chosen.batch_size is None else whole(self, "batch_size", chosen.batch_size, 1)
        self.order = Order(n, rows, at_least(self, "seed", chosen.seed, 0))

    @property
    def batch_size(self) -> int:
        """Examples of a training step; Lightning's Tuner sets it."""
        return self.order.batch_size

    @batch_size.setter
    def batch_size(self, rows: int) -> None:
        self.settings["batch_size"] = rows = whole(self, "batch_size", rows, 1)
        self.order = Order(self.order.n, rows, self.order.seed)

    def _pictures(self, folder: str | None, size: int, dtype: str) -> Parts:
        found = pictures(None if folder is None else Path(folder), size)
        self.classes, self.left_out, self.scale = found.classes, found.left_out, found.scale
        self.settings |= {
            "size": size, "augment": self.augment, "classes": found.classes, "scale": found.scale._asdict(),
            "sha256": found.sha256,
        }  # fmt: skip
        scaled = partial(found.scale, dtype=dtype)
        return Parts(*(part._replace(x=part.x.changed(scaled)) for part in found.parts))

    def train_dataloader(self) -> DataLoader[Any]:
        self.order.rank, self.order.processes = self._rank()
        self.order.same |= bool(getattr(self.trainer, "overfit_batches", 0))
        data = Windows(self.text, self.order) if self.text else Rows(self.train, self.augment, self.order)
        return DataLoader(data, sampler=self.order, batch_size=None)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._whole(self.validation)

    def test_dataloader(self) -> DataLoader[Any]:
        return self._whole(self.test)

    predict_dataloader = test_dataloader

    def _whole(self, part: Part) -> DataLoader[Any]:
        order = Order(len(part.x), AT_ONCE, shuffle=False)
        order.rank, order.processes = self._rank()
        return DataLoader(Rows(part), sampler=order, batch_size=None)

    def _rank(self) -> tuple[int, int]:
        """This process's rank, and how many processes there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)


class Order(DistributedSampler[Any], SequentialSampler):
    """The rows of each batch that are this process's, shuffled anew in each epoch, which Lightning sets. It puts no
    sampler of its own in the place of a distributed one, nor, where it overfits, of a sequential one.

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

    def __iter__(self) -> Iterator[Any]:
        done, self.done = self.done, 0  # at the first batch: Lightning calls iter() early
        cuts = range(0, self.n, self.batch_size)
        every = (np.arange(at, min(at + self.batch_size, self.n)) for at in cuts)
        if self.shuffle:
            every = batches(self.n, self.batch_size, self.seed, self.epoch)
        for rows in islice(every, done, self.batches):
            yield torch.from_numpy(share_of(rows, self.rank, self.processes))

    def __len__(self) -> int:
        return self.batches


class Rows(Dataset[Any]):
    """A part's rows, as many as are asked for at once; with `changes` they are pictures, changed as the epoch of the
    order has it."""

    def __init__(self, part: Part, changes: Collection[str] = (), order: Order | None = None) -> None:
        self.part, self.changes, self.order = part, changes, order

    def __getitem__(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        at = rows.numpy()
        x = self.part.x[at]
        if self.changes and self.order:
            x = augmented(x, at, self.changes, self.order.seed, self.order.epoch)
        return to_torch(x), to_torch(self.part.y[at])


def share_of(rows: np.ndarray, rank: int, processes: int) -> np.ndarray:
    """A process's share of the rows: in the order of the ranks, and no process has two more than another. It may be
    none."""
    return np.array_split(rows, processes)[rank]


def _checked(where: str, x: np.ndarray, y: np.ndarray, dtype: str) -> Part:
    """A part with numbers of the dtype, and classes of int64.

    Raises:
        InputError: they are not finite, or not as many examples as targets.
    """
    if len(x) != len(y):
        raise InputError(f"{where}: expected a target an example, got {len(x)} and {len(y)}")
    for name, array in (("x", x), ("y", y)):
        finite(f"{where}: {name}", array)
    return Part(*(array.astype(dtype if array.dtype.kind == "f" else "int64", copy=False) for array in (x, y)))
