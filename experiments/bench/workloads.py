"""What is timed: networks, their batches, and how much arithmetic a training step of each is."""

from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np

from manual import (
    LSTM,
    SGD,
    Adam,
    Block,
    Conv2d,
    CrossEntropyLoss,
    EveryStep,
    Flatten,
    HalfMSELoss,
    Layer,
    Linear,
    Loss,
    MaxPool2d,
    MSELoss,
    Network,
    Optimizer,
    ReLU,
    TransformerEncoderLayer,
)
from manual.documents import hand_computation, one_two_one, sine
from manual.init import kaiming_normal
from manual.numbers.number_types import Array


class Workload(NamedTuple):
    """What a step trains, and on which batch."""

    name: str
    network: Network
    loss: Loss
    optimizer: Optimizer
    x: Array
    y: Array

    @property
    def flops(self) -> int:
        """The multiplications and additions of the matrix products of a step: forward, by the weights and, but for
        the first layer, by the input; of a block, all three for each of its matrices.
        """
        total, a = 0, self.x[:1]
        for place, layer in enumerate(self.network.layers):
            a, _ = layer.forward(a)
            if isinstance(layer, Linear | Conv2d):
                places = prod(a.shape[2:])  # of a convolution; 1 of Linear
                total += 2 * len(self.x) * places * layer.weight.size * (3 if place else 2)
            elif isinstance(layer, Block):
                places = prod(a.shape[1:-1])  # of a sequence
                total += 2 * len(self.x) * places * 3 * sum(p.size for p in layer.params.values() if p.ndim == 2)
        return total


def workloads(dtype: type[np.floating]) -> list[Workload]:
    """The networks of this project, and one large one. Another item is another row."""
    from sklearn.datasets import load_digits  # a second, which --help need not wait for

    rng = np.random.default_rng(0)
    document_a, (x, y) = hand_computation(dtype), sine(256)
    images, classes = load_digits(return_X_y=True)
    convolutional = Network(
        Conv2d(3, 32, 3, padding=1, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Conv2d(32, 64, 3, padding=1, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(64 * 8 * 8, 4, rng=rng),
    ).astype(dtype)
    digits = Workload(
        "digits, batch 64",
        perceptron([64, 128, 10], rng, dtype),
        CrossEntropyLoss(),
        SGD(lr=0.1),
        (images[:64] / 16).astype(dtype),
        classes[:64],
    )
    large = classification("784-512-512-10, batch 128", [784, 512, 512, 10], 128, dtype)
    pictures, birds = rng.standard_normal((64, 3, 32, 32)).astype(dtype), rng.integers(4, size=64)
    return [
        Workload("2-2-1, batch 1", document_a.network, HalfMSELoss(), SGD(lr=0.1), document_a.x, document_a.y),
        Workload("1-2-1, batch 256", one_two_one(dtype), MSELoss(), SGD(lr=0.1), x.astype(dtype), y.astype(dtype)),
        digits,
        digits._replace(name="digits, batch 64, Adam", optimizer=Adam()),
        large,
        large._replace(name="784-512-512-10, batch 128, Adam", optimizer=Adam()),
        Workload("Bluebird CNN, batch 64", convolutional, CrossEntropyLoss(), SGD(lr=0.01), pictures, birds),
        sequences("transformer block 128, T 64, batch 16", transformer, (16, 64, 128), dtype),
        sequences("LSTM 64, T 32, batch 32", lstm, (32, 32, 64), dtype),
    ]


def transformer(rng: np.random.Generator) -> Block:
    """Of 4 heads, 4 times as wide between its linear maps."""
    return TransformerEncoderLayer(128, 4, 512, batch_first=True, rng=rng)


def lstm(rng: np.random.Generator) -> Block:
    """Of one layer."""
    return EveryStep(LSTM(64, 64, batch_first=True, rng=rng))


def sequences(name: str, make: Any, shape: tuple[int, ...], dtype: type[np.floating]) -> Workload:
    """A block on random sequences, held to others of the same size."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    return Workload(name, Network(make(rng)).astype(dtype), MSELoss(), SGD(lr=0.1), x, y)


def of_two_in_float64(work: Workload) -> Workload:
    """The same on the first two examples, in float64."""
    x, y = (a[:2].astype(float) if a.dtype.kind == "f" else a[:2] for a in (work.x, work.y))
    return work._replace(network=work.network.astype(np.float64), x=x, y=y)


def growth(dtype: type[np.floating]) -> list[Workload]:
    """One network, ever wider, deeper, and with ever larger batches."""
    return [
        *(classification(f"width {w:,}", [w, w, w], 128, dtype) for w in (32, 64, 128, 256, 512, 1024, 2048, 4096)),
        *(classification(f"batch {n:,}", [256, 256, 256], n, dtype) for n in (1, 4, 16, 64, 256, 1024, 4096)),
        *(classification(f"depth {d}", [64] * (d + 1), 64, dtype) for d in (2, 4, 8, 16, 32, 64)),
    ]


def perceptron(sizes: list[int], rng: np.random.Generator, dtype: type[np.floating]) -> Network:
    """Linear layers of these sizes, a ReLU between each two; they start as He has it, so that deep ones have a
    gradient."""
    layers: list[Layer] = []
    for i, o in pairwise(sizes):
        layers += [Linear(i, o, rng=rng), ReLU()]
    return kaiming_normal(Network(*layers[:-1]), rng).astype(dtype)


def classification(name: str, sizes: list[int], batch: int, dtype: type[np.floating]) -> Workload:
    """Such a network on random examples."""
    rng = np.random.default_rng(0)
    x, y = rng.random((batch, sizes[0])).astype(dtype), rng.integers(sizes[-1], size=batch)
    return Workload(name, perceptron(sizes, rng, dtype), CrossEntropyLoss(), SGD(lr=0.1), x, y)
