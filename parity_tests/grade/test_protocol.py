"""Messages between the grader and the process that runs a file: what is wrong with one is no verdict on the file."""

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
    """The bytes of a message after a change of its header: its name, its values, and the types of its arrays."""
    with np.load(io.BytesIO(protocol.encode(message()))) as parts:
        header, *arrays = (parts[name] for name in parts.files)
    parts = [*json.loads(str(header)), arrays]
    change(parts)
    content = io.BytesIO()
    np.savez(content, np.array(json.dumps(parts[:3])), *parts[3])
    return content.getvalue()


def test_a_message_arrives_as_it_was_sent_whatever_its_arrays_are_called():
    came = carried(message(), Part, Message)
    assert (came.word, came.count, came.fits, came.delta, came.plain) == ("δ", 3, True, None, [1, "a"])
    assert [part.number for part in came.parts] == [1.5, 2]
    assert [*came.parts[0].of] == NAMES
    for i, a in enumerate(came.parts[0].of.values()):
        assert (a.dtype, a.shape) == (np.float32, (2, i))
        assert np.all(a == i)
    assert np.array_equal(carried(message(delta=np.arange(3)), Message).delta, [0, 1, 2])
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
    "one array more": lambda parts: parts[3].append(np.ones(1)),
    "one array less": lambda parts: parts[3].pop(),
    "another dtype": lambda parts: parts[3].__setitem__(1, parts[3][1].astype(np.float16)),
    "another shape": lambda parts: parts[3].__setitem__(1, parts[3][1][..., None]),
}


@pytest.mark.parametrize("change", NOT_EXPECTED.values(), ids=NOT_EXPECTED)
def test_a_message_that_is_not_of_its_type_is_a_fault(change):
    with pytest.raises(Fault, match="expected"):
        protocol.decode(altered(change), Message)


def test_what_is_no_message_is_garbled_and_no_code_runs():
    class Code:
        def __reduce__(self):
            return pytest.fail, ("it ran",)

    assert pickle.dumps(Code())  # it is code that a pickle would carry
    content = io.BytesIO()
    np.savez(content, np.array('["Message", {}, [["|O", [1]]]]'), np.array([Code()], dtype=object))
    numbers = io.BytesIO()
    np.savez(numbers, np.ones(3))
    for wrong in (content.getvalue(), numbers.getvalue(), b"print"):
        with pytest.raises(Garbled):
            protocol.decode(wrong, Message)
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
        "def relu_forward(x): return x * (x > 0), x\ndef relu_backward(d, x): return 2 * d"
    )
    monkeypatch.setattr(sandbox, name, change(getattr(sandbox, name)))
    report = check(tmp_path / "hand_in.py", 60, "cpu")
    assert report.status == 2
    assert "relu not judged: the checker itself fails on it: Fault: " in report.verdict
