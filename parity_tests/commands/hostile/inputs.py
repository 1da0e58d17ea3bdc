"""What broken and hostile input looks like, and how a user gives it: what `fuzz` tries."""

import io
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
import torch
import yaml
from hypothesis import strategies as st
from PIL import Image

from experiments.find import command as find
from experiments.shared import model_file
from experiments.shared.scale import Scale
from experiments.shared.spec import build_network
from experiments.train import command as train
from experiments.train.options import configs
from parity_tests.commands.hostile.arguments import steps, try_arguments
from parity_tests.commands.hostile.broken import Refused, damaged, damages, mutated, mutations, spots, values, ways

CONFIGS = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(configs().values())]
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
SIDES = ("manual", "torch")
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")


class Kind(NamedTuple):
    """A strategy; what makes a folder ready; what tries an input there, and raises Refused, or anything else as a
    finding."""

    share: float
    strategy: st.SearchStrategy[Any]
    prepare: Callable[[Path], Any]
    attempt: Callable[[Any, Any], None]


# What tries it


def command(main: Callable[[], object], *arguments: object) -> None:
    """Run a command as a user does, and look at its exit status and at what it writes.

    Raises:
        Refused: it ended with 2 and one line.
        AssertionError: it ended in another way, or wrote what it should not.
    """
    out, err = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["command", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            status = main() or 0
    except SystemExit as stop:
        status = stop.code
    finally:
        sys.argv = before
    said = out.getvalue() + err.getvalue()
    said.encode()
    odd = {c for c in said if not c.isprintable()} - {"\n"}
    assert not odd, f"control characters: {odd}"
    lines = err.getvalue().splitlines()
    assert status in (0, 2), f"exit status {status}: {lines}"
    if status:
        assert len(lines) == 1, f"several lines, or none: {lines}"
        raise Refused
    assert all(line.startswith("left out") for line in lines), f"noise: {lines}"
    if lines:
        raise Refused


def try_config(text: bytes, folder: Path) -> None:
    """Two training steps by a config file, and a test of what came of them."""
    (folder / "config.yaml").write_bytes(text)
    try:
        command(train.main, "fit", f"--config={folder / 'config.yaml'}", f"--out={folder / 'runs'}", *SHORT)
    finally:
        shutil.rmtree(folder / "runs", ignore_errors=True)


SHORT = (
    "--trainer.max_epochs=1", "--trainer.max_steps=2", "--trainer.enable_progress_bar=false",
    "--trainer.accelerator=cpu",
    "--trainer.devices=1", "--trainer.num_nodes=1", "--trainer.strategy=auto",
)  # fmt: skip


def pictures(folder: Path) -> Path:
    """Two classes of twelve pictures each, to train on; the command is run in their folder."""
    for kind in ("crow", "wren"):
        for place, part in enumerate(["train"] * 8 + ["validation", "test"] * 2):
            file = folder / "birds" / part / kind / f"{place}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (20 * place, 99, 200 if kind == "wren" else 0)).save(file)
    return folder


def config_files() -> st.SearchStrategy[bytes]:
    """A shipped config that is mutated as YAML and then as text; and text that is none."""

    def text(shipped: Any, changes: Any, damage: Any) -> bytes:
        config = mutated(shipped, changes)
        return damaged(yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode("utf-8", "replace"), damage)

    at_home = [
        config | {"data": config["data"] | ({"folder": "birds"} if config["data"]["name"] == "pictures" else {})}
        for config in CONFIGS
    ]
    shipped = st.sampled_from(at_home)
    odd = ["a: &a [*a]", "&a [*a, *a]", "!!python/object/apply:os.system [x]", "- ? {", "\t", "[" * 300, "<<: 1", "'"]
    return st.one_of(
        st.builds(text, shipped, mutations, st.just([])),
        st.builds(text, shipped, mutations, damages),
        st.builds(
            lambda value, tail: (yaml.safe_dump(value) + tail).encode(), values, st.just("") | st.sampled_from(odd)
        ),
        st.binary(max_size=60),
    )


def known(folder: Path) -> Path:
    """The folder, with a folder of one picture in it, and a model for such."""
    layers: list[Any] = [
        {"Conv2d": {"in_channels": 3, "out_channels": 2, "kernel_size": 3, "padding": 1}},
        {"MaxPool2d": {"kernel_size": 2}},
        "Flatten",
        {"Dropout": {"p": 0.5}},
        {"Linear": {"in_features": 8, "out_features": 2}},
    ]
    network, scale = build_network(layers, 0, None, "float32"), Scale([0.5] * 3, [0.25] * 3)
    model = model_file.Model(network, layers, "float32", (3, 4, 4), ["leaf", "bluebird"], scale)
    model_file.save(folder / "good.safetensors", model)
    (folder / "photos").mkdir()
    Image.new("RGB", (5, 4), (0, 0, 200)).save(folder / "photos" / "good.png")
    return folder


def try_picture(case: tuple[str, bytes], folder: Path) -> None:
    """Look for birds in a folder with this file and a good one."""
    form, content = case
    (folder / "photos" / "odd.png").write_bytes(content)
    command(find.main, folder / "photos", "--model", folder / "good.safetensors", "--format", form, *_out(form, folder))


def _out(form: str, folder: Path) -> list[Any]:
    return ["--out", folder / "sheet.html"] if form == "html" else []


def images() -> st.SearchStrategy[tuple[str, bytes]]:
    """A picture of odd size and mode in one of the formats that are opened, mutated."""

    def picture(mode: str, form: str, size: tuple[int, int], level: int, damage: Any) -> bytes:
        content = io.BytesIO()
        noise = Image.effect_noise(size, level).convert("L")
        drawn = noise.convert({"I;16": "I", "CMYK": "RGB", "P": "RGB"}.get(mode, "L")).convert(mode)
        try:
            drawn.save(content, form)
        except (OSError, ValueError, KeyError):  # a mode that the format has not
            noise.convert("RGB").save(content, form)
        return damaged(content.getvalue(), damage)

    sides = st.integers(1, 20) | st.sampled_from([1, 255, 257, 1000])
    forms = st.sampled_from(["table", "csv", "json", "html"])
    drawn = st.builds(
        picture, st.sampled_from(MODES), st.sampled_from(FORMATS), st.tuples(sides, sides), st.integers(0, 200), damages
    )
    headed = st.builds(
        bytes.__add__,
        st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"P6\n"]),
        st.binary(max_size=80),
    )
    return st.tuples(forms, drawn | headed)


def try_model(case: tuple[list[Any], list[Any], bool, list[Any]], folder: Path) -> None:
    """Look for birds with a model file whose metadata, arrays or bytes are mutated; sealed anew, as its author
    would."""
    changes, arrays_changes, sealed, damage = case
    arrays = safetensors.numpy.load_file(folder / "good.safetensors")
    with model_file.safe_open(folder / "good.safetensors", "numpy") as file:
        metadata = file.metadata()
    described = mutated({key: json.loads(metadata[key]) for key in model_file.KEYS}, changes)
    for where, scale in arrays_changes:
        name = [*arrays][where % len(arrays)]
        with np.errstate(all="ignore"):
            changed = arrays[name] * scale if isinstance(scale, float) else np.zeros(scale, np.float32)
        arrays[name] = np.array(changed, order="C")
    metadata = {str(key): json.dumps(value) for key, value in described.items()} | {"sha256": metadata["sha256"]}
    if sealed and all(key in metadata for key in model_file.KEYS):
        metadata["sha256"] = model_file.digest(arrays, metadata)
    (folder / "odd.safetensors").write_bytes(damaged(safetensors.numpy.save(arrays, metadata), damage))
    (folder / "photos" / "odd.png").unlink(missing_ok=True)
    command(find.main, folder / "photos", "--model", folder / "odd.safetensors")


scales = st.floats() | st.lists(st.integers(0, 5), max_size=5).map(tuple)
array_changes = st.just([]) | st.lists(st.tuples(st.integers(0, 9), scales), max_size=2)


def trained(folder: Path) -> Path:
    """Checkpoints of document A's network, by Adam, of either implementation."""
    adam = CONFIGS[[config["name"] for config in CONFIGS].index("two_two_one")]
    adam["model"]["optimizer"] = "Adam"
    (folder / "adam.yaml").write_text(yaml.safe_dump(adam))
    for side in SIDES:
        options = [f"--config={folder / 'adam.yaml'}", f"--out={folder / 'first'}", f"--model.implementation={side}"]
        with redirect_stderr(io.StringIO()):
            run = train.run(["fit", *options, *SHORT])
        shutil.copy(run / "checkpoints" / "last.ckpt", folder / f"{side}.ckpt")
    return folder


def try_checkpoint(case: tuple[str, str, list[Any], list[Any]], folder: Path) -> None:
    """Test, predict or go on from a checkpoint whose contents or bytes are mutated."""
    what, implementation, changes, damage = case
    saved, content = torch.load(folder / f"{implementation}.ckpt", weights_only=True), io.BytesIO()
    torch.save(mutated(saved, changes), content)
    (folder / "odd.ckpt").write_bytes(damaged(content.getvalue(), damage))
    options = [
        f"--config={folder / 'adam.yaml'}",
        f"--model.implementation={implementation}",
        f"--ckpt_path={folder / 'odd.ckpt'}",
        f"--out={folder / 'runs'}",
        "--trainer.max_epochs=3",
        *SHORT[2:],
    ]
    try:
        command(train.main, what, *options)
    finally:
        shutil.rmtree(folder / "runs", ignore_errors=True)


dtypes = st.sampled_from([torch.float64, torch.float32, torch.int64, torch.bool])
tensors = st.builds(
    lambda shape, number, dtype: torch.full(shape, number, dtype=torch.float64).to(dtype),
    st.lists(st.integers(0, 4), max_size=3), st.floats(), dtypes,
)  # fmt: skip
of_checkpoints = st.lists(st.tuples(spots, ways, values | tensors), max_size=3)
checkpoints = st.tuples(st.sampled_from(["test", "predict", "fit"]), st.sampled_from(SIDES), of_checkpoints, damages)


KINDS = {
    "configs": Kind(0.1, config_files(), pictures, try_config),
    "pictures": Kind(0.3, images(), known, try_picture),
    "models": Kind(0.2, st.tuples(mutations, array_changes, st.booleans(), damages), known, try_model),
    "checkpoints": Kind(0.1, checkpoints, trained, try_checkpoint),
    "arguments": Kind(0.3, steps, lambda folder: folder, try_arguments),
}
