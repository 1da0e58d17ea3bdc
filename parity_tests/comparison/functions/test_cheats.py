"""Every cheat of the catalogue is caught, and its right neighbour passes."""

import pytest

from parity_tests.comparison.functions.cheats import CHEATS
from torch_ref import check_backward
from torch_ref.comparison.verdict import DIFFERS

BY_NAME = {cheat.name: cheat for cheat in CHEATS}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_cheat_is_caught(name):
    with pytest.raises(AssertionError, match=DIFFERS):
        check_backward(*BY_NAME[name].wrong())


NEIGHBOURS = {cheat.right: cheat.name for cheat in CHEATS}


@pytest.mark.parametrize("right", NEIGHBOURS, ids=NEIGHBOURS.values())
def test_its_right_neighbour_passes(right):
    check_backward(*right())


def test_there_are_twenty_at_least():
    assert len(BY_NAME) >= 20
