"""The same network in PyTorch: a module of the same class name, hyperparameters, parameters and state.

This is the one place where arrays become tensors and tensors become arrays.
"""

from collections.abc import Callable, Sequence
from functools import singledispatch
from inspect import signature
from typing import Any

import numpy as np
import torch

from manual import EveryStep, InputError, Layer, Loss, Network, Optimizer, Residual
from manual.layer import check_parts_are_trained
from manual.numbers.checks import instance, shown
from manual.numbers.masks import mask
from manual.numbers.number_types import Array
from torch_ref.muon import Muon
from torch_ref.sequences import SEQUENCES


class NoTwin(LookupError):
    """Torch has nothing of that name, and nothing is registered for it."""


class NotAsRegistered(NoTwin):
    """What is registered for a layer is not a module of its parameters."""


class HalfMSELoss(torch.nn.Module):
    """½ Σ (ŷ − y)² / N over the batch, which torch lacks. Source: document A, part 4, step 2."""

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return ((prediction - target) ** 2).sum() / (2 * len(prediction))


class Dropout(torch.nn.Dropout):
    """torch.nn.Dropout with the masks of `manual.Dropout`: a function of (seed, count, shape). `commit` counts on.

    `before` is how many rows of the batch come before those that it is given: theirs are the next rows of the batch's
    mask.
    """

    seed: torch.Tensor
    count: torch.Tensor
    before = 0

    def __init__(self, p: float) -> None:
        super().__init__(p)
        self.register_buffer("seed", torch.zeros((), dtype=torch.int64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, a: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not self.training:
            return a
        m = mask(self.seed, self.count, self.p, (self.before + len(a), *a.shape[1:]))[self.before :]
        return a * to_torch(m, a.device) / (1 - self.p)


def commit(module: torch.nn.Module) -> None:
    """After a training step, what `Network.commit` does: every Dropout of the module counts on."""
    for piece in module.modules():
        if isinstance(piece, Dropout):
            piece.count += piece.training and piece.p > 0


class ResidualModule(torch.nn.Module):
    """x + inner(x), or shortcut(x) + inner(x), which torch lacks."""

    def __init__(self, inner: torch.nn.Module, shortcut: torch.nn.Module | None = None) -> None:
        super().__init__()
        self.inner, self.shortcut = inner, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        past = x if self.shortcut is None else self.shortcut(x)
        return past + self.inner(x)


class FirstOutput(torch.nn.Module):
    """What inner(x) gives first."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)[0]


class Transpose(torch.nn.Module):
    """torch.transpose as a module, which torch lacks."""

    def __init__(self, dim0: int, dim1: int) -> None:
        super().__init__()
        self.dims = dim0, dim1

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return a.transpose(*self.dims)


class Dropout2d(Dropout):
    """Likewise, a channel of a picture at a time."""

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return a
        m = mask(self.seed, self.count, self.p, (self.before + len(a), a.shape[1]))[self.before :]
        return a * to_torch(m, a.device)[:, :, None, None] / (1 - self.p)


class Hardsigmoid(torch.nn.Module):
    """torch.nn.Hardsigmoid, whose 1/6 has the precision of float32 in a gradient of float64, with a 1/6 of float64."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (torch.where((z > -3) & (z < 3), z, z.detach().clamp(-3, 3)) + 3) / 6


OWN: dict[str, Any] = {c.__name__: c for c in (HalfMSELoss, Dropout, Dropout2d, Transpose, Hardsigmoid)} | SEQUENCES
OPTIMIZERS: dict[str, Any] = {"Muon": Muon}
REGISTERED: dict[type[Layer], Callable[[Any], torch.nn.Module]] = {
    EveryStep: lambda block: FirstOutput(twin(block.parts["inner"])),
    Residual: lambda block: ResidualModule(**{name: twin(part) for name, part in block.parts.items()}),
}
"""Layer -> a module that does the same, made of the layer."""


def register(kind: type[Layer], make: Callable[[Any], torch.nn.Module]) -> None:
    """Hold every layer of this class, and of those that derive from it, against the module `make(layer)`.

    Its parameters and buffers have the layer's names; they are given the layer's values.
    """
    REGISTERED[kind] = make


def to_torch(array: Array, device: str | torch.device = "cpu") -> torch.Tensor:
    """A tensor with a copy of the array's values. Raises InputError for a dtype that torch lacks."""
    if array.dtype.char == "g":
        raise InputError(f"expected an array of a dtype that torch has, got {shown(array)}")
    return torch.tensor(np.ascontiguousarray(array).reshape(array.shape), device=device)


def to_numpy(tensor: torch.Tensor) -> Array:
    """The tensor's values as an array; of a tensor whose shares several processes hold, the whole."""
    values: Any = tensor.detach()
    return (values.full_tensor() if hasattr(values, "full_tensor") else values).cpu().numpy()


@singledispatch
def twin(layer: Layer | Loss, device: str | torch.device = "cpu") -> torch.nn.Module:
    """The torch module of the same name, with the same hyperparameters and a copy of the weights, on the device; or
    what is registered for the layer's class.

    Raises:
        NoTwin: torch has no module of that name, or it takes other hyperparameters or has other parameters; a network
            has a wiring of its own. `register` gives it one.
        InputError: it is neither a layer nor a loss; it holds a layer that would not be trained.
    """
    if not isinstance(layer, Layer | Loss):
        raise InputError(f"twin: expected a layer or a loss, got {shown(layer)}")
    if isinstance(layer, Layer):
        check_parts_are_trained(layer)
    name = type(layer).__name__
    registered = next((REGISTERED[kind] for kind in type(layer).__mro__ if kind in REGISTERED), None)
    make: Any = OWN.get(name) or getattr(torch.nn, name, None)
    if registered is None and not _is_kind(make, torch.nn.Module):
        raise NoTwin(
            f"torch.nn has no {name}, so {layer!r} has no twin; torch_ref.register({name}, make) gives it one: "
            "make(layer) is a module with parameters of the same names"
        )
    try:
        if registered is not None:
            module = registered(layer)
            if not isinstance(module, torch.nn.Module):
                raise NotAsRegistered(
                    f"what is registered is another than {layer!r}: expected a torch.nn.Module, got {shown(module)}"
                )
        else:
            with torch.device("meta"):  # no weights of its own are drawn
                module = make(**{k: to_torch(v) if isinstance(v, np.ndarray) else v for k, v in layer.hyper.items()})
        if isinstance(layer, Layer):
            module.load_state_dict({name: to_torch(p) for name, p in (layer.params | layer.state).items()}, assign=True)
            module.train(layer.training)
    except (TypeError, RuntimeError) as error:
        said = " ".join(str(error).split())
        if registered is not None:
            raise NotAsRegistered(f"what is registered is another than {layer!r}: {said}") from error
        raise NoTwin(f"torch.nn.{name} is another than {layer!r}: {said}") from error
    return module.to(device)


@twin.register
def _(network: Network, device: str | torch.device = "cpu") -> torch.nn.Module:
    check_parts_are_trained(network)
    if not is_chain(network):
        raise NoTwin(
            f"torch has nothing that is wired as {network!r} is: it is not a chain of its layers; make it a Block, for "
            "which torch_ref.register gives a module"
        )
    return torch.nn.Sequential(*[twin(layer, device) for layer in network.layers])


def is_chain(layer: Layer) -> bool:
    """Whether its output is that of its layers one after the other, and its parameters are theirs."""
    return isinstance(layer, Network) and all(
        getattr(type(layer), name) is getattr(Network, name) and name not in vars(layer)
        for name in ("forward", "params", "state", "like", "commit")
    )


def _is_kind(found: Any, kind: type) -> bool:
    return isinstance(found, type) and issubclass(found, kind) and found is not kind


def twin_optimizer(optimizer: Optimizer, module: torch.nn.Module, **how: bool) -> torch.optim.Optimizer:
    """The torch optimizer of the same name and hyperparameters, over the module's parameters. `how` are torch's own
    choices of how to compute it, such as `fused`.

    Raises:
        NoTwin: torch has no optimizer of that name, or it takes other hyperparameters or parameters, or needs the cost.
        InputError: it is not an Optimizer.
    """
    instance("twin_optimizer", "optimizer", optimizer, Optimizer)
    name = type(optimizer).__name__
    make: Any = OPTIMIZERS.get(name) or getattr(torch.optim, name, None)
    if not _is_kind(make, torch.optim.Optimizer):
        raise NoTwin(f"torch.optim has no {name}, so {optimizer!r} has no twin")
    if signature(make.step).parameters["closure"].default is not None:
        raise NoTwin(f"torch.optim.{name} evaluates the cost anew in a step, so {optimizer!r} has no twin")
    params = dict(module.named_parameters())
    groups = [{"params": [params[n] for n in names], **rule.hyper} for rule, names in optimizer.rules(params) if names]
    try:
        return make(groups, **optimizer.hyper, **how)
    except (TypeError, ValueError) as error:
        raise NoTwin(f"torch.optim.{name} is another than {optimizer!r}: {error}") from error


def flat(outputs: Any) -> list[torch.Tensor]:
    """A module's outputs, which may be one tensor, or tuples within a tuple, in order; None is left out."""
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [tensor for output in outputs if output is not None for tensor in flat(output)]


def params_of(module: torch.nn.Module) -> dict[str, Array]:
    """A module's parameters by name, as a manual network takes them: `network.like(**params_of(module))`."""
    return {name: to_numpy(p).copy() for name, p in module.named_parameters()}


def buffers_of(module: torch.nn.Module) -> dict[str, Array]:
    """A module's buffers by name: what a manual network calls its state."""
    return {name: to_numpy(b).copy() for name, b in module.named_buffers()}


def state_of(torch_optimizer: torch.optim.Optimizer, module: torch.nn.Module) -> dict[str, dict[str, Any]]:
    """A torch optimizer's state by name, as a manual one takes it: `optimizer.state = state_of(…)`."""
    return {
        name: {
            key: to_numpy(value).copy() for key, value in torch_optimizer.state.get(p, {}).items() if value is not None
        }
        for name, p in module.named_parameters()
    }


def gradients(y: Any, inputs: Sequence[torch.Tensor], delta: Any) -> tuple[torch.Tensor, ...]:
    """∂(Σ δ·y)/∂input for each input; of several outputs, lists of y and δ, where an output without a δ is not used.

    It is what torch.autograd.grad(y, inputs, δ) gives to the last bit, since 1·δ is exact; but that imports sympy
    (torch 2.13), for which a command would wait 0.8 s.
    """
    pairs = zip(y, delta, strict=True) if isinstance(y, list) else [(y, delta)]
    total = [(output * d).sum() for output, d in pairs if d is not None]
    return torch.autograd.grad(sum(total[1:], start=total[0]), inputs, materialize_grads=True) if inputs else ()
