"""Training in several processes, none of which holds all of the weights: torch's `fully_shard` under Lightning."""
# pyright: reportIncompatibleMethodOverride=false

from collections.abc import Callable, Mapping
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.optimizer import _optimizer_to_device
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.trainer.states import TrainerFn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

States = dict[str, Any]


class Sharded(DDPStrategy):
    """Fully sharded data parallel: of each parameter, its gradient and its optimizer state a process holds one share.

    A layer's weights are gathered for as long as the layer computes. Processes start, meet and share out the batches
    as with DDP. A checkpoint is the one file that a single process writes, so that a run may go on in any number of
    processes. (Lightning's FSDPStrategy runs on GPUs alone, and its ModelParallelStrategy reads a checkpoint without
    the plugin that checks it.)
    """

    def setup(self, trainer: L.Trainer) -> None:
        accelerator: Any = self.accelerator
        training = trainer.state.fn == TrainerFn.FITTING
        accelerator.setup(trainer)
        self.precision_plugin.convert_module(self.lightning_module)  # pyright: ignore[reportArgumentType]
        if training:
            self._share_out()
        self.model_to_device()
        if training:
            self.setup_optimizers(trainer)
        self.setup_precision_plugin()

    def _share_out(self) -> None:
        mesh = init_device_mesh(self.root_device.type, (self.world_size,))
        module: Any = self.lightning_module
        network: torch.nn.Module = module.side.module
        for layer in network.children():
            if [*layer.parameters()]:
                fully_shard(layer, mesh=mesh)
        fully_shard(network, mesh=mesh)

    def teardown(self) -> None:
        super().teardown()
        self.model_to_device()  # where its shares can be gathered

    def lightning_module_state_dict(self) -> States:
        return _each(self._saved, super().lightning_module_state_dict())

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> States:
        state: States = super().optimizer_state(optimizer)
        return state | {"state": {i: _each(self._saved, values) for i, values in state["state"].items()}}

    def _saved(self, value: Any) -> Any:
        """The value whole, in the memory of the process that writes; the others help to gather it."""
        if isinstance(value, DTensor):
            value = value.full_tensor()
            return value.cpu() if self.is_global_zero else None
        return value

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        [optimizer], [saved] = self.optimizers, checkpoint["optimizer_states"]
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        state = {i: _each(_share_of(parameters[i]), values) for i, values in saved["state"].items()}
        optimizer.load_state_dict(saved | {"state": state})
        _optimizer_to_device(optimizer, self.root_device)


def _share_of(p: DTensor) -> Callable[[Any], Any]:
    """What takes of a value with a parameter's shape the share that this process has of the parameter."""

    def share(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.shape != p.shape:
            return value
        return distribute_tensor(value.to(p.device), p.device_mesh, p.placements, src_data_rank=None)

    return share


def _each(convert: Callable[[Any], Any], values: Mapping[str, Any]) -> States:
    return {name: convert(value) for name, value in values.items()}
