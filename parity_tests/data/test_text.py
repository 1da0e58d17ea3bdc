"""A text as tokens, its windows, and the counts that a model is held against."""

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.data.module import Data
from experiments.data.ngrams import probabilities
from experiments.data.settings import DataSettings
from experiments.data.text import Text
from experiments.data.tokenizer import Tokenizer, learn
from manual import InputError
from parity_tests.tolerance.exact import gamma

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "that", "rat", "ran", "off"]

PROSE = " ".join(np.random.default_rng(0).choice(WORDS, 300))


# ---------------------------------------------------------------- tokens


def test_the_most_frequent_pairs_become_tokens_the_older_first():
    """The example that the method is explained by: aaabdaaabac becomes XdXac."""
    tokenizer = learn("aaabdaaabac", "aaabdaaabac", 3)
    assert tokenizer.tokens == ["a", "b", "c", "d", "aa", "ab", "aaab"]
    assert [tokenizer.tokens[i] for i in tokenizer.encode("aaabdaaabac")] == ["aaab", "d", "aaab", "a", "c"]


@pytest.mark.parametrize("text", ["aaaaaaa", "abababab", PROSE, "ж\u2014\U0001f600\n ж"])
@pytest.mark.parametrize("merges", [0, 3, 50])
def test_a_text_comes_back_from_its_tokens(text, merges):
    tokenizer = learn(text, text, merges)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids.tolist()) == text
    assert len(tokenizer.tokens) <= len({*text}) + merges
    np.testing.assert_array_equal(Tokenizer(tokenizer.tokens).encode(text), ids)


def test_of_a_row_of_equal_ones_pairs_are_merged_from_the_left():
    tokenizer = Tokenizer(["a", "b", "aa"])
    assert tokenizer.encode("aaabaa").tolist() == [2, 0, 1, 2]


@pytest.mark.parametrize(("tokens", "said"), [
    (["a", "a"], "expected 2 different tokens"),
    (["ab"], "expected 1 different tokens, of which some are characters"),
    (["a", "b", "abb"], "expected 'abb' to be made of two tokens before it"),
    (["a", "ac"], "'c' is not among the 1 characters"),
])  # fmt: skip
def test_what_is_no_vocabulary_is_refused(tokens: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Tokenizer(tokens)


# ---------------------------------------------------------------- windows


def data(tmp_path: Path, text: str = PROSE, **said: Any) -> Data:
    (tmp_path / "own.txt").write_text(text, "utf-8")
    return Data(DataSettings("text", file=str(tmp_path / "own.txt"), context=8, batch_size=4, **said))


@pytest.mark.parametrize("merges", [0, 20])
def test_a_target_is_the_text_one_token_on_and_the_parts_have_nothing_in_common(merges, tmp_path):
    own = data(tmp_path, merges=merges)
    assert own.text
    decode, cuts = own.text.tokenizer.decode, [len(PROSE) * tenths // 10 for tenths in (0, 8, 9, 10)]
    for part, start, end in zip((own.train, own.validation, own.test), cuts[:-1], cuts[1:], strict=True):
        first = decode(part.x.ravel().tolist())
        assert PROSE[start:end].startswith(first)
        assert len(first) > (end - start) / 2
        assert PROSE[start:end].startswith(decode([int(part.x[0, 0]), *part.y.ravel().tolist()]))


def test_every_epoch_sees_other_windows_and_the_same_epoch_the_same(tmp_path):
    def epoch(number: int) -> list[list[int]]:
        own = data(tmp_path)
        own.order.set_epoch(number)
        return [row.tolist() for x, _ in own.train_dataloader() for row in x]

    assert epoch(1) == epoch(1)
    texts = {number: {tuple(row) for row in epoch(number)} for number in range(3)}
    assert texts[0] != texts[1] != texts[2]


def test_a_run_remembers_the_text_by_its_hash(tmp_path):
    own, other = data(tmp_path), data(tmp_path, PROSE.replace("mat", "hat"))
    assert own.settings["text"] == "own.txt"
    assert own.settings["sha256"] != other.settings["sha256"]
    reference = Text(None, 64, 0)
    assert reference.settings["text"].startswith("pydoc_data.topics of Python 3.")
    assert len(reference.characters) > 10**5


@pytest.mark.parametrize(("said", "message"), [
    ({"context": None}, "data: context must be an integer >= 1, got None"),
    ({"context": 2000}, "data.context 2000: expected at most 1,024 tokens"),
    ({"context": 100}, "data.context 100: expected a text of at least 2000 tokens, a tenth of it to validate, got 1,"),
    ({"merges": -1}, "data: merges must be an integer >= 0, got -1"),
    ({"merges": 10**8}, "data.merges 100000000: expected at most 1,000"),
    ({"file": "nowhere.txt"}, "there is no text nowhere.txt"),
    ({"size": 3}, "data.size is for data.name pictures; here it is text"),
    ({"name": "digits"}, "data.file is for data.name text; here it is digits"),
])  # fmt: skip
def test_what_cannot_be_trained_on_is_refused(said: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text(PROSE, "utf-8")
    with pytest.raises(InputError, match=f"^{message}"):
        Data(DataSettings(**{"name": "text", "file": str(tmp_path / "own.txt"), "context": 8} | said))


@pytest.mark.parametrize(
    ("content", "message"), [(b"\xff" * 999, "expected a text in UTF-8"), (b"", "expected a text, got an empty file")]
)
def test_a_file_that_holds_no_text_is_refused(content, message, tmp_path):
    (tmp_path / "own.txt").write_bytes(content)
    with pytest.raises(InputError, match=f"own.txt: {message}"):
        Text(tmp_path / "own.txt", 8, 0)


# ---------------------------------------------------------------- n-grams


def counted(train: str, before: str, c: str, characters: int) -> Fraction:
    """P(c | before) by its definition, counted anew."""
    shorter = counted(train, before[1:], c, characters) if before else Fraction(1, characters)
    places = [i for i in range(len(train) - len(before)) if train[i : i + len(before)] == before]
    follow = Counter(train[i + len(before)] for i in places)
    if not follow:
        return shorter
    return (follow[c] + len(follow) * shorter) / (len(places) + len(follow))


def test_n_grams_are_those_of_the_definition():
    train, text, alphabet = "abracadabra", "cadrab ab", "abcdr "
    ids = [np.array([alphabet.index(c) for c in string]) for string in (train, text)]
    for k, found in enumerate(probabilities(ids[0], ids[1], len(alphabet), 4), start=1):
        for i in range(k - 1, len(text)):
            wanted = counted(train, text[i - k + 1 : i], text[i], 6)
            # one rounding at the start, three a length, and all that is added is positive
            assert abs(Fraction(float(found[i])) - wanted) <= gamma(1 + 3 * k, np.float64) * wanted
