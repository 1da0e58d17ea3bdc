import numpy as np
class RNN:
    def __init__(self, D=3, H=4, O=2):
        r = np.random.RandomState(0)
        self.Wxh = r.randn(H, D) * .5; self.Whh = r.randn(H, H) * .5; self.Why = r.randn(O, H) * .5
        self.bh = np.zeros(H); self.by = np.zeros(O)
    def forward(self, x):
        h = np.zeros(len(self.bh)); hs = [h]; ys = []
        for t in range(len(x)):
            h = np.tanh(self.Wxh @ x[t] + self.Whh @ h + self.bh); hs.append(h)
            ys.append(self.Why @ h + self.by)
        return np.array(ys), (x, hs)
    def backward(self, dy, cache):
        x, hs = cache
        g = {k: np.zeros_like(getattr(self, k)) for k in ("Wxh", "Whh", "Why", "bh", "by")}
        dh_next = np.zeros(len(self.bh)); dx = np.zeros_like(x)
        for t in reversed(range(len(x))):
            g["Why"] += np.outer(dy[t], hs[t + 1]); g["by"] += dy[t]
            dh = self.Why.T @ dy[t] + dh_next
            da = (1 - hs[t + 1] ** 2) * dh
            g["Wxh"] += np.outer(da, x[t]); g["Whh"] += np.outer(da, hs[t]); g["bh"] += da
            dx[t] = self.Wxh.T @ da
            dh_next = self.Whh.T @ da
        return dx, g
def examples(rng):
    yield RNN(), rng.standard_normal((5, 3))
