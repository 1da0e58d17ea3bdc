"""What pieces are called with: what their file's examples(rng) yields, and inputs of other axes than rows: each kind is
judged whole, right and wrong."""

import pytest

from parity_tests.grade.checking import judged_whole

NORM = """
    import numpy as np
    class LayerNorm:
        def __init__(self, dim): self.gamma = np.ones(dim)
        def forward(self, x):
            xc = x - x.mean(-1, keepdims=True)
            self.std = np.sqrt((xc * xc).mean(-1, keepdims=True) + 1e-5)
            self.xhat = xc / self.std
            return self.gamma * self.xhat
        def backward(self, dout):
            self.dgamma = (dout * self.xhat).sum(axis={})
            d = dout * self.gamma
            return (d - d.mean(-1, keepdims=True) - self.xhat * (d * self.xhat).mean(-1, keepdims=True)) / self.std
    def examples(rng):
        yield LayerNorm(4), rng.standard_normal((2, 3, 4))
"""
MADE = """
    import numpy as np
    class Mixed:
        def __init__(self, names, table): self.w = np.stack([table[n] for n in names])
        def forward(self, x):
            self.x = x
            return np.einsum("nd,kd->nk", x, self.w)
        def backward(self, dout):
            self.dw = np.einsum("nk,nd->kd", dout, self.x) * {}
            return dout @ self.w
    def examples(rng):
        yield Mixed(["a", "b"], dict(a=np.ones(3), b=np.ones(3))), rng.standard_normal((5, 3))
"""
AXES = """
    import numpy as np
    class Dense:
        def __init__(self, inputs, outputs): self.W, self.b = np.ones((inputs, outputs)), np.zeros(outputs)
        def forward(self, x):
            self.x = x
            return x @ self.W + self.b
        def backward(self, dout):
            rows = dout.reshape(-1, dout.shape[-1])
            self.dW = self.x.reshape(-1, self.x.shape[-1]).T @ rows
            self.db = {}.sum(axis=0)
            return dout @ self.W.T
"""
TRIPLET = """
    import numpy as np
    class TripletLoss:
        def __init__(self, margin=1.0): self.margin = margin
        def forward(self, anchor, positive, negative):
            self.a, self.p, self.n = anchor, positive, negative
            near, far = ((anchor - positive) ** 2).sum(axis=1), ((anchor - negative) ** 2).sum(axis=1)
            self.cost = np.maximum(near - far + self.margin, 0)
            return self.cost.mean()
        def backward(self):
            k = 2 * (self.cost > 0)[:, None] / len(self.cost)
            return k * (self.n - self.p), k * (self.p - self.a), {} * (self.a - self.n)
"""
COSTS = """
    import numpy as np
    class MSE:
        def forward(self, y_pred, y_true):
            self.d = y_pred - y_true
            return np.mean(self.d ** 2)
        def backward(self): return 2 * self.d / {}
    def examples(rng):
        yield MSE(), rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
"""
COST = """
    import numpy as np
    def mse_loss(x, y):
        d = x - y
        return np.mean(d ** 2), 2 * d / ({})
    def examples(rng):
        yield rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
"""
COLUMNS = """
    import numpy as np
    def linear_forward(A, W, b): return W @ A + b, (A, W, b)
    def linear_backward(dZ, cache):
        A, W, b = cache
        return W.T @ dZ, dZ @ A.T / {}, dZ.sum(axis=1, keepdims=True) / A.shape[1]
    def examples(rng):
        yield rng.standard_normal((3, 7)), rng.standard_normal((4, 3)), rng.standard_normal((4, 1))
"""
SIGNALS = """
    import numpy as np
    def upconv_forward(x, w, b):
        n, c, length = x.shape
        out = np.zeros((n, w.shape[1], 2 * length - 2 + w.shape[2])) + b[:, None]
        for i in range(length): out[:, :, 2 * i:2 * i + w.shape[2]] += np.einsum("nc,cfk->nfk", x[:, :, i], w)
        return out, (x, w)
    def upconv_backward(dout, cache):
        x, w = cache
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for i in range(x.shape[2]):
            d = dout[:, :, 2 * i:2 * i + w.shape[2]]
            dx[:, :, i] = np.einsum("nfk,cfk->nc", d, w)
            dw {} np.einsum("nc,nfk->cfk", x[:, :, i], d)
        return dx, dw, dout.sum(axis=(0, 2))
"""
SCALED = """
    import numpy as np
    class Scaled:
        def __init__(self, n, m, reg=0.0):
            self.w, self.reg = np.random.randn(n, m), reg
        def forward(self, x):
            self.x = x
            self.output = (1 + self.reg) * x @ self.w
            return self.output
        def backward(self, d):
            self.dw = (1 + self.reg) * self.x.T @ d
            return {} * d @ self.w.T
"""
KINDS = {
    "a strength that the output has, too, which is no penalty": (SCALED, "(1 + self.reg)", "2"),
    "a layer whose example has three axes": (NORM, "tuple(range(dout.ndim - 1))", "0"),
    "a layer that its example alone can make": (MADE, "1", "2"),
    "a layer that takes any leading axes": (AXES, "rows", "dout"),
    "a cost of three arrays": (TRIPLET, "k", "-k"),
    "a loss whose example has three axes": (COSTS, "self.d.size", "(self.d.shape[0] * self.d.shape[1])"),
    "a function of a loss whose example has three axes": (COST, "d.size", "d.size if d.ndim < 3 else len(d)"),
    "columns as many as the example has": (COLUMNS, "A.shape[1]", "5"),
    "signals of any weights": (SIGNALS, "+=", "="),
}
"""Kinds of files: one with something that is right in it, and something wrong."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_piece_is_judged_on_what_it_is_for(kind, run):
    judged_whole(run, *KINDS[kind])
