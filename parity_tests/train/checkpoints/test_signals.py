"""Ctrl-C and SIGTERM."""

import os
import signal
from pathlib import Path

import pytest

from experiments.train.module import Training
from experiments.train.stop import SIGNALS, Stop, Stopped
from parity_tests.train.checkpoints.cutting import CONVERGES, DIGITS, SHORT, cut, fit, same, steps
from parity_tests.train.processes import forks


@pytest.mark.parametrize(
    ("at", "number", "status"),
    [
        pytest.param(4, signal.SIGINT, 130, id="within an epoch"),
        pytest.param(6, signal.SIGTERM, 143, id="at the end of an epoch"),
        pytest.param(13, signal.SIGTERM, 143, id="at the end"),
    ],
)
def test_a_signal_saves_at_the_end_of_the_step_and_the_run_goes_on(at, number, status, wholes, tmp_path):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    arguments = [*DIGITS, "--trainer.max_epochs=2"]
    with pytest.raises(Stopped) as stop:
        fit(tmp_path, arguments, at=at, then=lambda: os.kill(os.getpid(), number))
    assert stop.value.code == status
    assert str(stop.value) == f"stopped by {number.name}"
    assert stop.value.__notes__ == [f"the same command resumes from step {at + 1}"]
    assert handlers == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    run = tmp_path / "digits" / "manual" / "version_0"
    assert steps(run / "checkpoints" / "last.ckpt") == at + 1
    assert fit(tmp_path, arguments) == run
    assert same(run, wholes(arguments)) == (True, True)


def test_a_signal_in_the_step_that_converges_saves_too(tmp_path, wholes):
    done = steps(wholes(CONVERGES) / "checkpoints" / "last.ckpt")
    cut(tmp_path, CONVERGES, done - 1, then=lambda: os.kill(os.getpid(), signal.SIGTERM), error=Stopped)
    assert same(fit(tmp_path, CONVERGES, at=done), wholes(CONVERGES)) == (True, True)


def test_a_signal_in_the_final_test_ends_the_command_at_once(tmp_path, wholes, monkeypatch):
    test, outlived = Training.test_step, []

    def interrupted(self, batch):
        os.kill(os.getpid(), signal.SIGTERM)
        outlived.append(test(self, batch))

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Training, "test_step", interrupted)
        fit(tmp_path, SHORT)
    assert not outlived
    assert same(fit(tmp_path, SHORT, at=4), wholes(SHORT)) == (True, True)


def test_a_signal_outside_of_training_ends_the_command_at_once():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped), Stop():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_the_shell_has_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stop():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def interrupted(at, *numbers):
    """The command that gets signals before a step; the step is made all the same, if they let it."""
    step = Training.training_step

    def stepped(self, batch):
        for number in numbers if self.global_step == at else ():
            os.kill(os.getpid(), number)
        return step(self, batch)

    Training.training_step = stepped
    forks.command("fit", *SHORT)


@forks.forked
@pytest.mark.parametrize("second", SIGNALS)
def test_ctrl_c_says_how_to_go_on_and_a_second_signal_ends_at_once(second, tmp_path):
    said = "python -m experiments.train: stopped by SIGINT; the same command resumes from step 2\n"
    assert forks.Fork(tmp_path, interrupted, 1, signal.SIGINT).end() == (130, "", said)
    run = Path("runs", "two_two_one", "manual", "version_0")
    said = f"resuming {run} from step 2\n"
    assert forks.Fork(tmp_path, interrupted, 3, signal.SIGINT, second).end() == (-second, "", said)
    assert steps(tmp_path / run / "checkpoints" / "last.ckpt") == 3, "of the end of the epoch before"
