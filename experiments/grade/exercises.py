"""Twelve backward passes to write, one after the other, in NumPy alone.

    backprop-check --exercises > exercises.py
    backprop-check exercises.py --hints cause

Every forward is written. Write each backward in place of `raise NotImplementedError`, or of None, check, and read
what it says. delta is ∂C/∂y, of the shape of the forward's output y. The layers and losses of `manual` are solutions.
"""

import numpy as np

# 1. What passes, and what does not?


def relu_forward(z):
    """max(z, 0)"""
    return np.maximum(z, 0)


def relu_backward(delta, z):
    """∂C/∂z"""
    raise NotImplementedError


# 2. Write the slope in terms of the output y.


def sigmoid_forward(z):
    """1 / (1 + e⁻ᶻ)"""
    return 1 / (1 + np.exp(-z))


def sigmoid_backward(delta, y):
    """∂C/∂z"""
    raise NotImplementedError


# 3. x is (N, in), an example a row; W is (out, in), b is (out,). Which axis is summed over?


def linear_forward(x, W, b):
    """The weighted sums, (N, out)."""
    return x @ W.T + b


def linear_backward(delta, x, W):
    """(∂C/∂x, ∂C/∂W, ∂C/∂b)"""
    raise NotImplementedError


# 4. Where it all begins: a cost, and its derivative by the prediction x.


def squared_loss(x, y):
    """(half the squared error, a mean over the N examples; ∂C/∂x)"""
    cost = np.sum((x - y) ** 2) / (2 * len(x))
    return cost, None


# 5. The four equations at work: a network with one hidden layer.


def cost(W1, b1, W2, b2, x, y):
    """Half the squared error of its predictions, a mean over the N examples."""
    a1 = np.maximum(x @ W1.T + b1, 0)
    prediction = a1 @ W2.T + b2
    return np.sum((prediction - y) ** 2) / (2 * len(x))


def backward(W1, b1, W2, b2, x, y):
    """(∂C/∂W1, ∂C/∂b1, ∂C/∂W2, ∂C/∂b2)"""
    raise NotImplementedError


# 6. Every output depends on every input of its row.


def softmax_forward(z):
    """e^zᵢ / Σⱼ e^zⱼ, row by row."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(delta, y):
    """∂C/∂z"""
    raise NotImplementedError


# 7. Softmax and the logarithm together: y holds the right class of each of the N rows.


def softmax_loss(x, y):
    """(the cross-entropy, a mean over the N examples; ∂C/∂x)"""
    z = x - x.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    cost = -log_p[np.arange(len(x)), y].mean()
    return cost, None


# 8. Words are rows of a table, and a word may occur twice.


def embedding_forward(words, E):
    """The rows of the words."""
    return E[words]


def embedding_backward(delta, words, E):
    """∂C/∂E"""
    raise NotImplementedError


# 9. The divisor depends on x, too.


def rms_norm_forward(x, gain):
    """x over the root of its mean square, times a gain."""
    return gain * x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)


def rms_norm_backward(delta, x, gain):
    """(∂C/∂x, ∂C/∂gain)"""
    raise NotImplementedError


# 10. Three paths from x to y: straight, by the mean, by the variance.


def layer_norm_forward(x, gain, shift):
    """x without its mean, over its deviation, times a gain; plus a shift."""
    centred = x - x.mean(axis=1, keepdims=True)
    return gain * centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) + shift


def layer_norm_backward(delta, x, gain):
    """(∂C/∂x, ∂C/∂gain, ∂C/∂shift)"""
    raise NotImplementedError


# 11. One step in time: the state h before it has weights U of its own.


def rnn_step_forward(x, h, W, U, b):
    """tanh(W x + U h + b)"""
    return np.tanh(x @ W.T + h @ U.T + b)


def rnn_step_backward(delta, x, h, W, U, b):
    """(∂C/∂x, ∂C/∂h, ∂C/∂W, ∂C/∂U, ∂C/∂b)"""
    raise NotImplementedError


# 12. Attention: each of the L queries takes a mean of the values, weighed by how well the keys answer.


def attention_forward(q, k, v):
    """softmax(q kᵀ / √d) v"""
    s = q @ k.T / np.sqrt(q.shape[1])
    a = np.exp(s - s.max(axis=1, keepdims=True))
    a = a / a.sum(axis=1, keepdims=True)
    return a @ v


def attention_backward(delta, q, k, v):
    """(∂C/∂q, ∂C/∂k, ∂C/∂v)"""
    raise NotImplementedError


def examples(rng):
    """What the forwards are tried on that do not say it by the names of their arguments."""
    normal = rng.standard_normal
    yield {"words": rng.integers(3, size=5), "E": normal((3, 2))}
    yield {"x": normal((3, 4)), "gain": normal(4)}
    yield {"x": normal((3, 4)), "gain": normal(4), "shift": normal(4)}
    yield {"x": normal((3, 2)), "h": normal((3, 4)), "W": normal((4, 2)), "U": normal((4, 4)), "b": normal(4)}
    yield {"q": normal((3, 2)), "k": normal((4, 2)), "v": normal((4, 3))}
