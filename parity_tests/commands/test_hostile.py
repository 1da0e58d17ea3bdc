"""Weights, checkpoints, configs and names from strangers: refused in one line, or shown as text."""

import csv
import io
import json
import os
import pickle
import re
import resource
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image
from playwright.sync_api import Browser

from experiments.find import command as find
from experiments.grade import command as check
from experiments.shared import model_file
from experiments.shared.model_file import Model
from experiments.shared.printable import printable
from experiments.shared.scale import Scale
from experiments.shared.spec import build, build_network, outline
from experiments.train import checkpoint
from experiments.train import command as train
from manual import InputError, Layer, Linear, MSELoss, Network, Optimizer, Sigmoid, Softmax, init
from parity_tests.conftest import SPEED

if TYPE_CHECKING:
    from experiments.report.make import Row

LAYERS: list[Any] = ["Flatten", {"Linear": {"in_features": 12, "out_features": 2}}]
CONFIG = Path(train.__file__).parent / "configs" / "two_two_one.yaml"


@pytest.fixture(autouse=True)
def never_hangs() -> Iterator[None]:
    """What waits for a pipe, or reads on without end, fails instead."""

    def stop(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a good model file and a good checkpoint hold."""
    folder = tmp_path_factory.mktemp("good")
    scale = Scale([0.1, 0.2, 0.3], [0.5, 0.25, 0.5])
    model_file.save(
        folder / "m",
        Model(build_network(LAYERS, 0, None, "float32"), LAYERS, "float32", (3, 2, 2), ["leaf", "bluebird"], scale),
    )
    run = train.run(
        ["fit", f"--config={CONFIG}", f"--out={folder}", "--model.optimizer=Adam", "--trainer.max_epochs=2"]
    )
    return {"model": (folder / "m").read_bytes(), "checkpoint": (run / "checkpoints" / "last.ckpt").read_bytes()}


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give a file to the command that reads it; the one line that it ends with, which names the file."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (3, 2), (0, 0, 200)).save(tmp_path / "photos" / "a.png")
    monkeypatch.chdir(tmp_path)

    def give(kind: str, path: Path) -> str:
        capsys.readouterr()
        arguments = {
            "model": ["find", "photos", "--model", str(path)],
            "checkpoint": [
                "fit",
                f"--config={CONFIG}",
                f"--ckpt_path={path}",
                "--model.optimizer=Adam",
                "--trainer.max_epochs=3",
            ],
            "config": ["fit", f"--config={path}"],
        }[kind]
        monkeypatch.setattr(sys, "argv", ["train", *arguments])
        with pytest.raises(SystemExit) as stop:
            find.main(arguments[1:]) if kind == "model" else train.main()
        out, err = capsys.readouterr()
        assert (stop.value.code, out, err.count("\n")) == (2, "", 1), err
        assert str(path) in err
        assert not (tmp_path / "runs").exists()
        return err

    return give


Refuse = Callable[[str, Path], str]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_the_good_ones_are_taken(good: dict[str, bytes], tmp_path: Path) -> None:
    assert model_file.load(written(tmp_path / "m", good["model"])).classes == ["leaf", "bluebird"]
    assert checkpoint.read(written(tmp_path / "c", good["checkpoint"]))["global_step"] == 2


# Code


class Bomb:
    """Unpickled, it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def zipped(records: dict[str, bytes], how: int = zipfile.ZIP_STORED, attribute: int = 0) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", how) as file:
        for name, record in records.items():
            about = zipfile.ZipInfo(f"archive/{name}")
            about.external_attr, about.compress_type = attribute, how
            file.writestr(about, record)
    return content.getvalue()


def records(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for name in file.namelist():
            yield name.partition("/")[2], file.read(name)


@pytest.mark.parametrize("kind", ["model", "checkpoint"])
@pytest.mark.parametrize(
    "form",
    [
        pickle.dumps,
        lambda bomb: zipped({"data.pkl": pickle.dumps(bomb, 2), "version": b"3\n", "byteorder": b"little"}),
        lambda bomb: saved_by_torch({"state_dict": bomb}),
    ],
    ids=["pickle", "zip", "torch"],
)
def test_a_pickle_that_runs_code_is_not_run(
    kind: str, form: Callable[[Any], bytes], refused: Refuse, tmp_path: Path
) -> None:
    content = form(Bomb(tmp_path / "mark"))
    refused(kind, written(tmp_path / "bomb", content))
    assert not (tmp_path / "mark").exists()


def test_the_bomb_of_these_tests_goes_off_where_it_is_unpickled(tmp_path: Path) -> None:
    torch.load(io.BytesIO(saved_by_torch({"state_dict": Bomb(tmp_path / "mark")})), weights_only=False)
    assert (tmp_path / "mark").exists()


def saved_by_torch(value: Any) -> bytes:
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


# Damage


@pytest.mark.parametrize("kind", ["model", "checkpoint"])
def test_a_file_that_is_cut_off_anywhere_is_refused(kind: str, good: dict[str, bytes], tmp_path: Path) -> None:
    content, load = good[kind], {"model": model_file.load, "checkpoint": checkpoint.read}[kind]
    for length in {*range(0, len(content), 1 if kind == "model" else 37), *range(len(content) - 30, len(content))}:
        with pytest.raises(InputError, match="broken or truncated"):
            load(written(tmp_path / "cut", content[:length]))


@pytest.mark.slow
def test_a_flipped_bit_anywhere_in_a_model_is_refused(good: dict[str, bytes], tmp_path: Path) -> None:
    for place in range(len(good["model"])):
        changed = bytearray(good["model"])
        changed[place] ^= 1 << place % 8
        with pytest.raises(InputError):
            model_file.load(written(tmp_path / "flipped", bytes(changed)))


def test_a_flipped_bit_in_a_checkpoint_is_refused_or_in_what_nobody_reads(
    good: dict[str, bytes], tmp_path: Path
) -> None:
    content, right = good["checkpoint"], checkpoint.read(written(tmp_path / "right", good["checkpoint"]))
    refused = 0
    for place in range(0, len(content), 11):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        try:
            found = checkpoint.read(written(tmp_path / "flipped", bytes(changed)))
        except InputError:
            refused += 1
        else:
            assert saved_by_torch(found) == saved_by_torch(right)
    assert refused > len(content) / 11 / 3
    weights = content.index(right["state_dict"]["side.module.0.weight"].numpy().tobytes())
    changed = bytearray(content)
    changed[weights] ^= 1
    torch.load(io.BytesIO(changed), weights_only=True)  # torch does not notice
    with pytest.raises(InputError, match=r"the checksum of .*/data/\d is wrong"):
        checkpoint.read(written(tmp_path / "flipped", bytes(changed)))


# Claims


def header(described: str, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(described)) + described.encode() + data


def resealed(content: bytes, **said: Any) -> bytes:
    """A model file that says something else, with the sha256 of that: made on purpose."""
    return sealed(content, {key: json.dumps(value) for key, value in said.items()})


def sealed(content: bytes, said: dict[str, str]) -> bytes:
    arrays = safetensors.numpy.load(content)
    metadata = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])["__metadata__"] | said
    return safetensors.numpy.save(arrays, metadata | {"sha256": model_file.digest(arrays, metadata)})


def pool(**arguments: Any) -> list[Any]:
    return [{"MaxPool2d": arguments}, LAYERS[1]]


ARRAY = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
CLAIMS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a header of 2 GB": (lambda good: struct.pack("<Q", 2 << 30) + good[8:], "broken or truncated"),
    "a header of 2⁶³ bytes": (lambda good: struct.pack("<Q", 1 << 63) + good[8:], "broken or truncated"),
    "arrays of 2 GB": (
        lambda good: header('{"a":{"dtype":"F32","shape":[536870912],"data_offsets":[0,2147483648]}}'),
        "broken or trunc",
    ),
    "levels without end": (lambda good: header("[" * 10**6), "broken or truncated"),
    "an array twice": (
        lambda good: header(f"{{{ARRAY},{ARRAY}}}", bytes(4)),
        "a name in it stands twice",
    ),
    "a network of 10¹⁰ parameters": (
        lambda good: resealed(good, network=[{"Linear": {"in_features": 10**5, "out_features": 10**5}}]),
        "its arrays are not those of its network",
    ),
    "a network of 10²⁰ parameters": (
        lambda good: resealed(good, network=[{"Linear": {"in_features": 10**10, "out_features": 10**10}}]),
        "Linear: ",
    ),
    "a network of levels without end": (
        lambda good: sealed(good, {"network": "[" * 10**6}),
        "does not fit together",
    ),
    "a window of 2·10⁶ pixels": (
        lambda good: resealed(good, input=[1, 1, 2], network=pool(kernel_size=[1, 2 * 10**6], padding=[0, 10**6])),
        "an example of shape \\(1, 1, 2\\) becomes more than 100,000,000 numbers",
    ),
    "a padding of 10⁵": (
        lambda good: resealed(good, network=pool(kernel_size=2 * 10**5, padding=10**5)),
        "layer 0 of 2, MaxPool2d.* an example of shape \\(3, 2, 2\\) becomes more than 100,000,000 numbers",
    ),
    "an input of 10¹⁰ numbers": (lambda good: resealed(good, input=[1, 10**5, 10**5]), "more than 100,000,000 numbers"),
    "an input that is negative": (
        lambda good: resealed(good, input=[-3, 2, 2]),
        "input: a size must be an integer >= 1",
    ),
    "two classes of one name": (lambda good: resealed(good, classes=["a", "a"]), "classes of different names"),
    "a class that is a number": (lambda good: resealed(good, classes=["a", 1]), "classes of different names"),
    "a mean that is text": (
        lambda good: resealed(good, scale={"mean": ["a", 0, 0], "std": [1, 1, 1]}),
        "mean: expected finite values",
    ),
    "a std that overflows": (
        lambda good: resealed(good, scale={"mean": [0, 0, 0], "std": [1e-320] * 3}),
        "black and white by its scale: expected finite",
    ),
}


def of_checkpoint(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    saved = torch.load(io.BytesIO(content), weights_only=True)
    change(saved)
    return saved_by_torch(saved)


def first(saved: dict[str, Any]) -> torch.Tensor:
    return saved["state_dict"]["side.module.0.weight"]


def remembered(saved: dict[str, Any]) -> dict[str, Any]:
    return saved["optimizer"]["0.weight"]


def laughs() -> list[Any]:
    """Sixty lists, each of which is twice the next: short in the file, 2⁶⁰ numbers to whoever looks at each."""
    inner: list[Any] = [1]
    for _ in range(60):
        inner = [inner, inner]
    return inner


def large(saved: dict[str, Any]) -> None:
    """A network of 4·10⁸ parameters, which are all one number in the file."""
    n = 2 * 10**4
    saved["config"]["model"].update(network=[{"Linear": {"in_features": n, "out_features": n, "bias": False}}])
    saved["state_dict"] = {"side.module.0.weight": torch.zeros(1, dtype=torch.float64).expand(n, n)}


def overlapping(records: int, size: int) -> bytes:
    """A zip of stored records, each of which is the end of the next; every checksum is right."""
    content, directory = bytes(size), []
    for number in range(records):
        name = b"%03d" % number
        about = struct.pack(
            "<HHHHHLLLHH", 20, 0, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(name), 0
        )
        content = b"PK\3\4" + about + name + content
        directory.append((name, about, len(content)))
    entries = b"".join(
        b"PK\1\2" + struct.pack("<H", 20) + about + struct.pack("<HHHLL", 0, 0, 0, 0, len(content) - end) + name
        for name, about, end in directory
    )
    count, at = len(directory), len(content)
    return content + entries + b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, count, count, len(entries), at, 0)


ZIPS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a zip bomb": (
        lambda good: zipped({"data.pkl": bytes(10**8)}, zipfile.ZIP_DEFLATED),
        "would unpack to 100,000,000 bytes",
    ),
    "a NaN": (
        lambda good: of_checkpoint(good, lambda s: first(s).fill_(np.nan)),
        r"0\.weight: expected finite values, got nan",
    ),
    "an infinity": (
        lambda good: of_checkpoint(good, lambda s: first(s)[0, 0].fill_(np.inf)),
        r"got inf at index \(0, 0\)",
    ),
    "weights that are none": (
        lambda good: of_checkpoint(good, lambda s: s.update(state_dict={"a": 1})),
        "cannot be restored",
    ),
    "an array of 4·10⁸ numbers in one": (
        lambda good: of_checkpoint(good, large),
        r"\(20000, 20000\) is not in it as a whole",
    ),
    "a network of 10¹⁰ parameters": (
        lambda good: of_checkpoint(
            good,
            lambda s: s["config"]["model"]["network"][0].update(Linear={"in_features": 10**5, "out_features": 10**5}),
        ),
        r"0\.weight: expected an array of shape \(100000, 100000\), torch.float64 and torch.strided, got \(2, 2\)",
    ),
    "lists of lists": (
        lambda good: of_checkpoint(good, lambda s: s["config"]["data"].update(batch_size=laughs())),
        "config: expected at most 50,000 values",
    ),
    "lists of lists for parameters": (
        lambda good: of_checkpoint(good, lambda s: s["config"]["model"].update(start={"0.weight": laughs()})),
        "config: expected at most 50,000 values",
    ),
    "tuples in tuples for a key": (
        lambda _: zipped({"data.pkl": b"\x80\x02})" + 10**6 * b"\x85" + b"K\x01s."}),
        "has more than 50,000 instructions",
    ),
    "another kind of mapping": (
        lambda good: saved_by_torch(OrderedDict(torch.load(io.BytesIO(good), weights_only=True))),
        "of another type",
    ),
    "another kind of mapping in the config": (
        lambda good: of_checkpoint(good, lambda s: s["config"]["data"].update(seed=torch.Size([1]))),
        "config: a Size is not expected",
    ),
    "lists of lists for a number": (
        lambda good: of_checkpoint(good, lambda s: s.update(log=laughs())),
        r"\['log'\] missing",
    ),
    "records that are marked as folders": (
        lambda good: zipped(dict(records(good)), attribute=0x10),
        "a record is marked as a folder",
    ),
    "records within records": (lambda _: overlapping(30, 1000), f"it would unpack to {30 * 1000 + 435 * 33:,} bytes"),
    "a number for an average": (
        lambda good: of_checkpoint(good, lambda s: remembered(s).update(exp_avg=5)),
        r"optimizer, 0\.weight: exp_avg: expected an array, got 5",
    ),
    "an average of another shape": (
        lambda good: of_checkpoint(good, lambda s: remembered(s).update(exp_avg=torch.zeros(3, dtype=torch.float64))),
        r"exp_avg: expected an array of shape \(2, 2\), torch\.float64 and torch\.strided, got \(3,\)",
    ),
    "an average of another dtype": (
        lambda good: of_checkpoint(good, lambda s: remembered(s).update(exp_avg=torch.zeros(2, 2))),
        r"got \(2, 2\), torch\.float32 and torch\.strided",
    ),
    "an average that is sparse": (
        lambda good: of_checkpoint(good, lambda s: remembered(s).update(exp_avg=remembered(s)["exp_avg"].to_sparse())),
        r"got \(2, 2\), torch\.float64 and torch\.sparse_coo",
    ),
    "an average less": (
        lambda good: of_checkpoint(good, lambda s: remembered(s).pop("exp_avg")),
        r"optimizer, 0\.weight: lacks \['exp_avg'\]",
    ),
    "a version": (
        lambda good: of_checkpoint(good, lambda s: s.update({"pytorch-lightning_version": "\u202eabc"})),
        r"\['pytorch-lightning_version'\] missing, of another type, or not expected",
    ),
    "an array for a config": (
        lambda good: of_checkpoint(good, lambda s: s["config"].update(model=torch.ones(2))),
        "config, model: expected a mapping, got tensor",
    ),
    "4·10⁸ numbers in a config": (
        lambda good: of_checkpoint(
            good, lambda s: s["config"]["data"].update(batch_size=torch.zeros(1).expand(4 * 10**8))
        ),
        "config: a Tensor is not expected",
    ),
    "an array for an optimizer": (
        lambda good: of_checkpoint(good, lambda s: s.update(optimizer=torch.ones(2))),
        r"\['optimizer'\] missing, of another type",
    ),
    "steps that are text": (
        lambda good: of_checkpoint(good, lambda s: remembered(s).update(step="x")),
        "0\\.weight: step: expected 2, got 'x'",
    ),
}


CLAIMED = {
    f"{kind}: {name}": (kind, *case)
    for kind, cases in (("model", CLAIMS), ("checkpoint", ZIPS)) for name, case in cases.items()
}  # fmt: skip


@pytest.mark.parametrize(("kind", "make", "message"), CLAIMED.values(), ids=CLAIMED)
def test_a_file_that_claims_what_cannot_be_is_refused_before_it_takes_memory(
    kind: str, make: Callable[[bytes], bytes], message: str, good: dict[str, bytes], refused: Refuse, tmp_path: Path
) -> None:
    path = written(tmp_path / kind, make(good[kind]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = refused(kind, path)
    assert re.search(message, line), line
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


# What is no file


def loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("kind", ["model", "checkpoint", "config"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "got a folder"),
        (os.mkfifo, "got a device, pipe or socket"),
        (loop, "there is no"),
        (lambda path: path.symlink_to("/dev/zero"), "got a device, pipe or socket"),
        (lambda path: path.symlink_to("/no/where"), "there is no"),
    ],
    ids=["folder", "pipe", "loop", "/dev/zero", "nowhere"],
)
def test_what_is_no_file_is_refused_at_once(
    kind: str, make: Callable[[Path], object], message: str, refused: Refuse, tmp_path: Path
) -> None:
    make(path := tmp_path / "odd.yaml")
    assert message in refused(kind, path)


# Configs


def bomb() -> str:
    """Nine lines that stand for 9⁹ numbers."""
    names = "abcdefghi"
    lines = [f"{name}: &{name} [" + ", ".join([f"*{before}"] * 9) + "]" for before, name in pairwise(names)]
    return "\n".join(["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]", *lines])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb(), "line 2: expected a config without aliases"),
        ("a: &a\n- *a", "line 2: expected a config without aliases"),
        ("name: a\nmodel:\n  seed: 1\n  seed: 2", "line 3: expected every name once, got 'seed' twice"),
        ("[" * 200 + "]" * 200, "expected at most 100 levels, got more"),
        ("[" * 10**5, "expected at most 100 levels, got more"),
        ("a: \x07", "got what is none"),
        ("\ufeffa: [", "got what is none"),
    ],
)
def test_a_config_that_is_more_than_it_seems_is_refused(
    text: str, message: str, refused: Refuse, tmp_path: Path
) -> None:
    assert message in refused("config", written(tmp_path / "odd.yaml", text.encode()))


def test_a_config_that_is_not_text_is_refused(refused: Refuse, tmp_path: Path) -> None:
    assert "got what is none" in refused("config", written(tmp_path / "odd.yaml", b"name: \xff"))


def test_a_tag_that_would_run_code_is_refused(refused: Refuse, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    call = "!!python/object/apply:pathlib.Path"
    text = f"{CONFIG.read_text('utf-8')}\nout: {call}.touch [{call} ['{mark}']]"
    assert "expected a config without tags, got tag:yaml.org" in refused(
        "config", written(tmp_path / "odd.yaml", text.encode())
    )
    assert not mark.exists()


# Names

NAMES = [
    "<script>alert(1)<",
    '"><img src=x onerror=alert(2)>',
    "a&amp;b'c",
    "\u05d0\u05d1\u05d2",
    "\u202egnp.exe",
    "a\nb",
    "\x1b[2Jc",
    "x" * 200,
    os.fsdecode(b"\xff"),
    "=1+1",
    "{{ 7 * 7 }}",
]


def test_a_name_for_one_line_has_nothing_that_moves_the_cursor_or_turns_the_text() -> None:
    assert [printable(name) for name in NAMES[3:7]] == ["\u05d0\u05d1\u05d2", r"\u202egnp.exe", r"a\nb", r"\x1b[2Jc"]
    assert [printable(text) for text in ("\udcff", "\ud800", "\r\0", "\\n")] == [r"\xff", r"\ud800", r"\r\x00", "\\n"]
    for name in NAMES:
        assert printable(name).isprintable()
        printable(name).encode()


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A folder of pictures and a model, whose files, folders and classes have these names."""
    scale, layers = (
        Scale([0.5] * 3, [0.5] * 3),
        ["Flatten", {"Linear": {"in_features": 12, "out_features": len(NAMES)}}],
    )
    model_file.save(
        tmp_path / "m", Model(build_network(layers, 0, None, "float64"), layers, "float64", (3, 2, 2), NAMES, scale)
    )
    for place, name in enumerate(NAMES):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        Image.new("RGB", (3, 2), (0, 20 * place, 200)).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text("no picture")
    return tmp_path


def looked_for(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str]:
    capsys.readouterr()
    assert find.main([str(folder / "photos"), "--model", str(folder / "m"), *map(str, arguments)]) == 0
    return capsys.readouterr()


def test_names_are_lines_on_a_terminal_fields_in_csv_and_themselves_in_json(
    named: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"{name}/{name}.png" for name in NAMES}
    out, err = looked_for(named, capsys)
    assert all(line.isprintable() for line in (out + err).splitlines())
    assert len(out.splitlines()) == len(NAMES) + 2
    assert {printable(f"{named / 'photos' / name / name}.txt") for name in NAMES} == {
        line.split(": ")[1] for line in err.splitlines()[:-1]
    }
    assert all(printable(file) in out for file in files)
    out, _ = looked_for(named, capsys, "--format=csv")
    rows = [*csv.DictReader(out.splitlines())]
    assert {row["file"] for row in rows} == {printable(file) for file in files}
    assert {row["class"] for row in rows} <= {printable(name) for name in NAMES}
    out, _ = looked_for(named, capsys, "--format=json")
    assert {row["file"] for row in json.loads(out)["pictures"]} == {file.replace("\udcff", r"\xff") for file in files}
    with pytest.raises(SystemExit):
        looked_for(named, capsys, "--class=nothing")
    assert capsys.readouterr().err.removesuffix("\n").isprintable()


class Text(HTMLParser):
    """What a page holds: its tags, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.texts = set[str](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_names_are_text_in_the_contact_sheet(named: Path, capsys: pytest.CaptureFixture[str], browser: Browser) -> None:
    looked_for(named, capsys, "--format=html", "--out", named / "sheet.html")
    page = Text((named / "sheet.html").read_text("utf-8"))
    assert "script" not in page.tags
    shown = {text.strip() for text in page.texts}
    expected = {printable(f"{name}/{name}.png") for name in NAMES} | {printable(name) for name in NAMES}
    assert expected <= shown
    assert not {"\u202e", "\x1b"} & {*"".join(shown)}
    opened, said = browser.new_page(), list[str]()
    try:
        opened.on("dialog", lambda dialog: said.append(dialog.message))
        opened.on("console", lambda message: said.append(message.text))
        opened.on(
            "request",
            lambda request: said.append(request.url) if not request.url.startswith(("data:", "file:")) else None,
        )
        opened.goto((named / "sheet.html").as_uri())
        assert said == []
        assert expected <= {*opened.evaluate("[...document.querySelectorAll('bdi')].map(e => e.textContent)")}
        assert opened.evaluate(
            "[...document.querySelectorAll('bdi')].every(e => getComputedStyle(e).unicodeBidi == 'isolate')"
        )
    finally:
        opened.close()


HAND_IN = """
import numpy as np
def _forward(x): return x, x
def _backward(delta, x): return 2 * delta
globals()["<script>alert(1)</script>_forward"] = _forward
def relu_forward(x): return np.maximum(x, 0), x
def relu_backward(delta, x): raise ValueError("<img src=x onerror=alert(2)>\\x1b[2J")
"""


def test_names_are_text_in_the_page_on_a_hand_in_and_lines_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hand ins"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(HAND_IN)
    path = folder / f"{NAMES[4]}.py"
    for form in ("text", "json", "html"):
        assert check.main([str(path), "--format", form]) == 1
        out = capsys.readouterr().out
        assert all(line.isprintable() for line in out.splitlines())
        if form == "html":
            page = Text(out)
            assert not {"script", "img"} & page.tags
            assert f"{printable(NAMES[4])}.py" in page.texts
    with pytest.raises(SystemExit):
        check.main([str(tmp_path / NAMES[6])])
    assert capsys.readouterr().err.removesuffix("\n").isprintable()


def test_a_class_is_a_row_a_file_whatever_the_files_are_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.grade import classroom
    from experiments.grade.findings import Report

    monkeypatch.setattr(classroom, "check", lambda path, *_: Report(path.name, [], f"not judged: {path.name}"))
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("")
    assert check.main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    out, _ = capsys.readouterr()
    assert all(line.isprintable() for line in out.splitlines())
    with (tmp_path / "out" / "summary.csv").open(newline="", encoding="utf-8") as file:
        assert {row["file"] for row in csv.DictReader(file)} == {f"{printable(name)}.py" for name in NAMES}
    for name in NAMES:
        page = Text((tmp_path / "out" / f"{name}.html").read_text("utf-8"))
        assert not {"script", "img"} & page.tags
        assert f"{printable(name)}.py" in page.texts


def test_names_are_text_in_the_report(shown: dict[str, Any], rows: "list[Row]", page: str) -> None:
    from experiments.report import make as report

    chapter = shown["bluebird"]
    kinds = dict(zip(chapter["kinds"], NAMES, strict=False))
    named = {part: {kinds[kind]: value for kind, value in chapter[part].items()} for part in ("samples", "templates")}
    renamed = report.page(shown | {"bluebird": chapter | named | {"kinds": [*kinds.values()]}}, rows, SPEED)
    assert renamed.count("<script") == page.count("<script")
    assert {*kinds.values()} <= {*Text(renamed).texts}


# What fuzzing found


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        (Layer, {"Linear": {"in_features": 10**400, "out_features": 1}}, "Linear: in_features must be at most"),
        (
            Layer,
            {"Conv2d": {"in_channels": 1, "out_channels": 1, "kernel_size": 10**20}},
            "Conv2d: kernel_size must be at most",
        ),
        (
            Optimizer,
            {"SGD": {"lr": np.ones((2, 2))}},
            "SGD: lr must be a finite number >= 0, got array([[1., 1.], [1., 1.]])",
        ),
    ],
)
def test_an_argument_beyond_all_sizes_is_an_error_of_one_line(kind: Any, spec: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        build(kind, spec, np.random.default_rng(0))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_start_beyond_all_floats_is_an_error() -> None:
    with pytest.raises(InputError, match=r"start: 0\.bias: expected an array of numbers"):
        build_network(
            [{"Linear": {"in_features": 1, "out_features": 2}}],
            0,
            {"0.weight": [[1.0], [1.0]], "0.bias": [1.0, 10**400]},
            "float64",
        )


@pytest.mark.parametrize("value", ["a", None, np.nan, [1], 10**400, True])
def test_a_start_by_what_is_no_number_is_an_error(value: Any, rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match="constant: value must be a finite number, got"):
        init.constant(Linear(1, 1, rng=rng), value)
    for start in (init.xavier_uniform, init.xavier_normal):
        with pytest.raises(InputError, match=f"{start.__name__}: gain must be a finite number, got"):
            start(Linear(1, 1, rng=rng), rng, value)


def test_an_outline_has_the_shapes_of_the_network_and_takes_no_memory() -> None:
    layers: list[Any] = [
        {"Conv2d": {"in_channels": 2, "out_channels": 3, "kernel_size": 2}},
        {"Dropout": {}},
        {"Linear": {"in_features": 4, "out_features": 5}},
    ]
    real = build_network(layers, 0, None, "float64")
    assert {name: p.shape for name, p in outline(layers).params.items()} == {
        name: p.shape for name, p in real.params.items()
    }
    assert outline(layers).state.keys() == real.state.keys()
    [weight, _] = outline([{"Linear": {"in_features": 10**9, "out_features": 10**9}}]).params.values()
    assert weight.shape == (10**9, 10**9)


@pytest.mark.parametrize("value", [np.array([]), np.array(["mean", "sum"])])
def test_a_reduction_that_is_an_array_is_an_error(value: Any) -> None:
    with pytest.raises(InputError, match="MSELoss: reduction must be 'mean' or 'sum', got array"):
        MSELoss(reduction=value)


def test_truth_values_are_no_input(rng: np.random.Generator) -> None:
    with pytest.raises(
        InputError, match=r"expected an array of at least one example, got shape \(2, 3\) and dtype bool"
    ):
        Network(Sigmoid()).forward(np.ones((2, 3), bool))


def test_examples_of_no_numbers_are_no_input() -> None:
    with pytest.raises(InputError, match=r"at least one example, got shape \(3, 0\)"):
        Network(Softmax()).forward(np.ones((3, 0)))


@pytest.mark.slow
def test_what_the_decoder_says_of_a_broken_picture_is_said_once(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "a.tif")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    [(order, _, start)] = struct.iter_unpack("<2sHI", content[:8])
    assert order == b"II"
    for entry in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", content, start)[0], 12):
        if struct.unpack_from("<H", content, entry)[0] == 277:  # samples a pixel
            struct.pack_into("<H", content, entry + 8, 278)
    script = """
import sys, pathlib
from experiments.data.images import Unreadable, image
try: image(pathlib.Path(sys.argv[1]), 8)
except Unreadable: print("left out")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, written(tmp_path / "odd.tif", bytes(content))], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("left out\n", "")
