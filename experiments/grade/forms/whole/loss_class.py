"""A class whose loss(X, y) gives (loss, gradients) at once, of the parameters that it keeps: self.W, self.b, …

Also loss(inputs, targets, hprev) of sequences of integers, with one state or more. Gradients come in a dict, in a row,
or stand in self.dW; X are rows or columns, y classes, one-hot, a column of 0 and 1, or numbers. The constructor's
sizes are made small. A penalty (reg) is tried at a strength of its own; gradients may be clipped.
Compared with the truth of its own loss.
"""

import copy
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import Parameters, needed, returns_a_tuple
from experiments.grade.forms.stateful.slots import as_arrays, slots
from experiments.grade.forms.whole.alternatives import Option, alternatives
from experiments.grade.forms.whole.names import PENALTIES
from experiments.grade.forms.whole.network_data import EXAMPLES, WORDS, constructions, role
from experiments.grade.forms.whole.results import gradients_in, method_node, returned_names

METHODS = re.compile(r"(compute_|get_|calc(ulate)?_)?(loss|cost)(_?(fun|func|function))?(_(and_)?(grads?|gradients?))?|"
                     r"(forward_backward|forward_and_backward|propagate|loss_grad)", re.IGNORECASE)  # fmt: skip
STATE = re.compile(r"[hcs](_?prev|0|_0|_init|_last)?|prev_?[hcs]|(hidden|state|cell).*", re.IGNORECASE)


class Data(NamedTuple):
    """What the loss is of."""

    x: Any
    y: Any
    place: str
    axis: int = 0
    state: Any = None

    def is_taken_for_another(self, run: Callable[["Data"], Any]) -> bool:
        """Whether the target only seems to fit, as NumPy broadcasts: it runs with classes that are no integers, or
        with fewer numbers than there are examples."""
        if isinstance(self.y, list):
            return False
        other = self.y.astype(float) if self.y.dtype.kind == "i" else np.delete(self.y, 0, self.axis)
        try:
            run(self._replace(y=other))
        except Exception:
            return False
        return True


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class with a loss of data, a target and states that returns several values."""
    for name, kind in found.classes().items():
        for method in [n for n in dir(kind) if METHODS.fullmatch(n) and inspect.isfunction(getattr(kind, n))]:
            roles = _roles(getattr(kind, method))
            known = [*roles.values()]
            of_data = sorted(known[:2]) == ["x", "y"] and {*known[2:]} <= {"state", "penalty"}
            if of_data and returns_a_tuple(getattr(kind, method)):
                for option in alternatives(kind, found):
                    yield LossClass(name, kind, method, roles, found, option)
                break


def _roles(method: Any) -> dict[str, str]:
    """What the arguments are that it cannot do without, and a penalty."""
    accepts = [n for n in inspect.signature(method).parameters if n.lower() in PENALTIES]
    names = dict.fromkeys([*needed(method), *accepts])
    return {n: role(n) or ("state" if STATE.fullmatch(n) else "") for n in names}


class LossClass(Piece):
    """A class that gives a loss and its gradients."""

    form = "loss of a class"

    def __init__(
        self, name: str, kind: type, method: str, roles: dict[str, str], found: Definitions, option: Option
    ) -> None:
        self.option, self.kind, self.method, self.roles, self.module = option, kind, method, roles, found.module
        self.names = returned_names(method_node(found, kind, method))
        super().__init__(name + option.said, [*roles], [], [kind])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        why = ""
        for make, data in product(constructions(self.kind, self.option.given), self._data(rng)):
            try:
                prototype = make()
                as_arrays(prototype)
                example = self._example(prototype, data, rng)
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            if not data.is_taken_for_another(lambda d, own=prototype: self._called(copy.deepcopy(own), d)):
                self.form = f"loss of a class, {data.place}"
                yield example
                return
        raise Unclear(f"how a {self.name} is made, or what its {self.method} is of, is not known; the first: {why}")

    def _data(self, rng: np.random.Generator) -> Iterator[Data]:
        """Rows and columns, and sequences, where the arguments are called so, or there is a state."""
        has_a_state = "state" in self.roles.values()
        if not has_a_state:
            yield from _data(rng)
        if has_a_state or all(n.startswith(("input", "target")) for n in self.roles):
            yield from _sequences(rng, has_a_state)

    def _example(self, prototype: Any, data: Data, rng: np.random.Generator) -> Example:
        """
        Raises:
            Unclear: not every parameter has a gradient of its shape.
        """
        parameters = Parameters(prototype, data.x, lambda own, _: self._called(own, data)[0], rng)
        arrays = {n: a / 2 for n, a in parameters.drawn(prototype, rng).items()}  # gradients that no clipping meets
        run = self._runner(prototype, parameters, data)
        ran = run({n: a.copy() for n, a in arrays.items()})
        shapes = {n: g.shape for n, g in ran.backward(None).items()} if ran.backward else {}
        if not arrays or shapes != {f"d{n}": a.shape for n, a in arrays.items()} or not np.isfinite(ran.y["loss"]):
            raise Unclear(f"expected a finite loss, and a gradient of each of {[*arrays]}")
        return Example(arrays, run, together=True)

    def _called(self, own: Any, data: Data) -> tuple[Any, Any]:
        """The loss, and what comes beside it."""
        values = {"x": data.x, "y": data.y, "state": data.state, "penalty": STRENGTH}
        result = getattr(own, self.method)(**{n: copy.deepcopy(values[r]) for n, r in self.roles.items()})
        return result[0], [*result[1:]]

    def _runner(self, prototype: Any, parameters: Parameters, data: Data) -> Callable[[Arrays], Ran]:
        shapes = {n: np.shape(dict(slots(prototype))[places[0]]) for n, places in parameters.places.items()}

        def run(given: Arrays) -> Ran:
            own = parameters.with_these(prototype, given)
            loss, others = self._called(own, data)
            names = self.names[1:] if len(self.names) == len(others) + 1 else []
            found = gradients_in(others[0] if len(others) == 1 else others, names, shapes)
            return Ran({"loss": np.sum(loss)}, lambda _: found or parameters.kept_gradients(own), pure=False)

        return run


def _sequences(rng: np.random.Generator, has_a_state: bool) -> Iterator[Data]:
    for words, size, is_column in product((4, 2), (4, 3, 2), (True, False)):
        state = rng.standard_normal((size, 1) if is_column else size) / 2 if has_a_state else None
        yield Data([*WORDS[:words]], [*WORDS[1 : words + 1]], "sequences of integers", state=state)


def _data(rng: np.random.Generator) -> Iterator[Data]:
    """What X and y may be."""
    rows, labels = rng.standard_normal((EXAMPLES, 3)), np.array([0, 1, 1, 0, 1])
    binary, numbers = labels.astype(float), rng.standard_normal((EXAMPLES, 4))
    for x, where, turned in ((rows, "examples are rows", False), (rows.T.copy(), "examples are columns", True)):
        for classes in (4, 2, 3):
            yield Data(x, np.array([0, classes - 1, 1, 0, classes - 1]), f"{where}, y are classes", -1)
        for y in (numbers, numbers[:, :2], numbers[:, :3], binary[:, None], binary):
            yield Data(x, y.T.copy() if turned else y, where, -1 if turned else 0)
