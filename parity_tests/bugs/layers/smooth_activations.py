"""Mistakes in the slope of an activation that bends: LeakyReLU, ELU, SiLU, GELU, Softplus, LogSoftmax."""

from manual import ELU, GELU, LeakyReLU, LogSoftmax, SiLU, Softplus
from parity_tests.bugs.registry import edits

# ---------------------------------------------------------------- LeakyReLU


edits(LeakyReLU, "backward", [
    ("δ passes undiminished where z leaks", "dx", "σ' is left out",
     "np.where(on, delta, self.negative_slope * delta)", "delta"),
    ("The derivative is ReLU's: nothing goes back where z leaks", "dx", "", "self.negative_slope * delta", "0 * delta"),
    ("The mask is taken from δ instead of z", "dx", "the mask is taken from δ", "np.where(on,", "np.where(delta > 0,"),
    ("Where z leaks the slope is returned without its δ", "dx", "",
     "self.negative_slope * delta", "self.negative_slope + 0 * delta"),
])  # fmt: skip

edits(LeakyReLU, "forward", [
    ("The leak is subtracted", "y", "", "self.negative_slope * z", "-self.negative_slope * z"),
])  # fmt: skip


# ---------------------------------------------------------------- ELU


edits(ELU, "backward", [
    ("The slope below 0 is α(eᶻ − 1), the output, and not eᶻ", "dx", "", "np.exp(", "np.expm1("),
    ("The slope is 1 on both sides", "dx", "σ' is left out",
     "np.where(bent, delta * (self.alpha * np.exp(-np.abs(z))), delta)", "delta"),
    ("The slope below 0 is squared", "dx", "σ' is applied twice", "-np.abs(z)", "-2 * np.abs(z)"),
    ("σ' is taken at the output a instead of at the input z", "dx", "σ' is taken at a instead of at z",
     "np.exp(-np.abs(z))", "np.exp(-np.abs(self.alpha * np.expm1(-np.abs(z))))"),
])  # fmt: skip

edits(ELU, "forward", [
    ("The −1 is forgotten, so that the output jumps at 0", "y", "", "np.expm1(", "np.exp("),
])  # fmt: skip


# ---------------------------------------------------------------- SiLU


edits(SiLU, "backward", [
    ("The gate is taken for a constant", "dx", "", "gate * (1 + z * (1 - gate))", "gate"),
    ("The derivative is the sigmoid's, of the output", "dx", "a(1 − a) is used",
     "gate * (1 + z * (1 - gate))", "z * gate * (1 - z * gate)"),
    ("σ' is returned without the δ from above", "dx", "δ is left out", "delta * (gate", "np.ones_like(delta) * (gate"),
    ("The product rule has a minus", "dx", "", "1 + z", "1 - z"),
    ("σ' is taken at the output a instead of at the input z", "dx", "σ' is taken at a instead of at z",
     "z, gate = cache", "z = cache[0] * cache[1]\n    gate = 1 / (1 + np.exp(-z))"),
])  # fmt: skip


# ---------------------------------------------------------------- GELU


edits(GELU, "backward", [
    ("Φ is taken for a constant: the second term of the product rule is missing", "dx", "",
     "below + z * slope", "below"),
    ("δ passes by the activation", "dx", "σ' is left out", "delta * (below + z * slope)", "delta"),
    ("The inner derivative of the approximation, or √2, is left out", "dx", "",
     "erf_slope(z / 2**0.5) / 2**0.5", "erf_slope(z / 2**0.5)",
     " * ((1 + 3 * (z * z * 0.044715)) * (2 / pi) ** 0.5)", ""),
])  # fmt: skip

edits(GELU, "forward", [
    ("The approximation and the exact one change places", "y", "",
     'self.approximate == "none"', 'self.approximate == "tanh"'),
    ("erf is taken at z instead of at z/√2", "y", "",
     'erf(z / 2**0.5) if self.approximate == "none"', "erf(z) if self.approximate"),
])  # fmt: skip


# ---------------------------------------------------------------- Softplus


edits(Softplus, "backward", [
    ("δ passes by the activation", "dx", "σ' is left out",
     "np.where(straight, delta, delta / (1 + np.exp(-u)))", "delta"),
    ("The derivative is a(1 − a), as if it were a sigmoid", "dx", "a(1 − a) is used",
     "return np.where(straight, delta, delta / (1 + np.exp(-u)))",
     "a = np.log1p(np.exp(u)) / self.beta\n        return delta * (a * (1 - a))"),
    ("σ is taken at z and not at βz", "dx", "", "np.exp(-u)", "np.exp(-u / self.beta)"),
    ("σ' is taken at the output a instead of at the input z", "dx", "σ' is taken at a instead of at z",
     "np.exp(-u)", "np.exp(-np.log1p(np.exp(u)))"),
])  # fmt: skip

edits(Softplus, "forward", [
    ("The output is not divided by β", "y", "", "np.log1p(np.exp(u)) / self.beta", "np.log1p(np.exp(u))"),
])  # fmt: skip


# ---------------------------------------------------------------- LogSoftmax


edits(LogSoftmax, "backward", [
    ("δ passes by the activation", "dx", "σ' is left out",
     "delta - np.exp(a) * delta.sum(axis=self.dim, keepdims=True)", "delta"),
    ("The Jacobian is that of softmax, not of its logarithm", "dx", "",
     "delta - np.exp(a) * delta.sum(", "np.exp(a) * delta - np.exp(a) * (delta * np.exp(a)).sum("),
    ("The output a stands where p = eᵃ belongs", "dx", "", "np.exp(a)", "a"),
    ("δ is summed over the batch, not over the classes", "dx", "", "axis=self.dim", "axis=0"),
])  # fmt: skip

edits(LogSoftmax, "forward", [
    ("An ε guards the logarithm", "y", "a convention: 1e-08 is added inside a logarithm",
     "s - np.log(np.exp(s).sum(axis=self.dim, keepdims=True))",
     "np.log(np.exp(s) / np.exp(s).sum(axis=self.dim, keepdims=True) + 1e-8)"),
])  # fmt: skip
