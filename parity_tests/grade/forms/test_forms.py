"""`python -m experiments.grade`: what it recognises in a file, and what it does not judge, and why."""

import tomllib
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from experiments.grade.forms.definitions import load
from experiments.grade.forms.recognition import Offered
from parity_tests.conftest import few
from parity_tests.grade.checking import ALL_OF_RIGHT, RIGHT, agreeing, failing, not_judged, verdicts

CANNOT_RUN = [
    ("", "no backward is found in it; the file is empty"),
    ("def f(:", "SyntaxError in line 1"),
    ("input()", "no backward is found in it; expected"),
    ("def f(x=exit('done')): pass", "called sys.exit('done')"),
    ("def f(x=[0 for _ in iter(int, 1)]): pass", "does not end within 2 s"),
]


@pytest.mark.parametrize(("source", "said"), CANNOT_RUN)
def test_a_file_that_cannot_be_run_or_offers_nothing_is_an_error(source, said, fails, tmp_path, request):
    (tmp_path / "hand_in.py").write_text(source)
    if not source or "SyntaxError" in said:  # it does nothing to a process
        request.getfixturevalue("run")
    limit = ["--timeout", "2"] if "does not end" in said else []
    assert f"hand_in.py: not judged: {said}" in fails(tmp_path / "hand_in.py", *limit)


def test_inputs_are_drawn_again_in_the_shapes_of_the_first(tmp_path):
    """Of a slope that is learned the first draw finds out that it is one number."""
    (tmp_path / "hand_in.py").write_text(
        dedent("""
        import numpy as np
        def prelu_forward(x, alpha): return np.where(x > 0, x, alpha * x), (x, alpha)
        def prelu_backward(dout, cache):
            x, alpha = cache
            return np.where(x > 0, dout, alpha * dout), np.sum(dout * np.minimum(x, 0))
    """)
    )
    [piece] = Offered(load(tmp_path / "hand_in.py", str)).pieces.values()
    first, second = ([e.arrays for e in piece.truth_examples(np.random.default_rng(seed))] for seed in (0, 1))
    assert [{n: np.shape(a) for n, a in one.items()} for one in first] == [
        {n: np.shape(a) for n, a in one.items()} for one in second
    ]
    assert np.shape(first[0]["alpha"]) == ()


def test_beside_a_cost_alone_any_function_may_be_its_gradient_and_is_not_passed_over(run):
    source = """
        import numpy as np
        def compute_cost(A, Y): return np.mean((A - Y) ** 2)
    """
    assert run(source)[0] == 0
    status, result = run(source + "    def slope_of(A, Y): return 3 * (A - Y)\n")
    assert status == 2
    assert [finding["name"] for finding in result["findings"] if finding["not_judged"]] == ["slope_of"]


@pytest.mark.parametrize(
    "examples", ["yield rng.random(3), rng.random(3)", "yield {'w': rng.random(3)}", "yield 1 / 0"]
)
def test_examples_that_fit_no_piece_are_said(examples, run):
    source = """
        import numpy as np
        def square(x): return x * x
        def square_prime(x): return 2 * x
        def examples(rng):
            """
    assert run(source + "yield rng.random(3)")[0] == 0
    status, result = run(source + examples)
    assert status == 2
    assert "it was not used" in not_judged(result)["examples"]


NO_PYTHON = {"lab.txt": "a .txt file", "lab": "no suffix"}


@pytest.mark.parametrize(("name", "got"), NO_PYTHON.items())
def test_a_file_that_is_no_python_file_is_an_error_that_says_what_it_is(name, got, fails, tmp_path):
    (tmp_path / name).write_text("{}")
    assert f"{name}: not judged: expected a Python file (.py) or a notebook (.ipynb), got {got}" in fails(
        tmp_path / name
    )


NOTHING_IN_IT = {
    ("a.ipynb", ""): "it is no notebook: expected JSON with a list of cells",
    ("a.ipynb", '{"cells": 3}'): "it is no notebook: expected JSON with a list of cells",
    ("a.ipynb", '{"cells": [{"cell_type": "code"}]}'): "it is no notebook: expected JSON with a list of cells",
    ("a.ipynb", '{"cells": []}'): "no backward is found in it; expected a layer",
}


@pytest.mark.parametrize(("name", "text"), NOTHING_IN_IT)
def test_a_file_with_nothing_in_it_is_an_error_that_says_so(name, text, fails, tmp_path):
    (tmp_path / name).write_text(text)
    assert f"{name}: not judged: {NOTHING_IN_IT[name, text]}" in fails(tmp_path / name)


ALONE = """
    import numpy as np
    from nowhere import clipped
    def sigmoid_backward(delta, y): return delta * y * (1 - y)
    def relu_forward(z): return clipped(z)
    def relu_backward(delta, z): return delta * (z > 0)
"""


def test_what_lacks_its_forward_or_its_module_is_told_so(run):
    status, result = run(ALONE)
    assert status == 2
    assert [f["form"] for f in result["findings"] if f["not_judged"]] == [
        "function of (delta, y), without a sigmoid_forward"
    ]
    assert "clipped could not be imported; --path adds a folder" in failing(result)["y"]


UNCLEAR = {
    case["said"]: case["source"]
    for case in tomllib.loads((Path(__file__).parents[2] / "cases" / "unclear.toml").read_text("utf-8"))["file"]
}
"""What a file that offers a piece of a form that is not known is told."""


@pytest.mark.parametrize("said", few(UNCLEAR))
def test_a_piece_that_cannot_be_judged_says_what_it_takes(said, run):
    status, result = run(UNCLEAR[said])
    assert status == 2
    assert {*verdicts(result).values()} <= {"not judged", "agrees"}
    assert any(said in why for why in [*not_judged(result).values(), *failing(result).values()]), result["verdict"]


def test_what_agrees_beside_a_piece_that_cannot_be_judged_is_not_all(run):
    own = "---class SGD:\n    def __init__(self, rate): pass\n    def update(self, p, g, state): pass"
    status, result = run(RIGHT + own)
    assert status == 2
    assert agreeing(result) == ALL_OF_RIGHT
    assert "SGD not judged: expected SGD to take (lr)" in result["verdict"]


def test_a_difference_beside_a_piece_that_cannot_be_judged_is_a_difference(run):
    own = "---class SGD:\n    def __init__(self, rate): pass\n    def update(self, p, g, state): pass"
    status, result = run(f"{RIGHT}---def relu_backward(delta, x): return delta---{own}")
    assert status == 1
    assert not_judged(result).keys() == {"SGD"}


LOOK_ALIKES = [
    "def softmax_loss(x, y): return x",
    "def max_pool_backward_naive(delta, cache): return delta",
    "def sgd_momentum(w, dw, config=None): return w, config",
    "def L_model_backward2(AL, Y, caches): return {}",
    "def updateParams(params, grads): return params",
    "def backprop(x, y): return x",
    "def sigmoid_prime(z): return z",
    "def relu_backward_(dA, cache): return dA",
    "def adam(w, dw, config=None): return w, config",
    "class TwoLayerNet:\n    def loss(self, x, y): return x",
    "class Trainer:\n    def _update(self): self.t += 1",
    "class Linear:\n    def forward(self, x): return x + 0",
    "class Net:\n    def backprop(self, x, y): return x + y",
]
"""What looks like a forward, a backward, a loss, a step or a network, and is of no form that is known."""


def test_what_looks_like_a_piece_and_is_none_is_not_judged(run):
    status, result = run("---".join([RIGHT, *LOOK_ALIKES]))
    assert status == 2
    assert agreeing(result) == ALL_OF_RIGHT
    assert not_judged(result).keys() == {source.split()[1].partition("(")[0].rstrip(":") for source in LOOK_ALIKES}
    assert not any("\n" in why for why in not_judged(result).values())


def test_what_only_looks_like_a_piece_is_in_the_result_though_there_is_nothing_else(run):
    status, result = run("def softmax_loss(x, y): return x")
    assert status == 2
    assert not_judged(result).keys() == {"softmax_loss"}


def test_what_only_helps_is_no_piece(run):
    helps = """
        def sigma(z): return 1 / (1 + np.exp(-z))
        def sigmoid_derivative(a): return a * (1 - a)
        def sigmoid_forward(z): return sigma(z)
        def sigmoid_backward(delta, a): return delta * sigmoid_derivative(a)
        def gradient_descent(z): return z - sigmoid_backward(z, sigmoid_forward(z))
        def check_gradient(f, x): return f(x)
        def numerical_gradient(f, x): return f(x)
        def plot_loss(history): print(history)
        def init_network(sizes): return sizes
        def load_data(path): return open(path)
        def accuracy(y, t): return (y == t).mean()
        class GradientError(ValueError):
            def update(self): return 1 + 1
        class Layer:
            def forward(self, x): raise NotImplementedError
            def backward(self, delta, cache): raise NotImplementedError("a layer has its own")
        class Tanh(Layer):
            def forward(self, z): return np.tanh(z), np.tanh(z)
            def backward(self, delta, a): return delta * (1 - a * a), self
    """
    status, result = run(f"{RIGHT}---{helps}")
    assert status == 0, not_judged(result)
    assert agreeing(result) == [*ALL_OF_RIGHT, ("Tanh", "y"), ("Tanh", "dx")]


def test_imports_of_torch_where_numpy_was_the_task_are_not_judged(run_apart):
    status, result = run_apart(f"{RIGHT}---import torch")
    assert status == 2
    assert failing(result) == {"import": "not judged: it imports torch, where NumPy was the task; "}
