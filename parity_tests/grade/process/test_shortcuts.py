"""What makes a file pass without a backward of its own is named; what people write otherwise is not."""

import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from experiments.grade import command as check
from experiments.grade.process.lookout import Lookout
from experiments.grade.shortcuts import shortcuts
from parity_tests.conftest import few
from torch_ref.truth import dual

CASES = Path(__file__).parents[2] / "cases"
SHORTCUTS = tomllib.loads((CASES / "shortcuts" / "index.toml").read_text("utf-8"))
RUNNING = tomllib.loads((CASES / "shortcuts" / "running" / "index.toml").read_text("utf-8"))
HONEST = [
    *CASES.glob("verdicts/*_fix.py"), *CASES.glob("hand-ins/*.py"), *Path(check.__file__).parent.glob("examples/*.py")
]  # fmt: skip
NEIGHBOURS = frozenset({"anna"})


@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_way_round_a_backward_of_one_s_own_is_named(name):
    found = shortcuts((CASES / "shortcuts" / f"{name}.py").read_text("utf-8"), NEIGHBOURS)
    assert any(SHORTCUTS[name] in what for what in found), found


def test_nothing_is_said_of_what_people_write():
    assert not shortcuts("import matplotlib.pyplot as plt\nplt.rcParams['figure.figsize'] = 5, 4")
    assert not shortcuts("import os\nos.environ['OMP_NUM_THREADS'] = '1'")
    assert not shortcuts("import sys\nIN_COLAB = 'google.colab' in sys.modules")
    assert not shortcuts("import torch\nwith torch.no_grad():\n    grad = torch.zeros(2)\n    layer.backward(grad)")
    assert not shortcuts("for e in steps:\n    assert abs((f(w + e) - f(w - e)) / (2 * e) - slope) < 1e-6")
    found = {path.name: shortcuts(path.read_text("utf-8"), NEIGHBOURS) for path in HONEST if path.stem != "half_done"}
    assert len(found) > 20
    assert not {name: what for name, what in found.items() if what}


@pytest.mark.parametrize("name", few(RUNNING, 6))
def test_what_shows_only_as_it_runs_is_named_then(name, run_apart):
    status, result = run_apart(CASES / "shortcuts" / "running" / f"{name}.py")
    assert status == 2
    assert RUNNING[name] in result["verdict"]


@pytest.mark.parametrize("name", ["class_of_ours", pytest.param("other_under_the_checker", marks=pytest.mark.slow)])
def test_a_file_with_one_does_not_agree(name, run_apart):
    status, result = run_apart(CASES / "shortcuts" / f"{name}.py")
    assert status == 2
    assert SHORTCUTS[name] in result["verdict"]


@pytest.mark.parametrize(
    ("owner", "name", "said"),
    [
        pytest.param(np, "dot", "numpy.dot", id="NumPy"),
        pytest.param(dual, "function_of", "torch_ref.truth.dual.function_of", id="a function of ours"),
        pytest.param(dual, "Dual", "torch_ref.truth.dual.Dual", id="a class of ours"),
        pytest.param(dual.Dual, "__mul__", "torch_ref.truth.dual.Dual.__mul__", id="a method"),
        pytest.param(dual.Dual, "one_more", "torch_ref.truth.dual.Dual.one_more", id="one more method"),
        pytest.param(sys.modules, dual.__name__, dual.__name__, id="a whole module"),
    ],
)
def test_what_the_checker_computes_with_may_not_change(owner, name, said, monkeypatch):
    lookout = Lookout("hand_in.py", "hand_in")
    lookout.remember()
    assert lookout.changed() == ""
    if owner is sys.modules:
        monkeypatch.setitem(owner, name, lambda *_: None)
    else:
        monkeypatch.setattr(owner, name, lambda *_: None, raising=False)
    assert lookout.changed() == said
