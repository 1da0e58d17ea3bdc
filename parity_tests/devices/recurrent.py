"""Torch's recurrent layers in plain operations: on a GPU they are kernels, which the pretended device lacks."""

from typing import Any

import torch
from torch._decomp.decompositions import gru_impl, lstm_impl, rnn_relu_input, rnn_tanh_input
from torch.nn.functional import linear


def lstm_cell(x: Any, state: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> tuple[Any, Any]:
    """(h, c)"""
    h, c = state
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_cell(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """h"""
    a, b = linear(x, w_ih, b_ih).chunk(3, 1), linear(h, w_hh, b_hh).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return n + z * (h - n)


OPERATIONS = {
    "lstm.input": lstm_impl, "gru.input": gru_impl, "rnn_tanh.input": rnn_tanh_input, "rnn_relu.input": rnn_relu_input,
    "lstm_cell": lstm_cell, "gru_cell": gru_cell,
}  # fmt: skip


def register(library: torch.library.Library) -> None:
    """Let the pretended device take them apart so."""
    for name, f in OPERATIONS.items():
        library.impl(name, f, "AutogradPrivateUse1")
