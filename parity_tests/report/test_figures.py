"""The training chapter: what runs write, what is read back, and what is drawn of it. The runs are of two epochs."""

import csv
import re
import shutil
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import yaml

from experiments.report import make as report
from experiments.report.chapters import fits, recognition, starts, surfaces
from experiments.report.draw import figures
from experiments.report.draw.svg import alone
from experiments.report.record import runs
from experiments.train import command as train
from experiments.train.options import CONFIGS
from manual import documents


@pytest.fixture
def altered(tmp_path):
    """A copy of a run with one of its values changed in its file: the first of a column, at the step given."""

    def change(run, column, step, factor):
        folder = shutil.copytree(run.folder, tmp_path / "run")
        with (folder / "metrics.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        at = header.index(column)
        row = [row for row in rows if row[at]][step]
        row[at] = repr(float(row[at]) * factor)
        with (folder / "metrics.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return runs.read(folder)

    return change


@pytest.fixture
def pair(trained):
    """A network's first run by each implementation."""
    return lambda network: tuple(sides[0] for sides in trained[network].values())


def test_runs_whose_files_differ_do_not_agree(pair, altered):
    ours, theirs = pair("two_two_one")
    assert runs.compare_runs("", ours, theirs).agrees
    wrong = runs.compare_runs("", ours, altered(theirs, "train_cost", 0, 1 + 2e-9))
    assert wrong.first
    assert wrong.first.quantity == "train_cost"


def test_a_curve_that_one_run_lacks_does_not_agree(pair):
    ours, theirs = pair("two_two_one")
    less = theirs._replace(curves={name: curve for name, curve in theirs.curves.items() if name != "moved"})
    assert not runs.compare_runs("", ours, less).agrees
    assert not runs.compare_runs("", less, ours).agrees


@pytest.mark.parametrize("side", ["manual", "torch"])
def test_a_network_rebuilt_from_the_log_is_the_one_that_a_shorter_run_ends_with(trained, tmp_path, side):
    [run] = trained["one_two_one"][side]
    config = f"--config={CONFIGS / 'one_two_one.yaml'}"
    shorter = train.run(
        ["fit", config, f"--out={tmp_path}", f"--model.implementation={side}", "--trainer.max_epochs=1"]
    )
    ended = runs.read(shorter)
    x, _ = documents.sine()
    assert ended.steps == run.steps // 2
    assert (fits.fitted(run, ended.steps, x) == fits.fitted(ended, ended.steps, x)).all()
    assert (fits.fitted(run, run.steps, x) != fits.fitted(ended, ended.steps, x)).all()


def test_before_training_the_network_is_the_one_of_its_config(pair):
    for run in pair("one_two_one"):
        assert documents.in_theta_order(run.after(0).network.params) == [float(t) for t in documents.THETA]


def test_costs_are_drawn_from_the_file(pair, altered):
    ours, theirs = pair("two_two_one")
    drawn = [
        figures.training("a", "", [ours], [run]) for run in (theirs, theirs, altered(theirs, "train_cost", 0, 1 + 2e-9))
    ]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("draw", [fits.forming, lambda *both: starts.neurons("a", "", *both)])
def test_parameters_are_drawn_from_the_file(pair, altered, draw):
    ours, theirs = pair("one_two_one")
    column = starts.PAIRS["weight to f"][0]
    drawn = [draw(ours, run) for run in (theirs, theirs, altered(theirs, column, 0, 2))]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.ledger("A15")
def test_the_path_begins_at_the_documents_weights_and_has_a_point_more_than_steps(pair):
    for run in pair("two_two_one"):
        path = surfaces.path(run, surfaces.ALIVE)
        assert path.shape == (run.steps + 1, 2)
        assert path[0].tolist() == [0.4, 0.6]


def test_the_dead_neuron_is_seen_not_to_move(pair):
    for run in pair("two_two_one"):
        assert np.ptp(surfaces.path(run, surfaces.DEAD), axis=0).tolist() == [0, 0, 0, 0]


@pytest.mark.ledger("B8")
def test_from_zero_the_parameters_move_but_the_two_neurons_stay_equal(pair):
    for run in pair("one_two_one_zeros"):
        assert not any(p.any() for p in run.after(0).network.params.values())
        W1, b1, W2, b2 = run.after(run.steps).network.params.values()
        assert all(p.all() for p in (W1, b1, W2, b2))
        assert [p.ravel()[0] for p in (W1, b1, W2)] == [p.ravel()[1] for p in (W1, b1, W2)]
        assert starts.apart(run) == 0


@pytest.mark.ledger("B8")
def test_from_a_random_start_the_two_neurons_differ(pair):
    for run in pair("one_two_one_random"):
        W1, b1, W2, _ = run.after(run.steps).network.params.values()
        assert all(np.ptp(p) for p in (W1, b1, W2))
        assert starts.apart(run) >= np.ptp(W1)


def test_a_neuron_that_parts_from_the_other_is_drawn(pair, altered):
    ours, theirs = pair("one_two_one_zeros")
    assert "equal to the last bit" in starts.starts((ours, theirs), (ours, theirs)).caption
    moved = altered(theirs, starts.PAIRS["weight to f"][1], theirs.steps // 2, 2)
    assert "equal to the last bit" not in starts.starts((ours, moved), (ours, theirs)).caption
    texts = [re.findall(r">(\d(?:, \d)?)</text>", starts.neurons("a", "", ours, run)) for run in (theirs, moved)]
    assert texts[0].count("1, 2") == len(starts.PAIRS)
    assert texts[1].count("1, 2") == len(starts.PAIRS) - 1


@pytest.mark.parametrize(("start", "of"), [(0, "from the zero start"), (1, "from the random one")])
def test_each_start_is_told_with_its_own_cost(start, of, pair, altered):
    told = [pair("one_two_one_zeros"), pair("one_two_one_random")]
    before = starts.starts(*told).caption
    run = told[start][0]
    told[start] = (altered(run, "val_cost", -1, 1e9), told[start][1])
    after = starts.starts(*told).caption
    costs = [re.findall(r"([\d.e+-]+) (from the \w+ (?:start|one))", caption) for caption in (before, after)]
    [(cost, which)] = {*costs[1]} - {*costs[0]}
    assert which == of
    assert float(cost) == pytest.approx(1e9 * run.curves["val_cost"][-1], rel=0.05)


def test_each_implementation_is_marked_by_its_own_answers():
    pair = recognition.Pair(0, np.array([1, 2, 3]), np.array([1, 2, 3]), np.array([1, 3, 4]), 0.0)
    assert pair.accuracy == {"manual": 1, "torch": pytest.approx(1 / 3)}
    assert pair.wrong == {"manual": 0, "torch": 2}
    assert pair.same == 1
    [first, second] = recognition.wrong(np.zeros((3, 64)), pair)
    assert [(first[name], second[name]) for name in ("target", "manual", "torch")] == [(2, 3), (2, 3), (3, 4)]


def test_a_confusion_has_the_digit_in_its_row_and_the_answer_in_its_column():
    counts = recognition.confusion(np.array([4, 4]), [np.array([1, 4]), np.array([1, 1])])
    assert (counts[4, 1], counts[4, 4], counts.sum()) == (3, 1, 4)


def test_the_two_starts_differ_in_nothing_else():
    zeros, random = (
        yaml.safe_load((CONFIGS / f"one_two_one_{start}.yaml").read_text("utf-8")) for start in ("zeros", "random")
    )
    assert set(zeros["model"].pop("start")) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert zeros.pop("name") != random.pop("name")
    assert zeros == random


@pytest.mark.ledger("A16")
def test_the_best_line_is_the_one_of_the_closed_form(pair):
    x, y = (column.ravel() for column in documents.sine())
    covariance = np.cov(x, y, bias=True)
    best = covariance[1, 1] - covariance[0, 1] ** 2 / covariance[0, 0]
    caption = fits.bending(pair("one_two_one"), pair("one_two_one_linear")).caption
    assert f"the best line of all, by least squares, is {best:.4f}." in caption


def test_every_figure_of_the_chapter_has_a_caption(page):
    chapter = page[page.index('<section id="training">') : page.index('<section id="bluebird">')]
    pictures = [
        p for p in re.findall(r"<figure>.*?</figure>", chapter, re.DOTALL) if "<canvas" not in p
    ]  # the script's
    assert len(pictures) == len(report.NETWORKS) + 5
    assert all(re.search(r"<figcaption>\w[^<]+\.</figcaption>", picture) for picture in pictures)
    assert sum(picture.count("<svg") for picture in pictures) == len(
        re.findall(r'<svg role="img" aria-labelledby=', chapter)
    )


def test_a_picture_stands_alone_in_both_schemes(shown):
    [picture] = shown["trainings"][-1].panels
    root = ET.fromstring(alone(picture, report.palette()))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    style = root.findtext("{http://www.w3.org/2000/svg}style") or ""
    used = set(re.findall(r"var\(--(\w+)\)", picture))
    light, _, dark = style.partition("prefers-color-scheme: dark")
    assert used
    assert all(f"--{name}:" in scheme for name in used for scheme in (light, dark))


def test_numbers_in_a_picture_keep_their_digits(pair):
    picture = figures.by_epoch("a", (3, 3), {"0.12345": pair("one_two_one")})
    assert "0.12345</text>" in picture
    assert "0.12345: from" in picture
    assert not re.search(r' d="[^"]*\.\d{3}', picture)
