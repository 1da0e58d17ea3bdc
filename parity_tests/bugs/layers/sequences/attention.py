"""Mistakes in attention."""

from dataclasses import replace

from manual import MultiheadAttention
from parity_tests.bugs.registry import bug, edits

# ---------------------------------------------------------------- MultiheadAttention


edits(MultiheadAttention, "_back", [
    ("The softmax has the derivative of one output by its own input alone, A(1 − A)", "dx", "a(1 − a) is used",
     "ds -= dots_of_rows(ds, a)", "ds *= 1 - a"),
    ("The sum over the other keys is left out", "dx", "the sum over the other keys is left out",
     "ds -= dots_of_rows(ds, a)", ""),
    ("The softmax's sum runs over the queries", "dx", "runs over the queries",
     "dots_of_rows(ds, a)", "(ds * a).sum(axis=2, keepdims=True)"),
    ("The way back is not divided by √d", "dx", "the scale 1/√d is left out on the way back", "q.shape[3] ** 0.5", "1"),
    ("The way back is divided by the root of the whole width, not of a head's", "dx", "scaled by the whole width",
     "q.shape[3] ** 0.5", "(q.shape[1] * q.shape[3]) ** 0.5"),
    ("q and k get each other's gradient", "dx", "each other's gradient",
     "of_heads(ds, k / root), of_heads(ds.swapaxes(2, 3), q / root)",
     "of_heads(ds.swapaxes(2, 3), q / root), of_heads(ds, k / root)"),
    ("v gets its gradient through A, not through Aᵀ", "dx", "through A, not through Aᵀ",
     "of_heads(a.swapaxes(2, 3), g)", "of_heads(a, g)"),
])  # fmt: skip

edits(MultiheadAttention, "forward", [
    ("A place may not look at itself", "y", "",
     "one_more=self.add_bias_kv)",
     "one_more=self.add_bias_kv)\n    may = may & np.tri(*may.shape[-2:], -1, dtype=bool) if self.causal else may"),
    ("A place looks at what comes later", "y", "the mask is not applied",
     "may = allowed(self,", "other = self.like()\n    other.causal = False\n    may = allowed(other,"),
    ("The mask says which keys there are, not which there are not", "y", "",
     "one_more=self.add_bias_kv)", "one_more=self.add_bias_kv)\n    may = may if all_given.padding is None else ~may"),
    ("The mask is ignored", "y", "", "may = allowed(", "may = None if all_given.padding is not None else allowed("),
    ("S is not divided by √d", "y", "the scale 1/√d is left out", "(q / q.shape[3] ** 0.5)", "q"),
])  # fmt: skip

edits(MultiheadAttention, "_apart", [
    ("The heads are split as if they lay one after the other in memory", "y", "one after the other",
     "x.reshape(*x.shape[:2], self.num_heads, -1).swapaxes(1, 2)", "x.reshape(len(x), self.num_heads, x.shape[1], -1)"),
])  # fmt: skip

edits(MultiheadAttention, "_back_to_maps", [
    ("The gradients of W stand in the order k, q, v", "din_proj_weight", "permuted",
     "for d, to in zip(dz, x.three, strict=True)", "for d, to in [(dz[i], x.three[i]) for i in (1, 0, 2)]"),
    ("The gradient of the bias is averaged over the places", "din_proj_bias", "times",
     "sum_over_batch(d) for", "sum_over_batch(d) / delta.shape[1 if self.batch_first else 0] for"),
])  # fmt: skip


@bug("dx", "the δ of the query alone")
class _(MultiheadAttention):
    """x goes in three ways, and the δ of one comes back."""

    def backward(self, delta, cache):
        dx, gradient = super().backward(delta, cache)
        masks = cache.given.masks
        if cache.given.inputs > 1 + masks:
            return dx, gradient
        apart, _ = super().backward(delta, cache._replace(given=replace(cache.given, inputs=3 + masks)))
        return (apart[0], *[None] * masks) if masks else apart[0], gradient
