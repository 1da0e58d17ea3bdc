"""Pictures are read as they are needed: what grows with the folder does not stay in memory."""

import os
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.data import module, stream
from experiments.data.folder import pictures
from experiments.data.images import image, pixels
from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.train import command as train
from manual import InputError
from parity_tests.data.drawn import draw
from parity_tests.data.test_images import SIZE

LARGE = 64


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("drawn") / "birds", 40, size=SIZE)


def test_a_part_is_evaluated_in_pieces(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def last_line(at_once: int) -> list[float]:
        monkeypatch.setattr(module, "AT_ONCE", at_once)
        folder = train.run(
            [
                "fit",
                "--config=bluebird_softmax",
                f"--data.folder={drawn}",
                f"--out={tmp_path}",
                "--trainer.max_epochs=1",
            ]
        )
        _, _, _, _, *values = (folder / "metrics.csv").read_text("utf-8").splitlines()[-1].split(",")
        return [float(value) for value in values if value]

    whole, pieces = last_line(512), last_line(3)
    assert len(whole) == 2
    assert len(pictures(drawn, SIZE).parts.test.x) == 3 + 1, "the last piece is smaller, and counts less"
    np.testing.assert_allclose(pieces, whole, rtol=1e-6)


def test_what_grows_with_the_folder_does_not_stay_in_memory(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture of a folder takes less than its pixels, however often all were looked at."""
    monkeypatch.setattr(stream, "KEPT", 0)
    monkeypatch.setattr(stream, "pixels", lambda *given: np.array(pixels(*given)))  # in memory that Python counts

    def held(copies: int) -> tuple[int, int]:
        folder = tmp_path / str(copies)
        for path in drawn.rglob("*.png"):
            (folder / path.relative_to(drawn).parent).mkdir(parents=True, exist_ok=True)
            for copy in range(copies):
                os.link(path, folder / path.relative_to(drawn).parent / f"{copy} {path.name}")
        tracemalloc.start()
        data = Data(DataSettings("pictures", folder=str(folder), size=LARGE, batch_size=8))
        for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
            assert sum(len(x) for x, _ in loader)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return sum(len(part.x) for part in (data.train, data.validation, data.test)), held

    held(1)  # what is imported and compiled is no part of it
    (few, before), (many, after) = held(2), held(6)
    assert many == 3 * few
    assert after - before < (many - few) * 3 * LARGE**2 / 2


def test_a_picture_that_changes_while_it_is_trained_on_is_one_line(drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "copy")
    x: Any = pictures(tmp_path / "copy", SIZE).parts.train.x
    Image.new("RGB", (SIZE, SIZE)).save(x.paths[3])
    x.paths[4].unlink()
    assert len(x[:3]) == 3
    with pytest.raises(InputError, match="another picture than when the run began"):
        x[[2, 3]]
    with pytest.raises(InputError, match="it was a picture when the run began, and is not a file now"):
        x[4]


def test_the_first_pictures_are_kept_and_the_others_are_read_again(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "KEPT", 2 * 3 * SIZE**2)
    x: Any = pictures(drawn, SIZE).parts.train.x
    opened: list[Path] = []
    monkeypatch.setattr(stream, "image", lambda path, size: opened.append(path) or image(path, size))
    once, again = x[::-1], x[::-1]
    np.testing.assert_array_equal(once, again)
    assert sorted(opened) == sorted([*x.paths, *x.paths[2:]])
