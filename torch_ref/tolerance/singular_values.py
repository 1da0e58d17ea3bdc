"""The error of a function of a matrix's singular values: carried by norms, since number by number it would grow with
every product.
"""

import numpy as np

from manual.numbers import special
from torch_ref.tolerance.bounded import Bounded


def newton_schulz(X: Bounded, a: float, b: float, c: float, steps: int) -> Bounded:
    """A step, f(X) = a X + (b A + c A²) X, A = X Xᵀ, takes each singular value σ to f(σ) = aσ + bσ³ + cσ⁵.

    Then ‖f(X) − f(Y)‖ ≤ max |f'| ‖X − Y‖ in Frobenius' norm, with the maximum up to the largest singular value of both:
    f is odd, so f(X) is a corner of the same function of the symmetric [[0, X], [Xᵀ, 0]], of which that is known
    (Wihler, "On the Hölder continuity of matrix functions for normal matrices", 2009). What a step rounds by itself is
    at most what it rounds where every number is as large as can be; this is reckoned number by number, so that of large
    matrices in float32 the bound tells nothing. Steps that diverge have none.
    """
    value, error = X.value, float(np.linalg.norm(X.error))
    for _ in range(steps):
        if not np.abs(value).max() + error < X.precision.largest**0.125:  # a step takes the fifth power, and sums
            return Bounded(special.newton_schulz(X.value, a, b, c, steps), X.dtype, np.inf)
        most = Bounded(np.abs(value) + 2 * error, X.dtype)
        A = most @ most.T
        rounded = (abs(a) * most + (abs(b) * A + abs(c) * (A @ A)) @ most).error
        error = _steepest(a, b, c, float(np.linalg.norm(value, 2)) + 2 * error) * error + float(np.linalg.norm(rounded))
        value = special.newton_schulz(value, a, b, c, 1)
    return Bounded(value, X.dtype, error)


def _steepest(a: float, b: float, c: float, largest: float) -> float:
    """max |f'| up to a singular value: of |a + 3bσ² + 5cσ⁴| at both ends, or where f'' is 0 between them."""
    end = largest**2 * (1 + 1e-9)  # more than a float64's norm is wrong by
    turn = -0.3 * b / c if c else 0
    return max(abs(a + 3 * b * square + 5 * c * square**2) for square in (0, end, turn) if 0 <= square <= end)
