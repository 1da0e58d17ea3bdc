import numpy as np


def tanh(Z):
    return np.tanh(Z), Z


def tanh_backward(dA, Z):
    return dA * (1 - np.tanh(Z) ** 2)


def leaky(Z):
    return np.where(Z > 0, Z, 0.1 * Z)


def leaky_backward(dA, Z):
    dZ = dA.copy()
    dZ[Z <= 0] *= 0.1
    return dZ


def linear_forward(A, W, b):
    return W @ A + b, (A, W)


def linear_backward(dZ, cache):
    A, W = cache
    return W.T @ dZ, dZ @ A.T, dZ.sum(axis=1, keepdims=True)


def layer_forward(A_prev, W, b, kind):
    Z, kept = linear_forward(A_prev, W, b)
    A, Z = tanh(Z) if kind == "tanh" else (leaky(Z), Z)
    return A, (kept, Z)


def layer_backward(dA, cache, kind):
    kept, Z = cache
    return linear_backward({"tanh": tanh_backward, "leaky": leaky_backward}[kind](dA, Z), kept)


def pool_forward(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    m, H, W, C = A_prev.shape
    out = np.zeros((m, (H - f) // stride + 1, (W - f) // stride + 1, C))
    for h, w in np.ndindex(*out.shape[1:3]):
        window = A_prev[:, h * stride : h * stride + f, w * stride : w * stride + f]
        out[:, h, w] = window.max(axis=(1, 2)) if mode == "max" else window.sum(axis=(1, 2)) / f**2
    return out, (A_prev, hparameters)


def pool_backward(dA, cache, mode="max"):
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    dA_prev = np.zeros(A_prev.shape)
    for i, h, w, c in np.ndindex(*dA.shape):
        at = i, slice(h * stride, h * stride + f), slice(w * stride, w * stride + f), c
        share = A_prev[at] == A_prev[at].max() if mode == "max" else np.full((f, f), 1 / f**2)
        dA_prev[at] += share * dA[i, h, w, c]
    return dA_prev


def gate_forward(xt, a_prev, parameters):
    both = np.concatenate([a_prev, xt])
    u = 1 / (1 + np.exp(-(parameters["Wu"] @ both + parameters["bu"])))
    c = np.tanh(parameters["Wc"] @ xt + parameters["bc"])
    return u * a_prev + (1 - u) * c, (both, u, c, a_prev, xt, parameters)


def gate_backward(da_next, cache):
    both, u, c, a_prev, xt, parameters = cache
    du = da_next * (a_prev - c) * u * (1 - u)
    dc = da_next * (1 - u) * (1 - c**2)
    dboth = parameters["Wu"].T @ du
    return {
        "dxt": dboth[len(u) :] + parameters["Wc"].T @ dc,
        "da_prev": da_next * u + dboth[: len(u)],
        "dWu": du @ both.T,
        "dbu": du.sum(axis=1, keepdims=True),
        "dWc": dc @ xt.T,
        "dbc": dc.sum(axis=1, keepdims=True),
    }


def cell_forward(xt, a_prev, params):
    a = np.tanh(params["U"] @ xt + params["W"] @ a_prev + params["b"])
    return a, params["V"] @ a + params["c"], (xt, a_prev, a, params)


def cell_backward(da, cache):
    xt, a_prev, a, params = cache
    d = da * (1 - a**2)
    return {
        "dxt": params["U"].T @ d,
        "da_prev": params["W"].T @ d,
        "dU": d @ xt.T,
        "dW": d @ a_prev.T,
        "db": d.sum(axis=1, keepdims=True),
    }
