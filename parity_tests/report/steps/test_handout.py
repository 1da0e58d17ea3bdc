"""Sheets to hand out: the teacher's numbers, another sheet a seed, blanks, and solutions that are right."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from experiments.report.command import main
from experiments.report.steps import handout
from manual.documents import PRINTED

LEARN = (Path(__file__).parents[3] / "docs" / "learn.md").read_text("utf-8")
POST = {"x": ["0.5", "0.1"], "W1": ["0.4", "0.2", "0.3", "0.7"], "b1": ["0.1", "-0.3"], "W2": ["0.6", "0.9"],
        "b2": ["0.2"], "y": ["0.8"], "lr": ["0.1"]}  # fmt: skip


def solutions(numbers):
    return {found: [line.result.replace("−", "-") for line in step.lines] for found, step in handout.walked(numbers)}


def test_at_the_posts_numbers_the_solutions_are_the_posts():
    found = solutions(POST)
    for quantities in PRINTED.values():
        name, printed = next(iter(quantities.items()))
        for text, answer in zip(printed, found[name], strict=False):  # the post gives two of four hidden slopes
            places = len(text.partition(".")[2])
            assert round(Fraction(answer), places) == Fraction(text)
    assert found["dW1"][2:] == ["0", "0"]


def test_at_other_numbers_they_are_what_one_computes_by_hand():
    found = solutions(POST | {"b1": ["0.1", "0.3"], "y": ["1"], "lr": ["0.5"]})
    assert found["z1"] == ["0.32", "0.52"]
    assert found["z2"] == ["0.86"]  # 0.6 · 0.32 + 0.9 · 0.52 + 0.2
    assert found["delta2"] == ["-0.14", "-0.14"]
    assert found["delta1"] == ["-0.084", "-0.126"]
    assert found["dW1"] == ["-0.042", "-0.0084", "-0.063", "-0.0126"]
    assert found["b2"] == ["0.27"]


def test_a_seed_is_a_sheet_and_keeps_what_is_given():
    sheets = [handout.drawn(seed, {"x": ["0.5", "0.1"], "lr": ["0.1"]}) for seed in (1, 1, *range(2, 10))]
    assert sheets[0] == sheets[1]
    assert len({str(sheet) for sheet in sheets}) == len(sheets) - 1
    for sheet in sheets:
        assert (sheet["x"], sheet["lr"]) == (["0.5", "0.1"], ["0.1"])
        found = solutions(sheet)
        assert any(a != "0" for a in found["a1"])
        assert all(abs(float(z)) >= 0.05 for z in (*found["z1"], found["delta2"][0]))


def test_the_answers_stand_on_the_last_page_alone():
    page = handout.handout(POST, "7")
    tasks, _, answers = page.partition('id="solutions"')
    assert "0.613056" in answers
    assert not re.search(r"0\.613|0\.392|0\.32\b|0\.408", tasks)
    assert tasks.count('class="blank long"') == sum(map(len, solutions(POST).values())) + 1


def test_it_prints_on_four_to_six_pages(browser, tmp_path):
    (tmp_path / "sheet.html").write_text(handout.handout(handout.drawn(3, {}), "3"), "utf-8")
    view = browser.new_page()
    view.goto((tmp_path / "sheet.html").as_uri())
    assert 4 <= view.pdf(format="A4").count(b"/Type /Page\n") <= 6


def test_the_command_writes_a_sheet_for_each_seed(tmp_path, capsys):
    assert (
        main(["--handout", "--out", str(tmp_path), "--seed", "4", "--sheets", "2", "--y", "0.8", "--W2", "0.6", "-0.9"])
        == 0
    )
    assert capsys.readouterr().out.split() == [str(tmp_path / f"handout-{seed}.html") for seed in (4, 5)]
    sheets = [(tmp_path / f"handout-{seed}.html").read_text("utf-8") for seed in (4, 5)]
    assert all("y = 0.8" in sheet and "W²₁₂ = −0.9" in sheet for sheet in sheets)
    assert sheets[0] != sheets[1]


@pytest.mark.parametrize("typed", re.findall(r"^backprop-report (--handout.*)$", LEARN, re.MULTILINE))
def test_what_the_page_for_learners_types_writes_a_sheet(typed, tmp_path):
    assert main([*typed.split(), "--out", str(tmp_path)]) == 0
    assert list(tmp_path.glob("handout-*.html"))


@pytest.mark.parametrize(("arguments", "told"), [
    (["--handout", "--x", "0.5", "half"], "--x: expected a number with at most three decimals, such as 0.5, got 'half"),
    (["--handout", "--sheets", "0"], "--sheets: expected 1 or more, got 0"),
    (["--y", "0.8"], "--y needs --handout"),
    (["--seed", "0"], "--seed needs --handout"),
])  # fmt: skip
def test_what_makes_no_sheet_is_one_line_and_exit_code_2(arguments, told, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
