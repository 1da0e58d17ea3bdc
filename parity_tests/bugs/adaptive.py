"""Mistakes in Adam, AdamW and RMSprop: the running means, their correction, where ε stands."""

from manual import Adam, AdamW, RMSprop
from parity_tests.bugs.registry import bug, edits

edits(Adam, "update", [
    ("The running means are not corrected for their start at 0", "weight", "no bias correction",
     "np.sqrt(v) / (1 - b2**t) ** 0.5", "np.sqrt(v)",
     "self.lr / (1 - b1**t)", "self.lr"),
    ("ε is inside the square root", "weight", "a convention: ε is inside the root",
     "np.sqrt(v) / (1 - b2**t) ** 0.5", "np.sqrt(v / (1 - b2**t) + self.eps)",
     "(root + self.eps)", "root"),
    ("ε is added before the bias correction, which then enlarges it", "weight",
     "a convention: ε is added before the bias correction",
     "np.sqrt(v) / (1", "(np.sqrt(v) + self.eps) / (1",
     "(root + self.eps)", "root"),
    ("The square root is forgotten", "weight", "the root is left out",
     "np.sqrt(v) / (1 - b2**t) ** 0.5", "v / (1 - b2**t)"),
    ("β₁ and β₂ are exchanged", "weight, exp_avg", "the betas are exchanged",
     "b1, b2 = self.betas", "b2, b1 = self.betas"),
    ("Only the mean of the gradient is corrected for its start at 0", "weight",
     "the mean of the squares is not corrected",
     "np.sqrt(v) / (1 - b2**t) ** 0.5", "np.sqrt(v)"),
    ("Nothing is added to the root", "weight", "ε is left out", "(root + self.eps)", "root"),
])  # fmt: skip


@bug("bias, step")
class _(Adam):
    """One count of steps is shared by all parameters, and goes up with each of them."""

    def update(self, p, g, state):
        self.t = getattr(self, "t", 0) + 1
        super().update(p, g, state)
        state["step"] = self.t


edits(AdamW, "update", [
    ("The decay goes through the gradient, as in Adam", "weight, exp_avg", "weight decay through the gradient",
     "p *= 1 - self.lr * self.weight_decay", "g = g + self.weight_decay * p"),
    ("The decay is not multiplied by the learning rate", "weight", "weight decay without lr",
     "self.lr * self.weight_decay", "self.weight_decay"),
])  # fmt: skip


edits(RMSprop, "update", [
    ("ε is inside the square root", "weight", "a convention: ε is inside the root",
     "np.sqrt(v) + self.eps", "np.sqrt(v + self.eps)"),
    ("The mean that is subtracted from the mean square is not squared", "weight, momentum_buffer", "",
     "v - m * m", "abs(v - m)"),
    ("α and 1 − α are exchanged", "weight, square_avg", "α and 1 − α are exchanged",
     "alpha = self.alpha", "alpha = 1 - self.alpha"),
    ("ε is a hundred times as large", "weight", "ε is 1e-06", "np.sqrt(v) + self.eps", "np.sqrt(v) + 1e-6"),
])  # fmt: skip
