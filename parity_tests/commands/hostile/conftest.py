"""A good model file and a good checkpoint, and the commands that read them."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from experiments.find import command as find
from experiments.shared import model_file
from experiments.shared.model_file import Model
from experiments.shared.scale import Scale
from experiments.shared.spec import build_network
from experiments.train import command as train
from parity_tests.commands.hostile.strangers import CONFIG, LAYERS, Refuse


@pytest.fixture
def never_hangs() -> Iterator[None]:
    """What waits for a pipe, or reads on without end, fails instead."""

    def stop(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a good model file and a good checkpoint hold."""
    folder = tmp_path_factory.mktemp("good")
    network, scale = build_network(LAYERS, 0, None, "float32"), Scale([0.1, 0.2, 0.3], [0.5, 0.25, 0.5])
    model_file.save(folder / "m", Model(network, LAYERS, "float32", (3, 2, 2), ["leaf", "bluebird"], scale))
    run = train.run(
        ["fit", f"--config={CONFIG}", f"--out={folder}", "--model.optimizer=Adam", "--trainer.max_epochs=2"]
    )
    return {"model": (folder / "m").read_bytes(), "checkpoint": (run / "checkpoints" / "last.ckpt").read_bytes()}


@pytest.fixture
def refused(
    never_hangs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refuse:
    """Give a file to the command that reads it; the one line that it ends with, which names the file."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (3, 2), (0, 0, 200)).save(tmp_path / "photos" / "a.png")
    monkeypatch.chdir(tmp_path)
    goes_on = ["--model.optimizer=Adam", "--trainer.max_epochs=3"]

    def give(what: str, path: Path) -> str:
        capsys.readouterr()
        arguments = {
            "model": ["find", "photos", "--model", str(path)],
            "checkpoint": ["fit", f"--config={CONFIG}", f"--ckpt_path={path}", *goes_on],
            "config": ["fit", f"--config={path}"],
        }[what]
        monkeypatch.setattr(sys, "argv", ["train", *arguments])
        with pytest.raises(SystemExit) as stop:
            find.main(arguments[1:]) if what == "model" else train.main()
        out, err = capsys.readouterr()
        assert (stop.value.code, out, err.count("\n")) == (2, "", 1), err
        assert str(path) in err
        assert not (tmp_path / "runs").exists()
        return err

    return give
