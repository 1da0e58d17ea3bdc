"""`python -m experiments.report --compare`: two records of a report side by side."""

import math
import re
from dataclasses import replace

import pytest

from experiments.report.command import main as report_main
from experiments.report.record import comparison
from experiments.report.record.json_record import Result, Speed, as_json
from parity_tests.records import compared, record
from torch_ref import Comparison

HOSTILE = "<script>alert(1)</script>\x1b[2J\n"


def lines(found, title):
    """The lines of one table, as tuples of cells."""
    (table,) = [table for table in found.tables if table.title.startswith(title)]
    return [tuple(line.cells) for line in table.lines]


@pytest.fixture
def run(tmp_path, capsys):
    """Write two records, compare them on the command line, and give status, text and page."""

    def command(a, b):
        for name, one in (("a.json", a), ("b.json", b)):
            (tmp_path / name).write_text(as_json(one), "utf-8")
        given = ["--out", str(tmp_path / "out"), "--compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]
        status = report_main(given)
        return status, capsys.readouterr().out, (tmp_path / "out" / "compare.html").read_text("utf-8")

    return command


# ---------------------------------------------------------------- the differences


def test_equal_runs_have_no_difference(run):
    status, text, page = run(record(compared()), record(compared()))
    assert status == 0
    same, verdict = text.splitlines()
    assert same == "The same: verdicts, what was compared, differences, training results, environment, speed."
    assert verdict.endswith("compare.html: no verdict got worse; of 1 comparison in both, 0 changed")
    assert same in page
    assert "<table" not in page


def test_what_differs_comes_first_and_what_does_not_is_one_line(run):
    a = record(compared(), made={"CPU": "X"}, speeds=[Speed("small", 9, 10, 11)])
    b = record(compared(ratio=0.5), made={"CPU": "Y"}, speeds=[Speed("small", 9, 10, 11)])
    _, text, page = run(a, b)
    same = "The same: verdicts, what was compared, training results, speed."
    assert text.index("Differences") < text.index("Made with") < text.index(same)
    assert re.findall("<h2>(.*?)</h2>", page) == [
        "Differences in units of what is allowed, where the verdict is the same", "Made with",
    ]  # fmt: skip
    assert page.index("</section>") < page.index(same)


def test_where_everything_differs_nothing_is_the_same():
    sides = [
        record(
            compared("y", verdict=verdict), compared("dx", ratio), compared(verdict), made={"CPU": cpu},
            results=[Result("digits", "manual", 0, "test_cost", ratio)], speeds=[Speed("small", 1, ratio, 3)],
        )
        for verdict, ratio, cpu in (("agrees", 0.1, "X"), ("not judged", 0.2, "Y"))
    ]  # fmt: skip
    found = comparison.difference(*sides)
    assert found.same == ""
    assert [table.what for table in found.tables] == [
        "verdicts", "what was compared", "differences", "training results", "environment", "speed",
    ]  # fmt: skip
    assert found.verdict == (
        "1 verdict got worse; 1 comparison is in A alone, which counts as worse; 1 comparison is in B alone; "
        "of 2 comparisons in both, 2 changed; 1 of 1 training results differs"
    )


def test_a_verdict_that_got_worse_comes_first_and_is_the_exit_code(run):
    fine, unjudged, wrong = compared("dx"), compared("y", verdict="not judged"), compared("y", 7.0, "differs")
    a = record(wrong, compared("b", 3.0, "differs"), fine)
    b = record(unjudged, compared("b"), compared("dx", 2.0, "differs"))
    status, text, page = run(a, b)
    assert status == 1
    assert re.findall(r"^  (\S+) .* Linear +(\S+) ", text, re.MULTILINE) == [
        ("agrees", "dx"), ("differs", "y"), ("differs", "b"),
    ]  # fmt: skip
    assert text.splitlines()[-1].endswith("1 verdict got worse; of 3 comparisons in both, 3 changed")
    assert 'class="verdict fails"' in page
    assert page.count('<td>agrees<td>differs<td class="n">0.25<td class="n">2.00') == 1


def test_a_likely_cause_is_told_where_there_is_one():
    a, b = compared(), compared(ratio=2.0, verdict="differs")
    for wrong, cells in ((b, ()), (replace(b, cause="a transpose"), ("a transpose",))):
        [table, *_] = comparison.difference(record(a), record(wrong)).tables
        assert table.lines[0].cells[9:] == cells
        assert len(table.head) == len(table.lines[0].cells)


@pytest.mark.parametrize(("a", "b", "worse"), [
    (("agrees", 0.5), ("agrees", 0.9), False),
    (("agrees", 0.5), ("not judged", 0.5), True),
    (("not judged", 0.5), ("differs", math.nan), True),
    (("differs", 2.0), ("not judged", 0.0), False),
    (("differs", 2.0), ("shape (1,), expected (2,)", math.inf), False),
])  # fmt: skip
def test_what_agrees_is_better_than_what_says_nothing_and_that_than_what_differs(a, b, worse):
    one, other = (record(compared(ratio=ratio, verdict=verdict)) for verdict, ratio in (a, b))
    assert comparison.difference(one, other).status == worse


def test_a_comparison_that_b_lacks_is_worse_and_one_that_it_adds_only_if_it_fails():
    few, more = record(compared()), record(compared(), compared("dx"))
    many = record(compared(), compared("dx"), compared("dW", 2.0, "differs"))
    found = comparison.difference(few, more)
    assert (found.verdict.split("; ")[:2], found.status) == (["no verdict got worse", "1 comparison is in B alone"], 0)
    found = comparison.difference(few, many)
    assert lines(found, "In one") == [("B", "layer", "Linear", "float64", "cpu", "2", "1")]
    assert (found.verdict.split("; ")[:2], found.status) == (["1 verdict got worse", "2 comparisons are in B alone"], 1)
    found = comparison.difference(more, few)
    assert lines(found, "In one") == [("A", "layer", "Linear", "float64", "cpu", "1", "0")]
    assert (found.verdict.split("; ")[:2], found.status) == (
        ["no verdict got worse", "1 comparison is in A alone, which counts as worse"], 1,
    )  # fmt: skip


def test_equal_names_are_paired_in_their_order():
    a, b = (record(compared(ratio=first), compared(ratio=second)) for first, second in ((0.1, 0.2), (0.3, 0.9)))
    found = comparison.difference(a, b)
    assert [line[:2] for line in lines(found, "Differences")] == [("0.20", "0.90"), ("0.10", "0.30")]


def test_the_ratio_that_moved_furthest_comes_first():
    before = {"a": 0.5, "b": 0.2, "c": 0.3, "d": 0.01, "e": 0.4}
    after = {"a": 0.5, "b": 0.9, "c": 0.1, "d": 0.02, "e": math.nan}
    one, other = (record(*[compared(name, ratio) for name, ratio in run.items()]) for run in (before, after))
    assert [line[3] for line in lines(comparison.difference(one, other), "Differences")] == ["e", "b", "c", "d"]


def test_a_run_on_a_gpu_is_held_against_one_on_a_cpu():
    cpu, cuda = record(compared()), record(compared(ratio=0.5), device="cuda")
    found = comparison.difference(cpu, cuda)
    assert lines(found, "Differences") == [("0.25", "0.50", "Linear", "y", "float64", "cpu and cuda", "Linear(3, 4)")]
    both = cpu._replace(rows=cpu.rows + cuda.rows)
    for a, b, device in ((cpu, both, "cpu and cuda"), (both, cpu, "cuda and cpu")):
        found = comparison.difference(a, b)
        assert (found.compared, found.alone, [line[5] for line in lines(found, "Differences")]) == (2, [], [device])


def test_runs_with_nothing_in_common_are_not_the_same():
    some, none = record(compared()), record()
    for a, b in (
        (some, none),
        (none, some),
        (none, none),
        (some, record(compared("z"))),
        (some, record(compared(shape=()))),
    ):
        assert comparison.difference(a, b).status == 1
        assert comparison.difference(a, b).verdict == "the two have no comparison in common"


def test_what_else_differs_is_shown():
    a = record(
        compared(),
        made={"CPU": "X", "NumPy": "2.4", "CUDA": "none"},
        speeds=[Speed("small", 9, 10, 11), Speed("old", 1, 2, 3)],
        results=[Result("digits", side, 0, "test_accuracy", 0.97) for side in ("manual", "torch")],
    )
    b = record(
        compared(),
        made={"CPU": "Y", "NumPy": "2.4", "BLAS": "mkl"},
        speeds=[Speed("small", 7, 8, 9)],
        results=[
            Result("digits", "manual", 0, "test_accuracy", 0.97),
            Result("digits", "torch", 0, "test_accuracy", 0.96),
        ],
    )
    found = comparison.difference(a, b)
    assert lines(found, "Made") == [("CPU", "X", "Y"), ("CUDA", "none", "–"), ("BLAS", "–", "mkl")]
    assert lines(found, "Speed") == [("small", "10 (9–11)", "8 (7–9)"), ("old", "2 (1–3)", "–")]
    assert lines(found, "What") == [("0.97", "0.96", "1.0·10⁻²", "digits", "torch", "0", "test_accuracy")]
    assert found.verdict.endswith("0 changed; 1 of 2 training results differs")
    assert found.status == 0


def test_the_training_results_that_are_furthest_apart_come_first_and_before_them_what_one_run_lacks():
    ends = {"a": (1.0, 1.5), "b": (1.0, 3.0), "c": (1.0, 0.9), "d": (1.0, 1.0)}
    a, b = (record(compared(), results=[Result(name, "torch", 0, "test_cost", pair[i]) for name, pair in ends.items()])
            for i in (0, 1))  # fmt: skip
    b.results.append(Result("e", "torch", 0, "test_cost", 2.0))
    assert [line[3] for line in lines(comparison.difference(a, b), "What")] == ["e", "b", "a", "c"]


def test_a_long_table_is_cut_and_says_so(run):
    many = [record(*[compared(f"q{i}", ratio + i / 1000) for i in range(150)]) for ratio in (0.1, 0.5)]
    _, text, page = run(*many)
    assert "and 140 more" in text
    assert "And 50 more." in page


# ---------------------------------------------------------------- names that mean harm


def test_a_name_in_the_file_is_neither_html_nor_an_order_to_the_terminal(run):
    bad = Comparison(HOSTILE, HOSTILE, HOSTILE, (), 1.0, 5.0, HOSTILE, HOSTILE)
    hostile = record(
        bad,
        subject=HOSTILE,
        made={HOSTILE: HOSTILE},
        results=[Result(HOSTILE, HOSTILE, 0, HOSTILE, 1.0)],
        speeds=[Speed(HOSTILE, 1, 2, 3)],
    )
    for pair in (
        (hostile, record(compared())),
        (record(compared()), hostile),
        (hostile, record(replace(bad, ratio=0.1))),
    ):
        _, text, page = run(*pair)
        assert "\x1b" not in text
        assert "&lt;script&gt;alert(1)" in page
        assert "<script" not in page


def test_the_page_loads_nothing_and_fits_a_phone(run, browser, tmp_path):
    run(record(compared(place="x" * 400)), record(compared(place="x" * 400, ratio=0.5), made={"CPU": "y" * 400}))
    page = browser.new_page(viewport={"width": 360, "height": 800})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    url = (tmp_path / "out" / "compare.html").as_uri()
    page.goto(url)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert (said, asked) == ([], [url])
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    page.close()
