"""Which tests hold which claim or erratum: a test run writes it down for the page, which does not read the tests."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from experiments.report.record.claim_index import HELD_BY
from experiments.shared.command import write as replace

TESTS = Path(__file__).parents[1]


def marked() -> Iterator[tuple[str, list[str]]]:
    """(test, ids) for every test that carries `@pytest.mark.ledger(…)`."""
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "pytest.mark.ledger" in text else ():
            if isinstance(node, ast.FunctionDef) and (ids := [*_ids(node)]):
                yield f"{path.relative_to(TESTS.parent).as_posix()}::{node.name}", ids


def _ids(test: ast.FunctionDef) -> Iterator[str]:
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.ledger":
            yield from map(ast.literal_eval, mark.args)


def write(path: Path = HELD_BY) -> None:
    """Claim -> the tests that hold it, as JSON."""
    held: dict[str, list[str]] = {}
    for test, ids in marked():
        for claim in ids:
            held.setdefault(claim, []).append(test)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps(held, indent=1))
