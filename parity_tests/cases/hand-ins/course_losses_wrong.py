import numpy as np
from random import shuffle


def svm_loss(x, y):
    n = x.shape[0]
    correct = x[np.arange(n), y]
    margins = np.maximum(0, x - correct[:, None] + 1.0)
    margins[np.arange(n), y] = 0
    loss = margins.sum() / n
    dx = (margins > 0).astype(float)
    dx[np.arange(n), y] -= 1
    return loss, dx / n


def softmax_loss_naive(W, X, y, reg):
    """ with loops """
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        scores -= np.max(scores)
        p = np.exp(scores) / np.sum(np.exp(scores))
        loss += -np.log(p[y[i]])
        for j in range(W.shape[1]):
            dW[:, j] += (p[j] - (j == y[i])) * X[i]
    loss, dW = loss / len(X), dW / len(X)
    loss += 0.5 * reg * np.sum(W * W)
    return loss, dW + 2 * reg * W


def temporal_softmax_loss(x, y, mask, verbose=False):
    N, T, V = x.shape
    flat, labels, on = x.reshape(N * T, V), y.reshape(N * T), mask.reshape(N * T)
    probs = np.exp(flat - np.max(flat, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    loss = -np.sum(on * np.log(probs[np.arange(N * T), labels])) / N
    dflat = probs.copy()
    dflat[np.arange(N * T), labels] -= 1
    dflat /= N
    if verbose:
        print("dflat: ", dflat.shape)
    return loss, dflat.reshape(N, T, V)


def mse_loss(y_pred, y_true):
    diff = y_pred - y_true
    return np.mean(diff ** 2), 2 * diff / diff.size


W = np.random.randn(3073, 10) * 0.0001
shuffle([1, 2])
print("loss: %f" % softmax_loss_naive(W, np.random.randn(5, 3073), np.zeros(5, int), 0)[0])
