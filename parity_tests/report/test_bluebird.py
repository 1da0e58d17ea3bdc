"""The Bluebird chapter, built from runs of two epochs on eighty drawn pictures."""

import base64
import csv
import html
import io
import re
import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from experiments.data import birds
from experiments.find.contact_sheet import MARK
from experiments.report import make as report
from experiments.report.chapters import bluebird
from experiments.report.chapters.bluebird import Predictions
from experiments.report.page.template import render
from experiments.report.record import runs
from experiments.shared import model_file
from experiments.train import command as train
from torch_ref import twin

SIDES = ("manual", "torch")
KINDS = ["blue_jay", "bluebird", "goldfinch", "robin"]
COUNT = 80


@pytest.fixture
def nets(trained):
    return {name: trained[name] for name in bluebird.NETWORKS}


@pytest.fixture
def section(page):
    start = page.index('<section id="bluebird">')
    return page[start : page.index("<section id=", start + 1)]


@pytest.fixture
def said(trained, capsys):
    """The kind of each test picture, and the one that a run's network says, by the command line."""

    def predict(network, side):
        [run] = trained[network][side]
        saved = [f"--config={run.folder / 'config.yaml'}", f"--ckpt_path={run.checkpoint}"]
        train.run(["predict", *saved])
        rows = [*csv.DictReader(capsys.readouterr().out.splitlines())]
        return [(int(row["target"]), int(row["prediction"])) for row in rows]

    return predict


def table(section, title):
    """The rows of a table's body, as texts."""
    found = next(t for t in re.findall(r"<table.*?</table>", section, re.DOTALL) if title in t)
    body = found[found.index("<tbody>") :]
    rows = re.findall(r"<tr>(.*?)(?=<tr>|</tbody>)", body, re.DOTALL)
    return [
        [html.unescape(re.sub("<.*?>", "", cell)).strip() for cell in re.split(r"<t[hd][^>]*>", row)[1:]]
        for row in rows
    ]


def pictures_of(text):
    """The alternative text and the pixels of each picture."""
    found = re.findall(r'<img[^>]* src="data:image/png;base64,([^"]+)" alt="([^"]+)"', text)
    return [(alt, np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), int)) for data, alt in found]


def percent(part, whole):
    return f"{100 * part / whole:.2f} %" if whole else "–"


# ---------------------------------------------------------------- what the page says


def test_the_page_says_that_the_birds_are_drawn(section):
    assert "The pictures are drawn by a program. Nothing is claimed about photographs." in section
    assert f"Here are {COUNT} pictures of four kinds of bird" in section


def test_accuracy_precision_and_recall_are_those_of_the_predictions(section, said):
    place = KINDS.index("bluebird")
    rows = table(section, "precision and recall of Bluebird")
    assert [row[0] for row in rows] == [*bluebird.NETWORKS.values()]
    for name, row in zip(bluebird.NETWORKS, rows, strict=True):
        both = [said(name, side) for side in SIDES]
        counts = [Counter((y == place, taken == place) for y, taken in pairs) for pairs in both]
        alike = sum(a == b for a, b in zip(*both, strict=True))
        assert row[1:] == [
            "0",
            *[percent(sum(y == taken for y, taken in pairs), len(pairs)) for pairs in both],
            f"{alike} of {len(both[0])}",
            *[percent(n[True, True], n[True, True] + n[False, True]) for n in counts],
            *[percent(n[True, True], n[True, True] + n[True, False]) for n in counts],
        ]


@pytest.mark.parametrize("side", SIDES)
def test_the_confusion_is_that_of_the_predictions(section, said, side):
    counts = Counter(said("bluebird_cnn", side))
    rows = table(section, f'<caption><span class="{side}">')
    assert rows == [
        [kind.replace("_", " "), *[str(counts[i, j] or "·") for j in range(len(KINDS))]] for i, kind in enumerate(KINDS)
    ]


def test_the_scores_are_those_of_their_definitions():
    given = Predictions(y=np.array([0, 1, 1, 1, 2]), predicted=np.array([1, 1, 2, 1, 2]), positive=1)
    assert (given.accuracy, given.precision, given.recall) == (3 / 5, 2 / 3, 2 / 3)
    assert given.confusion == [[0, 1, 0], [0, 2, 1], [0, 0, 1]]
    assert given._replace(predicted=np.zeros(5, int)).precision is None


def test_the_curves_are_drawn_from_the_files(nets, tmp_path):
    ours, theirs = (runs[0] for runs in nets["bluebird_mlp"].values())

    def drawn(column):
        folder = shutil.copytree(theirs.folder, tmp_path / column)
        with (folder / "metrics.csv").open(newline="") as file:
            rows = [*csv.DictReader(file)]
        for row in rows:
            row[column] = row[column] and repr(0.5 * float(row[column]) + 0.25)
        with (folder / "metrics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return bluebird.curves("a", "", ours, runs.read(folder))

    same = bluebird.curves("a", "", ours, theirs)
    assert drawn("moved") == same
    assert all(drawn(column) != same for column in ("train_cost", "val_cost", "val_accuracy"))


def test_what_is_told_of_the_curves_is_what_they_end_with(section, trained):
    [run] = trained["bluebird_cnn"]["manual"]
    with (run.folder / "metrics.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    costs = [float(row["train_cost"]) for row in rows if row["train_cost"] and row["epoch"] == "1"]
    cost, accuracy = ([float(row[name]) for row in rows if row[name]][-1] for name in ("val_cost", "val_accuracy"))
    assert (
        f"In 2 epochs the cost on the training part falls to {sum(costs) / len(costs):.2g}, "
        f"on the validation part to {cost:.2g}; there {100 * accuracy:.1f} % are right in the end."
    ) in section


def test_the_samples_are_drawn_birds_of_their_kind(section):
    drawn = [(path, np.asarray(image, int)) for path, image in birds.pictures(COUNT, 0)]
    samples = [(alt, pixels) for alt, pixels in pictures_of(section) if alt.startswith("A drawn ")]
    assert len(samples) == len(KINDS) * bluebird.SAMPLES
    for alt, pixels in samples:
        path, _ = min(drawn, key=lambda one: np.abs(one[1] - pixels).sum())  # what was a JPEG file is not equal
        kind = path.split("/")[1].replace("_", " ")
        assert path.startswith("train/")
        assert alt.startswith(f"A drawn {kind}, ")


def test_every_figure_has_a_caption_and_every_picture_a_text(section):
    figures = re.findall(r"<figure>.*?</figure>", section, re.DOTALL)
    assert len(figures) >= 1 + len(bluebird.NETWORKS) + 2 + 1
    assert all(re.search(r"<figcaption>\w.+?\.</figcaption>", figure, re.DOTALL) for figure in figures)
    assert section.count("<img") == len(pictures_of(section))


# ---------------------------------------------------------------- filters, and where it looked


def level_fits(levels, weights):
    """Whether levels of 0 to 255 show these weights: grey where they are 0, and at either end where they are
    largest."""
    shown = levels / 127.5 - 1
    return np.abs(shown - weights / np.abs(weights).max()).max() <= 1 / 255 + 1e-12


def test_the_filters_are_the_weights_that_were_saved(section, trained):
    [run] = trained["bluebird_cnn"]["manual"]
    weights = load_file(run.folder / "model.safetensors")["0.weight"]
    [(_, picture)] = [(alt, pixels) for alt, pixels in pictures_of(section) if "filters" in alt]
    for i, kernel in enumerate(weights):
        top, left = 4 * (i // 8), 4 * (i % 8)
        levels = picture[top : top + 3, left : left + 3]
        assert level_fits(levels[..., :3].transpose(2, 0, 1), kernel)
        assert (levels[..., 3] == 255).all()
    assert (picture[3::4, :, 3] == 0).all()
    assert (picture[:, 3::4, 3] == 0).all()


def test_the_templates_are_the_weights_that_were_saved(section, trained):
    [run] = trained["bluebird_softmax"]["manual"]
    weights = load_file(run.folder / "model.safetensors")["1.weight"]
    found = [(alt, pixels) for alt, pixels in pictures_of(section) if "weights for" in alt]
    for kind, row, (alt, pixels) in zip(KINDS, weights, found, strict=True):
        assert f"weights for {kind.replace('_', ' ')}," in alt
        assert level_fits(pixels.transpose(2, 0, 1), row.reshape(3, 32, 32))


def test_found_and_missed_are_told_apart_by_the_answers(nets, monkeypatch):
    """By hand one of three Bluebirds is found, and robins are taken for Bluebirds; torch makes no mistake."""

    def answers(run, test, scale):
        taken = test.y.copy()
        if run.config["model"]["implementation"] == "torch":
            return taken
        taken[np.flatnonzero(taken == KINDS.index("bluebird"))[1:]] = KINDS.index("goldfinch")
        taken[taken == KINDS.index("robin")] = KINDS.index("bluebird")
        return taken

    monkeypatch.setattr(bluebird, "predictions", answers)
    section = render("sections/bluebird.html", bluebird=bluebird.chapter(nets))
    assert re.search(r"Of the 3 Bluebirds of the test part the .* finds 1 and misses 2\.", section)
    found = [alt for alt, _ in pictures_of(section) if alt.endswith("found.")]
    missed = [alt for alt, _ in pictures_of(section) if alt.endswith("missed.")]
    assert (len(found), len(missed)) == (1, 2)
    assert section.count(": goldfinch, ") == 2
    by_hand, by_torch = (table(section, f'<caption><span class="{side}">') for side in SIDES)
    assert by_hand[1:] == [
        ["bluebird", "·", "1", "2", "·"], ["goldfinch", "·", "·", "3", "·"], ["robin", "·", "3", "·", "·"],
    ]  # fmt: skip
    assert by_torch[1:] == [
        ["bluebird", "·", "3", "·", "·"], ["goldfinch", "·", "·", "3", "·"], ["robin", "·", "·", "·", "3"],
    ]  # fmt: skip


def test_it_looked_most_where_torchs_gradient_is_largest(section, trained):
    [run] = trained["bluebird_cnn"]["manual"]
    network, _, _, _, kinds, scale = model_file.load(run.folder / "model.safetensors")
    assert scale
    assert kinds
    mean, std = (torch.tensor(numbers, dtype=torch.float64)[:, None, None] for numbers in scale)
    seen = [pixels for alt, pixels in pictures_of(section) if alt.startswith(("Drawn Bluebird", "The same in grey"))]
    assert len(seen) == 2 * 3  # the Bluebirds of the test part
    for picture, looked in zip(seen[::2], seen[1::2], strict=True):
        x = torch.tensor(picture.transpose(2, 0, 1) / 255, dtype=torch.float64, requires_grad=True)
        p = twin(network).eval()(((x - mean) / std)[None]).softmax(dim=1)[0, kinds.index("bluebird")]
        (dx,) = torch.autograd.grad(p, x)
        row, column = divmod(int(dx.abs().sum(dim=0).argmax()), 32)
        assert [*looked[row, column]] == [*MARK]


# ---------------------------------------------------------------- comparisons and results


def test_runs_in_float64_are_compared_and_those_in_float32_are_not(trained, rows):
    compared = {row.subject for row in rows if row.kind == "training run"}
    for name, title in bluebird.TITLES.items():
        [run] = trained[name]["manual"]
        assert (title in compared) == (run.config["model"]["dtype"] == "float64")
    single = trained["two_two_one"] | {"manual": [Single(*trained["two_two_one"]["manual"][0])]}
    assert not [row for row in report.compare_all({"two_two_one": single}) if row.kind == "training run"]


class Single(runs.Run):
    """A run that was in float32."""

    @property
    def dtype(self):
        return "float32"


@pytest.mark.parametrize("side", SIDES)
def test_the_accuracies_are_in_the_record(trained, said, side):
    results = report.record(trained, [], {}).results
    for name, title in bluebird.TITLES.items():
        pairs = said(name, side)
        [accuracy] = [
            r.value
            for r in results
            if (r.network, r.implementation, r.seed, r.quantity) == (title, side, 0, "test_accuracy")
        ]
        assert accuracy == sum(y == taken for y, taken in pairs) / len(pairs)
