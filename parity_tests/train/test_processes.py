"""Training in several processes: equal to one process on the whole batch, and to the hand-written code on it."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
from collections import Counter
from copy import deepcopy
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from experiments.data.augment import augmented
from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.shared import model_file
from experiments.shared.spec import build
from experiments.train import command as train
from experiments.train import processes
from experiments.train.module import Training
from experiments.train.run_folder import MODEL
from experiments.train.settings import ModelSettings
from experiments.train.stop import Stop
from manual import Dropout, InputError, Layer, Loss, Network, Optimizer, Penalty, batches
from parity_tests.drawn import draw
from parity_tests.train.forks import TIMEOUT, Fork, command, forked
from parity_tests.train.ranks import MISTAKES, run
from torch_ref import Parity, compare
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.bounds import bounded, update_bounds

pytestmark = forked

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
SGD, ADAM = {"SGD": {"lr": 0.1, "momentum": 0.9}}, {"Adam": {"lr": 0.01}}


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


class Run(NamedTuple):
    """A training run of one epoch in several processes."""

    processes: int
    network: list[Any]
    loss: Any
    optimizer: dict[str, Any]
    data: dict[str, Any]
    penalty: dict[str, Any] | None = None
    mistake: str | None = None

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
    "31 and 2 by two": Run(2, DROPPED, "MSELoss", SGD, {"name": "sine", "batch_size": 31}, {"L2": {"alpha": 0.01}}),
    "7 and 1 by three": Run(3, DROPPED, "MSELoss", ADAM, {"name": "sine", "batch_size": 7}, {"L2": {"alpha": 0.01}}),
    "a sum, 5 and 4 by two": Run(
        2,
        SMALL,
        {"MSELoss": {"reduction": "sum"}},
        {"SGD": {"lr": 0.01}},
        {"name": "sine", "batch_size": 5},
        {"L1": {"alpha": 0.1}},
    ),
    "1 by two": Run(
        2, [{"Linear": {"in_features": 2, "out_features": 1}}], "HalfMSELoss", SGD, {"name": "hand_computation"}
    ),
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
    trainer = {"max_epochs": 1, "devices": run.processes, "strategy": "ddp" if run.processes > 1 else "auto"}
    return {"name": "run", "out": str(out), "model": run.model, "data": run.data, "trainer": trainer}


def lines(path: Path) -> list[str]:
    """A file's, or none where there is none yet."""
    return path.read_text("utf-8").splitlines() if path.exists() else []


class Seen(NamedTuple):
    """What the processes of a run saw, by rank."""

    run: Run
    data: Data
    ranks: list[dict[str, Any]]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was seen of all runs, by name; and of some the end of the log."""
    folder = tmp_path_factory.mktemp("processes")
    draw(folder / "birds", 40, size=8)
    all_runs = RUNS | PLANTED
    for name, one in all_runs.items():
        if one.data["name"] == "pictures":
            one.data["folder"] = str(folder / "birds")
        (folder / f"{name}.yaml").write_text(json.dumps(config(folder / name, one)), "utf-8")
        run(folder, name, one.processes, ["fit", "--config", str(folder / f"{name}.yaml")], one.mistake)
    for name, count, arguments in (
        ("uninterrupted", 2, CUT_OFF),
        ("whole", 3, DIGITS),
        ("half", 3, [*DIGITS, "--trainer.max_steps=6"]),
        ("other half", 3, [*DIGITS, f"--ckpt_path={folder}/half/digits/torch/version_0/checkpoints/last.ckpt"]),
    ):
        run(folder, name, count, [*arguments, f"--out={folder / name}"])
    found: dict[str, Any] = {
        name: Seen(
            one,
            Data(DataSettings(**one.data)),
            [pickle.loads((folder / f"{name}.{r}").read_bytes()) for r in range(one.processes)],
        )
        for name, one in all_runs.items()
    }
    ends = {name: lines(folder / name / "digits/torch/version_0/metrics.csv")[-9:] for name in ("whole", "other half")}
    return found | ends | {"uninterrupted": lines(folder / "uninterrupted/one_two_one/torch/version_0/metrics.csv")}


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
            Masked(layer.p, cache[rows]) if isinstance(layer, Dropout) and layer.p else layer
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

        allowed = update_bounds(rule, network, step["gradient"], step["state"])
        moved, own = network.like(**{name: p.copy() for name, p in step["before"].items()}), deepcopy(rule)
        own.state = deepcopy(step["state"])
        own.step(moved, network.like(**step["gradient"]))
        for name, after in step["after"].items():
            way = after - step["before"][name]
            parity.add(place, f"{name}, updated", moved.params[name], after, 2 * allowed[name].error, way)
        network.commit(network.forward(x)[1])

    trained = network.like(**first["steps"][-1]["after"]).evaluated()
    for part, (x, y) in (("val", data.validation), ("test", data.test)):
        exact = trained.like(**bounded(trained.params))
        prediction, _ = trained.forward(x)
        one = whole_batch(exact, loss, None, numbers(x), numbers(y))["cost"]
        several = shared(exact, loss, None, numbers(x), numbers(y), [len(part) for part in np.array_split(x, world)])[
            "cost"
        ]
        right = {f"{part}_cost": (loss.forward(prediction, y)[0], one.error + several.error)}
        if data.classes:
            right[f"{part}_accuracy"] = ((prediction.argmax(axis=1) == y).mean(), 0)
        for rank, its in enumerate(ranks):
            for name, (ours, error) in right.items():
                [theirs] = [values[name] for values in its["log"] if name in values]
                parity.add(f"process {rank}", name, ours, np.float64(theirs), error)
    return parity


@pytest.mark.parametrize("name", RUNS)
def test_every_step_in_several_processes_is_the_hand_written_one_on_the_whole_batch(name, seen, agree):
    agree(held(seen[name]))


@pytest.mark.parametrize("mistake", PLANTED)
def test_gradients_show_a_mistake_with_shares(mistake, seen):
    assert PLANTED.keys() == MISTAKES.keys()
    parity = held(seen[mistake])
    assert any(c.ratio > 1 for c in parity.comparisons if c.quantity.startswith("d")), parity


@pytest.mark.parametrize("name", RUNS)
def test_weights_gradients_and_log_are_the_same_bits_in_every_process(name, seen):
    first, *others = seen[name].ranks
    for other in others:
        assert other["log"] == first["log"]
        for ours, theirs in zip(first["steps"], other["steps"], strict=True):
            for what in ("before", "gradient", "after"):
                for parameter, p in ours[what].items():
                    np.testing.assert_array_equal(theirs[what][parameter], p)


@pytest.mark.parametrize("name", RUNS)
def test_every_example_counts_exactly_once_in_an_epoch(name, seen):
    _, data, ranks = seen[name]
    targets = Counter(y.tobytes() for rank in ranks for step in rank["steps"] for y in step["rows"][1])
    assert targets == Counter(y.tobytes() for y in data.train.y)


@pytest.mark.parametrize("name", ["31 and 2 by two", "7 and 1 by three"])
def test_an_epoch_in_several_processes_ends_in_the_weights_of_one_process(name, seen, tmp_path):
    run, data, ranks = seen[name]
    (tmp_path / "alone.yaml").write_text(json.dumps(config(tmp_path, run._replace(processes=1))), "utf-8")
    alone = model_file.load(train.run(["fit", "--config", str(tmp_path / "alone.yaml")]) / MODEL).network
    penalty, rule = build(Penalty, run.penalty), build(Optimizer, run.optimizer)

    def trained(gradient, number) -> dict[str, Any]:
        """The weights after the same steps on numbers of some type."""
        training = Training(ModelSettings(**run.model))
        network, optimizer = training.network, deepcopy(rule)
        network = network.like(**{key: number(p) for key, p in network.params.items()}, **network.state)
        for rows in batches(len(data.train.x), run.data["batch_size"], 0, 0):
            x, y = number(data.train.x[rows]), number(data.train.y[rows])
            found = gradient(network, training.loss, penalty, x, y)
            tape = network.forward(x)[1]
            optimizer.step(network, network.like(**{key: found[f"d{key}"] for key in network.params}))
            network.commit(tape)
        return network.params

    def split(network, loss, penalty, x, y):
        return shared(
            network, loss, penalty, x, y, [len(part) for part in np.array_split(np.arange(len(x)), run.processes)]
        )

    by_hand, one, several = trained(whole_batch, np.asarray), trained(whole_batch, numbers), trained(split, numbers)
    for key, theirs in ranks[0]["steps"][-1]["after"].items():
        for ours in (alone.params[key], by_hand[key]):
            assert compare(name, key, ours, theirs, one[key].error + several[key].error).agrees


RUN = Path("runs", "one_two_one", "torch", "version_0")


def second_of(pid: int, folder: Path) -> int:
    """The second process of a run in two, whose first is this one, when they have made some steps."""
    give_up = monotonic() + TIMEOUT
    while len(lines(folder / RUN / "metrics.csv")) < 20:
        assert monotonic() < give_up
        sleep(0.01)
    [second] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(second)


def goes_on(folder: Path, seen: dict[str, Any]) -> None:
    """The same command ends in the log of a run that nobody disturbed."""
    status, out, err = Fork(folder, command, *CUT_OFF).end()
    assert (status, out) == (0, f"{RUN / MODEL}\n"), err
    assert re.fullmatch(rf"going on with {RUN} from step \d+\n", err)
    assert lines(folder / RUN / "metrics.csv") == seen["uninterrupted"]


SAYS = r"python -m experiments.train: {}; the same command (goes on from step \d+|starts anew)\n"


@pytest.mark.parametrize(
    ("disturb", "status", "says"),
    [
        (lambda first, _: os.kill(first, signal.SIGKILL), -signal.SIGKILL, ""),
        (lambda first, _: os.killpg(first, signal.SIGINT), 130, SAYS.format("stopped by SIGINT")),
        (lambda _, second: os.kill(second, signal.SIGTERM), 143, SAYS.format("stopped by SIGTERM")),
    ],
    ids=["the first is killed", "Ctrl-C", "the second is asked to end"],
)
def test_two_processes_end_together_and_the_same_command_goes_on_to_the_same_end(disturb, status, says, seen, tmp_path):
    first = Fork(tmp_path, command, *CUT_OFF)
    disturb(first.pid, second_of(first.pid, tmp_path))
    ended, out, err = first.end()
    assert (ended, out) == (status, "")
    assert re.fullmatch(says, err)
    goes_on(tmp_path, seen)


@pytest.mark.slow
def test_a_command_whose_second_process_is_killed_ends_and_goes_on_to_the_same_end(seen, tmp_path):
    typed = [sys.executable, "-m", "experiments.train", *CUT_OFF]
    first = subprocess.Popen(typed, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.kill(second_of(first.pid, tmp_path), signal.SIGKILL)
    out, err = first.communicate(timeout=TIMEOUT)
    assert first.returncode != 0
    assert out == ""
    # Lightning kills the first process too, if it is not quick to end
    assert re.fullmatch(f"({SAYS.format('process 1 was killed by signal 9')})?", err)
    goes_on(tmp_path, seen)


def test_processes_that_cannot_be_connected_are_ended(monkeypatch):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    launcher = _SubprocessScriptLauncher(LightningEnvironment(), num_processes=2, num_nodes=1)
    monkeypatch.setattr(launcher, "launch", lambda *_, **__: launcher.procs.append(other))
    trainer: Any = SimpleNamespace(
        strategy=SimpleNamespace(launcher=launcher, setup_environment=lambda: int("no connection"))
    )
    with Stop() as stop:
        with pytest.raises(ValueError, match="no connection"):
            processes.start(trainer)
        assert other.wait(TIMEOUT) == -signal.SIGKILL
        assert signal.getsignal(signal.SIGINT) == stop._heard


def test_three_processes_go_on_to_the_same_bits(seen):
    assert seen["other half"] == seen["whole"]


GLOO = "[/torch/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer"


@pytest.mark.parametrize(
    ("rank", "others", "raised", "message"),
    [
        (
            0,
            ["raise SystemExit(0)", "import os; os.kill(os.getpid(), 9)"],
            processes.Lost,
            "process 2 was killed by signal 9",
        ),
        (0, ["raise SystemExit(2)"], SystemExit, "2"),  # it has said why
        (0, ["raise SystemExit(0)"], processes.Lost, "another process has ended"),
        (0, [], processes.Lost, "another process has ended"),  # on another machine
        (1, [], SystemExit, "2"),
    ],
)
def test_one_process_says_why_a_run_in_several_has_ended(rank, others, raised, message):
    started = [subprocess.Popen([sys.executable, "-c", program]) for program in others]
    strategy = SimpleNamespace(launcher=SimpleNamespace(procs=started))
    trainer: Any = SimpleNamespace(strategy=strategy, is_global_zero=rank == 0, global_rank=rank)
    with pytest.raises(raised, match=f"^{message}$"), processes.connected(trainer):
        raise RuntimeError(GLOO)
    with pytest.raises(RuntimeError, match="a bug"), processes.connected(trainer):
        raise RuntimeError("a bug")


def test_torchrun_must_start_as_many_processes_as_the_trainer_expects(tmp_path, monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r"trainer.devices 1 .* as many processes as torchrun has started, 2"):
        train.run(["fit", "--config=digits", f"--out={tmp_path}", "--model.implementation=torch"])
