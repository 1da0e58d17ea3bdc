"""The report, built from runs of two epochs."""

import re
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from html.parser import HTMLParser
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from experiments.bench.verdict import judged
from experiments.report import make as report
from experiments.report.chapters.errata import ERRATA
from experiments.report.chapters.passes import by_hand
from experiments.report.command import main as report_main
from experiments.report.page import formats
from experiments.report.record import survey
from experiments.report.record.summary import summary
from experiments.report.steps import walk, worked
from experiments.train import command as train
from manual import HalfMSELoss, documents
from parity_tests.conftest import SPEED
from parity_tests.derived import proved, rounded
from torch_ref import Parity


@pytest.fixture
def made_of(shown, monkeypatch):
    """Let the report be made of the fixtures' runs and of these comparisons."""

    def patch(rows):
        monkeypatch.setattr(report, "train_all", lambda *_: {})
        monkeypatch.setattr(report, "contents", lambda _: shown)
        monkeypatch.setattr(report.language, "chapter", lambda *_: shown["language"])
        monkeypatch.setattr(report, "compare_all", lambda _: rows)
        monkeypatch.setattr(report, "speed", lambda full: SPEED)

    return patch


class Tags(HTMLParser):
    """Every start tag of a page, with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def failing(rows):
    """The same rows, with one comparison that differs."""
    first, *rest = rows
    wrong = replace(first.parity.comparisons[0], ratio=7.0, verdict="differs")
    return [first._replace(parity=Parity("cpu", [wrong, *first.parity.comparisons[1:]])), *rest]


def test_the_page_is_one_file_that_loads_nothing(page):
    tags = Tags(page)
    assert not {tag for tag, _ in tags.tags} & {"link", "iframe", "object", "embed", "base", "form"}
    assert all(source.startswith("data:image/png;base64,") for source in tags.all("src"))
    assert all(link.startswith("#") for link in tags.all("href"))
    assert all(link.startswith("#") for link in re.findall(r"url\(([^)]*)\)", page))
    assert "@import" not in page
    (policy,) = [a["content"] for _, a in tags.tags if a.get("http-equiv") == "Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    fingerprint = b64encode(sha256(script.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{fingerprint}'; img-src data:; style-src 'unsafe-inline'; base-uri "
        "'none'; form-action 'none'"
    )
    assert [tag for tag, _ in tags.tags].count("script") == 1
    assert len(page.encode()) < 1_500_000


def test_every_id_is_there_once_and_every_link_leads_somewhere(page):
    tags = Tags(page)
    ids = Counter(tags.all("id"))
    assert not [name for name, n in ids.items() if n > 1]
    assert {link[1:] for link in tags.all("href")} | set(re.findall(r"url\(#([^)]*)\)", page)) <= ids.keys()


def test_every_figure_has_a_title_and_a_description(page, shown):
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    titled = [picture for picture in pictures if 'aria-label="a scanned ' not in picture]
    drawn_once = len(report.TITLES) + 2 + 2 + 7 + 3 + 2 + 3 + 4  # the last are those of the language chapter
    drawn_by_step = len(shown["play"]) + len(documents.PRINTED) + len(walk.DERIVATIVES)
    assert len(titled) == drawn_once + drawn_by_step
    for picture in titled:
        found = re.search(r'<title id="(.+?)">.+?</title><desc id="(.+?)">.+?</desc>', picture)
        assert found
        assert f'aria-labelledby="{found[1]} {found[2]}"' in picture


def test_no_colour_is_left_that_the_dark_page_cannot_change(page):
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--manual)" in drawn
    assert not re.findall(r"(?:fill|stroke|color): ?#[0-9a-f]+", drawn)


def test_every_number_of_the_hand_computation_is_on_the_page_in_order(page):
    section = page[page.index('<section id="hand">') : page.index('<section id="derivatives">')]
    shown = re.findall(r'data-label="post">(.*?)<td', section)
    printed = [
        number for quantities in documents.PRINTED.values() for numbers in quantities.values() for number in numbers
    ]
    assert shown == [number.replace("-", "−") for number in printed]


def test_a_number_that_is_not_the_exact_one_rounded_is_said_to_be_so(shown, rows, monkeypatch):
    monkeypatch.setitem(documents.PRINTED, "A13.8", {"W2": ["0.614", "0.9"]})
    page = report.page({**shown, "hand": walk.hand_computation()}, rows, SPEED)
    assert '0.614 <span class="fails">not the exact value rounded' in page
    assert page.count("not the exact value rounded") == 1


def test_every_erratum_is_on_the_page(page):
    assert [i for i in Tags(page).all("id") if re.fullmatch(r"E\d+", i)] == [*ERRATA]
    assert [*ERRATA] == [name for name in documents.claims() if name.startswith("E")]


def test_text_is_escaped(shown, rows):
    first, *rest = shown["errata"]
    page = report.page({**shown, "errata": [first | {"why": "<script>alert(1)</script>"}, *rest]}, rows, SPEED)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_the_speeds_are_on_the_page_with_what_was_reached_and_what_was_not(shown, rows):
    spread = {"q1": 6.0, "median": 6.5, "q3": 7.0}
    row = {"workload": "2-2-1, batch 1", "manual_us": spread, "torch_us": spread, "ratio": spread, "of_gemm": None,
           "choice": "fused update", "flops": 1, "besides_kb": 1.0}  # fmt: skip
    timed = {"table": "steps", "threads": 1, "dtype": "float32", "machine": {"CPU": "a", "NumPy": "b", "torch": "c"},
             "rows": [row], "untimed": [{"workload": "digits, batch 64", "reason": "never quiet"}]}  # fmt: skip
    page = report.page(shown, rows, {"tables": [timed | {"targets": judged(timed)}]})
    section = page[page.index('<section id="speed">') :]
    assert "6.5, fused update<td" in section
    assert "6.5 (6–7)" in section
    assert "2-2-1, batch 1, torch / manual: aim at least 5 (ideal 7): 6.5, reached\n" in section
    assert "digits, batch 64, torch / manual: aim at least 2.5 (ideal 3.5), not timed" in section
    assert "digits, batch 64 was not timed: never quiet" in section


def test_a_benchmark_that_failed_is_said_to_have(shown, rows):
    assert "gave no result this time: it was never quiet" in report.page(shown, rows, {"error": "it was never quiet"})


def test_the_last_line_gives_the_place_and_the_verdict(made_of, rows, tmp_path, capsys):
    made_of(rows)
    assert report_main(["--out", str(tmp_path / "a" / "b")]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{tmp_path / 'a' / 'b' / 'index.html'}: {summary(rows).verdict}"
    assert re.search(
        r"index.html: [\d,]+ comparisons agree; the largest difference is \d+% of the rounding tolerance", last
    )
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {
        "index.html",
        "report.json",
        "digits.svg",
        "parity.svg",
        "walk.svg",
    }
    assert "The two agree." in (tmp_path / "a" / "b" / "index.html").read_text("utf-8")


def test_a_comparison_that_fails_is_the_verdict_and_the_exit_code(made_of, rows, tmp_path, capsys):
    made_of(failing(rows))
    assert report_main(["--out", str(tmp_path)]) == 1
    assert re.search(r"\b1 of [\d,]+ comparisons differs", capsys.readouterr().out.splitlines()[-1])
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "The two do not agree." in page
    assert '<td class="fails">differs' in page


def test_a_training_curve_beyond_its_limit_fails_the_report_and_is_none_of_the_comparisons(
    made_of, rows, tmp_path, capsys
):
    wrong = [row for row in reversed(rows) if row.kind == survey.TRAINING]
    made_of([row for row in rows if row.kind != survey.TRAINING] + failing(wrong))
    assert report_main(["--out", str(tmp_path)]) == 1
    curves = sum(len(row.parity.comparisons) for row in wrong)
    first = wrong[0].parity.comparisons[0]
    said = f"1 of {curves} training curves leave a chosen limit; the first is {first.place}, {first.quantity}: differs"
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"{summary(rows).derived.verdict}; {said}")
    page = (tmp_path / "index.html").read_text("utf-8")
    assert 'class="verdict fails" id="verdict"' in page
    assert f"{summary(rows).derived.verdict}. {said}." in page
    assert f'<p class="fails">1 of {curves} training curves do not stay within 10⁻⁹ of their size' in page
    assert "m-4-4" not in page


def test_the_old_page_stays_until_the_new_one_is_whole(tmp_path):
    report.write(tmp_path / "index.html", "the old one")
    with pytest.raises(UnicodeEncodeError):
        report.write(tmp_path / "index.html", "the new one, up to \ud800")
    assert (tmp_path / "index.html").read_text("utf-8") == "the old one"
    report.write(tmp_path / "index.html", "the new one")
    assert (tmp_path / "index.html").read_text("utf-8") == "the new one"


def test_an_out_that_is_a_file_is_one_line_and_exit_code_2(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as exit_:
        report_main(["--out", str(tmp_path / "file")])
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--out: expected a folder, got {tmp_path / 'file'}" in line


def test_a_training_error_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys):
    def diverges(arguments):
        raise train.Diverged("epoch 0, step 3:\n  the cost is nan")

    monkeypatch.setattr(train, "run", diverges)
    monkeypatch.setattr(report, "PICTURES", 80)
    with pytest.raises(SystemExit) as exit_:
        report_main(["--out", str(tmp_path)])
    assert exit_.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("epoch 0, step 3: the cost is nan")


def test_every_piece_is_surveyed_in_both_dtypes(rows):
    surveyed = Counter(row.subject for row in rows if row.kind in ("layer", "loss", "optimizer"))
    pieces = {
        name
        for package in ("layers", "blocks", "losses", "optimizers")
        for name in vars(survey.manual)[package].__all__
    }
    assert surveyed == dict.fromkeys(pieces, 2)


def test_the_written_derivatives_are_torchs():
    network = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Sigmoid(), torch.nn.Linear(2, 1)).double()
    t0, t1, t2, t3, t4, t5, t6 = map(float, documents.THETA)
    values = ([[t2], [t3]], [t0, t1], [[t5, t6]], [t4])
    for p, value in zip(network.parameters(), values, strict=True):
        p.data = torch.tensor(value, dtype=torch.float64)
    ((network(torch.tensor([[0.5]], dtype=torch.float64)) - 0.9) ** 2 / 2).sum().backward()
    dW1, db1, dW2, db2 = (p.grad.ravel() for p in network.parameters() if p.grad is not None)
    inputs, target = map(rounded, documents.one_example())
    gradient: Any = by_hand(rounded(documents.one_two_one()), inputs, target, HalfMSELoss()).gradient
    errors = documents.in_theta_order({name: g.error for name, g in gradient.items()})
    written = worked.written_out()
    assert proved(
        torch.cat([db1, dW1, db2, dW2]), [d for name in worked.IN_THETA_ORDER for d in written[f"d{name}"]], errors
    )


@pytest.mark.parametrize(("written", "value", "text"), [
    (formats.without_defaults, "step 1, SGD(lr=0.1, momentum=0, dampening=0)", "step 1, SGD(lr=0.1)"),
    (formats.without_defaults, "layer 0, Linear(in_features=3, out_features=4, bias=True)",
     "layer 0, Linear(in_features=3, out_features=4)"),
    (formats.without_defaults, "Adam(lr=0.01, betas=(0.5, 0.9), eps=1e-08)", "Adam(lr=0.01, betas=(0.5, 0.9))"),
    (formats.without_defaults, "Other(lr=0.1), a (b=1) c", "Other(lr=0.1), a (b=1) c"),
    (lambda place: formats.below(place, "step 1, SGD(lr=0.1)"), "step 1, SGD(lr=0.1)", "″"),
    (lambda place: formats.below(place, "step 1, SGD(lr=0.1)"), "step 2, SGD(lr=0.1)", "step 2, ″"),
    (lambda place: formats.below(place, "step 1, SGD(lr=0.1)"), "step 2, SGD(lr=0.2)", "step 2, SGD(lr=0.2)"),
    (lambda place: formats.below(place, "one"), "two", "two"),
    (formats.shortest, -0.0, "0"),
    (formats.shortest, -0.408, "−0.408"),
    (formats.scientific, 0.0, "0"),
    (formats.scientific, 2.4e-12, "2.4·10⁻¹²"),
    (formats.scientific, float("inf"), "∞"),
    (formats.scientific, float("nan"), "not a number"),
    (formats.ratio, 0.311, "0.31"),
    (formats.percent, 0.97166, "97.17 %"),
    (formats.latex_fraction, Fraction(-51, 125), r"-\frac{51}{125}"),
    (formats.latex_fraction, Fraction(0), "0"),
    (formats.latex_array, np.array([[1.0, -2.5e-17]]), r"\begin{bmatrix} 1 & -2.5 \cdot 10^{-17} \end{bmatrix}"),
])  # fmt: skip
def test_numbers_are_written_as_a_reader_expects(written, value, text):
    assert written(value) == text


def test_neighbours_are_grouped_in_the_order_in_which_they_come():
    steps = [step for step in walk.hand_computation() for _ in step.lines]
    groups = formats.groupby_in_order(steps, "claim")
    assert [claim for claim, _ in islice(groups, 12)] == [*documents.PRINTED]
