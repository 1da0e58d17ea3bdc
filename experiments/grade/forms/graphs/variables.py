"""Functions of variables: class Square(Function) with forward(x) and backward(gy), called with a Variable(data).

The variable is a class made of one array, with a grad and a backward() that goes through the functions which made it;
what forward does not keep, the __call__ of Function does. One array or several alike; two, and the same one twice.
Compared with the truth of its own forward.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.scalars import NUMBERS
from experiments.grade.forms.stateful.making import constructions
from experiments.grade.forms.stateful.objects import Methods, methods_of, needed
from experiments.grade.forms.whole.results import method_node

TWICE = 2


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class with a forward that keeps nothing, and the call of a class that is its base."""
    variable = next((k for k in found.classes().values() if _is_a_variable(k)), None)
    for name, kind in found.classes().items() if variable else ():
        methods = methods_of(kind)
        if methods and not _keeps(found, kind, methods.forward) and _keeps(found, kind, "__call__"):
            yield FunctionOfVariables(name, kind, variable, methods, found)


def _is_a_variable(kind: type) -> bool:
    """Whether it is made of one thing, and goes backward by itself."""
    back = getattr(kind, "backward", None)
    is_made = inspect.isfunction(kind.__init__) and len(needed(kind.__init__)) == 1
    return inspect.isfunction(back) and not needed(back) and is_made


def _keeps(found: Definitions, kind: type, name: str) -> bool:
    nodes = ast.walk(method_node(found, kind, name))
    return any(isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) for n in nodes)


def _begins_by_itself(run: Callable[[Arrays], Ran], given: Arrays) -> bool:
    """Whether an output without a gradient goes backward: from ones."""
    backward = run({n: a.copy() for n, a in given.items()}).backward
    try:
        return bool(backward and backward(None))
    except Exception:
        return False


class FunctionOfVariables(Piece):
    """A class of functions."""

    form = "function of variables"

    def __init__(self, name: str, kind: type, variable: Any, methods: Methods, found: Definitions) -> None:
        self.kind, self.variable, self.module = kind, variable, found.module
        super().__init__(name, needed(getattr(kind, methods.forward)) or ["x"], [], [kind])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        leaf = self.variable(np.ones(2))
        self.number = next((n for n in NUMBERS if isinstance(getattr(leaf, n, None), np.ndarray)), "")
        if not self.number or not hasattr(leaf, "grad"):
            raise Unclear(f"expected {self.variable.__name__}(x) to keep its array as data, and a grad")
        given = {n: rng.uniform(0.5, 2, (5, 3)) for n in self.arguments}
        why = ""
        for arguments in constructions(self.kind, rng):
            run = self._runner(arguments)
            try:
                y = run({n: a.copy() for n, a in given.items()}).y
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            delta = rng.standard_normal(np.shape(y))
            yield Example(given, run, delta)
            if len(given) == TWICE:  # so that its gradients add up
                once = {"x": given[self.arguments[0]]}
                yield Example(once, self._runner(arguments, TWICE), delta, place="of one variable twice")
            if np.shape(y) == given[self.arguments[0]].shape:
                chain = self._runner(arguments, links=TWICE)
                yield Example(given, chain, delta, place="of another of its kind")
                if _begins_by_itself(chain, given):
                    yield Example(given, chain, place="of another of its kind, without δ")
            return
        raise Unclear(f"how a {self.name} is made, or what it is called with, is not known; the first raised {why}")

    def _runner(self, arguments: list[Any], times: int = 1, links: int = 1) -> Any:
        """The pass of a function, which is handed each variable so many times, or of a chain of so many of its kind,
        each handed the one before as its first."""

        def run(given: Arrays) -> Ran:
            leaves = {n: self.variable(a) for n, a in given.items()}
            outs = [leaf for leaf in leaves.values() for _ in range(times)]
            for _ in range(links):
                outs = [self.kind(*arguments)(*outs), *outs[1:]]
            out = outs[0]

            def backward(delta: Any) -> Arrays:
                if delta is not None:
                    out.grad = delta
                out.backward()
                grads = {n: leaf.grad for n, leaf in leaves.items()}
                arrays = {n: getattr(g, self.number) if isinstance(g, self.variable) else g for n, g in grads.items()}
                return {f"d{n}": np.asarray(a) for n, a in arrays.items() if a is not None}

            return Ran(np.asarray(getattr(out, self.number)), backward, pure=False)

        return run
