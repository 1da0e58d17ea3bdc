"""The derivative of a number as the graph by which it was made, to be evaluated backwards.

A dual number's derivatives in all directions are a vector, and each operation costs a vector's time (dual.py). As a
`LinearForm` they stay a sum of others, each by a factor, and one sweep from the end gives all of them:

    d = Σ factor·child,        ḡ(child) = Σ factor·ḡ(d), over all d that it is in

Source: Griewank & Walther, *Evaluating Derivatives*, 2nd ed., 2008, section 3.2.
"""

from itertools import count
from typing import Any

from torch_ref.truth.rounded import Rounded

made = count()


class LinearForm:
    """A sum of linear forms, each times a number; or one of the directions."""

    __slots__ = ("depends", "order", "terms")
    size = 1

    def __init__(self, terms: tuple[tuple[Any, "LinearForm"], ...] = (), depends: int = 0) -> None:
        """`depends` has a bit for each direction in it."""
        self.terms, self.depends, self.order = terms, depends, next(made)

    def __add__(self, other: "LinearForm") -> "LinearForm":
        return LinearForm(((1, self), (1, other)), self.depends | other.depends)

    def __neg__(self) -> "LinearForm":
        return LinearForm(((-1, self),), self.depends)

    def __sub__(self, other: "LinearForm") -> "LinearForm":
        return LinearForm(((1, self), (-1, other)), self.depends | other.depends)

    def __mul__(self, factor: Any) -> "LinearForm":
        factor = Rounded.of(factor)
        return LinearForm(((factor, self),), self.depends) if factor.most else LinearForm()

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> "LinearForm":
        """A slope e/(1 + e) may be what 1/(1 + e) leaves of 1, as σ(−x) = 1 − σ(x): it has that error, too."""
        divisor = Rounded.of(divisor)
        inverse, factor = 1 / divisor, self.terms[0][0] if len(self.terms) == 1 else 0
        if isinstance(factor, Rounded) and factor.error and divisor.error and divisor.value == 1 + factor.value:
            slope = factor * inverse
            rest = Rounded(slope.value, slope.error + (1 - inverse).error)
            return LinearForm(((rest, self.terms[0][1]),), self.depends)
        return self * inverse


def slopes(form: LinearForm) -> dict[int, Rounded]:
    """The derivative by each form that it is made of, the directions among them, by their `order`."""
    found, parts, open_ = {form.order: Rounded(1.0)}, {form.order: form}, [form]
    while open_:
        for _, part in open_.pop().terms:
            if part.order not in parts:
                parts[part.order] = part
                open_.append(part)
    for order in sorted(parts, reverse=True):
        slope = found[order]
        for factor, part in parts[order].terms:
            share = slope * factor if isinstance(factor, Rounded) else slope if factor > 0 else -slope
            found[part.order] = found[part.order] + share if part.order in found else share
    return found
