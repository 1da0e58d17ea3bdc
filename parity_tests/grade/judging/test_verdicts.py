"""`python -m experiments.grade`: right arithmetic agrees, and wrong arithmetic differs, with its cause."""

from pathlib import Path
from textwrap import dedent

import pytest

from experiments.grade import command as check
from parity_tests.conftest import few
from parity_tests.grade.checking import RIGHT, agreeing, failing, not_judged, rows, verdicts

EXAMPLES = Path(check.__file__).parent / "examples"

VERDICTS = {
    "adam_uncorrected": (1, {"weight": "there is no bias correction", "bias": "there is no bias correction"}),
    "affine_right": (0, {}),
    "gelu_function": (1, {"all": "view size is not compatible"}),
    "half_done": (1, {
        "forward": "differs: changes x, which is its caller's", "dx": "not judged: still to be written in line 30",
        "import": "not judged: it imports torch, where NumPy was the task",
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


def test_there_is_a_verdict_for_every_example():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == VERDICTS.keys()
    assert len(VERDICTS) == 12


@pytest.mark.parametrize("name", few(sorted(VERDICTS, key="half_done".__eq__)))  # which imports torch, and takes long
def test_an_example_gets_its_verdict(name, request):
    status, expected = VERDICTS[name]
    run = request.getfixturevalue("run_apart" if "import" in expected else "run")  # this process has imported torch
    got, result = run(EXAMPLES / f"{name}.py")
    found = failing(result)
    assert got == status, result["verdict"]
    assert found.keys() == expected.keys()
    assert all(said in found[quantity] for quantity, said in expected.items()), found


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
    assert status == 0, result["verdict"]
    assert agreeing(result) == [
        ("relu", "y"), ("relu", "dx"), ("linear", "y"), ("linear", "dx"), ("linear", "dweight"), ("linear", "dbias"),
        ("center", "y"), ("center", "dx"), ("center", "db"), ("L1Loss", "cost"), ("L1Loss", "delta"),
        ("SGD", "weight"), ("SGD", "bias"), ("Adam", "weight"), ("Adam", "bias"),
    ]  # fmt: skip


def test_an_optimizer_that_runs_freely_is_held_to_every_step(run):
    changes = {"b2 * state": "0.5 * state", "np.sign(u)": "2 * np.sign(u)", " / (1 - b1**t)": ""}
    wrong = RIGHT_IN_UNUSUAL_WAYS
    for right, other in changes.items():
        wrong = wrong.replace(right, other)
    status, result = run(wrong)
    assert status == 1
    found = [key for key, verdict in verdicts(result).items() if verdict == "differs"]
    assert found == [("L1Loss", "delta"), ("Adam", "weight"), ("Adam", "bias")]


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
    assert agreeing(result) == [("conv", "y"), ("conv", "dx")]
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
    def cube_examples(rng): yield np.array([[1e6, 1.0, 1e-4], [1.0, 2.0, 3.0]])
"""


def test_what_is_wrong_in_one_place_alone_differs(run):
    _, result = run(WRONG_IN_ONE_PLACE)
    assert [key for key, verdict in verdicts(result).items() if verdict == "differs"] == [
        ("linear", "dx"), ("softmax", "y"), ("softmax", "dx"), ("sigmoid", "dx"), ("cube", "dx"), ("root", "dx"),
    ]  # fmt: skip
    reasons = {(name, row["quantity"]): row["reason"] for name, row in rows(result)}
    assert "non-contiguous" in reasons["sigmoid", "dx"]
    assert "non-contiguous" in reasons["root", "dx"]


@pytest.mark.parametrize("name", ["numpy.py", "torch.py"])
def test_a_file_may_have_the_name_of_a_library(name, run, tmp_path):
    (tmp_path / name).write_text(dedent(RIGHT))
    assert run(tmp_path / name)[0] == 0


def test_a_layer_whose_bias_is_no_option_is_checked_without_that_option(run):
    source = (EXAMPLES / "linear_right.py").read_text("utf-8")
    always = source.replace("parameter(default=True)", "parameter()").replace(" if self.bias else None", "")
    status, result = run(always)
    assert status == 0, result["verdict"]
    assert len(agreeing(result)) == 4


def test_a_gradient_of_its_own_is_checked(run):
    source = (EXAMPLES / "linear_right.py").read_text("utf-8")
    source += "\n    def gradient(self, delta, x):\n        return self.like(weight=delta.T @ x, bias=self.bias)\n"
    status, result = run(source)
    assert status == 1
    assert failing(result).keys() == {"dbias, by gradient()"}
    assert "the parameter itself is returned" in failing(result)["dbias, by gradient()"]


def test_a_layer_that_torch_lacks_is_checked_to_1e_12(run):
    source = (EXAMPLES / "swish_right.py").read_text("utf-8")
    status, result = run(source.replace("return delta *", "return (1 + 1e-12) * delta *"))
    assert status == 1
    assert failing(result).keys() == {"dx"}
    assert "times 1.000000000001" in failing(result)["dx"]


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
    assert agreeing(result)[:2] == [("LogCosh", "cost"), ("LogCosh", "delta")]
    assert failing(result).keys() == {"delta"}
    assert "times 0.75" in failing(result)["delta"]


def test_a_function_of_torch_is_not_blamed_for_torch(run):
    source = (EXAMPLES / "gelu_function.py").read_text("utf-8").replace("delta.view(-1)", "delta.reshape(-1)")
    status, result = run(source)
    assert status == 0, not_judged(result)
    assert result["findings"][0]["tolerance"] == "derived"
