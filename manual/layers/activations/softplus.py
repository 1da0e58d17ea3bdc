from collections.abc import Iterator

import numpy as np

from manual.layer import Layer
from manual.numbers.checks import Above0, Real, floats
from manual.numbers.number_types import Array, positive


class Softplus(Layer):
    """A smooth ReLU.

        a = log(1 + e^(βz)) / β             where βz ≤ threshold; beyond it a is z to within e^−threshold / β, and
        a = z                               it is taken for z, so that nothing overflows
        ∂C/∂z = δ ⊙ σ(βz),  or δ            any shape; σ(u) = 1 / (1 + e⁻ᵘ)

    Raises:
        InputError: beta is not a finite number above 0, or threshold not a finite number; the input is not an array
            of floats.
    Source: Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing", 2001. Same as
    torch.nn.Softplus.
    """

    beta: Above0 = 1
    threshold: Real = 20

    def forward(self, z: Array, /) -> tuple[Array, tuple[Array, Array]]:
        floats(self, z)
        u = self.beta * z
        straight = positive(u - self.threshold)
        with np.errstate(over="ignore"):  # beyond the threshold
            return np.where(straight, z, np.log1p(np.exp(u)) / self.beta), (u, straight)

    def backward(self, delta: Array, cache: tuple[Array, Array], /) -> tuple[Array, "Softplus"]:
        u, straight = cache
        with np.errstate(over="ignore"):
            return np.where(straight, delta, delta / (1 + np.exp(-u))), self


def examples(rng: np.random.Generator) -> Iterator[tuple[Softplus, Array]]:
    yield Softplus(), rng.standard_normal((5, 4))
    yield Softplus(2, threshold=1.5), np.array([[-30.0, -2.0, 0.25, 2.0]])
