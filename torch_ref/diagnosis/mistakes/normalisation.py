"""A normalisation, known by its numbers, and what goes wrong in one.

    h = u / √(v + ε)   or   u / (√v + ε),   y = γ h + β      u = x − x̄ or x, v the mean of u²
    ∂C/∂x = (g − ḡ − h · mean(g h)) / √(v + ε),               g = γ δ

The means run over some of the axes: over the features it is a layer norm, over the batch a batch norm, with u = x and
without ḡ an RMS norm. The path through the mean is ḡ, the one through the variance is mean(g h).
"""

from collections.abc import Iterator
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np

from torch_ref.diagnosis.mistakes.formula import (
    EPSILONS,
    WITHOUT_EPSILON,
    Formulas,
    Inputs,
    Mistake,
    Number,
    Values,
    as_number,
    epsilon_is,
    near,
)

Axes = tuple[int, ...]


class Normalisation(NamedTuple):
    """What is right, or wrong, in one: the axes of the means, ε and its place, γ and β and where they lie, and the
    rest.

    `guarded` says whether the numbers show that there is an ε. The backward pass sums over the axes `sums`, and over
    `parameters` in the gradients of γ and β.
    """

    axes: Axes
    centred: bool
    gain: str = ""
    shift: str = ""
    laid: Axes = ()
    epsilon: float = 1e-8
    guarded: bool = True
    inside: bool = True
    unbiased: int = 0
    through_mean: bool = True
    through_variance: bool = True
    gain_counts: bool = True
    sums: Axes = ()
    parameters: Axes | None = None

    def of(self, inputs: Inputs, number: Number) -> Values:
        """y, and the derivative by everything."""
        x, delta, params = number(inputs.x), number(inputs.delta), as_number(number, inputs.params)
        gain, shift = (params[name].reshape(*self.laid) if name else None for name in (self.gain, self.shift))
        n, axes, sums = _count(x, self.axes), self.axes, self.sums or self.axes

        def mean(a: Any) -> Any:
            return a.sum(axis=sums, keepdims=True) / _count(x, sums)

        u = x - x.sum(axis=axes, keepdims=True) / n if self.centred else x
        v = (u * u).sum(axis=axes, keepdims=True) / (n - self.unbiased)
        root = np.sqrt(v + self.epsilon) if self.inside else np.sqrt(v) + self.epsilon
        h = u / root
        g = delta if gain is None or not self.gain_counts else delta * gain
        dx = g / root
        if self.centred and self.through_mean:
            dx = dx - mean(g) / root
        if self.through_variance:
            inner = (g * h).sum(axis=sums, keepdims=True) / (_count(x, sums) - self.unbiased)
            dx = dx - h * inner / (root if self.inside else np.sqrt(v))
        y = h if gain is None else h * gain
        found = {"y": y if shift is None else y + shift, inputs.dx: dx}
        for name, term in ((self.gain, delta * h), (self.shift, delta)):
            if name:
                total = term.sum(axis=self.over(inputs))
                right = self.parameters is None
                found[f"d{name}"] = total.reshape(*np.shape(inputs.params[name])) if right else total
        return found

    def over(self, inputs: Inputs) -> Axes:
        """The axes over which the gradients of γ and β are summed."""
        if self.parameters is not None:
            return self.parameters
        return tuple(a for a in range(inputs.x.ndim) if self.laid[a] == 1 and inputs.x.shape[a] > 1)


def _count(x: Any, axes: Axes) -> int:
    return int(np.prod([x.shape[axis] for axis in axes]))


def _blur(inputs: Inputs) -> float:
    """Relative differences that may be rounding."""
    return 1000 * float(np.finfo(inputs.x.dtype).eps)


def name_of(axes: Axes) -> str:
    """Axes in words."""
    return f"ax{'i' if len(axes) == 1 else 'e'}s {' and '.join(map(str, axes))}"


def _subsets(ndim: int) -> list[Axes]:
    return [some for size in range(1, ndim + 1) for some in combinations(range(ndim), size)]


def _affine(inputs: Inputs) -> Iterator[tuple[str, str, Axes]]:
    """Which parameter may be γ and which β, and the shape in which they meet x; there may be none."""
    yield "", "", ()
    ndim, fit = inputs.x.ndim, {}
    for name, p in inputs.params.items():
        long = [
            (1,) * axis + (p.size,) + (1,) * (ndim - axis - 1) for axis in range(ndim) if p.size == inputs.x.shape[axis]
        ]
        padded = (1,) * (ndim - p.ndim) + p.shape
        fits = len(padded) == ndim and all(k in (1, n) for k, n in zip(padded, inputs.x.shape, strict=True))
        fit[name] = {*long, *([padded] if fits else [])} if p.size > 1 else set()
    for gain, shift in [*permutations(fit, 2), *((name, "") for name in fit)]:
        for laid in sorted(fit[gain] & fit.get(shift, fit[gain])):
            yield gain, shift, laid


def normalisations(inputs: Inputs) -> Iterator[Formulas]:
    """Every normalisation whose numbers are the references."""
    if inputs.x.shape != inputs.delta.shape or not 2 <= inputs.x.ndim <= 4:
        return
    for axes in _subsets(inputs.x.ndim):
        if _count(inputs.x, axes) < 3:
            continue
        for centred in (True, False):
            for gain, shift, laid in _affine(inputs):
                roughly = Normalisation(axes, centred, gain, shift, laid)
                if not near(inputs, roughly.of(inputs, np.copy), 0.1):
                    continue
                roughly = roughly._replace(
                    guarded=not near(inputs, roughly._replace(epsilon=0).of(inputs, np.copy), _blur(inputs))
                )
                for epsilon in (0, *EPSILONS):
                    for inside in (True, False) if epsilon else (True,):
                        member = roughly._replace(epsilon=epsilon, inside=inside)
                        if near(inputs, member.of(inputs, np.copy), 1e-6):
                            yield _formulas(member, inputs)


def _formulas(right: Normalisation, inputs: Inputs) -> Formulas:
    def formula(member: Normalisation) -> Any:
        return lambda number: member.of(inputs, number)

    def wrong(*_: Any) -> Iterator[Mistake]:
        yield from ((cause, formula(member)) for cause, member in _wrong(right, inputs))
        if right.gain:
            yield "h is left out", lambda number: _gain(right, inputs, number(inputs.delta))
            yield (
                "x stands where h belongs",
                lambda number: _gain(right, inputs, number(inputs.delta) * number(inputs.x)),
            )

    return Formulas(formula(right), wrong)


def _gain(member: Normalisation, inputs: Inputs, term: Any) -> Values:
    """The gradient of γ, of which this is the term of one element."""
    return {f"d{member.gain}": term.sum(axis=member.over(inputs)).reshape(*np.shape(inputs.params[member.gain]))}


def _wrong(right: Normalisation, inputs: Inputs) -> Iterator[tuple[str, Normalisation]]:
    if right.centred:
        yield "the path through the mean is missing", right._replace(through_mean=False)
        both = right._replace(through_mean=False, through_variance=False)
        yield "the paths through the mean and the variance are missing", both
    yield "the path through the variance is missing", right._replace(through_variance=False)
    if right.epsilon:
        yield WITHOUT_EPSILON, right._replace(epsilon=0)
        place = "outside" if right.inside else "inside"
        yield f"ε stands {place} the root", right._replace(inside=not right.inside)
    if right.guarded or not inputs.another_output:  # else it is another layer, to which its own ε belongs
        yield from ((epsilon_is(e), right._replace(epsilon=e)) for e in EPSILONS)
    yield "the variance is divided by n − 1, not by n", right._replace(unbiased=1)
    if right.gain:
        yield f"{right.gain} is left out", right._replace(gain_counts=False)
    for axes in _subsets(inputs.x.ndim):
        if axes != right.axes:
            instead = f"over {name_of(axes)}, not over {name_of(right.axes)}"
            yield f"the mean and the variance are taken {instead}", right._replace(axes=axes)
            yield f"the sums of the backward pass run {instead}", right._replace(sums=axes)
    if right.gain:
        over = right.over(inputs)
        yield f"the sum over {name_of(over)} is missing", right._replace(parameters=())
        for axes in _subsets(inputs.x.ndim):
            if axes != over:
                yield f"the sum runs over {name_of(axes)}, not over {name_of(over)}", right._replace(parameters=axes)
