"""One call of a function, or of a module with its parameters: what it is given as one flat list, its outputs and
gradients by name."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_unflatten

from torch_ref.comparison.functions.upstream import Upstream

Function = Callable[..., Any]
Leaves = list[Any]
Found = dict[str, torch.Tensor | None]
"""Outputs, and gradients, by name; None where there is no gradient."""


class Changed(Exception):
    """A call changed what is its caller's: `quantity`, and what is said of it."""

    def __init__(self, quantity: str, said: str) -> None:
        super().__init__(said)
        self.quantity, self.said = quantity, said


class Refused(Exception):
    """A function, or torch on its way through one, raised `error`. What else is raised on the way is a fault of ours,
    which nobody catches."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class refusals:
    """What is raised within is raised as Refused."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, Refused | Changed):
            raise Refused(error) from error


@contextmanager
def as_raised(note: str = "") -> Iterator[None]:
    """What is raised within as Refused is raised as the function raised it, with a note."""
    try:
        yield
    except Refused as refused:
        if note:
            refused.error.add_note(note)
        raise refused.error from None


class Given:
    """What both functions are given: inputs, keyword arguments and a module's parameters, as one list.

    `floats` are the places of the tensors of floats, or of complex numbers; `needed` those of them that are
    differentiated: where some have requires_grad=True, these alone, which is then `said`. The reference `changes` some,
    as running statistics, and takes others `whole` beside fewer rows: these are of no row of the batch.
    """

    def __init__(self, inputs: Sequence[Any], kwargs: Mapping[str, Any], params: Mapping[str, Any], names: list[str]):
        found: list[Any]
        found, self.spec = tree_flatten_with_path((list(inputs), dict(kwargs), dict(params)))
        self.leaves = [v for _, v in found]
        self.changes, self.whole = set[int](), set[int]()
        self.flat = not kwargs and not params and len(found) == len(inputs) and all(len(path) == 2 for path, _ in found)
        self.names = [_name(path, names) for path, _ in found]
        self.floats = [i for i, v in enumerate(self.leaves) if is_real(v)]
        asked = {i for i in self.floats if self.leaves[i].requires_grad}
        own = {i for i in self.floats if found[i][0][0].idx == 2}  # parameters, each with a word of its own
        self.said = bool(asked - own)
        inputs_asked = asked - own or set(self.floats) - own
        self.needed = sorted(inputs_asked | asked & own)
        self.leaves = [v.detach() if torch.is_tensor(v) else v for v in self.leaves]

    def parts(self, leaves: Leaves) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        """Inputs, keyword arguments and parameters."""
        return ([*leaves], {}, {}) if self.flat else tree_unflatten(leaves, self.spec)


def copies(leaves: Leaves) -> Leaves:
    """The same numbers in other memory: a function may write into what it is given."""
    return [v.clone() if torch.is_tensor(v) else v for v in leaves]


def is_real(value: Any) -> bool:
    """Whether it is a tensor of floats, or of complex numbers."""
    return torch.is_tensor(value) and (value.is_floating_point() or value.is_complex())


def _name(path: Any, names: list[str]) -> str:
    part, first, *rest = path
    key = names[first.idx] if part.idx == 0 else first.key
    return f"{key}{keystr(tuple(rest))}"


class Subject:
    """A function that is called by the list of what it is given, and gives its outputs by name.

    `in_place`: it is given copies of all inputs, else of those alone that the reference changes. `accumulates`: it is
    differentiated by `backward`, as one that runs its forward again there refuses `torch.autograd.grad`.
    """

    def __init__(self, function: Function, given: Given, renamed: Mapping[str, str] | None = None) -> None:
        self.function, self.given, self.renamed = function, given, renamed or {}
        self.in_place = self.accumulates = False

    def __call__(self, leaves: Leaves) -> dict[str, Any]:
        args, kwargs, params = self.given.parts(leaves)
        params = {self.renamed.get(name, name): p for name, p in params.items()}
        if not isinstance(self.function, torch.nn.Module):
            with refusals():
                return outputs_of(self.function(*args, **kwargs, **params))
        reals = [v for v in leaves if is_real(v)]
        rest = {**dict(self.function.named_parameters()), **dict(self.function.named_buffers())}
        rest = {n: t.detach().to(reals[0].dtype if is_real(t) else t.dtype) for n, t in rest.items()}
        with refusals():
            return outputs_of(torch.func.functional_call(self.function, {**rest, **params}, tuple(args), kwargs))

    def run(self, leaves: Leaves, needed: Sequence[int], upstream: Upstream, passes: int = 1) -> Found:
        """The outputs and the gradients; the graph run backward so many times, of which the last is told.

        Raises:
            Changed: an input, or the upstream gradient, is another afterwards.
            Refused: it does not run.
        """
        (found,) = finish([self.begin(leaves, needed, upstream)], passes)
        return found

    def begin(self, leaves: Leaves, needed: Sequence[int], upstream: Upstream) -> "Begun":
        """The forward alone."""
        return Begun(self, leaves, needed, upstream)


class Begun:
    """A call between its forward and its backward."""

    def __init__(self, subject: Subject, leaves: Leaves, needed: Sequence[int], upstream: Upstream) -> None:
        self.subject, self.names, self.needed = subject, subject.given.names, [*needed]
        self.values = [v.detach().requires_grad_(i in needed) if is_real(v) else v for i, v in enumerate(leaves)]
        copied = range(len(leaves)) if subject.in_place else subject.given.changes
        self.given = [v.clone() if i in copied and torch.is_tensor(v) else v for i, v in enumerate(self.values)]
        self.changes = subject.given.changes
        self.kept = [v.detach().clone() if torch.is_tensor(v) else v for v in leaves]
        seed_all(upstream.seed, leaves)  # a function that draws random numbers draws the reference's
        outputs = subject(self.given)
        at = enumerate(self.given)
        self.returned = {i for i, v in at if subject.in_place and any(o is v for o in outputs.values())}
        self.results: Found = {n: o.detach().clone() for n, o in outputs.items() if torch.is_tensor(o)}
        self.theirs: Found = {} if self.returned else {n: o for n, o in outputs.items() if torch.is_tensor(o)}
        self.smooth = {n: o for n, o in outputs.items() if is_real(o) and o.requires_grad}
        self.deltas = upstream.of(self.smooth)

    def changed(self) -> set[int]:
        """The places of the inputs that are others now, though they are not to be; they get their numbers back."""
        now = enumerate(zip(self.given, self.kept, strict=True))
        found = {i for i, (a, b) in now if torch.is_tensor(a) and not same(a.detach(), b)}
        for i in found - self.returned - self.changes:
            self.given[i].detach().copy_(self.kept[i])
        return found - self.returned - self.changes

    def backward(self, keep: bool) -> Found:
        """The outputs and the gradients."""
        before = {n: d.clone() for n, d in self.deltas.items()}
        gradients: Sequence[torch.Tensor | None] = [None] * len(self.needed)
        if self.deltas:
            ends = [self.smooth[n] for n in self.deltas]
            starts = [self.values[i] for i in self.needed]
            with refusals():
                gradients = self._gradients(ends, starts, keep)
        self._look(before)
        names = [f"d{self.names[i]}" for i in self.needed]
        self.theirs |= dict(zip(names, gradients, strict=True))
        return self.results | {
            n: None if g is None else dense(g.detach().clone()) for n, g in zip(names, gradients, strict=True)
        }

    def _gradients(
        self, ends: list[torch.Tensor], starts: list[torch.Tensor], keep: bool
    ) -> Sequence[torch.Tensor | None]:
        deltas, refused = [*self.deltas.values()], None
        if not self.subject.accumulates:
            try:
                return torch.autograd.grad(ends, starts, deltas, keep, allow_unused=True)
            except RuntimeError as error:
                refused = error
        for v in starts:
            v.grad = None
        try:
            torch.autograd.backward(ends, deltas, keep)
        except Exception as error:
            raise refused or error from None
        self.subject.accumulates = True
        return [v.grad for v in starts]

    def kept_by(self, found: Found) -> None:
        """See that what it gave is as it was found: no later call may write there.

        Raises:
            Changed: it is another by now.
        """
        for name, own in self.theirs.items():
            mine = found[name]
            if own is not None and mine is not None and not same(dense(own.detach()), mine):
                raise Changed(name, "is overwritten by a later call, or by its own backward")

    def _look(self, before: Mapping[str, torch.Tensor]) -> None:
        for name, delta in self.deltas.items():
            if not same(delta, before[name]):
                raise Changed("all", "backward changes the upstream gradient, which is its caller's")
        if changed := self.changed():
            raise Changed(self.names[min(changed)], "is changed, which is its caller's")


def seed_all(seed: int, leaves: Leaves) -> None:
    """Seed the generators that a call on these may draw from: torch.manual_seed takes 2 ms, most of it on devices that
    are not there."""
    if all(v.device.type == "cpu" for v in leaves if torch.is_tensor(v)):
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def finish(begun: Sequence[Begun], passes: int = 1) -> list[Found]:
    """The backward of calls that were begun, in this order."""
    for _ in range(passes - 1):
        for one in begun:
            one.backward(keep=True)
    found = [one.backward(keep=False) for one in begun]
    for one, its in zip(begun, found, strict=True):
        one.kept_by(its)
    return found


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether they hold the same numbers; a NaN is the same as itself."""
    if a.dtype == b.dtype == torch.complex32:  # torch compares its parts alone
        a, b = torch.view_as_real(a), torch.view_as_real(b)
    return bool(torch.equal(a, b) or (is_real(a) and ((a == b) | (a != a) & (b != b)).all()))


def outputs_of(result: Any) -> dict[str, Any]:
    """The outputs by name: "output", "output 1", …, "output['key']", "output.field", and so on inside of these.

    Raises:
        TypeError: one is neither a tensor nor a number nor None, and so would not be compared.
    """
    every = [*result] if isinstance(result, tuple | list) else [result]
    return {n: v for i, one in enumerate(every) for n, v in _leaves(f"output {i}" if i else "output", one)}


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if value is None or torch.is_tensor(value):
        yield name, value
    elif isinstance(value, bool | int | float | complex):
        yield name, torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
    elif isinstance(value, Mapping):
        for key, inside in value.items():
            yield from _leaves(f"{name}[{key!r}]", inside)
    elif isinstance(value, tuple | list):
        for i, inside in enumerate(value):
            yield from _leaves(f"{name}[{i}]", inside)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _leaves(f"{name}.{field.name}", getattr(value, field.name))
    else:
        raise TypeError(f"check_backward: expected tensors, numbers or None as outputs, got {name} of {type(value)}")


def names_of(function: Function, count: int) -> list[str]:
    """The names that the function gives its first inputs, if it does: that of a Function's `apply`, as its forward."""
    of, skipped = function.forward if isinstance(function, torch.nn.Module) else function, 0
    own = getattr(function, "__self__", None)
    if isinstance(own, type) and issubclass(own, torch.autograd.Function):
        of, skipped = own.forward, int(own.setup_context is torch.autograd.Function.setup_context)  # ctx
    try:
        parameters = [*inspect.signature(of).parameters.values()][skipped:]
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)][:count]
    return names if len(names) == count else [f"input {i}" for i in range(count)]


def dense(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers in one block of memory: torch adds a sparse gradient to a dense one."""
    return tensor if tensor.layout == torch.strided else tensor.to_dense()
