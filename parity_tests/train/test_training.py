"""The training script: one config, two implementations, the same run."""

import csv
import sys

import numpy as np
import pytest
import yaml

from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.train import command as train
from experiments.train.checkpoints import restore
from experiments.train.module import Training
from experiments.train.settings import ModelSettings
from manual import batches, documents
from parity_tests.train.checkpoints.cutting import column
from parity_tests.train.processes import forks
from parity_tests.train.test_refusals import CONFIGS, fit

DIGITS = str(CONFIGS / "digits.yaml")
BOTH = ["manual", "torch"]
BILLIONTH = 1e-9  # relative: how near the loss curves of two whole runs must stay, each on its own
EITHER = pytest.mark.parametrize("implementation", BOTH)


def weights(folder):
    return restore.load(folder / "checkpoints" / "last.ckpt").network.params


def options(**values):
    return [word for key, value in values.items() for word in (f"--{key.replace('_', '.', 1)}", str(value))]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The folders of a short run on the digits, by implementation, and the batches that each saw."""
    out, seen = tmp_path_factory.mktemp("digits"), {name: [] for name in BOTH}
    step = Training.training_step

    def watched(self, batch):
        seen[self.settings["implementation"]].append([array.numpy().copy() for array in batch])
        return step(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "training_step", watched)
        short = options(trainer_max_epochs=3)
        folders = {name: train.run([*fit("digits", out), *short, "--model.implementation", name]) for name in BOTH}
    return folders, seen


def test_both_see_the_same_batches_in_the_order_of_the_hand_written_loop(digits):
    _, seen = digits
    data = Data(DataSettings("digits")).train
    expected = [rows for epoch in range(3) for rows in batches(len(data.x), 32, 0, epoch)]
    assert len(expected[39]) == len(data.x) % 32 > 0
    for name in BOTH:
        assert len(seen[name]) == len(expected)
        for (x, y), rows_ in zip(seen[name], expected, strict=True):
            np.testing.assert_array_equal(x, data.x[rows_])
            np.testing.assert_array_equal(y, data.y[rows_])


def test_the_curves_of_both_agree_to_a_billionth(digits):
    folders, _ = digits
    for quantity, count in (("train_cost", 120), ("moved", 120), ("val_cost", 3), ("test_cost", 1)):
        ours, reference = (column(folders[name], quantity) for name in BOTH)
        assert len(ours) == count
        assert all(abs(a - b) <= BILLIONTH * abs(b) for a, b in zip(ours, reference, strict=True))
    assert column(folders["manual"], "val_accuracy") == column(folders["torch"], "val_accuracy")


def test_both_predict_the_same_digits(digits, capsys):
    folders, _ = digits
    printed = {}
    for name in BOTH:
        checkpoint = str(folders[name] / "checkpoints" / "last.ckpt")
        train.run(["predict", "--config", DIGITS, "--ckpt_path", checkpoint, "--model.implementation", name])
        printed[name] = [*csv.DictReader(capsys.readouterr().out.splitlines())]
    assert printed["manual"] == printed["torch"]
    right = sum(row["prediction"] == row["target"] for row in printed["manual"])
    assert column(folders["manual"], "test_accuracy") == [right / len(Data(DataSettings("digits")).test.y)]


def test_accuracy_is_the_share_of_right_digits(digits, monkeypatch, capsys):
    folders, _ = digits
    data, network = Data(DataSettings("digits")).test, restore.load(folders["manual"] / "checkpoints/last.ckpt").network
    right = sum(int(np.argmax(network.forward(x[None])[0])) == y for x, y in zip(data.x, data.y, strict=True))
    assert column(folders["manual"], "test_accuracy") == [right / 360]
    checkpoint = str(folders["manual"] / "checkpoints" / "last.ckpt")
    monkeypatch.setattr(sys, "argv", ["train", "test", "--config", DIGITS, "--ckpt_path", checkpoint])
    train.main()
    assert capsys.readouterr().out.endswith(f"accuracy {right / 360:.4g}\n")


@EITHER
def test_one_step_is_the_documents(implementation, tmp_path):
    how = options(model_implementation=implementation, trainer_max_epochs=1)
    folder = train.run([*fit("two_two_one", tmp_path), *how])
    trained = weights(folder)
    for quantity, where in (("A13.6", "2.bias"), ("A13.8", "2.weight"), ("A13.10", "0.bias"), ("A13.12", "0.weight")):
        printed = [number for numbers in documents.PRINTED[quantity].values() for number in numbers]
        for ours, text in zip(trained[where].ravel(), printed, strict=True):
            assert abs(ours - float(text)) < 10.0 ** -len(text.partition(".")[2])  # to the printed digits


@EITHER
def test_the_log_holds_the_parameters_before_each_step(implementation, tmp_path):
    how = options(model_implementation=implementation, trainer_max_epochs=2)
    folder = train.run([*fit("two_two_one", tmp_path), *how])
    start = documents.hand_computation().network.params
    for name, p in start.items():
        for index, value in np.ndenumerate(p):
            before = column(folder, f"param/{name}[{','.join(map(str, index))}]")
            assert len(before) == 2
            assert before[0] == value
    assert column(folder, "step")[:1] == [0]


def test_the_document_networks_start_with_the_documents_weights(tmp_path):
    for config, network in (
        ("two_two_one", documents.hand_computation().network),
        ("one_two_one", documents.one_two_one()),
        ("one_two_one_linear", documents.one_two_one()),
    ):
        settings = yaml.safe_load((CONFIGS / f"{config}.yaml").read_text("utf-8"))["model"]
        start = Training(ModelSettings(**settings)).network.params
        assert start.keys() == network.params.keys()
        for name, p in network.params.items():
            np.testing.assert_array_equal(start[name], p)


def test_a_new_run_has_a_folder_of_its_own(tmp_path, capsys):
    first, second = (train.run([*fit("two_two_one", tmp_path), *options(trainer_max_epochs=1)]) for _ in range(2))
    assert first == tmp_path / "two_two_one" / "manual" / "version_0"
    assert second == tmp_path / "two_two_one" / "manual" / "version_1"
    assert capsys.readouterr().out == ""
    names = {"metrics.csv", "config.yaml", "checkpoints", "model.safetensors", ".lock"}
    for folder in (first, second):
        assert {path.name for path in folder.iterdir()} == names


def test_the_resolved_config_makes_the_same_run_again(tmp_path):
    changed = options(trainer_max_epochs=2, data_batch_size=5, model_optimizer="Adam")
    first = train.run([*fit("one_two_one", tmp_path), *changed])
    again = train.run(["fit", "--config", str(first / "config.yaml")])
    assert again == first.with_name("version_1")
    assert (again / "metrics.csv").read_text("utf-8") == (first / "metrics.csv").read_text("utf-8")


@EITHER
def test_training_stops_where_the_parameters_hardly_move(implementation, tmp_path):
    how = options(model_implementation=implementation, model_threshold=1e-3)
    folder = train.run([*fit("two_two_one", tmp_path), *how])
    moved = column(folder, "moved")
    assert len(moved) < 100
    assert moved[-1] < 1e-3 <= min(moved[:-1])


@pytest.mark.ledger("B4")
def test_every_hyperparameter_is_set_by_the_config(tmp_path):
    config = yaml.safe_load((CONFIGS / "digits.yaml").read_text("utf-8"))
    config["out"] = str(tmp_path)
    config["trainer"]["max_epochs"] = 1
    config["data"]["batch_size"] = 629  # two steps an epoch

    def trained(change=lambda _: None):
        changed = yaml.safe_load(yaml.safe_dump(config))
        change(changed)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed), "utf-8")
        folder = train.run(["fit", "--config", str(tmp_path / "config.yaml")])
        return folder, restore.load(folder / "checkpoints" / "last.ckpt").network, column(folder, "train_cost")

    def layers(*specs):
        return lambda c: c["model"].update(
            network=[
                {"Linear": dict(zip(("in_features", "out_features"), s, strict=True))} if isinstance(s, tuple) else s
                for s in specs
            ]
        )

    _, network, costs = trained()
    assert [p.shape for p in network.params.values()] == [(128, 64), (128,), (10, 128), (10,)]
    assert {p.dtype.name for p in network.params.values()} == {"float64"}

    _, deeper, _ = trained(layers((64, 20), "Tanh", (20, 20), "ReLU", (20, 10)))  # layers, activations, and neurons
    assert [p.shape for p in deeper.params.values()] == [(20, 64), (20,), (20, 20), (20,), (10, 20), (10,)]
    assert [type(layer).__name__ for layer in deeper.layers[1::2]] == ["Tanh", "ReLU"]

    def slow_and_long(c):
        c["model"].update(optimizer={"SGD": {"lr": 0.1, "momentum": 0.9}})
        c["trainer"].update(max_epochs=2)

    _, _, slower = trained(slow_and_long)  # learning rate and epochs
    assert slower[0] == costs[0]
    assert slower[1] != costs[1]
    assert len(slower) == 2 * len(costs)

    def single_and_whole(c):
        c["model"].update(dtype="float32")
        c["data"].update(batch_size=1257)

    _, single, once = trained(single_and_whole)
    assert {p.dtype.name for p in single.params.values()} == {"float32"}
    assert len(once) == 1
    assert trained(lambda c: c["model"].update(seed=1))[2][0] != costs[0]
    assert trained(lambda c: c["data"].update(seed=1))[2][0] != costs[0]


@forks.forked
def test_the_command_says_what_came_of_it_and_where_the_model_is(tmp_path):
    command = forks.Fork(tmp_path, forks.command, *fit("two_two_one", tmp_path), *options(trainer_max_epochs=2))
    status, out, err = command.end()
    assert (status, err) == (0, "")
    folder = tmp_path / "two_two_one" / "manual" / "version_0"
    validation, test, model = out.splitlines()
    logged = csv.DictReader((folder / "metrics.csv").read_text("utf-8").splitlines())
    [said] = [row["test_cost"] for row in logged if row["test_cost"]]
    assert test == f"test: cost {float(said):.4g}"
    assert validation.startswith("validation: cost ")
    assert model == str(folder / "model.safetensors")
