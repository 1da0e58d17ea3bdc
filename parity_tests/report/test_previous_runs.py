"""What earlier reports have trained of the Bluebird networks: what of it is shown beside this one's."""

import json
import shutil

import pytest

from experiments.report import make as report
from experiments.report.chapters import bluebird
from experiments.report.record import runs
from experiments.report.record.previous_runs import Stamp, previous_runs, stamp
from parity_tests.conftest import SPEED
from parity_tests.report.test_bluebird import SIDES, nets, table

__all__ = ["nets"]


@pytest.fixture
def before(nets, tmp_path):
    """Copies of both runs of softmax regression; and leave beside each another, as an earlier report would have."""
    copies = [
        runs.read(shutil.copytree(nets["bluebird_softmax"][s][0].folder, tmp_path / s / "version_0")) for s in SIDES
    ]

    def leave(seed, made, sides=SIDES, change=lambda config: config, pictures=None):
        for run in copies:
            if run.folder.parent.name in sides:
                n = len([*run.folder.parent.iterdir()])
                other = runs.read(shutil.copytree(run.folder, run.folder.with_name(f"version_{n}")))
                config = other.folder / "config.yaml"
                seeded = config.read_text("utf-8").replace("  seed: 0\n  start", f"  seed: {seed}\n  start")
                assert seeded.count(f"  seed: {seed}\n  start") == 1
                config.write_text(change(seeded), "utf-8")
                same = json.loads((run.folder / "made.json").read_text("utf-8"))["pictures"]
                stamp(other, Stamp(made, "abc1234", pictures or same))

    return *[[run] for run in copies], leave


def test_the_latest_earlier_pair_of_each_further_seed_is_shown(before):
    manual, torch, leave = before
    assert previous_runs(manual, torch) == []
    leave(2, "2030-01-02 00:00 UTC")
    leave(1, "2030-01-03 00:00 UTC")
    leave(1, "2030-01-01 00:00 UTC")
    leave(0, "2030-01-04 00:00 UTC")
    found = previous_runs(manual, torch)
    assert [(about.made, ours.seed, theirs.seed) for about, ours, theirs in found] == [
        ("2030-01-03 00:00 UTC", 1, 1), ("2030-01-02 00:00 UTC", 2, 2),
    ]  # fmt: skip
    assert all(ours.folder.parent.name == "manual" for _, ours, _ in found)
    assert all(theirs.folder.parent.name == "torch" for _, _, theirs in found)


@pytest.mark.parametrize("other", [
    {"sides": ["manual"]},
    {"sides": ["torch"]},
    {"change": lambda config: config.replace("lr: 0.001", "lr: 0.002")},
    {"change": lambda config: config.replace("batch_size: 64", "batch_size: 32")},
    {"change": lambda config: config.replace("max_epochs: 2", "max_epochs: 3")},
    {"pictures": "others"},
])  # fmt: skip
def test_an_earlier_run_of_another_config_or_of_other_pictures_is_not_shown(before, other):
    manual, torch, leave = before
    leave(1, "2030-01-01 00:00 UTC", **other)
    assert previous_runs(manual, torch) == []


def test_two_earlier_runs_of_one_seed_are_a_pair_only_if_one_report_made_them(before):
    manual, torch, leave = before
    leave(1, "2030-01-01 00:00 UTC", sides=["manual"])
    leave(1, "2030-01-02 00:00 UTC", sides=["torch"])
    assert previous_runs(manual, torch) == []


def test_a_run_that_was_not_finished_is_not_shown(before):
    manual, torch, leave = before
    leave(1, "2030-01-01 00:00 UTC")
    (manual[0].folder.with_name("version_1") / "made.json").unlink()
    assert previous_runs(manual, torch) == []


def test_earlier_runs_are_on_the_page_with_date_and_commit(before, nets, shown, rows):
    manual, torch, leave = before
    leave(1, "2030-01-01 00:00 UTC")
    chapter = bluebird.chapter(nets | {"bluebird_softmax": {"manual": manual, "torch": torch}})
    page = report.page(shown | {"bluebird": chapter}, rows, SPEED)
    body = table(page[page.index('<section id="bluebird">') :], "precision and recall of Bluebird")
    assert [(row[1], row[-1]) for row in body[:3]] == [
        ("0", "with this page"), ("1", "2030-01-01 00:00 UTC, commit abc1234"), ("mean", ""),
    ]  # fmt: skip
    assert "the training runs that are older have their date" in page


def test_without_earlier_runs_nothing_is_said_of_them(page):
    assert "with this page" not in page
    assert "that are older have their date" not in page
