"""What a file offers to be checked: its pieces, each in one of six forms, and what looks like one and is none.

    layer       a class: forward(x) gives (y, cache), backward(delta, cache) gives (dx, gradient)
    loss        a class: forward(prediction, target) gives (cost, cache), backward(cache) gives delta
    optimizer   a class: update(p, g, state) moves p in place, or step(network, gradient) all parameters
    functions   forward(x, …) and backward(delta, …), or name_forward and name_backward
    network     backward(W1, b1, …, x, y); with cost(W1, b1, …, x, y) beside it, that is what it must be the gradient of
    autograd    a torch.autograd.Function, with reference(…) beside it

This module runs in the child process, and is NumPy alone until a piece needs torch.
"""

import dis
import inspect
import re
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import manual
from experiments.grade.forms.class_pieces import LayerPiece, LossPiece, OptimizerPiece
from experiments.grade.forms.function_pieces import AutogradPiece, FunctionsPiece, NetworkPiece
from experiments.grade.forms.piece import Fields, Piece
from manual import Loss, Optimizer

MODULE = "the file"
"""The name of the file's module: none can have it, for a file may be called numpy.py."""
LOOKS_LIKE_ONE = {
    "forward", "backward", "backprop", "backpropagation", "fprop", "bprop", "propagate", "propagation", "grad",
    "gradient",
    "gradients", "derivative", "deriv", "prime", "loss", "cost", "step", "update", "optimizer", "optimize", "optimise",
    "sgd",
    "momentum", "rmsprop", "adam", "adamw", "adagrad", "net", "network", "layer", "delta",
}  # fmt: skip
"""The words of a name that make a function or a class look like a piece."""
NOTHING_DONE = {
    "RESUME", "NOP", "PUSH_NULL", "PRECALL", "CALL", "LOAD_CONST", "LOAD_GLOBAL", "RAISE_VARARGS", "RETURN_VALUE",
    "RETURN_CONST",
}  # fmt: skip
"""The instructions of a method that is there to be overridden."""
HELPS = {
    "check",
    "numerical",
    "numeric",
    "eval",
    "test",
    "plot",
    "print",
    "load",
    "init",
    "initialize",
    "examples",
    "example",
}
"""The words that say that it only helps to make or to test one."""


class Offered:
    """The pieces of one file, and what else in it looks like one."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        own = {n: o for n, o in vars(module).items() if getattr(o, "__module__", None) == module.__name__}
        own = {n: o for n, o in own.items() if n not in ("reference", "examples")}
        self.pieces = {piece.name: piece for piece in (*_classes(own, module), *_functions(own, module))}
        made_of = {id(o) for piece in self.pieces.values() for o in piece.made_of}
        self.others = {n: o for n, o in own.items() if id(o) not in made_of and _looks_like_one(n, o)}

    def overlooked(self, ran: set[CodeType]) -> dict[str, str]:
        """What looks like a piece, is none, and did not run while the pieces were checked: the form that it may be."""
        return {n: _kind(o) for n, o in self.others.items() if ran.isdisjoint(_codes_of(o))}


def constants(module: ModuleType) -> set[float]:
    """The numbers in [0, 1] that a module's code, defaults and globals hold, and 1e-5, torch's own ε."""
    found: list[Any] = [0.0, 1e-5, *vars(module).values()]
    for thing in vars(module).values():
        for f in _functions_of(thing) if getattr(thing, "__module__", None) == module.__name__ else ():
            found += [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values(), *_constants_of(f.__code__)]
    return {float(c) for c in found if isinstance(c, int | float) and 0 <= c <= 1}


def _constants_of(code: CodeType) -> Iterator[Any]:
    for c in code.co_consts:
        yield from _constants_of(c) if isinstance(c, CodeType) else (c,)


def load(path: Path) -> Offered:
    """Run the file, and find what it offers."""
    sys.path.append(str(path.parent))
    loader, module = SourceFileLoader(MODULE, str(path)), ModuleType(MODULE)
    module.__file__, module.__loader__ = str(path), loader
    sys.modules[MODULE] = module
    loader.exec_module(module)
    return Offered(module)


def _classes(own: Fields, module: ModuleType) -> Iterator[Piece]:
    torch, classes = sys.modules.get("torch"), [o for o in own.values() if inspect.isclass(o)]
    for kind in dict.fromkeys(classes):
        if any(kind in other.__bases__ for other in classes) and not _does_something(kind):
            continue
        stands_for = getattr(manual, kind.__name__, kind)
        if torch is not None and issubclass(kind, torch.autograd.Function):
            yield AutogradPiece(kind, module)
        elif inspect.isclass(stands_for) and issubclass(stands_for, Optimizer):
            yield OptimizerPiece(kind, module, "optimizer")
        elif hasattr(kind, "forward") and hasattr(kind, "backward"):
            loss = issubclass(kind, Loss) or (
                issubclass(stands_for, Loss) if stands_for is not kind else _is_loss(kind)
            )
            yield LossPiece(kind, module, "loss") if loss else LayerPiece(kind, module, "layer")


def _functions(own: Fields, module: ModuleType) -> Iterator[Piece]:
    functions = {n: f for n, f in own.items() if inspect.isfunction(f)}
    pairs = {}
    for name, backward in functions.items():
        if not (match := re.fullmatch(r"(\w+_)?backward", name)):
            continue
        forward = functions.get(f"{match[1] or ''}forward")
        if re.fullmatch(r"(W\d+ b\d+ )+x y", " ".join(inspect.signature(backward).parameters)):
            yield NetworkPiece(name, backward, module)
        elif forward:
            pairs[(match[1] or "forward").rstrip("_")] = forward, backward
    for name, (forward, backward) in pairs.items():
        others = [inspect.signature(f).parameters for n, (f, _) in pairs.items() if n != name]
        yield FunctionsPiece(name, forward, backward, module, [[*parameters] for parameters in others])


def _is_loss(kind: Any) -> bool:
    """Whether a class's forward takes a prediction and a target, and its backward the cache alone: no δ comes from
    above."""
    return _needs(kind.forward) > len(("self", "prediction")) and _needs(kind.backward) == len(("self", "cache"))


def _needs(function: Any) -> int:
    parameters = inspect.signature(function).parameters.values()
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return sum(p.default is p.empty for p in named)


def _does_something(kind: type) -> bool:
    """Whether a class has a forward, backward, update or step of its own: more than a place for one."""
    own = [vars(kind).get(name) for name in ("forward", "backward", "update", "step")]
    return any(inspect.isfunction(f) and not _is_placeholder(f.__code__) for f in own)


def _is_placeholder(code: CodeType) -> bool:
    """Whether a method only raises NotImplementedError, or passes."""
    return {*code.co_names} <= {"NotImplementedError"} and {
        step.opname for step in dis.get_instructions(code)
    } <= NOTHING_DONE


def _looks_like_one(name: str, thing: Any) -> bool:
    if inspect.isclass(thing):
        if issubclass(thing, BaseException):
            return False
        methods = [n for n, f in vars(thing).items() if inspect.isfunction(f) and not _is_placeholder(f.__code__)]
        return any(_words(method) & LOOKS_LIKE_ONE for method in methods)
    return inspect.isfunction(thing) and bool(_words(name) & LOOKS_LIKE_ONE) and not _words(name) & HELPS


def _words(name: str) -> set[str]:
    """The words of a name, in lower case: "softmax_loss", "updateParams", "L_model_backward2"."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def _functions_of(thing: Any) -> Iterator[Any]:
    for f in vars(thing).values() if inspect.isclass(thing) else [thing]:
        f = getattr(f, "__func__", f)
        if inspect.isfunction(f):
            yield f


def _codes_of(thing: Any) -> Iterator[CodeType]:
    return (f.__code__ for f in _functions_of(thing))


def _kind(thing: Any) -> str:
    if inspect.isclass(thing):
        return "class"
    return f"function of ({', '.join(inspect.signature(thing).parameters)})"
