"""What tests of the diagnosis begin with: numbers and what they should be, and functions against their derivative."""

from typing import Any

import numpy as np

from torch_ref.diagnosis import Case, Compared, diagnose
from torch_ref.truth.slopes import Slopes


def cause(ours: Any, reference: Any, allowed: Any = 1e-14, quantity: str = "dx", **about: Any) -> str:
    """The cause that the numbers alone prove; by keywords, what else is known of them."""
    return diagnose(Case({quantity: Compared(ours, reference, allowed)}, **about), quantity)


def drawn(seed: int = 0, **shapes: Any) -> dict[str, Any]:
    """Random arrays of these shapes."""
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def differences(forward: Any, backward: Any, arrays: dict[str, Any]) -> dict[str, str]:
    """The cause of each quantity that differs from the derivative of the forward, certified; the arguments bear any
    names."""
    delta = np.random.default_rng(1).standard_normal(np.shape(forward(*arrays.values())))
    true = Slopes.of(lambda **numbers: forward(*numbers.values()), arrays, delta).by
    ours = backward(delta, *arrays.values())
    compared = {f"d{n}": Compared(g, s.value, s.allowed) for (n, s), g in zip(true.items(), ours, strict=True)}
    name, *params = arrays
    case = Case(compared, {"x": arrays[name], "delta": delta}, {n: arrays[n] for n in params})
    return {
        q: diagnose(case, q) for q, (g, r, a) in compared.items() if g.shape != r.shape or np.any(np.abs(g - r) > a)
    }


def causes(result: Any) -> dict[str, str]:
    """The cause of each quantity that is not right."""
    return {c.quantity: c.cause for c in result.comparisons if not c.agrees}
