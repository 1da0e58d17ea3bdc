"""The first screen's picture and the parity map: every comparison is there, where its ratio puts it."""

import math
import re
from collections import Counter
from itertools import accumulate

import numpy as np
import pytest

from experiments.report.chapters.ulp_error import UlpErrors, histogram, strips, ulp_errors
from experiments.report.draw.marks import EXACT, LEFT, ONE, WIDTH, heap, marks, place
from experiments.report.draw.parity_map import column, parity_map
from experiments.report.record.survey import Row
from torch_ref import Comparison, Parity
from torch_ref.comparison.verdict import NOT_JUDGED


def compared(ratio, verdict="agrees", quantity="y"):
    return Comparison("here", quantity, "float64", (2,), 0.0, ratio, verdict)


def row(*comparisons, kind="layer", subject="Tanh", dtype="float64", device="cpu"):
    return Row(kind, subject, dtype, Parity(device, [*comparisons]))


def surveyed(rows):
    return [row for row in rows if row.kind != "training run"]


def the_cell(*comparisons):
    [line] = parity_map([row(*comparisons)]).lines
    [cell] = line.filled
    return cell


def dots(svg):
    """Where the dots are: each path goes from one to the next."""
    found = []
    for path in re.findall(r'd="(m[^"]*h0)"', svg):
        steps = [(float(x), float(y)) for x, y in re.findall(r"m(-?[\d.]+) (-?[\d.]+)h0", path)]
        found += zip(*(accumulate(coordinates) for coordinates in zip(*steps, strict=True)), strict=True)
    return found


def crosses(svg):
    return [float(x) for x in re.findall(r"M([\d.]+) [\d.]+m-4-4", svg)]


def test_there_is_a_mark_for_every_comparison_of_the_survey_and_none_of_a_training_run(rows):
    comparisons = [c for row in surveyed(rows) for c in row.parity.comparisons]
    assert len(surveyed(rows)) < len(rows)
    drawn = dots(marks(rows))
    assert len(drawn) == len({*drawn}) == len(comparisons)
    assert sum(x < EXACT for x, _ in drawn) == sum(c.ratio == 0 for c in comparisons)
    assert max(x for x, _ in drawn) < ONE
    assert not crosses(marks(rows))


@pytest.mark.parametrize(("ratio", "left"), [(1e-4, LEFT), (0.01, (LEFT + ONE) / 2), (1, ONE)])
def test_the_scale_is_logarithmic(ratio, left):
    assert place(ratio, 4) == pytest.approx(left)


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(1.5, "differs"), (1e9, "differs"), (math.inf, "shape"), (math.nan, "differs")]
)
def test_what_is_beyond_is_a_cross_right_of_the_line(ratio, verdict):
    svg = marks([row(compared(0.5), compared(ratio, verdict))])
    assert len(dots(svg)) == 1
    [x] = crosses(svg)
    assert ONE < x < WIDTH


def test_one_that_was_not_judged_is_a_cross_where_its_ratio_is():
    [x] = crosses(marks([row(compared(0.5), compared(0.01, NOT_JUDGED))]))
    assert LEFT <= x < ONE


@pytest.mark.parametrize("ratio", [0, 0.5, 7])
def test_marks_that_fall_together_lie_on_each_other(ratio):
    found = heap([compared(ratio)] * 500, 3, 2)
    assert len({(mark.x, mark.level) for mark in found}) == 500


def test_more_marks_are_drawn_smaller_and_the_picture_stays_as_high():
    pictures = [marks([row(*[compared(0)] * n)]) for n in (3000, 12000)]
    few, many = (int(height) for svg in pictures for height in re.findall(rf'viewBox="0 0 {WIDTH} (\d+)"', svg))
    assert many <= 1.2 * few


def test_the_marks_of_two_devices_are_of_one_strip():
    svg = marks([row(compared(0.1)), row(compared(0.1), kind="loss"), row(compared(0.1), device="cuda")])
    assert "Layers: 2 comparisons, 0 exact<" in svg
    assert "Losses: 1 comparison, 0 exact<" in svg


def test_the_text_alternative_counts_what_does_not_agree():
    svg = marks([row(compared(0), compared(7, "differs"))])
    assert "Layers: 2 comparisons, 1 exact, the largest at 7.00 of the tolerance; 1 that do not agree." in svg


def test_every_comparison_of_the_survey_is_in_one_cell_and_none_of_a_training_run(rows):
    rows, all_rows = surveyed(rows), rows
    cells = [cell for line in parity_map(all_rows).lines for cell in line.filled]
    assert sum(len(cell.comparisons) for cell in cells) == sum(len(row.parity.comparisons) for row in rows)
    assert len({cell.name for cell in cells}) == len(cells)
    ours = Counter((cell.subject, cell.setting, id(c)) for cell in cells for c in cell.comparisons)
    assert ours == Counter(
        (row.subject.partition(":")[0], row.dtype, id(c)) for row in rows for c in row.parity.comparisons
    )


@pytest.mark.parametrize(("quantity", "name"), [
    ("y", "y"), ("dx", "dx"), ("delta", "delta"), ("cost", "cost"),
    ("dweight", "dweight"), ("dbias, by gradient()", "dbias"), ("d0.weight", "dweight"),
    ("d2.bias, by gradient()", "dbias"),
    ("weight", "weight"), ("2.bias", "bias"),
    ("weight, exp_avg", "state"), ("0.bias, step", "state"), ("slope", "other"),
])  # fmt: skip
def test_a_quantity_has_its_column(quantity, name):
    assert column(quantity) == name


@pytest.mark.parametrize(("comparisons", "verdict", "text"), [
    ([compared(0)], "exact", "="),
    ([compared(0), compared(0.3141)], "agrees", "0.31"),
    ([compared(2e-6)], "agrees", "10⁻⁶"),
    ([compared(0.3), compared(0.2, NOT_JUDGED)], "not judged", "?"),
    ([compared(0, NOT_JUDGED)], "not judged", "?"),
    ([compared(0.2, NOT_JUDGED), compared(1.01, "differs")], "differs", "≠"),
    ([compared(math.inf, "shape (2,), expected (3,)")], "differs", "≠"),
    ([compared(0.1), compared(math.nan, "differs")], "differs", "≠"),
])  # fmt: skip
def test_a_cell_says_what_became_of_its_comparisons(comparisons, verdict, text):
    cell = the_cell(*comparisons)
    assert (cell.verdict, cell.text) == (verdict, text)
    assert verdict in cell.label


def test_the_tint_gets_stronger_at_every_half_power_of_ten():
    assert [the_cell(compared(10**power)).tint for power in (-5.9, -2.1, -1.9, -1.4, -0.9, -0.4, 0)] == [
        1,
        1,
        2,
        3,
        4,
        5,
        5,
    ]


def test_two_dtypes_and_two_devices_are_four_columns_of_one_quantity():
    rows = [
        row(compared(0.1), dtype=dtype, device=device) for dtype in ("float32", "float64") for device in ("cpu", "cuda")
    ]
    found = parity_map(rows)
    assert found.settings == ["float32 cpu", "float32 cuda", "float64 cpu", "float64 cuda"]
    [line] = found.lines
    assert [cell.setting for cell in line.filled] == found.settings


def test_every_kind_has_the_columns_that_it_uses():
    rows = [
        row(compared(0), compared(0, quantity="dx")),
        row(compared(0, quantity="cost"), kind="loss", subject="MSELoss"),
    ]
    tables = parity_map(rows).tables
    assert [(table.heading, table.columns) for table in tables] == [("Layers", ["y", "dx"]), ("Losses", ["cost"])]


@pytest.mark.parametrize(("subject", "words"), [
    ("CrossEntropyLoss", ["Cross", "Entropy", "Loss"]), ("BCEWithLogitsLoss", ["BCE", "With", "Logits", "Loss"]),
    ("ReLU", ["Re", "LU"]), ("AvgPool2d", ["Avg", "Pool2d"]), ("SGD", ["SGD"]),
])  # fmt: skip
def test_a_name_may_break_before_its_capitals(subject, words):
    assert parity_map([row(compared(0), subject=subject)]).lines[0].words == words


def test_bars_count_what_is_exact_and_what_lies_in_a_quarter_of_a_power_of_ten():
    found = histogram(np.array([0, 0, 0, 0.02, 0.05, 0.06, 7, 10]), -2, 1)
    assert found.tolist() == [3, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 2]


def test_the_map_counts_its_cells():
    rows = [row(compared(0)), row(compared(0.5), subject="A"), row(compared(2, "differs"), subject="B")]
    assert parity_map(rows).verdict == "2 of 3 cells agree, 1 of them without any difference; 1 beyond what is allowed."


def test_who_is_nearer_is_counted_and_drawn():
    near = UlpErrors("layer", "Tanh", np.array([0.5, 0.25, 0, 0.5, 2]), np.array([0.5, 0.75, 0, 0.625, 1]))
    assert (near.numbers, near.manual_nearer, near.torch_nearer, near.equal) == (5, 2, 1, 2)
    assert (near.median, near.largest) == ((0.5, 0.625), (2, 1))
    [panel] = strips([near])
    assert "Tanh: our code at most 2.00, PyTorch at most 1.00." in panel
    [moved] = strips([near._replace(manual=np.array([0.5, 0.25, 0, 0.5, 5]))])
    assert panel != moved


def test_what_is_within_the_truths_own_ball_is_exact():
    distances = np.concatenate([side for n in ulp_errors() for side in (n.manual, n.torch)])
    assert distances[distances > 0].min() > 1e-6
    assert {n.subject for n in ulp_errors() if not n.manual.any()} >= {"Flatten", "Identity", "ReLU"}


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def view(request, browser, page, tmp_path):
    (tmp_path / "index.html").write_text(page, "utf-8")
    options = {"viewport": {"width": 1200, "height": 900}, "reduced_motion": "reduce"}
    with browser.new_context(**options, java_script_enabled=request.param) as context:
        view = context.new_page()
        view.goto((tmp_path / "index.html").as_uri())
        yield view


def test_the_verdict_and_the_network_are_on_the_first_screen(view):
    for which in ("#verdict", "#play-two-two-one .network"):
        box = view.locator(which).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 900


def test_a_cell_opens_its_comparisons_and_they_lead_back(view):
    view.locator("#parity > details > summary").click()
    cell = view.locator(".map a").last
    details = view.locator(cell.get_attribute("href"))
    assert not details.is_visible()
    cell.focus()
    view.keyboard.press("Enter")
    details.wait_for(state="visible")
    box = details.bounding_box()
    assert 0 <= box["y"] < 900
    view.keyboard.press("Tab")
    view.keyboard.press("Enter")
    view.wait_for_url(f"**#{cell.get_attribute('id')}")
    assert 0 <= cell.bounding_box()["y"] < 900


def test_a_browser_that_leaves_a_target_folded_is_helped(browser, page, tmp_path):
    (tmp_path / "index.html").write_text(page, "utf-8")
    with browser.new_context() as context:
        view = context.new_page()
        view.goto((tmp_path / "index.html").as_uri() + "#layer-0-0")
        view.locator("#layer-0-0").wait_for(state="visible")
        view.evaluate("document.querySelectorAll('#parity details').forEach(each => { each.open = false; })")
        assert view.locator("#layer-0-0").is_hidden()
        view.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
        view.locator("#layer-0-0").wait_for(state="visible")
