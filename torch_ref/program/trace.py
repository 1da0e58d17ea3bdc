"""Trace a function of tensors to the ATen operations that it is made of.

What torch does in one fused kernel is taken apart by torch's own decompositions into operations that have a rule in
operations/. Nothing is written in place in a program.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._decomp import core_aten_decompositions, decomposition_table
from torch._guards import TracingContext, tracing
from torch._ops import OpOverload
from torch._subclasses import FakeTensorMode
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from torch_ref.program.formulas import ByFormula

aten = torch.ops.aten

FUSED = (
    aten.native_layer_norm, aten.native_layer_norm_backward, aten.native_group_norm, aten.native_group_norm_backward,
    aten.native_batch_norm, aten.native_batch_norm_backward, aten._native_batch_norm_legit_functional,
    aten.gelu, aten.gelu_backward, aten.silu, aten.silu_backward, aten.elu, aten.elu_backward, aten.leaky_relu,
    aten.leaky_relu_backward, aten.hardtanh, aten.hardtanh_backward, aten.threshold_backward, aten.mish,
    aten.mish_backward, aten.hardswish, aten.hardswish_backward,
    aten.hardsigmoid, aten.hardsigmoid_backward, aten.log_sigmoid_forward, aten.log_sigmoid_backward,
    aten._softmax, aten._softmax_backward_data, aten._log_softmax, aten._log_softmax_backward_data, aten.logsumexp,
    aten.tanh_backward, aten.sigmoid_backward, aten.addmm, aten.addmv, aten.addr, aten.baddbmm,
    aten.nll_loss_forward, aten.nll_loss_backward, aten.mse_loss, aten.mse_loss_backward, aten.smooth_l1_loss,
    aten.smooth_l1_loss_backward, aten.huber_loss, aten.huber_loss_backward, aten.binary_cross_entropy,
    aten.binary_cross_entropy_backward, aten.embedding_dense_backward, aten.linalg_vector_norm, aten.pixel_shuffle,
    aten.rsub, aten.lerp, aten.addcmul, aten.addcdiv, aten.diagonal_backward, aten.select_backward,
    aten.slice_backward, aten.unfold_backward, aten.logit, aten.logit_backward, aten.xlogy, aten.stack,
)  # fmt: skip
"""Kernels of torch that are taken apart, although ATen's core has them."""


class NoProgram(Exception):
    """A function of which there is no program: what was raised where it was traced is its `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error


def _twice(a: Any, b: Any, *, alpha: Any = 1) -> Any:
    """a + alpha·b as a product and a sum: torch's kernel of a half rounds both."""
    return NotImplemented if alpha == 1 else a + alpha * b


WITH_A_RULE = (
    aten.softplus, aten.softplus_backward, aten.upsample_nearest1d, aten.upsample_nearest2d, aten.upsample_nearest3d,
    aten._upsample_nearest_exact1d, aten._upsample_nearest_exact2d, aten._upsample_nearest_exact3d,
    aten.upsample_linear1d, aten.upsample_bilinear2d, aten.upsample_trilinear3d, aten.upsample_bicubic2d,
)  # fmt: skip
"""What ATen's core takes apart, and a rule says more of, or says it of the numbers that are wanted: operations/."""


def _table() -> dict[Any, Callable[..., Any]]:
    kept = {getattr(packet, name) for packet in WITH_A_RULE for name in packet.overloads()}
    table = {overload: taken for overload, taken in core_aten_decompositions().items() if overload not in kept}
    for packet in FUSED:
        overloads = [getattr(packet, name) for name in packet.overloads()]
        table |= {overload: decomposition_table[overload] for overload in overloads if overload in decomposition_table}
    table[aten.add.Tensor] = _twice
    return table | {aten.detach.default: aten.detach_copy}  # which is kept: it ends a derivative


TABLE = _table()


def trace(function: Callable[..., Any], inputs: Sequence[torch.Tensor], by_value: bool = False) -> GraphModule:
    """The program of a function on inputs of these shapes and dtypes; attention as products and a softmax, a
    recurrent layer as its steps. `by_value`: it may be that of these numbers alone, as where the function asks whether
    any of them is negative.

    Without a mode of its own torch makes one for each operation, which takes a third of the time.

    Raises:
        NoProgram: the function, or torch, raised, as where it chooses a shape by its data.
    """
    strictly: Any = {"_error_on_data_dependent_ops": not by_value}
    fake = FakeTensorMode(allow_fallback_kernels=True)
    without_fused_kernels = torch.backends.mkldnn.flags(False, None, None, None)  # pyright: ignore[reportArgumentType]
    with sdpa_kernel(SDPBackend.MATH), without_fused_kernels, ByFormula(), tracing(TracingContext(fake)):
        try:
            program = make_fx(lambda *tensors: function(*tensors), decomposition_table=TABLE, **strictly)(*inputs)
            if any(map(_writes, program.graph.nodes)):  # a second tracing takes as long as the first
                program = make_fx(torch.func.functionalize(program), **strictly)(*inputs)
        except Exception as error:
            raise NoProgram(error) from error
    for node in filter(_is_a_note, reversed(program.graph.nodes)):
        program.graph.erase_node(node)
    program.graph.eliminate_dead_code()
    program.recompile()
    return program


def _writes(node: torch.fx.Node) -> bool:
    """Whether an operation writes into one of its arguments."""
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable


def _is_a_note(node: torch.fx.Node) -> bool:
    """Whether it makes no number: what a profiler is told, as by `record_function`."""
    return isinstance(node.target, OpOverload) and node.target.namespace == "profiler"
