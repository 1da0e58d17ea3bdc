"""A torch.nn.Module that uses a Function of the file: as FusedNorm(dim), with its own parameters, on (…, dim).

Its reference is the same module in which torch differentiates the forwards of these Functions itself. It is made with
sizes, and called with inputs, that make it run, or that examples(rng) yields: (module, x). A module without such a
Function has no backward by hand.
"""

import inspect
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.autograd.functions import Compared, functions_of
from experiments.grade.forms.autograd.inputs import OPTIONS
from experiments.grade.forms.autograd.references import uses, without
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.own_examples import of_kind
from experiments.grade.forms.piece import Fields, Piece

SIZES = (6, 4, 5, 3)
"""What sizes are, the first, the second, …"""
FEW = ("head", "group", "kernel", "stride", "layer", "depth")
"""Words of the names of sizes that are small, and divide others."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every module that calls a Function."""
    torch, kinds = sys.modules.get("torch"), functions_of(found)
    if torch is None or not kinds:
        return
    modules = [k for k in found.classes().values() if issubclass(k, torch.nn.Module)]
    users = uses(found, kinds)
    for kind in modules:
        if kind.__name__ in users:
            yield ModulePiece(kind, found, kinds, {})
            switches = {n: p.default for n, p in inspect.signature(kind).parameters.items() if type(p.default) is bool}
            for name, default in switches.items():
                turned = ModulePiece(kind, found, kinds, {name: not default})
                with suppress(Exception):  # it is made otherwise
                    turned.made()
                    yield turned
        elif not hasattr(kind, "backward"):  # torch differentiates all of it
            found.claimed.add(id(kind))


class ModulePiece(Piece):
    """A module, made with these options, and the same one without a backward by hand."""

    form, judging = "module", "autograd"

    def __init__(self, kind: Any, found: Definitions, functions: list[Any], options: Fields) -> None:
        self.kind, self.module, self.found, self.functions = kind, found.module, found, functions
        self.options = options
        said = ", ".join(f"{name}={value}" for name, value in options.items())
        name = f"{kind.__name__}({said})" if said else kind.__name__
        super().__init__(name, [*inspect.signature(kind).parameters], [], [kind])

    def compared(self, rng: np.random.Generator, device: str) -> Compared:
        """What is compared with what.

        Raises:
            Unclear: it was not made, or did not run.
        """
        from experiments.grade.forms.autograd import trust

        own, inputs = self._running(rng, device)
        reference, params = self._without_functions(own), dict(own.named_parameters())
        trust.trust(lambda *args: reference(*args, **params), self.name, inputs)
        return Compared(own, reference, inputs, "the same module, whose Functions torch differentiates")

    def _running(self, rng: np.random.Generator, device: str) -> tuple[Any, list[Any]]:
        """The first module and inputs that run; its parameters are drawn, for a 1 or a 0 hides much."""
        import torch

        why = "nothing"
        for own, inputs in self._made(rng, device):
            with torch.no_grad():
                for p in own.parameters():
                    p.copy_(torch.tensor(rng.standard_normal(p.shape)))
            try:
                own.double()(*inputs)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
            else:
                return own, inputs
        expected = f"expected examples(rng), which yields ({self.name}(…), x)"
        raise Unclear(f"it was made and called with guesses, and raised {why}; {expected}")

    def made(self) -> Any:
        """A module of sizes that its arguments' names tell."""
        return self.kind(*self._sizes(), **self.options)

    def _sizes(self) -> list[Any]:
        parameters = inspect.signature(self.kind).parameters.values()
        needed = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        sizes = iter(SIZES)
        options = {n: v for n, v in OPTIONS.items() if type(v) is not int}
        return [options.get(n, 2 if any(word in n for word in FEW) else next(sizes, 3)) for n in needed]

    def _made(self, rng: np.random.Generator, device: str) -> Iterator[tuple[Any, list[Any]]]:
        """The module and its inputs: as the file's examples have them, or else as they may be."""
        import torch

        for own, *given in of_kind(self.kind, self.module, rng) if not self.options else ():
            yield own.to(device), [torch.as_tensor(v, device=device) for v in given]
        count = sum(p.default is p.empty for p in inspect.signature(self.kind.forward).parameters.values()) - 1
        for shape in ((5, SIZES[0]), (2, 5, SIZES[0]), (2, SIZES[0], 5, 4)):
            try:
                own = self.made().to(device)
            except Exception as error:
                raise Unclear(f"{self.kind.__name__}({', '.join(map(str, self._sizes()))}) raised {error}") from None
            yield own, [torch.tensor(rng.standard_normal(shape), device=device) for _ in range(count)]

    def _without_functions(self, own: Any) -> Any:
        import torch

        def reference(*args: Any, **params: Any) -> Any:
            dtype = next(v.dtype for v in args if torch.is_tensor(v) and v.is_floating_point())
            kept = {n: b.to(dtype) if b.is_floating_point() else b for n, b in own.named_buffers()}
            with without(self.found, self.functions):
                return torch.func.functional_call(own, {**kept, **params}, args)

        takes = [p for p in inspect.signature(own.forward).parameters.values() if p.kind is not p.VAR_KEYWORD]
        of_parameters = inspect.Parameter("own_parameters", inspect.Parameter.VAR_KEYWORD)
        reference.__signature__ = inspect.Signature([*takes, of_parameters])  # pyright: ignore[reportFunctionMemberAccess]
        return reference
