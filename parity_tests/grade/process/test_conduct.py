"""`python -m experiments.grade`: what a file may do besides arithmetic; the rest of it is checked all the same."""

import os
import signal
import subprocess
import sys

import pytest

from experiments.grade.judging import checker, twins
from experiments.grade.process import guardian
from parity_tests.conftest import few
from parity_tests.grade.checking import ALL_OF_RIGHT, RIGHT, agreeing, failing, not_judged, rows, verdicts

WRONG = {
    "raise ValueError('no\\nway')": "ValueError in line 10: no way",
    "raise ValueError('x' * 5000 + chr(0xd800))": "ValueError in line 10: " + "x" * 176 + "…",
    "return delta[:, 9] * x": "IndexError in line 10",
    "return {}['dx']": "KeyError in line 10",
    "return relu_backward(delta, x)": "RecursionError in line ",
    "return delta * np.nan": "nan, expected ",
    "return delta / 0": "it is not finite",
    "return delta[:2]": "shape (2, 4), expected (5, 4)",
    "return np.float32(delta * (x > 0))": "dtype float32, expected float64",
}
"""What is wrong arithmetic of a backward, by what is said of it."""
PROTOCOL = {
    "raise NotImplementedError": "still to be written in line 10",
    "assert delta is None, 'δ?'": "AssertionError in line 10: δ?",
    "import nosuchmodule": "ModuleNotFoundError in line 10",
    "sys.exit(3)": "called sys.exit(3)",
    "os._exit(0)": "ended the process with exit code 0",
    "os.kill(os.getpid(), 11)": "was ended by signal 11",
    "return None": "still to be written: it returns None",
    "return np.array([len], dtype=object)": "expected an array of numbers",
    "return [[1.0], [1.0, 2.0]]": "expected",
    "return delta + 0j": "expected an array of numbers, got complex128 numbers",
    "return 'dx'": "expected an array of numbers, got str",
    "return np.resize(delta, (3000, 3000))": "expected an array of at most 64 MiB, got one of shape (3000, 3000)",
    "return delta, x, x": "returned 3 arrays; expected 1: dx",
    "return {'dq': delta}": "expected ['dx']",
}
"""What is no arithmetic, and so no mistake in it."""


@pytest.mark.parametrize("body", few(WRONG))
def test_what_goes_wrong_is_a_row_and_the_rest_is_checked(body, run):
    status, result = run(RIGHT + f"---def relu_backward(delta, x):\n    {body}")
    assert status == 1
    assert verdicts(result)["relu", "dx"] == "differs"
    assert WRONG[body] in failing(result)["dx"]
    assert agreeing(result) == ALL_OF_RIGHT[:3]


def test_what_is_printed_is_no_answer(run_apart):
    printing = "---def relu_backward(delta, x):\n    print('x' * 100_000)\n    return 2 * delta * (x > 0)"
    assert "times 2" in failing(run_apart(RIGHT + printing)[1])["dx"]


DRAWS = """
import random, numpy as np
class Times:
    def forward(self, x):
        self.x = x
        return x
    def backward(self, delta):
        return (np.random.rand() + random.random() + np.random.default_rng().random()) * delta
"""


def test_what_is_drawn_without_a_seed_is_drawn_again_in_the_next_run(run_apart):
    one, other = (failing(run_apart(DRAWS)[1]) for _ in range(2))
    assert one == other
    assert one.keys() == {"dx"}


@pytest.mark.parametrize("body", few(PROTOCOL))
def test_what_is_no_arithmetic_is_not_judged_and_the_rest_is_checked(body, request):
    ends = "exit" in body or "kill" in body
    status, result = request.getfixturevalue("run_apart" if ends else "run")(
        RIGHT + f"---def relu_backward(delta, x):\n    {body}"
    )
    assert status == 2
    assert verdicts(result)["relu", "dx"] == "not judged"
    assert PROTOCOL[body] in failing(result)["dx"]
    assert agreeing(result) == ALL_OF_RIGHT[:3]


NO_FORWARD = ["raise ValueError('no')", "raise NotImplementedError", "return None", "return x, x, x", "1 / 0"]


@pytest.mark.parametrize("body", NO_FORWARD)
def test_what_a_forward_fails_with_on_ordinary_inputs_is_not_judged(body, run):
    status, result = run(RIGHT + f"---def relu_forward(x):\n    {body}")
    assert status == 2
    assert {quantity: said for quantity, said in verdicts(result).items() if quantity[0] == "relu"} == {
        ("relu", "y"): "not judged", ("relu", "dx"): "not judged",
    }  # fmt: skip
    assert agreeing(result) == ALL_OF_RIGHT[:2]


def test_what_is_written_among_the_answers_is_a_row(run_apart):
    scribble = """
        def relu_backward(delta, x):
            for file in range(3, 9):
                try: os.write(file, b"x" * 99)
                except OSError: pass
    """
    status, result = run_apart(f"{RIGHT}---{scribble}")
    assert status == 2
    assert failing(result) == {"dx": "not judged: writes to a file that it did not open; "}


DYING = """
    import os
    import numpy as np
    def linear_forward(x, W, b): os._exit(0)
    def linear_backward(delta, x, W, b): pass
    def own_forward(x): os._exit(0)
    def own_backward(delta, x): pass
    def backward(W1, b1, W2, b2, x, y): os._exit(0)
    class ReLU:
        def forward(self, x):
            if x.dtype == np.float32: os._exit(0)
            return np.maximum(x, 0), x > 0
        def backward(self, delta, on): return delta * on, self
    class MSELoss:
        def forward(self, prediction, target): os._exit(0)
        def backward(self, cache): pass
    class SGD:
        def __init__(self, lr): self.lr = lr
        def update(self, p, g, state): os._exit(0)
"""


@pytest.mark.slow
def test_what_ends_the_process_is_said_in_every_form(run_apart):
    status, result = run_apart(DYING)
    assert status == 2
    assert not_judged(result) == dict.fromkeys(
        ("linear", "own", "backward", "ReLU", "MSELoss", "SGD"), "ended the process with exit code 0"
    )
    assert "differs" not in verdicts(result).values()


def test_a_piece_on_which_the_checker_itself_fails_is_not_agreement_and_the_rest_is_checked(run, monkeypatch):
    def functions(checked):
        return twins.functions(checked) if checked.name == "relu" else [][0]

    monkeypatch.setitem(checker.JUDGED_BY, "functions", functions)
    status, result = run(RIGHT)
    assert status == 2
    assert agreeing(result) == ALL_OF_RIGHT[2:]
    assert not_judged(result) == {"sigmoid": "the checker itself fails on it: IndexError: list index out of range"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("hides", ["os.fork()", pytest.param("getattr(os, 'fo' + 'rk')()", marks=pytest.mark.slow)])
def test_a_file_that_lives_on_in_another_process_is_not_judged(hides, fails, tmp_path):
    (tmp_path / "hand_in.py").write_text(f"import os, time\ndef f(x={hides} and os._exit(0), y=time.sleep(60)): pass\n")
    assert "not judged: it starts something else (os.fork)" in fails(tmp_path / "hand_in.py", "--timeout", "3")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells the environment of a process")
def test_nothing_that_was_started_for_a_folder_is_left(tmp_path):
    environments = {name: {guardian.MARK: str(tmp_path / name)} for name in ("ours", "another")}
    waits, pipe = ["sh", "-c", "echo begun; read line"], subprocess.PIPE
    started = {
        name: subprocess.Popen(waits, env=os.environ | own, start_new_session=True, stdin=pipe, stdout=pipe)
        for name, own in environments.items()
    }
    try:
        for process in started.values():
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"  # before, the system may not tell its environment
        guardian.end_all(tmp_path / "ours")
        assert started["ours"].wait(60) == -signal.SIGKILL
        assert started["another"].poll() is None
    finally:
        for process in started.values():
            process.kill()
            process.communicate()


@pytest.mark.parametrize("does", ["open({!r}, 'w')", "os.mkdir({!r})", "os.system('touch ' + {!r})"])
def test_a_backward_neither_writes_nor_starts_anything(does, run_apart, tmp_path):
    made = tmp_path / "made"
    status, _ = run_apart(
        RIGHT + f"---def relu_backward(delta, x): return delta * (x > 0) * bool({does.format(str(made))} or 1)"
    )
    assert status == 2
    assert not made.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_ten_gigabytes_are_refused(run_apart):
    status, result = run_apart(RIGHT + "---def relu_backward(delta, x): return np.ones(10 << 27)")
    assert status == 2
    assert failing(result) == {"dx": "not judged: asked for more than 4 GiB of memory; "}


@pytest.mark.parametrize(
    ("where", "quantities"),
    [
        ("backward(delta, a)", {"dx"}),
        pytest.param("forward(z)", set(), marks=pytest.mark.slow),
    ],
)
def test_an_endless_loop_ends_and_the_pieces_after_it_are_checked(where, quantities, run_apart):
    status, result = run_apart(f"{RIGHT}---def sigmoid_{where}:\n    while True: pass", "--timeout", "2")
    assert status == 2
    assert failing(result).keys() == quantities
    assert not_judged(result) == {"sigmoid": "does not end within 2 s"}
    assert agreeing(result)[-2:] == ALL_OF_RIGHT[2:]


def test_the_file_does_not_run_in_this_process_nor_write_beside_itself(run_apart, tmp_path):
    run_apart(RIGHT + "---open('litter', 'w').close(); sys.modules['here'] = sys")
    assert "here" not in sys.modules
    assert {path.name for path in tmp_path.iterdir()} == {"hand_in.py"}


def test_a_file_s_rows_are_the_same_when_it_is_checked_again(run_apart):
    assert rows(run_apart(RIGHT)[1]) == rows(run_apart(RIGHT)[1])
