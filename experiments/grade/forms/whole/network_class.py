"""Networks as classes: Network([3, 4, 2]) with feedforward(a) and backprop(x, y) → gradients of all parameters.

The gradients are lists by layer (nabla_b, nabla_w), arrays in a row, or a dict. x and y are columns of one example,
or rows or columns of several. The cost is the class's own (cost, loss), else the first of ½ Σ (a − y)², cross-entropy
and the like under which nothing differs; the head says which.
Held against the truth of its own forward.
"""

import copy
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.losses import TARGETS, is_target_first
from experiments.grade.forms.stateful.objects import FORWARD, Parameters, needed, returns_a_tuple
from experiments.grade.forms.whole.costs import Cost, choices
from experiments.grade.forms.whole.results import gradients_in, method_node, returned_names

RUNS = (*FORWARD, "predict", "run", "output", "activate")
GIVES = (
    "backprop", "back_prop", "backpropagation", "back_propagation", "backpropagate", "back_propagate", "backward",
    "backward_pass", "backward_prop", "gradient", "gradients", "compute_gradients", "grads",
)  # fmt: skip
COSTS = ("fn", "cost", "loss", "compute_cost", "compute_loss")
SIZES = (3, 4, 2)
LAYOUTS: dict[str, tuple[tuple[int, int], Any]] = {
    "one example, a column": ((3, 1), [[1.0], [0.0]]),
    "examples are rows": ((5, 3), [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]),
    "examples are columns": ((3, 5), [[1.0, 0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0, 1.0]]),
}
"""The shape of x, and y: one-hot."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class that runs x, and gives gradients of x and y."""
    for name, kind in found.classes().items():
        forward = next((n for n in RUNS if _takes(kind, n, 1)), None)
        gives = next((n for n in GIVES if _takes(kind, n, 2) and _takes_a_target(kind, n)), None)
        if forward and gives and not returns_a_tuple(getattr(kind, forward)):
            yield NetworkClass(name, kind, (forward, gives), found)


def _takes(kind: type, name: str, count: int) -> bool:
    method = getattr(kind, name, None)
    return inspect.isfunction(method) and len(needed(method)) == count


def _takes_a_target(kind: type, name: str) -> bool:
    """Whether what a method takes besides x is a target: by its own name, as backprop's is, or by the target's."""
    return "prop" in name or needed(getattr(kind, name))[1].lower() in TARGETS


class NetworkClass(Piece):
    """A class of networks of any sizes."""

    form = "network as a class"

    def __init__(self, name: str, kind: type, methods: tuple[str, str], found: Definitions) -> None:
        self.kind, self.module, self.told = kind, found.module, found.told
        self.forward, self.gives = methods
        self.names = returned_names(method_node(found, kind, self.gives))
        own = found.own().items()
        self.costs = [f for n, f in own if inspect.isfunction(f) and re.search("cost|loss", n, re.IGNORECASE)]
        super().__init__(name, ["x", "y"], [], [kind])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        prototype, layout, x, y = self._fitted(rng)
        self.form = f"network as a class, {layout}"
        parameters = Parameters(prototype, x, self._run, rng)
        arrays = {**parameters.drawn(prototype, rng), "x": x}
        examples = 1 if "one" in layout else 5
        own = self._own_cost(prototype, x, y)
        output = self._run(parameters.with_these(prototype, arrays), x)
        for choice, cost in [("its own cost", own)] if own else choices(examples, output, y):
            yield Example(arrays, self._runner(prototype, parameters, y, cost), fixed=("x",), choice=choice)

    def _fitted(self, rng: np.random.Generator) -> tuple[Any, str, Any, Any]:
        why, forward_alone = "", None
        for arguments in ([[*SIZES]], [*SIZES], [tuple(SIZES)]):
            for layout, (shape, target) in ((n, of) for n, of in LAYOUTS.items() if self.told.fits(n)):
                x, y = rng.standard_normal(shape), np.array(target)
                try:
                    prototype = self.kind(*copy.deepcopy(arguments))
                    if np.shape(self._run(copy.deepcopy(prototype), x.copy())) != y.shape:
                        continue
                except Exception as error:
                    why = why or f"{type(error).__name__}: {error}"
                    continue
                found = prototype, layout, x, y
                try:
                    getattr(copy.deepcopy(prototype), self.gives)(x.copy(), y.copy())
                    return found
                except Exception:
                    forward_alone = forward_alone or found
        if forward_alone is None:
            raise Unclear(f"expected {self.name}({[*SIZES]}), a network of these sizes; the first raised {why}")
        return forward_alone

    def _run(self, own: Any, x: Any) -> Any:
        y = getattr(own, self.forward)(x)
        return y[-1] if isinstance(y, tuple | list) else y

    def _own_cost(self, prototype: Any, x: Any, y: Any) -> Cost | None:
        """The cost that the class or its file has, if it gives one number of an output and a target."""
        output = self._run(copy.deepcopy(prototype), x)
        holders = (prototype, getattr(prototype, "cost", None), getattr(prototype, "loss", None))
        methods = [getattr(holder, name, None) for holder in holders for name in COSTS]
        for cost in (*self.costs, *filter(inspect.isroutine, methods)):
            names = [*inspect.signature(cost).parameters]
            if len(names) != 2:
                continue
            own: Cost = (lambda a, y, f=cost: f(y, a)) if is_target_first(names) else cost
            try:
                if np.ndim(own(np.copy(output), np.copy(y))) == 0:
                    return own
            except Exception:
                continue
        return None

    def _runner(self, prototype: Any, parameters: Parameters, y: Any, cost: Cost) -> Any:
        def run(given: Arrays) -> Ran:
            own = parameters.with_these(prototype, given)
            shapes = {n: np.shape(given[n]) for n in parameters.places}

            def backward(_: Any) -> Arrays:
                result = getattr(own, self.gives)(np.copy(given["x"]), np.copy(y))
                return gradients_in(result, self.names, shapes)

            return Ran(
                {"cost": cost(self._run(parameters.with_these(prototype, given), given["x"]), y)}, backward, pure=False
            )

        return run
