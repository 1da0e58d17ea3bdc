"""`python -m experiments.grade`: right arithmetic agrees, and wrong arithmetic differs, with its cause."""

from pathlib import Path
from textwrap import dedent

import pytest

from experiments.grade import command as check
from parity_tests.conftest import few
from parity_tests.grade.checking import RIGHT, agreeing, failing, not_judged

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


def test_a_function_of_torch_is_not_blamed_for_torch(run):
    source = (EXAMPLES / "gelu_function.py").read_text("utf-8").replace("delta.view(-1)", "delta.reshape(-1)")
    status, result = run(source)
    assert status == 0, not_judged(result)
    assert result["findings"][0]["tolerance"] == "derived"
