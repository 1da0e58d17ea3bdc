"""A network in columns whose parameters lie in a dict: L_model_forward(X, parameters) gives (AL, caches).

L_model_backward(AL, Y, caches) gives grads, with the keys dW1, db1, …; also forward_propagation(X, parameters) and
backward_propagation(parameters, cache, X, Y), in any order, with lambd or keep_prob; a forward of (X, Y, parameters)
may give (cost, cache). X is (n, m), W1 (out, in), b1 (out, 1); Y is (1, m) of 0 and 1, or one-hot (C, m). The cost is
a function of the file (compute_cost(AL, Y), …), else a usual one; the head says which, and whether grads["dA0"] lacks
its 1/m.
Compared with the truth of its own forward and cost.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from itertools import pairwise, permutations
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.course.arguments import keys_of
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Fields, Piece, Ran, Taught
from experiments.grade.forms.stateful.guards import unguarded
from experiments.grade.forms.whole.costs import choices
from experiments.grade.forms.whole.names import DATA, PARAMETERS, PENALTIES, TARGET
from experiments.grade.forms.whole.results import gradients_in

FORWARD = re.compile(r"forward|fwd|\bfprop|predict", re.IGNORECASE)
BACKWARD = re.compile(r"backward|bwd|\bbprop|back|grad(ient)?s?", re.IGNORECASE)
KEY = re.compile(r"[Ww]\d+")
EXAMPLES = 4
"""A power of two: times 1/N is exact."""
SIZES = ((3, 5, 2, 1), (3, 5, 2, 3), (3, 5, 1), (3, 5, 3), (3, 1), (3, 5, 2, 4, 1), (3, 5, 2, 4, 3))
USUAL = (("output", "Y", "cache"), ("X", "Y", "cache"), ("parameters", "cache", "X", "Y"))
"""The orders of a backward's arguments that are tried first."""
UNAVERAGED = 'grads["dA0"] without the 1/N of the cost'


SETTINGS = {**dict.fromkeys(PENALTIES, 0.7), "keep_prob": 0.8}
"""What the functions may take besides: the weight of a penalty, the chance that a unit stays."""


class Layout(NamedTuple):
    """Arrays, of which the first is X; the target; and the parameters' keys."""

    arrays: Arrays
    target: Any
    keys: list[str]


class Passed(NamedTuple):
    """What a forward took and gave."""

    x: Any
    parameters: Fields
    output: Any
    caches: list[Any]


def pieces(found: Definitions) -> Iterator[Piece]:
    """A forward of data and a dict of parameters, and the backward of its name that knows the target."""
    functions = found.functions()
    for name, forward in functions.items():
        data = [n for n in _needed(forward) if n not in TARGET]
        if not FORWARD.search(name) or len(data) != 2 or len(_needed(forward)) > 3:
            continue
        stem = BACKWARD.sub("", FORWARD.sub("", name))
        for other, backward in functions.items():
            theirs = BACKWARD.sub("", FORWARD.sub("", other))
            nearer = any(FORWARD.search(n) and FORWARD.sub("", n) == theirs for n in functions)
            alike = theirs == stem or (theirs.startswith(f"{stem}_with") and not nearer)
            if BACKWARD.search(other) and alike and backward is not forward and len(_needed(backward)) in (3, 4, 5):
                piece = ColumnNetwork(forward, backward, found)
                if piece.layout is not None:
                    yield piece


def _needed(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters
    return [n for n, p in parameters.items() if p.default is p.empty and n not in SETTINGS]


def _settings(function: Callable[..., Any]) -> dict[str, float]:
    return {n: SETTINGS[n] for n in inspect.signature(function).parameters if n in SETTINGS}


Cost = Callable[[Passed, Any], Any]
"""Of what a forward took and gave, and its output."""


class ColumnNetwork(Piece):
    """The two functions. `layout` is None where they are of another form."""

    form = "network in columns"

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any], found: Definitions) -> None:
        self.forward, self.backward, self.module = forward, backward, found.module
        self.costs = [f for n, f in found.own().items() if inspect.isfunction(f) and re.search("cost|loss", n, re.I)]
        takes = [n for n in _needed(forward) if n not in TARGET]
        self.gradients_by = backward.__name__
        self.target = next((n for n in _needed(forward) if n in TARGET), "")
        keys = [{*keys_of(found, forward, n)} for n in takes]
        self.x = 1 if any(map(KEY.fullmatch, keys[0])) or (takes[1] in DATA and takes[0] not in DATA) else 0
        self.depth = len({k for ks in keys for k in ks if KEY.fullmatch(k)})
        self.takes = takes
        super().__init__(f"{forward.__name__}, {backward.__name__}", takes, [], [forward, backward])
        self.layout = next(self._layouts(), None)

    def _layouts(self) -> Iterator[Layout]:
        """What the forward runs on and gives the shape of the target for; 3 rows where they add up to 1."""
        rng = np.random.default_rng(0)
        for sizes in SIZES:
            if self.depth not in (0, len(sizes) - 1):
                continue
            arrays: Arrays = {"X": rng.standard_normal((sizes[0], EXAMPLES))}
            for k, (n, m) in enumerate(pairwise(sizes), 1):
                arrays |= {f"W{k}": rng.standard_normal((m, n)), f"b{k}": rng.standard_normal((m, 1))}
            target = np.array([[1, 0, 0, 1]]) if sizes[-1] == 1 else np.eye(3)[:, [0, 2, 1, 2]]
            layout = Layout(arrays, target, [*arrays][1:])
            try:
                output = np.asarray(self._pass(layout, arrays).output)
            except Exception:  # another depth
                continue
            if (self.target and output.shape == () and np.isfinite(output)) or (
                output.shape == target.shape and (sizes[-1] == 1) != np.allclose(output.sum(axis=0), 1)
            ):
                yield layout

    def _pass(self, layout: Layout, given: Arrays) -> Passed:
        x, parameters = np.copy(given["X"]), {k: np.copy(given[k]) for k in layout.keys}
        named = dict(zip(self.takes, (x, parameters) if self.x == 0 else (parameters, x), strict=True))
        named |= {self.target: np.copy(layout.target)} if self.target else {}
        np.random.seed(0)
        result = self.forward(**named, **_settings(self.forward))
        if not isinstance(result, tuple) or len(result) < 2:
            raise Unclear("forward returned no cache beside its output; expected (AL, caches)")
        arrays = [v for v in result if not isinstance(v, tuple | list | dict)] if self.target else []
        arrays = arrays or [v for v in result if isinstance(v, np.ndarray)]
        return Passed(x, parameters, arrays[0], [v for v in result if v is not arrays[0]])

    def _called(self, layout: Layout) -> list[str]:
        """What each argument of the backward is: by its name, else in the first order in which it gives the gradients.

        Raises:
            Unclear: in none.
        """
        why = ""
        for order in self._orders():
            try:
                gradients = self._back(layout, self._pass(layout, layout.arrays), order)
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            if any(k in gradients for k in (f"d{key}" for key in layout.keys)):
                return order
        raise Unclear(f"expected a backward of (AL, Y, caches) or (parameters, cache, X, Y); the first raised {why}")

    def _orders(self) -> Iterator[list[str]]:
        names = _needed(self.backward)
        known = {n: "Y" for n in names if n in TARGET} | {n: "X" for n in names if n in DATA}
        known |= {n: "cache" for n in names if "cache" in n.lower()}
        known |= {n: "parameters" for n in names if n in PARAMETERS}
        usual = [order for order in USUAL if len(order) == len(names)]
        for chosen in (*usual, *permutations(("output", "Y", "cache", "parameters", "X"), len(names))):
            if all(known.get(n, what) == what for n, what in zip(names, chosen, strict=True)):
                yield [*chosen]

    def _back(self, layout: Layout, passed: Passed, order: list[str]) -> Arrays:
        values = {
            "output": passed.output, "Y": np.copy(layout.target), "parameters": passed.parameters, "X": passed.x,
            "cache": passed.caches[0] if len(passed.caches) == 1 else tuple(passed.caches),
        }  # fmt: skip
        result = self.backward(*(values[what] for what in order), **_settings(self.backward))
        found = gradients_in(result, [], {k: layout.arrays[k].shape for k in layout.keys})
        if isinstance(result, dict) and "dA0" in result:
            found["dX"] = np.asarray(result["dA0"])
        return found

    def _costs(self, layout: Layout) -> Iterator[tuple[str, Cost]]:
        """The functions of the file that are a cost of this output; where there is none, every cost that is usual."""
        passed = self._pass(layout, layout.arrays)
        if np.ndim(passed.output) == 0:
            yield "the cost that it returns", lambda _, a: a
            return
        penalised = _settings(self.backward).keys() - {"keep_prob"}
        found = False
        for cost in self.costs:
            for turned in (False, True):

                def call(p: Passed, a: Any, cost: Callable[..., Any] = cost, turned: bool = turned) -> Any:
                    given = iter((np.copy(layout.target), a) if turned else (a, np.copy(layout.target)))
                    named = {n: p.parameters if n in PARAMETERS else next(given) for n in _needed(cost)}
                    return np.asarray(cost(**named, **_settings(cost))).reshape(-1)[0]

                data = [n for n in _needed(cost) if n not in PARAMETERS]
                if len(data) == 2 and _settings(cost).keys() == penalised and _is_cost_of(call, passed):
                    found = True
                    yield from unguarded(f"cost {cost.__name__}", call, self.module)
                    break
        if not found and penalised:
            raise Unclear(f"expected a cost(…, {', '.join(sorted(penalised))}) beside {self.backward.__name__}")
        for choice, known in () if found else choices(EXAMPLES, passed.output, layout.target):
            yield choice, lambda _, a, known=known: known(a, layout.target)

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:  # noqa: ARG002
        if self.layout is None:
            raise Unclear("no layout of its parameters is known on which it runs")
        order = self._called(self.layout)
        arrays, target, keys = self.layout
        self.taught = Taught(arrays["X"], target, keys, self.gradients_by)
        has_input = "dX" in self._back(self.layout, self._pass(self.layout, self.layout.arrays), order)
        for choice, cost in [*self._costs(self.layout)]:
            for said, count in ((UNAVERAGED, EXAMPLES), ("", 1)) if has_input else (("", 1),):
                run = self._runner(self.layout, order, cost, count)
                fixed = () if has_input else ("X",)
                yield Example(self.layout.arrays, run, fixed=fixed, choice=", ".join(filter(None, [choice, said])))

    def _runner(self, layout: Layout, order: list[str], cost: Cost, count: int) -> Any:
        def run(given: Arrays) -> Ran:
            passed = self._pass(layout, given)

            def backward(_: Any) -> Arrays:
                return {n: g / count if n == "dX" else g for n, g in self._back(layout, passed, order).items()}

            return Ran({"cost": cost(passed, passed.output)}, backward, pure=False)

        return run


def _is_cost_of(call: Cost, passed: Passed) -> bool:
    """Whether it is one finite number, which every example has a part in."""
    try:
        with np.errstate(all="ignore"):
            value = call(passed, np.copy(passed.output))
            others = []
            for example in range(EXAMPLES):
                others.append(moved := np.copy(passed.output))
                moved[:, example] *= 0.5
            return bool(np.isfinite(value)) and all(call(passed, o) != value for o in others)
    except Exception:  # a cost of something else
        return False
