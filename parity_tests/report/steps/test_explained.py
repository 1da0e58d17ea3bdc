"""A step in three views: the terms of its equation, its numbers and its lines of code are the same quantities."""

import re
from collections.abc import Iterator
from pathlib import Path

import flint
import pytest
from playwright.sync_api import Browser, Page

from experiments.report.chapters.errata import ERRATA
from experiments.report.page.template import render
from experiments.report.steps import explained, walk
from experiments.report.steps.notation import decimal
from experiments.report.steps.worked import by_hand, fraction, written_out
from manual import Linear, documents
from parity_tests.for_each import for_each
from parity_tests.report.steps.opened import alone, opened

HAND, DERIVATIVES = walk.hand_computation(), walk.derivatives()
STEPS = [*HAND, *DERIVATIVES]


def terms(markup: str) -> list[tuple[str, int, str]]:
    """Quantity, index and text of every term of numbers put in."""
    found = re.findall(r'data-term="(\w+) (\d)"[^>]*>([^<]*)<', markup)
    return [(quantity, int(i), text.strip("()")) for quantity, i, text in found]


@for_each("step", [(step.id, step) for step in STEPS])
def test_a_line_of_code_is_that_line_of_that_file(step):
    assert step.code
    for line in step.code:
        text = (explained.ROOT / line.file).read_text("utf-8").splitlines()[line.number - 1]
        assert re.sub("<[^>]*>", "", line.text).replace("&#39;", "'") == text.strip()
        assert "class=" in line.text or "return (u * u)" in text


def test_a_line_that_is_not_in_the_function_or_there_twice_is_an_error():
    for text in ("dW = nothing", "if "):
        with pytest.raises(LookupError, match=r"Linear\.forward"):
            explained.source(Linear.forward, text, {})


@pytest.mark.parametrize("steps", [HAND, DERIVATIVES], ids=["hand", "derivatives"])
def test_every_number_put_in_is_its_terms(steps):
    values = written_out() if steps is DERIVATIVES else by_hand(flint.fmpq)
    for line in (line for step in steps for line in step.lines):
        found = terms(line.worked)
        assert found
        for quantity, i, text in found:
            value = values[quantity][i]
            assert text == decimal(value if isinstance(value, flint.arb) else fraction(value))
        assert re.sub("<[^>]*>", "", line.worked) == line.numbers


@for_each("step", [(step.id, step) for step in STEPS])
def test_every_term_of_the_equation_is_among_its_numbers_or_its_result(step):
    for line in step.lines:
        named = re.findall(r'data-term="(\w+ \d)"', line.math)
        assert sorted(set(named[1:])) == sorted({f"{quantity} {i}" for quantity, i, _ in terms(line.worked)})
        assert len(named) == len(terms(line.worked)) + 1


def test_the_four_equations_act_where_the_post_has_them():
    acting = {step.claim: step.equations for step in HAND if step.equations}
    assert acting == {"A13.5": [1, 3], "A13.7": [4], "A13.9": [2], "A13.11": [4]}
    assert {n for step in DERIVATIVES for n in step.equations} == {1, 2, 3, 4}


def test_every_erratum_of_a_step_is_one():
    linked = {erratum for step in STEPS for erratum in step.errata}
    assert linked <= ERRATA.keys()
    assert ERRATA.keys() - linked == {"E12", "E13"}  # of training, where the page links them


@pytest.fixture
def view(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The hand computation alone."""
    section = render("sections/hand.html", hand=HAND, claims=documents.claims())
    with opened(browser, alone(section, tmp_path), has_touch=True) as page:
        yield page


def lit(view: Page) -> dict[str, set[str]]:
    """What is lit up in the step that is to be seen, by view."""
    where = {"drawing": ".network", "equation": ".line math", "numbers": ".worked", "code": ".code"}
    texts = "all => all.map(each => each.dataset.part ?? each.textContent)"
    drawn = "all => all.map(each => each.textContent)"
    found = {
        name: view.locator(f".step:visible {inside} .linked").evaluate_all(texts if name == "drawing" else drawn)
        for name, inside in where.items()
    }
    return {name: set(each) for name, each in found.items()}


THROUGH = """drawings => drawings.flatMap(drawing => [...drawing.querySelectorAll("path.edge")].flatMap(edge => {
    const matrix = edge.getScreenCTM(), length = edge.getTotalLength();
    const points = Array.from({length: 60}, (_, i) => edge.getPointAtLength(i * length / 59).matrixTransform(matrix));
    return [...drawing.querySelectorAll("text")].filter(text => {
        const {left, right, top, bottom} = text.getBoundingClientRect();
        return points.some(({x, y}) => left < x && x < right && top < y && y < bottom);
    }).map(text => `${drawing.closest("[id]").id}: ${text.textContent}`);
}))"""


def test_no_edge_runs_through_a_text(view):
    view.get_by_role("button", name="All").click()
    drawings = view.locator(".network:visible")
    assert drawings.count() == len(HAND)
    assert drawings.evaluate_all(THROUGH) == []
    drawings.first.locator(".label").first.evaluate(
        "label => { label.setAttribute('x', 279); label.setAttribute('y', 96); }"
    )
    assert drawings.evaluate_all(THROUGH)


@pytest.mark.parametrize("by", ["hover", *(pytest.param(by, marks=pytest.mark.slow) for by in ("focus", "tap"))])
def test_a_number_lights_up_its_edge_its_symbol_and_its_code(view, by):
    assert not any(lit(view).values())
    getattr(view.locator(".worked .term:visible", has_text=re.compile("^0.4$")), by)()
    assert lit(view) == {"drawing": {"W0"}, "equation": {"W1,11"}, "numbers": {"0.4"}, "code": {"W"}}


def test_an_edge_lights_up_its_numbers(view):
    view.locator(".step:visible g[data-part=x0] text").first.hover()
    assert lit(view) == {"drawing": {"x0"}, "equation": {"x1"}, "numbers": {"0.5"}, "code": {"a"}}


def test_a_prediction_is_right_or_gets_a_hint(view):
    view.get_by_role("button", name="Predict first").click()
    line = view.locator(".line:visible").first
    field, check = line.get_by_label("Your number"), line.get_by_role("button", name="Check")
    answer = line.locator("b")
    assert answer.is_hidden()
    assert view.locator(".step:visible table[role=table]").is_hidden()
    for guess, told in (("-0.32", "sign"), ("7", "Not yet"), ("7", "Here are the numbers")):
        field.fill(guess)
        check.click()
        assert told in line.get_by_role("status").inner_text()
        assert answer.is_hidden()
    field.fill("8/25")
    field.press("Enter")
    assert answer.is_visible()
    assert "Right" in line.get_by_role("status").inner_text()
    view.locator(".line:visible").last.get_by_role("button", name="Show").click()
    assert view.locator(".step:visible table[role=table]").is_visible()


def test_the_keys_step_the_walk_in_the_middle_of_the_screen_but_not_while_a_number_is_typed(view):
    view.locator(".step:visible .network").scroll_into_view_if_needed()
    view.keyboard.press("ArrowRight")
    assert view.locator(".step:visible").get_attribute("id") == "hand-2"
    view.get_by_role("button", name="Predict first").click()
    view.locator(".guess input:visible").first.press("ArrowRight")
    assert view.locator(".step:visible").get_attribute("id") == "hand-2"
