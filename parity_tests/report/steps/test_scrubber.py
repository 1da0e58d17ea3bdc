"""The scrubber over training: it moves through what the runs logged."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from experiments.report.chapters import scrubber
from experiments.report.make import scripts
from experiments.report.page.template import render


def run(columns, steps=100):
    """A run whose column i rises evenly by 1 from i / 20, and whose validation accuracy is 0.5, 0.75 and 1."""
    values = {name: np.linspace(i / 20, i / 20 + 1, steps + 1) for i, name in enumerate(columns)}
    curves = {name: value[:-1] for name, value in values.items()} | {"val_accuracy": np.array([0.5, 0.75, 1])}
    return SimpleNamespace(curves=curves, steps=steps, values=values.__getitem__)


def columns(weights):
    return [
        f"param/{name}" for name in (*weights, "0.bias[0]", "0.bias[1]", "2.weight[0,0]", "2.weight[0,1]", "2.bias[0]")
    ]


HAND = run(columns(["0.weight[0,0]", "0.weight[0,1]", "0.weight[1,0]", "0.weight[1,1]"]))
SINE = run(columns(["0.weight[0,0]", "0.weight[1,0]"]))
RUNS = scrubber.scrubber(HAND, SINE, HAND)  # pyright: ignore[reportArgumentType]


def test_every_moment_has_the_parameters_of_its_step():
    found = json.loads(RUNS)
    assert found["digits"]["wrong"] == [0.5, 0.25, 0]
    for name, W1 in (("hand", 4), ("sine", 2)):
        moments = found[name]
        assert (moments["steps"][0], moments["steps"][-1]) == (0, 100)
        for k, step in enumerate(moments["steps"]):
            flat = [*moments["W1"][k], *moments["b1"][k], *moments["W2"][k], *moments["b2"][k]]
            assert flat == pytest.approx([i / 20 + step / 100 for i in range(W1 + 5)], abs=1e-4)


def test_the_slider_moves_all_three_pictures_by_key(browser, tmp_path):
    section = render("sections/scrubber.html", scrubber=RUNS)
    (tmp_path / "page.html").write_text(f"{section}<script>{scripts()}</script>", "utf-8")
    view, said = browser.new_page(), []
    view.on("pageerror", lambda error: said.append(error.message))
    view.goto((tmp_path / "page.html").as_uri())
    pictures = "all => all.map(canvas => canvas.toDataURL())"

    def shown():
        return view.locator("figcaption").all_inner_texts(), view.locator("canvas").evaluate_all(pictures)

    (told, drawn) = shown()
    assert "after 0 steps" in told[0]
    assert "50% of the validation digits" in told[2]
    view.get_by_label("Training").press("End")
    (told_last, drawn_last) = shown()
    assert "after 100 steps" in told_last[0]
    assert "0% of the validation digits" in told_last[2]
    assert all(one != other for one, other in zip(drawn, drawn_last, strict=True))
    assert said == []
