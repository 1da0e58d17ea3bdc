"""`python -m experiments.grade`: the backward of a whole network, in the layout that it is written for."""

import pytest

from parity_tests.grade.checking import agreeing, failing, verdicts

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
COLUMNS = "examples are columns, W is (out, in), b is (out, 1)"


@pytest.mark.parametrize("layout", NETWORKS)
def test_a_network_is_checked_in_the_layout_that_it_is_written_for(layout, run):
    right = NETWORK.format(*NETWORKS[layout])
    status, result = run(right)
    assert status == 0, result["verdict"]
    assert result["findings"][0]["form"] == f"network, {layout}"
    assert agreeing(result) == [("backward", name) for name in ("dW1", "db1", "dW2", "db2")]
    _, wrong = run(right.replace(" * (z > 0)", ""))
    assert failing(wrong).keys() == {"dW1", "db1"}
    assert {*verdicts(wrong).values()} == {"agrees", "differs"}


def test_a_bias_gradient_that_would_be_broadcast_differs(run):
    right = NETWORK.format(*NETWORKS[COLUMNS])
    status, result = run(right.replace("d.sum(1, keepdims=True)", "d.sum(1)"))
    assert status == 1
    assert failing(result).keys() == {"db2"}
    assert "shape (2,), expected (2, 1)" in failing(result)["db2"]


BACKWARD = """
    import numpy as np
    def backward(W1, b1, W2, b2, x, y):
        a = np.tanh(x @ W1.T + b1)
        d = 2 * (a @ W2.T + b2 - y)
        e = d @ W2 * (1 - a * a)
        return e.T @ x, e.sum(0), d.T @ a, d.sum(0)
"""
COST = "def cost(W1, b1, W2, b2, x, y): return np.sum((np.tanh(x @ W1.T + b1) @ W2.T + b2 - y) ** 2)"


def test_a_network_with_its_cost_is_held_against_the_truth_of_that(run):
    status, result = run(f"{BACKWARD}---{COST}")
    assert status == 0, result["verdict"]
    assert agreeing(result) == [("backward", name) for name in ("cost", "dW1", "db1", "dW2", "db2")]
    assert result["findings"][0]["against"] == "the truth of its cost"
    status, result = run(f"{BACKWARD}---{COST}".replace("1 - a * a", "1 - a"))
    assert status == 1
    assert failing(result).keys() == {"dW1", "db1"}


@pytest.mark.parametrize(("wrong", "expected"), [("1 - a * a", 2), ("1 - a", 1)], ids=["right", "wrong"])
def test_without_its_cost_the_gradient_of_another_network_is_not_judged_and_what_is_none_differs(wrong, expected, run):
    status, result = run(BACKWARD.replace("1 - a * a", wrong))
    assert status == expected
    assert ("it is another network than that" in result["verdict"]) == (expected == 2)


def test_a_network_s_gradients_may_come_by_name(run):
    by_name = BACKWARD.replace(
        "return e.T @ x, e.sum(0), d.T @ a, d.sum(0)",
        'return {"dW2": d.T @ a, "b2": d.sum(0), "W1": e.T @ x, "db1": e.sum(0)}',
    )
    assert run(f"{by_name}---{COST}")[0] == 0
    status, result = run(f"{by_name}---{COST}".replace('"db1": e.sum(0)', '"db1": 0 * e.sum(0)'))
    assert status == 1
    assert failing(result).keys() == {"db1"}
    status, result = run(f"{by_name}---{COST}".replace(', "db1": e.sum(0)', ""))
    assert status == 2
    assert verdicts(result)["backward", "db1"] == "not judged"


@pytest.mark.parametrize("returned", ["e.T @ x, e.sum(0)", "None", "1.0"])
def test_a_network_that_returns_something_else_is_not_judged(returned, run):
    status, result = run(f"{BACKWARD}---{COST}".replace("e.T @ x, e.sum(0), d.T @ a, d.sum(0)", returned))
    assert status == 2
    assert "differs" not in verdicts(result).values()
    assert "expected 4 arrays: dW1, db1, dW2, db2" in result["verdict"]
