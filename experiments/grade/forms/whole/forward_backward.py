"""A network as functions: forward_prop(W1, b1, W2, b2, X) → (Z1, A1, Z2, A2), back_prop(Z1, A1, …, X, Y) → gradients.

Any order of the arguments, x or X, with and without biases, any number of layers W1, W2, …; what back_prop takes is
what forward_prop takes or returns, by name, and Y: classes, one-hot, or numbers; rows or columns. The gradients come
in a row or in a dict. The cost is a function of the file (compute_cost, …) of the output and Y, else the first of
cross-entropy, ½ Σ (a − y)² and the like under which nothing differs, maybe over a count, m, of the file; the head says
which. What the file makes of what forward gives before it goes back, as yhat = softmax(z), is made.
Compared with the truth of its own forward.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran, Taught
from experiments.grade.forms.stateful.guards import unguarded
from experiments.grade.forms.whole.costs import Cost, choices
from experiments.grade.forms.whole.names import DATA, TARGET
from experiments.grade.forms.whole.network_data import BATCHES, OF_A_COST
from experiments.grade.forms.whole.results import gradients_in, returned_names

RUNS = re.compile(r"(feed_?)?forward(_?(prop\w*|pass|step|loss))?|propagate_forward", re.IGNORECASE)
GIVES = re.compile(r"back(ward)?(_?(prop\w*|pass|step))?|propagate_backward|(loss_)?gradients?", re.IGNORECASE)
WEIGHT, BIAS = (
    re.compile(r"(w|weights?|theta)_?(\d+)", re.IGNORECASE),
    re.compile(r"(b|bias(es)?)_?(\d+)", re.IGNORECASE),
)
OUTPUT = "the network's output"
EXAMPLES, SIZES = 6, {1: (4,), 2: (4, 5), 3: (4, 5, 2), 4: (4, 5, 2, 4)}
"""What comes in, and between the layers."""
CLASSES = (3, 10)
"""How many there may be: a file of digits may be written for ten."""


KeptCost = Callable[[dict[str, Any]], Any]
"""Of what forward took and gave, by name."""


class Layout(NamedTuple):
    """How examples lie, and what Y is; the arrays by name."""

    name: str
    arrays: Arrays
    target: Any
    one_hot: Any


def pieces(found: Definitions) -> Iterator[Piece]:
    """A forward of parameters and data, and the backward whose arguments are among what it takes and returns."""
    functions = found.functions()
    for name, forward in functions.items():
        takes, gives = [*inspect.signature(forward).parameters], returned_names(found.node_of(forward))
        if (
            not RUNS.fullmatch(name)
            or len([n for n in takes if n in DATA]) != 1
            or not any(map(WEIGHT.fullmatch, takes))
        ):
            continue
        for backward in functions.values():
            known = {*takes, *gives, *TARGET, *BATCHES}
            names = {*inspect.signature(backward).parameters}
            made = made_between(found, names - known, {*takes, *gives})
            if GIVES.fullmatch(backward.__name__) and names - made.keys() <= known and names & TARGET:
                yield Propagation(forward, backward, found, made)
                break


def made_between(found: Definitions, names: set[str], known: set[str]) -> dict[str, ast.expr]:
    """What the file itself makes of what forward takes and gives, by a function of its own: yhat = softmax(z)."""
    made: dict[str, ast.expr] = {}
    own = found.own().keys()
    for n in ast.walk(found.tree):
        if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call) and ast.unparse(n.value.func) in own:
            used = {m.id for a in n.value.args for m in ast.walk(a) if isinstance(m, ast.Name)}
            if isinstance(n.targets[0], ast.Name) and n.targets[0].id in names and used <= known:
                made[n.targets[0].id] = n.value
    return made


class Propagation(Piece):
    """The two functions."""

    form = "network as functions"

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        found: Definitions,
        made: Mapping[str, ast.expr] = MappingProxyType({}),
    ) -> None:
        self.forward, self.backward, self.module, self.told = forward, backward, found.module, found.told
        self.made = {n: compile(ast.Expression(e), "the file's own", "eval") for n, e in made.items()}
        self.outputs, self.names = (returned_names(found.node_of(f)) for f in (forward, backward))
        self.costs = [f for n, f in found.own().items() if inspect.isfunction(f) and OF_A_COST.search(n)]
        takes = [*inspect.signature(forward).parameters]
        self.gradients_by = backward.__name__
        super().__init__(f"{forward.__name__}, {backward.__name__}", takes, [], [forward, backward])

    @property
    def data(self) -> str:
        """The argument that has no gradient here."""
        return next(n for n in self.arguments if n in DATA)

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        layout = self._fitting(rng)
        self.form = f"network as functions, {layout.name}"
        names = [n for n in layout.arrays if n != self.data]
        self.taught = Taught(layout.arrays[self.data], layout.target, names, self.gradients_by)
        costs = [*self._costs(layout)]
        for choice, cost in costs:
            yield Example(layout.arrays, self._runner(layout, cost), fixed=(self.data,), choice=choice)
        for choice, count, cost in self._over_counts(costs if self._own_cost(layout) is None else []):
            yield Example(
                layout.arrays, self._runner(layout, cost), fixed=(self.data,), choice=choice,
                convention=f"a convention: over {count}, as the number of all examples",
            )  # fmt: skip

    def _costs(self, layout: Layout) -> Iterator[tuple[str, KeptCost]]:
        """Its own cost, or else the usual ones."""
        if own := self._own_cost(layout):
            yield from unguarded(*own, self.module)
            return
        output = self._pass({n: a.copy() for n, a in layout.arrays.items()})[OUTPUT]
        for said, cost in choices(EXAMPLES, output, layout.one_hot):
            yield said, _of_output(cost, layout.one_hot)

    def _over_counts(self, costs: list[tuple[str, KeptCost]]) -> Iterator[tuple[str, str, KeptCost]]:
        """The same costs over each whole number of the file that its backward reads, as of all its examples."""
        read = {n: vars(self.module).get(n) for n in self.backward.__code__.co_names}
        for name, count in read.items():
            if isinstance(count, int) and count > 1:
                for choice, cost in costs:
                    yield f"{choice}, over {name}", name, lambda kept, cost=cost, count=count: cost(kept) / count

    def _layouts(self, rng: np.random.Generator) -> Iterator[Layout]:
        """Columns and rows, biases of one axis or two; and for each, what Y may be."""
        weights = sorted((n for n in self.arguments if WEIGHT.fullmatch(n)), key=number_of)
        for classes, columns, flat in product(CLASSES, (True, False), (False, True)):
            sizes = (*SIZES.get(len(weights), ()), classes)
            labels, arrays = np.array([0, classes - 1, 1, classes - 1, 0, 1]), {}
            for name in self.arguments:
                if name in DATA:
                    arrays[name] = rng.standard_normal((sizes[0], EXAMPLES) if columns else (EXAMPLES, sizes[0]))
                    continue
                match = WEIGHT.fullmatch(name) or BIAS.fullmatch(name)
                if match is None:
                    raise Unclear(f"expected parameters like W1, b1 and data X, got {name}")
                k = weights.index(next(w for w in weights if number_of(w) == number_of(name)))
                n, m = sizes[k : k + 2]
                one = (m,) if flat else (m, 1) if columns else (1, m)
                arrays[name] = rng.standard_normal(((m, n) if columns else (n, m)) if WEIGHT.fullmatch(name) else one)
            one_hot = np.eye(classes)[labels].T if columns else np.eye(classes)[labels]
            where = "examples are columns" if columns else "examples are rows"
            yield Layout(f"{where}, Y is one-hot", arrays, one_hot, one_hot)  # classes may broadcast in their place
            yield Layout(f"{where}, Y are classes", arrays, labels, one_hot)

    def _fitting(self, rng: np.random.Generator) -> Layout:
        """The first layout in which the gradients have the parameters' shapes; else that runs; else forward alone."""
        why, runs, forward_alone = "", None, None
        for layout in (one for one in self._layouts(rng) if self.told.fits(one.name)):
            try:
                kept = self._pass({n: a.copy() for n, a in layout.arrays.items()})
                if np.shape(kept[OUTPUT]) != layout.one_hot.shape:
                    continue
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}"
                continue
            shapes = {n: np.shape(a) for n, a in layout.arrays.items() if n != self.data}
            try:
                found = self._gradients(self._back(kept, layout.target), shapes)
            except Exception:
                forward_alone = forward_alone or layout
                continue
            if {n: g.shape for n, g in found.items()} == {f"d{n}": shape for n, shape in shapes.items()}:
                return layout
            runs = runs or layout
        if runs or forward_alone:
            return runs or forward_alone  # pyright: ignore[reportReturnType]
        raise Unclear(f"expected weights and data as rows or columns; the first raised {why}")

    def _pass(self, given: Arrays) -> dict[str, Any]:
        """What forward takes and returns, by name; the last array is the network's output."""
        result = self.forward(**given)
        values = [*result] if isinstance(result, tuple | list) else [result]
        names = self.outputs if len(self.outputs) == len(values) else [f"value {i}" for i in range(len(values))]
        kept = dict(zip(names, values, strict=True))
        output = next(v for v in reversed(values) if isinstance(v, np.ndarray))
        cache = next((v for v in values if isinstance(v, dict)), {})
        kept = {**dict.fromkeys(BATCHES, EXAMPLES), **given, **kept, **cache}
        for name, code in self.made.items():
            kept[name] = output = eval(code, {**vars(self.module), **kept})
        return {**kept, OUTPUT: output}

    def _back(self, kept: dict[str, Any], target: Any) -> Any:
        names = inspect.signature(self.backward).parameters
        return self.backward(**{n: np.copy(target) if n in TARGET and n not in kept else kept[n] for n in names})

    def _own_cost(self, layout: Layout) -> tuple[str, KeptCost] | None:
        """A function of the file that is one number of the output, Y, and what forward took or gave, by their names."""
        kept = self._pass({n: a.copy() for n, a in layout.arrays.items()})
        for cost in self.costs:
            names = [n for n, p in inspect.signature(cost).parameters.items() if p.default is p.empty]
            others = [n for n in names if n not in TARGET and (len(names) == 2 or n not in kept)]
            if len(names) < 2 or len(others) > 1 or len([n for n in names if n in TARGET]) != 1:
                continue

            def call(kept: dict[str, Any], names: list[str] = names, others: list[str] = others, f: Any = cost) -> Any:
                return f(*(layout.target if n in TARGET else kept[OUTPUT if n in others else n] for n in names))

            try:
                if np.ndim(call(kept)) == 0:
                    return f"cost {cost.__name__}", call
            except Exception:
                continue
        return None

    def _runner(self, layout: Layout, cost: KeptCost) -> Callable[[Arrays], Ran]:
        def run(given: Arrays) -> Ran:
            kept = self._pass(given)
            value = cost(kept)
            shapes = {n: np.shape(a) for n, a in layout.arrays.items() if n not in DATA}
            return Ran({"cost": value}, lambda _: self._gradients(self._back(kept, layout.target), shapes), pure=False)

        return run

    def _gradients(self, result: Any, shapes: dict[str, tuple[int, ...]]) -> Arrays:
        """The gradient of each parameter."""
        return gradients_in(result, self.names, shapes)


def _of_output(cost: Cost, target: Any) -> KeptCost:
    return lambda kept: cost(kept[OUTPUT], target)


def number_of(name: str) -> int:
    """The layer that a name is of: 2 of W2."""
    return int(re.sub(r"\D", "", name))
