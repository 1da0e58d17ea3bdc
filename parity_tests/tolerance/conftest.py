"""Balls of 300 bits, for every test of the tolerance."""

import flint
import pytest


@pytest.fixture(autouse=True)
def precision():
    with flint.ctx.workprec(300):
        yield
