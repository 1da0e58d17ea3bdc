"""The values at which a constructor's arguments are exercised: few rows, in which every two values meet."""

import inspect
from itertools import combinations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.grade.judging.argument_combinations import covering, exercised
from experiments.grade.judging.exercises import SIZES
from parity_tests.for_each import for_each

CHOICES = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 4).map(lambda n: [*range(n)]), max_size=5)


def pairs_of(choices):
    """Every two values of two arguments."""
    places = [(name, value) for name, values in choices.items() for value in values]
    return [(one, other) for one, other in combinations(places, 2) if one[0] != other[0]]


def holds(row, pair):
    return all(row[name] == value for name, value in pair)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(CHOICES)
def test_every_pair_of_values_is_in_a_row_and_the_first_row_has_the_defaults(choices):
    rows = covering(choices, lambda row: True)
    assert rows[0] == {name: values[0] for name, values in choices.items()}
    assert all(row.keys() == choices.keys() for row in rows)
    for name, values in choices.items():
        assert {row[name] for row in rows} == {*values}
    for pair in pairs_of(choices):
        assert any(holds(row, pair) for row in rows), pair


@settings(deadline=None, derandomize=True, max_examples=30)
@given(CHOICES, st.data())
def test_what_is_refused_is_left_out_and_what_one_more_value_allows_is_held(choices, data):
    refused = data.draw(st.lists(st.sampled_from(pairs_of(choices)), max_size=4)) if pairs_of(choices) else []

    def allowed(row):
        return not any(holds(row, pair) for pair in refused)

    rows = covering(choices, allowed)
    assert all(allowed(row) for row in rows)
    first = {name: values[0] for name, values in choices.items()}
    for pair in pairs_of(choices):
        row = first | dict(pair)
        others = [{name: value} for name, values in choices.items() if name not in dict(pair) for value in values]
        if row != first and (allowed(row) or any(allowed(row | other) for other in others)):
            assert any(holds(found, pair) for found in rows), pair


@settings(deadline=None, derandomize=True, max_examples=10)
@given(st.integers(2, 7), st.integers(2, 4))
def test_rows_are_few(names, count):
    choices = {f"a{i}": [*range(count)] for i in range(names)}
    assert len(covering(choices, lambda row: True)) <= count * count * 2 + names


def takes_sgd(row):
    try:
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], **row)
    except ValueError:
        return False
    return True


def test_an_argument_that_needs_another_is_exercised_with_it():
    accepted = ["lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "foreach", "own"]
    rows, unknown = exercised(torch.optim.SGD, accepted, {"lr": 0.1}, takes_sgd)
    assert unknown == []
    assert all(takes_sgd({"lr": 0.1, **row}) for row in rows)
    assert not {name for row in rows for name in row} & {"foreach", "own"}
    with_nesterov = [row for row in rows if row["nesterov"]]
    assert {row["momentum"] for row in with_nesterov} == {0.9, 0.5}
    assert {row["maximize"] for row in with_nesterov} == {False, True}
    assert {row["dampening"] for row in rows} == {0, 0.5, 0.2}


def test_an_argument_of_which_no_value_is_known_is_named():
    class Kind:
        def __init__(self, size, rate=3.0, beta=1.0):
            pass

    rows, unknown = exercised(Kind, ["size", "rate", "beta"], {"size": 2}, lambda row: True)
    assert unknown == ["rate"]
    assert [row["beta"] for row in rows] == [1.0, 2.0, 0.5]


OPTIMIZERS = {name: getattr(torch.optim, name) for name in ("Adam", "AdamW", "RMSprop", "SGD")}
DEPRECATED = {"min_value", "max_value"}
KINDS = {**{name: getattr(torch.nn, name) for name in SIZES}, **OPTIMIZERS}


@for_each("name", KINDS)
def test_a_value_is_known_of_every_argument_that_says_what_torch_computes(name):
    fixed = SIZES[name].fixed if name in SIZES else {"lr": 0.1}
    parameters = inspect.signature(KINDS[name]).parameters.values()
    theirs = {p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)} - DEPRECATED
    _, unknown = exercised(KINDS[name], theirs, fixed, lambda row: True)
    assert unknown == ["momentum"] * name.startswith(("BatchNorm", "InstanceNorm"))  # of its running statistics
