import numpy as np

X, y, W = np.eye(3), np.ones((3, 1)), np.zeros((3, 1))


def f(w):
    return np.mean((X @ w - y) ** 2)


for turn in range(9):
    loss = f(W)
    slope = np.array([[(f(W + e[:, None]) - f(W - e[:, None])) / 2e-6] for e in 1e-6 * np.eye(3)])
    W -= 0.1 * slope[:, 0]
