"""Augmentation: what becomes of the training pictures, and of them alone; the same for both implementations."""

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.data.augment import augmented
from experiments.data.module import Data
from experiments.data.settings import DataSettings
from experiments.train.module import Training
from manual import InputError
from manual.numbers.number_types import Array
from parity_tests.data.drawn import draw
from parity_tests.data.test_images import noise
from parity_tests.train.checkpoints.cutting import fit

SIZE = 32
EPOCH = 3
"""Batches of ten, of the 28 pictures of the training part."""
Batch = tuple[Array, Array]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("drawn") / "birds", 40, size=SIZE)


def trained(drawn: Path, out: Path, *more: str) -> Path:
    """Two epochs of softmax regression."""
    short = ["--data.batch_size=10", "--trainer.max_epochs=2"]
    return fit(out, ["--config=bluebird_softmax", f"--data.folder={drawn}", *short, *more])


def seen(monkeypatch: pytest.MonkeyPatch, drawn: Path, out: Path, *more: str) -> dict[str, list[Batch]]:
    """What a run's steps are given, by the name of the step."""
    batches: dict[str, list[Batch]] = {}

    def watch(name: str) -> None:
        step = getattr(Training, name)

        def watched(self: Training, batch: list[torch.Tensor]) -> Any:
            x, y = (array.numpy().copy() for array in batch)
            batches.setdefault(name, []).append((x, y))
            return step(self, batch)

        monkeypatch.setattr(Training, name, watched)

    with monkeypatch.context():
        for name in ("training_step", "validation_step", "test_step"):
            watch(name)
        trained(drawn, out, *more)
    monkeypatch.undo()
    return batches


def candidates(picture: Array, reach: int) -> dict[bytes, tuple[bool, int, int]]:
    """Every way in which a picture may be flipped and shifted."""
    size, found = picture.shape[-1], {}
    padded = np.pad(picture, ((0, 0), (reach, reach), (reach, reach)), "edge")
    for flipped, down, right in product((False, True), range(2 * reach + 1), range(2 * reach + 1)):
        shifted = padded[:, down : down + size, right : right + size]
        found[(shifted[..., ::-1] if flipped else shifted).tobytes()] = (flipped, down - reach, right - reach)
    return found


@pytest.mark.parametrize("changes", [["flip"], ["shift"], ["flip", "shift"]])
@pytest.mark.parametrize(("size", "reach"), [(16, 2), (7, 0), pytest.param(24, 3, marks=pytest.mark.slow)])
def test_a_picture_is_flipped_and_shifted_by_at_most_an_eighth(size: int, reach: int, changes: list[str]) -> None:
    batch = noise(250, 3, size, size)
    changed = augmented(batch, range(250), changes, 0, 0)
    found = [candidates(old, reach)[new.tobytes()] for old, new in zip(batch, changed, strict=True)]
    flips, downs, rights = zip(*found, strict=True)
    steps = set(range(-reach, reach + 1)) if "shift" in changes else {0}
    assert set(flips) == ({True, False} if "flip" in changes else {False})
    assert set(downs) == set(rights) == steps
    assert len(set(zip(downs, rights, strict=True))) == len(steps) ** 2


def test_the_changes_depend_on_seed_epoch_and_index_alone() -> None:
    batch, changes = noise(50, 3, 16, 16), ["flip", "shift"]
    whole = augmented(batch, range(50), changes, 3, 1)
    some = [40, 7, 22]
    np.testing.assert_array_equal(augmented(batch[some], some, changes, 3, 1), whole[some])
    for seed, epoch in ((3, 2), (4, 1)):
        assert (augmented(batch, range(50), changes, seed, epoch) != whole).any(axis=(1, 2, 3)).sum() > 40


def test_the_seed_of_the_data_decides_the_changes(drawn: Path) -> None:
    def changed(seed: int) -> Array:
        data = Data(DataSettings("pictures", folder=str(drawn), size=SIZE, augment=["flip", "shift"], seed=seed))
        return data.train_dataloader().dataset[torch.arange(28)][0].numpy()

    np.testing.assert_array_equal(changed(1), changed(1))
    assert (changed(1) != changed(2)).any()


@pytest.mark.parametrize("augment", ["null", "[flip, shift]"])
def test_both_implementations_see_the_same_pictures_in_the_same_order(
    augment: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = (
        seen(monkeypatch, drawn, tmp_path, f"--data.augment={augment}", f"--model.implementation={side}")[
            "training_step"
        ]
        for side in ("manual", "torch")
    )
    assert len(ours) == len(theirs) == 2 * EPOCH
    for mine, yours in zip(ours, theirs, strict=True):
        for a, b in zip(mine, yours, strict=True):
            np.testing.assert_array_equal(a, b)
    first, second = (Counter(x.tobytes() for batch, _ in ours[at : at + EPOCH] for x in batch) for at in (0, EPOCH))
    assert (first == second) == (augment == "null"), "another epoch, other changes"


def test_a_picture_that_was_changed_keeps_its_class(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Data(DataSettings("pictures", folder=str(drawn), size=SIZE)).train
    where = {key: row for row, picture in enumerate(part.x) for key in candidates(picture, SIZE // 8)}
    batches = seen(monkeypatch, drawn, tmp_path, "--data.augment=[flip, shift]")["training_step"]
    for epoch in (batches[:EPOCH], batches[EPOCH:]):
        rows = [(where[picture.tobytes()], kind) for x, y in epoch for picture, kind in zip(x, y, strict=True)]
        assert sorted(rows) == [*enumerate(part.y)]
        assert [row for row, _ in rows] != sorted(row for row, _ in rows)


def test_what_is_evaluated_is_not_changed(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Data(DataSettings("pictures", folder=str(drawn), size=SIZE))
    batches = seen(monkeypatch, drawn, tmp_path, "--data.augment=[flip, shift]")
    for name, part, times in (("validation_step", data.validation, 2), ("test_step", data.test, 1)):
        assert len(batches[name]) == times
        for x, y in batches[name]:
            np.testing.assert_array_equal(x, part.x)
            np.testing.assert_array_equal(y, part.y)


@pytest.mark.parametrize(("then", "now"), [("[flip]", "[flip, shift]"), ("null", "[flip]"), ("[shift]", "null")])
def test_a_run_does_not_go_on_with_another_augmentation(then: str, now: str, drawn: Path, tmp_path: Path) -> None:
    trained(drawn, tmp_path, f"--data.augment={then}")
    with pytest.raises(InputError, match=r"data\.augment was .* there, and is .* here"):
        trained(drawn, tmp_path, f"--data.augment={now}", "--ckpt_path=last", "--trainer.max_epochs=3")
