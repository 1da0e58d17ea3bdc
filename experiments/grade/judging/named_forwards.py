"""What torch computes for the forwards of the forms in experiments/grade/forms, by the names that these give them.

The arguments are the inputs in order, then settings by name. One that takes `eps` is tried with every constant of the
file.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn import functional as F

Tensor = torch.Tensor
Unary = Callable[[Tensor], Tensor]


def affine(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """The weighted sums of each example's numbers, or of each step's; W is (in, out)."""
    rows = x if x.shape[-1] == len(w) else x.flatten(1)
    return rows @ w if b is None else rows @ w + b


def norm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float, mode: str = "train", **kept: Any) -> Tensor:
    """Batch norm, over all but the second axis; when it is tested, by what it kept."""
    mean, var = (_kept(kept, name) for name in ("mean", "var"))
    tested = mode == "test" and mean is not None
    statistics = (mean, var) if tested else (None, None)
    return F.batch_norm(x, *statistics, gamma.ravel(), beta.ravel(), not tested, 0.1, eps)


def _kept(kept: dict[str, Any], word: str) -> Tensor | None:
    return next((torch.tensor(v, dtype=torch.float64) for k, v in kept.items() if word in k), None)


def layernorm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float) -> Tensor:
    """Over the last axis."""
    return F.layer_norm(x, x.shape[-1:], gamma.ravel(), beta.ravel(), eps)


def groupnorm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float) -> Tensor:
    """Over two groups of channels."""
    return F.group_norm(x, 2, gamma.ravel(), beta.ravel(), eps)


def conv(x: Tensor, w: Tensor, b: Tensor | None = None, *, stride: int = 1, pad: int = 0) -> Tensor:
    """On (N, C, H, W)."""
    return F.conv2d(x, w, b, stride, pad)


def max_pool(x: Tensor, *, pool_height: int, pool_width: int, stride: int) -> Tensor:
    """On (N, C, H, W)."""
    return F.max_pool2d(x, (pool_height, pool_width), stride)


def rnn_step(x: Tensor, h: Tensor, wx: Tensor, wh: Tensor, b: Tensor, nonlinearity: Unary = torch.tanh) -> Tensor:
    """One step."""
    return nonlinearity(x @ wx + h @ wh + b)


def rnn(x: Tensor, h: Tensor, wx: Tensor, wh: Tensor, b: Tensor, nonlinearity: Unary = torch.tanh) -> Tensor:
    """A sequence, all of whose states are the output."""
    states = []
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t], h, wx, wh, b, nonlinearity)
        states.append(h)
    return torch.stack(states, dim=1)


def lstm_step(x: Tensor, h: Tensor, c: Tensor, wx: Tensor, wh: Tensor, b: Tensor) -> dict[str, Tensor]:
    """One step; the gates i, f, o, g lie side by side."""
    i, f, o, g = (x @ wx + h @ wh + b).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return {"0": torch.sigmoid(o) * torch.tanh(c), "1": c}


def lstm(x: Tensor, h: Tensor, wx: Tensor, wh: Tensor, b: Tensor) -> Tensor:
    """A sequence, from a cell of 0."""
    states, c = [], torch.zeros_like(h)
    for t in range(x.shape[1]):
        h, c = lstm_step(x[:, t], h, c, wx, wh, b).values()
        states.append(h)
    return torch.stack(states, dim=1)


def word_embedding(x: Tensor, w: Tensor) -> Tensor:
    """A vector for each word."""
    return w[x]


def affine_relu(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """The one after the other."""
    return torch.relu(affine(x, w, b))


def conv_relu(x: Tensor, w: Tensor, b: Tensor, *, stride: int = 1, pad: int = 0) -> Tensor:
    """The one after the other."""
    return torch.relu(conv(x, w, b, stride=stride, pad=pad))


def softmax_loss(x: Tensor, y: Tensor) -> Tensor:
    """The mean of −log of the softmax at y."""
    return F.cross_entropy(x, y)


def svm_loss(x: Tensor, y: Tensor) -> Tensor:
    """Every class but y that comes within 1 of it; the mean over the examples."""
    return F.multi_margin_loss(x, y) * x.shape[1]


def descent(*arrays: Tensor, lr: float) -> dict[str, Tensor]:
    """θ − η ∂C/∂θ of each parameter; the gradients come after the parameters, in the same order."""
    half = len(arrays) // 2
    return {f"{i}": p - lr * g for i, (p, g) in enumerate(zip(arrays[:half], arrays[half:], strict=True))}


FORWARDS: dict[str, Callable[..., Any]] = {
    "affine": affine, "linear": affine, "temporal_affine": affine, "relu": torch.relu,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "affine_relu": affine_relu, "batchnorm": norm, "layernorm": layernorm,
    "spatial_batchnorm": norm, "spatial_groupnorm": groupnorm, "conv": conv, "conv_relu": conv_relu,
    "max_pool": max_pool, "rnn_step": rnn_step, "rnn": rnn, "lstm_step": lstm_step, "lstm": lstm,
    "word_embedding": word_embedding, "descent": descent, "softmax_loss": softmax_loss, "svm_loss": svm_loss,
}  # fmt: skip
ALSO: dict[str, tuple[Callable[..., Any], ...]] = {
    "rnn_step": (partial(rnn_step, nonlinearity=torch.relu),), "rnn": (partial(rnn, nonlinearity=torch.relu),),
    "softmax_loss": (partial(F.cross_entropy, reduction="sum"),),
    "svm_loss": tuple(lambda x, y, p=p, n=n: F.multi_margin_loss(x, y, p=p, reduction=n) * x.shape[1]
                      for p in (1, 2) for n in ("mean", "sum")),
}  # fmt: skip
"""What torch has, too, under the same name, by another setting."""
