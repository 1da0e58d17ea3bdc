from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np

from manual.numbers.checks import AtLeast0, Flag, InputError, one_of, real, whole
from manual.numbers.number_types import Array
from manual.numbers.special import newton_schulz
from manual.optimizer import Optimizer


def three(owner: Optimizer, name: str, value: Any) -> tuple[Any, Any, Any]:
    """`value`, if it is three real numbers, else an InputError."""
    if not isinstance(value, tuple | list) or len(value) != 3:
        raise InputError(f"{type(owner).__name__}: {name} must be three numbers, got {value!r}")
    a, b, c = (real(owner, f"{name}[{i}]", number) for i, number in enumerate(value))
    return a, b, c


def steps(owner: Optimizer, name: str, value: Any) -> int:
    """`value`, if it is an integer from 1 to 99, else an InputError."""
    if whole(owner, name, value, 1) >= 100:
        raise InputError(f"{type(owner).__name__}: {name} must be below 100, got {value!r}")
    return int(value)


def adjustment(owner: Optimizer, name: str, value: Any) -> str | None:
    """`value`, if it names a way of adjusting the learning rate or is None, else an InputError."""
    return None if value is None else one_of("original", "match_rms_adamw")(owner, name, value)


class Muon(Optimizer):
    """Momentum for matrices, whose steps are as long in every direction.

        b ← μ b + (1 − μ) g                   running mean of the gradient, momentum μ, from 0
        u = μ b + (1 − μ) g  or  b            with nesterov, without
        X ← u / max(‖u‖, ε)                   ‖u‖² is the sum of the squares: no singular value is above 1
        X ← a X + (b A + c A²) X, A = X Xᵀ    ns_steps times, with ns_coefficients a, b, c
        θ ← θ − η λ θ                         weight_decay λ, learning rate η
        θ ← θ − η s X                         s = √max(1, rows/columns), the "original" adjust_lr_fn, or
                                              s = 0.2 √max(rows, columns), "match_rms_adamw"

    A step of Newton and Schulz takes each singular value σ of X to aσ + bσ³ + cσ⁵ and keeps the singular vectors: after
    five all but tiny ones lie between 0.7 and 1.2. A matrix with more rows than columns is transposed for it, so that A
    is the smaller of both products. (torch does it in bfloat16 whatever the dtype; here it is done in the parameter's.)

    Raises:
        InputError: lr, weight_decay, momentum or eps is negative or not finite; nesterov is not a flag;
            ns_coefficients are not three numbers; ns_steps is not an integer from 1 to 99; adjust_lr_fn is neither of
            the two or None; and, from `step`, a parameter that is no matrix.
    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. Same as torch.optim.Muon.
    """

    lr: AtLeast0 = 1e-3
    weight_decay: AtLeast0 = 0.1
    momentum: AtLeast0 = 0.95
    nesterov: Flag = True
    ns_coefficients: Annotated[Any, three] = (3.4445, -4.775, 2.0315)
    eps: AtLeast0 = 1e-7
    ns_steps: Annotated[int, steps] = 5
    adjust_lr_fn: Annotated[str | None, adjustment] = None

    only_matrices = True

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        mu = self.momentum
        b = state["momentum_buffer"] = mu * state.get("momentum_buffer", 0) + (1 - mu) * g
        u = mu * b + (1 - mu) * g if self.nesterov else b
        p *= 1 - self.lr * self.weight_decay
        p -= self.lr * self.scale(*p.shape) * self.orthogonalized(u)

    def orthogonalized(self, u: Array) -> Array:
        """X: u's singular vectors, with singular values near 1."""
        if len(u) > len(u.T):
            return self.orthogonalized(u.T).T
        a, b, c = self.ns_coefficients
        X = u / np.maximum(np.sqrt((u * u).sum()), self.eps)
        return newton_schulz(X, a, b, c, self.ns_steps)

    def scale(self, rows: int, columns: int) -> float:
        """s"""
        if self.adjust_lr_fn == "match_rms_adamw":
            return 0.2 * max(rows, columns) ** 0.5
        return max(1, rows / columns) ** 0.5


def examples(rng: np.random.Generator) -> Iterator[Muon]:
    yield Muon(lr=0.1)
    yield Muon(lr=0.1, weight_decay=0.3, momentum=0.5, nesterov=False, eps=1e-3, ns_steps=2)
    yield Muon(lr=0.1, momentum=0.4, ns_coefficients=(2, -1.5, 0.5), adjust_lr_fn="match_rms_adamw")
