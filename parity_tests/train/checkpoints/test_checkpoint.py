"""A checkpoint holds what a run of its config comes to, and nothing else; any other is refused, and the one before it
taken."""

import copy
import math
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file

from experiments.shared.model_file import load
from experiments.train import command as train
from experiments.train.backends import HandWritten
from experiments.train.checkpoints import checkpoint
from experiments.train.checkpoints.checkpoint import BEFORE, LAST
from manual import InputError
from parity_tests.conftest import few

DROPOUT = (
    "[{Linear: {in_features: 2, out_features: 2}}, {Dropout: {p: 0.5}}, {Linear: {in_features: 2, out_features: 1}}]"
)
OPTIMIZERS = {
    "Adagrad": "Adagrad", "Adadelta": "Adadelta", "Adam": "Adam", "AdamW": "AdamW", "NAdam": "NAdam", "RAdam": "RAdam",
    "amsgrad": "{Adam: {amsgrad: true}}", "RMSprop": "{RMSprop: {momentum: 0.9, centered: true}}", "SGD": "SGD",
    "momentum": "{SGD: {momentum: 0.9}}",
}  # fmt: skip
SIDES = ("manual", "torch")


def fit(out: Path, optimizer: str, side: str, *options: str) -> Path:
    """Three epochs of a step each."""
    model = [f"--model.network={DROPOUT}", "--model.start=null", f"--model.optimizer={OPTIMIZERS[optimizer]}"]
    arguments = [*model, f"--model.implementation={side}", "--trainer.max_epochs=3", *options]
    return train.run(["fit", "--config=two_two_one", f"--out={out}", *arguments])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The folder of a run that is done, by optimizer and implementation; made once."""
    out, made = tmp_path_factory.mktemp("runs"), dict[tuple[str, str], Path]()

    def run(optimizer: str, side: str) -> Path:
        if (optimizer, side) not in made:
            made[optimizer, side] = fit(out / optimizer, optimizer, side)
        return made[optimizer, side]

    return run


def weights(run: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load_file(run / "model.safetensors").items()}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("optimizer", few(OPTIMIZERS))
def test_what_a_run_saves_is_taken(optimizer: str, side: str, runs: Callable[[str, str], Path], tmp_path: Path) -> None:
    run = runs(optimizer, side)
    before = run / "checkpoints" / BEFORE
    assert {*checkpoint.read(before)} == {*checkpoint.SAVED}
    new = fit(tmp_path, optimizer, side, f"--ckpt_path={before}")
    assert weights(new) == weights(run)
    assert checkpoint.read(new / "checkpoints" / LAST)["global_step"] == 3


@pytest.mark.parametrize("side", SIDES)
def test_running_statistics_are_saved_and_go_on(side: str, tmp_path: Path) -> None:
    network = "[{Linear: {in_features: 64, out_features: 10}}, {BatchNorm1d: {num_features: 10}}]"
    options = [f"--model.network={network}", "--data.batch_size=600", "--trainer.max_epochs=2", "--model.dtype=float32"]
    fit = ["fit", "--config=digits", f"--model.implementation={side}", *options]
    run = train.run([*fit, f"--out={tmp_path / 'whole'}"])
    before = run / "checkpoints" / BEFORE
    new = train.run([*fit, f"--out={tmp_path / 'on'}", f"--ckpt_path={before}"])
    assert weights(new) == weights(run)
    assert {"1.running_mean", "1.running_var", "1.num_batches_tracked"} < weights(run).keys()
    assert load(run / "model.safetensors").network.state["1.num_batches_tracked"] == 6
    saved = torch.load(before, weights_only=True)
    for name, other in (("running_var", -1.0), ("running_mean", math.nan), ("num_batches_tracked", -1)):
        held = saved["state_dict"][f"side.module.1.{name}"]
        rewrite(before, state_dict=saved["state_dict"] | {f"side.module.1.{name}": torch.full_like(held, other)})
        with pytest.raises(InputError, match=f"1.{name}: expected"):
            checkpoint.read(before)


# Altered


def holders(saved: dict[Any, Any]) -> Iterator[list[Any]]:
    """The way to every mapping in it, but for the config, which is held against the run's own."""
    yield []
    for key, value in saved.items():
        if isinstance(value, dict) and key != "config":
            yield from ([key, *way] for way in holders(value))


def others(name: Any, value: Any) -> Iterator[Any]:
    """What no run saves in place of a value: other types and forms, and numbers out of its range."""
    yield from (None, True, "text", -1, -1.0, math.nan, math.inf, 10**400, [], [value], {1: 2}, torch.ones(7))
    yield float(value) if isinstance(value, int) else 1
    if isinstance(value, torch.Tensor):
        yield from (
            value[None],
            value.to_sparse(),
            value.half(),
            value.to("meta"),
            value.reshape(-1)[:1].expand(4 * 10**8),
        )
        if value.numel() > 1:
            yield torch.ones_like(value).reshape(-1)[0].expand(value.shape)
        if value.is_floating_point():
            yield torch.full_like(value, math.nan)
        if not value.is_floating_point() or name in ("exp_avg_sq", "step"):
            yield torch.full_like(value, -1)
    if name == "step":
        yield value + 1


def changes(saved: dict[str, Any]) -> Iterator[tuple[list[Any], Callable[[Any], object]]]:
    """A way to a mapping, and what is done to it there: a key more, a key less, another value."""
    for way in holders(saved):
        yield way, lambda at: at.update(hyper_parameters={})
        for name, value in inside(saved, way).items():
            yield way, lambda at, name=name: at.pop(name)
            for other in others(name, value):
                yield way, lambda at, name=name, other=other: at.update({name: other})


def inside(saved: Any, way: list[Any]) -> Any:
    for key in way:
        saved = saved[key]
    return saved


@pytest.mark.parametrize(("side", "every"), [
    ("manual", 3), *(pytest.param(side, 1, marks=pytest.mark.slow) for side in SIDES),
])  # fmt: skip
def test_a_checkpoint_with_any_key_less_or_more_or_another_value_is_refused(
    side: str, every: int, runs: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, tried = shutil.copy(runs("Adam", side) / "checkpoints" / LAST, tmp_path), 0
    saved = torch.load(path, weights_only=True)
    for way, change in islice(changes(saved), 0, None, every):
        altered = copy.deepcopy(saved)
        change(inside(altered, way))
        monkeypatch.setattr(torch, "load", lambda *_, altered=altered, **__: altered)  # quicker than a file of it
        with pytest.raises(InputError) as error:
            checkpoint.read(Path(path))
            pytest.fail(f"taken: {altered}")
        assert str(error.value).startswith(f"{path} ")
        assert "\n" not in str(error.value)
        tried += 1
    assert tried > 400 / every


def rewrite(path: Path, **said: Any) -> None:
    torch.save(torch.load(path, weights_only=True) | said, path)


@pytest.mark.parametrize("part", ["model", "data"])
def test_a_checkpoint_whose_config_lacks_a_part_is_refused(
    part: str, runs: Callable[[str, str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(runs("SGD", "manual") / "checkpoints" / LAST, tmp_path))
    config = checkpoint.read(path)["config"]
    for other in (config | {part: None}, config | {part: [1]}, config | {"trainer": {}}, {part: config[part]}):
        rewrite(path, config=other)
        with pytest.raises(InputError, match=r"cannot be restored: config.*(expected|lacks)"):
            checkpoint.read(path)


def test_arrays_that_lie_in_memory_in_another_order_are_taken(runs: Callable[[str, str], Path], tmp_path: Path) -> None:
    """As the hand-written gradient of a convolution does, and what an optimizer remembers of it."""
    path = Path(shutil.copy(runs("Adam", "manual") / "checkpoints" / LAST, tmp_path))
    saved = checkpoint.read(path)
    average = saved["optimizer"]["0.weight"]["exp_avg"]
    saved["optimizer"]["0.weight"]["exp_avg"] = average.T.contiguous().T
    rewrite(path, optimizer=saved["optimizer"])
    taken = checkpoint.read(path)["optimizer"]["0.weight"]["exp_avg"]
    assert not taken.is_contiguous()
    assert torch.equal(taken, average)


def test_an_optimizer_that_divides_by_zero_is_refused_without_a_warning(
    runs: Callable[[str, str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(runs("Adam", "manual") / "checkpoints" / LAST, tmp_path))
    config = checkpoint.read(path)["config"]
    rewrite(path, config=config | {"model": config["model"] | {"optimizer": {"RMSprop": {"alpha": 1, "eps": 0}}}})
    with pytest.raises(InputError, match=r"optimizer, 0\.weight: lacks \['square_avg'\]"):
        checkpoint.read(path)


def test_after_2_24_steps_a_run_goes_on_though_torchs_optimizers_count_no_further(
    runs: Callable[[str, str], Path], tmp_path: Path
) -> None:
    last = torch.tensor(2.0**24)
    assert last + 1 == last
    path = Path(shutil.copy(runs("Adam", "torch") / "checkpoints" / LAST, tmp_path))
    optimizer = {place: held | {"step": last} for place, held in checkpoint.read(path)["optimizer"].items()}
    rewrite(path, optimizer=optimizer, global_step=2**24 + 2)
    assert checkpoint.read(path)["global_step"] == 2**24 + 2


# Going on


@pytest.fixture
def cut_off(tmp_path: Path) -> Path:
    """A run that ended before its model was written, with checkpoints of two steps and of three."""
    run = fit(tmp_path, "SGD", "manual")
    (run / "model.safetensors").unlink()
    return run


def of_another_step(last: Path, _: pytest.MonkeyPatch) -> None:
    rewrite(last, global_step=2)


def of_fewer_rows(last: Path, _: pytest.MonkeyPatch) -> None:
    rows = (last.parents[1] / "metrics.csv").read_bytes().splitlines(keepends=True)
    rewrite(last, log=sum(map(len, rows[:4])))


def of_part_of_a_row(last: Path, _: pytest.MonkeyPatch) -> None:
    rewrite(last, log=checkpoint.read(last)["log"] - 1)


def of_a_row_that_was_changed(last: Path, _: pytest.MonkeyPatch) -> None:
    log, size = last.parents[1] / "metrics.csv", checkpoint.read(last.with_name(BEFORE))["log"]
    rows = log.read_bytes()
    log.write_bytes(rows[:size] + rows[size:].replace(b"0.", b"1.", 1))


def that_does_not_load(_: Path, patch: pytest.MonkeyPatch) -> None:
    load, loaded = HandWritten.load_state_dict, []

    def fails_at_first(self: HandWritten, state: dict[str, Any]) -> None:
        loaded.append(state)
        if len(loaded) == 1:
            raise KeyError("nobody thought of it")
        load(self, state)

    patch.setattr(HandWritten, "load_state_dict", fails_at_first)


@pytest.mark.parametrize(
    "harm", [of_another_step, of_fewer_rows, of_part_of_a_row, of_a_row_that_was_changed, that_does_not_load]
)
def test_in_place_of_a_checkpoint_that_cannot_be_restored_the_one_before_is_taken(
    harm: Callable[[Path, pytest.MonkeyPatch], None], cut_off: Path, runs: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    last, whole = cut_off / "checkpoints" / LAST, runs("SGD", "manual")
    harm(last, monkeypatch)
    capsys.readouterr()
    assert fit(cut_off.parents[2], "SGD", "manual") == cut_off
    why, line = capsys.readouterr().err.splitlines()
    assert why.startswith(f"{last} cannot be restored")
    assert why.endswith(f"; {BEFORE}, the one before it, is taken")
    assert line == f"going on with {cut_off} from step 2"
    assert weights(cut_off) == weights(whole)
    assert (cut_off / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_the_last_checkpoint_of_a_run_is_the_last_that_can_be_restored(
    cut_off: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    that_does_not_load(cut_off, monkeypatch)
    options = ["--config=two_two_one", f"--model.network={DROPOUT}", "--model.start=null", "--ckpt_path=last"]
    assert train.run(["test", *options, f"--out={cut_off.parents[2]}"]) == cut_off / "checkpoints" / BEFORE
    assert capsys.readouterr().err.endswith(f"; {BEFORE}, the one before it, is taken\n")


@pytest.mark.parametrize(
    "name", [".lock", "metrics.csv", "config.yaml", f"checkpoints/{LAST}", f"checkpoints/{BEFORE}"]
)
def test_a_folder_in_the_place_of_a_run_s_file_leaves_the_run_as_it_is_and_begins_a_new_one(
    name: str, cut_off: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (cut_off / name, *([cut_off / "checkpoints" / BEFORE] if name.endswith(LAST) else [])):
        path.unlink(missing_ok=True)
        path.mkdir()
    capsys.readouterr()
    assert fit(cut_off.parents[2], "SGD", "manual").name == "version_1"
    said = capsys.readouterr().err
    assert name == "config.yaml" or f"a new run begins, {cut_off} stays as it is" in said
    assert (cut_off / name).is_dir()


def test_a_new_run_has_nothing_of_the_checkpoints_that_could_not_be_restored(
    cut_off: Path, runs: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("nobody thought of it")

    monkeypatch.setattr(HandWritten, "load_state_dict", fails)
    new = fit(cut_off.parents[2], "SGD", "manual")
    assert new.name == "version_1"
    assert weights(new) == weights(runs("SGD", "manual"))
