"""What the networks that look for the Bluebird must reach: which answers are enough, and what the page says of them."""

import html
import re
from typing import Any

import numpy as np
import pytest
from markupsafe import Markup

from experiments.report.chapters.acceptance import requirements
from experiments.report.chapters.predictions import Pair, Predictions, Trained

KINDS, EACH, SOUGHT = 4, 250, 1
SOFTMAX, HIDDEN, FILTERS, AHEAD, PRECISION, RECALL, APART = range(7)
ENOUGH = {"softmax": 700, "hidden": 800, "filters": 920}
"""Right answers of 1,000 with which all is reached."""


def answers(right: int, mistaken: int = 0, missed: int = 0) -> Predictions:
    """So many right answers; of the wrong ones some take another kind for a Bluebird, or a Bluebird for another
    kind."""
    y = np.arange(KINDS).repeat(EACH)
    taken, others, own = y.copy(), np.flatnonzero(y != SOUGHT), np.flatnonzero(y == SOUGHT)
    wrong = others[: KINDS * EACH - right - missed]
    taken[wrong] = np.where(y[wrong] == 0, 2, 0)
    taken[wrong[:mistaken]] = SOUGHT
    taken[own[:missed]] = 0
    assert (taken == y).sum() == right
    return Predictions(y, taken, SOUGHT)


def reached(manual: dict[str, Predictions], torch: dict[str, Predictions]) -> list[bool]:
    """The verdicts on one initialisation of each network."""
    return [
        row.reached
        for row in requirements(*(trained(name, [Pair(0, "", manual[name], torch[name])]) for name in ENOUGH))
    ]


def trained(name: str, pairs: list[Pair]) -> Trained:
    return Trained(name, Markup(""), "", pairs)


@pytest.mark.parametrize(("changes", "failed"), [
    ({}, None),
    ({"softmax": (599,)}, SOFTMAX),
    ({"softmax": (600,)}, None),
    ({"softmax": (850,), "hidden": (870,)}, None),
    ({"softmax": (851,), "hidden": (870,)}, SOFTMAX),
    ({"hidden": (701,)}, None),
    ({"hidden": (700,)}, HIDDEN),
    ({"filters": (919,)}, FILTERS),
    ({"hidden": (870,)}, None),
    ({"hidden": (871,)}, AHEAD),
    ({"hidden": (900,), "filters": (950,)}, None),
    ({"filters": (950, 27)}, None),
    ({"filters": (950, 28)}, PRECISION),
    ({"filters": (950, 0, 25)}, None),
    ({"filters": (950, 0, 26)}, RECALL),
])  # fmt: skip
@pytest.mark.parametrize("sides", [("manual",), ("torch",), ("manual", "torch")], ids="+".join)
def test_enough_is_what_was_asked_and_of_both(
    sides: tuple[str, ...], changes: dict[str, Any], failed: int | None
) -> None:
    base = {name: answers(right) for name, right in ENOUGH.items()}
    changed = base | {name: answers(*numbers) for name, numbers in changes.items()}
    found = reached(*(changed if side in sides else base for side in ("manual", "torch")))
    assert [place for place, enough in enumerate(found[:APART]) if not enough] == ([] if failed is None else [failed])


def test_what_counts_is_the_mean_over_the_seeds() -> None:
    good, poor, better, alone = answers(920), answers(910), answers(930), answers(929)
    softmax, hidden = (trained(name, [Pair(0, "", *[answers(ENOUGH[name])] * 2)]) for name in ("softmax", "hidden"))
    for other, enough in ((better, True), (alone, False), (good, False)):
        row = requirements(softmax, hidden, trained("filters", [Pair(0, "", poor, poor), Pair(1, "", other, other)]))[
            FILTERS
        ]
        assert row.reached == enough
    assert row.got == "91.50 % and 91.50 %"


@pytest.mark.parametrize("network", ENOUGH)
def test_of_no_seed_the_two_may_differ_in_more_than_one_picture(network: str) -> None:
    for differing, enough in ((0, True), (1, True), (2, False)):
        one = {name: answers(right) for name, right in ENOUGH.items()}
        other = one[network]._replace(predicted=one[network].predicted.copy())
        other.predicted[-differing or len(other.predicted) :] = 0
        pairs = {name: [Pair(0, "", a, a)] for name, a in one.items()}
        pairs[network].append(Pair(1, "", one[network], other))
        row = requirements(*(trained(name, both) for name, both in pairs.items()))[APART]
        assert (row.got, row.reached) == (str(differing or "none"), enough)


def test_a_network_that_takes_nothing_for_a_bluebird_has_not_reached_its_precision() -> None:
    given = {name: answers(right) for name, right in ENOUGH.items()}
    none = given | {"filters": answers(750, 0, 250)}
    assert not (none["filters"].predicted == SOUGHT).any()
    found = reached(none, none)
    assert (found[PRECISION], found[RECALL]) == (False, False)


def test_the_page_says_what_is_reached_and_what_is_not(page: str, shown: dict[str, Any]) -> None:
    table = page[page.index("The aims, set before the networks") :].split("</table>")[0]
    rows = [
        [html.unescape(re.sub("<.*?>", "", cell)).strip() for cell in re.split(r"<t[hd][^>]*>", row)[1:]]
        for row in table[table.index("<tbody>") :].split("<tr>")[1:]
    ]
    expected = shown["bluebird"]["requirements"]
    assert rows == [[row.of, row.required, row.got, "reached" if row.reached else "not reached"] for row in expected]
    assert {row[-1] for row in rows} == {"reached", "not reached"}, "after two epochs on few pictures"
    assert table.count('class="fails"') == sum(not row.reached for row in expected)
