"""A name is text on every page, whatever it holds: no markup, and nothing that cannot be seen or turns the text."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.find import command as find
from experiments.grade import pages
from experiments.grade.findings import Finding, Report
from experiments.grade.findings import Row as Judged
from experiments.report import make as report
from experiments.report.record import comparison
from experiments.report.record.json_record import Record, Result, Speed
from experiments.report.record.survey import TRAINING, Row
from experiments.shared.model_file import Model, save
from experiments.shared.printable import printable
from experiments.shared.scale import Scale
from experiments.shared.spec import build_network
from torch_ref import Comparison, Parity

NAMES = [
    "<script>alert(1)</script>", "\"quo'te", "' onmouseover='alert(1)", "a&lt;b", "\u202etxt.exe", "\x1b[2J\x07",
    "a\u2066b\u200b", "]]> --> {{ 7 * 7 }} {% raw %}",
]  # fmt: skip


class Outline(HTMLParser):
    """A page's markup, without what is text: every tag with the names of its attributes; and the text, of attributes
    too."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.markup, self.texts = list[Any](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.markup.append((tag, [name for name, _ in attrs]))
        self.texts += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.markup.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.markup.append(data)


def sheet(name: str, where: Path) -> str:
    """A contact sheet: a folder, a model, two classes, pictures and a file that is none, all of that name."""
    folder = where / f"{name} folder"
    (folder / name).parent.mkdir(parents=True)
    for shade in (0, 255):
        Image.new("RGB", (2, 2), (shade,) * 3).save(folder / f"{name}{shade}.png")
    (folder / f"{name}.txt").write_text("no picture")
    layers: list[Any] = ["Flatten", {"Linear": {"in_features": 12, "out_features": 2, "bias": False}}]
    network = build_network(layers, 0, None, "float64").like(**{"1.weight": np.repeat([[1.0], [-1.0]], 12, axis=1)})
    model, out = where / f"{name} model", where / "sheet.html"
    save(
        model,
        Model(network, layers, "float64", (3, 2, 2), [f"{name} white", f"{name} black"], Scale([0.5] * 3, [0.5] * 3)),
    )
    assert find.main([str(folder), f"--model={model}", f"--class={name} white", "--format=html", f"--out={out}"]) == 0
    return out.read_text("utf-8")


def hand_in(name: str, _: Path) -> str:
    """What was found out about a file, in which every text is that name."""
    rows = [Judged(name, "agrees", 0, 0), Judged(name, name, 1, 2, name)]
    return pages.page(Report(name, [Finding(name, name, name, name, name, rows)]))


def unchecked(name: str, _: Path) -> str:
    """A file that cannot be checked."""
    return pages.page(Report(name, [], name))


def two_runs(name: str, _: Path) -> str:
    """Two records in which every text is that name."""
    bad = Comparison(name, name, name, (), 1.0, 5.0, name, name)
    results, speeds = [Result(name, name, 0, name, 1.0)], [Speed(name, 1, 2, 3)]
    a = Record({name: name}, [Row("layer", name, name, Parity(name, [bad]))], results, speeds)
    b = Record({name: f"{name}!"}, [Row("layer", name, name, Parity(name, [replace(bad, ratio=0.5)]))], [], [])
    return comparison.page([name, name], [a, b], comparison.difference(a, b))


FIXED = [sheet, hand_in, unchecked, two_runs]


@pytest.fixture
def whole(shown: dict[str, Any], rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bool], str]:
    """The report, with that name wherever a page made elsewhere has another: classes, places, machine, workloads, an
    error."""

    def page(name: str, timed: bool) -> str:
        def named(row: Row) -> Row:
            comparisons = [replace(c, place=name) for c in row.parity.comparisons]
            return row._replace(
                subject=name if row.kind == TRAINING else row.subject, parity=Parity("cpu", comparisons)
            )

        chapter = shown["bluebird"]
        classes = [f"{cls} {name}" for cls in chapter["classes"]]
        drawn = {part: dict(zip(classes, chapter[part].values(), strict=True)) for part in ("samples", "templates")}
        spread = {"q1": 0.5, "median": 0.5, "q3": 0.5}
        spreads = dict.fromkeys(("manual_us", "torch_us", "ratio", "of_gemm"), spread)
        table = {
            "table": "steps", "dtype": name, "threads": name, "machine": dict.fromkeys(("NumPy", "torch", "CPU"), name),
            "rows": [spreads | {"workload": name, "choice": name}], "targets": [],
            "untimed": [{"workload": name, "reason": name}],
        }  # fmt: skip
        monkeypatch.setattr(report, "made", lambda: {name: name, "Made": name, "CPU": name})
        contents = shown | {"bluebird": chapter | drawn | {"classes": classes}}
        return report.page(contents, [*map(named, rows)], {"tables": [table]} if timed else {"error": name})

    return page


def texts(found: str, like: str, name: str) -> Iterator[str]:
    """The page's texts in which the name stands; as markup it is the page `like`, whose name is harmless."""
    page, harmless = Outline(found), Outline(like)
    assert page.markup == harmless.markup
    assert unprintable(page.texts) == unprintable(harmless.texts)
    assert len(page.texts) == len(harmless.texts)
    for text, plain in zip(page.texts, harmless.texts, strict=True):
        assert text.count(printable(name)) == plain.count(HARMLESS)
        yield from [text] * (HARMLESS in plain)


def unprintable(texts: list[str]) -> set[str]:
    return {c for text in texts for c in text if not c.isprintable()}


HARMLESS = "harmless"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("page", FIXED)
def test_a_name_is_text_on_a_page(page: Callable[[str, Path], str], name: str, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    assert [*texts(page(name, tmp_path / "a"), page(HARMLESS, tmp_path / "b"), name)]


@pytest.mark.parametrize("timed", [True, False])
def test_a_name_is_text_in_the_report(timed: bool, whole: Callable[[str, bool], str]) -> None:
    name = " ".join(NAMES)
    assert [*texts(whole(name, timed), whole(HARMLESS, timed), name)]
