"""The processes that hand-ins run in, forked from one that has loaded all that they need."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from experiments.grade.judging.checker import check
from experiments.grade.process.forks import NURSERY, Forked, start
from experiments.grade.process.guardian import end_all

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system forks no processes")
RIGHT = "def relu_forward(x): return x * (x > 0), x\ndef relu_backward(d, x): return d * (x > 0)"
SEES_ONE = f"import numpy\n{RIGHT}".replace(": return", ":\n    assert not hasattr(numpy, 'left')\n    return", 1)
LEAVES_A_TRACE = f"import numpy\n{RIGHT}".replace(": return", ":\n    numpy.left = 'a trace'\n    return", 1)


def test_no_file_sees_what_another_left_behind(tmp_path):
    for name, text in (("first.py", LEAVES_A_TRACE), ("second.py", SEES_ONE)):
        (tmp_path / name).write_text(text)
        assert check(tmp_path / name, 60, "cpu").status == 0


def test_another_process_forks_where_the_first_has_died(tmp_path):
    (tmp_path / "hand_in.py").write_text(RIGHT)
    assert check(tmp_path / "hand_in.py", 60, "cpu").status == 0
    assert NURSERY._process
    NURSERY._process.kill()
    NURSERY._process.wait()
    assert check(tmp_path / "hand_in.py", 60, "cpu").status == 0


ENDS = {
    "SIGTERM": lambda process, _: os.kill(process.pid, signal.SIGTERM),
    "end_all": lambda _, folder: end_all(folder),
}


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells the names of processes")
@pytest.mark.parametrize("by", ENDS)
def test_how_a_process_ended_is_told_by_the_one_that_forked_it(by):
    with TemporaryDirectory(prefix="check-") as folder:
        process = start([f"{folder}/hand_in.py"], folder)
        assert isinstance(process, Forked)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
        while f"({Path(folder).name})" not in Path(f"/proc/{process.pid}/stat").read_text():
            time.sleep(0.01)
        ENDS[by](process, Path(folder))
        ended = process.wait(timeout=60)
    assert ended == -(signal.SIGKILL if by == "end_all" else signal.SIGTERM)
    process.stdin.close()
    process.stdout.close()
