"""Which tests hold which claim or erratum, read from the tests' own marks."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[2] / "parity_tests"


def marked(folder: Path = TESTS) -> Iterator[tuple[str, list[str]]]:
    """(test, ids) for every test that carries `@pytest.mark.ledger(…)`; none where the tests are not installed."""
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                ids = [
                    ast.literal_eval(claim)
                    for mark in node.decorator_list
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.ledger"
                    for claim in mark.args
                ]
                if ids:
                    yield f"{folder.name}/{path.name}::{node.name}", ids
