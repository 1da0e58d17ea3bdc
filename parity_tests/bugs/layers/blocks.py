"""Mistakes in the wiring of a block."""

from manual import Residual
from parity_tests.bugs.registry import edits

edits(Residual, "backward", [
    ("Backward forgets that x also went past the inner layer", "dx", "the path past the inner layer is missing",
     "past + through", "through"),
    ("δ goes past the inner layer alone", "dx", "the path through the inner layer is missing",
     "past + through", "past + 0 * through"),
    ("Of the two paths the one past the inner layer is taken off", "dx", "",
     "past + through", "through - past"),
    ("δ is shared out between the two paths, as if it were split", "dx", "times ½",
     "back, gradient", "delta = delta / 2\n    back, gradient"),
    ("δ goes past the inner layer as it came, and not back through the shortcut", "dx", "",
     'back("shortcut", delta)', '(back("shortcut", delta), np.resize(delta, through.shape))[1]'),
])  # fmt: skip

edits(Residual, "forward", [
    ("The input is not added", "y", "the input is not added", "past + f,", "f,"),
    ("The input is added in place, to the memory of the layer before", "a changed x", "",
     "return past + f,", "past += f\n    return past,"),
])  # fmt: skip
