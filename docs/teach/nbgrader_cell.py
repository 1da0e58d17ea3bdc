# An autograded cell of nbgrader, beside the exercise's notebook. The notebook's own cells are what is checked.
import json
import subprocess
import sys

### BEGIN HIDDEN TESTS
command = [sys.executable, "-m", "experiments.grade", "exercise.ipynb", "--task", "task.toml", "--format", "json"]
checked = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
for piece in checked["findings"]:
    if piece["name"] == "dense":
        assert not piece["not_judged"], piece["not_judged"]
        wrong = [row["quantity"] for row in piece["rows"] if row["verdict"] not in ("agrees", "convention")]
        assert not wrong, f"these differ: {wrong}"
### END HIDDEN TESTS
