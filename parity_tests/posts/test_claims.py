"""The index of claims and errata, held against the tests: every id is carried by a test, and no test carries
another."""

from latex2mathml.converter import convert

from experiments.report.chapters.errata import ERRATA
from manual.documents import PRINTED, claims
from parity_tests.for_each import for_each
from parity_tests.posts.claim_index import marked

INDEX, MARKED = claims(), [*marked()]


def test_every_claim_and_erratum_is_carried_by_a_test():
    carried = {claim for _, ids in MARKED for claim in ids}
    wanted = {claim for claim, entry in INDEX.items() if not entry.get("later")}
    assert carried == wanted


def test_no_test_carries_more_than_four_ids():
    assert [(test, ids) for test, ids in MARKED if len(ids) > 4] == []


@for_each("claim", INDEX)
def test_an_entry_is_complete_and_its_formulas_convert_to_mathml(claim):
    entry = INDEX[claim]
    if claim.startswith("E"):
        assert entry.keys() - {"in_words"} == {"printed", "corrected", "why", "where", "quotes"}
        assert entry["quotes"]
    else:
        assert {"claim", "where"} <= entry.keys() <= {"claim", "formula", "where", "later"}
    for field in entry.keys() & {"formula", "printed", "corrected"}:
        for equation in entry[field].splitlines():
            assert "\\" not in convert(equation), "a command that was not understood"


def test_the_numbers_printed_and_the_errata_evaluated_are_those_of_the_index():
    assert [claim for claim in INDEX if claim.startswith("A13.")] == [*PRINTED]
    assert [claim for claim in INDEX if claim.startswith("E")] == [*ERRATA]
