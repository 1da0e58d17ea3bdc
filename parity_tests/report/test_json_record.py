"""`report.json`: it comes back as it was written, and what is none is refused."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.report import make as report
from experiments.report.command import main as report_main
from experiments.report.record.json_record import Result, Speed, as_json, read
from manual import InputError
from parity_tests.records import compared, record


def test_a_record_comes_back_from_its_file(tmp_path):
    wrong = replace(
        compared("dx", math.inf, "shape (2,), expected ()", shape=()), difference=math.nan, cause="a transpose"
    )
    kept = record(
        compared(),
        compared(),
        wrong,
        device="cuda",
        made={"CPU": "Ω", "torch": "2.13"},
        results=[Result("2-2-1", "torch", 3, "test_cost", 0.1)],
        speeds=[Speed("2-2-1, batch 1", 9.8, 10.2, 10.5)],
    )
    (tmp_path / "report.json").write_text(as_json(kept), "utf-8")
    back = read(tmp_path / "report.json")
    assert repr(back) == repr(kept).replace(repr(2.0**-50), "8.882e-16")  # NaN is not equal to itself
    assert not back.summary.agrees


def test_the_report_writes_every_comparison_and_what_every_run_ended_with(trained, rows):
    text = as_json(report.record(trained, rows, {"error": "the machine was never quiet"}))
    assert len(text.encode()) < 1_000_000
    found = json.loads(text)
    assert (found["format"], found["version"], found["speeds"]) == ("backprop-by-hand report", 2, [])
    assert {"Made", "Commit", "CPU", "CUDA", "NumPy", "torch", "Seeds"} <= found["made"].keys()
    ratios = [c[4] for row in found["rows"] for _, comparisons in row["places"] for c in comparisons]
    assert len(ratios) == sum(len(row.parity.comparisons) for row in rows)
    assert max(ratios) == pytest.approx(max(row.worst for row in rows), rel=1e-3)
    last = trained["digits"]["torch"][1].folder / "metrics.csv"
    with last.open(newline="") as file:
        accuracy = [float(line["test_accuracy"]) for line in csv.DictReader(file) if line["test_accuracy"]][-1]
    assert [report.NETWORKS["digits"], "torch", 1, "test_accuracy", accuracy] in found["results"]


def test_the_speeds_are_the_ratios_of_the_benchmark():
    row = {"workload": "2-2-1", "manual_us": {}, "torch_us": {}, "ratio": {"q1": 9.8, "median": 10.2, "q3": 10.5}}
    other = row | {"workload": "1-2-1"}
    tables = [{"table": "steps", "rows": [row]}, {"table": "kernel", "rows": [other]}]
    assert report.record({}, [], {"tables": tables}).speeds == [Speed("2-2-1", 9.8, 10.2, 10.5)]


def change(path, value):
    """A change of a whole file: what lies at a path is set."""

    def altered(whole):
        at = whole
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        return json.dumps(whole)

    return altered


FIRST = ("rows", 0, "places", 0, 1, 0)
BROKEN = {
    "is empty": lambda _: "",
    "is no JSON": lambda _: "<html>",
    "is cut off": lambda whole: json.dumps(whole)[:-20],
    "is no object": lambda _: "[1, 2]",
    "is nested without end": lambda _: "[" * 100_000,
    "is not UTF-8": lambda _: b"\xff\xfe{}",
    "is of another format": change(["format"], "eslint"),
    "is of another version": change(["version"], 1),
    "has no rows": lambda whole: json.dumps({name: value for name, value in whole.items() if name != "rows"}),
    "has a name that is a list": change(["rows", 0, "subject"], []),
    "has a ratio that is a text": change([*FIRST, 4], "small"),
    "has a ratio beyond every float": change([*FIRST, 4], 10**400),
    "has a shape that is no shape": change([*FIRST, 2], [1.5]),
    "has a comparison that is too short": change([*FIRST], ["y"]),
    "has a list for what it was made with": change(["made"], []),
    "has a speed of two numbers": change(["speeds"], [["2-2-1", 1, 2]]),
    "has a result of no seed": change(["results"], [["2-2-1", "torch", None, "test_cost", 1]]),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_whole_record_is_one_line_and_exit_code_2(broken, tmp_path, capsys):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(as_json(record(compared())), "utf-8")
    text = broken(json.loads(good.read_text("utf-8")))
    bad.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SystemExit) as stop:
        report_main(["--out", str(tmp_path / "out"), "--compare", str(good), str(bad)])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"--compare: {bad}: " in err
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_is_an_error_that_names_the_nearest(tmp_path):
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(InputError, match=r"there is no .*raport.json; did you mean 'report.json'\?"):
        read(tmp_path / "raport.json")
    for odd, got in ((tmp_path, "folder"), (Path("/dev/zero"), "device")):
        with pytest.raises(InputError, match=rf"expected a report.json, got a {got}"):
            read(odd)
