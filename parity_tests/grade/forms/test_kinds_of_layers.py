"""More of what people write layers, losses and rules as, in small: each kind is judged whole, right and wrong."""

import pytest

from parity_tests.conftest import few
from parity_tests.grade.checking import failing, judged_whole

CALLED = """
    import numpy as np
    class Layer:
        def __init__(self): self.params, self.grads = dict(), dict()
        def __call__(self, x): return self.forward(x)
    class Scale(Layer):
        def __init__(self, size):
            super().__init__()
            self.params["w"] = np.ones(size)
        def forward(self, x):
            self.x = x
            return x * self.params["w"]
        def backward(self, d):
            self.grads["w"] = {}
            return d * self.params["w"]
"""
HELD = """
    import numpy as np
    class Parameter:
        def __init__(self, value): self.value, self.grad = value, np.zeros_like(value)
        def zero_grad(self): self.grad[...] = 0
    class Scale:
        def __init__(self, size):
            self.all = []
            self.w = Parameter(np.ones(size))
            self.all.append(self.w)
        def __call__(self, x):
            self.x = x
            return x * self.w.value
        def backward(self, d):
            self.w.grad += {}
            return d * self.w.value
"""
LEARNED = """
    import numpy as np
    def prelu_forward(x, alpha): return np.where(x > 0, x, alpha * x), (x, alpha)
    def prelu_backward(dout, cache):
        x, alpha = cache
        return dout * np.where(x > 0, 1, alpha), np.sum({} * np.minimum(x, 0))
"""
HUBER = """
    import numpy as np
    def huber_loss(x, y, delta=1.0):
        r = x - y
        small = np.abs(r) < delta
        dx = np.where(small, r, {} * np.sign(r)) / r.size
        return np.mean(np.where(small, r * r / 2, delta * (np.abs(r) - delta / 2))), dx
"""
PAIRS = """
    import numpy as np
    def contrastive_loss(a, b, y, margin=1.0):
        d = np.sqrt(((a - b) ** 2).sum(axis=1))
        h = np.maximum(0, margin - d)
        g = ((y * d - (1 - y) * h) / d)[:, None] * (a - b)
        return np.sum(y * d ** 2 + (1 - y) * h ** 2) / 2, g, {} * g
    def repeated_forward(x, factor=2): return x.repeat(factor, axis=0), (x.shape, factor)
    def repeated_backward(dout, cache):
        (rows, columns), factor = cache
        return dout.reshape(rows, factor, columns).sum(axis=1)
"""
SQUARE = """
    import numpy as np
    def highway_forward(x, W_h, b_h, W_t, b_t):
        h, t = np.tanh(x @ W_h + b_h), 1 / (1 + np.exp(-(x @ W_t + b_t)))
        return t * h + (1 - t) * x, (x, h, t, W_h, W_t)
    def highway_backward(dout, cache):
        x, h, t, W_h, W_t = cache
        dh, dt = dout * t * (1 - h * h), dout * {} * t * (1 - t)
        dx = dout * (1 - t) + dh @ W_h.T + dt @ W_t.T
        return dx, x.T @ dh, dh.sum(axis=0), x.T @ dt, dt.sum(axis=0)
    def maxout_forward(x, w, b):
        z = np.einsum("nd,kdm->nkm", x, w) + b
        return z.max(axis=1), (x, w, z.argmax(axis=1))
    def maxout_backward(dout, cache):
        x, w, which = cache
        dz = (np.arange(len(w))[:, None] == which[:, None]) * dout[:, None]
        return np.einsum("nkm,kdm->nd", dz, w), np.einsum("nkm,nd->kdm", dz, x), dz.sum(axis=0)
"""
COLUMN_NORM = """
    import numpy as np
    def batchnorm_forward(Z, gamma, beta, eps=1e-8):
        xc = Z - Z.mean(axis=1, keepdims=True)
        std = np.sqrt((xc * xc).mean(axis=1, keepdims=True) + eps)
        return gamma * xc / std + beta, (xc / std, std, gamma)
    def batchnorm_backward(dout, cache):
        xhat, std, gamma = cache
        d = gamma * dout
        dZ = (d - {} - xhat * (d * xhat).mean(axis=1, keepdims=True)) / std
        return dZ, (dout * xhat).sum(axis=1, keepdims=True), dout.sum(axis=1, keepdims=True)
"""
GROUPS = """
    import numpy as np
    class GroupNorm:
        def __init__(self, num_groups, num_channels, eps=1e-5):
            self.groups, self.eps = num_groups, eps
            self.gamma = np.ones(num_channels)
        def forward(self, x):
            g = x.reshape(len(x), self.groups, -1)
            xc = g - g.mean(axis=2, keepdims=True)
            self.std = np.sqrt((xc * xc).mean(axis=2, keepdims=True) + self.eps)
            self.xhat = xc / self.std
            return self.gamma[:, None, None] * self.xhat.reshape(x.shape)
        def backward(self, dout):
            self.dgamma = (dout * self.xhat.reshape(dout.shape)).sum(axis=(0, 2, 3))
            d, h = (dout * self.gamma[:, None, None]).reshape(self.xhat.shape), self.xhat
            m = d.shape[2] {}
            dx = (d - d.sum(axis=2, keepdims=True) / m - h * (d * h).mean(axis=2, keepdims=True)) / self.std
            return dx.reshape(dout.shape)
"""
TOLD = """
    import numpy as np
    SLOPES = {"tanh": lambda y: 1 - y * y, "sigmoid": lambda y: {}}
    class Activation:
        def __init__(self, name): self.name = name
        def forward(self, x):
            self.y = np.tanh(x) if self.name == "tanh" else 1 / (1 + np.exp(-x))
            return self.y
        def backward(self, d): return d * SLOPES[self.name](self.y)
    class Scaled:
        def __init__(self, size, activation=None): self.w, self.activation = np.ones(size), activation
        def forward(self, x):
            self.x, self.y = x, x * self.w
            if self.activation == "square": self.y = self.y ** 2
            return self.y
        def backward(self, d):
            d = 2 * self.x * self.w * d if self.activation == "square" else d
            self.dw = (d * self.x).sum(axis=0)
            return d * self.w
"""
AHEAD = """
    import numpy as np
    def nadam(w, dw, config=None):
        config = config or {}
        for key, value in (("learning_rate", 0.1), ("beta1", 0.9), ("beta2", 0.99), ("epsilon", 1e-8)):
            config.setdefault(key, value)
        b1, b2, t = config["beta1"], config["beta2"], config.get("t", 0) + 1
        m, v = b1 * config.get("m", 0) + (1 - b1) * dw, b2 * config.get("v", 0) + (1 - b2) * dw ** 2
        config.update(t=t, m=m, v=v)
        step = (b1 * m + (1 - b1) * {}) / (1 - b1 ** t)
        return w - config["learning_rate"] * step / (np.sqrt(v / (1 - b2 ** t)) + config["epsilon"]), config
    def lion(w, dw, config=None):
        config = config or {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99}
        m, b1, b2 = config.get("m", np.zeros_like(w)), config["beta1"], config["beta2"]
        config["m"] = b2 * m + (1 - b2) * dw
        return w - config["learning_rate"] * np.sign(b1 * m + (1 - b1) * dw), config
"""
PENALISED_ALONE = """
    import numpy as np
    class Dense:
        def __init__(self, n_inputs, n_neurons, l2_w=0):
            self.w, self.b, self.l2_w = np.random.randn(n_inputs, n_neurons), np.zeros(n_neurons), l2_w
        def forward(self, x):
            self.x = x
            return x @ self.w + self.b
        def backward(self, d):
            self.dw, self.db = self.x.T @ d + 2 * self.l2_w * {}, d.sum(axis=0)
            return d @ self.w.T
"""
PENALISED_BACKWARD = """
    import numpy as np
    def linear_forward(A, W, b): return W @ A + b, (A, W, b)
    def linear_backward(dZ, cache, lambd=0):
        A, W, b = cache
        m = A.shape[1]
        return W.T @ dZ, dZ @ A.T / m + {} * W, dZ.sum(axis=1, keepdims=True) / m
"""
PENALISED_PLACES = PENALISED_BACKWARD.replace("{}", "lambd * {}[0]").replace("W.T @ dZ", "W.T @ dZ + lambd * {}[1] * A")
PENALISED_OBJECT = PENALISED_ALONE.replace("{}", "{}[0] * self.w").replace(
    "self.w.T", "self.w.T + self.l2_w * {}[1] * self.x"
)
ON_TENSORS = """
    import torch
    class Linear:
        @staticmethod
        def forward(x, w, b): return x.view(x.shape[0], -1).mm(w) + b, (x, w)
        @staticmethod
        def backward(dout, cache):
            x, w = cache
            return dout.mm(w.t()).view(x.shape), x.view(x.shape[0], -1).t().mm(dout), dout.sum(dim=0)
    def mse_loss(x, y): return ((x - y) ** 2).mean(), 2 * (x - y) / x.numel()
    def sgd(w, dw, config=None):
        config = config or {"learning_rate": 0.1}
        return torch.add(w, {} * dw, alpha=config["learning_rate"]), config
"""
SEPARATE = """
    import numpy as np
    def sigmoid(x): return 1 / (1 + np.exp(-x))
    def cell_step_forward(x, prev_h, Wxz, Whz, bz, Wxr, Whr, br, Wxn, Whn, bn):
        z, r = sigmoid(x @ Wxz + prev_h @ Whz + bz), sigmoid(x @ Wxr + prev_h @ Whr + br)
        n = np.tanh(x @ Wxn + r * (prev_h @ Whn) + bn)
        return z * prev_h + (1 - z) * n, (x, prev_h, z, r, n, Wxz, Whz, Wxr, Whr, Wxn, Whn)
    def cell_step_backward(d, cache):
        x, h, z, r, n, Wxz, Whz, Wxr, Whr, Wxn, Whn = cache
        an = d * (1 - z) * (1 - n ** 2)
        az, ar = d * (h - n) * z * (1 - z), an * (h @ Whn) * r * (1 - r)
        dx, dh = az @ Wxz.T + ar @ Wxr.T + an @ Wxn.T, {} * z + az @ Whz.T + ar @ Whr.T + (an * r) @ Whn.T
        return (dx, dh, x.T @ az, h.T @ az, az.sum(0), x.T @ ar, h.T @ ar, ar.sum(0),
                x.T @ an, h.T @ (an * r), an.sum(0))
"""
TWO_INPUTS = """
    import numpy as np
    def pair_forward(x1, x2, W): return np.einsum("ni,kij,nj->nk", x1, W, x2), (x1, x2, W)
    def pair_backward(dout, cache):
        x1, x2, W = cache
        dx2 = np.einsum("nk,kij,ni->nj", {}, W, x1)
        return np.einsum("nk,kij,nj->ni", dout, W, x2), dx2, np.einsum("nk,ni,nj->kij", dout, x1, x2)
"""
HEADS = """
    import numpy as np
    class Heads:
        def __init__(self, d_model, n_heads):
            self.size, self.W = d_model // n_heads, np.random.randn(d_model, d_model)
        def forward(self, x):
            B, T, D = x.shape
            self.x, self.h = x, (x @ self.W).reshape(B, T, -1, self.size)
            return np.sin(self.h).transpose(0, 2, 1, 3)
        def backward(self, d):
            d = ({} * d.transpose(0, 2, 1, 3)).reshape(self.x.shape)
            self.dW = np.einsum("bti,btj->ij", self.x, d)
            return d @ self.W.T
"""
BETWEEN = """
    import torch
    class Clamp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, lo, hi):
            ctx.save_for_backward(x)
            ctx.lo, ctx.hi = lo, hi
            return x.clamp(lo, hi)
        @staticmethod
        def backward(ctx, d): return d * ((ctx.saved_tensors[0] > {}) & (ctx.saved_tensors[0] < ctx.hi)), None, None
    class Swish(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, beta):
            ctx.save_for_backward(x, beta)
            return x * torch.sigmoid(beta * x)
        @staticmethod
        def backward(ctx, d):
            x, beta = ctx.saved_tensors
            s = torch.sigmoid(beta * x)
            return d * (s + beta * x * s * (1 - s)), (d * x * x * s * (1 - s)).sum().reshape(beta.shape)
"""
OPTIMIZERS = """
    import numpy as np
    class RMSProp:
        def __init__(self, lr=0.01, alpha=0.99, eps=1e-8): self.lr, self.alpha, self.eps, self.s = lr, alpha, eps, 0
        def update(self, w, dw):
            self.s = self.alpha * self.s + (1 - self.alpha) * dw ** 2
            return w - self.lr * dw / (np.sqrt(self.s) + self.eps)
    class Adam:
        def __init__(self, lr=0.01, betas=(0.9, 0.999), eps=1e-8):
            self.lr, (self.beta1, self.beta2), self.eps, self.m, self.v, self.t = lr, betas, eps, 0, 0, 0
        def update(self, w, dw):
            self.t += 1
            self.m = self.beta1 * self.m + (1 - self.beta1) * dw
            self.v = self.beta2 * self.v + (1 - self.beta2) * {} * dw
            m, v = self.m / (1 - self.beta1 ** self.t), self.v / (1 - self.beta2 ** self.t)
            return w - self.lr * m / (np.sqrt(v) + self.eps)
"""
KINDS = {
    "a base class whose objects can be called": (CALLED, "(d * self.x).sum(axis=0)", "(d * self.x).mean(axis=0)"),
    "an object that is a parameter": (HELD, "(d * self.x).sum(axis=0)", "(d * self.x).mean(axis=0)"),
    "a number that is learned": (LEARNED, "dout", "1"),
    "a loss's setting that has a default": (HUBER, "delta", "1"),
    "two inputs and whether they are alike, a factor that counts": (PAIRS, "-1", "1"),
    "weights of any shapes": (SQUARE, "(h - x)", "h"),
    "a norm of columns": (COLUMN_NORM, "d.mean(axis=1, keepdims=True)", "0"),
    "groups of channels": (GROUPS, "", "// 2"),
    "words that a constructor knows": (TOLD, "y * (1 - y)", "y"),
    "rules that follow Adam": (AHEAD, "dw", "m"),
    "a penalty that no function gives": (PENALISED_ALONE, "self.w", "self.b"),
    "a penalty that the backward alone knows": (PENALISED_BACKWARD, "lambd / m", "lambd / 3"),
    "a backward's penalty, in the gradient that it is of": (PENALISED_PLACES, "(1, 0)", "(0, 1)"),
    "a layer's penalty, in the gradient that it is of": (PENALISED_OBJECT, "(1, 0)", "(0, 1)"),
    "layers, losses and rules on tensors": (ON_TENSORS, "-1", "1"),
    "weights of each gate": (SEPARATE, "d", "1"),
    "two inputs of different sizes": (TWO_INPUTS, "dout", "dout ** 2"),
    "heads that divide the features": (HEADS, "np.cos(self.h)", "np.sin(self.h)"),
    "numbers between which, and one that is learned": (BETWEEN, "ctx.lo", "ctx.lo / 2"),
    "settings by torch's names": (OPTIMIZERS, "dw", "1"),
}
"""Kinds of files: one with something that is right in it, and something wrong."""


@pytest.mark.parametrize("kind", few(KINDS))
def test_a_kind_of_layer_is_judged_whole(kind, run):
    judged_whole(run, *KINDS[kind])


def test_a_penalty_beside_a_gradient_that_is_left_out_is_judged(run):
    _, result = run(PENALISED_BACKWARD.format("lambd / m").replace(", dZ.sum(axis=1, keepdims=True) / m", ""))
    assert {*failing(result)} == {"db"}
