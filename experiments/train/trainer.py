"""Lightning's trainer as this project uses it."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from socket import getaddrinfo
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException

from experiments.shared.printable import one_line
from experiments.train.checkpoints.checkpoint import WholeCheckpoints
from experiments.train.settings import TrainerSettings
from manual import InputError
from manual.numbers.checks import whole
from torch_ref.devices import prepare

PASSED = (
    "max_epochs", "min_epochs", "max_steps", "min_steps", "max_time", "limit_val_batches", "limit_test_batches",
    "limit_predict_batches", "val_check_interval",
    "check_val_every_n_epoch", "fast_dev_run", "accelerator", "num_nodes", "strategy", "precision", "deterministic",
    "detect_anomaly", "enable_model_summary", "accumulate_grad_batches", "gradient_clip_val",
    "gradient_clip_algorithm",
)  # fmt: skip
"""Options that Lightning gets as they are."""
POSITIVE = ("min_epochs", "min_steps", "check_val_every_n_epoch", "accumulate_grad_batches")
PER_CORE = 8
"""Processes, at most: more share a core than ever help."""
NOISE = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning's own use of torch
    "The '.*_dataloader' does not have many workers",  # the data are in memory
    "You're resuming from a checkpoint that ended before the epoch",  # the order of the data goes on where it was
    r"It is recommended to use `self.log\(.*sync_dist=True",  # what is logged is the whole batch's already
)


def trainer(settings: TrainerSettings) -> L.Trainer:
    """The trainer of these settings.

    Raises:
        InputError: a number that cannot be; a device that is not there; other processes than torchrun has started.
    """
    accelerator, devices, num_nodes = settings.accelerator, settings.devices, settings.num_nodes
    whole("trainer", "max_epochs", settings.max_epochs, 1)
    for name in POSITIVE:
        if getattr(settings, name) is not None:
            whole("trainer", name, getattr(settings, name), 1)
    if settings.gradient_clip_val is not None and not settings.gradient_clip_val > 0:
        raise InputError(f"trainer.gradient_clip_val {settings.gradient_clip_val}: expected a number above 0, or null")
    if settings.max_steps != -1:
        whole("trainer", "max_steps", settings.max_steps, 1)
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise InputError("trainer.accelerator gpu: torch sees no GPU on this machine")
    if devices == "auto":
        devices = torch.cuda.device_count() if accelerator == "gpu" else 1
    for name, number in (("devices", devices), ("num_nodes", num_nodes)):
        whole("trainer", name, number, 1)
    if accelerator == "cpu" and devices > (most := PER_CORE * (os.cpu_count() or 1)):
        raise InputError(f"trainer.devices {devices}: expected at most {most} processes on this machine's cores")
    if accelerator == "gpu":
        if devices > torch.cuda.device_count():
            raise InputError(f"trainer.devices {devices}: this machine has {torch.cuda.device_count()}")
        prepare("cuda")
    started = os.environ.get("WORLD_SIZE")
    if "TORCHELASTIC_RUN_ID" in os.environ and started != str(devices * num_nodes):
        raise InputError(
            f"trainer.devices {devices} on each of trainer.num_nodes {num_nodes}: expected as many processes as "
            f"torchrun has started, {started}"
        )
    passed = {name: getattr(settings, name) for name in PASSED}
    if settings.strategy == "fsdp":
        from experiments.train.processes.sharded import Sharded  # a second's import

        passed |= {"strategy": Sharded(), "inference_mode": False}  # its weights come and go while it evaluates
    made = _made(
        **passed,
        devices=devices,
        logger=False,
        enable_checkpointing=False,  # `Saving` does it
        log_every_n_steps=1,
        plugins=[WholeCheckpoints()],
        num_sanity_val_steps=0,
        enable_progress_bar=settings.enable_progress_bar and sys.stdout.isatty(),
    )
    _check_meeting(made)
    return made


def _made(**options: Any) -> L.Trainer:
    try:
        return L.Trainer(**options)
    except (MisconfigurationException, ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise InputError(f"trainer: {one_line(error)}") from None


def _check_meeting(made: L.Trainer) -> None:
    """Raise InputError where the processes could not meet: torch would wait half an hour."""
    environment = getattr(made.strategy, "cluster_environment", None)
    if environment is None:
        return
    if made.num_nodes > 1 and isinstance(environment, LightningEnvironment) and "MASTER_ADDR" not in os.environ:
        raise InputError(
            f"trainer.num_nodes {made.num_nodes}: expected torchrun or Slurm to start a process on each machine, or "
            "MASTER_ADDR, MASTER_PORT and NODE_RANK to say where they meet, and which this is"
        )
    try:
        getaddrinfo(environment.main_address, environment.main_port)
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"MASTER_ADDR and MASTER_PORT: expected an address and a port, got {error}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's advice. NumPy's warnings of overflow are left out too: training watches its cost."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
