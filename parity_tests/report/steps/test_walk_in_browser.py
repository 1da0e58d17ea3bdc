"""The walks through the documents' two training steps in a browser: by buttons, keys and links, and on paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from experiments.report.steps import walk
from parity_tests.report.steps.opened import opened

HAND, DERIVATIVES = walk.hand_computation(), walk.derivatives()


@pytest.fixture
def view(browser: Browser, index: Path) -> Iterator[Page]:
    """The report, opened."""
    with opened(browser, index) as page:
        yield page


def seen(view: Page, section: str = "#hand") -> list[str]:
    """The steps that are to be seen."""
    ids = "steps => steps.filter(step => step.checkVisibility()).map(step => step.id)"
    return view.locator(f"{section} .step").evaluate_all(ids)


def hand(*places: int) -> list[str]:
    return [f"hand-{place}" for place in places]


EVERY = range(1, len(HAND) + 1)


def test_without_a_script_every_step_is_there(browser, index):
    with browser.new_context(java_script_enabled=False) as context:
        view = context.new_page()
        view.goto(index.as_uri())
        for steps in (HAND, DERIVATIVES):
            for step in steps:
                shown = view.locator(f"#{step.id}")
                assert shown.is_visible()
                assert shown.locator("svg").is_visible()
                for line in step.lines:
                    numbers = shown.inner_text().replace("\N{NO-BREAK SPACE}", " ")
                    assert line.numbers.replace("\N{NO-BREAK SPACE}", " ") in numbers
        assert view.locator(".controls:visible").count() == 0


def test_the_walk_steps_by_its_buttons_and_lights_up_an_edge(view):
    previous, following, all_ = (
        view.locator("#hand").get_by_role("button", name=name) for name in ("Previous", "Next", "All")
    )
    assert seen(view) == hand(1)
    following.click()
    following.click()
    assert seen(view) == hand(3)
    edges = view.locator("#hand .edge.lit[pathLength]:visible")
    width = "edges => edges.map(edge => parseFloat(getComputedStyle(edge).strokeWidth))"
    assert edges.count() == 2
    assert min(edges.evaluate_all(width)) > max(view.locator("#hand .edge:not(.lit):visible").evaluate_all(width))
    previous.click()
    assert seen(view) == hand(2)
    all_.click()
    assert seen(view) == hand(*EVERY)
    following.click()
    assert seen(view) == hand(3)
    assert seen(view, "#derivatives") == ["derivatives-1"]


def collisions(view: Page) -> list[str]:
    """The texts of a drawing that meet another, and those outside the nodes that meet a node."""
    return view.locator(".network:visible").evaluate_all("""drawings => drawings.flatMap(drawing => {
        const step = drawing.closest("[id]").id;
        const texts = [...drawing.querySelectorAll("text")].filter(text => text.textContent);
        const nodes = [...drawing.querySelectorAll(".node")];
        const meet = (one, other) => {
            const [a, b] = [one, other].map(element => element.getBoundingClientRect());
            return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        };
        return texts.flatMap((text, i) => [
            ...texts.slice(i + 1).filter(other => meet(text, other)),
            ...nodes.filter(node => !text.matches(".value") && meet(text, node)),
        ].map(other => `${step}: ${text.textContent} meets ${other.textContent || "a node"}`));
    })""")


def test_no_label_meets_another_or_a_node_in_any_step(view):
    for section in ("#hand", "#derivatives"):
        view.locator(section).get_by_role("button", name="All").click()
    assert view.locator(".step .network:visible").count() == len(HAND + DERIVATIVES)
    assert collisions(view) == []
    label, value = (view.locator(f"#hand-12 text.{which}").last for which in ("label", "value"))
    label.evaluate("(label, [x, y]) => { label.setAttribute('x', x); label.setAttribute('y', y); }",
                   [value.get_attribute("x"), value.get_attribute("y")])  # fmt: skip
    assert len(collisions(view)) == 2


@pytest.mark.parametrize("section", ["hand", "derivatives"])
def test_on_a_narrow_screen_a_row_is_a_list_with_the_columns_names(view, section):
    table = view.locator(f"#{section}-1 table[role=table]")
    names = table.locator("thead th").all_text_contents()[1:]
    cells = table.get_by_role("row").filter(has=view.get_by_role("rowheader")).first.get_by_role("cell")
    assert table.locator("thead").is_visible()
    view.set_viewport_size({"width": 360, "height": 800})
    assert table.locator("thead").is_hidden()
    shown = "cells => cells.map(cell => getComputedStyle(cell, '::before').content.slice(1, -1))"
    assert cells.evaluate_all(shown) == names
    for steps in view.locator(f"#{section} .scroll:visible").all():
        assert steps.evaluate("box => box.scrollWidth <= box.clientWidth")
    tops = cells.evaluate_all("cells => cells.map(cell => cell.getBoundingClientRect().top)")
    assert tops == sorted(set(tops))


def test_the_walk_steps_by_keys_while_the_focus_is_in_it(view):
    assert view.locator("#hand .controls").get_by_text("← → step").is_visible()
    view.keyboard.press("ArrowRight")
    assert seen(view) == hand(1)
    view.locator("#hand").get_by_role("button", name="Next").focus()
    for key, place in {
        "ArrowRight": 2,
        "End": len(HAND),
        "ArrowLeft": len(HAND) - 1,
        "Home": 1,
        "Alt+ArrowRight": 1,
    }.items():
        view.keyboard.press(key)
        assert seen(view) == hand(place), key
    assert seen(view, "#derivatives") == ["derivatives-1"]


def test_the_arrows_are_left_to_a_table_that_scrolls(view):
    table = view.locator("#hand-1 .scroll")
    table.focus()
    for place in (2, 3):  # the table has gone with its step, the focus has not
        view.keyboard.press("ArrowRight")
        assert seen(view) == hand(place)
    view.set_viewport_size({"width": 500, "height": 800})
    view.locator("#derivatives-1 .scroll").focus()
    view.keyboard.press("ArrowRight")
    assert seen(view, "#derivatives") == ["derivatives-1"]


def test_the_walk_ends_at_its_ends_and_keeps_the_focus(view):
    following = view.locator("#hand").get_by_role("button", name="Next")
    for _ in range(len(HAND) + 2):
        following.press("Enter")
    assert seen(view) == hand(len(HAND))
    assert following.get_attribute("aria-disabled") == "true"
    assert following.evaluate("button => button === document.activeElement")


def test_the_step_is_announced(view):
    counter = view.locator("#hand [aria-live=polite]")
    assert counter.inner_text() == f"Step 1 of {len(HAND)}: forward"
    view.locator("#hand").get_by_role("button", name="Next").press("End")
    assert counter.inner_text() == f"Step {len(HAND)} of {len(HAND)}: update"


def test_a_link_leads_to_its_step(view, index):
    for open_ in (lambda: view.goto(f"{index.as_uri()}#hand-9"), view.reload):
        open_()
        expect(view.locator("#hand-9")).to_be_in_viewport()
        assert seen(view) == hand(9)


def test_paper_shows_every_step(view):
    view.emulate_media(media="print")
    view.set_viewport_size({"width": 680, "height": 1000})  # A4, less the margins
    assert seen(view) == hand(*EVERY)
    for step in view.locator(".step").all():
        sides = step.locator(".network, .numbers").evaluate_all(
            "both => both.map(each => each.getBoundingClientRect().left)"
        )
        assert sides == sorted(set(sides))
    assert view.locator(".controls:visible").count() == 0
