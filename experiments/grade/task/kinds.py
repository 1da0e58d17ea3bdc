"""What a task may expect by a word: the formulas that it may have, one for each way in which arrays lie."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

ANY = "any"
Formula = Callable[..., Any]


def _bias(z: Any, b: tuple[Any, ...]) -> Any:
    return z + b[0] if b else z


def _relu(z: Any) -> Any:
    return z * (z > 0)


def _softmax(axis: int) -> Formula:
    def softmax(z: Any) -> Any:
        e = np.exp(z)
        return e / np.sum(e, axis=axis, keepdims=True)

    return softmax


def _network(turned: bool, columns: bool) -> Formula:
    """Document A's: ReLU, no activation at the end, and ½ Σ (ŷ − y)² / N."""

    def cost(*arrays: Any) -> Any:
        *parameters, x, y = arrays
        a = x
        for k in range(0, len(parameters), 2):
            W, b = parameters[k : k + 2]
            z = W @ a + b if columns else (a @ W + b if turned else a @ W.T + b)
            a = _relu(z) if k + 2 < len(parameters) else z
        examples = 1 if np.ndim(x) == 1 else np.shape(x)[1 if columns else 0]
        return np.sum((a - y) * (a - y)) / (2 * examples)

    return cost


KINDS: dict[str, tuple[Formula, ...]] = {
    "linear": (
        lambda x, W, *b: _bias(x @ W.T, b), lambda x, W, *b: _bias(x @ W, b), lambda x, W, *b: _bias(W @ x, b),
    ),
    "relu": (_relu,),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)),),
    "tanh": (np.tanh,),
    "softmax": (_softmax(-1), _softmax(0)),
    "network": (_network(False, False), _network(True, False), _network(False, True)),
}  # fmt: skip
IN_TORCH = {
    "linear": "torch.nn.Linear", "relu": "torch.nn.ReLU", "sigmoid": "torch.nn.Sigmoid", "tanh": "torch.nn.Tanh",
    "softmax": "torch.nn.Softmax", "network": "torch's network with ReLU",
}  # fmt: skip
"""What a finding says that it was held against, where that is the same."""
SHAPES = {"linear": ([(5, 3), (4, 3), (4,)], [(5, 3), (3, 4), (4,)])}
"""Of the inputs that the task gives; else all are (5, 3)."""


def inputs(kind: str, names: list[str], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """What a piece of this kind may be called with."""
    for shapes in SHAPES.get(kind, ([(5, 3)] * len(names),)):
        if len(names) <= len(shapes):
            yield {n: rng.standard_normal(shape) for n, shape in zip(names, shapes, strict=False)}
