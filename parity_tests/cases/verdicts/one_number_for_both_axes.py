import numpy as np

class ConvTranspose2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, rng=None):
        rng = rng or np.random.default_rng(0)
        self.k, self.s, self.p = kernel_size, stride, padding
        self.weight = rng.standard_normal((in_channels, out_channels, kernel_size, kernel_size))
        self.bias = rng.standard_normal(out_channels)
    def forward(self, x):
        n, c, h, w = x.shape
        H, W = (h - 1) * self.s + self.k, (w - 1) * self.s + self.k
        y = np.zeros((n, self.weight.shape[1], H, W), x.dtype)
        for i in range(h):
            for j in range(w):
                y[:, :, i*self.s:i*self.s+self.k, j*self.s:j*self.s+self.k] += np.einsum("nc,couv->nouv", x[:, :, i, j], self.weight)
        y = y[:, :, self.p:H - self.p, self.p:W - self.p]
        return y + self.bias[:, None, None], x
    def backward(self, delta, x):
        n, c, h, w = x.shape
        d = np.pad(delta, ((0, 0), (0, 0), (self.p,) * 2, (self.p,) * 2))
        dx, dw = np.zeros_like(x), np.zeros_like(self.weight)
        for i in range(h):
            for j in range(w):
                part = d[:, :, i*self.s:i*self.s+self.k, j*self.s:j*self.s+self.k]
                dx[:, :, i, j] = np.einsum("nouv,couv->nc", part, self.weight)
                dw += np.einsum("nc,nouv->couv", x[:, :, i, j], part)
        return dx, {"weight": dw, "bias": delta.sum(axis=(0, 2, 3))}
def examples(rng):
    yield ConvTranspose2d(2, 3, 3, 2, 1, rng), rng.standard_normal((2, 2, 3, 3))
