"""What is wrong with a training command is said in one line, and the command exits with 2."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from experiments.data import module
from experiments.data.splits import Part, Parts
from experiments.train import command as train
from experiments.train.checkpoints import restore
from manual import InputError, documents

CONFIGS = Path(train.__file__).parent / "configs"


@pytest.fixture
def fails(tmp_path, monkeypatch, capsys):
    """Run the command, and give the one line that it fails with."""

    def command(*arguments, config="two_two_one", code=2):
        given = [*map(str, arguments), "--out", str(tmp_path / "runs")]
        if "--config" not in given:
            given[1:1] = ["--config", str(CONFIGS / f"{config}.yaml")]
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["train", *given])
        with pytest.raises(SystemExit) as stop:
            train.main()
        assert stop.value.code == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1, err
        return err

    return command


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """The checkpoint of two epochs of document A's network, by implementation."""
    out = tmp_path_factory.mktemp("trained")
    short = [*fit("two_two_one", out), "--trainer.max_epochs", "2", "--model.implementation"]
    return {name: train.run([*short, name]) / "checkpoints" / "last.ckpt" for name in ("manual", "torch")}


def fit(config, out):
    return ["fit", "--config", str(CONFIGS / f"{config}.yaml"), "--out", str(out)]


def linear(n):
    return {"Linear": {"in_features": n, "out_features": n}}


def altered(folder, change):
    """A config file like document A's, but for a change."""
    config = yaml.safe_load((CONFIGS / "two_two_one.yaml").read_text("utf-8"))
    change(config)
    path = folder / "altered.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


@pytest.mark.parametrize("implementation", ["manual", "torch"])
def test_layers_that_do_not_fit_are_named_with_their_place(implementation, fails, tmp_path):
    def change(config):
        config["model"]["network"][2] = {"Linear": {"in_features": 3, "out_features": 1}}
        del config["model"]["start"]

    line = fails("fit", "--config", altered(tmp_path, change), "--model.implementation", implementation)
    assert re.search(r"layer 2 of 3, Linear\(in_features=3, .*expected .*\(N, 3\).* got shape \(1, 2\)", line)


@pytest.mark.parametrize("implementation", ["manual", "torch"])
def test_a_network_without_parameters_has_nothing_to_train(implementation, fails, tmp_path):
    def change(config):
        config["model"]["network"] = ["Sigmoid"]
        del config["model"]["start"]

    line = fails("fit", "--config", altered(tmp_path, change), "--model.implementation", implementation)
    assert "model.network: expected a layer with parameters" in line


@pytest.mark.parametrize("content", [{"weight": torch.ones(2)}, [1], {"config": 3}, {"config": {"model": {}}}])
def test_a_file_of_something_else_is_not_a_checkpoint(content, fails, tmp_path):
    torch.save(content, tmp_path / "other.pt")
    assert "is not a checkpoint of this project: " in fails("test", "--ckpt_path", tmp_path / "other.pt")


@pytest.mark.parametrize("command", ["validate", "test", "predict", "fit"])
def test_a_checkpoint_that_lacks_something_is_an_error(command, fails, checkpoints, tmp_path):
    """By every command; what else it may lack is in checkpoints/test_checkpoint.py and in commands/hostile."""
    saved = torch.load(checkpoints["manual"], weights_only=True)
    saved["state_dict"].popitem()
    torch.save(saved, tmp_path / "changed.ckpt")
    line = fails(command, "--ckpt_path", tmp_path / "changed.ckpt")
    assert re.search(r"changed.ckpt .*state_dict: lacks \['side\.module\.2\.bias'\]", line)
    assert not (tmp_path / "runs").exists()
    with pytest.raises(InputError):
        restore.load(tmp_path / "changed.ckpt")


def test_a_checkpoint_of_no_data_is_not_gone_on_with(fails, checkpoints, tmp_path):
    saved = torch.load(checkpoints["manual"], weights_only=True)
    torch.save(saved | {"config": saved["config"] | {"data": {}}}, tmp_path / "changed.ckpt")
    assert "data.name was None there" in fails("fit", "--ckpt_path", tmp_path / "changed.ckpt")


def test_a_checkpoint_of_another_network_is_an_error(fails, checkpoints):
    assert "model.network was" in fails("test", "--ckpt_path", checkpoints["manual"], config="one_two_one")
    assert "model.network was" in fails("fit", "--ckpt_path", checkpoints["manual"], config="one_two_one")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--model.implementation", "torch", "model.implementation was 'manual' there, and is 'torch' here"),
        (
            "--model.optimizer.lr",
            "0.2",
            "model.optimizer.lr was 0.1 there, and is 0.2 here; without --ckpt_path a new run begins",
        ),
        ("--model.penalty", "{class_path: L1, init_args: {alpha: 0.1}}", "penalty was None there, and is L1(alpha="),
        ("--data.seed", "1", "data.seed was 0 there, and is 1 here"),
        ("--trainer.max_epochs", "2", "nothing is left to train"),
    ],
)
def test_a_run_does_not_go_on_as_another(option, value, message, fails, checkpoints):
    assert message in fails("fit", "--ckpt_path", checkpoints["manual"], option, value)


def test_data_that_are_not_finite_are_an_error(fails, monkeypatch):
    x, y = documents.sine()
    y[3] = np.nan
    monkeypatch.setitem(module.SETS, "sine", lambda: Parts(Part(x, y), Part(x, y), Part(x, y)))
    assert "data sine, train: y: expected finite values, got nan at index (3, 0)" in fails("fit", config="one_two_one")


@pytest.mark.parametrize("implementation", ["manual", "torch"])
def test_a_cost_that_is_not_finite_stops_and_keeps_what_was_saved(implementation, fails, tmp_path):
    line = fails("fit", "--model.implementation", implementation, "--model.optimizer.lr", "1.0e+60")
    assert re.search(r"epoch (\d), step \1: val_cost is (inf|nan); ", line)
    epoch = int(line.partition("epoch ")[2][0])
    folder = tmp_path / "runs" / "two_two_one" / implementation / "version_0"
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == epoch > 0
    assert len((folder / "metrics.csv").read_text("utf-8").splitlines()) == 2 + 2 * epoch


@pytest.mark.parametrize("implementation", ["manual", "torch"])
def test_a_cost_that_is_not_finite_within_an_epoch_stops_there(implementation, fails):
    options = ["--model.implementation", implementation, "--model.optimizer.lr", "1.0e+200"]
    line = fails("fit", *options, config="one_two_one")
    assert re.search(r"epoch 0, step 1: the cost is (inf|nan); ", line)
