"""Course layers, losses and rules on tensors, in a file that imports torch and no NumPy: Linear.forward(x, w, b).

forward(…) gives (out, cache) and backward(dout, cache) the gradients, as functions or static methods; a loss of
scores and labels gives (loss, dx). Dicts of settings by their keys.
Each is taken for a torch.autograd.Function, and compared with its own forward, which torch differentiates.
An update f(w, dw, config), which gives (w, config), is compared with the rule of its name.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from experiments.grade.forms.autograd.functions import FunctionPiece
from experiments.grade.forms.course import rules
from experiments.grade.forms.course.arguments import keys_of, settings
from experiments.grade.forms.course.layers import pairs
from experiments.grade.forms.course.losses import functions as losses
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.piece import Piece
from experiments.grade.forms.whole.names import TARGET

Call = Callable[..., Any]


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every pair of functions, and every loss that gives its gradient."""
    torch, names = sys.modules.get("torch"), [*vars(found.module).values()]
    if torch is None or not any(n is torch for n in names) or any(n is np for n in names):
        return
    for pair in pairs(found):
        yield TensorPiece(pair.name, pair.forward, pair.backward, pair.made_of, found)
    for name, loss in losses(found):
        yield TensorPiece(name, _of_scores(loss), _times_what_is_kept, [loss], found)
    for rule in rules.pieces(found):
        rule.f = _of_arrays(rule.f)
        yield rule


def _of_scores(loss: Call) -> Call:
    """A loss of what is no target: that is classes, or numbers, whichever runs."""
    parameters = inspect.signature(loss).parameters
    target = next((n for n in parameters if n in TARGET), [*parameters][min(1, len(parameters) - 1)])

    def call(**given: Any) -> Any:
        import torch

        x = [*given.values()][-1]
        try:
            return loss(**given, **{target: torch.arange(len(x)) % 3})
        except (RuntimeError, IndexError, ValueError, TypeError):
            return loss(**given, **{target: torch.linspace(-1, 1, x.numel(), dtype=x.dtype).reshape(x.shape)})

    others = [p for n, p in parameters.items() if n != target]
    call.__signature__ = inspect.Signature(others)  # pyright: ignore[reportFunctionMemberAccess]
    return call


def _times_what_is_kept(delta: Any, gradients: Any) -> Any:
    """The gradients of a loss, by what comes from above."""
    several = gradients if isinstance(gradients, tuple | list) else [gradients]
    return tuple(delta * g for g in several)


class TensorPiece(FunctionPiece):
    """A forward that gives its cache, and its backward, as one Function."""

    def __init__(self, name: str, forward: Call, backward: Call, made_of: list[Any], found: Definitions) -> None:
        every = inspect.signature(forward).parameters.values()
        given = {p.name: settings(keys) for p in every if (keys := keys_of(found, forward, p.name))}
        self.parameters = [p for p in every if p.name not in given and p.default is p.empty]
        names = [p.name for p in self.parameters]
        self.function = _function(
            lambda *args: forward(**dict(zip(names, args, strict=True)), **_copies(given)), backward
        )
        self.module, self.kept, self.named = found.module, set(), None
        Piece.__init__(self, name, names, [n for n in inspect.signature(forward).parameters if n not in names], made_of)


def _of_arrays(rule: Call) -> Call:
    """A rule of tensors as one of arrays; its config stays one of tensors."""

    def call(w: Any, dw: Any, config: Any) -> Any:
        import torch

        new, config = rule(*map(torch.tensor, (w, dw)), config)
        return new.numpy(), config

    return call


def _copies(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {n: {**of} for n, of in given.items()}


def _function(forward: Call, backward: Call) -> Any:
    """A Function whose forward keeps the cache, and whose backward is handed it."""
    import torch

    count = max(1, needs(backward) - 1)
    takes_the_cache_first = "cache" in next(iter(inspect.signature(backward).parameters))

    class AsFunction(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            *outputs, ctx.cache = forward(*args)
            ctx.floats = [torch.is_tensor(a) and a.is_floating_point() for a in args]
            return tuple(outputs) if len(outputs) > 1 else outputs[0]

        @staticmethod
        def backward(ctx: Any, *deltas: Any) -> Any:
            given = deltas[:count]
            found = backward(ctx.cache, *given) if takes_the_cache_first else backward(*given, ctx.cache)
            return _in_their_places(found, ctx.floats)

    return AsFunction


def _in_their_places(found: Any, floats: Sequence[bool]) -> Any:
    """A gradient for each input of floats, in their order; as many as there are."""
    several = [*found] if isinstance(found, tuple | list) else [found]
    if len(several) != sum(floats):
        return tuple(several)
    return tuple(several.pop(0) if is_float else None for is_float in floats)
