"""What the tests of checkpoints share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from parity_tests.train.checkpoints.small_runs import fit


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The folder of a run that is done, by optimizer and implementation; made once."""
    out, made = tmp_path_factory.mktemp("runs"), dict[tuple[str, str], Path]()

    def run(optimizer: str, side: str) -> Path:
        if (optimizer, side) not in made:
            made[optimizer, side] = fit(out / optimizer, optimizer, side)
        return made[optimizer, side]

    return run
