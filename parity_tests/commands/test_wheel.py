"""The wheel, built and installed beside nothing else of this project: its commands work outside of the clone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.report.record.json_record import as_json
from parity_tests.records import compared, record

CLONE = Path(__file__).parents[2]
PACKAGES = ("manual", "torch_ref", "experiments")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Where the wheel of a copy of the sources is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in (*PACKAGES, "parity_tests"):
        shutil.copytree(CLONE / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(CLONE / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source],
        check=True,
        capture_output=True,
    )
    [wheel] = folder.glob("*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--no-compile", "--target", folder / "site", wheel], check=True
    )
    return folder / "site"


@pytest.fixture
def run(site, tmp_path):
    """Run a program in an empty folder, with what is installed and not the clone: its result."""

    def program(*command):
        environment = os.environ | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run([*map(str, command)], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return program


def installed(site, name):
    """The path of an installed command."""
    return shutil.which(f"backprop-{name}", path=site / "bin") or pytest.fail(f"backprop-{name} is not installed")


def test_every_file_of_the_packages_is_in_the_wheel_and_no_test(site):
    assert not (site / "parity_tests").exists()
    for package in PACKAGES:
        files = [file.relative_to(site.parent / "source") for file in (site.parent / "source" / package).rglob("*.*")]
        assert files
        assert not [str(file) for file in files if not (site / file).is_file()]


def test_the_installed_packages_are_the_ones_that_are_run(site, run):
    done = run(sys.executable, "-c", "import experiments, manual, torch_ref; print(experiments.__file__)")
    assert done.stdout.strip() == str(site / "experiments" / "__init__.py")


@pytest.mark.slow
def test_an_installed_command_gives_its_help(site, run):
    done = run(installed(site, "bench"), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: backprop-bench ")


def test_an_installed_command_checks_the_template_and_a_file(site, run, tmp_path):
    example = site / "experiments" / "grade" / "examples" / "affine_right.py"
    done = run(installed(site, "check"), example)
    assert (done.returncode, done.stderr) == (0, "")
    assert "affine_right.py: " in done.stdout.splitlines()[-1]
    assert "def " in run(installed(site, "check"), "--template").stdout
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_an_installed_command_trains_by_the_name_of_a_config(site, run, tmp_path):
    done = run(installed(site, "train"), "fit", "--config", "two_two_one", "--trainer.max_epochs", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "runs" / "two_two_one" / "manual" / "version_0" / "checkpoints" / "last.ckpt").exists()


@pytest.mark.slow
def test_an_installed_command_compares_two_reports(site, run, tmp_path):
    (tmp_path / "a.json").write_text(as_json(record(compared())), "utf-8")
    done = run(installed(site, "report"), "--compare", "a.json", "a.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "No verdict got worse" in (tmp_path / "reports" / "compare.html").read_text("utf-8")


@pytest.mark.slow
def test_an_installed_report_says_that_its_commit_is_not_known_though_it_lies_in_a_checkout(site, run):
    repository = {"cwd": site, "check": True, "capture_output": True}
    subprocess.run(["git", "init", "--quiet"], **repository)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, "commit", "--quiet", "--allow-empty", "--message=somebody else's"], **repository)
    done = run(sys.executable, "-c", "from experiments.report import make; print(make.commit())")
    assert done.stdout.startswith("not known: "), done.stderr
