"""The report in a browser: what it loads, shows, refuses, and how it prints."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

SCHEMES = ["light", "dark"]
A4 = 680
"""The pixels that A4's 210 mm leave beside the style sheet's margins of 15 mm."""

Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, index: Path) -> Iterator[Open]:
    """Open the report from its file, in a context with these options."""
    contexts = []

    def open_(**options) -> Page:
        contexts.append(browser.new_context(**options))
        view = contexts[-1].new_page()
        view.goto(index.as_uri())
        return view

    yield open_
    for context in contexts:
        context.close()


def unfold(view: Page, which: str = "details") -> None:
    view.locator(which).evaluate_all("all => all.forEach(details => { details.open = true; })")


@pytest.mark.parametrize("offline", [False, True])
def test_the_page_loads_nothing_and_complains_of_nothing(browser, index, offline):
    with browser.new_context(offline=offline) as context:
        view, requested, said = context.new_page(), [], []
        view.on("request", lambda request: requested.append(request.url))
        view.on("console", lambda message: said.append(message.text))
        view.on("pageerror", lambda error: said.append(error.message))
        view.goto(index.as_uri())
        view.keyboard.press("End")
        view.wait_for_load_state("networkidle")
        assert requested == [index.as_uri()]
        assert said == []


def test_its_policy_refuses_a_script_an_image_and_a_connection(opened):
    view = opened()
    blocked, passed = [], []
    view.on("requestfailed", lambda request: blocked.append(request.failure))
    view.on("requestfinished", lambda request: passed.append(request.url))
    refused = view.evaluate("""async () => {
        const refused = [];
        document.addEventListener("securitypolicyviolation", event => refused.push(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.injected = true";
        document.body.append(script);
        document.body.append(Object.assign(new Image(), {src: "https://example.com/image.png"}));
        await fetch("https://example.com/").catch(() => {});
        await new Promise(resolve => setTimeout(resolve));
        return refused;
    }""")
    assert sorted(refused) == ["connect-src", "img-src", "script-src-elem"]
    assert view.evaluate("window.injected") is None
    assert blocked == ["csp"]  # the image's; a script and a fetch come to nothing before they are requests
    assert passed == []


CONTRASTS = Path(__file__).with_name("contrast.js").read_text("utf-8")


def faint(view: Page) -> list[dict[str, Any]]:
    """The texts of less contrast than WCAG's level AA asks for."""
    unfold(view, "details:first-of-type")
    texts = view.evaluate(CONTRASTS)
    assert len(texts) > 1000
    return [text for text in texts if text["contrast"] < 4.5]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_has_the_contrast_of_level_aa(opened, scheme):
    assert faint(opened(color_scheme=scheme)) == []


def test_a_text_too_faint_is_found(opened):
    view = opened()
    wheres = ["#errata p", "svg text:not(:has(*))", "#errata td", ".confusion td.right"]
    places = [view.locator(where).first for where in wheres]
    for place in places:
        place.evaluate("element => { element.style.opacity = 0.4; }")
    assert {place.text_content() for place in places} <= {text["text"] for text in faint(view)}


def test_the_two_schemes_are_light_and_dark(opened):
    def colours(scheme):
        body = opened(color_scheme=scheme).locator("body")
        return body.evaluate("body => [getComputedStyle(body).backgroundColor, getComputedStyle(body).color]")

    light, dark = (
        [sum(map(int, colour.removeprefix("rgb(").rstrip(")").split(","))) for colour in colours(scheme)]
        for scheme in SCHEMES
    )
    assert light[0] > light[1]
    assert dark[0] < dark[1]


BESIDE = """() => [...document.body.querySelectorAll("*")].filter(element => {
    const {right} = element.getBoundingClientRect();
    return right > innerWidth + 1 && !element.parentElement.closest("svg") && !insideScroller(element);
    function insideScroller(e) {
        for (e = e.parentElement; e; e = e.parentElement) if (getComputedStyle(e).overflowX !== "visible") return true;
        return false;
    }
}).map(element => `${element.tagName} in ${element.closest("[id]")?.id}`)"""


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(opened, width):
    view = opened(viewport={"width": width, "height": 800})
    unfold(view)
    assert view.evaluate("document.scrollingElement.scrollWidth") <= width
    assert view.evaluate(BESIDE) == []


def test_every_control_is_reached_by_tab_and_shows_it(opened):
    view = opened(viewport={"width": 360, "height": 800})
    wanted = view.evaluate("""() => {
        const controls = "a[href], button, summary, input, select, textarea, [tabindex='0']";
        const scrolls = element => element.scrollWidth > element.clientWidth + 1
            && getComputedStyle(element).overflowX === "auto";
        const reachable = [...document.body.querySelectorAll("*")].filter(element =>
            (element.matches(controls) && element.tabIndex >= 0 && !element.disabled || scrolls(element))
            && element.checkVisibility());
        reachable.forEach((element, i) => { element.dataset.control = i; });
        return reachable.map(element => element.outerHTML.slice(0, 80));
    }""")
    assert len(wanted) > 30
    reached = set()
    for _ in range(len(wanted) + 10):
        view.keyboard.press("Tab")
        control, ring = view.evaluate("""() => {
            const {outlineStyle, outlineWidth} = getComputedStyle(document.activeElement);
            return [document.activeElement.dataset.control, outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
        }""")
        if control is not None:
            assert ring, wanted[int(control)]
            reached.add(int(control))
    assert [control for i, control in enumerate(wanted) if i not in reached] == []


def test_every_picture_has_a_name(opened):
    assert (
        opened().evaluate("""() => [...document.querySelectorAll("svg")].filter(svg => {
        const text = id => document.getElementById(id)?.textContent;
        const ids = svg.getAttribute("aria-labelledby");
        return !(ids ? ids.split(" ").every(text) : svg.getAttribute("aria-label") ||
            svg.querySelector(":scope > title"));
    }).map(svg => svg.outerHTML.slice(0, 80))""")
        == []
    )
    assert (
        opened().evaluate("""() => [...document.images].filter(image => !image.alt || !image.naturalWidth)
        .map(image => image.outerHTML.slice(0, 80))""")
        == []
    )


CUT = """() => [...document.body.querySelectorAll("*")].filter(element => {
    const {overflowX, overflowY} = getComputedStyle(element);
    return !element.closest("svg") && element.checkVisibility() && (
        overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1
        || overflowY !== "visible" && element.scrollHeight > element.clientHeight + 1);
}).map(element => element.outerHTML.slice(0, 80))"""


def test_nothing_is_cut_off_on_paper(opened):
    view = opened(viewport={"width": A4, "height": 1000})
    unfold(view)
    view.emulate_media(media="print")
    assert view.evaluate(BESIDE) == []
    assert view.evaluate(CUT) == []


def test_paper_is_white_and_without_what_is_folded_away(opened):
    view = opened(color_scheme="dark")
    unfold(view)
    view.emulate_media(media="print")
    assert view.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(255, 255, 255)"
    assert view.locator("nav").is_hidden()
    assert view.locator("#parity .raw > summary").first.is_visible()
    assert view.locator("#parity .raw table").first.is_hidden()
    note = view.locator("#parity").evaluate("section => getComputedStyle(section, '::after').content")
    assert "not printed" in note


def test_it_prints_as_many_pages_whatever_is_unfolded(opened):
    def pages():
        return view.pdf(format="A4").count(b"/Type /Page\n")

    view = opened()
    folded = pages()
    unfold(view)
    assert pages() == folded > 1
