"""What recurrent layers have in common: the two linear maps of every step, layers upon each other, two directions.

    aₜ = W xₜ + b           W (weight_ih), b (bias_ih): what a step sees of the input, for all steps at once
    uₜ = U hₜ₋₁ + b'        U (weight_hh), b' (bias_hh): what it sees of the step before, so that one waits for another

What a step makes of a and u is the layer's own: `run`, the loop over the steps, and `run_back`, that loop backwards.
With ∂C/∂aₜ and ∂C/∂uₜ of every step the rest is equations 2 to 4, summed over the steps, which have the same weights:

    ∂C/∂xₜ = Wᵀ ∂C/∂aₜ,  ∂C/∂W = Σₜ ∂C/∂aₜ xₜᵀ,    ∂C/∂b  = Σₜ ∂C/∂aₜ
                         ∂C/∂U = Σₜ ∂C/∂uₜ hₜ₋₁ᵀ,  ∂C/∂b' = Σₜ ∂C/∂uₜ
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, InitVar
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from manual.layer import Layer, several
from manual.numbers.checks import Flag, InputError, Size, generator, mismatch
from manual.numbers.number_types import Array
from manual.numbers.one_example import takes_one
from manual.numbers.sums import rows, rows_times, sum_over_batch


class Run(NamedTuple):
    """What a `run` gives: every step's h (T, N, H), the state after the last step, and what `run_back` needs."""

    h: Array
    last: Sequence[Array]
    cache: Any


class Steps(Layer):
    """One that goes from step to step: a layer of sequences, or a cell, which takes one step."""

    input_size: Size
    hidden_size: Size
    gates: ClassVar[int] = 1
    """How many maps W and U hold, one below the other."""
    states: ClassVar[int] = 1
    """How many arrays a step hands on: h, and perhaps another."""

    def run(self, a: Array, start: Sequence[Array], U: Array, b: Any) -> Run:
        """The steps in order, given a (T, N, gates · H), the state (N, H) before the first, U and b'."""
        raise NotImplementedError

    def run_back(self, dh: Array, dlast: Sequence[Array], U: Array, cache: Any) -> tuple[Array, Array, Sequence[Array]]:
        """The steps in reverse: (∂C/∂a, ∂C/∂u, ∂C/∂ the state before the first), given ∂C/∂h of every step and ∂C/∂
        the state after the last."""
        raise NotImplementedError

    def _draw(self, shapes: dict[str, tuple[int, ...]], rng: np.random.Generator) -> None:
        """Weights and biases start as torch's do, uniform in ±1/√H."""
        rng, k = generator(self, rng), self.hidden_size**-0.5
        vars(self).update({name: rng.uniform(-k, k, shape) for name, shape in shapes.items()}, _parameters=(*shapes,))

    def _shapes(self, columns: int, bias: bool, name: str = "") -> dict[str, tuple[int, ...]]:
        h = self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            f"weight_ih{name}": (self.gates * h, columns), f"weight_hh{name}": (self.gates * h, h)}
        return shapes | ({f"bias_{way}{name}": (self.gates * h,) for way in ("ih", "hh")} if bias else {})

    def _pass(self, x: Array, start: Sequence[Array], name: str = "") -> tuple[Run, Any]:
        """(what the run gives, cache) of x (T, N, in), by the weights of that name."""
        W, U, b, b_hh = self._weights(name)
        a = rows(x).dot(W.T)
        if b is not None:
            a += b
        run = self.run(a.reshape(*x.shape[:2], -1), start, U, b_hh)
        return run, (x, start[0], run.h, run.cache)

    def _pass_back(self, dh: Array, dlast: Sequence[Array], cache: Any, name: str = "") -> tuple[Array, Any, Any]:
        """(∂C/∂a, ∂C/∂ the state before the first step, gradients)."""
        (x, first, h, kept), (_, U, b, _) = cache, self._weights(name)
        da, du, dstart = self.run_back(dh, dlast, U, kept)
        da, du, before = rows(da), rows(du), np.concatenate([first[None], h[:-1]])
        gradients = {f"weight_ih{name}": da.T.dot(rows(x)), f"weight_hh{name}": du.T.dot(rows(before))}
        if b is not None:
            gradients |= {f"bias_ih{name}": sum_over_batch(da), f"bias_hh{name}": sum_over_batch(du)}
        return da.reshape(*x.shape[:2], -1), dstart, gradients

    def _to_input(self, da: Array, name: str = "") -> Array:
        """∂C/∂x."""
        return rows_times(da, self._weights(name)[0])

    def _weights(self, name: str) -> list[Any]:
        return [vars(self).get(kind + name) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

    def _check(self, x: Any, start: Sequence[Any], axes: str, shape: tuple[int, ...]) -> None:
        """Raise InputError for another input than `axes`, or another state before the first step than (…, N, H)."""
        dtype, names = next(iter(self.params.values())).dtype, axes.split(", ")
        fits = getattr(x, "dtype", 0) == dtype and x.ndim == len(names) and x.shape[-1] == self.input_size
        if not fits or not x.size or isinstance(x, np.matrix):
            raise mismatch(self, f"({axes.replace('in', str(self.input_size))})", dtype, x)
        if start and len(start) != self.states:
            raise InputError(f"{self!r}: expected the state before as {self.states} array(s), got {len(start)}")
        shape = (*shape, x.shape[names.index("N")], self.hidden_size)
        for state in start:
            if getattr(state, "dtype", 0) != dtype or state.shape != shape:
                raise mismatch(self, f"{shape} for the state before", dtype, state)


@takes_one(2)
class Cell(Steps):
    """One step: x (N, in), or (in,), state before and after (N, H), or (H,), 0 where it is not given."""

    _: KW_ONLY
    bias: Flag = True
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        self._draw(self._shapes(self.input_size, self.bias), rng)

    def forward(self, x: Array, /, *start: Array) -> tuple[Any, Any]:
        self._check(x, start, "N, in", ())
        zeros = [np.zeros_like(x, shape=(len(x), self.hidden_size))] * self.states
        run, cache = self._pass(x[None], start or zeros)
        return (tuple(run.last) if self.states > 1 else run.last[0]), (cache, bool(start))

    def backward(self, delta: Any, cache: Any, /) -> tuple[Any, Self]:
        cache, started = cache
        zeros = np.zeros_like(cache[1])
        da, dstart, gradients = self._pass_back(zeros[None], [zeros if d is None else d for d in several(delta)], cache)
        dx = self._to_input(da[0])
        return ((dx, *dstart) if started else dx), self.like(**gradients)


def _batch(layer: Any, place: int) -> int:
    """Where the batch is in x and y, and in a state."""
    return 1 if place else 1 - layer.batch_first


@takes_one(3, _batch)
class Recurrent(Steps, without={"dropout": 0.0}):
    """A layer of sequences. Each stacked layer takes the outputs of the one below, those of both directions
    concatenated; the backward direction starts at the last step.

        x (T, N, in), y (T, N, D·H)         (N, T, in) and (N, T, D·H) with batch_first; D = 2 if bidirectional, else 1
        state before and after              (layers · D, N, H) each; 0 where it is not given
                                            one sequence has no N throughout
    """

    num_layers: Size = 1
    _: KW_ONLY
    bias: Flag = True
    batch_first: Flag = False
    bidirectional: Flag = False
    rng: InitVar[np.random.Generator]

    def __post_init__(self, rng: np.random.Generator) -> None:
        self._ways = ("", "_reverse") if self.bidirectional else ("",)
        columns, shapes = self.input_size, dict[str, tuple[int, ...]]()
        for layer in range(self.num_layers):
            for way in self._ways:
                shapes |= self._shapes(columns, self.bias, f"_l{layer}{way}")
            columns = self.hidden_size * len(self._ways)
        self._draw(shapes, rng)

    def forward(self, x: Array, /, *start: Array) -> tuple[tuple[Array, ...], Any]:
        runs = self.num_layers * len(self._ways)
        self._check(x, start, "N, T, in" if self.batch_first else "T, N, in", (runs,))
        h, last, caches = x.swapaxes(0, 1) if self.batch_first else x, [], []
        first = start or [np.zeros_like(x, shape=(runs, h.shape[1], self.hidden_size))] * self.states
        for layer in range(self.num_layers):
            below, beside = h, []
            for way in self._ways:
                mine = [s[len(last)] for s in first]
                run, cache = self._pass(_turned(below, way), mine, f"_l{layer}{way}")
                beside.append(_turned(run.h, way))
                last.append(run.last)
                caches.append(cache)
            h = np.concatenate(beside, axis=2) if len(beside) > 1 else beside[0]
        y = h.swapaxes(0, 1) if self.batch_first else h
        return (y, *map(np.stack, zip(*last, strict=True))), (caches, bool(start))

    def backward(self, delta: tuple[Any, ...], cache: Any, /) -> tuple[Any, Self]:
        return self._back(delta, cache)

    def gradient(self, delta: tuple[Any, ...], cache: Any, /) -> Self:
        return self._back(delta, cache, asked=False)[1]

    def _back(self, delta: tuple[Any, ...], cache: Any, asked: bool = True) -> tuple[Any, Self]:
        """`backward`; with `asked` False without ∂C/∂x."""
        (caches, started), (dy, *dlast), size = cache, delta, self.hidden_size
        steps, n, _ = caches[0][0].shape
        zeros = np.zeros_like(caches[0][0], shape=(max(steps, len(caches)), n, size * len(self._ways)))
        dh = zeros[:steps] if dy is None else dy.swapaxes(0, 1) if self.batch_first else dy
        dlast = [zeros[..., :size] if d is None else d for d in dlast]
        gradients, dstart, place = {}, [], len(caches)
        for layer in reversed(range(self.num_layers)):
            dbelow = []
            for i, way in reversed([*enumerate(self._ways)]):
                place -= 1
                mine = _turned(dh[:, :, i * size : (i + 1) * size], way)
                after = [d[place] for d in dlast]
                name = f"_l{layer}{way}"
                da, before, found = self._pass_back(mine, after, caches[place], name)
                if asked or layer:
                    dbelow.append(_turned(self._to_input(da, name), way))
                dstart.insert(0, before)
                gradients |= found
            dh = sum(dbelow[1:], *dbelow[:1])  # the input went both ways
        dx = dh.swapaxes(0, 1) if self.batch_first and asked else dh
        back = (dx, *map(np.stack, zip(*dstart, strict=True))) if started else dx
        return back, self.like(**{name: gradients[name] for name in self.params})


def _turned(a: Array, way: str) -> Array:
    """Steps in the order in which a direction takes them, or back in order."""
    return a[::-1] if way else a
