import numpy as np
from layers_of_the_course import *
import missing_plots as mp


def affine_forward(x, w, b):
    return x.reshape(x.shape[0], -1) @ w + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(x.shape[0], -1).T @ dout, dout.sum(axis=0)


class FullyConnectedNet:
    def __init__(self, hidden_dims, input_dim=3 * 32 * 32, num_classes=10, reg=0.0, weight_scale=1e-2, dtype=np.float32):
        self.reg, self.dtype, self.num_layers = reg, dtype, 1 + len(hidden_dims)
        self.params = {}
        dims = [input_dim, *hidden_dims, num_classes]
        for i in range(self.num_layers):
            self.params["W" + str(i + 1)] = weight_scale * np.random.randn(dims[i], dims[i + 1])
            self.params["b" + str(i + 1)] = np.zeros(dims[i + 1])
        for k, v in self.params.items():
            self.params[k] = v.astype(dtype)

    def loss(self, X, y=None):
        X = X.astype(self.dtype)
        caches, masks = [], []
        for i in range(1, self.num_layers + 1):
            X, cache = affine_forward(X, self.params["W%d" % i], self.params["b%d" % i])
            caches.append(cache)
            if i < self.num_layers:
                masks.append(X > 0)
                X = X * masks[-1]
        if y is None:
            return X
        p = np.exp(X - X.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        dx = p.copy()
        dx[np.arange(len(y)), y] -= 1
        dx /= len(y)
        grads = {}
        for i in range(self.num_layers, 0, -1):
            if i < self.num_layers:
                dx = dx * masks.pop()
            dx, dw, grads["b%d" % i] = affine_backward(dx, caches.pop())
            grads["W%d" % i] = dw + self.reg * self.params["W%d" % i]
            loss += 0.5 * self.reg * np.sum(self.params["W%d" % i] ** 2)
        return loss, grads


if __name__ == "__main__":
    net = FullyConnectedNet([100, 100])
    mp.plot(net)
