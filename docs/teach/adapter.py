"""For a class whose files have a form of their own: which function is which, and what to call it with."""

import hand_in


def dense_forward(x, W, b):
    return hand_in.fully_connected(W, b, x)


def dense_backward(delta, x, W, b):
    return hand_in.fully_connected_gradients(x, W, delta)


def dense_examples(rng):
    yield rng.standard_normal((5, 3)), rng.standard_normal((4, 3)), rng.standard_normal(4)
