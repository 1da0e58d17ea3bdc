"""Mistakes in a bilinear layer."""

from manual import Bilinear
from parity_tests.bugs.registry import edits

edits(Bilinear, "backward", [
    ("The gradients of the two inputs change places", "dx0", "", "(da, dc), self", "(dc, da), self"),
    ("The second input is taken for a constant", "dx1", "", "(da, dc), self", "(da, 0 * dc), self"),
    ("The other factor is left out of an input's gradient", "dx0", "", "dp * c[..., None, :]", "dp"),
    ("The weight gradient lacks the second input", "dweight", "",
     "rows(p)", "rows((a[..., :, None] + 0 * c[..., None, :]).reshape(p.shape))"),
    ("The weight gradient is averaged over the batch, which the cost has done already", "dweight", "times ",
     "weight=dW", "weight=dW / len(delta)"),
    ("The bias gradient is that of the first example alone", "dbias", "", "sum_over_batch(rows(delta))",
     "rows(delta)[0]"),
])  # fmt: skip

edits(Bilinear, "forward", [
    ("The products of the two inputs are taken in the order of the second", "y", "",
     "rows_times(p,", "rows_times((c[..., :, None] * a[..., None, :]).reshape(p.shape),"),
])  # fmt: skip
