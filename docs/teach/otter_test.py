# tests/dense.py of an assignment for otter-grader.
OK_FORMAT = True

CODE = r"""
>>> import json, subprocess, sys
>>> command = [sys.executable, "-m", "experiments.grade", "exercise.ipynb", "--task", "task.toml", "--format", "json"]
>>> checked = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
>>> dense = next(piece for piece in checked["findings"] if piece["name"] == "dense")
>>> dense["not_judged"]
''
>>> [row["quantity"] for row in dense["rows"] if row["verdict"] not in ("agrees", "convention")]
[]
"""

test = {
    "name": "dense",
    "points": 4,
    "suites": [{"type": "doctest", "cases": [{"code": CODE, "hidden": False, "locked": False}]}],
}
