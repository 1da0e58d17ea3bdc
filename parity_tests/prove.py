"""Ten thousand random networks against torch: the derived tolerance raises no false alarm (`make prove`, some minutes).

Hypothesis draws the layers and their sizes, the loss, the optimizer, the dtype, the batch and the scale of the data. Each
network is compared piece by piece over two training steps. It ends with 1 if anything differs, or if a thousandth of the
comparisons or more is undetermined.
"""

import sys
from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tqdm import tqdm

import manual.losses
import manual.optimizers
from manual import CrossEntropyLoss, Identity, Layer, Linear, Loss, Network, Optimizer, ReLU, Sigmoid, Softmax, Tanh
from torch_ref import compare_training
from torch_ref.examples import examples

NETWORKS = 10_000
LOSSES = [make()[0] for _, make in examples(manual.losses)]
OPTIMIZERS = [make() for _, make in examples(manual.optimizers)]

networks = st.fixed_dictionaries({
    "sizes": st.lists(st.integers(1, 24), min_size=2, max_size=5),
    "activations": st.lists(st.sampled_from([Identity, ReLU, Sigmoid, Tanh, Softmax]), min_size=4, max_size=4),
    "bias": st.booleans(),
    "loss": st.sampled_from(LOSSES),
    "optimizer": st.sampled_from(OPTIMIZERS),
    "dtype": st.sampled_from([np.float32, np.float64]),
    "batch": st.integers(1, 12),
    "scale": st.integers(-2, 2),
    "seed": st.integers(0, 2**32 - 1),
})  # fmt: skip


def build(sizes: list[int], activations: list[type[Layer]], bias: bool, rng: np.random.Generator) -> Network:
    """Linear layers of these sizes, an activation after each but the last."""
    layers: list[Layer] = []
    for (n, m), activation in zip(pairwise(sizes), activations, strict=False):
        layers += [Linear(n, m, bias=bias, rng=rng), activation()]
    return Network(*layers[:-1])


def main() -> int:
    verdicts, ratios = Counter[str](), []
    bar = tqdm(total=NETWORKS, unit=" networks")

    @settings(
        max_examples=NETWORKS, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(networks)
    def compare(drawn: dict) -> None:
        rng = np.random.default_rng(drawn["seed"])
        network = build(drawn["sizes"], drawn["activations"], drawn["bias"], rng).astype(drawn["dtype"])
        loss: Loss = drawn["loss"]
        optimizer: Optimizer = drawn["optimizer"]
        outputs = (drawn["batch"], drawn["sizes"][-1])
        x = (rng.standard_normal((drawn["batch"], drawn["sizes"][0])) * 10.0 ** drawn["scale"]).astype(drawn["dtype"])
        classes = isinstance(loss, CrossEntropyLoss)
        y = rng.integers(outputs[1], size=outputs[0]) if classes else rng.random(outputs).astype(drawn["dtype"])
        for comparison in compare_training(network, loss, optimizer, x, y, steps=2).comparisons:
            kind = comparison.verdict.partition(":")[0]
            verdicts[kind] += 1
            ratios.append(comparison.ratio)
            if kind not in ("agrees", "vacuous", "undetermined"):
                print(f"{drawn}\n{comparison}")
        bar.update()

    compare()
    bar.close()
    total = sum(verdicts.values())
    print(f"{total:,} comparisons: " + ", ".join(f"{count:,} {kind}" for kind, count in verdicts.most_common()))
    quantiles = np.quantile(ratios, [0.5, 0.9, 0.99, 0.999, 1])
    print("difference / allowed, at 50%, 90%, 99%, 99.9%, 100%: " + ", ".join(f"{q:.2g}" for q in quantiles))
    wrong = total - verdicts["agrees"] - verdicts["vacuous"] - verdicts["undetermined"]
    return int(wrong > 0 or verdicts["undetermined"] >= total / 1000)


if __name__ == "__main__":
    sys.exit(main())
