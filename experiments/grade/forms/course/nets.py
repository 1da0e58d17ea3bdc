"""Course nets: a class that keeps its parameters in self.params, and whose loss(X, y) gives (loss, grads).

grads is a dict with the keys of params. The constructor's sizes are known by their names (input_size, hidden_dims,
num_classes, …), or are numbers in that order; X are rows, or pictures (N, C, H, W); y are classes. A penalty (reg) is
tried at a strength of its own. Compared with the truth of the loss that it returns, by every parameter.
"""

import ast
import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.own_examples import of_class
from experiments.grade.forms.piece import Arrays, Example, Fields, Piece, Ran, Taught
from experiments.grade.forms.stateful.making import LARGE
from experiments.grade.forms.stateful.objects import RATES, returns_a_tuple
from experiments.grade.forms.whole.names import PENALTIES

PICTURE = (2, 4, 4)
MOST = 400
"""Numbers that the parameters may have together."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class with params and a loss of X and y."""
    for name, kind in found.classes().items():
        loss = getattr(kind, "loss", None)
        if not inspect.isfunction(loss) or len(inspect.signature(loss).parameters) < 3:
            continue
        of_sequences = [n for n in inspect.signature(loss).parameters if n.startswith(("input", "target"))]
        if _keeps_params(found, kind) and returns_a_tuple(loss) and len(of_sequences) != 2:
            yield Net(name, kind, found)


def _keeps_params(found: Definitions, kind: type) -> bool:
    nodes = [node for base in kind.__mro__ for node in ast.walk(found.node_of(base))]
    return any(isinstance(n, ast.Attribute) and n.attr == "params" and isinstance(n.ctx, ast.Store) for n in nodes)


class Net(Piece):
    """A class with its own params."""

    form = "course net"
    gradients_by = "loss"

    def __init__(self, name: str, kind: type, found: Definitions) -> None:
        super().__init__(name, [], [*inspect.signature(kind).parameters], [kind])
        self.kind, self.module = kind, found.module

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        why, takes = "", inspect.signature(self.kind.loss).parameters  # pyright: ignore[reportAttributeAccessIssue]
        penalty = {n: STRENGTH for n in takes if n.lower() in PENALTIES}
        rows, pictures = rng.standard_normal((5, 3)), rng.standard_normal((2, *PICTURE))
        takes_pictures = any(_is_shape(p) for p in inspect.signature(self.kind).parameters.values())
        for size, x in [(3, rows)] * (not takes_pictures) + [(PICTURE, pictures)]:
            try:
                np.random.seed(0)
                net = self.kind(**self._arguments(size))
                targets = [np.arange(len(x)) % _classes(net, x), *_numbers(net, x, rng)]
            except Exception as error:
                why = f"{type(error).__name__}: {error}" if isinstance(error, NotImplementedError) or not why else why
                continue
            if sum(np.size(p) for p in net.params.values()) > MOST:
                raise Unclear(f"it has more than {MOST} parameters however it is made: {[*self.accepts]}")
            params = {n: rng.standard_normal(np.shape(p)) for n, p in net.params.items()}
            if x is pictures and (bias := next((n for n, p in params.items() if p.ndim == 1), "")):
                params[bias] -= 2  # so that a window has no unit that is on: there a mask shows

            def run(given: Arrays, net: Any = net, x: Any = x) -> Ran:
                return self._run(net, given, x, penalty)

            y = next((y for y in targets if _runs(run, {"y": y, **params})), targets[0])
            self.taught = self._teaching(net, x, y, sum(penalty.values()))
            yield Example({"y": y, **params}, run, fixed=("y",))
            yield from self._own_examples(rng, penalty)
            return
        raise Unclear(f"it could not be made and run: {why}")

    def _teaching(self, net: Any, x: Any, y: Any, penalty: float) -> Taught:
        """What its methods that train are handed."""

        def make(given: Arrays, rate: float) -> Any:
            own = copy.deepcopy(net)
            own.params = {n: np.copy(a) for n, a in given.items()}
            vars(own).update({n: rate for n in vars(own) if n.lower() in RATES})
            return own

        return Taught(x, y, [*net.params], self.gradients_by, penalty, make, lambda own: own.params)

    def _own_examples(self, rng: np.random.Generator, penalty: Fields) -> Iterator[Example]:
        """The nets that the file itself has for examples, with X and y."""
        for i, (net, (x, y)) in enumerate(of_class(self.kind, 2, self.module, rng), 1):

            def run(given: Arrays, net: Any = net, x: Any = x) -> Ran:
                return self._run(net, given, x, penalty)

            yield Example({"y": y, **net.params}, run, fixed=("y",), place=f"example {i}")

    def _arguments(self, size: Any) -> Fields:
        """What the constructor is called with."""
        found: Fields = {}
        order = iter((size, 4, 3))
        for name, p in inspect.signature(self.kind).parameters.items():
            value, place = _size(name, p.default, size), next(order, 3)
            is_needed = p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
            if value is None and (is_needed or (isinstance(p.default, int) and p.default > LARGE)):
                value = place
            if value is not None:
                found[name] = value
        return found

    def _run(self, net: Any, given: Arrays, x: Any, penalty: Fields) -> Ran:
        net, params = copy.deepcopy(net), {n: a for n, a in given.items() if n != "y"}
        net.params = dict(params)
        result = net.loss(x.copy(), given["y"], **penalty)
        if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
            raise Unclear("loss returned something else than (loss, grads)")
        loss, grads = result
        by = {f"d{n}": g for n, g in grads.items() if n in params}
        return Ran({"loss": np.sum(loss)}, lambda _: by, pure=False)


def _is_shape(p: inspect.Parameter) -> bool:
    """Whether an argument's default is (C, H, W)."""
    return isinstance(p.default, tuple) and len(p.default) == 3


def _size(name: str, default: Any, size: Any) -> Any:
    """What an argument of that name is; None where it stays at its default."""
    many = isinstance(default, list | tuple) or name.endswith(("dims", "sizes", "layers"))
    words = {
        "input": size, "in_": size, "hidden": [4, 3] if many else 4, "class": 3, "output": 3, "out_": 3,
        "filter_size": 3, "filters": 2, "reg": STRENGTH, "seed": 3,
    }  # fmt: skip
    if name == "dtype":
        return np.float64
    return next((value for word, value in words.items() if word in name.lower()), None)


def _numbers(net: Any, x: Any, rng: np.random.Generator) -> Iterator[Any]:
    """A target of the scores' shape, for a net that learns numbers."""
    with suppress(Exception):
        yield rng.standard_normal(np.shape(copy.deepcopy(net).loss(x.copy())))


def _runs(run: Callable[[Arrays], Ran], arrays: Arrays) -> bool:
    try:
        run({n: a.copy() for n, a in arrays.items()})
    except Exception:
        return False
    return True


def _classes(net: Any, x: Any) -> int:
    """How many classes there are scores for."""
    try:
        return np.shape(copy.deepcopy(net).loss(x.copy()))[1]
    except (TypeError, IndexError):
        return 3
