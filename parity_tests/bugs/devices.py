"""Mistakes that people make with devices, planted in this project's code: on the CPU nobody sees them.

Each is a function that puts the mistake in place; its docstring says what is wrong, `@device_bug(…)` where people made
it, what is run to catch it, and what is said then on another device.
"""

import sys
import warnings
from typing import Any

import lightning as L
import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils._pytree import tree_map_only

from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.train.backends import ByTorch
from experiments.train.module import Training
from experiments.train.settings import ModelSettings
from experiments.train.trainer import quiet
from manual import Adam, CrossEntropyLoss, Dropout, HalfMSELoss, Linear, Loss, Network, Tanh
from manual.layers.dropout import mask
from parity_tests.bugs.registry import DEVICE_BUGS, device_bug
from parity_tests.devices.pretend_trainer import trainer_on
from torch_ref import compare_training, embed, params_of, to_numpy, to_torch, twin, twin_optimizer
from torch_ref.twins import OWN

__all__ = ["DEVICE_BUGS"]

# What is run, and must end in the same numbers on every device


def compared(device: str, loss: Loss | None = None) -> list[Any]:
    """Two training steps of a network with dropout, against the hand-written one."""
    rng = np.random.default_rng(0)
    network = Network(Linear(3, 4, rng=rng), Tanh(), Dropout(rng=rng), Linear(4, 3, rng=rng))
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 3)) if loss else rng.integers(0, 3, 6)
    parity = compare_training(network, loss or CrossEntropyLoss(), Adam(lr=0.1), x, y, 2, device)
    assert parity.agrees, f"\n{parity}"
    return parity.comparisons


def compared_by_squares(device: str) -> list[Any]:
    """The same with half the squared error."""
    return compared(device, HalfMSELoss())


def trained(device: str) -> list[Any]:
    """Lightning's trainer: an epoch of the digits, and its test."""
    network = [{"Linear": {"in_features": 64, "out_features": 10}}, "Tanh"]
    training = Training(ModelSettings(network, "CrossEntropyLoss", {"Adam": {"lr": 0.01}}, "torch", "float32"))
    with quiet(), trainer_on(device):
        trainer = L.Trainer(
            accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, num_sanity_val_steps=0, use_distributed_sampler=False,
        )  # fmt: skip
        data = Data(DataSettings("digits", batch_size=400), "float32")
        trainer.fit(training, datamodule=data)
        [measured] = trainer.test(training, datamodule=data, verbose=False)
    return [*params_of(training.side.module).values(), *measured.values()]


def resumed(device: str) -> list[Any]:
    """Two steps of Adam, and a third by a new module and a new optimizer, from a copy of weights and state on the
    CPU."""
    rng = np.random.default_rng(0)
    network, x = Network(Linear(3, 4, rng=rng), Tanh()), to_torch(rng.standard_normal((6, 3)), device)
    first, second = made(network, device), made(network, device)
    for module, optimizer in (first, first, second):
        if module is second[0]:
            weights, state = (part.state_dict() for part in first)
            module.load_state_dict({name: p.cpu() for name, p in weights.items()})
            restore(optimizer, tree_map_only(torch.Tensor, torch.Tensor.cpu, state))
        optimizer.zero_grad()
        (module(x) ** 2).sum().backward()
        optimizer.step()
    return [*params_of(second[0]).values()]


def made(network: Network, device: str) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """The twin of a network on the device, and its optimizer."""
    module = twin(network, device)
    return module, twin_optimizer(Adam(lr=0.1), module)


def restore(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Give an optimizer a saved state."""
    optimizer.load_state_dict(state)


def embedded(device: str) -> list[Any]:
    """The hand-written network inside torch: its output, and the gradients that it sends back."""
    rng = np.random.default_rng(0)
    module = embed(Network(Linear(3, 4, rng=rng), Tanh())).to(device)
    x = to_torch(rng.standard_normal((6, 3)), device).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it copies
        y = module(x)
    target = to_torch(rng.standard_normal((6, 4)), device)
    ((y - target) ** 2).sum().backward()
    gradients = [p.grad for p in (x, *module.parameters()) if p.grad is not None]
    assert {g.device for g in gradients} == {x.device}, (
        "invalid gradient"
    )  # the pretended device's autograd lets it pass
    return [to_numpy(y), *map(to_numpy, gradients)]


# The mistakes


@device_bug(
    "https://github.com/K-H-Ismail/Dilated-Convolution-with-Learnable-Spacings-PyTorch/pull/8", compared_by_squares
)
def _(patch):
    """A module's constant is no buffer, and `.to(device)` passes it by."""

    class Loss(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.two = torch.from_numpy(np.array([2.0]))

        def forward(self, prediction, target):
            return ((prediction - target) ** 2 / (self.two * len(prediction))).sum()

    patch.setitem(OWN, "HalfMSELoss", Loss)


@device_bug("https://github.com/pytorch/examples/pull/1073", trained)
def _(patch):
    """The inputs go to the device, the labels stay on the CPU."""
    patch.setattr(Data, "transfer_batch_to_device", lambda _, batch, device, i: [batch[0].to(device), batch[1]])


@device_bug(
    "https://github.com/huggingface/setfit/issues/339", compared, "can't convert .* device type tensor to numpy"
)
def _(patch):
    """Arrays are taken by `.numpy()`."""
    patch.setattr(sys.modules["torch_ref.comparison.layers"], "to_numpy", lambda tensor: tensor.detach().numpy())


@device_bug(
    "https://github.com/hcnoh/knowledge-tracing-collection-pytorch/issues/1", trained, "for generator but found 'cpu'"
)
def _(patch):
    """Noise is drawn on the device by a generator of the CPU."""
    right = ByTorch.cost

    def cost(self, x, y, share):
        generator = torch.Generator().manual_seed(0)
        return right(self, x + torch.randn(x.shape, generator=generator, device=x.device), y, share)

    patch.setattr(ByTorch, "cost", cost)


@device_bug("https://github.com/pytorch/pytorch/issues/2830", resumed)
def _(patch):
    """The optimizer's saved state stays on the CPU."""

    def restore(optimizer, state):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        optimizer.state.update(zip(parameters, state["state"].values(), strict=True))

    patch.setattr(sys.modules[__name__], "restore", restore)


@device_bug("https://github.com/jxbz/nero/issues/1", resumed, "other numbers")
def _(patch):
    """The module is moved when its optimizer has taken the parameters, and nothing is trained."""

    def made(network, device):
        module = twin(network)
        optimizer = twin_optimizer(Adam(lr=0.1), module)
        return module.to(device), optimizer

    patch.setattr(sys.modules[__name__], "made", made)


@device_bug("https://github.com/KohakuBlueleaf/LyCORIS/issues/291", compared)
def _(patch):
    """Dropout's mask is on the CPU."""

    def forward(self, a):
        return a * to_torch(mask(self.seed, self.count, self.p, tuple(a.shape))) / (1 - self.p)

    patch.setattr(OWN["Dropout"], "forward", forward)


@device_bug("https://github.com/Lightning-AI/pytorch-lightning/issues/2984", compared)
def _(patch):
    """A loss makes the weights of the classes on the CPU."""

    class Loss(torch.nn.CrossEntropyLoss):
        def forward(self, input, target):  # noqa: A002
            return cross_entropy(input, target, weight=torch.ones(3, dtype=input.dtype))

    patch.setitem(OWN, "CrossEntropyLoss", Loss)


@device_bug("https://github.com/Harry24k/CW-pytorch/issues/3", compared)
def _(patch):
    """Classes are written as vectors by a unit matrix on the CPU."""

    class Loss(torch.nn.CrossEntropyLoss):
        def forward(self, input, target):  # noqa: A002
            one_hot = torch.eye(3, dtype=input.dtype)[target]
            return -(input.log_softmax(dim=1) * one_hot).sum() / len(input)

    patch.setitem(OWN, "CrossEntropyLoss", Loss)


@device_bug("https://github.com/FangjinhuaWang/PatchmatchNet/issues/35", trained)
def _(patch):
    """A running total of the cost is kept on the CPU."""
    right = ByTorch.cost

    def cost(self, x, y, share):
        self.total = getattr(self, "total", torch.zeros(1))
        self.total += self.loss(self.module(x), y).detach()
        return right(self, x, y, share)

    patch.setattr(ByTorch, "cost", cost)


@device_bug("https://github.com/skorch-dev/skorch/issues/734", compared, "to the CPU, to compute there")
def _(patch):
    """An activation is computed on the CPU, there and back, without a word."""

    class Activation(torch.nn.Module):
        def forward(self, a):
            return torch.tanh(a.cpu()).to(a.device)

    patch.setitem(OWN, "Tanh", Activation)


@device_bug("https://github.com/PythonOT/POT/issues/679", compared_by_squares, "to the CPU, to compute there")
def _(patch):
    """The cost comes back on the CPU."""

    class Loss(torch.nn.Module):
        def forward(self, prediction, target):
            return ((prediction - target) ** 2).sum().cpu() / (2 * len(prediction))

    patch.setitem(OWN, "HalfMSELoss", Loss)


@device_bug("https://github.com/pytorch/pytorch/issues/24902", embedded)
def _(patch):
    """What a hand-written function gives back is a tensor on the CPU."""
    patch.setattr(sys.modules["torch_ref.embedding"], "to_torch", lambda array, device="cpu": to_torch(array))


@device_bug("https://github.com/pytorch/pytorch/issues/33870", embedded, "")
def _(patch):
    """A hand-written backward gives back gradients on the CPU."""
    function: Any = sys.modules["torch_ref.embedding"]._HandWritten
    right = function.backward

    def backward(ctx, delta):
        return tuple(None if g is None else g.cpu() for g in right(ctx, delta))

    patch.setattr(function, "backward", staticmethod(backward))
