"""Hand-ins in the forms that people write: each gets what cases/hand-ins/index.toml says, whatever it calls its own
things."""

import ast
import tomllib
from fnmatch import fnmatch
from itertools import product
from pathlib import Path

import pytest

from experiments.grade.forms import FORMS, listed
from experiments.grade.forms.definitions import notebook_cells
from parity_tests.bugs.planted import planted
from parity_tests.grade.checking import not_judged, rows

CASES = Path(__file__).parents[2] / "cases" / "hand-ins"
INDEX = {case.pop("file"): case for case in tomllib.loads((CASES / "index.toml").read_text("utf-8"))["file"]}
OF_EVERY_CLASS = ["self", "cls", "_*"]


def variants():
    """Each file as it is, then with all of its edits, and with each alone; one of the first two is quick, in turn."""
    for place, (name, case) in enumerate(INDEX.items()):
        edits, slow = case.get("edit", []), case.get("slow", False)
        right, wrong = ([pytest.mark.slow] if slow or (edits and place % 2 == at) else [] for at in (0, 1))
        yield pytest.param(name, [], id=name, marks=right)
        if edits:
            yield pytest.param(name, edits, id=f"{name}, wrong", marks=wrong)
        for edit in edits if len(edits) > 1 else []:
            yield pytest.param(name, [edit], id=f"{name}: {edit['wrong']}", marks=pytest.mark.slow)


class Renamed(ast.NodeTransformer):
    """A file whose own names are others, but for those that a form fixes."""

    def __init__(self, tree: ast.AST, fixed: list[str]) -> None:
        nodes = [*ast.walk(tree)]
        imported = {n for node in nodes if isinstance(node, ast.alias) for n in (node.name, node.asname)}
        self.defined = {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        bound |= {n.arg for n in nodes if isinstance(n, ast.arg)} | self.defined
        bound |= {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
        own = {n for n in bound if n not in imported and not any(fnmatch(n, pattern) for pattern in fixed)}
        self.names = {name: f"{name[0]}q{i}" for i, name in enumerate(sorted(own))}

    def visit_Name(self, node):
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node):
        node.arg = self.names.get(node.arg, node.arg)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node):
        node.name = self.names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_ClassDef(self, node):
        node.name = self.names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_Attribute(self, node):
        is_own = isinstance(node.value, ast.Name) and node.value.id == "self"
        node.attr = self.names.get(node.attr, node.attr) if is_own else node.attr
        return self.generic_visit(node)

    def visit_Call(self, node):
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in self.defined:
            for keyword in node.keywords:
                keyword.arg = self.names.get(keyword.arg or "", keyword.arg)
        return self.generic_visit(node)


def renamed(path, fixed):
    """The text of a file, or notebook, whose own names are others."""
    cells = notebook_cells(path) if path.suffix == ".ipynb" else [path.read_text("utf-8")]
    tree = ast.parse("\n".join(cell.lstrip("\n") if path.suffix == ".ipynb" else cell for cell in cells))
    return ast.unparse(Renamed(tree, [*fixed, *OF_EVERY_CLASS]).visit(tree))


def test_every_hand_in_is_in_the_index_one_right_and_one_wrong_of_each_form():
    assert {path.name for path in CASES.iterdir() if path.suffix in (".py", ".ipynb")} == INDEX.keys()
    verdicts = {(case["form"], case["verdict"]) for case in INDEX.values()}
    verdicts |= {(case["form"], "wrong") for case in INDEX.values() if "edit" in case}
    assert verdicts == {*product({case["form"] for case in INDEX.values()}, ("right", "wrong"))}


@pytest.mark.parametrize(
    "renames", [pytest.param(False, id="as it is"), pytest.param(True, id="renamed", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("name", "edits"), [*variants()])
def test_a_hand_in_gets_its_verdict_whatever_it_calls_its_own_things(name, edits, renames, run, tmp_path):
    case, path = INDEX[name], tmp_path / name
    source = (CASES / name).read_text("utf-8")
    path.write_text(planted(source, *((edit["right"], edit["wrong"]) for edit in edits)), "utf-8")
    if renames:
        path, text = path.with_suffix(".py"), renamed(path, case["fixed"])
        path.write_text(text, "utf-8")
    status, result = run(path)
    wrong = {(piece, row["quantity"]) for piece, row in rows(result) if row["verdict"] == "differs"}
    expected = {quantity for found in [case, *edits] for quantity in found.get("quantity", [])}
    assert not_judged(result) == {}
    if renames:  # the names of pieces and of quantities may be the file's own
        assert len(wrong) == len(expected)
    else:
        assert {f"{piece}.{quantity}" for piece, quantity in wrong} == expected
    assert status == (1 if expected else 0), result["verdict"]


def test_every_form_is_listed_in_a_few_lines():
    texts, shown = [(form.__doc__ or "").strip() for form in FORMS], listed()
    assert all(4 <= len(text.splitlines()) <= 9 for text in texts)
    assert all(text in shown for text in texts)


NOT_UNDERSTOOD = {
    case["what"]: case
    for case in tomllib.loads((CASES.parent / "not-understood.toml").read_text("utf-8"))["file"]
}  # fmt: skip
SQUASH = """
    import numpy as np
    def squash(x): return 1 / (1 + np.exp(-x))
    def squash_derivative(x): return squash(x) * (1 - squash(x))
"""


@pytest.mark.parametrize("what", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_no_agreement(what, run):
    assert run(f"{SQUASH}---{NOT_UNDERSTOOD[what]['source']}")[0] == NOT_UNDERSTOOD[what]["status"]
