"""What goes through every case of a kind goes through all of them, and says what fails."""

import pytest

from parity_tests.for_each import for_each

DRAWN = []


@for_each("case", [("one-0", 0), ("one-1", 1), ("two-0", 2), ("one-2", 3)], lambda name: name[:3], every=3)
def over_cases(case, rng):
    DRAWN.append(rng.random())
    assert case % 2


def test_every_case_is_in_a_test_of_its_kind_and_every_third_is_quick():
    (mark,) = over_cases.pytestmark
    found = {param.id: ([name for name, _ in param.values[0]], bool(param.marks)) for param in mark.args[1]}
    assert found == {
        "one": (["one-0", "one-2"], False), "one, the others": (["one-1"], True), "two, the others": (["two-0"], True),
    }  # fmt: skip


def test_each_begins_with_the_same_numbers_and_all_that_fail_are_named(rng):
    DRAWN.clear()
    over_cases(case=[("one-1", 1), ("one-2", 3)], rng=rng)
    with pytest.raises(AssertionError) as one:
        over_cases(case=[("one-0", 0), ("one-1", 1)], rng=rng)
    with pytest.raises(ExceptionGroup) as both:
        over_cases(case=[("one-0", 0), ("one-1", 1), ("two-0", 2)], rng=rng)
    notes = [error.__notes__ for error in (one.value, *both.value.exceptions)]
    assert notes == [["in the case one-0"], ["in the case one-0"], ["in the case two-0"]]
    assert len(DRAWN) == 7
    assert len({*DRAWN}) == 1
