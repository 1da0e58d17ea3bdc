"""What is wrong with a training command is said in one line, and the command exits with 2."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from experiments import train
from experiments.data import Part, Parts, module
from manual import documents

CONFIGS = Path(train.__file__).parent / "configs"


@pytest.fixture
def fails(tmp_path, monkeypatch, capsys):
    """Run the command, and give the one line that it fails with."""

    def command(*arguments, config="two_two_one"):
        given = [*map(str, arguments), "--out", str(tmp_path / "runs")]
        if "--config" not in given:
            given[1:1] = ["--config", str(CONFIGS / f"{config}.yaml")]
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["train", *given])
        with pytest.raises(SystemExit) as stop:
            train.main()
        assert stop.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1, err
        return err

    return command


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The checkpoint of two epochs of document A's network."""
    out = tmp_path_factory.mktemp("trained")
    return train.run([*fit("two_two_one", out), "--trainer.max_epochs", "2"]) / "checkpoints" / "last.ckpt"


def fit(config, out):
    return ["fit", "--config", str(CONFIGS / f"{config}.yaml"), "--out", str(out)]


def altered(folder, change):
    """A config file like document A's, but for a change."""
    config = yaml.safe_load((CONFIGS / "two_two_one.yaml").read_text("utf-8"))
    change(config)
    path = folder / "altered.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


@pytest.mark.parametrize(("change", "message"), [
    (lambda c: c["model"].update(layers=[]), "layers"),
    (lambda c: c["trainer"].update(max_epoch=1), "max_epoch"),
    (lambda c: c["model"]["network"].__setitem__(1, "Relu"), "there is no layer 'Relu'; did you mean 'ReLU'?"),
    (lambda c: c["model"].update(loss="MSE"), "there is no loss 'MSE'; did you mean 'MSELoss'?"),
    (lambda c: c["model"].update(optimizer="Adamw"), "there is no optimizer 'Adamw'; did you mean 'AdamW'?"),
    (lambda c: c["model"]["network"].__setitem__(0, {"Linear": {"inputs": 2}}), r"Linear: .*inputs"),
    (lambda c: c["model"].update(optimizer={"SGD": {"lr": -0.1}}), "SGD: lr must be a finite number >= 0, got -0.1"),
    (lambda c: c["model"].update(threshold=-1.0), "threshold must be a finite number >= 0, got -1.0"),
    (lambda c: c["model"]["start"].pop("0.bias"), "start: expected parameters .*0.bias"),
    (lambda c: c["model"].update(implementation="jax"), "jax"),
    (lambda c: c["model"].update(dtype="float16"), "float16"),
    (lambda c: c["model"].update(seed=-1), "seed must be a finite number >= 0, got -1"),
    (lambda c: c["data"].update(batch_size=0), "batch_size must be a positive integer, got 0"),
    (lambda c: c["data"].update(name="mnist"), "mnist"),
    (lambda c: c.pop("name"), "name"),
])
def test_a_config_that_cannot_be_is_an_error(change, message, fails, tmp_path):
    assert re.search(message, fails("fit", "--config", altered(tmp_path, change)))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("implementation", ["manual", "torch"])
def test_layers_that_do_not_fit_are_named_with_their_place(implementation, fails, tmp_path):
    def change(config):
        config["model"]["network"][2] = {"Linear": {"in_features": 3, "out_features": 1}}
        del config["model"]["start"]

    line = fails("fit", "--config", altered(tmp_path, change), "--model.implementation", implementation)
    assert re.search(r"layer 2 of 3, Linear\(in_features=3, .*expected .*\(N, 3\).* got shape \(1, 2\)", line)


def test_a_missing_config_file_is_an_error(fails, tmp_path):
    assert "nowhere.yaml" in fails("fit", "--config", tmp_path / "nowhere.yaml")


def test_a_missing_checkpoint_is_an_error(fails, tmp_path):
    assert "there is no checkpoint" in fails("test", "--ckpt_path", tmp_path / "nowhere.ckpt")
    assert "expected --ckpt_path" in fails("test")


def test_the_last_checkpoint_where_nothing_was_trained_is_an_error(fails, tmp_path):
    assert f"no run in {tmp_path / 'runs' / 'two_two_one' / 'manual'}" in fails("fit", "--ckpt_path", "last")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None], ids=["empty", "broken", "truncated"])
def test_a_broken_checkpoint_is_an_error(content, fails, trained, tmp_path):
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(trained.read_bytes()[:-500] if content is None else content)
    assert f"{broken} is not a checkpoint, or is broken or truncated" in fails("test", "--ckpt_path", broken)


def test_a_file_of_other_tensors_is_not_a_checkpoint(fails, tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "other.pt")
    assert "is not a checkpoint of this project" in fails("test", "--ckpt_path", tmp_path / "other.pt")


def test_a_checkpoint_that_would_run_code_is_refused(fails, tmp_path):
    torch.save({"config": Path("/")}, tmp_path / "code.ckpt")
    assert "UnpicklingError" in fails("test", "--ckpt_path", tmp_path / "code.ckpt")


def test_a_checkpoint_of_another_network_is_an_error(fails, trained):
    assert "model.network was" in fails("test", "--ckpt_path", trained, config="one_two_one")
    assert "model.network was" in fails("fit", "--ckpt_path", trained, config="one_two_one")


@pytest.mark.parametrize(("option", "value", "message"), [
    ("--model.implementation", "torch", "model.implementation was 'manual' there, and is 'torch' here"),
    ("--model.optimizer", "{SGD: {lr: 0.2}}", "optimizer was {'SGD': {'lr': 0.1}} there, and is {'SGD': {'lr': 0.2}} here"),
    ("--data.seed", "1", "data.seed was 0 there, and is 1 here"),
    ("--trainer.max_epochs", "2", "nothing is left to train"),
])
def test_a_run_does_not_go_on_as_another(option, value, message, fails, trained):
    assert message in fails("fit", "--ckpt_path", trained, option, value)


def test_a_run_does_not_go_on_from_within_an_epoch(fails, tmp_path):
    folder = train.run([*fit("one_two_one", tmp_path), "--trainer.max_steps", "6"])
    line = fails("fit", "--ckpt_path", folder / "checkpoints" / "last.ckpt", config="one_two_one")
    assert "the checkpoint is of step 6, within an epoch of 4 steps" in line


def test_data_that_are_not_finite_are_an_error(fails, monkeypatch):
    x, y = documents.sine()
    y[3] = np.nan
    monkeypatch.setitem(module.SETS, "sine", lambda: Parts(Part(x, y), Part(x, y), Part(x, y)))
    assert "data sine, train: y: expected finite values, got nan at index (3, 0)" in fails("fit", config="one_two_one")


def test_a_gpu_for_the_hand_written_code_is_an_error(fails):
    assert "runs on the CPU alone" in fails("fit", "--trainer.accelerator", "gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_where_there_is_none_is_an_error(fails):
    assert "torch sees no GPU" in fails("fit", "--trainer.accelerator", "gpu", "--model.implementation", "torch")


@pytest.mark.parametrize("implementation", ["manual", "torch"])
def test_a_cost_that_is_not_finite_stops_and_keeps_what_was_saved(implementation, fails, tmp_path):
    line = fails("fit", "--model.implementation", implementation, "--model.optimizer", "{SGD: {lr: 1.0e+60}}")
    assert re.search(r"epoch (\d), step \1: the cost is (inf|nan); ", line)
    epoch = int(line.partition("epoch ")[2][0])
    folder = tmp_path / "runs" / "two_two_one" / implementation / "version_0"
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == epoch > 0
    assert len((folder / "metrics.csv").read_text("utf-8").splitlines()) == 1 + 2 * epoch


def test_a_folder_of_runs_that_is_a_file_is_an_error(fails, tmp_path):
    (tmp_path / "runs").touch()
    assert str(tmp_path / "runs") in fails("fit")
