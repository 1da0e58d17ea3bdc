"""docs/lightning.md: its commands are read, its snippets run, and its table is what the code offers."""

import re
import shlex
from pathlib import Path

import pytest

from experiments.train.options import read
from parity_tests.train.options_table import table
from parity_tests.train.processes.forks import Fork, forked

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "lightning.md").read_text("utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"^.*backprop-train (fit .*)$", TEXT, re.MULTILINE)


def test_the_table_is_what_the_code_offers() -> None:
    assert (DOCS / "tables/trainer_options.md").read_text("utf-8") == table()


@pytest.mark.parametrize("typed", COMMANDS)
def test_a_command_is_understood(typed, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    words = [word for word in shlex.split(typed) if word != "--print_config"]
    assert read(words).subcommand == "fit"


def script(snippet: str) -> None:
    exec(f"{snippet}\nassert trainer.global_step == 2 * trainer.num_training_batches > 0\n", {"__name__": "__main__"})


@forked
@pytest.mark.parametrize("snippet", SNIPPETS, ids=["a layer", "a run"])
def test_a_snippet_runs_and_trains(snippet, tmp_path) -> None:
    status, _, said = Fork(tmp_path, script, snippet).end()
    assert status == 0, said


def test_there_are_snippets_and_commands() -> None:
    assert len(SNIPPETS) == 2
    assert len(COMMANDS) >= 8
