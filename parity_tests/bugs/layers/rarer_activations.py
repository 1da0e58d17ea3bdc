"""Mistakes in the slope of SELU, Hardsigmoid and Mish."""

from manual import SELU, Hardsigmoid, Mish
from parity_tests.bugs.registry import edits, mistakes

# ---------------------------------------------------------------- SELU


edits(SELU, "backward", [
    ("λ is left out of the slope", "dx", "times 0.9517", " * SCALE", ""),
    ("The slope below 0 is λα(eᶻ − 1), the output, and not λαeᶻ", "dx", "", "np.exp(", "np.expm1("),
    ("δ passes by the activation", "dx", "σ' is left out",
     "np.where(bent, delta * (ALPHA * np.exp(-np.abs(z))), delta) * SCALE", "delta"),
    ("σ' is taken at the output a instead of at the input z", "dx", "σ' is taken at a instead of at z",
     "-np.abs(z)", "ALPHA * np.expm1(-np.abs(z)) * SCALE"),
])  # fmt: skip

edits(SELU, "forward", [
    ("It is an ELU: λ is left out, and α is 1", "y", "", "ALPHA * ", "", " * SCALE", ""),
])  # fmt: skip


# ---------------------------------------------------------------- Hardsigmoid


edits(Hardsigmoid, "forward", [
    ("The slope is 1/5, and the ends are at ±2.5, as in another library", "y", "",
     "(np.minimum(np.maximum(z, -3), 3) + 3) / 6", "np.minimum(np.maximum(z / 5 + 1 / 2, 0), 1).astype(z.dtype)"),
])  # fmt: skip

edits(Hardsigmoid, "backward", [
    ("The slope is 1, that of the clipping alone", "dx", "times 6", " / 6", ""),
    ("The slope is 1/6 everywhere, also where the output is constant", "dx", "σ' is taken at a instead of at z",
     " * inside", ""),
    ("Where it is not constant the slope is returned without its δ", "dx", "δ is left out",
     "delta * inside", "(0 * delta + 1) * inside"),
])  # fmt: skip

mistakes(Hardsigmoid, [
    ("The derivative is the sigmoid's, of the output", "dx", "a(1 − a) is used",
     {"forward": lambda self, z: (Hardsigmoid.forward(self, z)[0],) * 2,
      "backward": lambda self, delta, a: (delta * (a * (1 - a)), self)}),
])  # fmt: skip


# ---------------------------------------------------------------- Mish


edits(Mish, "backward", [
    ("The gate is taken for a constant", "dx", "", "t + z * ((1 - t * t) / (1 + np.exp(-z)))", "t"),
    ("The inner derivative of the softplus, σ(z), is left out", "dx", "", " / (1 + np.exp(-z))", ""),
    ("The slope of tanh is 1 − t", "dx", "", "1 - t * t", "1 - t"),
    ("δ passes by the activation", "dx", "σ' is left out",
     "delta * (t + z * ((1 - t * t) / (1 + np.exp(-z))))", "delta"),
])  # fmt: skip

edits(Mish, "forward", [
    ("It is a SiLU: the gate is σ(z), not the tanh of the softplus", "y", "", "z * t", "z / (1 + np.exp(-z))"),
])  # fmt: skip
