"""How a run in several processes ends, and that it goes on."""

import os
import re
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from experiments.train.checkpoints.run_folder import MODEL
from experiments.train.processes import connection
from experiments.train.stop import Stop, Stopped
from manual import InputError
from parity_tests.train.processes.forks import TIMEOUT, Fork, command, forked
from parity_tests.train.processes.in_processes import CUT_OFF, STRATEGIES, lines

pytestmark = forked
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
    assert (status, [line.partition(": ")[0] for line in out.splitlines()]) == (
        0, ["validation", "test", str(RUN / MODEL)],
    ), err  # fmt: skip
    assert re.fullmatch(rf"resuming {RUN} from step \d+\n", err)
    assert lines(folder / RUN / "metrics.csv") == seen["uninterrupted"]


SAYS = r"python -m experiments.train: {}; the same command (resumes from step \d+|starts anew)\n"


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


def test_a_second_process_that_is_being_started_ends_when_the_first_is_killed(tmp_path):
    first, give_up = Fork(tmp_path, command, *CUT_OFF), monotonic() + TIMEOUT
    while not (started := Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()):
        assert monotonic() < give_up
        sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.end()
    while alive(int(started[0])):
        assert monotonic() < give_up
        sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a process has not ended yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


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


@pytest.mark.slow
def test_of_two_machines_one_is_lost_and_the_other_ends_and_goes_on_alone(tmp_path):
    """Two groups of processes over loopback, each with torchrun, as on two machines."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    torchrun = ["torch.distributed.run", "--nnodes=2", "--nproc_per_node=1", "--rdzv_backend=c10d"]
    torchrun += [f"--rdzv_endpoint={place}", "-m", "experiments.train"]
    command = [*CUT_OFF, "--trainer.devices=1", "--trainer.max_epochs=500", "--trainer.strategy=ddp"]
    typed = [sys.executable, "-m", *torchrun, *command, "--trainer.num_nodes=2"]
    said = [tmp_path / name for name in ("a", "b")]
    machines = []
    for path in said:
        with path.open("w") as err:
            machines.append(subprocess.Popen(typed, cwd=tmp_path, stderr=err, start_new_session=True))
    give_up = monotonic() + TIMEOUT
    while len(lines(tmp_path / RUN / "metrics.csv")) < 20:
        assert monotonic() < give_up
        sleep(0.01)
    started = Path(f"/proc/{machines[1].pid}/task").glob("*/children")
    for pid in [*"".join(path.read_text() for path in started).split(), machines[1].pid]:
        os.kill(int(pid), signal.SIGKILL)
    try:
        assert machines[0].wait(60)
    finally:
        machines[0].kill()
        machines[1].wait()
    told = [line for path in said for line in lines(path) if line.startswith("python -m experiments.train: ")]
    assert len(told) <= 1, told
    assert all(re.fullmatch(SAYS.format(".*"), f"{line}\n") for line in told)
    alone = subprocess.run(
        [sys.executable, "-m", "experiments.train", *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert alone.returncode == 0
    assert re.fullmatch(rf"the run resumes with another number .*\nresuming {RUN} from step \d+\n", alone.stderr)


def starting(monkeypatch, program, up=False):
    """A second process, and a trainer that starts it and cannot be connected with it; whether that is up in time."""
    other = subprocess.Popen([sys.executable, "-c", program])
    launcher = _SubprocessScriptLauncher(LightningEnvironment(), num_processes=2, num_nodes=1)

    def launch(*_, **__):
        launcher.procs.append(other)
        if up:
            Path(os.environ[connection.MEETING], "1").touch()

    monkeypatch.setattr(launcher, "launch", launch)
    strategy = SimpleNamespace(launcher=launcher, setup_environment=lambda: int("no connection"))
    trainer: Any = SimpleNamespace(strategy=strategy, is_global_zero=True, global_rank=0)
    return other, trainer


SLEEPS = "import time; time.sleep(100)"


def test_ctrl_c_is_heard_while_another_process_is_being_started(monkeypatch):
    other, trainer = starting(monkeypatch, SLEEPS)
    monkeypatch.setattr(connection, "sleep", lambda _: os.kill(os.getpid(), signal.SIGINT))
    with Stop(), pytest.raises(Stopped, match="stopped by SIGINT"):
        connection.start(trainer)
    assert other.wait(TIMEOUT) == -signal.SIGKILL


def test_a_process_that_is_killed_while_it_is_being_started_is_said(monkeypatch):
    _, trainer = starting(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(connection.Lost, match="process 1 was killed by signal 9"):
        connection.start(trainer)


def test_processes_that_cannot_be_connected_are_ended(monkeypatch):
    other, trainer = starting(monkeypatch, SLEEPS, up=True)
    with Stop() as stop:
        with pytest.raises(InputError, match=r"cannot be connected: .*no connection"):
            connection.start(trainer)
        assert other.wait(TIMEOUT) == -signal.SIGKILL
        assert signal.getsignal(signal.SIGINT) == stop._heard


def connects(port: int) -> None:
    """Connect with what is no process of a run, as torch does where MASTER_PORT is another service's."""
    seconds = timedelta(seconds=TIMEOUT)
    store = partial(torch.distributed.TCPStore, "127.0.0.1", port, 2, False, seconds)  # pyright: ignore[reportPrivateImportUsage]
    strategy = SimpleNamespace(launcher=SimpleNamespace(launch=lambda *_, **__: None), setup_environment=store)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    with Stop():
        connection.start(SimpleNamespace(strategy=strategy))  # pyright: ignore[reportArgumentType]


def test_sigterm_is_heard_by_one_that_waits_for_a_machine_that_does_not_answer(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as service:
        waiting = Fork(tmp_path, connects, service.getsockname()[1])
        client, _ = service.accept()
        with client:
            os.kill(waiting.pid, signal.SIGUSR1)  # of which it has a handler, and which ends nothing
            os.kill(waiting.pid, signal.SIGTERM)
            status, _, err = waiting.end()
    assert (status, err) == (143, "python -m experiments.train: stopped by SIGTERM\n")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_three_processes_go_on_to_the_same_bits(strategy, seen):
    assert len(seen[f"{strategy}, whole"]) == 9
    assert seen[f"{strategy}, other half"] == seen[f"{strategy}, whole"]


GLOO = "[/torch/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer"


@pytest.mark.parametrize(
    ("rank", "others", "raised", "message"),
    [
        (
            0,
            ["raise SystemExit(0)", "import os; os.kill(os.getpid(), 9)"],
            connection.Lost,
            "process 2 was killed by signal 9",
        ),
        (0, ["raise SystemExit(2)"], SystemExit, "2"),  # it has said why
        (0, ["raise SystemExit(0)"], connection.Lost, "another process has ended"),
        (0, [], connection.Lost, "another process has ended"),  # on another machine
        (1, [], SystemExit, "2"),
    ],
)
def test_one_process_says_why_a_run_in_several_has_ended(rank, others, raised, message):
    started = [subprocess.Popen([sys.executable, "-c", program]) for program in others]
    strategy = SimpleNamespace(launcher=SimpleNamespace(procs=started))
    trainer: Any = SimpleNamespace(strategy=strategy, is_global_zero=rank == 0, global_rank=rank)
    with pytest.raises(raised, match=f"^{message}$"), connection.connected(trainer):
        raise RuntimeError(GLOO)
    with pytest.raises(RuntimeError, match="a bug"), connection.connected(trainer):
        raise RuntimeError("a bug")
