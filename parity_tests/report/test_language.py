"""The chapter on the language model: what it shows is what two runs wrote, and what their models do."""

import json
import re
import shutil
from typing import Any

import numpy as np
import pytest

from experiments.report.chapters.language import chapter
from experiments.report.draw.letters import grid
from experiments.report.page.template import render
from experiments.report.record import language_runs
from experiments.report.record.language_runs import SIDES, Stage
from experiments.report.record.previous_runs import STAMP, read
from parity_tests.data.test_text import PROSE


@pytest.fixture
def own(language) -> list[Stage]:
    """The stage that the chapter's own runs made."""
    folders = {side: language["out"] / "runs" / "2_steps" / "reader" / side / "version_0" for side in SIDES}
    return [Stage(2, read(folders["manual"]), folders)]


@pytest.fixture
def left(own, tmp_path, monkeypatch):
    """An earlier report's folder, in which the same was trained to another stage; `changed` is what else differs."""

    def leave(changed: dict[str, str] | None = None, stamp: dict[str, str] | None = None, without: str = "") -> Any:
        monkeypatch.setattr(language_runs, "STAGES", (2, 4))
        for side, folder in own[0].folders.items():
            to = tmp_path / "runs" / "4_steps" / "reader" / side / "version_0"
            shutil.copytree(folder, to, dirs_exist_ok=True)
            for old, new in (changed or {}).items():
                config = (to / "config.yaml").read_text("utf-8")
                assert old in config
                (to / "config.yaml").write_text(config.replace(old, new), "utf-8")
            made = own[0].made._asdict() | {"made": "2026-11-01 09:00 UTC"} | (stamp or {})
            (to / STAMP).write_text(json.dumps(made), "utf-8")
        if without:
            (tmp_path / "runs" / "4_steps" / "reader" / "torch" / "version_0" / without).unlink()
        return tmp_path

    return leave


def test_the_longest_training_is_shown_with_its_date(own, left, monkeypatch):
    out = left()
    monkeypatch.setattr(language_runs, "train_stages", lambda *_: own)
    found = chapter(out, False, "now", "abc1234")
    assert (found["steps"], found["own_steps"]) == (4, 2)
    assert found["before"] == "2026-11-01 09:00 UTC, commit abc1234"
    assert {sample["steps"] for sample in found["samples"]} == {2, 4}
    page = render("sections/language.html", language=found)
    assert "That was on 2026-11-01 09:00 UTC, commit abc1234" in page
    assert "That was on" not in render("sections/language.html", language=found | {"before": ""})


@pytest.mark.parametrize(
    "told",
    [
        {"changed": {"weight_decay: 0.1": "weight_decay: 0.2"}}, {"changed": {"context: 16": "context: 8"}},
        {"stamp": {"pictures": "another text"}}, {"without": STAMP}, {"without": "model.safetensors"},
    ],
)  # fmt: skip
def test_another_training_is_not_shown(told, own, left):
    assert [stage.steps for stage in language_runs.longest(left(), own)] == [4]
    assert language_runs.longest(left(**told), own) == own


def test_stages_go_on_from_each_other_and_their_costs_are_one_curve(own):
    longer = own[0]._replace(steps=4)
    steps, bits = language_runs.bits([*own, longer], "manual", "train_cost")
    assert steps.tolist() == [1, 2]
    first = (own[0].folders["manual"] / "metrics.csv").read_text().splitlines()[1]
    assert bits[0] * np.log(2) == pytest.approx(float(first.split(",")[2]), rel=1e-12)


def test_the_page_shows_bits_letters_attention_blame_and_samples(language):
    page = render("sections/language.html", language=language)
    for side in SIDES:
        assert f"{language['bits'][side]['val']:.3f}" in page
    assert all(f"{b:.3f}" in page for n, b in language["grams"].items() if n > 2)
    letters = "".join(re.findall(r"<text[^>]*>([^<]*)</text>", language["embedding"]))
    assert sorted(letters.replace("␣", " ")) == sorted({*PROSE})
    assert len(language["attention"]) == 2
    shares = [share for _, share in language["traced"]["letters"]]
    assert max(shares) == 100
    assert len(shares) == len(language["sentence"]) - 1
    assert 0 < language["traced"]["apart"] < 1e-4  # in float32; a wrong δ is apart by about 1
    assert all(sample["text"] for sample in language["samples"])


def test_a_square_is_as_dark_as_its_weight():
    drawn = grid("g", "t", "d", "ab", np.array([[1, 0], [0.4, 0.04]]))
    assert re.findall(r'opacity="([^"]+)" d="([^"]+)"', drawn) == [("0.6", "M0 1h1v1h-1z"), ("1", "M0 0h1v1h-1z")]
