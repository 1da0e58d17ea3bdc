import matplotlib.pyplot as plt
import numpy as np

plt.rcParams["figure.figsize"] = (5, 4)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward_propagation(X, parameters):
    A1 = np.tanh(parameters["W1"] @ X + parameters["b1"])
    Z2 = parameters["W2"] @ A1 + parameters["b2"]
    A2 = np.exp(Z2) / np.exp(Z2).sum(axis=0)
    return A2, {"A1": A1, "A2": A2}


def cross_entropy_cost(A2, Y):
    return -np.sum(Y * np.log(A2)) / Y.shape[1]


def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    dZ2 = cache["A2"] - Y
    dZ1 = parameters["W2"].T @ dZ2 * (1 - cache["A1"] ** 2)
    return {
        "dW2": dZ2 @ cache["A1"].T / m,
        "db2": dZ2.sum(axis=1, keepdims=True) / m,
        "dW1": dZ1 @ X.T / m,
        "db1": dZ1.sum(axis=1, keepdims=True) / m,
    }


def deep_forward(X, parameters):
    caches, A = [], X
    for k in range(1, len(parameters) // 2 + 1):
        caches.append(A)
        A = sigmoid(parameters[f"W{k}"] @ A + parameters[f"b{k}"])
        caches[-1] = (caches[-1], A, parameters[f"W{k}"])
    return A, caches


def deep_backward(AL, Y, caches):
    grads, m = {}, Y.shape[1]
    dA = -(Y / AL - (1 - Y) / (1 - AL)) / m
    for k in range(len(caches), 0, -1):
        before, A, W = caches[k - 1]
        dZ = dA * A * (1 - A)
        dA = W.T @ dZ
        grads[f"dA{k - 1}"], grads[f"dW{k}"], grads[f"db{k}"] = dA, dZ @ before.T, dZ.sum(axis=1, keepdims=True)
    return grads


def log_cost(AL, Y):
    return float(-(Y @ np.log(AL).T + (1 - Y) @ np.log(1 - AL).T) / Y.shape[1])


def penalty_cost(AL, Y, parameters, lambd):
    weights = [p for k, p in parameters.items() if k.startswith("W")]
    return log_cost(AL, Y) + lambd / (2 * Y.shape[1]) * sum(np.sum(W**2) for W in weights)


def deep_backward_with_penalty(AL, Y, caches, lambd):
    grads = deep_backward(AL, Y, caches)
    for k, (_, _, W) in enumerate(caches, 1):
        grads[f"dW{k}"] = grads[f"dW{k}"] + lambd / Y.shape[1] * W
    return {k: g for k, g in grads.items() if not k.startswith("dA")}


def propagate(w, b, X, Y):
    m = X.shape[1]
    A = sigmoid(w.T @ X + b)
    cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    return {"dw": X @ (A - Y).T / m, "db": np.sum(A - Y) / m}, np.squeeze(cost)


def initialize_rmsprop(parameters):
    return {"d" + k: np.zeros_like(p) for k, p in parameters.items()}


def update_parameters_with_rmsprop(parameters, grads, s, beta, learning_rate, epsilon):
    for k in parameters:
        s["d" + k] = beta * s["d" + k] + (1 - beta) * grads["d" + k] ** 2
        parameters[k] = parameters[k] - learning_rate * grads["d" + k] / (np.sqrt(s["d" + k]) + epsilon)
    return parameters, s


def update_parameters_with_momentum(parameters, grads, v, beta, learning_rate):
    for k in parameters:
        v[k] = beta * v[k] + learning_rate * grads["d" + k]
        parameters[k] -= v[k]
    return parameters, v


def update_parameters_with_adam(parameters, grads, v, s, t, learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
    for k in parameters:
        d = "d" + k
        v[d] = beta1 * v[d] + (1 - beta1) * grads[d]
        s[d] = beta2 * s[d] + (1 - beta2) * grads[d] ** 2
        step = v[d] / (1 - beta1**t) / (np.sqrt(s[d] / (1 - beta2**t)) + epsilon)
        parameters[k] = parameters[k] - learning_rate * step
    return parameters, v, s


parameters = {"W1": np.ones((2, 2)), "b1": np.zeros((2, 1)), "W2": np.ones((2, 2)), "b2": np.zeros((2, 1))}
plt.plot([cross_entropy_cost(forward_propagation(np.eye(2), parameters)[0], np.eye(2))])
