"""Every cheat of the catalogue is caught, and its right neighbour passes."""

import pytest

from parity_tests.comparison.functions.cheats import CHEATS, NEIGHBOURS
from parity_tests.conftest import few
from torch_ref import check_backward
from torch_ref.comparison.verdict import DIFFERS


@pytest.mark.parametrize("name", few(CHEATS, 6))
def test_a_cheat_is_caught(name):
    with pytest.raises(AssertionError, match=DIFFERS):
        check_backward(*CHEATS[name]())


@pytest.mark.parametrize("right", NEIGHBOURS)
def test_its_right_neighbour_passes(right):
    check_backward(*right())


def test_there_are_twenty_at_least():
    assert len(CHEATS) >= 20
