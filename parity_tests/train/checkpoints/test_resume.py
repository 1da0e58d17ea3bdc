"""A run that is cut off goes on by the same command, and ends in the numbers of one that was not."""

import json

import pytest

from experiments.train.module import Training
from experiments.train.options import configs
from parity_tests.train.checkpoints import soak
from parity_tests.train.checkpoints.cutting import (
    CONVERGES,
    DIGITS,
    NEVER,
    Killed,
    bluebird,
    cut,
    fit,
    killed,
    same,
    steps,
)
from parity_tests.train.processes import forks


@pytest.mark.parametrize(
    ("implementation", "at", "every", "left"),
    [
        pytest.param("manual", 0, NEVER, 0, marks=pytest.mark.slow),
        ("manual", 6, 0, 6),
        ("torch", 7, 0, 7),
        ("manual", 9, NEVER, 7),
        pytest.param("torch", 13, 0, 13, marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_from_any_step(implementation, at, every, left, wholes, tmp_path, capsys):
    arguments = [*DIGITS, "--trainer.max_epochs=2", f"--model.implementation={implementation}"]
    run = cut(tmp_path, arguments, at, every=every)
    assert capsys.readouterr().err == ""
    assert fit(tmp_path, arguments) == run
    assert capsys.readouterr().err == f"resuming {run} from step {left}\n"
    assert same(run, wholes(arguments)) == (True, True)


@pytest.mark.parametrize(("implementation", "at", "every"), [
    ("manual", 6, 0), *(pytest.param(*how, marks=pytest.mark.slow) for how in (("torch", 6, 0), ("manual", 7, NEVER))),
])  # fmt: skip
def test_a_run_on_pictures_that_are_changed_in_every_epoch_goes_on(
    implementation, at, every, pictures, wholes, tmp_path
):
    arguments = [*bluebird(pictures), "--trainer.max_epochs=2", f"--model.implementation={implementation}"]
    run = cut(tmp_path, arguments, at, every=every)
    assert fit(tmp_path, arguments) == run
    assert same(run, wholes(arguments)) == (True, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config=one_two_one", "--trainer.max_steps=6"],
        CONVERGES,
        [*CONVERGES, "--model.implementation=torch"],
    ],
)
def test_a_run_that_was_done_within_an_epoch_is_not_trained_on(arguments, wholes, tmp_path, monkeypatch):
    whole = wholes(arguments)
    done = steps(whole / "checkpoints" / "last.ckpt")
    assert done % 4, "it ends within an epoch"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Training, "test_step", lambda *_: killed())  # after the last checkpoint, before the model
        fit(tmp_path, arguments)
    run = fit(tmp_path, arguments, at=done)
    assert same(run, whole) == (True, True)


def test_every_config_has_its_killed_runs():
    assert soak.SHORT.keys() == configs().keys()


@pytest.mark.slow
@forks.forked
def test_three_killed_runs_go_on_to_the_same_end(tmp_path):
    status, out, err = forks.Fork(tmp_path, soak.main, ["3"]).end()
    assert status == 0, out + err
    counts = json.loads((tmp_path / "reports" / "soak" / "kills.json").read_text("utf-8"))
    assert [counts[name] for name in ("kills", "resumed", "unreadable", "lost")] == [3, 3, 0, 0]
