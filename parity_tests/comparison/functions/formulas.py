"""References of functions as people ship them, and their backwards by hand, right or with one realistic bug."""

import torch
from torch.nn import functional as F


def rms(x, w, eps=1e-6):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * w


def drms(bug, d, x, w):
    r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)
    g = d * w
    dx = r * g - (0 if bug else x * r**3 * (g * x).mean(-1, keepdim=True))
    return dx, (d * x * r).reshape(-1, len(w)).sum(0)


def layer_norm(x, w, b):
    c = x - x.mean(-1, keepdim=True)
    return c * torch.rsqrt((c * c).mean(-1, keepdim=True) + 1e-5) * w + b


def dlayer_norm(bug, d, x, w, b):
    c = x - x.mean(-1, keepdim=True)
    r = torch.rsqrt((c * c).mean(-1, keepdim=True) + 1e-5)
    h, g = c * r, d * w
    dx = r * (g - (0 if bug else g.mean(-1, keepdim=True)) - h * (g * h).mean(-1, keepdim=True))
    return dx, (d * h).reshape(-1, len(w)).sum(0), d.reshape(-1, len(w)).sum(0)


def dswiglu(bug, d, a, b):
    s = torch.sigmoid(a)
    return d * b * s * (1 + (0 if bug else a * (1 - s))), d * a * s


def rotate(x, sign=1):
    n = x.shape[-1] // 2
    t = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] / 10 ** torch.arange(n, dtype=x.dtype)
    a, b, c, s = x[..., :n], x[..., n:], t.cos(), sign * t.sin()
    return torch.cat([a * c - b * s, b * c + a * s], -1)


def rope_reference(x):
    n = x.shape[-1] // 2
    t = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] / 10 ** torch.arange(n, dtype=x.dtype)
    t = torch.cat([t, t], -1)
    return x * t.cos() + torch.cat([-x[..., n:], x[..., :n]], -1) * t.sin()


def cross_entropy(z, t):
    return (z.logsumexp(1) - z.gather(1, t[:, None])[:, 0]).sum() / len(t)


def dcross_entropy(bug, d, z, t):
    return d * (z.softmax(1) - F.one_hot(t, z.shape[1])) / (1 if bug else len(t)), None


def gelu(x):
    return x * 0.5 * (1 + torch.erf(x * 0.5**0.5))


def dgelu(bug, d, x):
    density = torch.exp(-x * x / 2) * (0.3989 if bug else 0.3989422804014327)
    return d * (0.5 * (1 + torch.erf(x * 0.5**0.5)) + x * density)


def gelu_tanh(x):
    return F.gelu(x, approximate="tanh")


def dgelu_tanh(bug, d, x):
    c = (2 / torch.pi) ** 0.5
    t = torch.tanh(c * (x + 0.044715 * x * x * x))
    return d * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + (1 if bug else 3) * 0.044715 * x * x))


def group_norm(x, w, b):
    n = x.shape[1] * x.shape[2] // 2
    h = F.layer_norm(x.reshape(len(x), 2, n), (n,)).reshape(x.shape)
    return h * w[:, None] + b[:, None]


def dgroup_norm(bug, d, x, w, b):
    y = x.reshape(len(x), 2, x.shape[1] * x.shape[2] // 2)
    c = y - y.mean(-1, keepdim=True)
    r = torch.rsqrt((c * c).mean(-1, keepdim=True) + 1e-5)
    h, g = c * r, (d * w[:, None]).reshape(y.shape)
    dx = r * (g - g.mean(-1, keepdim=True) - h * (g * h).mean(-1, keepdim=True))
    dw = (d * h.reshape(x.shape)).sum((0, 2))
    return dx.reshape(x.shape), dw, d.sum(0 if bug else (0, 2)).reshape(-1)[: len(b)]


def attention(q, k, v):
    return torch.softmax(q @ k.mT * 0.5, -1) @ v


def dattention(bug, d, q, k, v):
    p = torch.softmax(q @ k.mT * 0.5, -1)
    dp = d @ v.mT
    ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * (1 if bug else 0.5)
    return ds @ k, ds.mT @ q, p.mT @ d


def lora(x, w, a, b):
    return x @ w.mT + (x @ a.mT) @ b.mT * 2


def dlora(bug, d, x, w, a, b):
    db = d @ b * (1 if bug else 2)
    return d @ w + db @ a, d.mT @ x, db.mT @ x, 2 * d.mT @ (x @ a.mT)


def straight(x):
    return x + (x.round() - x).detach()


def scatter(x, index):
    return x.new_zeros(4, x.shape[1]).index_add(0, index, x)


def dembedding(bug, d, index, table):
    g = torch.zeros_like(table)
    if bug:
        g[index] = d
    else:
        g.index_add_(0, index.reshape(-1), d.reshape(-1, table.shape[1]))
    return None, g


def softplus(x):
    return torch.log1p(torch.exp(-x.abs())) + x.clamp(min=0)


def quantise(x):
    return (x * 8).clamp(-8, 7)
