"""What a config may say of the network and the trainer, apart from what Lightning makes of it: the parser reads these,
and need not wait for Lightning to refuse a word."""

from dataclasses import dataclass
from typing import Any, Literal

from experiments.shared.spec import Spec


@dataclass
class ModelSettings:
    """A network, its loss and its optimizer, trained by one of the two implementations.

    Args:
        network: the layers in order, each a name or one name: {arguments}.
        loss: a name or one name: {arguments}.
        optimizer: a name or one name: {arguments}.
        implementation: manual or torch.
        dtype: of parameters and data.
        seed: what the parameters are drawn from.
        start: parameters by name, in place of drawn ones.
        threshold: converged, and so done, when ‖θ_new − θ_old‖ < threshold.
        penalty: a name or one name: {arguments}; its cost is added to the batch's.
    """

    network: list[Spec]
    loss: Spec
    optimizer: Spec
    implementation: Literal["manual", "torch"] = "manual"
    dtype: Literal["float64", "float32"] = "float64"
    seed: int = 0
    start: dict[str, Any] | None = None
    threshold: float = 0
    penalty: Spec | None = None


@dataclass
class TrainerSettings:
    """Lightning's trainer, with what this project varies.

    Args:
        max_epochs: passes over the training part, 1 or more; with model.threshold, at most so many.
        max_steps: training steps at most, 1 or more; -1 is no limit.
        accelerator: cpu, or, with the torch implementation, gpu.
        enable_progress_bar: show a progress bar, on a terminal.
        devices: how many on each machine; with the torch implementation. Each is a process, on the CPU too.
        num_nodes: how many machines.
        strategy: ddp, each process has a share of every batch; auto is ddp where there are several processes.
    """

    max_epochs: int
    max_steps: int = -1
    accelerator: Literal["cpu", "gpu"] = "cpu"
    enable_progress_bar: bool = True
    devices: int = 1
    num_nodes: int = 1
    strategy: Literal["auto", "ddp"] = "auto"
