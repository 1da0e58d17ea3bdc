"""Mistakes in the wiring of a block."""

from manual import Residual
from parity_tests.bugs.registry import edits

edits(Residual, "backward", [
    ("Backward forgets that x also went past the inner layer", "dx", "the path past the inner layer is missing",
     "delta + back(", "back("),
    ("δ goes past the inner layer alone", "dx", "the path through the inner layer is missing",
     'delta + back("inner", delta)', 'delta + 0 * back("inner", delta)'),
    ("Of the two paths the one past the inner layer is taken off", "dx", "",
     'delta + back("inner", delta)', 'back("inner", delta) - delta'),
    ("δ is shared out between the two paths, as if it were split", "dx", "times ½",
     "back, gradient", "delta = delta / 2\n    back, gradient"),
])  # fmt: skip

edits(Residual, "forward", [
    ("The input is not added", "y", "the input is not added", "x + f,", "f,"),
    ("The input is added in place, to the memory of the layer before", "a changed x", "",
     "return x + f,", "x += f\n    return x,"),
])  # fmt: skip
