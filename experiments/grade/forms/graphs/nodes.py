"""Nodes of a graph: class Linear(Node), made of the nodes before it, with forward() and backward() that take nothing.

A node keeps its value, the nodes after it, and a dict of its gradients by the node that each is for, from those of the
nodes after it. One that is made of none is an input, whose value is put there. What these are called is found by what
changes. Also a pass over a list of nodes, and a step of it: sgd_update(trainables, learning_rate).
Compared with the truth of its own forward, and with θ − η ∂C/∂θ.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import RATES, methods_of, needed
from experiments.grade.forms.whole.updates import RATE

Shapes = Sequence[tuple[int, ...]]
SHAPES: dict[int, list[Shapes]] = {
    1: [[(5, 3)]],
    2: [[(5, 3), (5, 3)], [(5, 3), (3, 4)], [(5, 1), (5, 1)]],
    3: [[(5, 3), (3, 4), (4,)], [(5, 3), (3, 4), (1, 4)], [(5, 3), (5, 3), (5, 3)]],
}
"""What the values of the nodes before one may be."""
MANY = 2
"""How many nodes are handed to one that takes any number."""
BEGINS, GOES_FORWARD, GOES_BACK = range(3)


class Words(NamedTuple):
    """What the nodes of a file call their value and the list of those after them, and the class of the inputs."""

    value: str
    after: str
    leaf: type


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class of nodes, the passes over a list of them, and the steps."""
    kinds = {n: k for n, k in found.classes().items() if _goes_by_itself(k)}
    words = next((w for k in kinds.values() for leaf in kinds.values() if (w := _words(k, leaf))), None)
    if words is None:
        return
    for name, kind in kinds.items():
        if kind is not words.leaf and _made_of(kind):
            yield NodeClass(name, kind, words, found)
    for name, function in found.functions().items():
        if _is_a_step(function, words):
            yield StepOfNodes(name, function, words, found)


def _goes_by_itself(kind: type) -> bool:
    methods = methods_of(kind)
    return methods is not None and not any(needed(getattr(kind, m)) for m in methods)


def _made_of(kind: type) -> int:
    """How many nodes one is made of."""
    if not inspect.isfunction(kind.__init__):
        return 0
    takes = inspect.signature(kind.__init__).parameters.values()
    return len(needed(kind.__init__)) or MANY * any(p.kind is p.VAR_POSITIONAL for p in takes)


def _words(kind: type, leaf: type) -> Words | None:
    """What a node of inputs of this class calls what it keeps; None where it is made of something else."""
    if _made_of(leaf) or not _made_of(kind):
        return None
    for shapes in SHAPES.get(_made_of(kind), ()):
        with suppress(Exception):  # it is made of something else, or takes other shapes
            leaves = [leaf() for _ in shapes]
            node: Any = kind(*leaves)
            after = next(n for n, v in vars(leaves[0]).items() if isinstance(v, list) and any(e is node for e in v))
            free = [n for n, v in vars(leaves[0]).items() if n in vars(node) and not isinstance(v, list | dict)]
            for value in free:
                with suppress(Exception):  # it is no value
                    before = vars(node)[value]
                    for one, shape in zip(leaves, shapes, strict=True):
                        setattr(one, value, np.full(shape, 0.5))
                    node.forward()
                    if vars(node)[value] is not before:
                        return Words(value, after, leaf)
    return None


def _of_value(words: Words, array: Any) -> Any:
    leaf = words.leaf()
    setattr(leaf, words.value, array)
    return leaf


def _gradient_for(node: Any, *where: Any) -> Any:
    """What the first of these objects that keeps a gradient for a node has."""
    return next((d[node] for thing in where for d in _dicts(thing) if node in d), None)


def _of_nodes(leaf: Any, nodes: Sequence[Any]) -> Any:
    """The sum of what nodes keep for an input; None, if one keeps nothing."""
    found = [_gradient_for(leaf, node) for node in nodes]
    return None if any(g is None for g in found) else sum(found[1:], start=found[0])


def _dicts(node: Any) -> list[dict[Any, Any]]:
    return [d for d in vars(node).values() if isinstance(d, dict)]


class NodeClass(Piece):
    """A class of nodes, each made of inputs and followed by one that hands down δ."""

    form = "node of a graph"

    def __init__(self, name: str, kind: type, words: Words, found: Definitions) -> None:
        self.kind, self.words, self.module, self.found = kind, words, found.module, found
        count = _made_of(kind)
        names = needed(kind.__init__) or [f"x{i}" for i in range(1, count + 1)]
        self.inputs_keep = False
        """Whether inputs keep their own gradients, as is seen when each node goes back by hand."""
        super().__init__(name, names, [], [kind, words.leaf])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        arrays, delta = self._fitting(rng)
        yield Example(arrays, self._runner([1]), delta)
        if delta is not None:
            yield Example(arrays, self._runner([0.5, 0.5]), delta, place="before two nodes")
            yield Example(arrays, self._runner([0.5], count=2), delta, place="beside another of the same inputs")
        for name, go in self.found.functions().items():
            run = self._runner([1], go)
            with suppress(Exception):  # it is no pass over a list of nodes
                back: Any = run({n: a.copy() for n, a in arrays.items()}).backward
                if back(delta):
                    yield Example(arrays, run, delta, place=f"through {name}")

    def _fitting(self, rng: np.random.Generator) -> tuple[Arrays, Any]:
        """The inputs on which it goes furthest, and a δ; none where it is a cost.

        Raises:
            Unclear: it goes forward on none.
        """
        best, found, why = BEGINS, None, f"{self.name} is made of {len(self.arguments)} nodes"
        for shapes in SHAPES.get(len(self.arguments), ()):
            arrays = {n: rng.standard_normal(s) for n, s in zip(self.arguments, shapes, strict=True)}
            far, delta = BEGINS, None
            try:
                ran = self._runner([1])({n: a.copy() for n, a in arrays.items()})
                far, back = GOES_FORWARD, ran.backward
                delta = rng.standard_normal(np.shape(ran.y)) if np.ndim(ran.y) else None
                gradients = back(delta) if back else {}
                fits = all(np.shape(g) == arrays[n[1:]].shape for n, g in gradients.items())
                far = GOES_BACK if gradients and fits else far
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
            if far > best:
                best, found = far, (arrays, delta)
        if found is None:
            raise Unclear(f"what the nodes before it hold is not known; the last that was tried raised {why}")
        return found

    def _runner(
        self, parts: Sequence[float], go: Callable[[list[Any]], Any] | None = None, count: int = 1
    ) -> Callable[[Arrays], Ran]:
        """A pass through so many nodes of the same inputs, to each of which δ comes from as many others as there are
        parts of it; by a function of the file, or by hand."""

        def run(given: Arrays) -> Ran:
            leaves, followers = [_of_value(self.words, a) for a in given.values()], list[Any]()
            nodes: list[Any] = [self.kind(*leaves) for _ in range(count)]
            graph = [*leaves, *nodes]
            for each in graph if go is None else ():
                each.forward()
            if go is not None:
                _forward_alone(go, graph)

            def backward(delta: Any) -> Arrays:
                above = [] if delta is None else [delta * part for part in parts]
                for node in nodes:
                    dicts = [n for n, v in vars(node).items() if isinstance(v, dict)]
                    getattr(node, self.words.after)[:] = own = [
                        SimpleNamespace(**{n: {node: part} for n in dicts}, forward=_rest, backward=_rest)
                        for part in above
                    ]
                    followers.extend(own)
                if go is not None:
                    go([*graph, *followers])
                for each in reversed(graph) if go is None else ():
                    each.backward()
                found = {n: _of_nodes(leaf, nodes) for n, leaf in zip(given, leaves, strict=True)}
                if go is None:
                    self.inputs_keep = any(leaf in d for leaf in leaves for d in _dicts(leaf))
                if self.inputs_keep:  # one that a pass does not reach has none
                    found = {n: _gradient_for(leaf, leaf) for n, leaf in zip(given, leaves, strict=True)}
                    found = {n: np.zeros_like(given[n]) if g is None else g for n, g in found.items()}
                return {f"d{n}": np.asarray(g) for n, g in found.items() if g is not None}

            return Ran(np.asarray(getattr(nodes[0], self.words.value)), backward, pure=False)

        return run


def _rest() -> None:
    """What a node does that has done its part."""


def _forward_alone(go: Callable[[list[Any]], Any], graph: list[Any]) -> None:
    """The first half of a pass over a graph, whose second half has nothing to go back from."""
    go([SimpleNamespace(forward=each.forward, backward=_rest) for each in graph])


def _is_a_step(function: Callable[..., Any], words: Words) -> bool:
    """Whether a function of a list of nodes moves what they hold."""
    with suppress(Exception):  # it is another function
        leaf = _moved(function, words, [np.ones(2)], [np.ones(2)])[0]
        return leaf.shape == (2,) and not np.array_equal(leaf, np.ones(2))
    return False


def _moved(function: Callable[..., Any], words: Words, values: Sequence[Any], slopes: Sequence[Any]) -> list[Any]:
    """The values of inputs after a step."""
    leaves = [_of_value(words, v) for v in values]
    for leaf, slope in zip(leaves, slopes, strict=True):
        for name in [n for n, v in vars(leaf).items() if isinstance(v, dict)]:
            setattr(leaf, name, {leaf: slope})
    rates = [n for n in inspect.signature(function).parameters if n.lower() in RATES]
    function(leaves, **dict.fromkeys(rates, RATE))
    return [getattr(leaf, words.value) for leaf in leaves]


class StepOfNodes(Piece):
    """A function that moves the values of nodes along their gradients."""

    form = "a step of gradient descent"

    def __init__(self, name: str, function: Callable[..., Any], words: Words, found: Definitions) -> None:
        self.function, self.words, self.module = function, words, found.module
        super().__init__(name, [*inspect.signature(function).parameters], [], [function])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        names, shapes = ("W", "b"), ((3, 4), (4,))
        arrays = {f"{d}{n}": rng.standard_normal(s) for d in ("", "d") for n, s in zip(names, shapes, strict=True)}
        delta = {n: rng.standard_normal(s) for n, s in zip(names, shapes, strict=True)}

        def run(given: Arrays) -> Ran:
            values, slopes = ([np.copy(given[d + n]) for n in names] for d in ("", "d"))
            moved = _moved(self.function, self.words, values, slopes)
            return Ran(dict(zip(names, moved, strict=True)), None)

        yield Example(arrays, run, delta, known="descent", options={"lr": RATE})
