"""Messages between the checker and the process that runs a file: what is wrong with one is no verdict on the file."""

import io
import pickle

import numpy as np
import pytest

from experiments.grade import command as check
from experiments.grade.process import protocol, sandbox

SOURCE = """
def relu_forward(x): return x * (x > 0), x
def relu_backward(delta, x): return delta * (x > 0)
"""


@pytest.fixture
def refused(tmp_path, capsys):
    """Why a right file is not judged: no verdict, exit status 2."""

    def command():
        (tmp_path / "hand_in.py").write_text(SOURCE, "utf-8")
        status = 0
        try:
            status = check.main([str(tmp_path / "hand_in.py")])
        except SystemExit as stop:
            status = stop.code
        assert status == 2
        said = "".join(capsys.readouterr())
        assert "differs" not in said
        return said

    return command


def carried(header, arrays):
    """What comes of a message."""
    stream = io.BytesIO()
    protocol.send(stream, header, arrays)
    stream.seek(0)
    return protocol.receive(stream)


def test_a_message_arrives_as_it_was_sent_whatever_its_arrays_are_called():
    names = ["", "x", "file", "args", "allow_pickle", "arr_0", "a/b", "self"]
    sent = {name: np.full((2, i), i, np.float32) for i, name in enumerate(names)}
    header, arrays = carried({"op": "forward"}, sent)
    assert header == {"op": "forward"}
    assert [*arrays] == names
    for name, a in sent.items():
        assert (arrays[name].dtype, arrays[name].shape) == (a.dtype, a.shape)
        assert np.array_equal(arrays[name], a)


@pytest.mark.parametrize(
    "other",
    [
        lambda content, header, *arrays: np.savez(content, header, *arrays, np.array(False)),
        lambda content, header, *arrays: np.savez(content, header, *arrays, allow_pickle=False, more=np.ones(1)),
        lambda content, header, *arrays: np.savez(content, header, *arrays[1:]),
        lambda content, header, *arrays: np.savez(content, header, *(a.astype(np.float16) for a in arrays)),
        lambda content, header, *arrays: np.savez(content, header, *(a[..., None] for a in arrays)),
    ],
    ids=["one more", "one more by name", "one less", "another type", "another shape"],
)
def test_arrays_that_are_not_those_that_were_sent_are_a_fault(other, monkeypatch, refused):
    monkeypatch.setattr(protocol, "np", Other(other))
    with pytest.raises(protocol.Fault):
        carried({}, {"x": np.ones(3), "y": np.ones(2)})
    assert "the checker itself fails on it" in refused()


class Other:
    """NumPy, but for its `savez`."""

    def __init__(self, savez):
        self.savez = savez

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.pop("conduct"),
        lambda header: header.update(imports_torch="no"),
        lambda header: header.pop("pieces", 0),
        lambda header: header.pop("pass", 0),
        lambda header: header.clear(),
    ],
    ids=["no conduct", "not of its type", "no pieces", "no number of the pass", "nothing"],
)
def test_an_answer_that_lacks_what_is_expected_is_a_fault(change, monkeypatch, refused):
    def receive(stream):
        header, arrays = protocol.receive(stream)
        change(header)
        return header, arrays

    monkeypatch.setattr(sandbox, "receive", receive)
    assert "the checker itself fails on it" in refused()


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.update(op="forwards"),
        lambda header: header.pop("op"),
        lambda header: header.update(more=1),
        lambda header: header.pop("piece", 0),
    ],
    ids=["unknown", "none", "one argument more", "one less"],
)
def test_a_request_that_is_not_known_is_a_fault_and_no_failure_of_the_file(change, monkeypatch, refused):
    def send(stream, header, arrays):
        change(header)
        protocol.send(stream, header, arrays)

    monkeypatch.setattr(sandbox, "send", send)
    assert "the checker itself fails on it" in refused()


def test_a_message_that_would_run_code_is_refused():
    class Code:
        def __reduce__(self):
            return pytest.fail, ("it ran",)

    content = io.BytesIO()
    np.savez(content, np.array('[{}, {"x": ["|O", [1]]}]'), np.array([Code()], dtype=object))
    stream = io.BytesIO(len(content.getvalue()).to_bytes(8, "big") + content.getvalue())
    with pytest.raises(protocol.Garbled):
        protocol.receive(stream)
    with pytest.raises(protocol.Fault, match="of numbers, got x of object"):
        protocol.send(io.BytesIO(), {}, {"x": np.array([Code()], dtype=object)})
    assert pickle.dumps(Code())  # it is code that a pickle would carry
