"""How an object of a class is made, and what its forward runs on: by its arguments' names, or else by what runs."""

import copy
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product, takewhile
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.piece import Outputs, by_name
from experiments.grade.forms.placeholders import is_placeholder
from experiments.grade.forms.stateful.objects import RATE, methods_of, needed
from experiments.grade.forms.stateful.slots import as_arrays, slots
from manual.numbers.number_types import Array

GROUPS, HEADS = r"(n_?|num_?)?groups", r"(n_?|num_?)?heads"
NAMED: list[tuple[str, list[Any]]] = [
    (r"in_?shape|input_shape|x_?(dim|shape)", [(2, 5, 6)]),
    (r"output_shape|out_shape", [(60, 1), (60,)]),
    (GROUPS, [2]),
    (r"(in|input|n|num)_?(channels?|depth)|c_?in|channels?", [2]),
    (r"(out|output)_?(channels?|depth)|c_?out|depth|(n|num|number_of)_?(filter|kernel)s?|filters|kernels", [3]),
    (r"(kernel|filter|pool|window)_?(size|shape|h|w|height|width|dim)?|[hw]_?(kernel|filter|pool)|ksize|k|f", [2]),
    (r"strides?", [2, 1]),
    (r"pad(ding)?", [1, 0]),
    (r"(drop_?(out)?_?)?(rate|p|prob|probability|ratio)|dropout|keep_?prob", [0.4]),
    (r"alpha|(negative_)?slope|leak", [0.1]),
    (r"eps(ilon)?", [0.01]),
    (r"momentum", [0.8]),
    (r"(n_?|num_?)?(vocab|words|embeddings)(_?size|_?dim)?", [5]),
    (r"(n_?)?(hidden|state)(_?(size|dim|units|features))?", [2]),
    (HEADS, [2]),
    (r"(n_?|num_?)?(inputs?|in|fan_?in|features|embedding|embed|model|d_model)(_?(size|dim|len(gth)?|features|units|neurons))?"
     r"|dim(_?in)?|normalized_shape|size", [3]),
    (r"(n_?|num_?)?(outputs?|out|fan_?out|units|neurons|nodes)(_?(size|dim|features|units))?|dim_?out", [4]),
    (r"activation|act", ["relu"]),
]  # fmt: skip
"""What an argument of such a name may be, beside the inputs below."""
ARRAYS: list[dict[str, tuple[int, ...]]] = [
    {"w": (3, 4), "b": (4,)}, {"w": (3, 4), "b": (1, 4)}, {"w": (4, 3), "b": (4, 1)}, {"w": (3, 2, 2, 2), "b": (3,)},
    {"gamma": (3,), "beta": (3,)}, {"gamma": (1, 3), "beta": (1, 3)},
    *({"wx": (3, 2 * gates), "wh": (2, 2 * gates), "b": (2 * gates,)} for gates in (1, 4, 3)),
]  # fmt: skip
"""Arrays that go together, by the arguments' names."""
ALIKE = {"weight": "w", "weights": "w", "kernel": "w", "filters": "w", "bias": "b", "biases": "b", "scale": "gamma",
         "shift": "beta", "wxh": "wx", "whh": "wh", "w_x": "wx", "w_h": "wh", "bh": "b"}  # fmt: skip
PARTS = ("layers", "modules", "layer_list", "blocks", "net")
"""What a network calls its parts, before its loss or its optimizer."""
PART = ("inner", "layer", "module", "sublayer", "sub_layer", "block", "wrapped", "fn")
"""What a layer calls the one that it wraps."""
Words = Mapping[str, list[str]]
"""The words that an argument may be, by its name."""
SIZE = re.compile(r"(.*_)?(dims?|sizes?|units|features|neurons|nodes|hidden|inputs?|outputs?)|n_\w+", re.IGNORECASE)
WINDOW = re.compile(
    r".*(kernel|filter|pool|window|batch|step|stride|max|head|group|layer|block|iter|epoch).*", re.IGNORECASE
)
"""What a number of units is called that has a default, and what is none."""
SMALL_SIZE, LARGE = 3, 8
MOST = 24
"""Ways to make an object that are tried by its arguments' names."""


def constructions(
    kind: type, rng: np.random.Generator, parts: Sequence[Any] = (), words: Words = MappingProxyType({})
) -> Iterator[list[Any]]:
    """What a constructor may be called with: sizes, arrays, settings, words that it knows, an activation and its
    derivative, or the parts of a network."""
    names = needed(kind.__init__) if "__init__" in dir(kind) and inspect.isfunction(kind.__init__) else []
    count = len(names)
    if not count:
        yield []
        return
    if parts and count == 1 and names[0].lower() in PART:
        yield [type(parts[0])(3, 3)]
    if parts and (count == 1 or names[0].lower() in PARTS):
        yield [[*parts], *[None] * (count - 1)]
    yield from _by_names(names, rng, words)
    sizes = {1: [[3], [4]], 2: [[3, 4], [2, 3], [3, 2]], 3: [[3, 4, 2], [3, 2, 4], [2, 3, 3]], 4: [[2, 3, 3, 1]]}
    shapes = {1: [[(3, 4)], [(3,)]], 2: [[(3, 4), (4,)], [(3, 4), (1, 4)], [(4, 3), (4, 1)], [(3,), (3,)]]}
    arrays = [[rng.standard_normal(shape) for shape in each] for each in shapes.get(count, [])]
    if count == 1:  # one number is a setting rather than an array
        yield from [*sizes[1], *arrays]
    else:
        yield from [*arrays, *sizes.get(count, [])]
    if count == 2:
        yield [np.tanh, lambda x: 1 - np.tanh(x) ** 2]
    if more := _with_none_by_default(kind, count):
        yield from _by_names(more, rng, words)


def _with_none_by_default(kind: type, count: int) -> list[str]:
    """What a constructor needs, and the arguments after it that are None by default, as a size that it may be told."""
    parameters = [p for p in inspect.signature(kind).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    after = [*takewhile(lambda p: p.default is None, parameters[count:])]
    return [p.name for p in (*parameters[:count], *after)] if after else []


def _by_names(names: list[str], rng: np.random.Generator, words: Words) -> Iterator[list[Any]]:
    """What arguments of these names may be; nothing where one of them says nothing."""
    for shapes in ARRAYS:
        roles = [ALIKE.get(n.lower(), n.lower()) for n in names]
        ways = [
            [rng.standard_normal(shapes[r])] if r in shapes else _values(n) for n, r in zip(names, roles, strict=True)
        ]
        if not shapes.keys().isdisjoint(roles):
            yield from map(list, islice(product(*ways), MOST))
    of_groups = any(re.fullmatch(GROUPS, n.lower()) for n in names)  # of two channels each, or they are as channels
    of_heads = any(re.fullmatch(HEADS, n.lower()) for n in names)  # which divide the features
    divided = {n for n in names if (of_groups and "channel" in n.lower()) or (of_heads and _values(n) == [3])}
    ways = [[4] if n in divided else words.get(n) or _values(n) for n in names]
    yield from map(list, islice(product(*ways), MOST))


def small_sizes(kind: type) -> dict[str, int]:
    """Small numbers for the sizes that a constructor has by default, where one is large."""
    parameters = inspect.signature(kind).parameters.values() if inspect.isfunction(kind.__init__) else ()
    sizes = [p for p in parameters if type(p.default) is int and SIZE.fullmatch(p.name) and not WINDOW.match(p.name)]
    if all(p.default <= LARGE for p in sizes):
        return {}
    return {p.name: (_values(p.name) or [SMALL_SIZE])[0] for p in sizes}


def _values(name: str) -> list[Any]:
    return next((values for pattern, values in NAMED if re.fullmatch(pattern, name.lower())), [])


class Descent:
    """An optimizer whose step is the gradient, for what is handed one."""

    def update(self, w: Any, gradient: Any) -> Any:
        """w − η g"""
        return w - RATE * gradient


def made(kind: type, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """An object made with these arguments, which has its parameters."""
    own = kind(*copy.deepcopy([*arguments]), **options)
    as_arrays(own)
    if inspect.ismethod(tell := getattr(own, "set_input_shape", None)):
        tell((3,))
    for name in ("initialize", "build"):
        if inspect.ismethod(begin := getattr(own, name, None)) and [*inspect.signature(begin).parameters] == [
            "optimizer"
        ]:
            begin(Descent())
    return own


ROWS = "examples are rows"
BATCHES: dict[str, tuple[int, ...]] = {
    ROWS: (5, 3), "examples are columns": (3, 5), "pictures": (2, 2, 5, 6),
    "larger pictures": (2, 2, 4, 8), "pictures, channels last": (2, 5, 6, 2), "sequences": (2, 5, 3),
    "signals": (2, 2, 6), "pictures of three channels": (2, 3, 5, 6), "pictures of four channels": (2, 4, 5, 6),
    "sequences, four features": (2, 5, 4),
}  # fmt: skip
"""What x may be."""
SINGLE: dict[str, tuple[int, ...]] = {
    "one example, a column": (3, 1), "one example, a vector": (3,), "one picture": (2, 5, 6),
    "one picture, no channels": (5, 6), "one example, a row": (1, 3), "a sequence of columns": (4, 3, 1),
    "one sequence, four features": (5, 4),
}  # fmt: skip
"""What it may be where it cannot be several examples: a backward that raises on these is written for one."""
WORDS = np.array([[0, 2, 1, 2], [1, 0, 0, 1]])
"""What it may be where no floats do: a word occurs twice."""


SEVERAL: dict[int, dict[str, list[tuple[int, ...]]]] = {
    2: {
        "one step, examples are rows": [(5, 3), (5, 2)], "two arrays of a shape": [(5, 3), (5, 3)],
        "one step, examples are columns": [(3, 5), (2, 5)], "one step of one example": [(3, 1), (2, 1)],
        "one step of one example, vectors": [(3,), (2,)],
    },
    3: {
        "one step, examples are rows": [(5, 3), (5, 2), (5, 2)], "queries, keys and values": [(2, 5, 3)] * 3,
        "queries, keys and values of four features": [(2, 5, 4)] * 3,
        "queries, keys and values of one sequence": [(5, 3)] * 3,
        "one step, examples are columns": [(3, 5), (2, 5), (2, 5)], "one step of one example": [(3, 1), (2, 1), (2, 1)],
        "one step of one example, vectors": [(3,), (2,), (2,)],
    },
}  # fmt: skip
"""What several inputs may be."""
Inputs = list[dict[str, list[Array]]]


def drawn_inputs(count: int, rng: np.random.Generator, of_vectors: bool = False) -> Inputs:
    """What so many inputs may be, by families: several examples before one, and words last; or vectors first."""
    if count > 1:
        families = {n: [rng.standard_normal(s) for s in shapes] for n, shapes in SEVERAL[count].items()}
        vectors = {n: drawn for n, drawn in families.items() if drawn[0].ndim == 1}
        return [vectors, families] if of_vectors else [families]
    of_one = [{n: [rng.standard_normal(shape)] for n, shape in shapes.items()} for shapes in (BATCHES, SINGLE)]
    vectors = {n: drawn for n, drawn in of_one[1].items() if drawn[0].ndim == 1}
    return [*([vectors] if of_vectors else []), *of_one, {"words": [WORDS]}]


def like(y: Outputs, rng: np.random.Generator) -> Outputs:
    """A δ for each output."""
    drawn = {n: rng.standard_normal(np.shape(each)) for n, each in by_name(y).items()}
    return drawn if isinstance(y, dict) else drawn["y"]


class Fitted(NamedTuple):
    """An object that runs, and on what."""

    prototype: Any
    family: str
    inputs: list[Array]


def network_of(kinds: Sequence[type], rng: np.random.Generator) -> list[Any]:
    """Two layers of sizes with what has none between them, of a file's own classes; none where it lacks a layer."""
    dense = activation = None
    for kind in (k for k in kinds if _has_a_forward(k)):
        for arguments in constructions(kind, rng):
            try:
                own = kind(*arguments)
            except Exception:
                continue
            if all(isinstance(a, int) for a in arguments) and arguments == [3, 4]:
                dense = dense or kind
            elif not arguments:
                activation = activation or own
            break
    if dense is None:
        return []
    return [dense(3, 4), *([activation] if activation is not None else []), dense(4, 2)]


def _has_a_forward(kind: type) -> bool:
    """Whether its forward does something: more than a base class's."""
    methods = methods_of(kind)
    return methods is not None and not is_placeholder(getattr(kind, methods.forward).__code__)


def _of_its_widths(kind: type, count: int, rng: np.random.Generator) -> Inputs:
    """What a network that is made without sizes may take: of one input, as many features as a weight has."""
    try:
        weights = [a for _, a in slots(kind()) if np.ndim(a) == 2] if count == 1 else []
    except Exception:  # it is made with something
        return []
    widths = dict.fromkeys(n for a in weights for n in a.shape if n > 1)
    return [{f"{ROWS}, of {n} features": [rng.standard_normal((5, n))]} for n in widths]


def fitted(
    kind: type,
    call: Callable[[Any, Sequence[Array]], Outputs],
    back: Callable[[Any, Outputs], Any],
    inputs: Inputs,
    rng: np.random.Generator,
    parts: Sequence[Any] = (),
    options: Mapping[str, Any] = MappingProxyType({}),
    words: Words = MappingProxyType({}),
) -> Fitted:
    """The first object and inputs on which forward and backward run; else those on which forward does.

    Where `back` says False, what it gave does not fit, and another batch may be meant.

    Raises:
        Unclear: there are none.
    """
    forward_alone, misfit, why = None, None, ""
    inputs = [*inputs, *_of_its_widths(kind, len(next(iter(inputs[0].values()), [])), rng)]
    small = small_sizes(kind)
    sizes = [{**small, **options}, options] if small else [options]
    ways = (
        (families, *way)
        for families in inputs
        for way in product(sizes, [*constructions(kind, rng, parts, words)], families.items())
    )
    for families, given_sizes, arguments, (family, given) in ways:
        if misfit and families is not inputs[0]:
            break
        try:
            prototype = made(kind, arguments, given_sizes)
            own = copy.deepcopy(prototype)
            y = call(own, copy.deepcopy(given))
            if any(np.asarray(each).dtype.kind != "f" or not np.size(each) for each in by_name(y).values()):
                continue
        except Exception as error:
            why = why or f"{type(error).__name__}: {error}"
            continue
        found = Fitted(prototype, family, given)
        try:
            if back(own, like(y, rng)) is not False:
                return found
            misfit = misfit or found
        except Exception:
            forward_alone = forward_alone or found
    if (forward_alone := misfit or forward_alone) is None:
        raise Unclear(f"how a {kind.__name__} is made, or what its forward takes, is not known; the first raised {why}")
    return forward_alone
