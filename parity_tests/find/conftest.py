"""Trained networks, one that is known by heart, and pictures for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.find import command as find
from experiments.shared.model_file import Model, save
from experiments.shared.scale import Scale
from experiments.shared.spec import build_network
from experiments.train import command as train
from parity_tests.data.drawn import draw


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hundred drawn pictures: 280 to train on, 60 to choose by, 60 to test."""
    return draw(tmp_path_factory.mktemp("drawn") / "birds", 400)


@pytest.fixture(scope="session")
def models(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What training leaves: document B's kind of network, and one with convolutions, on the same pictures by the same
    steps."""
    out = tmp_path_factory.mktemp("runs")
    options = [f"--data.folder={drawn}", f"--out={out}", "--trainer.max_epochs=15", "--data.batch_size=32"]
    return {
        name: train.run(["fit", f"--config=bluebird_{name}", *options]) / "model.safetensors" for name in ("mlp", "cnn")
    }


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command, and give its exit status and what it writes."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = find.main([*map(str, arguments)])
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


Command = Callable[..., tuple[int, str, str]]


def of_two(path: Path, *between: dict[str, Any]) -> Path:
    """That network as a model; with layers between its pixels and its weights."""
    layers: list[Any] = ["Flatten", *between, {"Linear": {"in_features": 12, "out_features": 2, "bias": False}}]
    weight = np.array([[0] * 4 + [1] * 4 + [0] * 4, [0] * 8 + [1] * 4], float)
    drawn = build_network(layers, 0, None, "float64")
    network = drawn.like(**drawn.state, **{f"{len(layers) - 1}.weight": weight})
    scale = Scale([0.1, 0.2, 0.3], [0.5, 0.25, 0.5])
    save(path, Model(network, layers, "float64", (3, 2, 2), ["leaf", "bluebird"], scale))
    return path


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return of_two(tmp_path / "known.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three bluebirds, the bluest in a folder of its own, and two leaves."""
    for name, colour in {
        "b.png": (0, 0, 150),
        "deep/er/a.png": (0, 0, 200),
        "c.png": (0, 10, 160),
        "green.png": (0, 200, 0),
        '<i>&".png': (0, 90, 20),
    }.items():
        file = tmp_path / "folder" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3, 2), colour).save(file)
    return tmp_path / "folder"


ORDER = ["deep/er/a.png", "b.png", "c.png", '<i>&".png', "green.png"]
