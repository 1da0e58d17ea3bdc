"""A torch.autograd.Function, beside a reference of the same arguments, written in torch: swish_ref for SwishFn.

It is compared with the reference as torch_ref.check_backward does: in float64 and float32, non-contiguous and
expanded inputs, on those that examples(rng) yields, or that its arguments tell. Without a reference it is
compared with its own forward, which torch differentiates. Outputs that the reference lacks are left out.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.autograd.inputs import candidates, kept_on
from experiments.grade.forms.autograd.references import Reference, own_forward, reference_of, wrappers
from experiments.grade.forms.course.arguments import ROLES
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.own_examples import of_function
from experiments.grade.forms.piece import DOMAINS, Fields, Piece

BESIDE = 0.75
"""What a number that is a default is multiplied by."""


class Compared(NamedTuple):
    """A function or a module, what it is compared with, what both are called with, and what the second is called."""

    function: Callable[..., Any]
    reference: Callable[..., Any]
    inputs: list[Any]
    against: str


def functions_of(found: Definitions) -> list[Any]:
    """Every Function of the file."""
    torch = sys.modules.get("torch")
    return [k for k in found.own().values() if torch is not None and inspect.isclass(k) and _is_one(k, torch)]


def _is_one(kind: type, torch: Any) -> bool:
    return issubclass(kind, torch.autograd.Function)


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every Function; what only calls them has no backward of its own."""
    kinds = functions_of(found)
    for kind in kinds:
        yield FunctionPiece(kind, found, wrappers(found, kinds))


class FunctionPiece(Piece):
    """A torch.autograd.Function and the callable that it must agree with."""

    form = judging = "autograd"

    def __init__(self, function: Any, found: Definitions, wrapped: list[Any]) -> None:
        own = [*inspect.signature(function.forward).parameters.values()]
        self.parameters = own if "setup_context" in vars(function) else own[1:]  # without ctx
        self.function, self.module = function, found.module
        self.kept = kept_on(found.node_of(function))
        self.named = reference_of(found, function, self.parameters)
        made_of = [function, *wrapped, *([self.named.function] if self.named and not self.named.is_a_guess else [])]
        super().__init__(function.__name__, [p.name for p in self.parameters], [], made_of)

    def compared(self, rng: np.random.Generator, device: str) -> Compared:
        """What is compared with what.

        Raises:
            Unclear: nothing fits.
        """
        from experiments.grade.forms.autograd import trust

        if not {"backward", "vjp"} & vars(self.function).keys():
            raise Unclear(f"{self.name} has no backward")
        inputs = self._inputs(rng, device)
        own = own_forward(self.function, self.parameters)
        named = self.named
        if named and named.is_a_guess and not self._is_meant(named, inputs):
            named = None
        if named is None:
            trust.trust(own, f"{self.name}'s own forward", inputs)
            trust.tells(self.function.apply, own, inputs)
            return Compared(self.function.apply, own, inputs, "its own forward, differentiated by torch")
        trust.trust(named.call, named.name, inputs)
        ours, theirs = self.function.apply(*trust.leaves(inputs)), named.call(*trust.leaves(inputs))
        extra = trust.outputs(ours)[len(trust.outputs(theirs)) :]
        if any(getattr(o, "requires_grad", False) for o in extra):
            raise Unclear(f"it returns {len(extra)} more outputs than {named.name}, and differentiates them")
        function = _first(self.function.apply, theirs) if extra else self.function.apply
        return Compared(function, named.call, inputs, named.name)

    def _guesses(self, needed: list[str], rng: np.random.Generator) -> Iterator[list[Any]]:
        """What it may be called with: first with the arrays, too, that it can do without, as bias=None."""
        every = [p for p in self.parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        also = [p.name for p in every if p.name in needed or (p.default is None and p.name in ROLES)]
        for some in (also, needed) if also != needed else (needed,):
            for way in candidates([p for p in every if p.name in some], self.kept, rng):
                yield from self._beside(dict(zip(some, way, strict=True)))

    def _beside(self, given: Fields) -> Iterator[list[Any]]:
        """What is given, first with other numbers than the defaults of what is not."""
        every = [p for p in self.parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        for beside in (BESIDE, 1):
            defaults = {p.name: beside * p.default for p in every if type(p.default) is float}
            yield [given.get(p.name, defaults.get(p.name, p.default)) for p in every]

    def _is_meant(self, named: Reference, inputs: list[Any]) -> bool:
        from experiments.grade.forms.autograd import trust

        try:
            ours, theirs = (trust.outputs(f(*trust.leaves(inputs))) for f in (self.function.apply, named.call))
            return trust.same(ours, theirs)
        except Exception:  # it is called in another way
            return False

    def _inputs(self, rng: np.random.Generator, device: str) -> list[Any]:
        """What it is called with: the first on which a whole pass runs, or else a forward."""
        from experiments.grade.forms.autograd import trust
        from torch_ref.twins import to_torch

        needed = [p.name for p in self.parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
        own = of_function(self.name, needed, self.arguments, [], (), self.module, rng)
        ways = [way for e in own for way in self._beside(e)] if own else self._guesses(needed, rng)
        run, back, why = [], [], "nothing"
        for way in ways:
            inputs = [to_torch(a, device) if isinstance(a, np.ndarray) else a for a in way]
            try:
                inputs = self._where_finite(inputs)
                if self.named and not self.named.is_a_guess:
                    self.named.call(*inputs)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                continue
            run.append(inputs)
            try:
                slopes = trust.gradients(self.function.apply, inputs)
            except Exception:
                continue
            if all(s is not None for s in slopes):
                return inputs
            back.append(inputs)
        if not run:
            expected = f"expected examples(rng), which yields ({', '.join(self.arguments)})"
            raise Unclear(f"it was called with guesses, and raised {why}; {expected}")
        return [*back, *run][0]

    def _where_finite(self, inputs: list[Any]) -> list[Any]:
        """The inputs, or else such in a smaller domain, where the outputs are numbers; as they are, if none is."""
        from experiments.grade.forms.autograd import trust

        for domain in (lambda a: a, *DOMAINS):
            moved = [domain(v) if trust.is_of_floats(v) else v for v in inputs]
            found = trust.outputs(self.function.apply(*moved))
            if all(v.isfinite().all() for v in found if trust.is_of_floats(v)):
                return moved
        return inputs


def _first(function: Callable[..., Any], wanted: Any) -> Callable[..., Any]:
    """A function without the outputs that its reference has not."""
    if isinstance(wanted, tuple | list):
        return lambda *args: function(*args)[: len(wanted)]
    return lambda *args: function(*args)[0]
