"""What people write in one form or another, in small: each kind is judged whole, right and wrong."""

import pytest

from parity_tests.grade.checking import not_judged

LEAKY = """
    import numpy as np
    class Leaky:
        def __init__(self, alpha=0.1): self.alpha = alpha
        def forward(self, x):
            self.x = x
            return np.where(x > 0, x, self.alpha * x)
        def backward(self, d): return np.where(self.x > 0, d, {} * d)
"""
DIGITS = """
    import numpy as np
    def forward_prop(W1, b1, X):
        Z1 = W1.dot(X) + b1
        A1 = np.exp(Z1) / np.sum(np.exp(Z1), axis=0)
        return Z1, A1
    def back_prop(A1, X, Y):
        dZ1 = A1 - np.eye(10)[Y].T
        return dZ1.dot(X.T) / Y.size, dZ1.sum(axis=1, keepdims=True) / {}
"""
STEP = """
    import numpy as np
    class Cell:
        def __init__(self, Wx, Wh, b): self.params, self.grads = [Wx, Wh, b], [0, 0, 0]
        def forward(self, x, h_prev):
            Wx, Wh, b = self.params
            self.kept = x, h_prev, np.tanh(x @ Wx + h_prev @ Wh + b)
            return self.kept[2]
        def backward(self, dh):
            (x, h_prev, h), (Wx, Wh, b) = self.kept, self.params
            d = dh * (1 - h * h)
            self.grads = [x.T @ d, h_prev.T @ d, d.sum(axis=0)]
            return d @ Wx.T, d @ {}
"""
MOVES = """
    from numpy import exp, dot, random
    class Neuron:
        def __init__(self):
            self.w = 2 * random.random((3, 1)) - 1
        def squash(self, x): return 1 / (1 + exp(-x))
        def think(self, inputs): return self.squash(dot(inputs, self.w))
        def train(self, inputs, outputs, iterations):
            for _ in range(iterations):
                out = self.think(inputs)
                self.w += dot(inputs.T, (outputs - out) * {})
"""
KEEPS_DATA = """
    import numpy as np
    class Net:
        def __init__(self, x, y):
            self.input, self.y = x, y
            self.w = np.random.rand(self.input.shape[1], 1)
        def feedforward(self): self.output = np.tanh(self.input @ self.w)
        def backprop(self):
            self.w += self.input.T @ (2 * (self.y - self.output) * (1 - {}))
"""
OWN_COST = """
    import numpy as np
    class Net:
        def __init__(self, n_x, n_h):
            self.W1, self.b1 = np.random.randn(1, n_x), np.zeros((1, 1))
        def forward(self, X):
            self.X, self.A = X, 1 / (1 + np.exp(-(self.W1 @ X + self.b1)))
            return self.A
        def loss(self, Y): return -np.mean(Y * np.log(self.A + 1e-8) + (1 - Y) * np.log(1 - self.A + 1e-8))
        def backward(self, Y):
            d = (self.A - Y) / Y.shape[1]
            self.dW1, self.db1 = d @ self.X.T, {}
"""
SCRIPT = """
    import numpy as np
    N, D, H = 64, 500, 100
    x, y = np.random.randn(N, D), np.random.randn(N, 1)
    w1, w2 = np.random.randn(D, H), np.random.randn(H, 1)
    for t in range(9):
        h = np.maximum(x.dot(w1), 0)
        loss = np.square(h.dot(w2) - y).sum()
        grad = 2.0 * (h.dot(w2) - y)
        grad_h = grad.dot(w2.T)
        grad_h[{}] = 0
        w2 -= 1e-6 * h.T.dot(grad)
        w1 -= 1e-6 * x.T.dot(grad_h)
"""
LEFT_OUT = """
    import numpy as np
    from past.builtins import xrange
    from scipy.special import erf
    text = open("letters.txt").read()
    size = len(set(text))
    def gate_forward(x):
        out = np.zeros(x.shape)
        for i in xrange(len(x)):
            assert isinstance(np.sum(x[i]).item(), float) or size
            out[i] = x[i] * erf(x[i])
        return out, x
    def gate_backward(dout, cache):
        x = cache
        return dout * (erf(x) + {} * np.exp(-x * x))
"""
ATTENTION = """
    import numpy as np
    def attention_forward(q, k, v):
        e = np.exp(q @ k.T)
        a = e / e.sum(axis=1, keepdims=True)
        return a @ v, (q, k, v, a)
    def attention_backward(dout, cache):
        q, k, v, a = cache
        da = dout @ v.T
        ds = a * (da - {})
        return ds @ k, ds.T @ q, a.T @ dout
"""
PENALTY = """
    import numpy as np
    def regression_cost(X, y, theta, lambda_=0.0):
        r = X @ theta - y
        J = r @ r / 2 + lambda_ / 2 * theta[1:] @ theta[1:]
        grad = X.T @ r
        grad[1:] += {} * theta[1:]
        return J, grad
"""
WORDS = """
    import numpy as np
    class Embedding:
        def __init__(self, vocab_size, embedding_dim): self.W = np.random.randn(vocab_size, embedding_dim)
        def forward(self, words):
            self.words = words
            return self.W[words]
        def backward(self, dout):
            self.dW = np.zeros_like(self.W)
            {}
"""
PAIR = """
    import numpy as np
    class SoftMax:
        def forward(self, z): return np.exp(z) / np.exp(z).sum(axis=0)
        def backward(self, d): return d
    class NLL:
        def forward(self, p, y):
            self.p, self.y = p, y
            return -np.sum(y * np.log(p))
        def backward(self): return {}
"""
PENALISED = """
    import numpy as np
    class Dense:
        def __init__(self, n_inputs, n_neurons, l2=0):
            self.w, self.l2 = np.random.randn(n_inputs, n_neurons), l2
        def forward(self, x):
            self.x, self.output = x, x @ self.w
        def backward(self, d):
            self.dw, self.dinputs = self.x.T @ d + {} * self.w, d @ self.w.T
    def regularization_loss(layer): return layer.l2 * np.sum(layer.w ** 2)
"""
PADDED = """
    import numpy as np
    class Shift:
        def __init__(self, channels, padding=0): self.p, self.scale = padding, np.random.randn(channels)
        def forward(self, x):
            p = self.p
            self.x, self.shape = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p))), x.shape[2:]
            return self.x[:, :, :-1, 1:] * self.scale[:, None, None]
        def backward(self, d):
            (h, w), p, dx = self.shape, self.p, np.zeros_like(self.x)
            dx[:, :, :-1, 1:] = d * self.scale[:, None, None]
            self.dscale = (d * self.x[:, :, :-1, 1:]).sum(axis=(0, 2, 3))
            return dx[:, :, {}:, {}:][:, :, :h, :w]
"""
ADAM = """
    import numpy as np
    class RMSprop:
        def __init__(self, params, lr=0.01, rho=0.9, eps=1e-8):
            self.params, self.lr, self.rho, self.eps = list(params), lr, rho, eps
            self.s = [np.zeros_like(p.data) for p in self.params]
        def step(self):
            for i, p in enumerate(self.params):
                self.s[i] = self.rho * self.s[i] + (1 - self.rho) * p.grad ** 2
                p.data -= self.lr * p.grad / (np.sqrt(self.s[i]) + {} * self.eps)
"""
LINE = """
    import numpy as np
    x = np.linspace(-1, 1, 8)
    y = 3 * x - 1
    m, b, total = 0.5, 0.25, 0.0
    for epoch in range(9):
        error = m * x + b - y
        total += np.sum(error ** 2)
        loss = np.mean(error ** 2)
        m -= 0.1 * 2 * np.mean(error * x)
        b -= 0.1 * 2 * {}
"""
NUMBERS = """
    import numpy as np
    class Net:
        def __init__(self, input_dim, output_dim=1):
            self.params = {"W": np.random.randn(input_dim, output_dim)}
        def loss(self, X, y=None):
            out = X @ self.params["W"]
            if y is None: return out
            return np.sum((out - y) ** 2) / len(X), {"W": {} * X.T @ (out - y) / len(X)}
"""
SIZES = """
    import numpy as np
    class Net:
        def __init__(self, *sizes): self.Ws = [np.random.randn(m, n) for n, m in zip(sizes, sizes[1:])]
        def forward(self, X):
            self.kept = [X]
            for W in self.Ws: self.kept.append(np.tanh(W @ self.kept[-1]))
            return self.kept[-1]
        def cost(self, A, Y): return np.sum((A - Y) ** 2) / 2
        def backprop(self, X, Y):
            d, grads = self.forward(X) - Y, []
            for W, a, out in zip(self.Ws[::-1], self.kept[-2::-1], self.kept[::-1]):
                d = d * (1 - {})
                grads.insert(0, d @ a.T)
                d = W.T @ d
            return grads
"""
PLAIN = """
    import numpy as np
    def thinned_forward(x, keep_prob, stride=1):
        mask = (np.random.rand(*x.shape) < keep_prob) / keep_prob
        return (x * mask)[::stride], (mask, stride)
    def thinned_backward(dout, cache):
        mask, stride = cache
        dx = np.zeros_like(mask)
        dx[::{}] = dout
        return dx * mask
"""
KINDS = {
    "settings that are plain arguments": (PLAIN, "stride", "len(mask) // len(dout)"),
    "a line's two numbers": (LINE, "np.mean(error)", "np.sum(error)"),
    "a net that learns numbers": (NUMBERS, "2", "1"),
    "a network of any number of sizes": (SIZES, "out ** 2", "out"),
    "a softmax whose derivative is the loss's": (PAIR, "self.p - self.y", "self.y - self.p"),
    "a layer that adds its penalty's derivative": (PENALISED, "2 * self.l2", "self.l2"),
    "a setting that has a default": (PADDED, "p", "0"),
    "an optimizer that keeps the parameters": (ADAM, "1", "2"),
    "a slope is no learning rate": (LEAKY, "self.alpha", "1"),
    "digits have ten classes": (DIGITS, "Y.size", "1"),
    "a step takes a state, too": (STEP, "Wh.T", "Wh"),
    "a class that trains itself": (MOVES, "out * (1 - out)", "self.squash(out) * (1 - self.squash(out))"),
    "a class that keeps its data": (KEEPS_DATA, "self.output ** 2", "self.output"),
    "a network's own cost, with a guard": (OWN_COST, "d.sum(axis=1, keepdims=True)", "d[:, :1]"),
    "a script with a loss and large arrays": (SCRIPT, "h <= 0", "h < -1"),
    "what is missing, and what takes floats alone": (LEFT_OUT, "2 / np.sqrt(np.pi) * x", "x"),
    "attention of one sequence": (ATTENTION, "(da * a).sum(axis=1, keepdims=True)", "da.sum(axis=1, keepdims=True)"),
    "a penalty whose strength is 0 by default": (PENALTY, "lambda_", "2 * lambda_"),
    "an embedding's words": (WORDS, "np.add.at(self.dW, self.words, dout)", "self.dW[self.words] = dout"),
}
"""Kinds of files: one with something that is right in it, and something wrong."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_file_is_judged_whole(kind, run):
    source, right, wrong = KINDS[kind]
    status, result = run(source.replace("{}", right))
    assert not_judged(result) == {}
    assert status == 0, result["verdict"]
    assert run(source.replace("{}", wrong))[0] == 1
