"""What the README shows is what happens, and what it names is there."""

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import manual
import manual.layers
import manual.losses
import manual.optimizers
from manual import HalfMSELoss, Linear
from manual.documents import hand_computation
from parity_tests import prove
from parity_tests.bugs import BUGS
from parity_tests.bugs.devices import DEVICE_BUGS
from torch_ref import compare_layer
from torch_ref.tolerance.bounds import layer_bounds

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^#+ (.*)\n((?:(?!#+ ).*\n)*)", README, re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TOURS = {name: BLOCK.findall(text)[0] for name, text in SECTIONS.items() if re.match(r"\d\. ", name)}
LINES = 15  # of a tour, at most
TYPED = re.findall(r"^\$ (\S+) (.*)\n((?:(?!\$ ).*\n)*)", TOURS["2. Grade a student's file"][1], re.MULTILINE)

PACKAGES = ("manual", "torch_ref", "parity_tests", "experiments")

MADE = {"reports/index.html", "hand_in.py", "test_swish.py", "found.html", "model.safetensors"}
"""Files that the reader makes, or has made."""


def tour(number):
    return next(block for name, (_, block) in TOURS.items() if name.startswith(str(number)))


def block(start):
    return next(code for _, code in BLOCK.findall(README) if code.startswith(start))


def said(text):
    """The lines of a result, each as its fields; a field that is a number has digits that differ by processor."""
    rows = [re.split(" {2,}", line) for line in text.splitlines()]
    return [["#" if re.fullmatch(r"\d[\d.e+-]*", field) else field for field in row] for row in rows]


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """A folder with the examples alone, from which the packages can be imported."""
    shutil.copytree(ROOT / "experiments" / "grade" / "examples", tmp_path / "experiments" / "grade" / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


# ---------------------------------------------------------------- the tours


def test_there_are_three_tours_of_at_most_15_lines():
    assert len(TOURS) == 3
    assert all(len(code.splitlines()) <= LINES for _, code in TOURS.values())
    assert len(TYPED) == 3


def test_the_equations_are_shown_with_code_that_is_there():
    rows = re.findall(r"^\| \d \|.*\|(.*)\|$", SECTIONS["1. Read an equation, check a number"], re.MULTILINE)
    assert len(rows) == 4
    code = "".join((ROOT / "manual" / "layers" / name).read_text("utf-8") for name in ("linear.py", "sigmoid.py"))
    code += (ROOT / "manual" / "train.py").read_text("utf-8")
    assert all(line in code for row in rows for line in re.findall(r"`([^`]+)`", row))


def test_the_hand_computation_gives_the_numbers_beside_it(capsys):
    code, names = tour(1), {}
    exec(code, names)
    said = dict(re.findall(r"^(\w+).*# (-?\d+/\d+)", code, re.MULTILINE))
    assert said.keys() == {"prediction", "cost", "delta"}
    for name, number in said.items():
        assert str(np.asarray(names[name], dtype=object).item()) == number
    assert capsys.readouterr().out.split()[0] == re.search(r"print.*# (\S+),", code)[1]  # pyright: ignore[reportOptionalSubscript]


@pytest.mark.parametrize(
    ("command", "arguments", "shown"),
    [pytest.param(*typed, marks=[pytest.mark.slow] * ("--out" in typed[1])) for typed in TYPED],
)
def test_the_checker_says_what_the_tour_shows(somewhere, command, arguments, shown, monkeypatch, capsys):
    arguments, _, file = arguments.partition(" > ")
    monkeypatch.setattr(sys, "argv", [command, *arguments.split()])
    module, _, main = PROJECT["scripts"][command].partition(":")
    assert getattr(importlib.import_module(module), main)() == (not file)
    out = capsys.readouterr().out
    if file:
        assert "def linear_backward" in out
    elif shown.endswith("…\n"):
        assert out.startswith(shown.removesuffix("…\n"))
    else:
        assert said(out) == said(shown)


def test_the_tour_from_pytest_passes_and_fails_as_it_says(somewhere):
    code, text = tour(3), SECTIONS["3. Check your own backward from pytest"]
    factor = " * (1 + x * torch.sigmoid(-x))"
    assert factor in code
    (somewhere / "test_swish.py").write_text(code, "utf-8")
    (somewhere / "test_without_its_last_factor.py").write_text(code.replace(factor, ""), "utf-8")
    command = [sys.executable, "-m", "pytest", "--color=no", "-rA", "--no-header"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert re.findall(r"^(PASSED|FAILED) (\w+)", done.stdout, re.MULTILINE) == [
        ("PASSED", "test_swish"), ("FAILED", "test_without_its_last_factor"),
    ]  # fmt: skip
    said = re.search(r"ends\s+`([^`]+)`", text)
    assert said
    assert said[1] in done.stdout


def test_the_comparisons_run(capsys):
    network, x, y = hand_computation()
    given = {
        "network": network,
        "loss": HalfMSELoss(),
        "x": x,
        "y": y,
        "layer": network.layers[0],
        "delta": np.ones((1, 2)),
    }
    exec(block("from torch_ref import certify"), given)
    table, certified = capsys.readouterr().out.rsplit("\n{", 1)
    assert "comparisons agree" in table
    assert re.findall(r"'(\w+)': (\S+?)[,}]", certified) == [("dx", "0.0"), ("dweight", "0.0"), ("dbias", "0.0")]


# ---------------------------------------------------------------- a layer of one's own


def test_the_new_layer_is_right(rng):
    names = {"np": np, "Layer": manual.Layer}
    exec(block("class Softplus"), names)
    for layer, x in names["examples"](rng):
        assert compare_layer(layer, x, rng).agrees


@pytest.mark.parametrize("package", [manual.layers, manual.losses, manual.optimizers])
def test_every_layer_loss_and_optimizer_is_importable_from_manual(package):
    assert all(getattr(manual, name) is getattr(package, name) for name in package.__all__)


# ---------------------------------------------------------------- what is named is there


def test_every_link_leads_somewhere():
    prose = re.sub(r"`[^`\n]+`", "", BLOCK.sub("", README))
    anchors = {"#" + re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in SECTIONS}
    behind = dict(re.findall(r"^\[([^]]+)\]: (\S+)$", prose, re.MULTILINE))
    for label, target in re.findall(r"\[([^]]+)\](?:\(([^)]+)\))?", prose):
        target = target or behind[label]
        assert target in anchors if target.startswith("#") else (ROOT / target).exists(), target


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_file_that_is_named_is_there(text):
    named = (
        set(re.findall(r"(?<![\w/.*])((?:\w[\w-]*/)*\w[\w-]*\.(?:py|toml|yaml|md|svg|txt|html|csv))\b", text)) - MADE
    )
    there = {path.name for package in PACKAGES for path in (ROOT / package).rglob("*.*")}
    tests = ROOT / "parity_tests"
    assert named
    assert not [path for path in named if not ((ROOT / path).exists() or (tests / path).exists() or path in there)]


def tree() -> list[Path]:
    """The files and folders of the captioned tree, by their indents."""
    [drawn] = [code for _, code in BLOCK.findall(CONTRIBUTING) if "manual/ " in code]
    lines, paths, above = drawn.splitlines(), [], {0: Path()}
    assert len(lines) <= 40
    for line in lines:
        indent = len(line) - len(line.lstrip())
        names = re.split(" {2,}", line.strip())[0].split()
        paths += [above[indent] / name for name in names]
        above[indent + 2] = above[indent] / names[0]
    return paths


def test_the_captioned_tree_is_that_of_the_folders():
    assert len(tree()) == len(set(tree()))
    assert not [path for path in tree() if not (ROOT / path).exists()]
    files = (
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.*")
        if path.suffix != ".pyc"
    )
    folders = {folder for file in files for folder in file.parents[:-1] if "cases" not in folder.parent.parts}
    assert folders - {*tree()} == set()


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_command_that_is_named_is_there(text):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    shell = "".join(code for kind, code in BLOCK.findall(text) if not kind) + "".join(re.findall(r"`[^`\n]+`", text))
    for used in re.findall(r"\bmake ((?:[a-z]+ ?)+)", shell):
        assert set(used.split()) <= set(targets), used
    for module in re.findall(r"python -m ([\w.]+)", shell):
        assert importlib.util.find_spec(module), module
    for command in re.findall(r"\bbackprop-[a-z]+", text):
        module, function = PROJECT["scripts"][command].split(":")
        assert hasattr(importlib.import_module(module), function), command


def test_every_command_that_pip_installs_is_named():
    assert all(command in README for command in PROJECT["scripts"])


def test_the_first_screen_says_what_it_is_for_whom_and_the_one_command():
    screen = "\n".join(README.splitlines()[:30])
    assert all(
        word in screen for word in ("NumPy", "PyTorch", "You learn", "You teach", "You ship", "```\nmake report\n```")
    )


# ---------------------------------------------------------------- pictures


def test_every_picture_is_shown_and_stands_alone_in_both_schemes():
    pictures = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").iterdir()}
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README) + re.findall(
        r'<img src="(\S+)" width="\d+" alt="[^"]+">', README
    )
    assert sorted(shown) == sorted(pictures)
    for picture in pictures:
        text = (ROOT / picture).read_text("utf-8")
        root, svg = ET.fromstring(text), "{http://www.w3.org/2000/svg}"
        assert root.findtext(f"{svg}title"), picture
        assert root.findtext(f"{svg}desc"), picture
        assert "(prefers-color-scheme: dark)" in (root.findtext(f"{svg}style") or ""), picture
        assert not re.search(r"""(?:href|src)=["'](?!#)|url\((?!#)|@import|<script""", text), picture


# ---------------------------------------------------------------- numbers


def test_the_counts_are_those_of_the_code():
    assert len(BUGS) > int(re.search(r"more than (\d+) real backprop bugs", README)[1])  # pyright: ignore[reportOptionalSubscript]
    assert f"{prove.NETWORKS:,} random networks" in README
    assert f"{len(DEVICE_BUGS)} mistakes with devices" in README


def test_the_versions_are_those_that_are_tested():
    pinned = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"torch (\d[\d.]*\d)", README)) == {pinned["torch"]}
    assert set(re.findall(r"Python (\d\.\d+)", README)) == {PROJECT["requires-python"].removeprefix(">=")}


@pytest.mark.parametrize(("dtype", "power"), [(np.float64, -12), (np.float32, -3)])
def test_what_rounding_allows_is_what_is_said_about_mps(rng, dtype, power):
    layer, x = Linear(784, 32, rng=rng).astype(dtype), rng.standard_normal((8, 784)).astype(dtype)
    allowed = 2 * layer_bounds(layer, x, np.ones((8, 32), dtype))["y"].error.max()
    assert f"some 1e{power} in {np.dtype(dtype).name}" in " ".join(README.split())
    assert round(np.log10(allowed)) == power
