"""A hand-written network inside torch: its forward and backward as a `torch.autograd.Function`.

The tensors own the memory, that of the state too; the network looks at it anew at every forward, so that `deepcopy`,
`load_state_dict`, `.float()` and `functional_call` mean what they mean for any module.
"""

import warnings
from operator import attrgetter
from typing import Any

import torch

from manual import InputError, Layer, Network
from manual.layer import check_parts_are_trained, several
from manual.numbers.checks import instance
from torch_ref.quantities import alone
from torch_ref.twins import to_numpy, to_torch


class _HandWritten(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, network: Network, count: int, *tensors: torch.Tensor) -> Any:
        y, ctx.tape = network.forward(*map(to_numpy, tensors[:count]))
        network.commit(ctx.tape)
        ctx.network, ctx.count = network, count
        ctx.save_for_backward(*tensors)
        outputs = [to_torch(o, tensors[0].device) for o in several(y)]
        return tuple(outputs) if isinstance(y, tuple) else outputs[0]

    @staticmethod
    def backward(ctx: Any, *deltas: torch.Tensor) -> tuple[Any, ...]:
        if (
            torch.is_grad_enabled()
        ):  # create_graph=True; once_differentiable would let a gradient penalty pass as a constant
            raise RuntimeError("a hand-written backward cannot be differentiated again (create_graph=True)")
        x, *_ = ctx.saved_tensors  # raises where an input or a parameter was changed in place since forward
        delta = alone([*map(to_numpy, deltas)])
        inputs = range(ctx.count)
        if any(ctx.needs_input_grad[2 + i] for i in inputs):
            dx, gradient = ctx.network.backward(delta, ctx.tape)
            slopes = [None if d is None else to_torch(d, x.device) for d in several(dx)]
        else:
            slopes, gradient = [None for _ in inputs], ctx.network.gradient(delta, ctx.tape)
        return None, None, *slopes, *[to_torch(g, x.device) for g in gradient.params.values()]


class Embedded(torch.nn.Module):
    """A manual network as a module; its `state_dict` has the names of its twin's.

    On the CPU the network works on the tensors' own memory. On another device every pass copies to the CPU and back,
    and a warning says so once.

    Raises:
        InputError: a pass in another dtype than float32 and float64.
        RuntimeError: a second derivative; a backward after the input or a parameter was changed in place.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        instance("embed", "network", network, Layer)
        check_parts_are_trained(network)
        self._like = network.like
        self._names = [*network.params]
        for name, p in network.params.items():
            holder, last = self._place(name)
            holder.register_parameter(last, torch.nn.Parameter(to_torch(p)))
        for name, s in network.state.items():
            holder, last = self._place(name)
            holder.register_buffer(last, to_torch(s))

    def _place(self, name: str) -> tuple[torch.nn.Module, str]:
        """The module that holds "0.weight", made if it is not there, and "weight"."""
        *path, last = name.split(".")
        holder: torch.nn.Module = self
        for part in path:
            if part not in holder._modules:
                holder.add_module(part, torch.nn.Module())
            holder = holder.get_submodule(part)
        return holder, last

    @property
    def network(self) -> Network:
        """The manual network on the tensors' present memory: what is done to one is done to the other. For inference,
        in `eval()`.
        """
        arrays = {name: to_numpy(attrgetter(name)(self)) for name in self._names}
        network = self._like(**arrays, **{name: to_numpy(b) for name, b in self.named_buffers()})
        return network if self.training else network.evaluated()

    def forward(self, *inputs: torch.Tensor) -> Any:
        params = [attrgetter(name)(self) for name in self._names]
        names = ["the input" for _ in inputs] + self._names
        for name, tensor in zip(names, [*inputs, *params], strict=True):
            whole = name == "the input" and tensor.dtype in (torch.int32, torch.int64, torch.bool)
            if not whole and tensor.dtype not in (torch.float32, torch.float64):
                raise InputError(f"{type(self).__name__}: expected float32 or float64 for {name}, got {tensor.dtype}")
        device = inputs[0].device
        if device.type != "cpu":
            warnings.warn(
                f"the hand-written network runs on the CPU: every pass copies from {device} and back", stacklevel=2
            )
        return _HandWritten.apply(self.network, len(inputs), *inputs, *params)


def embed(network: Network) -> Embedded:
    """The manual network as an `nn.Module`, with a copy of its weights, so that torch code can use its backward."""
    return Embedded(network)
