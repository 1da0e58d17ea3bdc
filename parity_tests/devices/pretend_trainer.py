"""Lightning's trainer on the pretended device."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import lightning as L
import torch
from lightning.pytorch.accelerators import Accelerator
from lightning.pytorch.strategies import SingleDeviceStrategy

from parity_tests.devices.pretend import NAME


class PretendAccelerator(Accelerator):
    """What Lightning asks about a device."""

    def setup_device(self, device: torch.device) -> None: ...

    def teardown(self) -> None: ...

    @staticmethod
    def parse_devices(devices: Any) -> int:
        return devices

    @staticmethod
    def get_parallel_devices(devices: int) -> list[torch.device]:
        return [torch.device(NAME)] * devices

    @staticmethod
    def auto_device_count() -> int:
        return 1

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def name() -> str:
        return NAME


@contextmanager
def trainer_on(device: str) -> Iterator[None]:
    """Within, if it is the pretended device that is named, every trainer is on it, whichever accelerator it is told."""
    real = L.Trainer

    def trainer(**arguments: Any) -> L.Trainer:
        there = SingleDeviceStrategy(device, accelerator=PretendAccelerator())
        return real(**arguments | {"accelerator": "auto", "strategy": there})

    with patch.object(L, "Trainer", trainer) if device == NAME else nullcontext():
        yield
