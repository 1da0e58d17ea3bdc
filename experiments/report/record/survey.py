"""Every comparison of the hand-written code with torch: each layer, loss and optimizer, and the documents' networks."""

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import manual.blocks
import manual.layers
import manual.losses
import manual.optimizers
from manual import SGD, Adam, HalfMSELoss, Identity, MSELoss, Sigmoid, documents
from manual.layer import several
from torch_ref import (
    Parity,
    compare_end_to_end,
    compare_layer,
    compare_loss,
    compare_network,
    compare_optimizer,
    compare_training,
)
from torch_ref.examples import examples, layer_for
from torch_ref.quantities import alone

STEPS = 3
KINDS = {
    "layer": "Layers", "loss": "Losses", "optimizer": "Optimizers", "network": "Networks",
}  # fmt: skip
"""What is surveyed, and the heading over all of that kind."""
TRAINING = "training run"
"""The kind of what is compared in two runs that run freely."""
OPTIMIZERS = (SGD(lr=0.1), Adam(lr=0.01))


class Row(NamedTuple):
    """What was compared, in which dtype, and every comparison of it."""

    kind: str
    subject: str
    dtype: str
    parity: Parity

    @property
    def worst(self) -> float:
        """The largest difference, in units of what is allowed."""
        return max((c.ratio for c in self.parity.comparisons), default=0.0)


def survey(device: str = "cpu") -> Iterator[Row]:
    """One row for each layer, loss, optimizer and document network, in float32 and in float64."""
    for kind, compared in (("layer", layers), ("loss", losses), ("optimizer", optimizers), ("network", networks)):
        for dtype in (np.float32, np.float64):
            for subject, parities in compared(np.dtype(dtype), device):
                yield Row(kind, subject, np.dtype(dtype).name, together(device, parities))


def layers(dtype: np.dtype[Any], device: str) -> Iterator[tuple[str, Iterable[Parity]]]:
    """Every layer and block on all its examples."""
    for name, cases in (*each(manual.layers), *each(manual.blocks)):
        rng = np.random.default_rng(0)
        yield name, (compare_layer(layer.astype(dtype), of_dtype(x, dtype), rng, device) for layer, x in cases)


def losses(dtype: np.dtype[Any], device: str) -> Iterator[tuple[str, Iterable[Parity]]]:
    """Every loss on all its examples."""
    for name, cases in each(manual.losses):
        yield (
            name,
            [
                compare_loss(loss, prediction.astype(dtype), of_dtype(target, dtype), device)
                for loss, prediction, target in cases
            ],
        )


def optimizers(dtype: np.dtype[Any], device: str) -> Iterator[tuple[str, Iterable[Parity]]]:
    """Every optimizer with all its examples, over some steps."""
    for name, cases in each(manual.optimizers):
        rng = np.random.default_rng(0)
        yield (
            name,
            [
                compare_optimizer(optimizer, layer_for(optimizer, rng).astype(dtype), rng, STEPS, device)
                for (optimizer,) in cases
            ],
        )


def networks(dtype: np.dtype[Any], device: str) -> Iterator[tuple[str, Iterable[Parity]]]:
    """The documents' networks, layer by layer and end to end."""
    hand, *its_data = documents.hand_computation()
    example, curve = documents.one_example(), documents.sine()
    for name, network, loss, data in (
        ("2-2-1, post A's example", hand, HalfMSELoss(), its_data),
        ("1-2-1, one example", documents.one_two_one(), HalfMSELoss(), example),
        ("1-2-1, the sine", documents.one_two_one(activation=Sigmoid), MSELoss(), curve),
        ("1-2-1 linear, the sine", documents.one_two_one(activation=Identity), MSELoss(), curve),
    ):
        network, (x, y) = network.astype(dtype), (values.astype(dtype) for values in data)
        yield (
            name,
            [
                compare_network(network, loss, x, y, device),
                compare_end_to_end(network, loss, x, y, device),
                *[compare_training(network, loss, optimizer, x, y, STEPS, device) for optimizer in OPTIMIZERS],
            ],
        )


def each(package: ModuleType) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Every class of a package, and the cases on which it is compared."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for _, make in examples(package):
        case = make()
        case = case if isinstance(case, tuple) else (case,)
        found.setdefault(type(case[0]).__name__, []).append(case)
    yield from found.items()


def of_dtype(arrays: Any, dtype: np.dtype[Any]) -> Any:
    """An array of floats, or those of several, in this dtype; integers, such as classes and words, as they are."""
    return alone([a.astype(dtype) if a.dtype.kind == "f" else a for a in several(arrays)])


def together(device: str, parities: Iterable[Parity]) -> Parity:
    """The comparisons of several results as one."""
    return Parity(device, [comparison for parity in parities for comparison in parity.comparisons])
