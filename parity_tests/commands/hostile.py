"""What broken and hostile input looks like, and how a user gives it: the kinds of `parity_tests.commands.fuzz`."""

import copy
import io
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
import torch
import yaml
from hypothesis import strategies as st
from PIL import Image

import manual
from experiments.find import command as find
from experiments.shared import model_file
from experiments.shared.scale import Scale
from experiments.shared.spec import build_network
from experiments.train import command as train
from experiments.train.options import configs
from manual import InputError, Layer, Loss, Network, Optimizer, Penalty, init
from manual.number_types import Undecided

CONFIGS = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(configs().values())]
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
SIDES = ("manual", "torch")
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")


class Refused(Exception):
    """The input was refused as it should be."""


class Kind(NamedTuple):
    """A strategy; what makes a folder ready; what tries an input there, and raises Refused, or anything else as a
    finding."""

    share: float
    strategy: st.SearchStrategy[Any]
    prepare: Callable[[Path], Any]
    attempt: Callable[[Any, Any], None]


# What is drawn

names = st.text(max_size=6) | st.sampled_from(
    ["<script>", "\x1b[2J", "\u202eabc", "\u05d0\u05d1", "a\nb", "'", "nan", "1e999"]
)
large = st.sampled_from([64, 10**3, 10**5, 2**31, 2**63, 10**20, 10**400])
numbers = st.one_of(st.integers(-3, 12), large, st.floats(), st.booleans(), st.none())
values = st.recursive(
    numbers | names, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
words = st.sampled_from([
    "Linear", "ReLU", "Conv2d", "MaxPool2d", "AvgPool2d", "Flatten", "Dropout", "Softmax", "Network", "Layer", "SGD",
    "Adam",
    "MSELoss", "CrossEntropyLoss", "in_features", "out_features", "kernel_size", "padding", "classes", "lr", "p",
    "digits",
    "sine", "rng", "weight",
])  # fmt: skip
spots, ways = st.integers(0, 10**6), st.sampled_from(["put", "drop", "twice", "name"])
mutations = st.just([]) | st.lists(st.tuples(spots, ways, values | words), max_size=4)
harms = st.sampled_from(["flip", "insert", "delete", "cut", "number", "copy"])
cuts = st.tuples(harms, st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.sampled_from([1, 2, 4, 8, 30]))
damages = st.just([]) | st.lists(cuts, max_size=5)


def damaged(content: bytes, damage: list[tuple[str, float, int, int]]) -> bytes:
    """The content with bits flipped, bytes put in, taken out or repeated, the rest cut off, or a number made very
    large."""
    changed = bytearray(content)
    for what, place, byte, size in damage:
        at = int(place * len(changed))
        if what == "flip" and changed:
            changed[at] ^= 1 << byte % 8
        elif what == "insert":
            changed[at:at] = bytes([byte]) * size
        elif what == "delete":
            del changed[at : at + size]
        elif what == "cut":
            del changed[at:]
        elif what == "number":
            changed[at : at + size] = (b"\xff" * (size - 1) + bytes([byte]))[: len(changed) - at]
        else:
            changed[at:at] = changed[at : at + 8 * size]
    return bytes(changed)


def mutated(value: Any, changes: list[tuple[int, str, Any]]) -> Any:
    """A nested value in which things are replaced, taken out, put in twice or renamed."""
    value = copy.deepcopy(value)
    for where, what, new in changes:
        places = [*_places(value)]
        if not places:
            continue
        holder, key = places[where % len(places)]
        if what == "put":
            holder[key] = new
        elif what == "drop":
            del holder[key]
        elif isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        else:
            holder[str(new)] = holder.pop(key) if what == "name" else holder[key]
    return value


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in [*items]:
        yield value, key
        yield from _places(inner)


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


def configs() -> st.SearchStrategy[bytes]:
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


# Arguments

PUBLIC = [
    public
    for name, public in sorted(vars(manual).items())
    if isinstance(public, type)
    and issubclass(public, Layer | Loss | Optimizer | Penalty)
    and public not in (Layer, Loss, Optimizer, Penalty, Network)
]
STARTS = [init.constant, init.xavier_uniform, init.xavier_normal, init.kaiming_uniform, init.kaiming_normal]
sizes = st.integers(-1, 6) | st.tuples(st.integers(0, 4), st.integers(0, 4))
fitting = {
    **dict.fromkeys(["in_features", "out_features"], st.integers(0, 6)),
    **dict.fromkeys(["in_channels", "out_channels"], st.integers(0, 3)),
    **dict.fromkeys(["kernel_size", "stride", "padding"], sizes),
    "bias": st.booleans(), "reduction": st.sampled_from(["mean", "sum"]),
    "betas": st.tuples(st.floats(0, 1), st.floats(0, 1)),
}  # fmt: skip
shapes = st.lists(st.integers(0, 6), max_size=4).map(tuple)
fills = st.sampled_from([0, 1, -2.5, 1e38, 1e308, np.inf, np.nan])
arrays = st.tuples(shapes, st.sampled_from(["f8", "f4", "f2", "i8", "u1", "?"]), fills)


def array(drawn: tuple[tuple[int, ...], str, float]) -> Any:
    shape, dtype, number = drawn
    with np.errstate(all="ignore"):
        return np.full(shape, number).astype(dtype)


def arguments(public: Any) -> st.SearchStrategy[dict[str, Any]]:
    """For each argument what may fit, more often than not, or anything."""
    odd = st.one_of(numbers, names, values, arrays.map(array))
    required, optional = {}, {}
    for name, parameter in signature(public).parameters.items():
        if name not in ("rng", "network"):
            kind = required if parameter.default is Parameter.empty else optional
            kind[name] = fitting.get(name, st.floats(0, 1)) | odd
    return st.fixed_dictionaries(required, optional=optional)


def try_arguments(case: tuple[Any, dict[str, Any], Any, Any], _: object) -> None:
    """Make it with these arguments, and take it one step forward and back."""
    public, given, x, y = case
    rng = np.random.default_rng(0)
    given = given | ({"rng": rng} if "rng" in signature(public).parameters else {})
    try:
        with np.errstate(all="ignore"):
            _step(public, given, array(x), array(y), rng)
    except (InputError, Undecided, MemoryError) as error:
        said = str(error)
    else:
        return
    assert "\n" not in said
    raise Refused


def _step(public: Any, given: dict[str, Any], x: Any, y: Any, rng: np.random.Generator) -> None:
    network = Network(manual.Linear(2, 3, rng=rng))
    if public in STARTS:
        public(network, **given)
        return
    made = public(**given)
    repr(made)
    if isinstance(made, Layer):
        network = Network(made)
        out, tape = network.forward(x)
        network.backward(out, tape)
        network.commit(tape)
    elif isinstance(made, Loss):
        _, cache = made.forward(x, y)
        made.backward(cache)
    elif isinstance(made, Penalty):
        _, cache = made.forward(network)
        made.backward(cache)
    else:
        for _ in range(2):
            made.step(network, network.like(**network.params))


steps = st.sampled_from([*PUBLIC, *STARTS]).flatmap(
    lambda public: st.tuples(st.just(public), arguments(public), arrays, arrays)
)

KINDS = {
    "configs": Kind(0.1, configs(), pictures, try_config),
    "pictures": Kind(0.3, images(), known, try_picture),
    "models": Kind(0.2, st.tuples(mutations, array_changes, st.booleans(), damages), known, try_model),
    "checkpoints": Kind(0.1, checkpoints, trained, try_checkpoint),
    "arguments": Kind(0.3, steps, lambda folder: folder, try_arguments),
}
