"""Training in several processes: equal to one process on the whole batch, and to the hand-written code on it."""

import json
from collections import Counter
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from experiments.shared import model_file
from experiments.shared.spec import build
from experiments.train import command as train
from experiments.train.checkpoints import checkpoint
from experiments.train.checkpoints.restore import load
from experiments.train.checkpoints.run_folder import MODEL
from experiments.train.module import Training
from experiments.train.settings import ModelSettings
from manual import InputError, Optimizer, Penalty, batches
from parity_tests.train.processes.forks import forked
from parity_tests.train.processes.in_processes import (
    PLANTED,
    RUNS,
    config,
    held,
    numbers,
    shared,
    whole_batch,
)
from parity_tests.train.processes.ranks import MISTAKES
from torch_ref import compare, state_of

pytestmark = forked


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


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.strategy == "fsdp"])
def test_the_checkpoint_of_processes_with_shares_is_the_one_file_of_a_single_process(name, seen):
    last, step = seen["folder"] / name / "run/torch/version_0/checkpoints/last.ckpt", seen[name].ranks[0]["steps"][-1]
    training = load(last)
    optimizer = training.side.optimizer()
    optimizer.load_state_dict(optimizer.state_dict() | {"state": checkpoint.read(last)["optimizer"]})
    state = state_of(optimizer, training.side.module)
    assert training.network.params.keys() == step["after"].keys() == state.keys()
    for parameter, p in training.network.params.items():
        np.testing.assert_array_equal(p, step["after"][parameter])
        assert state[parameter].keys() == step["state after"][parameter].keys() != set()
        for key, value in state[parameter].items():
            np.testing.assert_array_equal(value, step["state after"][parameter][key])


@pytest.mark.parametrize("name", RUNS)
def test_every_example_counts_exactly_once_in_an_epoch(name, seen):
    _, data, ranks = seen[name]
    targets = Counter(y.tobytes() for rank in ranks for step in rank["steps"] for y in step["rows"][1])
    assert targets == Counter(y.tobytes() for y in data.train.y)


@pytest.mark.parametrize("name", ["31 and 2 by two", "7 and 1 by three", "31 and 2 by two machines"])
def test_an_epoch_in_several_processes_ends_in_the_weights_of_one_process(name, seen, tmp_path):
    run, data, ranks = seen[name]
    (tmp_path / "alone.yaml").write_text(json.dumps(config(tmp_path, run._replace(processes=1, machines=1))), "utf-8")
    alone = model_file.load(train.run(["fit", "--config", str(tmp_path / "alone.yaml")]) / MODEL).network
    penalty, rule = build(Penalty, run.penalty) if run.penalty else None, build(Optimizer, run.optimizer)

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


def test_torchrun_must_start_as_many_processes_as_the_trainer_expects(tmp_path, monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r"trainer.devices 1 .* as many processes as torchrun has started, 2"):
        train.run(["fit", "--config=digits", f"--out={tmp_path}", "--model.implementation=torch"])
