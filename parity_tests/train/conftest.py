"""Runs that nothing disturbs, and few drawn birds."""

import pytest

from parity_tests.drawn import draw
from parity_tests.train.cutting import fit


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("birds"), 60, size=8)


@pytest.fixture(scope="session")
def wholes(tmp_path_factory, pictures):
    """A run that nothing disturbs, by what it trains and implementation; made once."""
    made, out = {}, tmp_path_factory.mktemp("whole")

    def whole(arguments):
        key = " ".join(map(str, arguments))
        if key not in made:
            made[key] = fit(out / str(len(made)), arguments)
        return made[key]

    return whole
