"""What people write, in small: each kind in cases/kinds/ is judged whole, as it is and with each of its edits."""

import tomllib
from pathlib import Path

import pytest

from parity_tests.bugs.planted import planted
from parity_tests.conftest import few
from parity_tests.grade.checking import failing, not_judged, remarks, rows

TABLES = sorted((Path(__file__).parents[2] / "cases" / "kinds").glob("*.toml"))
KINDS = {kind["name"]: kind for table in TABLES for kind in tomllib.loads(table.read_text("utf-8"))["kind"]}


@pytest.mark.parametrize("name", few(KINDS, 4))
def test_a_kind_is_judged_whole_agrees_as_it_is_and_differs_with_an_edit(name, run):
    source = KINDS[name]["source"]
    status, result = run(source)
    assert not_judged(result) == {}
    assert status == 0, result["verdict"]
    for edit in KINDS[name]["edit"]:
        assert run(planted(source, (edit["right"], edit["wrong"])))[0] == 1


def test_a_function_has_a_bias_that_it_can_do_without_and_gradients_in_another_s_place_are_named(run):
    status, result = run("""
        import torch
        class Scale(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, weight, bias=None):
                ctx.save_for_backward(x, weight)
                return x * weight if bias is None else x * weight + bias
            @staticmethod
            def backward(ctx, delta):
                x, weight = ctx.saved_tensors
                return delta * weight, delta.sum(0), (delta * x).sum(0)
    """)
    causes = {row["quantity"]: row["cause"] for _, row in rows(result) if row["verdict"] == "differs"}
    assert status == 1
    assert causes == {"dweight": "this is dbias, in dweight's place", "dbias": "this is dweight, in dbias's place"}


def test_a_penalty_beside_a_gradient_that_is_left_out_is_judged(run):
    source = KINDS["a penalty that the backward alone knows"]["source"]
    _, result = run(planted(source, (", dZ.sum(axis=1, keepdims=True) / m", "")))
    assert {*failing(result)} == {"db"}


def test_where_a_backward_fails_at_a_setting_of_0_alone_is_a_remark_which_strict_counts(run):
    source = KINDS["a convolution that cannot do without a border"]["source"]
    assert remarks(run(source)[1]) == {
        ("conv", f"d{what}"): "right, but fails where pad is 0" for what in ("A_prev", "W", "b")
    }
    assert run(source, "--strict")[0] == 1
    at_2 = "    dW = dW[hparameters['stride'] - 1:]\n    for i, h, w, c, rows, columns in windows(hparameters, W, dZ):"
    assert run(planted(source, (at_2.partition("\n")[2], at_2)))[0] == 1


def test_what_stands_in_for_a_missing_module_is_said(run):
    _, result = run(KINDS["a course's helpers, by import *, and its cost"]["source"])
    assert "course_utils" in result["left_out"][0]
    assert "the usual sigmoid, softmax in its place" in result["left_out"][0]
    assert "usual" not in result["left_out"][1]


def test_the_missing_cost_of_a_softmax_is_not_taken_for_that_of_two_classes(run):
    own = "def compute_cost(A2, Y): return -np.sum(Y * np.log(A2)) / Y.shape[1]\n"
    source = KINDS["a course's helpers, by import *, and its cost"]["source"]
    assert "compute_cost" not in run(planted(source, (own, "")))[1]["left_out"][0]


def test_a_name_that_what_was_left_out_would_have_given_is_no_wrong_number(run):
    source = """
        import numpy as np
        {} = np.load("not handed in.npy")
        def scale_forward(x): return 2 * x, x
        def scale_backward(dout, x): return dout * table[0]
    """
    assert run(source.format("table"))[0] == 2
    assert run(source.format("other"))[0] == 1
    imported = "        import numpy as np\n        from {} import *"
    for module, status in (("math", 1), ("a_course_s_own", 2)):
        assert run(source.format("other").replace("        import numpy as np", imported.format(module)))[0] == status


def test_a_missing_backward_is_not_guessed_where_nothing_says_what_it_takes(run):
    """sigmoid_backward(dA, Z), or (dA, A)?"""
    status, result = run("""
        import numpy as np
        from helpers import sigmoid, sigmoid_backward
        def layer_forward(x, w):
            a = sigmoid(x @ w)
            return a, (x, w, a)
        def layer_backward(dout, cache):
            x, w, a = cache
            d = sigmoid_backward(dout, a)
            return d @ w.T, x.T @ d
    """)
    assert status == 2
    assert "sigmoid_backward could not be imported" in not_judged(result)["layer"]


def test_a_cost_over_a_count_of_the_file_is_a_convention(run):
    source = KINDS["a count of the data, which are not handed in, divides the gradients"]["source"]
    assert {row["verdict"] for _, row in rows(run(source)[1]) if row["quantity"] == "dW1"} == {"convention"}
    assert run(source, "--strict")[0] == 1


def test_a_softmax_whose_slope_is_in_the_loss_makes_no_right_layer_differ(run):
    source = KINDS["a layer with one activation for a word, and one for every other"]["source"]
    softmax = ("1 / (1 + np.exp(-z))", "np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)")
    assert run(planted(source, softmax, ("d * self.a * (1 - self.a)", "d")))[0] == 0


def test_a_class_whose_missing_base_has_the_passes_is_not_passed_over(run):
    status, result = run("""
        import numpy as np
        from activation import Activation
        def relu_forward(x): return np.maximum(x, 0), x
        def relu_backward(dout, x): return dout * (x > 0)
        class Scaled(Activation):
            def __init__(self, scale):
                def scaled(x): return scale * x
                def scaled_prime(x): return scale + 0 * x
                super().__init__(scaled, scaled_prime)
    """)
    assert status == 2
    assert not_judged(result).keys() == {"Scaled"}


def test_whose_softmax_is_missing_is_not_guessed_where_nothing_says_along_which_axis(run):
    status, result = run("""
        import numpy as np
        from helpers import softmax
        def mix_forward(x):
            p = softmax(x)
            return p, p
        def mix_backward(dout, p): return p * (dout - (dout * p).sum(axis=1, keepdims=True))
    """)
    assert status == 2
    assert "along which axis" in not_judged(result)["mix"]


MARGIN = """
    import numpy as np
    class Margin:
        def __init__(self, lr=0.001, lambda_param=0.01, n_iters=1000):
            self.lr, self.lambda_param, self.n_iters = lr, lambda_param, n_iters
        def fit(self, X, y):
            signs = np.where(y <= 0, -1, 1)
            self.w, self.b = np.zeros(X.shape[1]), 0
            for _ in range(self.n_iters):
                for i, x in enumerate(X):
                    if signs[i] * (x @ self.w - self.b) >= 1:
                        self.w -= self.lr * 2 * self.lambda_param * self.w
                    else:
                        self.w -= self.lr * (2 * self.lambda_param * self.w - x * signs[i])
                        self.b -= self.lr * signs[i]
"""


def test_a_margin_with_a_penalty_that_no_cost_shows_is_a_convention_which_strict_counts(run):
    status, result = run(MARGIN)
    assert status == 0
    causes = {row["cause"] for _, row in rows(result) if row["verdict"] == "convention"}
    assert causes == {"a convention: a penalty that no cost shows"}
    assert run(MARGIN, "--strict")[0] == 1
    assert run(MARGIN.replace("self.b -= self.lr * signs", "self.b -= 2 * self.lr * signs"))[0] == 2


OTHER_COSTS = """
    import numpy as np
    X, y, w, b = np.random.randn(5, 3), np.random.randn(5), np.random.randn(3), 0.5
    for epoch in range(10):
        error = X @ w + b - y
        {}
        w -= 0.1 * dw
        b -= 0.1 * db
"""
DOWN_ANOTHER = {
    "absolute errors": "dw, db = X.T @ np.sign(error), np.sign(error).sum()",
    "log cosh": "dw, db = X.T @ np.tanh(error), np.tanh(error).sum()",
    "a penalty that the loss has not": "loss = error @ error / 2; dw, db = X.T @ error + 1e-4 * w, error.sum()",
}
"""Steps down a cost that is neither the file's own nor a usual one."""


@pytest.mark.parametrize("cost", DOWN_ANOTHER)
def test_a_step_down_another_cost_is_not_judged(cost, run):
    status, result = run(OTHER_COSTS.replace("{}", DOWN_ANOTHER[cost]))
    assert status == 2
    assert "it goes down another cost" in str(not_judged(result))


def test_a_gradient_of_another_cost_than_the_one_that_is_shown_is_not_judged(run):
    status, result = run("""
        import numpy as np
        class Net:
            def __init__(self, n, m): self.W = np.random.randn(n, m)
            def forward(self, x): return 1 / (1 + np.exp(-x @ self.W))
            def mse(self, output, y): return np.mean((output - y) ** 2)
            def backward(self, x, y, output): return x.T @ (output - y)
    """)
    assert status == 2
    assert "its own mse" in str(not_judged(result))


def test_a_step_down_a_multiple_of_a_number_that_is_only_shown_is_a_convention(run):
    source = OTHER_COSTS.replace("{}", "dw, db = X.T @ error, error.sum(); loss = np.mean(error ** 2)")
    status, result = run(source)
    assert status == 0
    assert {row["verdict"] for _, row in rows(result) if row["quantity"] != "cost"} == {"convention"}
    assert run(source, "--strict")[0] == 1


def test_a_velocity_that_goes_back_is_not_judged(run):
    status, result = run("""
        import numpy as np
        X, y, w = np.random.randn(5, 3), np.random.randn(5), np.random.randn(3)
        v = np.zeros_like(w)
        for epoch in range(10):
            error = X @ w - y
            v = 0.1 * X.T @ error - 0.9 * v
            w -= v
    """)
    assert status == 2
    assert "what it keeps from turn to turn" in str(not_judged(result))


def test_a_cost_beside_a_gradient_of_no_known_name_does_not_pass_for_both(run):
    status, result = run("""
        import numpy as np
        def mse_loss(y, p):
            return np.mean((y - p) ** 2)
        def mse_wrt_prediction(y, p):
            return 2 * (y - p) / y.size
    """)
    assert status == 2
    assert "mse_wrt_prediction" in str(not_judged(result))


HUBER = "np.mean(np.where(abs(y - p) <= delta, (y - p) ** 2 / 2, delta * (abs(y - p) - delta / 2)))"
COSTS_ALONE = {
    "huber_loss(y, p, delta=1.0)": HUBER,
    "log_cosh(p, y)": "np.sum(np.log(np.cosh(p - y)))",
    "rmse(p, y)": "np.sqrt(np.mean((p - y) ** 2))",
    "hinge_loss(y, p)": "np.mean(np.maximum(0, 1 - y * p))",
    "kl_divergence(p, q)": "np.sum(p * np.log(p / q))",
}
NOT_AS_NAMED = {
    "huber_loss(y, p, delta=1.0)": HUBER.replace(" - delta / 2", ""),
    "rmse_loss(p, y)": "np.mean((p - y) ** 2)",
    "mean_squared_loss(p, y)": "np.mean(abs(p - y))",
}


@pytest.mark.parametrize("name", few(COSTS_ALONE, 2))
def test_a_cost_alone_is_one_of_the_usual_ones(name, run):
    assert run(f"import numpy as np\ndef {name}: return {COSTS_ALONE[name]}")[0] == 0


@pytest.mark.parametrize("name", NOT_AS_NAMED)
def test_a_cost_alone_that_is_another_than_its_name_says_is_not_judged(name, run):
    source = "import numpy as np\ndef relu(x): return np.maximum(x, 0)\ndef relu_derivative(x): return x > 0\n"
    status, result = run(f"{source}def {name}: return {NOT_AS_NAMED[name]}")
    assert status == 2
    assert "this form is not known" in str(not_judged(result))


def test_a_class_of_static_methods_is_not_passed_over(run):
    status, result = run("""
        import numpy as np
        def relu(x): return np.maximum(x, 0)
        def relu_derivative(x): return x > 0
        class Cost:
            @staticmethod
            def fn(a, y): return np.sum((a - y) ** 2)
            @staticmethod
            def delta(a, y, weights, of, which): return a - y
    """)
    assert status == 2
    assert not_judged(result).keys() == {"Cost"}


def test_what_has_no_value_at_an_input_does_not_differ_there(run):
    status, result = run("""
        import numpy as np
        def log(x): return np.log(x)
        def log_derivative(x): return 1 / x
    """)
    assert status == 2
    assert not_judged(result).keys() == {"log"}
