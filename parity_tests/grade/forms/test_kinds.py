"""What people write layers as, in small: each kind is judged whole, right and wrong."""

import pytest

from parity_tests.conftest import few
from parity_tests.grade.checking import judged_whole, rows

LEAKY = """
    import numpy as np
    class Leaky:
        def __init__(self, alpha=0.1): self.alpha = alpha
        def forward(self, x):
            self.x = x
            return np.where(x > 0, x, self.alpha * x)
        def backward(self, d): return np.where(self.x > 0, d, {} * d)
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
FACTOR = """
    import numpy as np
    class Swish:
        def __init__(self, beta=1.0): self.slope = beta
        def forward(self, z):
            self.z, self.s = z, 1 / (1 + np.exp(-self.slope * z))
            return z * self.s
        def backward(self, d): return d * (self.s + {} * self.z * self.s * (1 - self.s))
"""
SCALED = """
    import numpy as np
    def elu(x, alpha=1.0): return np.where(x > 0, x, alpha * (np.exp(x) - 1))
    def derivative_of_elu(x, alpha=1.0): return np.where(x > 0, 1, {} * np.exp(x))
    def scaled_forward(x, factor=1.0): return factor * x, factor
    def scaled_backward(dout, cache): return dout * cache
"""
STATIC = """
    import numpy as np
    class Saved:
        def save_for_backward(self, *arrays): self.arrays = arrays
    class Times:
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x @ w
        @staticmethod
        def backward(ctx, delta):
            x, w = ctx.saved_tensors
            return delta @ w.T, {} @ delta
    class Squash:
        @staticmethod
        def forward(x): return np.tanh(x), np.tanh(x)
        @staticmethod
        def backward(dout, cache): return dout * (1 - cache ** 2)
"""
STEPS = """
    import numpy as np
    class Layer:
        def forward(self, x): raise NotImplementedError
        def backward(self, d): raise NotImplementedError
    class Scale(Layer):
        def __init__(self, d_model): self.gamma = np.ones(d_model)
        def forward(self, x):
            self.x, y = x, np.empty(x.shape, dtype="f")
            y[...] = self.gamma * x
            return y
        def backward(self, d):
            self.dgamma = np.sum({}, axis=(0, 1))
            return d * self.gamma
    class Shift(Layer):
        def __init__(self, in_channels): self.b = np.zeros(in_channels)
        def forward(self, x): return x[:, :, 1:] + self.b[:, None]
        def backward(self, d):
            self.db = d.sum(axis=(0, 2))
            return np.pad(d, ((0, 0), (0, 0), (1, 0)))
"""
KINDS = {
    "a factor that is 1 by default": (FACTOR, "self.slope", "1"),
    "a derivative's factor that is 1 by default": (SCALED, "alpha", "1"),
    "static methods, with a cache or a ctx": (STATIC, "x.T", "2 * x.T"),
    "sums over steps, signals, buffers of float32": (STEPS, "d * self.x", "d"),
    "settings that are plain arguments": (PLAIN, "stride", "len(mask) // len(dout)"),
    "a layer that adds its penalty's derivative": (PENALISED, "2 * self.l2", "self.l2"),
    "a setting that has a default": (PADDED, "p", "0"),
    "a slope is no learning rate": (LEAKY, "self.alpha", "1"),
    "a step takes a state, too": (STEP, "Wh.T", "Wh"),
    "what is missing, and what takes floats alone": (LEFT_OUT, "2 / np.sqrt(np.pi) * x", "x"),
    "attention of one sequence": (ATTENTION, "(da * a).sum(axis=1, keepdims=True)", "da.sum(axis=1, keepdims=True)"),
    "an embedding's words": (WORDS, "np.add.at(self.dW, self.words, dout)", "self.dW[self.words] = dout"),
}
"""Kinds of files: one with something that is right in it, and something wrong."""


@pytest.mark.parametrize("kind", few(KINDS))
def test_a_kind_of_file_is_judged_whole(kind, run):
    judged_whole(run, *KINDS[kind])


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
