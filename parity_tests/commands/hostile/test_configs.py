"""Paths that are no files, and configs that are more than they seem.

(What no config may hold, wherever it stands, is in train/test_config_layers.py.)
"""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from parity_tests.commands.hostile.strangers import CONFIG, Refuse, written


def loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("kind", ["model", "checkpoint", "config"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "got a folder"),
        (os.mkfifo, "got a device, pipe or socket"),
        (loop, "there is no"),
        (lambda path: path.symlink_to("/dev/zero"), "got a device, pipe or socket"),
        (lambda path: path.symlink_to("/no/where"), "there is no"),
    ],
    ids=["folder", "pipe", "loop", "/dev/zero", "nowhere"],
)
def test_what_is_no_file_is_refused_at_once(
    kind: str, make: Callable[[Path], object], message: str, refused: Refuse, tmp_path: Path
) -> None:
    make(path := tmp_path / "odd.yaml")
    assert message in refused(kind, path)


# Configs


def bomb() -> str:
    """Nine lines that stand for 9⁹ numbers."""
    names = "abcdefghi"
    lines = [f"{name}: &{name} [" + ", ".join([f"*{before}"] * 9) + "]" for before, name in pairwise(names)]
    return "\n".join(["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]", *lines])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb(), "line 2: expected a config without aliases"),
        pytest.param("- 1\n" * 10**5, "expected at most 50,000 names and values, got more", id="values"),
        pytest.param("#" * 10**7 + "\n", "expected a config of at most 10,000,000 bytes, got 10,000,001", id="bytes"),
        pytest.param(
            "model: {network: [" + "Identity, " * 1001 + "]}",
            "expected at most 1,000 in model.network, got 1,001",
            id="layers",
        ),
        ("model: null", "model: expected names and their values, or a file of them, got None"),
        ("a: \x07", "expected a config in valid YAML"),
        ("\ufeffa: [", "expected a config in valid YAML"),
    ],
)
def test_a_config_that_is_more_than_it_seems_is_refused(
    text: str, message: str, refused: Refuse, tmp_path: Path
) -> None:
    assert message in refused("config", written(tmp_path / "odd.yaml", text.encode()))


def test_a_config_that_breaks_off_as_it_is_read_is_named(refused: Refuse) -> None:
    if not (memory := Path("/proc/self/mem")).exists():
        pytest.skip("there is no file that cannot be read")
    assert "/proc/self/mem: the config cannot be read: " in refused("config", memory)


def test_a_tag_that_would_run_code_is_refused(refused: Refuse, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    call = "!!python/object/apply:pathlib.Path"
    text = f"{CONFIG.read_text('utf-8')}\nout: {call}.touch [{call} ['{mark}']]"
    assert "expected a config without tags, got tag:yaml.org" in refused(
        "config", written(tmp_path / "odd.yaml", text.encode())
    )
    assert not mark.exists()
