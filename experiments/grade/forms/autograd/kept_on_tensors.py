"""Gradients that are kept on tensors, as in fast.ai's course: lin(inp, w, b), and lin_grad(inp, out, w, b) sets inp.g.

The gradient of an argument is an attribute of its own, .g; that of the output is there before. As functions, X and
X_grad, or as classes, made of parameters, with __call__(inp) and a backward() without arguments. Of a loss, the target
has none. A function that goes forward and backward itself, of weights that are the file's, keeps all of their
gradients.
Each is taken for a torch.autograd.Function, and compared with its own forward, which torch differentiates.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from experiments.grade.forms.autograd.functions import FunctionPiece
from experiments.grade.forms.course.arguments import ROLES
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.loops.turns.kept import LOSS
from experiments.grade.forms.piece import Piece
from experiments.grade.forms.stateful.losses import TARGETS
from experiments.grade.forms.stateful.objects import OWN, methods_of, needed
from manual.numbers.number_types import Array

Call = Callable[..., Any]
Pass = Callable[..., tuple[Any, Call]]
"""Of the arguments, the output, and what goes backward from there."""
BACK = re.compile(r"_?(grads?|gradient|backwards?|back|bwd|prime)$", re.IGNORECASE)
"""What the name of a function that goes backward has beside that of its forward."""
OUTPUT = ("out", "output", "outp", "outs", "y", "res", "result", "o")
TORCHS_OWN = {"grad", "data", "requires_grad"}
"""Attributes of a tensor that are torch's."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every pair of functions, every class, and every function of both, whose backward keeps gradients so."""
    if not _is_of_tensors(found):
        return
    functions, backs = found.functions(), list[str]()
    for name, back in functions.items():
        attribute, forward = _kept_as(found.node_of(back), [*needed(back)]), functions.get(BACK.sub("", name))
        if attribute and forward and forward is not back and len(needed(back)) - len(needed(forward)) in (0, 1):
            backs.append(name)
            names, run = needed(forward), _of_functions(forward, back)
            yield KeptOnTensors(forward.__name__, names, run, attribute, [forward, back], found)
    kept = {n: a for n, k in found.classes().items() if (a := _kept_as(found.node_of(k), OWN))}
    for name, kind in found.classes().items() if kept else ():
        if (methods := methods_of(kind)) and not needed(getattr(kind, methods.backward)):
            inputs = needed(getattr(kind, methods.forward))
            names = [*inputs, *(needed(kind.__init__) if inspect.isfunction(kind.__init__) else [])]
            run = _of_class(kind, methods.forward, methods.backward, len(inputs))
            yield KeptOnTensors(name, names, run, kept.get(name, next(iter(kept.values()))), [kind], found)
    for name, f in functions.items():
        weights = _weights(found, f)
        if name not in backs and weights and {*backs} & {*f.__code__.co_names}:
            attribute = _kept_as(found.node_of(functions[backs[0]]), [*needed(functions[backs[0]])])
            run = _of_both(f, found, [*weights])
            yield KeptOnTensors(name, [*needed(f), *weights], run, attribute, [f], found, weights)


def _is_of_tensors(found: Definitions) -> bool:
    """Whether a file uses torch."""
    torch = sys.modules.get("torch")
    own = [v for v in vars(found.module).values() if v is torch or callable(v)]
    return torch is not None and any(v is torch or getattr(torch, getattr(v, "__name__", ""), None) is v for v in own)


def _kept_as(node: ast.AST, of: Sequence[str]) -> str:
    """The one attribute that a function gives its arguments, or a class what it keeps; "" if there is none."""
    targets = [
        t for n in ast.walk(node) if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Attribute)
    ]
    if of is OWN:  # self.inp.g, or the inp.g of a method's argument; but not self.inp
        targets = [t for t in targets if not (isinstance(t.value, ast.Name) and t.value.id in OWN)]
    else:
        targets = [t for t in targets if isinstance(t.value, ast.Name) and t.value.id in of]
    found = {t.attr for t in targets}
    return found.pop() if len(found) == 1 and not found & TORCHS_OWN else ""


# ---------------------------------------------------------------- how it runs


def _of_functions(forward: Call, back: Call) -> Pass:
    """X(inp, …) and X_grad(inp, out, …): with the output by its name, else after the first, where it takes one more."""
    backs = needed(back)
    place = next((i for i, n in enumerate(backs) if i and n in OUTPUT), 1)
    takes_output = len(backs) > len(needed(forward))

    def run(*given: Any) -> tuple[Any, Call]:
        out = forward(*given)
        return out, lambda: back(*given[:place], *([out] if takes_output else []), *given[place:])

    return run


def _of_class(kind: Any, forward: str, backward: str, inputs: int) -> Pass:
    """An object of the parameters, called with the inputs."""

    def run(*given: Any) -> tuple[Any, Call]:
        own = kind(*given[inputs:])
        out = (own if callable(own) else getattr(own, forward))(*given[:inputs])
        return out, getattr(own, backward)

    return run


def _of_both(f: Call, found: Definitions, weights: Sequence[str]) -> Pass:
    """One function that goes forward and backward: its loss, which it returns, or else gives a name."""
    names, inputs = vars(found.module), len(needed(f))
    call = f if _returns(found.node_of(f)) else _that_returns_its_loss(f, found)

    def run(*given: Any) -> tuple[Any, Call]:
        before = {n: names[n] for n in weights}
        names.update(zip(weights, given[inputs:], strict=True))
        try:
            return call(*given[:inputs]), lambda: None
        finally:
            names.update(before)

    return run


def _returns(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Return) and n.value is not None for n in ast.walk(node))


def _that_returns_its_loss(f: Call, found: Definitions) -> Call:
    """The function, which returns the last thing in it that is called a loss."""
    node: Any = found.node_of(f)
    names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    last = next((n for n in reversed(names) if LOSS.fullmatch(n)), None)
    if last is None:
        return f
    own = ast.FunctionDef(node.name, node.args, [*node.body, ast.Return(ast.Name(last, ast.Load()))], [])
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(own, node)], []))
    made: dict[str, Any] = {}
    exec(compile(module, str(found.module.__file__), "exec"), vars(found.module), made)
    return made[node.name]


def _weights(found: Definitions, f: Call) -> dict[str, tuple[int, ...]]:
    """The tensors of the file that a function reads, and their shapes."""
    torch: Any = sys.modules["torch"]
    read: dict[str, Any] = {n: vars(found.module).get(n) for n in f.__code__.co_names}
    return {n: tuple(v.shape) for n, v in read.items() if torch.is_tensor(v) and v.is_floating_point()}


# ---------------------------------------------------------------- the piece


class Fixed:
    """A target: what has no gradient."""

    def __init__(self, array: Array) -> None:
        self.array = array  # of rows

    def like(self, x: Any) -> Any:
        """A tensor of x's type, on its device, of as many examples."""
        import torch

        own = torch.as_tensor(np.resize(self.array, (len(x), *self.array.shape[1:])), device=x.device)
        return own.to(x.dtype) if own.is_floating_point() else own


class KeptOnTensors(FunctionPiece):
    """A forward, and a backward that keeps the gradients on its arguments, as one Function."""

    def __init__(
        self, name: str, names: list[str], run: Pass, attribute: str, made_of: list[Any], found: Definitions,
        weights: dict[str, tuple[int, ...]] | None = None,
    ) -> None:  # fmt: skip
        self.function, self.module, self.kept, self.named = _function(run, attribute), found.module, set(), None
        self.weights = weights
        self.parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
        Piece.__init__(self, name, names, [], made_of)

    def _guesses(self, needed: list[str], rng: np.random.Generator) -> Iterator[list[Any]]:
        """Rows, weights from layer to layer, and for a target what may be one."""
        target = next((n for n in needed[1:] if n.lower() in TARGETS), None)
        for shapes in self._shapes([n for n in needed if n != target]):
            drawn: dict[Any, Any] = {n: rng.standard_normal(shape) for n, shape in shapes.items()}
            rows = shapes[needed[0]]
            others = [*(rng.standard_normal(s) for s in (rows[:1], (rows[0], 1), rows)), np.arange(rows[0]) % 3]
            for each in others if target else others[:1]:
                yield [*(({target: Fixed(each)} | drawn)[n] for n in needed)]

    def _shapes(self, names: list[str]) -> Iterator[dict[str, tuple[int, ...]]]:
        if self.weights is not None:
            widths = dict.fromkeys(n for shape in self.weights.values() for n in shape)
            yield from ({names[0]: (5, width)} | self.weights for width in widths)
            return
        roles = [(ROLES.get(n.rstrip("_0123456789"), "x"), n) for n in names]
        count = max(1, sum(role == "w" for role, _ in roles))
        for last, is_turned, first in product((4, 1), (False, True), ((5, 3), (5, 1), (2, 3, 4))):
            widths, shapes = [*[first[-1], 5, 6, 7, 8][:count], last], {}
            for role, n in roles:
                layer = sum(r == role for r, other in roles if other in shapes)
                pair = (*widths[layer : layer + 2],)
                shapes[n] = {"w": pair[::-1] if is_turned else pair, "b": pair[1:]}.get(role, first)
            yield shapes


def _function(run: Pass, attribute: str) -> Any:
    """A Function that tells the output its gradient, and reads those of its arguments."""
    import torch

    class AsFunction(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            x = next(a for a in args if torch.is_tensor(a))
            given = [a.like(x) if isinstance(a, Fixed) else a.view_as(a) if torch.is_tensor(a) else a for a in args]
            ctx.out, ctx.back = run(*given)
            ctx.given = [None if isinstance(a, Fixed) else g for a, g in zip(args, given, strict=True)]
            return ctx.out

        @staticmethod
        def backward(ctx: Any, *deltas: Any) -> Any:
            (delta,) = deltas
            is_a_cost = delta.ndim == 0  # whose own backward may take it for 1
            setattr(ctx.out, attribute, torch.ones_like(delta) if is_a_cost else delta)
            ctx.back()
            found = [getattr(a, attribute, None) for a in ctx.given]
            return tuple(delta * g if is_a_cost and g is not None else g for g in found)

    return AsFunction
