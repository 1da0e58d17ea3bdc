"""The network to play with: its script computes what the hand-written code computes, and all that is shown follows."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from experiments.report.chapters import passes
from experiments.report.make import PAGE
from experiments.report.page.template import render
from experiments.report.steps import play
from manual import SGD, HalfMSELoss, Network, ReLU, Sigmoid
from manual.documents import linear
from parity_tests.derived import numbers
from parity_tests.report.steps.opened import alone, opened

RELU, SIGMOID = PLAYED = play.played()
EQUATIONS = (PAGE / "scripts" / "equations.js").read_text("utf-8")
Given = dict[str, list[float]]


@pytest.fixture(scope="module")
def computed(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Evaluate an expression over the page's equations: by Node, or by Chromium; skipped only where neither is."""
    node = shutil.which("node")
    if node is None:
        view = request.getfixturevalue("browser").new_page()
        return lambda expression: view.evaluate(f"() => {{ {EQUATIONS}; return {expression}; }}")

    def by_node(expression: str) -> Any:
        script = f"{EQUATIONS}; console.log(JSON.stringify({expression}));"
        return json.loads(subprocess.run([node, "-"], input=script, capture_output=True, text=True, check=True).stdout)

    return by_node


def settings(like: Given, rng: np.random.Generator, count: int) -> list[Given]:
    """Numbers of the same quantities, drawn at random."""
    return [{name: rng.uniform(-2, 2, len(each)).tolist() for name, each in like.items()} for _ in range(count)]


def by_hand(given: Given, activation: type, number: Callable[[Any], Any]) -> dict[str, Any]:
    """What the hand-written code makes of a setting."""
    W1, b1, W2, b2, x, y = (np.array(given[name]) for name in ("W1", "b1", "W2", "b2", "x", "y"))
    network: Network = number(Network(linear(W1.reshape(2, -1), b1), activation(), linear(W2[None], b2)))
    found = passes.by_hand(network, number(x[None]), number(y[None]), HalfMSELoss())
    dW1, db1, dW2, db2 = found.gradient.values()
    z1, a1, z2 = found.outputs
    SGD(lr=given["eta"][0]).step(network, network.like(**found.gradient))
    after = dict(zip(("W1", "b1", "W2", "b2"), network.params.values(), strict=True))
    return {
        "z1": z1, "a1": a1, "z2": z2, "C": found.cost.item(), "delta1": found.deltas[0], "delta2": found.deltas[2],
        "dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2, **after,
    }  # fmt: skip


@pytest.mark.parametrize(("network", "activation"), [(RELU, ReLU), (SIGMOID, Sigmoid)], ids=["ReLU", "Sigmoid"])
def test_the_script_computes_what_the_hand_written_code_computes(network, activation, computed, rng):
    given = settings(network.given | {"eta": [0.1]}, rng, 100)
    given = [each | {"eta": [abs(each["eta"][0])]} for each in given]
    shown = computed(f"{json.dumps(given)}.map((given) => step(given, '{network.activation}'))")
    for each, found in zip(given, shown, strict=True):
        found |= found.pop("after")
        bounds = by_hand(each, activation, numbers)
        for name, value in by_hand(each, activation, lambda floats: floats).items():
            assert (np.abs(found[name] - np.ravel(value)) <= 2 * np.ravel(bounds[name].error)).all(), name


def test_a_cost_of_the_surface_is_the_forward_passs(computed):
    given = json.dumps(RELU.given)
    rows = computed(f"heights({given}, 'relu', [['W1', 0], ['W2', 1]], [0.4, 2], [0.9, -1, 3])")
    assert np.shape(rows) == (3, 2)
    assert rows[0][0] == computed(f"forward({given}, 'relu').C[0]")
    moved = RELU.given | {"W1": [2, *RELU.given["W1"][1:]], "W2": [RELU.given["W2"][0], 3]}
    assert rows[2][1] == computed(f"forward({json.dumps(moved)}, 'relu').C[0]")


@pytest.fixture
def view(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The first screen alone."""
    first = render("sections/play.html", play=PLAYED, play_data=play.as_json(PLAYED))
    with opened(browser, alone(first, tmp_path), has_touch=True) as page:
        yield page


def drawn(view: Page) -> str:
    return re.sub(r"\s+", " ", view.locator(".network:visible").text_content() or "")


def test_at_the_posts_numbers_the_script_changes_nothing_of_the_drawing(view):
    assert view.locator(".network:visible .off").count() == RELU.drawing.count(' off"') == 1
    assert drawn(view) == re.sub(r"\s+", " ", re.sub("<[^>]*>", "", RELU.drawing))
    view.get_by_label("Play with").select_option("one-two-one")
    assert drawn(view) == re.sub(r"\s+", " ", re.sub("<[^>]*>", "", SIGMOID.drawing))


def test_a_key_and_a_typed_number_move_all_that_follows(view):
    assert "∂ −0.408" in drawn(view)
    view.get_by_label("y", exact=True).press("ArrowRight")
    assert "y 0.81" in drawn(view)
    assert "∂ −0.418" in drawn(view)
    view.get_by_label("y, as a number").fill("0.392")
    assert "∂ −0" not in drawn(view)
    view.get_by_role("button", name="As in the post").tap()
    assert "∂ −0.408" in drawn(view)


def test_a_dead_neuron_says_so_and_is_revived_by_its_bias(view):
    hidden = view.locator("[data-part=h1] .node:visible")
    assert "Neuron 2 is off" in view.locator(".state").inner_text()
    assert "off" in hidden.get_attribute("class")
    view.get_by_role("button", name="Revive").click()
    assert "Neuron 2 is off" not in view.locator(".state").inner_text()
    assert "off" not in hidden.get_attribute("class")
    assert "∂ 0" not in drawn(view)


def test_steps_bring_the_cost_down_and_from_zero_two_neurons_never_part(view):
    def cost() -> float:
        return float(view.locator("[data-part=C0] .value:visible").text_content() or "nan")

    before = cost()
    view.get_by_role("button", name="Take the step").click()
    assert cost() == pytest.approx(0.05921, abs=1e-4)
    view.get_by_label("Play with").select_option("one-two-one")
    view.get_by_role("button", name="Zero start").click()
    view.get_by_role("button", name="10 steps").click()
    assert "never part" in view.locator(".state").inner_text()
    assert cost() < before
    view.get_by_role("button", name="Random start").click()
    assert "never part" not in view.locator(".state").inner_text()


def test_a_nudge_shows_the_slope_beside_the_derivative(view):
    ratio, slope = (
        float(each.split("= ")[1].replace("−", "-")) for each in view.locator(".result b").all_inner_texts()
    )
    assert slope == pytest.approx(-0.1224)
    assert ratio == pytest.approx(slope, abs=1e-3)
    assert ratio != slope


def test_a_tap_on_the_surface_goes_there(view):
    box = view.locator("canvas").bounding_box()
    view.locator("canvas").tap(position={"x": box["width"] / 2, "y": box["height"] / 4})
    assert view.get_by_label("W¹₁₁, as a number").input_value() in ("0", "0.01", "-0.01")
    assert float(view.get_by_label("W²₁₁, as a number").input_value()) == pytest.approx(1, abs=0.05)
