"""The lower bounds of the dependencies in pyproject.toml, installed: `make floors`, before a release.

A fresh environment, which is deleted afterwards, gets every dependency in the oldest version that pyproject.toml
allows, and what these need besides as `constraints.txt` has it. A part of the tests runs there: those that use every
dependency. `python -m parity_tests.floors FILES` runs others.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from parity_tests.portable import files

ROOT = Path(__file__).parents[1]
TESTED = (
    "comparison/parity",
    "tolerance/bounds",
    "truth/",
    "grade/",
    "grade/forms/",
    "grade/judging/",
    "grade/process/",
    "grade/shown/",
    "posts/claims",
    "posts/errata_table",
    "manual/contract",
    "manual/number_types",
    "report/figures",
    "report/report",
    "find/",
    "data/folder",
    "data/images",
    "train/model_file",
    "train/training",
    "train/refusals",
    "train/checkpoints/checkpoint",
    "commands/help",
    "commands/refusals",
)
"""The files of tests in which every dependency is used, as patterns; slow tests are run, too."""

WARNED = ["-W", "ignore::DeprecationWarning"]
"""An old version uses what a newer one of its own dependencies would rather not have used."""


def floors() -> dict[str, str]:
    """Dependency -> the oldest version that pyproject.toml allows.

    Raises:
        ValueError: a dependency has no lower bound.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = {}
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    for requirement in map(Requirement, [*project["dependencies"], *extras]):
        if requirement.name == project["name"]:
            continue
        lowest = [bound.version for bound in requirement.specifier if bound.operator in (">=", "==")]
        if len(lowest) != 1:
            raise ValueError(f"{requirement}: expected one lower bound")
        found[canonicalize_name(requirement.name)] = lowest[0]
    return found


def pinned() -> Iterator[str]:
    """The lines of a constraints file: the dependencies at their lower bounds, all else as it is tested."""
    lowest = floors()
    yield from (f"{name}=={version}" for name, version in lowest.items())
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if canonicalize_name(line.partition("==")[0]) not in lowest:
            yield line


def main(arguments: list[str]) -> int:
    """Install and test; pytest's exit status, or pip's."""
    with tempfile.TemporaryDirectory(prefix="floors-") as folder:
        constraints, environment = Path(folder, "constraints.txt"), Path(folder, "environment")
        constraints.write_text("\n".join(pinned()), "utf-8")
        print(*[f"{name} {version}" for name, version in floors().items()], sep=", ", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
        install = [python, "-m", "pip", "install", "--quiet", "--constraint", constraints, "--editable", f"{ROOT}[dev]"]
        if status := subprocess.run(install, cwd=folder).returncode:
            return status
        tests = arguments or [*files(TESTED)]
        variables = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        words = [python, "-m", "pytest", *WARNED, *tests]
        return subprocess.run(words, cwd=ROOT, env=os.environ | variables).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
