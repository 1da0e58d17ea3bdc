"""`Training` and `Data` under a trainer of one's own, as in a notebook: what Lightning does for any module it does for
them, with either implementation."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.tuner.tuning import Tuner
from safetensors.numpy import load_file

from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.train.module import Training
from experiments.train.settings import ModelSettings
from experiments.train.trainer import quiet
from manual import InputError
from parity_tests.train.checkpoints.cutting import fit
from parity_tests.train.processes.forks import Fork, forked

LAYERS = [{"Linear": {"in_features": 1, "out_features": 6}}, "Tanh", {"Linear": {"in_features": 6, "out_features": 1}}]
SGD = {"class_path": "SGD", "init_args": {"lr": 0.1, "momentum": 0.9}}
BILLIONTH = 1e-9  # relative: how near the weights of two whole runs must stay
EITHER = pytest.mark.parametrize("side", ["manual", "torch"])


@pytest.fixture(autouse=True)
def without_advice() -> Iterator[None]:
    with quiet():
        yield


def parts(side: str, **more: Any) -> tuple[Training, Data]:
    data = Data(DataSettings("sine", batch_size=10))
    return Training(ModelSettings(LAYERS, "MSELoss", SGD, side, **more)), data  # pyright: ignore[reportArgumentType]


def own(**options: Any) -> L.Trainer:
    off = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    given: dict[str, Any] = {"accelerator": "cpu", "max_epochs": 2} | off | options
    return L.Trainer(**given)


def trained(side: str, **options: Any) -> dict[str, np.ndarray]:
    model, data = parts(side)
    with quiet():
        own(**options).fit(model, data)
    return model.network.params


@EITHER
def test_accumulating_and_clipping_are_lightnings_and_give_the_command_s_bits(side: str, tmp_path: Path) -> None:
    ours = trained(side, accumulate_grad_batches=3, gradient_clip_val=0.05)
    words = [f"--model.implementation={side}", f"--model.network={LAYERS}", f"--model.optimizer={SGD}"]
    words += ["--model.loss=MSELoss", "--model.start=null", "--data.batch_size=10", "--trainer.max_epochs=2"]
    options = ["--trainer.accumulate_grad_batches=3", "--trainer.gradient_clip_val=0.05"]
    by_command = load_file(fit(tmp_path, ["--config=one_two_one", *words, *options]) / "model.safetensors")
    assert ours.keys() == by_command.keys()
    for name, p in ours.items():
        np.testing.assert_array_equal(p, by_command[name])


@EITHER
@pytest.mark.parametrize("schedule", [None, {"CosineAnnealingLR": {"T_max": 30}}])
def test_a_learning_rate_is_found_and_trained_with(side: str, schedule: Any, tmp_path: Path) -> None:
    model, data = parts(side, schedule=schedule)
    trainer = own(default_root_dir=tmp_path)
    found = Tuner(trainer).lr_find(model, data, num_training=30)
    assert found
    assert model.lr == found.suggestion() != 0.1
    tried = found.results["lr"]
    assert tried == sorted(tried)
    assert len({*found.results["loss"]}) == len(tried)
    trainer.fit(model, data)
    [group] = trainer.optimizers[0].param_groups
    assert (group["lr"] == model.lr) == (schedule is None)


@EITHER
def test_a_trainer_with_a_logger_says_what_comes_of_each_part_at_any_time(side: str, tmp_path: Path) -> None:
    """Also before training, which Lightning itself begins with a look at the validation part."""
    model, data = parts(side)
    trainer = own(logger=CSVLogger(tmp_path), log_every_n_steps=1, max_epochs=1)
    [before] = trainer.validate(model, data, verbose=False)
    trainer.fit(model, data)
    [after] = trainer.validate(model, data, verbose=False)
    [tested] = trainer.test(model, data, verbose=False)
    assert after["val_cost"] < before["val_cost"]
    assert tested.keys() == {"test_cost"}
    [log] = tmp_path.rglob("metrics.csv")
    costs = [row["val_cost"] for row in csv.DictReader(log.read_text().splitlines()) if row["val_cost"]]
    assert costs == [str(found["val_cost"]) for found in (before, after, after)]


def test_a_batch_size_is_found_and_trained_with() -> None:
    model, data = parts("manual")
    trainer = own(max_epochs=1)
    found = Tuner(trainer).scale_batch_size(model, data, max_trials=2, init_val=4)
    assert found == data.batch_size == len(next(iter(data.train_dataloader()))[0])
    assert found != 10
    trainer.fit(model, data)
    assert trainer.global_step == len(data.order) == -(-len(data.train.x) // data.batch_size)
    with pytest.raises(InputError, match="batch_size"):
        data.batch_size = 0


def test_a_run_under_a_trainer_of_ones_own_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    schedule = {"CosineAnnealingLR": {"T_max": 30}}
    half, whole, rest = (parts("manual", schedule=schedule) for _ in range(3))
    begun = own(max_epochs=1)
    begun.fit(*half)
    begun.save_checkpoint(tmp_path / "half.ckpt")
    own().fit(*whole)
    own().fit(*rest, ckpt_path=tmp_path / "half.ckpt", weights_only=False)
    for name, p in rest[0].network.params.items():
        np.testing.assert_array_equal(p, whole[0].network.params[name])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's compiler looks at it
@EITHER
def test_a_compiled_model_trains_to_the_same_bits(side: str) -> None:
    model, data = parts(side)
    own().fit(torch.compile(model, backend="eager"), data)  # pyright: ignore[reportArgumentType]
    for name, p in trained(side).items():
        np.testing.assert_array_equal(model.network.params[name], p)


def in_two_processes(left: Path) -> None:
    for side in ("manual", "torch"):
        weights: dict[str, Any] = trained(side, strategy="ddp_notebook", devices=2)
        np.savez(left / side, **weights)


@pytest.mark.slow
@forked
def test_two_processes_of_a_notebook_train_to_the_weights_of_one(tmp_path: Path) -> None:
    """Each has its share of every batch, and no process a row twice: what differs is the order of some sums."""
    status, _, err = Fork(tmp_path, in_two_processes, tmp_path).end()
    assert status == 0, err
    for side in ("manual", "torch"):
        for name, p in trained(side).items():
            np.testing.assert_allclose(np.load(tmp_path / f"{side}.npz")[name], p, rtol=BILLIONTH)


class Seen(L.Callback):
    """The inputs of every training step."""

    def __init__(self) -> None:
        self.inputs: list[np.ndarray] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.inputs.append(batch[0].numpy().copy())


@EITHER
def test_a_trainer_that_overfits_has_the_same_batches_in_every_epoch(side: str) -> None:
    (model, data), seen = parts(side), Seen()
    own(overfit_batches=2, callbacks=[seen]).fit(model, data)
    first, second, *again = seen.inputs
    assert np.array_equal(again, [first, second])
    assert not np.array_equal(first, second)
