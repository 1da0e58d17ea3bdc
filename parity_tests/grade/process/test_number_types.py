"""`python -m experiments.grade`: a forward runs on exact numbers whatever of NumPy, math and scipy it uses; else its
truth is measured, and the result says so."""

import pytest

from parity_tests.conftest import few
from parity_tests.grade.checking import failing, not_judged

PIECE = """
    import math
    from math import sqrt
    import numpy as np
    from numpy import exp, zeros
    import scipy.special
    from scipy.special import expit
    def own_forward(x):
        {}
        return out, x
    def own_backward(dout, cache):
        x = cache
        return dout * ({})
"""
USED = {
    "out = np.zeros(x.shape)\n        for i in np.ndindex(x.shape): out[i] = x[i] * x[i]": "2 * x",
    "out = zeros((5, 3)); out[:] = exp(x)": "np.exp(x)",
    "out = np.zeros_like(x); np.add.at(out, [0, 0, 1, 2, 3, 4], np.vstack([x[:1], x]))":
        "1 + (np.arange(5) == 0)[:, None]",
    "out = np.logaddexp(0, x)": "1 / (1 + np.exp(-x))",
    "out = x.astype(float) * x.astype(np.float64)": "2 * x",
    "out = x * (x > 0).astype(float)": "x > 0",
    "out = np.array([[math.tanh(e) for e in row] for row in x])": "1 - np.tanh(x) ** 2",
    "out = np.array([[sqrt(e * e + 1) for e in row] for row in x], dtype=float)": "x / np.sqrt(x * x + 1)",
    "out = expit(x) + scipy.special.expit(x)": "2 * expit(x) * expit(-x)",
    "out = x - scipy.special.logsumexp(x, axis=1, keepdims=True)":
        "1) - scipy.special.softmax(x, axis=1) * (dout.sum(axis=1, keepdims=True)",
    "assert np.isfinite(x).all(); out = np.array([[float(e) ** 2 for e in row] for row in x])": "2 * x",
    "out = x[0, 0] * x": "x[0, 0]) + np.eye(5, 3) * (np.arange(5) == 0)[:, None] * ((dout * x).sum()",
    "out = np.full(x.shape, 2.0); out *= x": "2",
}  # fmt: skip
"""What people use, and the derivative by hand."""


@pytest.mark.parametrize("used", few(USED))
def test_what_people_use_is_certified(used, run):
    status, result = run(PIECE.format(used, USED[used]))
    assert not_judged(result) == {}
    assert status == 0, failing(result)
    assert [finding["tolerance"] for finding in result["findings"]] == ["derived"]
    assert run(PIECE.format(used, USED[used]).replace("return dout *", "return 2 * dout *"))[0] == 1
