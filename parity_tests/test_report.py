"""The report, built from runs of two epochs."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from itertools import islice
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch

from experiments import report, train
from experiments.reporting import figures, formats, runs, survey, worked
from experiments.reporting.errata import ERRATA, by_hand
from experiments.reporting.svg import alone
from manual import HalfMSELoss, documents
from parity_tests.derived import proved, rounded
from torch_ref import Parity

SPEED = {"machine": {"CPU": "-", "NumPy": "-", "torch": "-", "threads": "1", "dtype": "float32"}, "rows": []}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        fit = train.run
        patch.setattr(train, "run", lambda arguments: fit([*arguments, "--trainer.max_epochs=2"]))
        patch.setitem(report.SEEDS, "digits", range(2))
        return report.train_all(tmp_path_factory.mktemp("report") / "runs")


@pytest.fixture(scope="module")
def rows(trained):
    return [*report.compare_all(trained)]


@pytest.fixture(scope="module")
def shown(trained):
    return report.contents(trained)


@pytest.fixture(scope="module")
def page(shown, rows):
    return report.page(shown, rows, SPEED)


@pytest.fixture
def made_of(shown, monkeypatch):
    """Let the report be made of the fixtures' runs and of these comparisons."""

    def patch(rows):
        monkeypatch.setattr(report, "train_all", lambda _: {})
        monkeypatch.setattr(report, "contents", lambda _: shown)
        monkeypatch.setattr(report, "compare_all", lambda _: rows)
        monkeypatch.setattr(report, "speed", lambda: SPEED)

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
    assert not {tag for tag, _ in tags.tags} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not tags.all("src")
    assert all(link.startswith("#") for link in tags.all("href"))
    assert all(link.startswith("#") for link in re.findall(r"url\(([^)]*)\)", page))
    assert "@import" not in page
    (policy,) = [a["content"] for _, a in tags.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert len(page.encode()) < 1_500_000


def test_every_id_is_there_once_and_every_link_leads_somewhere(page):
    tags = Tags(page)
    ids = Counter(tags.all("id"))
    assert not [name for name, n in ids.items() if n > 1]
    assert {link[1:] for link in tags.all("href")} | set(re.findall(r"url\(#([^)]*)\)", page)) <= ids.keys()


def test_every_figure_has_a_title_and_a_description(page):
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    labelled = [re.search(r'<title id="(.+?)">.+?</title><desc id="(.+?)">.+?</desc>', p) for p in pictures if "<title" in p]
    assert len(labelled) == 2 * len(report.NETWORKS) + 2 + 2 + 7
    assert all(found and f'aria-labelledby="{found[1]} {found[2]}"' in page for found in labelled)
    assert all('aria-label="a scanned ' in picture for picture in pictures if "<title" not in picture)


def test_a_picture_stands_alone_in_both_schemes(shown):
    for picture in shown["trainings"][-1].panels:
        root = ET.fromstring(alone(picture, report.palette()))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        style = root.findtext("{http://www.w3.org/2000/svg}style") or ""
        used = set(re.findall(r"var\(--(\w+)\)", picture))
        light, _, dark = style.partition("prefers-color-scheme: dark")
        assert used
        assert all(f"--{name}:" in scheme for name in used for scheme in (light, dark))


def test_no_colour_is_left_that_the_dark_page_cannot_change(page):
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--manual)" in drawn
    assert not re.findall(r"(?:fill|stroke|color): ?#[0-9a-f]+", drawn)


def test_every_number_of_the_hand_computation_is_on_the_page_in_order(page):
    section = page[page.index('<section id="hand">') : page.index('<section id="derivatives">')]
    shown = re.findall(r"</math><td class=\"n\">(.*?)<td", section)
    printed = [number for quantities in documents.PRINTED.values() for numbers in quantities.values() for number in numbers]
    assert shown == [number.replace("-", "−") for number in printed]


def test_a_number_that_is_not_the_exact_one_rounded_is_said_to_be_so(shown, rows, monkeypatch):
    monkeypatch.setitem(documents.PRINTED, "A13.8", {"W2": ["0.614", "0.9"]})
    page = report.page({**shown, "worked": worked.hand_computation()}, rows, SPEED)
    assert '0.614 <span class="fails">not the exact value rounded' in page
    assert page.count("not the exact value rounded") == 1


def test_every_erratum_is_on_the_page(page):
    assert [i for i in Tags(page).all("id") if re.fullmatch(r"E\d+", i)] == [*ERRATA]
    assert [*ERRATA] == [name for name in documents.claims() if name.startswith("E")]


def test_text_is_escaped(shown, rows):
    first, *rest = shown["errata"]
    page = report.page({**shown, "errata": [first | {"why": "<script>alert(1)</script>"}, *rest]}, rows, SPEED)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page


def test_a_benchmark_that_failed_is_said_to_have(shown, rows):
    assert "gave no result this time: it was never quiet" in report.page(shown, rows, {"error": "it was never quiet"})


def test_the_last_line_gives_the_place_and_the_verdict(made_of, rows, tmp_path, capsys):
    made_of(rows)
    assert report.main(["--out", str(tmp_path / "a" / "b")]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{tmp_path / 'a' / 'b' / 'index.html'}: {report.everything(rows).verdict}"
    assert re.search(r"index.html: [\d,]+ comparisons agree; the largest difference is 0\.\d+ of what is allowed", last)
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {"index.html", "digits-cost.svg", "digits-distance.svg"}
    assert "The two agree." in (tmp_path / "a" / "b" / "index.html").read_text("utf-8")


def test_a_comparison_that_fails_is_the_verdict_and_the_exit_code(made_of, rows, tmp_path, capsys):
    made_of(failing(rows))
    assert report.main(["--out", str(tmp_path)]) == 1
    assert "1 of " in capsys.readouterr().out.splitlines()[-1]
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "The two do not agree." in page
    assert '<td class="fails">differs' in page


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
        report.main(["--out", str(tmp_path / "file")])
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--out: expected a folder, got {tmp_path / 'file'}" in line


def test_a_training_error_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys):
    def diverges(arguments):
        raise train.Diverged("epoch 0, step 3:\n  the cost is nan")

    monkeypatch.setattr(train, "run", diverges)
    with pytest.raises(SystemExit) as exit_:
        report.main(["--out", str(tmp_path)])
    assert exit_.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("epoch 0, step 3: the cost is nan")


@pytest.fixture
def altered(trained, tmp_path):
    """The runs of the 2-2-1 network by hand and by torch, the latter with the cost of its first step changed in its file."""
    ours, theirs = (sides[0] for sides in trained["two_two_one"].values())
    folder = shutil.copytree(theirs.folder, tmp_path / "run")
    text, cost = (folder / "metrics.csv").read_text(), theirs.curves["train_cost"].item(0)
    assert repr(cost) in text
    (folder / "metrics.csv").write_text(text.replace(repr(cost), repr(cost * (1 + 2e-9)), 1))
    return ours, theirs, runs.read(folder)


def test_runs_whose_files_differ_do_not_agree(altered):
    ours, theirs, changed = altered
    assert runs.compare_runs("", ours, theirs).agrees
    wrong = runs.compare_runs("", ours, changed)
    assert wrong.first
    assert wrong.first.quantity == "train_cost"


def test_a_curve_that_one_run_lacks_does_not_agree(altered):
    ours, theirs, _ = altered
    less = theirs._replace(curves={name: curve for name, curve in theirs.curves.items() if name != "moved"})
    assert not runs.compare_runs("", ours, less).agrees
    assert not runs.compare_runs("", less, ours).agrees


def test_curves_are_drawn_from_the_file(altered):
    ours, theirs, changed = altered
    assert figures.training("a", "", [ours], [theirs]) == figures.training("a", "", [ours], [theirs])
    assert figures.training("a", "", [ours], [theirs]) != figures.training("a", "", [ours], [changed])


def test_the_path_begins_at_the_documents_weights_and_has_a_point_more_than_steps(trained):
    run = trained["two_two_one"]["torch"][0]
    path = figures.path(run, figures.ALIVE)
    assert path.shape == (len(run.curves["train_cost"]) + 1, 2)
    assert path[0].tolist() == [0.4, 0.6]


def test_the_dead_neuron_is_seen_not_to_move(trained):
    for (run,) in trained["two_two_one"].values():
        assert np.ptp(figures.path(run, figures.DEAD), axis=0).tolist() == [0, 0, 0, 0]


def test_every_piece_is_surveyed_in_both_dtypes(rows):
    surveyed = Counter(row.subject for row in rows if row.kind in ("layer", "loss", "optimizer"))
    pieces = {name for package in ("layers", "losses", "optimizers") for name in vars(survey.manual)[package].__all__}
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
    assert proved(torch.cat([db1, dW1, db2, dW2]), [d.written for d in worked.seven_derivatives()], errors)


@pytest.mark.parametrize(("written", "value", "text"), [
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
    groups = formats.groupby_in_order(worked.hand_computation(), "claim")
    assert [claim for claim, _ in islice(groups, 12)] == [*documents.PRINTED]
