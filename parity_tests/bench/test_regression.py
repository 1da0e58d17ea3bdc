"""Whether a ratio fell behind an earlier one."""

import json
import os
import subprocess
import sys

import pytest

from experiments.bench import command as bench
from experiments.bench import regression, table, tables

MACHINE = {"CPU": "one", "NumPy": "two", "torch": "three"}


def result(median, spread=0.01, name="steps", workload="digits", threads=1, machine=MACHINE):
    ratio = {"q1": median - spread, "median": median, "q3": median + spread}
    rows = [{"workload": workload, "ratio": ratio}]
    return {"table": name, "threads": threads, "dtype": "float32", "machine": machine, "rows": rows}


@pytest.mark.parametrize(
    ("now", "said", "status"),
    [
        (result(2.0), "slower: digits (steps, float32, threads: 1): torch / manual was 3 and is 2", 1),
        (result(2.6), "slower: digits (steps, float32, threads: 1): torch / manual was 3 and is 2.6", 1),
        (result(2.8), "", 0),
        (result(2.0, spread=1.2), "", 0),
        (result(4.0), "", 0),
        (result(3.0, machine=MACHINE | {"CPU": "1"}), "not the same CPU: it was one, and is 1", 0),
        (result(3.0, machine=MACHINE | {"NumPy": "2"}), "not the same NumPy: it was two, and is 2", 0),
        (result(2.0, workload="another"), "not compared: another (steps, float32, threads: 1), of one result alone", 1),
        (result(2.0, name="kernel"), "not compared: digits (steps, float32, threads: 1), of one result alone", 1),
        (result(2.0, threads=2), "not compared: digits (steps, float32, threads: 2), of one result alone", 1),
    ],
)
def test_a_ratio_that_fell_behind_an_earlier_one_is_named_and_ends_with_1(
    now, said, status, quiet, tmp_path, monkeypatch, capsys
):
    """So does a result that has nothing in common with the earlier one."""
    before = tmp_path / "before.json"
    before.write_text(json.dumps([result(3.0)]))
    monkeypatch.setattr(table, "text", lambda table: "")
    monkeypatch.setattr(tables, "run", lambda *_: [now])
    assert bench.main(["--against", str(before)]) == status
    error = capsys.readouterr().err
    assert said in error
    assert bool(said) == bool(error)


@pytest.mark.parametrize(
    "content",
    ["", "{", "3", "[]", "{}", "[{}]", '[{"rows": [{"ratio": 1}]}]', json.dumps([result(float("nan"))]),
     json.dumps([result(0.0)]), "[" * 10**5, json.dumps([result(3.0)]).replace("3.0", "9" * 400), None],
)  # fmt: skip
def test_an_earlier_result_that_is_none_is_one_line_and_exit_2(quiet, content, tmp_path, capsys):
    path = tmp_path / "before.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit) as exit_:
        bench.main(["--against", str(path)])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(path) in error


def test_an_earlier_result_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "before.json"
    path.write_text(json.dumps([result(3.0)]))
    assert regression.compare(regression.read(path), [result(3.0)]) == ([], False)


@pytest.mark.slow
def test_an_earlier_result_is_found_from_any_folder(tmp_path, monkeypatch):
    """The benchmark starts itself again, as a variable is set that it does not want; the file is no result, and it
    says so."""
    (tmp_path / "before.json").write_text("[]")
    environment = os.environ | {"OPENBLAS_CORETYPE": "Haswell"}
    command = [sys.executable, "-P", "-m", "experiments.bench", "steps", "--against", "before.json"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "nothing was timed in it" in done.stderr
