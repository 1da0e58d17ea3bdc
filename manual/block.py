"""A layer made of named layers, its parts, whose wiring is written out: forward, and backward below it.

    class Residual(Block):                         y = x + f(x): x forks, so that its δs add up

        def forward(self, x):
            run, tape = self.runs()                # run(part, *inputs): the part's forward; its cache goes to the tape
            return x + run("inner", x), tape

        def backward(self, delta, tape):
            back, gradient = self.backs(tape)      # back(part, δ): its backward; its gradient is kept
            return delta + back("inner", delta), gradient()

Nothing is recorded but the caches: the reader sees the wiring both ways. Where a value forks in the forward, its δs
add up in the backward; what ran first goes back last.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from manual.layer import Layer, check_parts_are_trained
from manual.numbers.checks import InputError, shown
from manual.numbers.number_types import Array


class GradientAlone(list[Any]):
    """The tape of a backward of which nobody asks for ∂C/∂x."""


class Block(Layer):
    """A layer that is made of others.

    Its constructor sets `self.parts`, a dict of layers by torch's names: "norm1", "self_attn.out_proj". A part's
    parameter is named "norm1.weight". A block may have parameters of its own as well, as any layer.

    A part that is used twice in a pass (tied weights) has the sum of both gradients.

    Raises:
        InputError: a part is not a Layer, or is there twice under two names, or holds a layer that would not be
            trained; two parts share an array; a part cannot take its input: the message names the part.
    """

    only_adds_to_dx: ClassVar[bool] = False
    """Whether `backward` hands on what its last `back` gives as ∂C/∂x, or adds to it, and does no more with it. Then
    `gradient`, of which nobody asks for ∂C/∂x, asks that part for its gradient alone; 0 stands for what it gives."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """A block without parts, to begin with."""
        block = object.__new__(cls)
        block.parts = {}
        return block

    @property
    def parts(self) -> dict[str, Layer]:
        """The layers by name."""
        return dict(zip(self._names, self.layers, strict=True))

    @parts.setter
    def parts(self, parts: Mapping[str, Layer]) -> None:
        """Take these for the parts.

        Raises:
            InputError: see the class.
        """
        self._names, self.layers = tuple(parts), tuple(parts.values())
        for name, part in parts.items():
            if not isinstance(part, Layer):
                raise InputError(f"{type(self).__name__}: expected a layer as part {name!r}, got {shown(part)}")
            check_parts_are_trained(part)
        self._check_shared()
        self._places = [
            (i, {last: f"{name}.{last}" for last in part.params}, type(part).params is Layer.params)
            for i, (name, part) in enumerate(parts.items())
            if part.params
        ]

    def _check_shared(self) -> None:
        """Raise InputError where a layer, or an array, is there twice."""
        where, owners, seen = type(self).__name__, {}, {}
        for name, part in zip(self._names, self.layers, strict=True):
            if seen.setdefault(id(part), name) != name:
                raise InputError(f"{where}: {part!r} is there twice, as {seen[id(part)]!r} and {name!r}; run one part "
                                 "twice, or use a copy, copy.deepcopy(layer)")
            for last, array in part.params.items():
                key = f"{name}.{last}"
                if owners.setdefault(id(array), key) != key:
                    raise InputError(f"{where}: {owners[id(array)]} and {key} are the same array; use a copy, "
                                     "copy.deepcopy(layer)")

    def runs(self) -> tuple[Callable[..., Any], list[tuple[str, Any]]]:
        """(run, tape) for a forward: `run(name, *inputs)` is the part's output; its cache goes to the tape."""
        parts, tape = self.parts, []

        def run(name: str, *inputs: Any) -> Any:
            if name not in parts:
                raise InputError(f"{self!r}: expected run() of a part, one of {[*parts]}, got {name!r}")
            try:
                y, cache = parts[name].forward(*inputs)
            except InputError as error:
                raise InputError(f"part {name!r} of {type(self).__name__}, {error}") from None
            tape.append((name, cache))
            return y

        return run, tape

    def backs(self, tape: list[tuple[str, Any]], /) -> tuple[Callable[[str, Any], Any], Callable[..., Self]]:
        """(back, gradient) for a backward: `back(name, δ)` is ∂C/∂ the part's input, and `gradient(**own)` the block
        of all gradients, with those of its own parameters. Of a part that ran twice, the last run goes back first.

        A δ of None, of an output that nobody used, goes back as None. A part without any other has the gradient 0: the
        cost does not depend on it.

        Raises:
            InputError: there is no run left for a `back`.
            TypeError: gradients of its own parameters are missing, or of none.
        """
        parts, left, gradients = self.parts, [*tape], {}
        mine = super().params.keys()

        def back(name: str, delta: Any) -> Any:
            at = max((i for i, (ran, _) in enumerate(left) if ran == name), default=None)
            if at is None:
                raise InputError(f"{self!r}: back({name!r}) without a run({name!r}) that is left")
            _, cache = left.pop(at)
            if delta is None:
                return None
            if isinstance(tape, GradientAlone) and not left:
                dx, gradient = 0, parts[name].gradient(delta, cache)
            else:
                dx, gradient = parts[name].backward(delta, cache)
            gradients[name] = gradients[name] + gradient if name in gradients else gradient
            return dx

        def gradient(**own: Array | None) -> Self:
            if {name for name, g in own.items() if g is not None} != mine:
                raise TypeError(f"{self!r}: gradient() takes the block's own parameters, {[*mine]}, got {[*own]}")
            return self._of([gradients.get(name) or _zeros(part) for name, part in parts.items()], **own)

        return back, gradient

    def gradient(self, delta: Any, cache: Any, /) -> Self:
        """The second half of `backward`. The cache is the tape, or a tuple that begins with it."""
        if self.only_adds_to_dx:
            cache = (GradientAlone(cache[0]), *cache[1:]) if isinstance(cache, tuple) else GradientAlone(cache)
        return self.backward(delta, cache)[1]

    def commit(self, cache: Any, /) -> None:
        """Let every part keep what this pass leaves behind. The cache is the tape, or a tuple that begins with it."""
        parts = self.parts
        for name, kept in cache[0] if isinstance(cache, tuple) else cache:
            parts[name].commit(kept)

    def evaluated(self) -> Self:
        """The block for inference."""
        return self._of([layer.evaluated() for layer in self.layers])

    @property
    def params(self) -> dict[str, Array]:
        """Its own parameters, and every part's by torch's names."""
        found, layers = (super().params if self._parameters else {}), self.layers
        for i, keys, plain in self._places:
            if plain:
                own = layers[i].__dict__
                for name, key in keys.items():
                    found[key] = own[name]
            else:
                for name, p in layers[i].params.items():
                    found[keys[name]] = p
        return found

    @property
    def state(self) -> dict[str, Array]:
        """Its own state, and every part's by torch's names."""
        parts = zip(self._names, self.layers, strict=True)
        return super().state | {f"{name}.{last}": s for name, part in parts for last, s in part.state.items()}

    def like(self, **arrays: Array | None) -> Self:
        """A copy with these parameters, all or none, and perhaps this state, as for a layer; else a TypeError."""
        given = {name: array for name, array in arrays.items() if array is not None} if arrays else self.params
        if given.keys() - self.state.keys() != self.params.keys():
            raise TypeError(f"{self!r}.like takes all parameters or none: expected {[*self.params]}, got {[*arrays]}")
        layers = []
        for place, layer in zip(self._names, self.layers, strict=True):
            own = {name: f"{place}.{name}" for name in (*layer.params, *layer.state)}
            layers.append(layer.like(**{name: given[key] for name, key in own.items() if key in given}))
        own = (*self._parameters, *self._states)
        return self._of(layers, **{name: given[name] for name in own if name in given})

    def _of(self, layers: Sequence[Layer], **own: Any) -> Self:
        """A copy with these parts, in order."""
        new = object.__new__(type(self))
        new.__dict__ = self.__dict__ | own
        new.__dict__["layers"] = layers
        return new

    def __repr__(self) -> str:
        if self.hyper:
            return super().__repr__()
        return f"{type(self).__name__}({', '.join(f'{name}={part!r}' for name, part in self.parts.items())})"


def _zeros(part: Layer) -> Layer:
    return part.like(**{name: np.zeros_like(p) for name, p in part.params.items()})
