"""Runs in several processes, and what the hand-written code makes of the same steps on the whole batch."""

from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.data.augment import augmented
from experiments.data.module import Data
from experiments.shared.spec import build
from experiments.train.module import Training
from experiments.train.settings import ModelSettings
from manual import Dropout, Layer, Loss, Network, Optimizer, Penalty, batches
from torch_ref import Parity
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.bounds import bounded, update_bounds

SMALL = [
    {"Linear": {"in_features": 1, "out_features": 6}},
    "Sigmoid",
    {"Linear": {"in_features": 6, "out_features": 1}},
]


DROPPED = [*SMALL[:2], {"Dropout": {"p": 0.3}}, SMALL[2]]


CONVOLVED = [
    {"Conv2d": {"in_channels": 3, "out_channels": 2, "kernel_size": 3}},
    "Tanh",
    {"MaxPool2d": {"kernel_size": 2}},
    "Flatten",
    {"Linear": {"in_features": 18, "out_features": "classes"}},
]


SGD = {"class_path": "SGD", "init_args": {"lr": 0.1, "momentum": 0.9}}
ADAM = {"class_path": "Adam", "init_args": {"lr": 0.01}}


CUT_OFF = [
    "fit",
    "--config=one_two_one",
    "--model.implementation=torch",
    "--trainer.devices=2",
    "--trainer.max_epochs=30",
]


DIGITS = [
    "fit",
    "--config=digits",
    "--model.implementation=torch",
    "--trainer.devices=3",
    "--trainer.max_epochs=1",
    "--data.batch_size=100",
]
"""13 steps."""


STRATEGIES = ["ddp", "fsdp"]


class Run(NamedTuple):
    """A training run of one epoch in several processes."""

    processes: int
    network: list[Any]
    loss: Any
    optimizer: dict[str, Any]
    data: dict[str, Any]
    penalty: dict[str, Any] | None = None
    mistake: str | None = None
    machines: int = 1
    strategy: str = "ddp"

    @property
    def model(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "loss": self.loss,
            "optimizer": self.optimizer,
            "penalty": self.penalty,
            "seed": 1,
            "implementation": "torch",
        }


RUNS = {
    "31 and 2 by two": Run(
        2,
        DROPPED,
        "MSELoss",
        SGD,
        {"name": "sine", "batch_size": 31},
        {"class_path": "L2", "init_args": {"alpha": 0.01}},
    ),
    "7 and 1 by three": Run(
        3,
        DROPPED,
        "MSELoss",
        ADAM,
        {"name": "sine", "batch_size": 7},
        {"class_path": "L2", "init_args": {"alpha": 0.01}},
    ),
    "a sum, 5 and 4 by two": Run(
        2,
        SMALL,
        {"class_path": "MSELoss", "init_args": {"reduction": "sum"}},
        {"class_path": "SGD", "init_args": {"lr": 0.01}},
        {"name": "sine", "batch_size": 5},
        {"class_path": "L1", "init_args": {"alpha": 0.1}},
    ),
    "1 by two": Run(
        2, [{"Linear": {"in_features": 2, "out_features": 1}}], "HalfMSELoss", SGD, {"name": "hand_computation"}
    ),
    "31 and 2 by two machines": Run(2, DROPPED, "MSELoss", SGD, {"name": "sine", "batch_size": 31}, machines=2),
    "sharded, 31 and 2 by two": Run(2, DROPPED, "MSELoss", SGD, {"name": "sine", "batch_size": 31}, strategy="fsdp"),
    "sharded, 7 and 1 by three": Run(3, DROPPED, "MSELoss", ADAM, {"name": "sine", "batch_size": 7}, strategy="fsdp"),
    "pictures": Run(
        2,
        CONVOLVED,
        "CrossEntropyLoss",
        ADAM,
        {
            "name": "pictures",
            "size": 8,
            "batch_size": 9,
            "augment": ["flip", "shift"],
        },
    ),
}


PLANTED = {
    mistake: RUNS[run]._replace(mistake=mistake)
    for mistake, run in {
        "a sampler that pads": "31 and 2 by two",
        "a mean of means": "31 and 2 by two",
        "a sum taken for a mean": "a sum, 5 and 4 by two",
        "the mean of the processes' gradients for their sum": "31 and 2 by two",
        "a penalty counted by every process": "31 and 2 by two",
        "masks of each process's own": "31 and 2 by two",
    }.items()
}


def config(out: Path, run: Run) -> dict[str, Any]:
    """The command's config."""
    places = {"devices": run.processes // run.machines, "num_nodes": run.machines}
    trainer = {"max_epochs": 1, "strategy": run.strategy if run.processes > 1 else "auto", **places}
    return {"name": "run", "out": str(out), "model": run.model, "data": run.data, "trainer": trainer}


def lines(path: Path) -> list[str]:
    """A file's, or none where there is none yet."""
    return path.read_text("utf-8").splitlines() if path.exists() else []


class Seen(NamedTuple):
    """What the processes of a run saw, by rank."""

    run: Run
    data: Data
    ranks: list[dict[str, Any]]


class Masked(Layer):
    """Dropout by a mask that is given."""

    p: Any
    mask: Any

    def forward(self, a: Any, /) -> tuple[Any, Any]:
        return a * self.mask / (1 - self.p), None

    def backward(self, delta: Any, cache: Any, /) -> tuple[Any, Layer]:
        return delta * self.mask / (1 - self.p), self


def masked(network: Network, tape: list[Any], rows: slice) -> Network:
    """The network for some rows of a batch whose tape this is: with their rows of the batch's masks."""
    return Network(
        *[
            Masked(layer.p, cache[rows]) if isinstance(layer, Dropout) and layer.training and layer.p else layer
            for layer, cache in zip(network.layers, tape, strict=True)
        ]
    )


def shared(network: Network, loss: Loss, penalty: Penalty | None, x: Any, y: Any, counts: list[int]) -> dict[str, Any]:
    """The "cost" and "dp" of each parameter p, on numbers of any type, as several processes compute them: each from
    its rows, with its weight and as many times as there are processes, of which then the mean is taken.
    """
    tape, world, cost, gradient = network.forward(x)[1], len(counts), 0, None
    for last, n in zip(np.cumsum(counts), counts, strict=True):
        if n:
            rows = slice(last - n, last)
            own = masked(network, tape, rows)
            weight = 1 if getattr(loss, "reduction", "mean") == "sum" else n / len(x)
            prediction, passed = own.forward(x[rows])
            part, cache = loss.forward(prediction, y[rows])
            cost = part * weight + cost
            slope = own.gradient(loss.backward(cache) * weight * world, passed)
            if penalty:
                cost = penalty.forward(own)[0] * (n / len(x)) + cost
                slopes = penalty.backward(own).params
                slope = slope.like(
                    **{name: p + slopes[name] * (n / len(x)) * world for name, p in slope.params.items()}
                )
            parts = {name: p / world for name, p in slope.params.items()}
            gradient = parts if gradient is None else {name: p + parts[name] for name, p in gradient.items()}
    assert gradient is not None
    return {"cost": cost, **{f"d{name}": g for name, g in gradient.items()}}


def numbers(values: Any) -> Any:
    return Bounded(values, values.dtype) if values.dtype.kind == "f" else values


def whole_batch(network: Network, loss: Loss, penalty: Penalty | None, x: Any, y: Any) -> dict[str, Any]:
    """The same of the hand-written code on the whole batch."""
    prediction, tape = network.forward(x)
    cost, cache = loss.forward(prediction, y)
    gradient = network.gradient(loss.backward(cache), tape)
    if penalty:
        cost += penalty.forward(network)[0]
        gradient += penalty.backward(network)
    return {"cost": cost, **{f"d{name}": g for name, g in gradient.params.items()}}


def held(seen: Seen) -> Parity:
    """Hold each step against the hand-written code on the whole batch, given the same weights: the rows, the cost, the
    gradient, the update; and the evaluation that follows.
    """
    parity, (run, data, ranks) = Parity("cpu"), seen
    first, world = ranks[0], len(ranks)
    training = Training(ModelSettings(**run.model), data.classes)
    network, loss, rule = training.network, training.loss, build(Optimizer, run.optimizer)
    penalty = build(Penalty, run.penalty) if run.penalty else None
    costs = [values["train_cost"] for values in first["log"] if "train_cost" in values]
    order = [*batches(len(data.train.x), run.data.get("batch_size", len(data.train.x)), 0, 0)]
    assert len(first["steps"]) == len(order) == len(costs)
    for number, rows in enumerate(order):
        place, steps = f"step {number}", [rank["steps"][number] for rank in ranks]
        step, x, y = steps[0], data.train.x[rows], data.train.y[rows]
        if "augment" in run.data:
            x = augmented(x, rows, run.data["augment"], 0, 0)
        for what, whole, index in (("x", x, 0), ("y", y, 1)):
            parity.add(place, f"{what} of all processes", np.concatenate([s["rows"][index] for s in steps]), whole, 0)

        network = network.like(**step["before"], **network.state)
        exact = network.like(**bounded(network.params), **network.state)
        one = whole_batch(exact, loss, penalty, numbers(x), numbers(y))
        several = shared(exact, loss, penalty, numbers(x), numbers(y), [len(part) for part in np.array_split(x, world)])
        theirs = {"cost": np.float64(costs[number]), **{f"d{name}": g for name, g in step["gradient"].items()}}
        for quantity, ours in whole_batch(network, loss, penalty, x, y).items():
            parity.add(place, quantity, ours, theirs[quantity], one[quantity].error + several[quantity].error)

        _hold_update(parity, place, rule, network, step)
        network.commit(network.forward(x)[1])

    _hold_evaluation(parity, seen, network.like(**first["steps"][-1]["after"]).evaluated(), loss)
    return parity


def _hold_update(parity: Parity, place: str, rule: Optimizer, network: Network, step: dict[str, Any]) -> None:
    """The update of a step, given its weights, gradients and state."""
    allowed = update_bounds(rule, network, step["gradient"], step["state"])
    moved, own = network.like(**{name: p.copy() for name, p in step["before"].items()}), deepcopy(rule)
    own.state = deepcopy(step["state"])
    own.step(moved, network.like(**step["gradient"]))
    for name, after in step["after"].items():
        way = after - step["before"][name]
        parity.add(place, f"{name}, updated", moved.params[name], after, 2 * allowed[name].error, way)


def _hold_evaluation(parity: Parity, seen: Seen, trained: Network, loss: Loss) -> None:
    """Cost and accuracy of the trained network, as every process logged them."""
    exact = trained.like(**bounded(trained.params))
    for part, (x, y) in (("val", seen.data.validation), ("test", seen.data.test)):
        x = x[:]  # pictures are read as they are asked for
        prediction, _ = trained.forward(x)
        counts = [len(rows) for rows in np.array_split(x, len(seen.ranks))]
        one = whole_batch(exact, loss, None, numbers(x), numbers(y))["cost"]
        several = shared(exact, loss, None, numbers(x), numbers(y), counts)["cost"]
        right = {f"{part}_cost": (loss.forward(prediction, y)[0], one.error + several.error)}
        if seen.data.classes:
            right[f"{part}_accuracy"] = ((prediction.argmax(axis=1) == y).mean(), 0)
        for rank, its in enumerate(seen.ranks):
            for name, (ours, error) in right.items():
                [theirs] = [values[name] for values in its["log"] if name in values]
                parity.add(f"process {rank}", name, ours, np.float64(theirs), error)
