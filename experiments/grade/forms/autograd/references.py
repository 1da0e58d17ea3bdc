"""What a torch.autograd.Function must agree with: a callable of the file, or its own forward."""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from experiments.grade.forms.definitions import Definitions, functions_of

SAYS_SO = {
    "ref", "reference", "torch", "pytorch", "naive", "eager", "native", "plain", "slow", "baseline", "expected",
    "golden", "vanilla",
}  # fmt: skip
"""The words of a name that say that it is a reference."""
SAYS_NOTHING = SAYS_SO | {
    "fn", "function", "func", "autograd", "op", "custom", "fused", "my", "manual", "impl", "forward", "fast",
}  # fmt: skip
"""The words that say nothing of what it computes."""
Parameters = Sequence[inspect.Parameter]
Call = Callable[..., Any]


class Reference(NamedTuple):
    """A callable that takes what the Function takes, and what it is called. One that is a guess counts if its outputs
    are the Function's."""

    function: Call
    call: Call
    name: str
    is_a_guess: bool = False


def reference_of(found: Definitions, kind: Any, parameters: Parameters) -> Reference | None:
    """The reference for a Function: by its name, or, as a guess, by its arguments."""
    named = {n: f for n, f in vars(found.module).items() if callable(f) and not inspect.isclass(f)}
    likely = [n for n in named if words(n) & SAYS_SO]
    alike = [n for n in likely if n != "reference" and _stem(n) == _stem(kind.__name__)]
    for name in [*alike, *(["reference"] if "reference" in named else [])]:
        if call := call_by(named[name], parameters):
            return Reference(named[name], call, name)
    others = called(found, kind) | uses(found, [kind])
    own = {n: f for n, f in found.functions().items() if n not in others}
    takes = [p.name for p in parameters]
    guesses = [n for n, f in own.items() if [*inspect.signature(f).parameters] == takes] or likely
    if len(guesses) == 1 and (call := call_by(named[guesses[0]], parameters)):
        return Reference(named[guesses[0]], call, guesses[0], is_a_guess=True)
    return None


def call_by(function: Call, parameters: Parameters) -> Call | None:
    """The function as one of these parameters: by their names, or else by their places; None where it takes others."""
    names = [p.name for p in parameters]
    try:
        own = inspect.signature(function).parameters
    except (TypeError, ValueError):
        own = {}
    by_name = bool(own) and {*own} <= {*names}

    def call(*args: Any) -> Any:
        given = dict(zip(names, args, strict=False))
        return function(**{n: given[n] for n in own if n in given}) if by_name else function(*args)

    needed = sum(p.default is p.empty for p in own.values())
    if not by_name and own and not needed <= len(names) <= len(own):
        return None
    call.__signature__ = inspect.Signature([*parameters])  # pyright: ignore[reportFunctionMemberAccess]
    return call


def own_forward(kind: Any, parameters: Parameters = ()) -> Call:
    """A Function's forward as one that torch differentiates."""

    def call(*args: Any) -> Any:
        ctx = Context(len(args))
        if "setup_context" in vars(kind):
            outputs = kind.forward(*args)
            kind.setup_context(ctx, args, outputs)
        else:
            outputs = kind.forward(ctx, *args)
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        several = tuple(o.detach() if any(o is fixed for fixed in ctx.fixed) else o for o in several)
        return several if isinstance(outputs, tuple) else several[0]

    if parameters:
        call.__signature__ = inspect.Signature([*parameters])  # pyright: ignore[reportFunctionMemberAccess]
    return call


class Context:
    """What stands for ctx while a forward runs as any function does. `fixed` are its outputs without a derivative."""

    def __init__(self, count: int) -> None:
        self.needs_input_grad = (True,) * count
        self.fixed: list[Any] = []

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        self.fixed += tensors

    def __getattr__(self, name: str) -> Any:
        if name in ("mark_dirty", "set_materialize_grads", "save_for_forward"):
            return lambda *_: None
        raise AttributeError(name)


# ---------------------------------------------------------------- names


def words(name: str) -> set[str]:
    """The words of a name, in lower case."""
    return {*_words(name)}


def _words(name: str) -> list[str]:
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def _stem(name: str) -> str:
    """A name without the words that say nothing: "layernorm" of LayerNormFn and of layer_norm_ref."""
    return "".join(w for w in _words(name) if w not in SAYS_NOTHING).removesuffix("fn").removesuffix("function")


def called(found: Definitions, kind: Any) -> set[str]:
    """The names of the file that a Function's methods use: what helps it is no reference."""
    functions = [getattr(f, "__func__", f) for f in vars(kind).values()]
    waiting = [f for f in functions if inspect.isfunction(f)]
    names: set[str] = set()
    for f in waiting:
        for name in {*f.__code__.co_names} - names:
            names.add(name)
            other = vars(found.module).get(name)
            if inspect.isfunction(other) and other.__module__ == found.module.__name__:
                waiting.append(other)
    return names


def uses(found: Definitions, kinds: list[Any]) -> set[str]:
    """The names of what in the file is, or calls, one of these Functions."""
    names = {n for n, v in vars(found.module).items() if any(v is k or getattr(v, "__self__", 0) is k for k in kinds)}
    own, size = found.own(), -1
    while len(names) > size:
        size = len(names)
        names |= {n for n, o in own.items() if any(names & {*f.__code__.co_names} for f in functions_of(o))}
    return names


def wrappers(found: Definitions, kinds: list[Any]) -> list[Any]:
    """The functions of the file that call one of these Functions."""
    names = uses(found, kinds)
    return [f for n, f in found.functions().items() if n in names]


@contextmanager
def without(found: Definitions, kinds: list[Any]) -> Iterator[None]:
    """While this lasts, torch differentiates the forwards of these Functions itself."""
    names = vars(found.module)
    plain = {id(k): own_forward(k) for k in kinds}
    kept = {n: v for n, v in names.items() if inspect.ismethod(v) and v.__name__ == "apply" and id(v.__self__) in plain}
    for kind in kinds:
        kind.apply = staticmethod(plain[id(kind)])
    names.update({n: plain[id(v.__self__)] for n, v in kept.items()})
    try:
        yield
    finally:
        names.update(kept)
        for kind in kinds:
            del kind.apply
