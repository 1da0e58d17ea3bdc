"""What the README and the pages in docs/ show is what happens, and what they name is there."""

import importlib
import importlib.util
import re
import shlex
import shutil
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from experiments.train.options import read
from manual import Linear
from manual.documents import hand_computation
from parity_tests import prove
from parity_tests.bugs import BUGS
from parity_tests.bugs.devices import DEVICE_BUGS
from torch_ref import certify, compare_layer
from torch_ref.tolerance.bounds import layer_bounds

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
}
README, CONTRIBUTING = PAGES["README.md"], PAGES["CONTRIBUTING.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [(page, kind, code) for page, text in PAGES.items() for kind, code in BLOCK.findall(text)]
SHELL = [(page, code) for page, kind, code in BLOCKS if not kind and "manual/ " not in code]
COMMANDS = [line.strip() for _, code in SHELL for line in code.replace("\\\n", "").splitlines() if line.strip()]
"""The lines of all blocks that are typed, or printed."""
OWN_CONFIG = {line for line in COMMANDS if "mine.yaml" in line}
"""Those with a file of the reader's own."""
TYPED = [typed for _, code in SHELL for typed in re.findall(r"^\$ (\S+) (.*)\n((?:(?!\$ ).*\n)*)", code, re.MULTILINE)]
"""A command, its arguments, and what it prints."""
AT_MOST = {"README.md": 900, "CONTRIBUTING.md": 1200}
"""Words of a page; of another, 800."""
PACKAGES = ("manual", "torch_ref", "parity_tests", "experiments")
MADE = {"reports/index.html", "hand_in.py", "test_swish.py", "found.html"}
MADE |= {"test_failure.py", "model.safetensors", "mine.yaml", "metrics.csv"}
"""Files that the reader makes, or has made."""

SWISH = "import torch\nfrom torch_ref import check_backward\n\nclass Swish"
CHECKED = "import torch\nfrom torch_ref import check_backward\n\ndef rms_norm"
COMPARED = "import numpy as np\nimport torch\nfrom manual import HalfMSELoss"


def block(start):
    """The one block that starts like this."""
    [code] = [code for _, _, code in BLOCKS if code.startswith(start)]
    return code


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


# ---------------------------------------------------------------- snippets


def test_every_python_block_is_run_here():
    run = ("from flint", SWISH, CHECKED, COMPARED, "y, cache")
    elsewhere = ("docs/lightning.md", "docs/add-a-layer.md", "docs/language.md")  # each in a file of its own
    blocks = [code for page, kind, code in BLOCKS if kind == "python" and page not in elsewhere]
    assert sorted(blocks) == sorted(map(block, run))


def test_the_equations_are_shown_with_code_that_is_there():
    rows = re.findall(r"^\| \d \|.*\|(.*)\|$", PAGES["docs/learn.md"], re.MULTILINE)
    assert len(rows) == 4
    code = "".join(
        (ROOT / "manual" / "layers" / name).read_text("utf-8") for name in ("linear.py", "activations/sigmoid.py")
    )
    code += (ROOT / "manual" / "train.py").read_text("utf-8")
    assert all(line in code for row in rows for line in re.findall(r"`([^`]+)`", row))


def test_the_hand_computation_gives_the_numbers_beside_it(capsys):
    code, names = block("from flint"), {}
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


def test_the_tour_from_pytest_passes_and_fails_as_it_says():
    code = block(SWISH)
    factor = " * (1 + x * torch.sigmoid(-x))"
    assert factor in code
    right, wrong = {}, {}
    exec(code, right)
    exec(code.replace(factor, ""), wrong)
    right["test_swish"]()


def test_the_checks_that_are_shown_agree():
    exec(block(CHECKED), {})


def test_the_comparisons_run(capsys):
    network, x, _ = hand_computation()
    exec(block("y, cache"), {"layer": network.layers[0], "x": x, "delta": np.ones((1, 2))})
    exec(block(COMPARED), {})
    table, of_layer, of_function = capsys.readouterr().out.rsplit("\n{", 2)
    assert "comparisons agree" in table
    assert re.findall(r"'(\w+)': (\S+?)[,}]", of_layer) == [("dx", "0.0"), ("dweight", "0.0"), ("dbias", "0.0")]
    assert re.findall(r"'(.+?)': (\S+?)[,}]", of_function) == [("dinput 0", "0.0"), ("dinput 1", "0.0")]


def test_the_new_layer_is_right(rng, tmp_path, monkeypatch):
    (tmp_path / "softsign.py").write_text(block('"""A rational'), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for layer, x in importlib.import_module("softsign").examples(rng):
        assert compare_layer(layer, x, rng).agrees
        assert max(certify(layer, x, rng.standard_normal(x.shape)).values()) < 1e-20


@pytest.mark.parametrize("line", sorted({line for line in COMMANDS if line.startswith("backprop-train")} - OWN_CONFIG))
def test_the_command_lines_of_training_are_understood(line):
    arguments = shlex.split(line)[1:]
    assert read(arguments).subcommand == arguments[0]


# ---------------------------------------------------------------- what is named is there


def anchors(text):
    heads = re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    prose = re.sub(r"`[^`\n]+`", "", BLOCK.sub("", PAGES[page]))
    for _, target in re.findall(r"\[([^]]+)\]\(([^)]+)\)", prose):
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text("utf-8")), target


def test_the_readme_leads_to_every_page():
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", "".join(PAGES.values()))}
    assert not {Path(page).name for page in PAGES} - {Path(target).name for target in linked} - {"README.md"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_short(page):
    assert len(PAGES[page].split()) <= AT_MOST.get(page, 800)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page):
    pattern = r"(?<![\w/.*])((?:\w[\w-]*/)*\w[\w-]*\.(?:py|toml|yaml|md|svg|txt|html|csv))\b"
    named = {*re.findall(pattern, PAGES[page])} - MADE
    there = {path.name for package in PACKAGES for path in (ROOT / package).rglob("*.*")}
    folders = ((ROOT / page).parent, ROOT, ROOT / "parity_tests", ROOT / "reports")
    assert not [path for path in named if path not in there and not any((f / path).exists() for f in folders)]


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


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_named_is_there(page):
    text = PAGES[page]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    shell = "".join(code for kind, code in BLOCK.findall(text) if not kind) + "".join(re.findall(r"`[^`\n]+`", text))
    for used in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", shell):
        assert set(used.split()) <= set(targets), used
    for module in re.findall(r"python -m ([\w.]+)", shell):
        assert importlib.util.find_spec(module), module
    for command in re.findall(r"\bbackprop-[a-z]+", text):
        module, function = PROJECT["scripts"][command].split(":")
        assert hasattr(importlib.import_module(module), function), command


def test_every_command_that_pip_installs_is_named():
    assert all(command in "".join(PAGES.values()) for command in PROJECT["scripts"])


def test_each_of_the_four_readers_has_a_command_and_a_page():
    heads = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", README, re.MULTILINE))
    assert [*heads][:5] == ["Install", "Learn", "Teach", "Check", "Train"]
    for reader in ("Learn", "Teach", "Check", "Train"):
        assert BLOCK.search(heads[reader])
        assert f"[{reader}](docs/{reader.lower()}.md)" in heads[reader]


# ---------------------------------------------------------------- pictures


def test_the_page_that_is_ready_is_linked_first_with_its_date_and_machine():
    assert re.findall(r"\]\(([^)]+)\)", README)[0] == "docs/page/index.html"
    page = (ROOT / "docs" / "page" / "index.html").read_bytes()
    assert len(page) < 1_500_000
    made = dict(re.findall(r"<dt>(Made|CPU)<dd>(.*)", page.decode()))
    assert made["Made"][:10] in README
    assert made["CPU"] in README


def test_every_picture_is_shown_and_stands_alone_in_both_schemes():
    pictures = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.svg")}
    shown = [
        ((ROOT / page).parent / target).relative_to(ROOT).as_posix()
        for page, text in PAGES.items()
        for target in re.findall(r'!\[[^]]+\]\(([^)]+)\)|<img src="(\S+)" width="\d+" alt="[^"]+">', text)
        for target in filter(None, target)
    ]
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
    for page in (README, PAGES["docs/verified.md"]):
        assert re.findall(r"more than (\d+) mistakes", page) == [str((len(BUGS) - 1) // 100 * 100)]
    assert f"{prove.NETWORKS:,} random networks" in README
    assert f"{len(DEVICE_BUGS)} mistakes with devices" in PAGES["docs/machines.md"]


def test_the_versions_are_those_that_are_tested():
    pinned = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"torch (\d[\d.]*\d)", PAGES["docs/install.md"])) == {pinned["torch"]}
    assert set(re.findall(r"Python (\d\.\d+)", README)) == {PROJECT["requires-python"].removeprefix(">=")}


@pytest.mark.parametrize(("dtype", "power"), [(np.float64, -12), (np.float32, -3)])
def test_what_rounding_allows_is_what_is_said_about_mps(rng, dtype, power):
    layer, x = Linear(784, 32, rng=rng).astype(dtype), rng.standard_normal((8, 784)).astype(dtype)
    allowed = 2 * layer_bounds(layer, x, np.ones((8, 32), dtype))["y"].error.max()
    assert f"some 1e{power} in {np.dtype(dtype).name}" in " ".join(PAGES["docs/install.md"].split())
    assert round(np.log10(allowed)) == power
