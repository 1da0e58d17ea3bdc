"""Exclusive or, learned while the file is read."""

import numpy as np

X = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1], [0.5, 0.5, 1]])
Y = np.array([[0.0], [1], [1], [0], [1]])

np.random.seed(4)
first = np.random.randn(3, 4)
second = np.random.randn(4, 1)
alpha = 0.3

for turn in range(50):
    hidden = np.tanh(X @ first)
    output = hidden @ second
    error = output - Y
    if turn % 10 == 0:
        print(np.mean(error**2))
    delta = error * 1.0
    hidden_delta = delta @ second.T * (1 - hidden)
    second = second - alpha * hidden.T @ delta
    first = first - alpha * X.T @ hidden_delta

print(output)
