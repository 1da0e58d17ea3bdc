"""A network as a class, and one as functions; a recurrent one with its weights beside it."""

import numpy as np

hidden, letters = 12, 20
rng = np.random.RandomState(3)
Wxh, Whh, Why = rng.randn(hidden, letters), rng.randn(hidden, hidden), rng.randn(letters, hidden)
bh, by = np.zeros((hidden, 1)), np.zeros((letters, 1))


class Net:
    def __init__(self, sizes):
        pairs = [*zip(sizes[:-1], sizes[1:])]
        self.weights = [rng.randn(m, n) for n, m in pairs]
        self.biases = [rng.randn(m, 1) for _, m in pairs]

    def feedforward(self, a):
        for w, b in zip(self.weights, self.biases):
            a = np.tanh(w @ a + b)
        return a

    def backprop(self, x, y):
        kept = [x]
        for w, b in zip(self.weights, self.biases):
            kept.append(np.tanh(w @ kept[-1] + b))
        delta = kept[-1] - y
        by_layer = []
        for w, a, before in zip(self.weights[::-1], kept[:0:-1], kept[-2::-1]):
            delta = delta * (1 - a**2)
            by_layer.insert(0, (delta, delta @ before.T))
            delta = w.T @ delta
        nabla_b, nabla_w = [b for b, _ in by_layer], [w for _, w in by_layer]
        return nabla_b, nabla_w


def forward_prop(W1, b1, W2, b2, X):
    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ W2 + b2
    e = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
    A2 = e / e.sum(axis=1, keepdims=True)
    return Z1, A1, Z2, A2


def back_prop(A1, A2, Z1, W2, X, Y):
    n = len(X)
    dZ2 = A2.copy()
    dZ2[np.arange(n), Y] -= 1
    dW2, db2 = A1.T @ dZ2 / n, dZ2.sum(axis=0, keepdims=True) / n
    dZ1 = dZ2 @ W2.T * (Z1 > 0)
    dW1, db1 = X.T @ dZ1 / n, dZ1.sum(axis=0, keepdims=True) / n
    return dW1, db1, dW2, db2


def update_params(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha):
    return W1 - alpha * dW1, b1 - alpha * db1, W2 - alpha * dW2, b2 - alpha * db2


def lossFun(inputs, targets, hprev):
    h, states, probabilities, loss = hprev, [hprev], [], 0.0
    for letter, after in zip(inputs, targets):
        h = np.tanh(Wxh[:, [letter]] + Whh @ h + bh)
        e = np.exp(Why @ h + by)
        states.append(h)
        probabilities.append(e / e.sum())
        loss -= np.log(probabilities[-1][after, 0])
    dWxh, dWhh, dWhy, dbh, dby = (np.zeros_like(w) for w in (Wxh, Whh, Why, bh, by))
    dh = np.zeros_like(h)
    for t in reversed(range(len(inputs))):
        dy = probabilities[t].copy()
        dy[targets[t]] -= 1
        dWhy += dy @ states[t + 1].T
        dby += dy
        draw = (Why.T @ dy + dh) * (1 - states[t + 1] ** 2)
        dbh += draw
        dWxh[:, [inputs[t]]] += draw
        dWhh += draw @ states[t].T
        dh = Whh.T @ draw
    for gradient in (dWxh, dWhh, dWhy, dbh, dby):
        np.clip(gradient, -5, 5, out=gradient)
    return loss, dWxh, dWhh, dWhy, dbh, dby, h


if __name__ == "__main__":
    print(lossFun([0, 1], [1, 2], np.zeros((hidden, 1)))[0])
