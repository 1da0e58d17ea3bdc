"""Training runs in several processes, each watched step by step, and with a mistake planted where one is named."""

import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.data import module as data_module
from experiments.train import backends
from experiments.train import command as train
from experiments.train.module import Training
from experiments.train.processes.shares import Share
from parity_tests.train.processes.forks import Fork
from torch_ref import params_of, state_of, to_numpy
from torch_ref.twins import Dropout


def padding_sampler(rows: np.ndarray, rank: int, processes: int) -> np.ndarray:
    """torch's DistributedSampler: so that every process has as many rows, some are there twice."""
    total = -(-len(rows) // processes) * processes
    return np.resize(rows, total)[rank::processes]


def counted_by_every_process(penalty: Any, module: torch.nn.Module) -> torch.Tensor:
    return torch.distributed.get_world_size() * penalty_of(penalty, module)


penalty_of = backends.penalty_of

MISTAKES: dict[str, Callable[[], None]] = {
    "a sampler that pads": lambda: setattr(data_module, "share_of", padding_sampler),
    "a mean of means": lambda: setattr(Share, "weight", lambda *_: 1 / torch.distributed.get_world_size()),
    "a sum taken for a mean": lambda: setattr(Share, "weight", lambda share, _, rows: rows / share.whole),
    "the mean of the processes' gradients for their sum": lambda: setattr(Training, "_summed", lambda _, cost: cost),
    "a penalty counted by every process": lambda: setattr(backends, "penalty_of", counted_by_every_process),
    "masks of each process's own": lambda: setattr(Dropout, "before", property(lambda _: 0, lambda *_: None)),
}


def watch(seen: dict[str, list[Any]]) -> None:
    """Keep, of every training step, the rows, weights, optimizer state and gradients; and every row of the log."""
    step, update, record = Training.training_step, Training.optimizer_step, Training._record

    def watched(self: Training, batch: list[torch.Tensor]) -> torch.Tensor:
        seen["rows"].append([to_numpy(a).copy() for a in batch])
        return step(self, batch)

    def updated(self: Training, *arguments: Any) -> None:
        module, [optimizer] = self.side.module, self.trainer.optimizers
        before, state = params_of(module), state_of(optimizer, module)
        update(self, *arguments)
        gradient = {name: to_numpy(p.grad).copy() for name, p in module.named_parameters() if p.grad is not None}
        seen["steps"].append(
            {
                "rows": seen["rows"][-1],
                "before": before,
                "state": state,
                "gradient": gradient,
                "after": params_of(module),
                "state after": state_of(optimizer, module),
            }
        )

    def recorded(self: Training, step: int, values: dict[str, float]) -> None:
        seen["log"].append(values)
        record(self, step, values)

    Training.training_step, Training._record = watched, recorded
    Training.optimizer_step = updated  # pyright: ignore[reportAttributeAccessIssue]


def run(
    folder: Path, name: str, count: int, arguments: list[str], mistake: str | None = None, machines: int = 1
) -> None:
    """Train in so many processes, on what are so many machines to Lightning. What the one of rank r saw is left in
    FOLDER/NAME.r, as a pickle.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        Fork(folder, _train, divmod(rank, count // machines), count, port, arguments, mistake, f"{name}.{rank}")
        for rank in range(count)
    ]
    for rank in ranks:
        ended = rank.end()
        assert ended == (0, "", "")


def _train(place: tuple[int, int], count: int, port: int, arguments: list[str], mistake: str | None, left: str) -> None:
    machine, rank = place
    os.environ |= {
        "LOCAL_RANK": str(rank),
        "NODE_RANK": str(machine),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
    }
    if mistake:
        MISTAKES[mistake]()
    seen: dict[str, list[Any]] = {"rows": [], "steps": [], "log": []}
    watch(seen)
    train.run(arguments)
    Path(left).write_bytes(pickle.dumps(seen))
