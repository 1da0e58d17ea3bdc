"""Operators of torch's database, tried in a process of their own."""

import pytest

from parity_tests.audit.judgement import DERIVED, NOT_JUDGED
from parity_tests.audit.workers import judged

pytest.importorskip("expecttest")


@pytest.mark.slow
def test_operators_are_judged_and_a_limit_is_a_row():
    found = dict(judged(["exp", "nn.functional.layer_norm"], 2, 60))
    assert all(j.outcome == DERIVED for calls in found.values() for j in calls)
    ((_, cut),) = judged(["exp"], 2, 0)
    assert (cut[-1].outcome, cut[-1].why) == (NOT_JUDGED, "it takes longer than 0 s")
