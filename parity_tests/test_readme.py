"""What the README shows is what happens."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import manual
import manual.layers
import manual.losses
import manual.optimizers
from manual import HalfMSELoss
from manual.documents import hand_computation
from torch_ref import compare_layer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def block(start):
    return next(code for code in PYTHON if code.startswith(start))


def test_the_hand_computation_gives_the_numbers_beside_it(capsys):
    code, names = block("from flint"), {}
    exec(code, names)
    said = dict(re.findall(r"^(\w+).*# (-?\d+/\d+)", code, re.MULTILINE))
    assert said.keys() == {"prediction", "cost", "delta"}
    for name, number in said.items():
        assert str(np.asarray(names[name], dtype=object).item()) == number
    assert capsys.readouterr().out.split()[0] == re.search(r"print.*# (\S+),", code)[1]  # pyright: ignore[reportOptionalSubscript]


def test_the_comparisons_run(capsys):
    network, x, y = hand_computation()
    exec(block("from torch_ref"), {"network": network, "loss": HalfMSELoss(), "x": x, "y": y})
    assert "comparisons agree" in capsys.readouterr().out


def test_the_new_layer_is_right(rng):
    names = {"np": np, "Layer": manual.Layer}
    exec(block("class Softplus"), names)
    for layer, x in names["examples"](rng):
        assert compare_layer(layer, x, rng).agrees


@pytest.mark.parametrize("package", [manual.layers, manual.losses, manual.optimizers])
def test_every_layer_loss_and_optimizer_is_importable_from_manual(package):
    assert all(getattr(manual, name) is getattr(package, name) for name in package.__all__)


def test_the_checker_says_what_the_readme_shows():
    arguments, shown = re.search(r"```\n\$ python -m (experiments\.check [^\n]*)\n(.*?)```", README, re.DOTALL).groups()  # pyright: ignore
    done = subprocess.run([sys.executable, "-m", *arguments.split()], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == shown
    assert done.returncode == 1


def test_every_file_that_the_readme_names_is_there():
    for path in re.findall(r"\]\(([\w/.]+)\)", README):
        assert (ROOT / path).exists(), path
