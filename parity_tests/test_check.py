"""`python -m experiments.check`: the example files, whatever a file does wrong, and a folder of files."""

import csv
import errno
import json
import os
import select
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from experiments import check
from experiments.checking import checker, classroom, pages, twins
from experiments.checking.findings import Report, Row

EXAMPLES = Path(check.__file__).parent / "examples"

VERDICTS = {
    "adam_uncorrected": (1, {"weight": "there is no bias correction", "bias": "there is no bias correction"}),
    "affine_right": (0, {}),
    "gelu_function": (1, {"all": "view size is not compatible"}),
    "half_done": (1, {
        "forward": "changes x, which is its caller's", "dx": "NotImplementedError in line 30",
        "import": "imports torch, where NumPy was the task",
    }),
    "linear_first_example": (1, {"dbias": "the gradient is that of the first example alone"}),
    "linear_right": (0, {}),
    "mse_without_its_two": (1, {"delta": "times ½"}),
    "network_right": (0, {}),
    "network_updated_first": (1, dict.fromkeys(("dW1", "db1"), "updated before δ goes back through them")),
    "sigmoid_at_the_output": (1, {"dx": "σ' is taken at a instead of at z"}),
    "standardize_forgets_the_mean": (1, {"dx": "differs"}),
    "swish_right": (0, {}),
}  # fmt: skip
"""Example -> exit status, and what is said of each quantity that fails."""

RIGHT = """
    import os, sys, time
    import numpy as np
    def sigmoid_forward(z): return 1 / (1 + np.exp(-z))
    def sigmoid_backward(delta, a): return delta * a * (1 - a)
    def relu_forward(x): return np.maximum(x, 0), x
    def relu_backward(delta, x): return delta * (x > 0)
"""


@pytest.fixture
def run(tmp_path, capsys):
    """Check a file of this source; its exit status and the JSON."""

    def command(source, *options):
        if isinstance(source, Path):
            path = source
        else:
            path = tmp_path / "hand_in.py"
            path.write_text("\n".join(map(dedent, source.split("---"))), "utf-8")
        status = check.main([str(path), "--format", "json", "--timeout", "20", *options])
        out, err = capsys.readouterr()
        assert err == ""
        return status, json.loads(out)

    return command


@pytest.fixture
def fails(capsys):
    """The one line that a command fails with."""

    def command(*arguments):
        with pytest.raises(SystemExit) as stop:
            check.main([*map(str, arguments)])
        assert stop.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1, err
        return err

    return command


def rows(result):
    return [(finding["name"], row) for finding in result["findings"] for row in finding["rows"]]


def failing(result):
    return {row["quantity"]: f"{row['verdict']} {row['cause']}" for _, row in rows(result) if row["verdict"] != "agrees"}


def agreeing(result):
    return [(name, row["quantity"]) for name, row in rows(result) if row["verdict"] == "agrees"]


def test_there_is_a_verdict_for_every_example():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == VERDICTS.keys()
    assert len(VERDICTS) == 12


@pytest.mark.parametrize("name", VERDICTS)
def test_an_example_gets_its_verdict(name, run):
    status, expected = VERDICTS[name]
    got, result = run(EXAMPLES / f"{name}.py")
    found = failing(result)
    assert got == result["status"] == status
    assert found.keys() == expected.keys()
    assert all(said in found[quantity] for quantity, said in expected.items()), found


# What a file may do


@pytest.mark.parametrize(("body", "said"), [
    ("raise ValueError('no\\nway')", "ValueError in line 10: no way"),
    ("sys.exit(3)", "called sys.exit(3)"),
    ("os._exit(0)", "ended the process with exit code 0"),
    ("os.kill(os.getpid(), 11)", "was ended by signal 11"),
    ("return relu_backward(delta, x)", "RecursionError in line 10"),
    ("return delta * np.nan", "is not finite"),
    ("return None", "expected an array of numbers, got NoneType"),
    ("return np.array([len], dtype=object)", "expected an array of numbers"),
    ("return delta + 0j", "expected an array of numbers, got complex128 numbers"),
    ("raise ValueError('x' * 5000 + chr(0xd800))", "ValueError in line 10: " + "x" * 176 + "… "),
    ("return np.resize(delta, (3000, 3000))", "expected an array of at most 64 MiB, got one of shape (3000, 3000)"),
    ("return delta, x, x", "returned 3 arrays; expected 1: dx"),
    ("return delta[:2]", "shape (2, 4), expected (5, 4)"),
    ("print('x' * 100_000); return 2 * delta * (x > 0)", "differs times 2"),
])
def test_what_goes_wrong_is_a_row_and_the_rest_is_checked(body, said, run):
    status, result = run(RIGHT + f"---def relu_backward(delta, x):\n    {body}")
    assert status == 1
    assert said in failing(result)["dx"]
    assert agreeing(result) == [("sigmoid", "y"), ("sigmoid", "dx"), ("relu", "y")]


def test_what_is_written_among_the_answers_is_a_row(run):
    scribble = """
        def relu_backward(delta, x):
            for file in range(3, 9):
                try: os.write(file, b"x" * 99)
                except OSError: pass
    """
    _, result = run(f"{RIGHT}---{scribble}")
    assert failing(result) == {"dx": "writes to a file that it did not open "}


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


def test_what_ends_the_process_is_a_row_in_every_form(run):
    status, result = run(DYING)
    assert status == 1
    found = {finding["name"]: [row["verdict"] for row in finding["rows"]] for finding in result["findings"]}
    assert found.keys() == {"linear", "own", "backward", "ReLU", "MSELoss", "SGD"}
    assert all("ended the process with exit code 0" in said for said in found.values()), found


def test_a_piece_on_which_the_checker_itself_fails_is_not_agreement_and_the_rest_is_checked(run, monkeypatch):
    def functions(checked):
        return twins.functions(checked) if checked.name == "relu" else [][0]

    monkeypatch.setitem(checker.FORMS, "functions", functions)
    status, result = run(RIGHT)
    assert status == 2
    assert agreeing(result) == [("relu", "y"), ("relu", "dx")]
    assert result["verdict"] == "sigmoid cannot be checked: the checker itself fails on it: IndexError: list index out of range"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_that_lives_on_in_another_is_killed_at_the_timeout(fails, tmp_path):
    (tmp_path / "hand_in.py").write_text("import os, time\nif os.fork(): os._exit(0)\ntime.sleep(20)\n")
    assert "cannot be checked: does not end within 1 s" in fails(tmp_path / "hand_in.py", "--timeout", "1")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_nothing_that_a_file_started_is_left(run, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    source = f"---import subprocess\nsubprocess.Popen(['sleep', '20'], stdout=open({str(pipe)!r}, 'w'))"
    try:
        assert run(RIGHT + source)[0] == 0
        assert select.select([end], [], [], 5)[0]
        assert os.read(end, 1) == b""  # nobody has the other end
    finally:
        os.close(end)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_ten_gigabytes_are_refused(run):
    _, result = run(RIGHT + "---def relu_backward(delta, x): return np.ones(10 << 27)")
    assert failing(result) == {"dx": "asked for more than 4 GiB of memory "}


@pytest.mark.parametrize(("where", "quantity"), [("backward(delta, a)", "dx"), ("forward(z)", "all")])
def test_an_endless_loop_ends_and_the_pieces_after_it_are_checked(where, quantity, run):
    status, result = run(f"{RIGHT}---def sigmoid_{where}:\n    while True: pass", "--timeout", "4")
    assert status == 1
    assert failing(result) == {quantity: "does not end within 4 s "}
    assert agreeing(result)[-2:] == [("relu", "y"), ("relu", "dx")]


def test_a_forward_that_chance_has_a_part_in_is_a_row(run):
    _, result = run(RIGHT + "---def relu_forward(x): return np.maximum(x, 0) + 1e-30 * np.random.rand(), x")
    assert failing(result)["forward"] == "gives another result when it is called again "


def test_a_backward_that_changes_what_it_was_given_is_a_row(run):
    _, result = run(RIGHT + "---def relu_backward(delta, x):\n    delta *= x > 0\n    return delta")
    assert failing(result) == {"backward": "changes delta, which is its caller's "}


def test_a_backward_that_uses_up_its_cache_is_a_row(run):
    _, result = run(RIGHT + "---def sigmoid_backward(delta, a):\n    a *= 1 - a\n    return delta * a")
    assert failing(result) == {"backward": "gives another result when it is called again "}


def test_an_optimizer_that_changes_the_gradient_is_a_row(run):
    source = """
        class SGD:
            def __init__(self, lr): self.lr = lr
            def update(self, p, g, state):
                g *= self.lr
                p -= g
    """
    _, result = run(source)
    assert failing(result) == {"step": "changes the gradient, which is its caller's "}
    assert agreeing(result) == [("SGD", "weight"), ("SGD", "bias")]


@pytest.mark.parametrize(("source", "said"), [
    ("", "it offers nothing that could be; expected a layer, loss or optimizer class"),
    ("def f(:", "SyntaxError in line 1"),
    ("import nosuchmodule", "ModuleNotFoundError in line 1"),
    ("input()", "EOFError in line 1"),
    ("raise SystemExit('done')", "called sys.exit('done')"),
    ("while True: pass", "does not end within 1 s"),
])
def test_a_file_that_cannot_be_checked_is_an_error(source, said, fails, tmp_path):
    (tmp_path / "hand_in.py").write_text(source)
    assert f"hand_in.py: cannot be checked: {said}" in fails(tmp_path / "hand_in.py", *["--timeout=1"] * ("while" in source))


UNCLEAR = {
    "torch has no Own; expected examples(rng), which yields (layer, x)": """
        class Own:
            def __init__(self, k): pass
            def forward(self, x): pass
            def backward(self, delta, cache): pass
    """,
    "expected SGD to take (lr)": """
        class SGD:
            def __init__(self, rate): pass
            def update(self, p, g, state): pass
    """,
    "no derivative to hold Mine against; expected the rule of one of Adam, AdamW, RMSprop, SGD": """
        from manual import Optimizer
        class Mine(Optimizer): pass
    """,
    "what 'k' is, is not known; expected examples(rng), which yields (x, k)": """
        def forward(x, k): return x
        def backward(delta, k): return delta, k
    """,
    "the forward does not run on exact numbers: LinAlgError": """
        import numpy as np
        def forward(x):
            if x.dtype == object: raise np.linalg.LinAlgError
            return x
        def backward(delta): return delta
    """,
    "the forward decides exactly here": """
        import numpy as np
        def forward(x): return np.maximum(x, 0)
        def backward(delta, x): return delta
        def examples(rng): yield np.zeros(2)
    """,
    "np.cbrt is none of the functions that these have: exp, ": """
        import numpy as np
        def forward(x): return np.cbrt(x)
        def backward(delta, x): return delta
    """,
    "they are no floats: expected NumPy's functions, no math.… and no astype(float)": """
        def forward(x): return x.astype(float)
        def backward(delta, x): return delta
    """,
    "forward was called with a guess, x (5, 3), and raised ValueError: not enough values to unpack": """
        def forward(x):
            n, c, h, w = x.shape
            return x
        def backward(delta, x): return delta
    """,
    "examples(rng) yields nothing; expected examples(rng), which yields (x)": """
        def forward(x): return x
        def backward(delta, x): return delta
        def examples(rng): return []
    """,
    "examples(rng) yields no array of floats": """
        import numpy as np
        def forward(x): return x
        def backward(delta, x): return delta
        def examples(rng): yield np.array([1, 2])
    """,
    "what a Dropout draws or keeps is its own": """
        class Dropout:
            def __init__(self, p, seed): pass
            def forward(self, x): return x, x
            def backward(self, delta, x): return delta, self
    """,
    "expected forward(x, …), got one that takes nothing": """
        def forward(): pass
        def backward(delta): pass
    """,
    "expected reference(…) beside F": """
        import torch
        class F(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): return x
    """,
}


@pytest.mark.parametrize("said", UNCLEAR)
def test_a_piece_that_cannot_be_checked_says_what_it_takes(said, fails, tmp_path):
    (tmp_path / "hand_in.py").write_text(dedent(UNCLEAR[said]), "utf-8")
    assert said in fails(tmp_path / "hand_in.py")


def test_what_agrees_beside_a_piece_that_cannot_be_checked_is_not_all(run):
    own = "---class SGD:\n    def __init__(self, rate): pass\n    def update(self, p, g, state): pass"
    status, result = run(RIGHT + own)
    assert status == 2
    assert len(agreeing(result)) == 4
    assert result["verdict"].startswith("SGD cannot be checked: expected SGD to take (lr)")


# What a file may offer


RIGHT_IN_UNUSUAL_WAYS = """
    import numpy as np
    def relu_forward(u=None): return np.maximum(u, 0)
    def relu_backward(delta, u): return delta * (u > 0)
    def linear_forward(x, W, b=None): return x @ W.T + b
    def linear_backward(delta, x, W, b): return delta @ W, delta.T @ x, delta.sum(0)
    def center_forward(x, b): return x + b - x.mean(axis=0)
    def center_backward(delta, x, b): return delta - delta.mean(axis=0), delta.sum(axis=0)
    class L1Loss:
        def forward(self, prediction, target): return np.abs(prediction - target).mean(), prediction - target
        def backward(self, u): return np.sign(u) / u.size
    class SGD:
        def __init__(self, lr, weight_decay=0): self.lr, self.decay, self.state = lr, weight_decay, {}
        def step(self, network, gradient):
            self.state.setdefault("all", {"t": 0})["t"] += 1
            for name, p in network.params.items():
                p -= self.lr * (gradient.params[name] + self.decay * p)
    class Adam:
        def __init__(self, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0):
            self.lr, self.betas, self.eps, self.decay = lr, betas, eps, weight_decay
        def update(self, p, g, state):
            (b1, b2), g = self.betas, g + self.decay * p
            t = state["t"] = state.get("t", 0) + 1
            m = state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
            v = state["v"] = b2 * state.get("v", 0) + (1 - b2) * g * g
            p -= self.lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + self.eps)
"""


def test_what_is_right_in_an_unusual_way_agrees(run):
    status, result = run(RIGHT_IN_UNUSUAL_WAYS)
    assert status == 0, failing(result)
    assert agreeing(result) == [
        ("L1Loss", "dprediction"), ("SGD", "weight"), ("SGD", "bias"), ("Adam", "weight"), ("Adam", "bias"), ("relu", "y"),
        ("relu", "dx"), ("linear", "y"), ("linear", "dx"), ("linear", "dweight"), ("linear", "dbias"), ("center", "dx"),
        ("center", "db"),
    ]  # fmt: skip


def test_an_optimizer_that_runs_freely_is_held_to_every_step(run):
    changes = {"b2 * state": "0.5 * state", "np.sign(u)": "2 * np.sign(u)", " / (1 - b1**t)": ""}
    wrong = RIGHT_IN_UNUSUAL_WAYS
    for right, other in changes.items():
        wrong = wrong.replace(right, other)
    _, result = run(wrong)
    assert failing(result).keys() == {"dprediction", "weight", "bias"}


def test_a_loop_that_fills_an_array_and_an_index_are_checked(run):
    source = """
        import numpy as np
        def conv_forward(x, i):
            out = np.zeros((len(x), 2))
            for j in range(2):
                out[:, j] = x[:, j] * x[i, j + 1]
            return out
        def conv_backward(delta, x, i):
            dx = np.zeros_like(x)
            for j in range(2):
                dx[:, j] += delta[:, j] * x[i, j + 1]
                np.add.at(dx[:, j + 1], i, delta[:, j] * x[:, j])
            return dx
        def examples(rng): yield rng.standard_normal((3, 3)), np.array([1, 2, 2])
    """
    status, result = run(source)
    assert status == 0, failing(result)
    assert agreeing(result) == [("conv", "dx")]
    assert run(source.replace("i, delta", "i, 2 * delta"))[0] == 1


WRONG_IN_ONE_PLACE = """
    import numpy as np
    def linear_forward(x, W): return x @ W.T
    def linear_backward(delta, x, W): return delta * W if W.shape[0] == 1 else delta @ W + 1, delta.T @ x
    def softmax_forward(z): return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    def softmax_backward(delta, z):
        a = softmax_forward(z)
        return a * (delta - (delta * a).sum(axis=-1, keepdims=True))
    def sigmoid_forward(z): return 1 / (1 + np.exp(-z))
    def sigmoid_backward(delta, z):
        dz = np.zeros_like(z)
        dz.ravel()[:] = (delta * sigmoid_forward(z) * (1 - sigmoid_forward(z))).ravel()
        return dz
    def cube_forward(x): return x**3
    def cube_backward(delta, x): return 3 * x**2 * delta * np.where(np.abs(x) < 1e-3, -7, 1)
    def root_forward(x): return np.sqrt(x * x + 1)
    def root_backward(delta, x): return delta * x / np.sqrt(x * x + 1) * (1 if x.flags.c_contiguous else 2)
    def examples(rng): yield np.array([[1e6, 1.0, 1e-4], [1.0, 2.0, 3.0]])
"""


def test_what_is_wrong_in_one_place_alone_is_caught(run):
    _, result = run(WRONG_IN_ONE_PLACE)
    assert {(name, row["quantity"]): row["verdict"] for name, row in rows(result) if row["verdict"] != "agrees"} == {
        ("linear", "dx"): "differs", ("softmax", "y"): "is not finite", ("softmax", "dx"): "is not finite",
        ("sigmoid", "dx"): "differs (non-contiguous)", ("cube", "dx"): "differs", ("root", "dx"): "differs (non-contiguous)",
    }  # fmt: skip


def test_a_gradient_that_is_zero_everywhere_is_neither_right_nor_wrong(run):
    source = """
        import numpy as np
        def forward(x, b): return np.tanh(x) + 0 * b
        def backward(delta, x, b): return delta * (1 - np.tanh(x) ** 2), 0 * b
    """
    status, result = run(source)
    assert status == 2
    assert result["verdict"] == "forward db cannot be judged: the reference is zero on every input"
    assert run(source.replace(", 0 * b", ", 0 * b + 1"))[0] == 1


@pytest.mark.parametrize("name", ["numpy.py", "torch.py"])
def test_a_file_may_have_the_name_of_a_library(name, run, tmp_path):
    (tmp_path / name).write_text(dedent(RIGHT))
    assert run(tmp_path / name)[0] == 0


def test_a_layer_whose_bias_is_no_option_is_checked_without_that_option(run):
    source = (EXAMPLES / "linear_right.py").read_text("utf-8")
    status, result = run(source.replace("parameter(default=True)", "parameter()").replace(" if self.bias else None", ""))
    assert status == 0
    assert len(agreeing(result)) == 4


def test_a_gradient_of_its_own_is_checked(run):
    source = (EXAMPLES / "linear_right.py").read_text("utf-8")
    source += "\n    def gradient(self, delta, x):\n        return self.like(weight=delta.T @ x, bias=self.bias)\n"
    _, result = run(source)
    assert failing(result) == {"dbias, by gradient()": "differs the parameter itself is returned"}


NETWORK = """
    import numpy as np
    def backward(W1, b1, W2, b2, x, y):
        z = {}
        a = np.maximum(z, 0)
        d = {}
        e = {} * (z > 0)
        return {}
"""
NETWORKS = {
    "examples are rows, W is (out, in)": (
        "x @ W1.T + b1", "(a @ W2.T + b2 - y) / len(x)", "(d @ W2)", "e.T @ x, e.sum(0), d.T @ a, d.sum(0)",
    ),
    "examples are rows, W is (in, out)": (
        "x @ W1 + b1", "(a @ W2 + b2 - y) / len(x)", "(d @ W2.T)", "x.T @ e, e.sum(0), a.T @ d, d.sum(0)",
    ),
    "examples are columns, W is (out, in), b is (out, 1)": (
        "W1 @ x + b1", "(W2 @ a + b2 - y) / x.shape[1]", "(W2.T @ d)",
        "e @ x.T, e.sum(1, keepdims=True), d @ a.T, d.sum(1, keepdims=True)",
    ),
    "one example at a time": ("W1 @ x + b1", "W2 @ a + b2 - y", "(W2.T @ d)", "np.outer(e, x), e, np.outer(d, a), d"),
}  # fmt: skip
"""The same right network in every layout."""


@pytest.mark.parametrize("layout", NETWORKS)
def test_a_network_is_checked_in_the_layout_that_it_is_written_for(layout, run):
    right = NETWORK.format(*NETWORKS[layout])
    status, result = run(right)
    assert status == 0
    assert result["findings"][0]["form"] == f"network, {layout}"
    assert agreeing(result) == [("backward", name) for name in ("dW1", "db1", "dW2", "db2")]
    _, wrong = run(right.replace(" * (z > 0)", ""))
    assert failing(wrong).keys() == {"dW1", "db1"}


def test_a_bias_gradient_that_would_be_broadcast_is_caught(run):
    right = NETWORK.format(*NETWORKS["examples are columns, W is (out, in), b is (out, 1)"])
    _, result = run(right.replace("d.sum(1, keepdims=True)", "d.sum(1)"))
    assert failing(result) == {"db2": "shape (2,), expected (2, 1) "}


def test_a_network_with_its_cost_is_held_against_the_truth_of_that(run):
    cost = "---def cost(W1, b1, W2, b2, x, y): return np.sum((np.tanh(x @ W1.T + b1) @ W2.T + b2 - y) ** 2)"
    backward = """
        import numpy as np
        def backward(W1, b1, W2, b2, x, y):
            a = np.tanh(x @ W1.T + b1)
            d = 2 * (a @ W2.T + b2 - y)
            e = d @ W2 * (1 - a * a)
            return e.T @ x, e.sum(0), d.T @ a, d.sum(0)
    """
    assert run(backward + cost)[0] == 0
    status, result = run((backward + cost).replace("1 - a * a", "1 - a"))
    assert status == 1
    assert failing(result).keys() == {"dW1", "db1"}
    assert result["findings"][0]["against"] == "the truth of its cost"


def test_a_layer_that_torch_lacks_is_checked_to_1e_12(run):
    source = (EXAMPLES / "swish_right.py").read_text("utf-8")
    _, result = run(source.replace("return delta *", "return (1 + 1e-12) * delta *"))
    assert failing(result) == {"dx": "differs times 1.000000000001"}


def test_a_loss_that_torch_lacks_is_checked(run):
    source = """
        import numpy as np
        from manual import Loss
        class LogCosh(Loss):
            def forward(self, prediction, target):
                u = prediction - target
                return np.log((np.exp(u) + np.exp(-u)) / 2).mean(), u
            def backward(self, u):
                return np.tanh(u) / u.size
        class Quartic(Loss):
            def forward(self, prediction, target):
                u = prediction - target
                return np.sum(u**4), u
            def backward(self, u):
                return 3 * u**3
    """
    status, result = run(source)
    assert status == 1
    assert agreeing(result) == [("LogCosh", "dprediction")]
    assert failing(result) == {"dprediction": "differs times 0.75"}


def test_a_function_of_torch_is_not_blamed_for_torch(run):
    source = (EXAMPLES / "gelu_function.py").read_text("utf-8").replace("delta.view(-1)", "delta.reshape(-1)")
    status, result = run(source)
    assert status == 0
    assert "not derived" in result["findings"][0]["tolerance"]


def test_the_file_does_not_run_in_this_process_nor_write_beside_itself(run, tmp_path):
    run(RIGHT + "---open('litter', 'w').close(); sys.modules['here'] = sys")
    assert "here" not in sys.modules
    assert {path.name for path in tmp_path.iterdir()} == {"hand_in.py"}


# What the command prints


def test_the_table_has_the_form_and_a_row_for_each_quantity(capsys):
    assert check.main([str(EXAMPLES / "linear_first_example.py")]) == 1
    head, columns, *rows, _, verdict = capsys.readouterr().out.splitlines()
    assert head == "linear: functions, against torch.nn.Linear; tolerance derived"
    assert columns.split("  ")[1] == "quantity"
    assert [row.split()[0] for row in rows] == ["y", "dx", "dweight", "dbias"]
    assert rows[-1].endswith("the gradient is that of the first example alone")
    assert verdict == "linear_first_example.py: 1 of 4 quantities fail: linear dbias"


def test_a_difference_is_shown_where_nothing_is_allowed():
    assert pages.distances(Row("dx", "differs", 0.25, np.inf)) == ("0.25", "")


def test_the_page_is_one_file_in_which_nothing_of_the_submission_is_markup(tmp_path, capsys):
    path = tmp_path / "hand_in.py"
    path.write_text(dedent(RIGHT) + "def relu_backward(delta, x): raise ValueError('<script>alert(1)</script>')")
    assert check.main([str(path), "--format", "html"]) == 1
    page = capsys.readouterr().out
    assert page.startswith("<!DOCTYPE html>")
    assert "&lt;script&gt;" in page
    assert not any(part in page for part in ("<script", "http:", "https:", "src="))


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "expected a FILE or a FOLDER"),
    (["nowhere.py"], "there is no nowhere.py"),
    ([EXAMPLES, "--format", "json"], "--format is for a FILE"),
    ([EXAMPLES / "linear_right.py", "--out", "x"], "--out is for a FOLDER"),
    ([EXAMPLES / "linear_right.py", "--timeout", "0"], "--timeout: expected more than 0 seconds, got 0"),
    ([EXAMPLES / "linear_right.py", "--timeout", "soon"], "soon"),
    ([EXAMPLES / "linear_right.py", "--device", "tpu"], "expected one of cpu, cuda, got 'tpu'"),
    (["--template", "--device", "cpu"], "--template stands alone"),
])
def test_a_command_that_cannot_be_is_an_error(arguments, said, fails):
    assert said in fails(*arguments)


def test_the_help_says_that_it_is_no_sandbox(capsys):
    with pytest.raises(SystemExit):
        check.main(["--help"])
    assert "no sandbox\nfor hostile code" in capsys.readouterr().out


def test_the_template_fails_as_it_is_and_agrees_when_it_is_filled_in(capsys, run):
    assert check.main(["--template"]) == 0
    template = capsys.readouterr().out
    status, result = run(template.replace("---", ""))
    assert status == 1
    assert not agreeing(result)
    assert all("NotImplementedError" in said or "forward failed" in said for said in failing(result).values())

    filled = """
        def sigmoid_forward(z): return 1 / (1 + np.exp(-z))
        def sigmoid_backward(delta, z): return delta * sigmoid_forward(z) * (1 - sigmoid_forward(z))
        def linear_forward(x, W, b): return x @ W.T + b
        def linear_backward(delta, x, W, b): return delta @ W, delta.T @ x, delta.sum(axis=0)
        def backward(W1, b1, W2, b2, x, y):
            a = np.maximum(x @ W1.T + b1, 0)
            d = (a @ W2.T + b2 - y) / len(x)
            e = d @ W2 * (a > 0)
            return e.T @ x, e.sum(axis=0), d.T @ a, d.sum(axis=0)
    """
    status, result = run(f"{template}---{filled}")
    assert status == 0, failing(result)
    assert len(agreeing(result)) == 10


# A folder


@pytest.fixture
def hand_ins(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "anna.py").write_text(dedent(RIGHT))
    (folder / "ben.py").write_text(dedent(RIGHT) + "def relu_backward(delta, x): return delta")
    (folder / "cleo.py").write_text(dedent(RIGHT) + "def relu_backward(delta, x): return delta")
    (folder / "group").mkdir()
    (folder / "group" / "dan.py").write_text("def f(:")
    return folder


def test_a_folder_gets_a_row_and_a_page_for_each_file_and_a_summary(hand_ins, capsys):
    assert check.main([str(hand_ins)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4 files: agrees 1, differs 2, cannot be checked 1"
    assert lines[1].split()[0] == "2"
    with (hand_ins / "checked" / "summary.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert {name: row["result"] for name, row in rows.items()} == {
        "anna.py": "agrees", "ben.py": "differs", "cleo.py": "differs", str(Path("group", "dan.py")): "cannot be checked",
    }  # fmt: skip
    assert "relu dx" in rows["ben.py"]["verdict"]
    for name in rows:
        page = (hand_ins / "checked" / name).with_suffix(".html").read_text("utf-8")
        assert rows[name]["verdict"] in page


def test_a_run_that_was_stopped_goes_on_and_a_changed_file_is_checked_anew(hand_ins, monkeypatch):
    checked = []

    def once(path, timeout, device):
        if path.name == "cleo.py" and len(checked) < 10:
            checked.extend([None] * 10)
            raise KeyboardInterrupt
        checked.append(path.name)
        return Report(path.name, [])

    monkeypatch.setattr(classroom, "check", once)
    monkeypatch.setattr(classroom.os, "cpu_count", lambda: 1)
    with pytest.raises(SystemExit) as stop:
        check.main([str(hand_ins)])
    assert stop.value.code == 130
    first = [name for name in checked if name]
    check.main([str(hand_ins)])
    assert sorted(name for name in checked if name) == ["anna.py", "ben.py", "cleo.py", "dan.py"]
    assert "ben.py" in first
    (hand_ins / "ben.py").write_text("")
    check.main([str(hand_ins)])
    assert [name for name in checked if name][4:] == ["ben.py"]


def test_a_file_that_cannot_be_read_takes_nobody_else_down(hand_ins, capsys):
    (hand_ins / "dir.py").mkdir()
    (hand_ins / "link.py").symlink_to("nowhere")
    assert check.main([str(hand_ins)]) == 1
    with (hand_ins / "checked" / "summary.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert [*rows] == ["anna.py", "ben.py", "cleo.py", str(Path("group", "dan.py")), "link.py"]
    assert rows["link.py"]["verdict"] == f"cannot be checked: {os.strerror(errno.ENOENT)}"


def test_a_file_is_checked_anew_when_what_it_imports_or_the_checker_changes(hand_ins, monkeypatch):
    checked = []
    monkeypatch.setattr(classroom, "check", lambda path, *_: checked.append(path.name) or Report(path.name, []))
    (hand_ins / "anna.py").write_text("from helper import k")
    (hand_ins / "helper.py").write_text("import deeper")
    (hand_ins / "deeper.py").write_text("")

    def again():
        checked.clear()
        check.main([str(hand_ins)])
        return {*checked}

    assert len(again()) == 6
    assert again() == set()
    (hand_ins / "deeper.py").write_text("k = 1")
    assert again() == {"anna.py", "helper.py", "deeper.py"}
    monkeypatch.setattr(classroom, "_checker", lambda: "another")
    assert len(again()) == 6


def test_a_folder_without_python_files_is_an_error(fails, tmp_path):
    assert f"expected Python files in {tmp_path}, found none" in fails(tmp_path)


def test_results_that_cannot_be_written_are_an_error(fails, hand_ins, tmp_path):
    (tmp_path / "out").touch()
    assert "out" in fails(hand_ins, "--out", tmp_path / "out")
