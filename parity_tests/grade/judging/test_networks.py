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
