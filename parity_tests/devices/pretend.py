"""A device that is pretended: it computes for real, on hidden CPU tensors, and refuses what a GPU refuses.

    module.to("pretend"), torch.zeros(3, device="pretend"), pytest --device=pretend

A forgotten `.to(device)` is seen on a machine without a GPU: tensors of two devices do not mix, NumPy cannot look in,
and a generator of the CPU does not draw here. Results are those of the CPU, bit for bit. There is no generator of its
own: what is drawn here without one comes from the CPU's global one. Not refused: a gradient of the CPU that an
    autograd.Function gives back.

torch calls the interface below experimental: `_setup_privateuseone_for_python_backend`,
torch.utils.backend_registration.
"""

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import torch
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from parity_tests.devices import recurrent

NAME = "pretend"
aten: Any = torch.ops.aten
FROM_NOTHING = (
    "empty.memory_format", "empty_strided", "arange", "arange.start", "arange.start_step", "eye", "eye.m", "linspace",
    "randperm", "randperm.generator",
)  # fmt: skip
"""Operations that make a tensor of none; what is not here torch makes of these."""
ACROSS = (aten.copy_.default, aten._to_copy.default, aten._copy_from.default)
"""Operations that go from one device to another."""


class Pretend(torch.Tensor):
    """A tensor of the pretended device. Torch sees shape, strides and dtype; the numbers are in `hidden`, a CPU
    tensor."""

    hidden: torch.Tensor

    @staticmethod
    def __new__(cls, hidden: torch.Tensor) -> "Pretend":
        about = {"strides": hidden.stride(), "storage_offset": hidden.storage_offset(), "dtype": hidden.dtype}
        self = torch.Tensor._make_wrapper_subclass(cls, hidden.size(), **about, device=f"{NAME}:0")  # pyright: ignore
        self.hidden = hidden
        return self

    def __repr__(self, **_: Any) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return repr(self.hidden).replace("tensor(", "pretend(", 1)

    @property
    def data(self) -> torch.Tensor:
        return self.detach()

    @data.setter
    def data(self, value: "Pretend") -> None:
        torch.Tensor.data.__set__(self, value)  # pyright: ignore[reportAttributeAccessIssue]
        self.hidden = value.hidden

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    def numpy(self, **_: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy it first")

    __array__ = numpy  # pyright: ignore[reportAssignmentType]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Saved, it is a tensor of the CPU: a file is read where there is no such device."""
        return self.detach().cpu().__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if (whole := op.decompose(*args, **kwargs)) is not NotImplemented:
            return whole  # in inference mode operations come as they were called
        refuse(op, args, kwargs)
        if op is aten._conj.default:  # a mark on the tensor, which no operation would look at here
            return Pretend(aten.conj_physical.default(args[0].hidden))
        out = compute(op, args, kwargs)
        for _, value, written, _ in arguments(op, args, kwargs):
            if written and isinstance(value, Pretend) and value.shape != value.hidden.shape:
                raise NotImplementedError(f"{op} reshapes a tensor in place, which the pretended device cannot")
        return return_and_correct_aliasing(op, args, kwargs, out)


def compute(op: Any, args: Any, kwargs: Any) -> Any:
    """What the operation gives on the hidden tensors: on the pretended device, unless it was asked for on another."""
    given = kwargs.get("device")
    elsewhere = given is not None and torch.device(given).type != NAME
    here = {} if given is None or elsewhere else {"device": "cpu"}
    out = op(*hidden(args), **hidden(kwargs) | here)
    return out if elsewhere else tree_map_only(torch.Tensor, Pretend, out)


def from_nothing(op: Any, *args: Any, pin_memory: Any = None, **kwargs: Any) -> Any:
    """A tensor on the device that is made of no other."""
    if pin_memory:
        raise RuntimeError("Only dense CPU tensors can be pinned")
    refuse(op, args, kwargs)
    return compute(op, args, kwargs)


def hidden(values: Any) -> Any:
    """The same, with the hidden tensors for those of the pretended device."""
    return tree_map_only(Pretend, lambda tensor: tensor.hidden, values)


def arguments(op: Any, args: Any, kwargs: Any) -> Iterator[tuple[str, Any, bool, bool]]:
    """Every value an operation is given, tensors in lists too: name, value, whether it is written to, whether from a
    list."""
    for i, argument in enumerate(op._schema.arguments):
        value = args[i] if i < len(args) else kwargs.get(argument.name)
        written = argument.alias_info is not None and argument.alias_info.is_write
        for one in tree_iter(value):
            yield argument.name, one, written, isinstance(value, (list, tuple))


def refuse(op: Any, args: Any, kwargs: Any) -> None:
    """Raise what CUDA raises where a tensor or a generator is not on the device.

    Welcome are a number on the CPU (a tensor without dimensions, read only), and indices there.
    """
    for name, value, written, listed in arguments(op, args, kwargs):
        if isinstance(value, torch.Generator) and value.device.type != NAME:
            raise RuntimeError(f"Expected a '{NAME}' device type for generator but found '{value.device.type}'")
        if not isinstance(value, torch.Tensor) or isinstance(value, Pretend) or op in ACROSS or name == "indices":
            continue
        if value.dim() or written or listed:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {NAME}:0 and "
                f"{value.device}! ({op}, argument {name})"
            )


@cache
def register() -> torch.library.Library:
    """Tell torch of the device; once a process, and before its first backward, when it counts the devices.

    What is returned, and kept by the cache, is what torch was told; it forgets it with the object.
    """
    _setup_privateuseone_for_python_backend(NAME)
    library = torch.library.Library("aten", "IMPL")
    for name in FROM_NOTHING:
        packet, _, overload = name.partition(".")
        op = getattr(getattr(aten, packet), overload or "default")
        library.impl(name, partial(from_nothing, op), "PrivateUse1")
    library.impl("_copy_from", lambda source, target, _=False: target.hidden.copy_(hidden(source)), "PrivateUse1")
    recurrent.register(library)
    return library
