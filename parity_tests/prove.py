"""Ten thousand random networks against torch: the derived tolerance raises no false alarm (`make prove`, a quarter of
an hour).

Hypothesis draws the layers and their sizes (with a convolution and a pooling in front, or a dropout in the middle),
the loss, the optimizer with its hyperparameters, the dtype, the batch and the scale of the data. Each network is
compared piece by piece over two training steps, and the optimizer over three more with gradients of a scale of their
own. Then a fifth as many layers and blocks of any kind are compared each by itself (see pieces.py). It ends with 1 if
anything differs, or if rounding leaves open a thousandth of the comparisons of the networks, or a hundredth of the
pieces': the bound of a block, or of a sequence, grows from layer to layer, and from step to step.

Comparisons with a reference of zero are counted apart. They are of gradients that are truly 0, in torch to the last
bit, and of steps along them: behind a ReLU or a dropout that is off for the whole batch, of a Softmax of one class, of
a pixel in no window.
In a test, where the data can be chosen, one fails, as zeros would pass it. Here chance draws them; ours is 0 there
too, or it would differ, but that says nothing of the tolerance.
"""

import argparse
import sys
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from tqdm import tqdm

import manual.losses
from manual import (
    SGD,
    Adam,
    AdamW,
    AvgPool2d,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    Flatten,
    Identity,
    InputError,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    ReLU,
    RMSprop,
    Sigmoid,
    Softmax,
    Tanh,
)
from parity_tests import pieces
from torch_ref import compare_layer, compare_optimizer, compare_training
from torch_ref.comparison.verdict import AGREES, NOT_JUDGED, ROUNDING, ZERO_REFERENCE, Comparison
from torch_ref.examples import examples
from torch_ref.truth.zero_reference import ZERO

NETWORKS = 10_000
UNDECIDED = "a comparison that the rounding errors leave open"


def takes_any_prediction(loss: Any) -> bool:
    """Whether a loss takes any numbers for a prediction, and numbers from 0 to 1, or classes, for the targets."""
    rng = np.random.default_rng(0)
    targets = rng.integers(5, size=4) if isinstance(loss, CrossEntropyLoss) else rng.random((4, 5))
    try:
        return np.ndim(loss.forward(rng.standard_normal((4, 5)), targets)[0]) == 0
    except InputError:
        return False


LOSSES = [loss for _, make in examples(manual.losses) if takes_any_prediction(loss := make()[0])]

below_1 = st.floats(0, 0.999)
rules = {
    "lr": st.floats(1e-3, 1),
    "weight_decay": st.just(0) | st.floats(1e-8, 0.5),
}
adaptive = rules | {"eps": st.floats(-12, -2).map(lambda exponent: 10.0**exponent)}
optimizers = st.one_of(
    st.builds(SGD, **rules, momentum=st.just(0) | below_1, dampening=st.just(0) | below_1),
    st.builds(SGD, **rules, momentum=st.floats(0.001, 0.999), nesterov=st.just(True)),
    st.builds(Adam, **adaptive, betas=st.tuples(below_1, below_1)),
    st.builds(AdamW, **adaptive, betas=st.tuples(below_1, below_1)),
    st.builds(RMSprop, **adaptive, alpha=below_1, momentum=st.just(0) | below_1),
    # with a shorter memory the variance, which centered divides by, is itself a rounding error: nothing can be told
    # by nature
    st.builds(RMSprop, **adaptive, alpha=st.floats(0.5, 0.999), momentum=st.just(0) | below_1, centered=st.just(True)),
)


def pairs(least: int, most: int) -> st.SearchStrategy[Any]:
    return st.integers(least, most) | st.tuples(st.integers(least, most), st.integers(least, most))


activations = st.sampled_from([Identity, ReLU, Sigmoid, Tanh, Softmax])
pictures = st.fixed_dictionaries({
    "channels": st.tuples(st.integers(1, 3), st.integers(1, 4)),
    "size": st.tuples(st.integers(3, 9), st.integers(3, 9)),
    "kernel": pairs(1, 4),
    "stride": pairs(1, 3),
    "padding": pairs(0, 2),
    "activation": activations,
    "pool": st.sampled_from([MaxPool2d, AvgPool2d]),
    "pooling": st.tuples(pairs(1, 3), st.none() | pairs(1, 3), pairs(0, 1)),
})  # fmt: skip
networks = st.fixed_dictionaries({
    "pictures": st.none() | pictures,
    "sizes": st.lists(st.integers(1, 24), min_size=2, max_size=5),
    "activations": st.lists(activations, min_size=4, max_size=4),
    "dropout": st.none() | st.floats(0, 0.9),
    "bias": st.booleans(),
    "loss": st.sampled_from(LOSSES),
    "optimizer": optimizers,
    "dtype": st.sampled_from([np.float32, np.float64]),
    "batch": st.integers(1, 12),
    "scale": st.integers(-2, 2),
    "gradients": st.integers(-3, 4),
    "seed": st.integers(0, 2**32 - 1),
})  # fmt: skip


class Scaled(np.random.Generator):
    """Random numbers of a given size."""

    def __init__(self, seed: int, scale: float) -> None:
        super().__init__(np.random.PCG64(seed))
        self.scale = scale

    def standard_normal(self, *arguments: Any, **options: Any) -> Any:
        """As a generator's, times the scale."""
        return super().standard_normal(*arguments, **options) * self.scale


def build(drawn: dict[str, Any], rng: np.random.Generator) -> tuple[Network, tuple[int, ...]]:
    """The network, and the shape of its input: Linear layers of these sizes, an activation after each but the last, a
    dropout after the first; in front of them, for pictures, a convolution, an activation and a pooling.

    Raises:
        InputError: the pictures are smaller than a kernel.
    """
    layers: list[Layer] = []
    shape: tuple[int, ...] = (drawn["batch"], drawn["sizes"][0])
    sizes, about = drawn["sizes"], drawn["pictures"]
    if about:
        c, o = about["channels"]
        shape = (drawn["batch"], c, *about["size"])
        convolution = Conv2d(c, o, about["kernel"], about["stride"], about["padding"], bias=drawn["bias"], rng=rng)
        layers = [convolution, about["activation"](), about["pool"](*about["pooling"]), Flatten()]
        sizes = [Network(*layers).forward(np.zeros(shape))[0].shape[1], *sizes[1:]]
    for (n, m), activation in zip(pairwise(sizes), drawn["activations"], strict=False):
        layers += [Linear(n, m, bias=drawn["bias"], rng=rng), activation()]
    layers.pop()
    if drawn["dropout"] is not None:
        layers.insert(1, Dropout(drawn["dropout"], rng=rng))
    return Network(*layers), shape


class Tally:
    """The comparisons so far, by verdict or reason, and how near each came to what is allowed."""

    def __init__(self, name: str, total: int) -> None:
        self.verdicts, self.ratios, self.bar = Counter[str](), [], tqdm(total=total, unit=f" {name}")

    def add(self, drawn: dict[str, Any], comparisons: list[Comparison]) -> None:
        """Count them, and show what differs."""
        for comparison in comparisons:
            self.verdicts[comparison.reason or comparison.verdict] += 1
            self.ratios.append(comparison.ratio)
            if comparison.verdict not in (AGREES, NOT_JUDGED):
                print(f"{drawn}\n{comparison}")
        self.bar.update()

    def fails(self, open_share: float) -> bool:
        """Say what there was; whether something differs, or rounding leaves so large a share of it open."""
        self.bar.close()
        total = sum(self.verdicts.values())
        print(f"{total:,} comparisons: " + ", ".join(f"{n:,} {kind}" for kind, n in self.verdicts.most_common()))
        quantiles = np.quantile(self.ratios, [0.5, 0.9, 0.99, 0.999, 1])
        print("difference / allowed, at 50%, 90%, 99%, 99.9%, 100%: " + ", ".join(f"{q:.2g}" for q in quantiles))
        left_open = self.verdicts[ROUNDING] + self.verdicts[UNDECIDED]
        known = self.verdicts[AGREES] + self.verdicts[ZERO_REFERENCE] + self.verdicts[ZERO]
        return total > known + left_open or left_open >= total * open_share


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Random networks, layers and blocks against torch: no false alarm.")
    parser.add_argument("networks", nargs="?", type=int, default=NETWORKS)
    count = parser.parse_args(arguments).networks
    of_networks, of_pieces = Tally("networks", count), Tally("pieces", count // 5)

    @many(count)
    @given(networks)
    def compare(drawn: dict[str, Any]) -> None:
        rng, dtype = np.random.default_rng(drawn["seed"]), drawn["dtype"]
        try:
            network, shape = build(drawn, rng)
        except InputError:
            reject()
        network = network.astype(dtype)
        x = (rng.standard_normal(shape) * 10.0 ** drawn["scale"]).astype(dtype)
        outputs = (drawn["batch"], drawn["sizes"][-1])
        loss, optimizer = drawn["loss"], drawn["optimizer"]
        classes = isinstance(loss, CrossEntropyLoss)
        y = rng.integers(outputs[1], size=outputs[0]) if classes else rng.random(outputs).astype(dtype)
        training = compare_training(network, loss, optimizer, x, y, steps=2)
        steps = compare_optimizer(optimizer, network, Scaled(drawn["seed"], 10.0 ** drawn["gradients"]))
        of_networks.add(drawn, [*training.comparisons, *steps.comparisons])

    @many(count // 5)
    @given(pieces.pieces)
    def compare_piece(drawn: dict[str, Any]) -> None:
        layer, x = pieces.build(drawn)
        of_pieces.add(drawn, compare_layer(layer, x, np.random.default_rng(drawn["seed"])).comparisons)

    compare()
    compare_piece()
    return int(of_networks.fails(1 / 1000) | of_pieces.fails(1 / 100))


def many(count: int) -> Any:
    """As many examples, the same in every run."""
    return settings(
        max_examples=count, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
