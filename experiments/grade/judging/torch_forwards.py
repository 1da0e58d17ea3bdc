"""What torch computes for a forward of a known name, where the project has no layer of it.

The truth of a submission's own forward says nothing of an error in that forward, such as an ε outside of the root. So
its output is also held against torch's. What a file fixes as it likes, an ε or a slope, is taken from the constants
in the file.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from experiments.grade.judging.named_forwards import ALSO, FORWARDS
from manual.numbers.number_types import Array
from torch_ref import to_numpy

Forward = Callable[..., torch.Tensor]

UNARY: dict[str, list[Forward]] = {
    "gelu": [F.gelu, lambda x: F.gelu(x, approximate="tanh"), lambda x: x * torch.sigmoid(1.702 * x)],
    "silu": [F.silu],
    "swish": [F.silu],
    "softplus": [lambda x: F.softplus(x, threshold=700)],
    "softsign": [F.softsign],
    "mish": [lambda x: x * torch.tanh(F.softplus(x, threshold=700))],
    "selu": [F.selu],
    "logsigmoid": [F.logsigmoid],
    "logsoftmax": [lambda x: F.log_softmax(x, -1), lambda x: F.log_softmax(x, 0)],
    "tanhshrink": [F.tanhshrink],
    "relu6": [F.relu6],
}
WITH_A_CONSTANT: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "leakyrelu": lambda x, c: F.leaky_relu(x, c),
    "lrelu": lambda x, c: F.leaky_relu(x, c),
    "elu": lambda x, c: F.elu(x, c),
    "celu": lambda x, c: F.celu(x, c),
}
NORMS: dict[str, Callable[..., torch.Tensor]] = {
    "batchnorm": lambda x, w, b, eps: F.batch_norm(x, None, None, w, b, True, 0.1, eps),
    "batchnorm1d": lambda x, w, b, eps: F.batch_norm(x, None, None, w, b, True, 0.1, eps),
    "batchnorm2d": lambda x, w, b, eps: F.batch_norm(x, None, None, w, b, True, 0.1, eps),
    "layernorm": lambda x, w, b, eps: F.layer_norm(x, x.shape[-1:], w, b, eps),
    "rmsnorm": lambda x, w, _, eps: F.rms_norm(x, x.shape[-1:], w, eps),
}
SCALE, SHIFT = ("gamma", "weight", "w", "scale", "gain", "g"), ("beta", "bias", "b", "shift")


def outputs(
    name: str, given: Mapping[str, Array], constants: list[float], options: Mapping[str, Any] | None = None
) -> Iterator[dict[str, Array]]:
    """The outputs that a right forward of this name may have, by their names; none where the name is not known, or the
    arguments are others.

    A form may say what its example is by a name in named_forwards.py.
    """
    if options is not None and name in FORWARDS:
        for forward in (FORWARDS[name], *ALSO.get(name, ())):
            yield from _named(forward, [torch.tensor(a) for a in given.values()], constants, options)
        return
    kind = name.lower().replace("_", "")
    x, *params = given.items()
    tensors = [torch.tensor(x[1])]
    for forward in candidates(kind, [n.lower() for n, _ in params], constants, tensors, [p for _, p in params]):
        try:
            yield {"y": to_numpy(forward(*tensors))}
        except (RuntimeError, ValueError, TypeError):
            continue


def _named(
    forward: Forward, tensors: list[torch.Tensor], constants: list[float], options: Mapping[str, Any]
) -> Iterator[dict[str, Array]]:
    takes = inspect.signature(forward).parameters if inspect.isfunction(forward) else {}
    every = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    known = {n: v for n, v in options.items() if every or n in takes}
    for eps in [options.get("eps", c) for c in constants] if "eps" in takes else [None]:
        try:
            y = forward(*tensors, **known | ({} if eps is None else {"eps": eps}))
        except (RuntimeError, ValueError, TypeError):
            continue
        yield {n: to_numpy(v) for n, v in (y if isinstance(y, dict) else {"y": y}).items()}


def candidates(
    kind: str, names: list[str], constants: list[float], tensors: list[torch.Tensor], params: list[Any]
) -> Iterator[Forward]:
    """The functions of torch, each of the tensors; the parameters are added to these."""
    if kind in UNARY and not names:
        yield from UNARY[kind]
    elif kind in WITH_A_CONSTANT and not names:
        for c in constants:
            yield lambda x, c=c: WITH_A_CONSTANT[kind](x, c)
    elif kind in NORMS and all(n in (*SCALE, *SHIFT) for n in names):
        by_role = {
            "scale" if n in SCALE else "shift": torch.tensor(np.ravel(p)) for n, p in zip(names, params, strict=True)
        }
        for eps in constants:
            yield lambda x, eps=eps: NORMS[kind](x, by_role.get("scale"), by_role.get("shift"), eps)
    elif kind in ("conv", "conv2d", "convolution") and len(params) == 2 and params[0].ndim == 4:
        tensors += [torch.tensor(p) for p in params]
        for stride in (1, 2):
            for padding in (0, 1, 2):
                yield lambda x, w, b, s=stride, p=padding: F.conv2d(x, w, b, s, p)
