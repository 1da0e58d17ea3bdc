"""Mistakes in losses of a difference, of probabilities, and of log-probabilities."""

import numpy as np

from manual import BCELoss, HuberLoss, KLDivLoss, L1Loss, NLLLoss, SmoothL1Loss
from parity_tests.bugs.registry import bug, edits

THE_SIGN = {
    "The sign is that of target − prediction": (L1Loss, SmoothL1Loss),
    "The sign is turned": (BCELoss, KLDivLoss, NLLLoss),
}
for sentence, losses in THE_SIGN.items():
    for loss in losses:
        edits(loss, "backward", [(sentence, "delta", "times −1", "return ", "return -")])

# ---------------------------------------------------------------- L1Loss


edits(L1Loss, "backward", [
    ("The difference itself goes back, not its sign", "delta", "", "one * positive(u) - one * positive(-u)", "u"),
    ("The mean's gradient is divided by the outputs alone", "delta", "times N", "delta, n)", "delta, n / len(u))"),
    ("A δ from above is left out, and the sign is smoothed", "delta", "",
     "times_upstream(one * positive(u) - one * positive(-u), delta, n)", "np.tanh(100 * u) / n"),
])  # fmt: skip

edits(L1Loss, "forward", [
    ("The cost is signed: what is too large and what is too small cancel", "cost", "", "np.abs(u)", "u"),
])  # fmt: skip


# ---------------------------------------------------------------- SmoothL1Loss


edits(SmoothL1Loss, "backward", [
    ("Far off the slope is that near 0: no straight line", "delta", "",
     "np.where(far, sign, u / self.beta)", "u / self.beta"),
    ("Near 0 the slope is the sign", "delta", "", "np.where(far, sign, u / self.beta)", "sign"),
    ("β is left out near 0", "delta", "", "u / self.beta", "u"),
])  # fmt: skip

edits(SmoothL1Loss, "forward", [
    ("½ β is not taken off, so that the cost jumps at β", "cost", "", "size - self.beta / 2", "size"),
])  # fmt: skip


# ---------------------------------------------------------------- HuberLoss


edits(HuberLoss, "backward", [
    ("The slope far off is the sign, without d", "delta", "",
     "self.delta * (one * positive(u) - one * positive(-u))", "one * positive(u) - one * positive(-u)"),
    ("Nothing is cut off: the gradient is that of the squared difference", "delta", "",
     "np.where(far, self.delta * (one * positive(u) - one * positive(-u)), u)", "u"),
    ("What is far off has no gradient", "delta", "", "self.delta * (one * positive(u) - one * positive(-u))", "0 * u"),
])  # fmt: skip

edits(HuberLoss, "forward", [
    ("It is the smooth L1 loss of half the scale: divided by 1.5 d", "cost", "times",
     "return cost,", "return cost / (1.5 * d),"),
    ("½ d is not taken off, so that the cost jumps at d", "cost", "", "d * (size - d / 2)", "d * size"),
])  # fmt: skip


# ---------------------------------------------------------------- BCELoss


edits(BCELoss, "backward", [
    ("The gradient is p − t, which is the one by the logit", "delta", "", " / np.maximum(p * (1 - p), 1e-12)", ""),
    ("The slope of the negative class is left out", "delta", "", "(p - t) / np.maximum(p * (1 - p), 1e-12)", "-t / p"),
    ("The slope is divided by p alone", "delta", "", "np.maximum(p * (1 - p), 1e-12)", "p"),
])  # fmt: skip

edits(BCELoss, "forward", [
    ("Only the positive class is counted", "cost", "", "(t - 1) * no - t * yes", "-t * yes"),
])  # fmt: skip


# ---------------------------------------------------------------- KLDivLoss


edits(KLDivLoss, "backward", [
    ("The gradient is that by q, not by log q", "delta", "", "times_upstream(-p,", "times_upstream(-p / (p * p + 1),"),
    ("The logarithm of the target goes back in its place", "delta", "", "times_upstream(-p,",
     "times_upstream(-np.log(p),"),
])  # fmt: skip

edits(KLDivLoss, "forward", [
    ("The entropy of the target is left out: it is the cross-entropy", "cost", "",
     "np.where(there, p * np.log(np.where(there, p, 1)), 0) - p * log_q", "-p * log_q"),
    ("The two distributions change places", "cost", "",
     "np.where(there, p * np.log(np.where(there, p, 1)), 0) - p * log_q", "np.exp(log_q) * (log_q - np.log(p))"),
])  # fmt: skip


# ---------------------------------------------------------------- NLLLoss


edits(NLLLoss, "forward", [
    ("The mean is over the examples, not over their weights", "cost", "", "w.sum().item()", "len(w)"),
])  # fmt: skip

edits(NLLLoss, "backward", [
    ("The softmax is in the gradient once more", "delta", "",
     "times_upstream(slope,", "times_upstream(slope - slope.mean(axis=-1, keepdims=True),"),
    ("The classes are counted from 1", "delta", "permuted",
     "== labels[:, None]", "== (labels[:, None] + 1) % shape[1]"),
])  # fmt: skip


@bug("delta")
class _(NLLLoss):
    """The gradient is laid out class last; or, of one row an example, its weights are left out."""

    def backward(self, cache, delta=1):
        _, _, w, _, shape = cache
        right = super().backward(cache, delta)
        if len(shape) > 2:
            return np.ascontiguousarray(right).reshape(shape[0], -1, shape[1]).transpose(0, 2, 1).reshape(shape)
        return right / np.where(w == 0, 1, w * 1.01)[:, None]
