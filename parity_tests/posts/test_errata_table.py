"""The page's table of errata."""

import re
from collections import Counter
from html import unescape
from importlib import import_module

import pytest

from experiments.report import make as report
from experiments.report.chapters.errata import CATEGORIES, ERRATA
from experiments.report.record import claim_index
from manual.documents import claims
from parity_tests.conftest import SPEED


@pytest.fixture
def bodies(page):
    """Erratum -> its part of the table."""
    return dict(re.findall(r'<tbody id="(E\d+)">(.*?)</tbody>', page, re.DOTALL))


def test_every_erratum_has_its_part_with_all_headings(bodies):
    assert [*bodies] == [*ERRATA]
    for body in bodies.values():
        assert re.findall('data-label="(.*?)"', body) == [
            "as printed",
            "corrected",
            "as printed",
            "corrected",
            "reference",
        ]
        assert '<th scope="row">why' in body


def test_an_erratum_says_where_to_look_and_whether_the_printed_form_is_a_sentence(bodies):
    words = {erratum for erratum, body in bodies.items() if "In words; as a formula:" in body}
    assert words == {"E2", "E12", "E13"}
    index = claims()
    for erratum, body in bodies.items():
        head = unescape(body[: body.index("<td")])
        assert all(f"“{quote}”" in head for quote in index[erratum]["quotes"])


def test_an_erratum_names_tests_that_carry_it(bodies):
    for erratum, body in bodies.items():
        tests = re.findall(r"<code>(parity_tests/[\w/]+)\.py::(\w+)</code>", body)
        assert tests
        for file, test in tests:
            marks = getattr(import_module(file.replace("/", ".")), test).pytestmark
            assert erratum in {claim for mark in marks if mark.name == "ledger" for claim in mark.args}


def test_where_no_test_has_run_the_table_says_so(shown, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(claim_index, "HELD_BY", tmp_path / "absent.json")
    assert claim_index.held_by() == {}
    page = report.page({**shown, "errata": [erratum | {"tests": []} for erratum in shown["errata"]]}, rows, SPEED)
    assert page.count("unknown: no test has run here") == len(ERRATA)


def test_every_erratum_is_of_one_kind(page):
    assert Counter(erratum for errata in CATEGORIES.values() for erratum in errata) == dict.fromkeys(ERRATA, 1)
    overview = page[page.index('<table class="categories">') : page.index('<table class="errata">')]
    assert Counter(re.findall(r'<a href="#(E\d+)">', overview)) == dict.fromkeys(ERRATA, 1)
    assert [int(n) for n in re.findall(r'<td class="n">(\d+)', overview)] == [
        len(errata) for errata in CATEGORIES.values()
    ]
