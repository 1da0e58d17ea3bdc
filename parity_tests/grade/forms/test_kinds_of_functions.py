"""What people write as plain functions, in small, a network or a cost: each kind is judged whole."""

import pytest

from parity_tests.conftest import few
from parity_tests.grade.checking import judged_whole

DICT = """
    import numpy as np
    def forward(X, params):
        L, cache = len(params) // 2, {"A0": X}
        for l in range(1, L + 1):
            Z = cache[f"A{l-1}"] @ params[f"W{l}"] + params[f"b{l}"]
            cache[f"A{l}"] = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True) if l == L else np.tanh(Z)
        return cache[f"A{L}"], cache
    def backward(Y, params, cache):
        grads, dZ = dict(), (cache[f"A{len(params) // 2}"] - Y) / len(Y)
        for l in range(len(params) // 2, 0, -1):
            grads[f"W{l}"], grads[f"b{l}"] = cache[f"A{l-1}"].T @ dZ, dZ.sum(axis=0)
            dZ = dZ @ params[f"W{l}"].T * (1 - {})
        return grads
"""
PENALISED = """
    import numpy as np
    lam = 0.3
    def forward_prop(W1, W2, X):
        A1 = np.tanh(W1 @ X)
        A2 = W2 @ A1
        return A1, A2
    def compute_cost(A2, Y, W1, W2):
        return np.sum((A2 - Y) ** 2) / 2 + lam / 2 * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
    def back_prop(W1, W2, A1, A2, X, Y):
        d = A2 - Y
        dW2 = d @ A1.T + {} * W2
        dW1 = (W2.T @ d * (1 - A1 ** 2)) @ X.T + lam * W1
        return dW1, dW2
"""
THETA = """
    import numpy as np
    def cost_function(theta, X, y):
        h = 1 / (1 + np.exp(-X @ theta))
        return -(y.T @ np.log(h) + (1 - y).T @ np.log(1 - h)) / len(y)
    def gradient(theta, X, y):
        return X.T @ (1 / (1 + np.exp(-X @ theta)) - y) / {}
"""
SAMPLES = """
    import numpy as np
    def negSamplingLossAndGradient(centerWordVec, outsideWordIdx, outsideVectors, dataset, K=10):
        words = [dataset.sampleTokenIdx() for _ in range(K)]
        pull = 1 / (1 + np.exp(outsideVectors[outsideWordIdx] @ centerWordVec))
        push = 1 / (1 + np.exp(-outsideVectors[words] @ centerWordVec))
        loss = -np.log(1 - pull) - np.sum(np.log(1 - push))
        grad = np.zeros_like(outsideVectors)
        grad[outsideWordIdx] -= pull * centerWordVec
        for word, p in zip(words, push): grad[word] {} p * centerWordVec
        return loss, push @ outsideVectors[words] - pull * outsideVectors[outsideWordIdx], grad
"""
OF_NUMBERS = """
    import math
    def relu(x): return x if x > 0 else 0
    def relu_derivative(x): return {} if x > 0 else 0
    def transfer(x): return 1 / (1 + math.exp(-x))
    def transfer_derivative(output): return output * (1 - output)
"""
SHORT_NAMES = """
    import numpy as np
    def forward(X, W1, b1, W2, b2):
        h = np.tanh(X @ W1 + b1)
        a = h @ W2 + b2
        return h, a
    def loss(a, y): return np.sum((a - y) ** 2) / len(y)
    def backward(X, y, h, a, W2):
        d2 = 2 * (a - y) / len(y)
        d1 = d2 @ W2.T * (1 - h * h)
        gW1, gb1, gW2, gb2 = X.T @ d1, d1.sum(0), h.T @ d2, {}
        return gW1, gb1, gW2, gb2
"""
KINDS = {
    "parameters in a dict that is counted through": (DICT, 'cache[f"A{l-1}"] ** 2', 'cache[f"A{l-1}"]'),
    "a cost of the parameters, too": (PENALISED, "lam", "2 * lam"),
    "a gradient and a cost without a bias": (THETA, "len(y)", "1"),
    "words that a data set samples": (SAMPLES, "+=", "="),
    "functions of single numbers": (OF_NUMBERS, "1", "x"),
    "gradients called gW1, gb1": (SHORT_NAMES, "d2.sum(0)", "d2.mean(0)"),
}
"""Kinds of files: one with something that is right in it, and something wrong."""


@pytest.mark.parametrize("kind", few(KINDS))
def test_a_kind_of_function_is_judged_whole(kind, run):
    judged_whole(run, *KINDS[kind])
