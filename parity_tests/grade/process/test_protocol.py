"""Messages between the grader and the process that runs a file: what is wrong with one is no verdict on the file."""

import gzip
import io
import json
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from experiments.grade.errors import Fault, Garbled
from experiments.grade.judging.checker import check
from experiments.grade.process import protocol, sandbox
from experiments.grade.process.answers import Noticed
from experiments.grade.process.requests import REQUESTS, Describe
from manual.numbers.number_types import Array


@dataclass
class Part:
    number: float
    of: dict[str, Array]


@dataclass
class Message:
    """Every type that a message may have."""

    word: str
    count: int
    fits: bool
    parts: list[Part]
    delta: Array | None
    plain: Any


NAMES = ["", "x", "file", "args", "allow_pickle", "arr_0", "a/b", "self", "s:w:key"]


def message(**other):
    arrays = {name: np.full((2, i), i, np.float32) for i, name in enumerate(NAMES)}
    parts = [Part(1.5, arrays), Part(2, {})]
    return Message(**{"word": "δ", "count": 3, "fits": True, "parts": parts, "delta": None, "plain": [1, "a"]} | other)


def carried(sent, *expected):
    """What comes of a message."""
    stream = io.BytesIO()
    protocol.send(stream, sent)
    stream.seek(0)
    return protocol.receive(stream, *expected)


def altered(change):
    """The bytes of a message after a change of its header: its name, its values, and the kinds of its arrays."""
    content = protocol.encode(message())
    end = 4 + int.from_bytes(content[:4], "big")
    parts = json.loads(content[4:end])
    change(parts)
    return packed(json.dumps(parts), content[end:])


def packed(header, content=b""):
    """A message of this header, and of these bytes of arrays."""
    return len(header).to_bytes(4, "big") + header.encode() + content


def test_a_message_arrives_as_it_was_sent_whatever_its_arrays_are_called():
    came = carried(message(), Part, Message)
    assert (came.word, came.count, came.fits, came.delta, came.plain) == ("δ", 3, True, None, [1, "a"])
    assert [part.number for part in came.parts] == [1.5, 2]
    assert [*came.parts[0].of] == NAMES
    for i, a in enumerate(came.parts[0].of.values()):
        assert (a.dtype, a.shape) == (np.float32, (2, i))
        assert np.all(a == i)
    for sent in (np.arange(3), np.arange(6.0).reshape(2, 3).T, np.ones((2, 0)), np.array(1.5), np.arange(9)[::-2]):
        delta = carried(message(delta=sent), Message).delta
        assert np.array_equal(delta, sent)
        assert delta.flags.writeable
        assert delta.flags.f_contiguous or not sent.flags.f_contiguous
    assert carried(message(plain={"betas": (0.5, None)}), Message).plain == {"betas": [0.5, None]}


MADE: Any = Part  # of what its fields do not take
NOT_SENT = {
    "a number for a word": {"word": 1},
    "a word for a number": {"count": "1"},
    "no list": {"parts": None},
    "another part": {"parts": [3]},
    "a part's word for a number": {"parts": [MADE("1", {})]},
    "no array": {"parts": [MADE(1, {"x": [1]})]},
    "an array of objects": {"delta": np.array([len], dtype=object)},
    "a name that is no word": {"parts": [MADE(1, {1: np.ones(1)})]},
    "what JSON lacks": {"plain": [len]},
}


@pytest.mark.parametrize("other", NOT_SENT.values(), ids=NOT_SENT)
def test_what_is_not_of_its_type_is_not_sent(other):
    with pytest.raises(Fault, match="expected"):
        protocol.encode(message(**other))


NOT_EXPECTED = {
    "another name": lambda parts: parts.__setitem__(0, "Part"),
    "one field less": lambda parts: parts[1].pop("word"),
    "one field more": lambda parts: parts[1].update(more=1),
    "another type": lambda parts: parts[1].update(count="1"),
    "a number for a list": lambda parts: parts[1].update(parts=1),
    "a list for a part": lambda parts: parts[1].update(parts=[[]]),
    "True for a number": lambda parts: parts[1].update(count=True),
    "an array that is not there": lambda parts: parts[1].update(delta=99),
    "a text without end": lambda parts: parts[1].update(word="x" * 20_000),
}


@pytest.mark.parametrize("change", NOT_EXPECTED.values(), ids=NOT_EXPECTED)
def test_a_message_that_is_not_of_its_type_is_a_fault(change):
    with pytest.raises(Fault, match="expected"):
        protocol.decode(altered(change), Message)


ONE = '["Message", {}, [%s]]'
GARBLED = {
    "a word": b"print",
    "a pickle": pickle.dumps(np.ones(3)),
    "an archive that unpacks to more": gzip.compress(bytes(1 << 20)),
    "no list": packed("3"),
    "a deep list": packed("[" * 100_000),
    "no text": (4).to_bytes(4, "big") + b"\xff\xfe\xff\xff",
    "a header without end": (1 << 31).to_bytes(4, "big") + b"[]",
    "objects": packed(ONE % '["|O8", [1], "C"]', bytes(8)),
    "a type that is none": packed(ONE % '["<f3", [1], "C"]', bytes(3)),
    "a type that is a list": packed(ONE % '[["<f8"], [1], "C"]', bytes(8)),
    "an order that is none": packed(ONE % '["<f8", [1], "Z"]', bytes(8)),
    "a shape of less than nothing": packed(ONE % '["<f8", [-1, -1], "C"]', bytes(8)),
    "a shape that is no number": packed(ONE % '["<f8", [1.0], "C"]', bytes(8)),
    "more dimensions than an array has": packed(ONE % f'["<f8", {[1] * 99}, "C"]', bytes(8)),
    "a larger array than there are bytes": packed(ONE % '["<f8", [1000000000], "C"]', bytes(8)),
    "bytes that are left over": packed(ONE % '["<f8", [1], "C"]', bytes(16)),
}


@pytest.mark.parametrize("content", GARBLED.values(), ids=GARBLED)
def test_what_is_no_message_is_garbled(content):
    with pytest.raises(Garbled):
        protocol.decode(content, Message)


def test_a_stream_that_ends_is_at_its_end_and_one_that_would_not_is_garbled():
    with pytest.raises(Garbled):
        protocol.receive(io.BytesIO(b"x" * 99), Message)
    for short in (b"", bytes(3), (9).to_bytes(8, "big") + b"12345678"):
        with pytest.raises(EOFError):
            protocol.receive(io.BytesIO(short), Message)


def test_every_request_names_its_answer():
    assert REQUESTS
    assert all(isinstance(request.answer(), type) and request.__doc__ for request in REQUESTS)


def unknown(send):
    return lambda stream, request: send(stream, request if isinstance(request, Describe) else Noticed([], False))


def unlike(receive):
    return lambda stream, *expected: receive(
        stream, *(Message if kind.__name__ == "Output" else kind for kind in expected)
    )


@pytest.mark.parametrize(("name", "change"), [("send", unknown), ("receive", unlike)], ids=["request", "answer"])
def test_a_request_or_an_answer_that_is_not_known_is_a_fault_and_no_failure_of_the_file(
    name, change, monkeypatch, tmp_path
):
    (tmp_path / "hand_in.py").write_text(
        "def relu_forward(x): return x * (x > 0), x\ndef relu_backward(delta, x): return 2 * delta"
    )
    monkeypatch.setattr(sandbox, name, change(getattr(sandbox, name)))
    report = check(tmp_path / "hand_in.py", 60, "cpu")
    assert report.status == 2
    assert "relu not judged: the checker itself fails on it: Fault: " in report.verdict
