"""The options of Lightning's trainer do what they say, and a run that is cut off ends as if it had not been."""

import csv
import inspect
import sys
from dataclasses import fields

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import device_stats_monitor
from lightning.pytorch.utilities import rank_zero_only

from experiments.train import command as train
from experiments.train.classes import known
from experiments.train.options import ABOUT, parser, read
from experiments.train.settings import NO_STRATEGY, REFUSED, TrainerSettings
from manual import InputError
from parity_tests.conftest import few
from parity_tests.train.checkpoints.cutting import DIGITS, NEVER, cut, fit, same

MONITORED = ["EarlyStopping", "--trainer.callbacks.monitor=val_cost"]
STOPPING = ["--trainer.callbacks+=EarlyStopping", MONITORED[1]]
EXACT = {
    "accumulation": ["--trainer.accumulate_grad_batches=3", "--trainer.gradient_clip_val=0.05"],
    "clipping by value": ["--trainer.gradient_clip_val=0.01", "--trainer.gradient_clip_algorithm=value"],
    "limits": ["--trainer.limit_train_batches=0.5", "--trainer.limit_val_batches=0"],
    "overfitting": ["--trainer.overfit_batches=2"],
    "validations": ["--trainer.val_check_interval=2"],
    "epochs between validations": ["--trainer.check_val_every_n_epoch=2"],
    "averaged weights": [
        *("--trainer.callbacks=StochasticWeightAveraging", "--trainer.callbacks.swa_lrs=0.05"),
        "--trainer.callbacks.swa_epoch_start=2",
    ],
    "early stopping": [*STOPPING, "--trainer.callbacks.min_delta=10", "--trainer.callbacks.patience=1"],
}


def rows(run):
    return [*csv.DictReader((run / "metrics.csv").read_text().splitlines())]


def short(side, *options, epochs=3):
    return [*DIGITS, f"--trainer.max_epochs={epochs}", f"--model.implementation={side}", *options]


def test_every_option_of_lightnings_trainer_is_offered_or_refused_with_a_reason() -> None:
    theirs = {*inspect.signature(L.Trainer.__init__).parameters} - {"self"}
    ours = {field.name for field in fields(TrainerSettings)}
    assert ours | REFUSED.keys() == theirs
    assert not ours & REFUSED.keys()
    assert all(REFUSED.values())


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_offered_is_refused_with_the_reason(name) -> None:
    with pytest.raises(InputError, match=f"trainer.{name} is not offered: {REFUSED[name]}"):
        train.run(["fit", "--config=digits", f"--trainer.{name}=1"])


@pytest.mark.parametrize(("side", "every"), [("manual", NEVER), pytest.param("torch", 0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", few(EXACT))
def test_a_run_that_is_cut_off_ends_in_the_same_bits(name, side, every, tmp_path) -> None:
    arguments = short(side, *EXACT[name])
    whole = fit(tmp_path / "whole", arguments)
    at = len([row for row in rows(whole) if row["train_cost"]]) - 1
    cut(tmp_path / "cut", arguments, at, every=every)
    assert same(fit(tmp_path / "cut", arguments), whole) == (True, True)


def test_accumulated_batches_make_the_step_of_one_batch_of_their_size(tmp_path) -> None:
    size = ["--data.name=sine", "--model.network=[{Linear: {in_features: 1, out_features: 1}}]", "--model.loss=MSELoss"]
    model = [
        "--config=one_two_one",
        *size,
        "--model.start=null",
        "--trainer.max_epochs=1",
        "--model.optimizer.momentum=0",
    ]
    once = fit(tmp_path / "once", [*model, "--data.batch_size=32", "--trainer.limit_train_batches=1"])
    twice = fit(
        tmp_path / "twice",
        [*model, "--data.batch_size=16", "--trainer.limit_train_batches=2", "--trainer.accumulate_grad_batches=2"],
    )
    [[one, *_], [two, *_]] = rows(once), rows(twice)
    assert float(one["moved"]) == pytest.approx(float(two["moved"]), rel=32 * sys.float_info.epsilon)


def test_what_ends_or_limits_a_run_does(tmp_path) -> None:
    runs = {name: fit(tmp_path / name, short("manual", *options, epochs=5)) for name, options in EXACT.items()}
    costs = {name: [row["train_cost"] for row in rows(run) if row["train_cost"]] for name, run in runs.items()}
    validated = {name: sum(bool(row["val_cost"]) for row in rows(run)) for name, run in runs.items()}
    steps = {name: len(made) for name, made in costs.items()}
    assert steps == {
        "accumulation": 15, "clipping by value": 35, "limits": 15, "overfitting": 10, "validations": 35,
        "epochs between validations": 35, "averaged weights": 35, "early stopping": 14,
    }  # fmt: skip
    assert [validated[name] for name in ("limits", "validations", "epochs between validations")] == [0, 15, 2]


def test_a_rehearsal_leaves_nothing(tmp_path) -> None:
    fit(tmp_path, short("manual", "--trainer.fast_dev_run=true"))
    assert not [*tmp_path.iterdir()]


def test_another_logger_gets_what_metrics_csv_has(tmp_path, capsys) -> None:
    run = fit(tmp_path, short("manual", "--trainer.logger=CSVLogger", "--trainer.logger.name=more", epochs=1))
    theirs = [*csv.DictReader((run / "more/version_0/metrics.csv").read_text().splitlines())]
    assert {row["val_cost"] for row in rows(run)} == {row["val_cost"] for row in theirs}
    assert "not bit for bit: other loggers may repeat rows" in capsys.readouterr().err


def test_another_loggers_steps_go_on_where_they_were(tmp_path) -> None:
    callback = ["--trainer.callbacks=LearningRateMonitor", "--trainer.callbacks.logging_interval=step"]
    arguments = short("manual", "--trainer.logger=CSVLogger", *callback, epochs=2)
    cut(tmp_path, arguments, 3, every=0)
    log = fit(tmp_path, arguments) / "lightning_logs/version_1/metrics.csv"
    steps = [int(row["step"]) for row in csv.DictReader(log.read_text().splitlines()) if row["lr-HandWritten"]]
    assert steps == [*range(3, 14)]


OWN = """
from lightning.pytorch.callbacks import Callback

class Told(Callback):
    def __init__(self, word):
        self.word = word
    def on_fit_end(self, trainer, module):
        print(self.word)
"""


def test_a_callback_of_ones_own_is_named_by_its_path(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "own_callbacks.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    own = ["--trainer.callbacks+=own_callbacks.Told", "--trainer.callbacks.word=done"]
    fit(tmp_path, short("manual", *own, epochs=1))
    assert "done\n" in capsys.readouterr().out


SAID = {
    "trainer.callbacks EarlyStoping: there is none of that name; did you mean 'EarlyStopping'?": ["EarlyStoping"],
    "trainer.callbacks EarlyStopping: there is no argument 'mon'": ["EarlyStopping", "--trainer.callbacks.mon=1"],
    "'val_cots'; did you mean 'val_cost'?": ["EarlyStopping", "--trainer.callbacks.monitor=val_cots"],
    "monitor: expected one of train_cost, got 'val_cost'": [*MONITORED, "--trainer.limit_val_batches=0"],
    "EarlyStopping: patience: expected int, got few": [*MONITORED, "--trainer.callbacks.patience=few"],
    "EarlyStopping: patience: expected int, got 1:30": [*MONITORED, "--trainer.callbacks.patience=1:30"],
    "EarlyStopping: the following arguments are required: monitor": ["EarlyStopping"],
    "trainer.callbacks: expected a name, or {class_path": ["[3]"],
    "trainer.callbacks os.path: expected a Callback": ["os.path"],
    "trainer.callbacks nowhere.Own: ModuleNotFoundError": ["nowhere.Own"],
    **{f"trainer.callbacks {name}: not offered: {why}": [name] for name, why in known("callbacks").items() if why},
    "LeavesAtOnce: SystemExit: 0": ["parity_tests.train.test_lightning.LeavesAtOnce"],
    "SavesMore: not offered: on_save_checkpoint: what it writes": ["parity_tests.train.test_lightning.SavesMore"],
    "StochasticWeightAveraging: the hand-written BatchNorm": [
        *("StochasticWeightAveraging", "--trainer.callbacks.swa_lrs=0.1"),
        "--model.network=[{BatchNorm1d: {num_features: 64}}, {Linear: {in_features: 64, out_features: 10}}]",
    ],
}


class LeavesAtOnce(L.Callback):
    def __init__(self):
        raise SystemExit(0)


class SavesMore(L.Callback):
    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        checkpoint["more"] = 1


@pytest.mark.parametrize("said", SAID)
def test_a_class_that_cannot_be_is_refused_and_leaves_nothing(said, tmp_path) -> None:
    name, *more = SAID[said]
    with pytest.raises(InputError) as error:
        fit(tmp_path, short("manual", f"--trainer.callbacks+={name}", *more))
    assert said in str(error.value)
    assert not [*tmp_path.iterdir()]


class Fails(L.Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        raise KeyError("no such metric")


class Leaves(L.Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        raise SystemExit(0)


class FailsAtLast(L.Callback):
    def on_test_end(self, trainer, pl_module):
        raise KeyError("no such metric")


@pytest.mark.parametrize(("callback", "said"), [
    (Fails, "on_train_epoch_end .*: KeyError: 'no such metric'"), (Leaves, "on_train_epoch_end .*: SystemExit: 0"),
    (FailsAtLast, "on_test_end .*: KeyError: 'no such metric'"),
])  # fmt: skip
def test_what_a_callback_raises_is_said_of_it(callback, said, tmp_path) -> None:
    name = callback.__name__
    with pytest.raises(InputError, match=rf"trainer: {name}, {said}"):
        fit(tmp_path, short("manual", f"--trainer.callbacks={__name__}.{name}", epochs=1))


class RemembersAFunction(L.Callback):
    def state_dict(self):
        return {"function": print}


def test_what_a_callback_remembers_must_be_what_a_checkpoint_can_hold(tmp_path) -> None:
    with pytest.raises(InputError, match="callbacks, RemembersAFunction: a builtin_function_or_method is not expected"):
        fit(tmp_path, short("manual", f"--trainer.callbacks={__name__}.RemembersAFunction", epochs=1))


def test_a_module_that_ends_the_process_is_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "leaves.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"callbacks leaves\.Own: SystemExit: 0"):
        fit(tmp_path / "runs", short("manual", "--trainer.callbacks=leaves.Own"))


VALUES = {
    **{f"--trainer.{name}={given}": f"trainer.{name} {given.strip('.')}: expected 1 to 7 batches, or a share of them"
       for name in ("limit_train_batches", "overfit_batches", "val_check_interval") for given in ("8", ".nan", ".inf")},
    **{f"--trainer.val_check_interval={given}": "expected 1 to 7 batches" for given in ("0", "0.0", "-1")},
    **{f"--trainer.limit_{part}_batches={given}": f"limit_{part}_batches {given}: expected 1 to 1 batches"
       for part in ("val", "test", "predict") for given in ("0.5", "-1", "1.5")},
    **{f"--{name}=null": f"{name}: expected a value, got null" for name in (
        "model.implementation", "trainer.accumulate_grad_batches", "trainer.detect_anomaly", "data.seed")},
    "--trainer.max_time=99999999999999:00:00:00": "too large",
    "--print_config=skip_null": "expected --print_config alone",
    **{f"--trainer.strategy={name}": f"trainer.strategy {name} is not offered: {why}"
       for name, why in NO_STRATEGY.items()},
    "--trainer.gradient_clip_val=0": "expected a number above 0",
    "--trainer.precision=32": "trainer.precision: expected one of 'bf16-mixed', '16-mixed', got 32",
    "--trainer.overfit_batches=1.5": "expected 1 to 7 batches, or a share of them",
    **{f"--trainer.limit_val_batches={given}": f"limit_val_batches: expected int, float, got {given}" for given in (
        "1:30", "010")},
    **{f"--trainer.devices={given}": f"trainer.devices: expected int, one of 'auto', got {given}" for given in (
        "1:30", "010")},
    "--trainer.max_time=20": "Expected a string in the format DD:HH:MM:SS",
}  # fmt: skip


@pytest.mark.parametrize("option", VALUES)
def test_a_value_that_cannot_be_is_refused_and_leaves_nothing(option, tmp_path) -> None:
    with pytest.raises(InputError, match=VALUES[option]):
        fit(tmp_path, short("manual", option))
    assert not [*tmp_path.iterdir()]


OFFERED = {"EarlyStopping": {"monitor": "val_cost"}, "StochasticWeightAveraging": {"swa_lrs": 0.1}}


def test_what_lightning_has_is_offered_or_refused_with_a_reason(tmp_path, monkeypatch) -> None:
    """All callbacks that are offered in one run; what a package is missing for is one line."""
    names = [name for name, reason in known("callbacks").items() if not reason and "Rich" not in name]
    given = [{"class_path": name, "init_args": OFFERED.get(name, {})} for name in names if name != "DeviceStatsMonitor"]
    assert len(given) == 6
    fit(tmp_path / "all", short("manual", f"--trainer.callbacks={given}", epochs=2))
    monkeypatch.setattr(device_stats_monitor, "_PSUTIL_AVAILABLE", False)
    with pytest.raises(InputError, match="psutil"):
        fit(tmp_path / "one", short("manual", "--trainer.callbacks=DeviceStatsMonitor"))


def test_mixed_precision_is_torchs_alone_takes_float32_and_says_so_once(tmp_path, capsys, monkeypatch) -> None:
    mixed = "--trainer.precision=bf16-mixed"
    for rank in (0, 1):
        monkeypatch.setattr(rank_zero_only, "rank", rank, raising=False)
        read(["fit", *short("torch", mixed)])
    assert capsys.readouterr().err.count("the weights stay in float32") == 1
    monkeypatch.undo()
    with pytest.raises(InputError, match="manual is NumPy"):
        fit(tmp_path, short("manual", mixed))
    run = fit(tmp_path / "mixed", short("torch", mixed, epochs=1))
    plain = rows(fit(tmp_path / "plain", short("torch", "--model.dtype=float32", epochs=1)))
    assert rows(run)[0]["train_cost"] != plain[0]["train_cost"]


def test_auto_is_the_hardware_that_is_there_and_manual_runs_on_the_cpu(monkeypatch) -> None:
    for there, side, found in ((True, "torch", "gpu"), (False, "torch", "cpu"), (True, "manual", "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert read(["fit", *short(side, "--trainer.accelerator=auto")]).trainer.accelerator == found


@pytest.mark.parametrize(("option", "said"), [
    ("model.optimizer.help=Adam", "--model.optimizer.betas=(0.9, 0.999)"),
    ("trainer.callbacks.help=EarlyStopping", "--trainer.callbacks.monitor\n"),
])  # fmt: skip
def test_a_class_has_help(option, said, capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        train.run(["fit", f"--{option}"])
    assert said in capsys.readouterr().out


def test_every_option_of_the_trainer_has_a_line_of_help() -> None:
    actions = {action.dest: action for action in parser(ABOUT["fit"])._actions}
    for field in fields(TrainerSettings):
        assert actions[f"trainer.{field.name}"].help
