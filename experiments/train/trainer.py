"""Lightning's trainer as this project uses it."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from experiments.train.checkpoints.checkpoint import WholeCheckpoints
from experiments.train.settings import TrainerSettings
from manual import InputError
from manual.numbers.checks import whole
from torch_ref.devices import prepare

PASSED = (
    "max_epochs", "min_epochs", "max_steps", "min_steps", "max_time", "limit_val_batches", "val_check_interval",
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
    if settings.precision == "16-mixed" and accelerator == "cpu":
        raise InputError("trainer.precision 16-mixed: a GPU is needed for it; on the CPU there is bf16-mixed")
    if accelerator == "gpu":
        if devices > torch.cuda.device_count():
            raise InputError(f"trainer.devices {devices}: this machine has {torch.cuda.device_count()}")
        prepare("cuda")
    if "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) != devices * num_nodes:
        raise InputError(
            f"trainer.devices {devices} on each of trainer.num_nodes {num_nodes}: expected as many processes as "
            f"torchrun has started, {os.environ['WORLD_SIZE']}"
        )
    passed = {name: getattr(settings, name) for name in PASSED}
    return _made(
        **passed,
        devices=devices,
        logger=False,
        enable_checkpointing=False,  # `Saving` does it
        log_every_n_steps=1,
        plugins=[WholeCheckpoints()],
        num_sanity_val_steps=0,
        enable_progress_bar=settings.enable_progress_bar and sys.stdout.isatty(),
    )


def _made(**options: Any) -> L.Trainer:
    try:
        return L.Trainer(**options)
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise InputError(f"trainer: {' '.join(str(error).split())}") from None


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
