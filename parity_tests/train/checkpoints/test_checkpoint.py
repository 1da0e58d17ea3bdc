"""A checkpoint holds what a run of its config comes to, and nothing else; any other is refused."""

import copy
import math
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.shared.model_file import load
from experiments.train import command as train
from experiments.train.checkpoints import checkpoint
from experiments.train.checkpoints.checkpoint import BEFORE, LAST
from manual import InputError
from parity_tests.conftest import few
from parity_tests.train.checkpoints.small_runs import OPTIMIZERS, SIDES, fit, rewrite, weights


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
