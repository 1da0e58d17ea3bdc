"""A function and its derivative: sigmoid(x) and sigmoid_derivative(x), or one function with a flag, f(x, deriv=False).

Also sigmoid_prime, d_sigmoid, sigmoid_grad, …; the derivative may be one of x or of the output, a(1 − a); of arrays,
or of single numbers alone; of a vector, a matrix ∂yᵢ/∂xⱼ. Also forward_propagation(x, theta) and
backward_propagation(x, theta), which returns dtheta, the slope along that argument. Also a class with both, __call__(x)
and gradient(x), or that makes a base with the two. And a cost of two arguments with its gradient: mse(y_true, y_pred)
and mse_prime(y_true, y_pred), or bce_forward(p, y) and bce_backward(p, y), in either order; or of arrays alike, as a
triplet, with a gradient for each.
Compared with the truth of the function itself, or of the usual one, where the file has the derivative alone.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from experiments.grade.forms.columns.words import as_options, words_of
from experiments.grade.forms.costs.cost_and_gradient import CostFunction, CostOfArrays
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.helper_module import relu
from experiments.grade.forms.piece import NO_FIELDS, Arrays, Example, Fields, Piece, Ran
from experiments.grade.forms.settings import AS_ITSELF, at_defaults, known_to, others
from experiments.grade.forms.stand_ins import MissingBase
from experiments.grade.forms.stateful.losses import FURTHER, TARGETS
from experiments.grade.forms.stateful.making import constructions
from experiments.grade.forms.stateful.objects import is_of_its_input, methods_of, needed
from experiments.grade.forms.whole.results import returned_names
from experiments.grade.process.number_types import expit

MARK = re.compile(r"_?(derivatives?|derivate|deriv|der|prime|dash|gradient|grad)(_of)?_?|^d_?(?=[a-z])", re.IGNORECASE)
"""What makes the name of a derivative of a function's."""
VALUES = ("__call__", "forward", "function", "func", "fn", "f", "activate", "activation", "apply", "compute", "value")
SLOPES = ("gradient", "derivative", "deriv", "prime", "grad", "df", "f_prime", "fprime", "d", "activation_prime",
          "derivate", "diff")  # fmt: skip
"""What a class calls a function of one array, and its derivative."""
NO_NAME_OF_A_COST = re.compile(
    r"_?(loss|cost|forward|function|func|fn|value)(?![a-z])|^(compute|calc|calculate|get)_", re.IGNORECASE
)
GOES_BACK = re.compile(r"_?(backward|backprop|back|bwd)(?![a-z])|^(compute|calc|calculate|get)_", re.IGNORECASE)
"""What the name of a cost has, and that of its gradient, besides what it is the cost of."""
Pair = tuple[Callable[..., Any], Callable[..., Any]]
"""A function and its derivative."""
USUAL: dict[str, Callable[[Any], Any]] = {
    "sigmoid": expit, "relu": relu, "softplus": lambda x: np.log(1 + np.exp(x)), "exp": lambda x: np.exp(x),
    "tanh": lambda x: np.tanh(x), "arctan": lambda x: np.arctan(x), "sin": lambda x: np.sin(x),
    "cos": lambda x: np.cos(x),
}  # fmt: skip
"""What a derivative that stands alone is the derivative of."""
FLAG = re.compile(r"deriv\w*|der|prime|grad\w*|backward", re.IGNORECASE)


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function that has a derivative beside it, or within it; or a derivative of a usual function."""
    functions = found.functions()
    for name, derivative in functions.items():
        bare = MARK.sub("", name)
        function = functions.get(bare) if bare != name else None
        if function is None and bare != name and not _is_called(name, found):  # else it is right where what calls it is
            function = USUAL.get(bare.lower())
        if function is None and (cost := _cost_of(name, functions)):
            bare, function = cost, functions[cost]
        if function is not None and (variants := _variants(function, derivative, found)):
            made_of, said = [function, derivative], at_defaults(function, derivative)
            if function in USUAL.values():
                made_of, said = [derivative], ", of the usual one"
            yield Differentiated(bare, variants, made_of, found, said)
        elif function is not None and needs(function) == needs(derivative) and needs(function) in (2, 3):
            is_of_each = needs(function) == 3 or len(returned_names(found.node_of(derivative))) == 2
            yield (CostOfArrays if is_of_each else CostFunction)(bare, function, derivative, found)
    for name, function in functions.items():
        optional = [n for n, p in inspect.signature(function).parameters.items() if p.default is not p.empty]
        flag = next((n for n in optional if FLAG.fullmatch(n)), None)
        if flag and needs(function) in (1, 2):
            variants = {
                place: (partial(function, **{flag: False}, **o), partial(function, **{flag: True}, **o))
                for place, o in (("", NO_FIELDS), *others(function))
            }
            yield Differentiated(name, variants, [function], found)
    for name, backward in functions.items():
        forward = functions.get(name.replace("backward", "forward"))
        if forward in (None, backward) or _cost_of(name, functions):
            continue
        if pair := _along_an_argument(forward, backward, found):
            yield Differentiated(f"{forward.__name__}, {name}", {"": pair}, [forward, backward], found)
    for name, kind in found.classes().items():
        if (usual := _methods(kind, NO_FIELDS)) is not None:
            variants = {place: pair for place, o in others(kind) if (pair := _methods(kind, o))}
            yield Differentiated(
                name, {"as it was made" if needed(kind.__init__) else "": usual, **variants}, [kind], found
            )


def _is_called(name: str, found: Definitions) -> bool:
    """Whether a definition of the file calls a function, or hands it on."""
    within = (n for part in found.tree.body if isinstance(part, ast.FunctionDef | ast.ClassDef) for n in ast.walk(part))
    return any(isinstance(n, ast.Name) and n.id == name for n in within)


def _variants(function: Any, derivative: Any, found: Definitions) -> dict[str, Pair]:
    """The two as functions of one array, with each setting at another value and each word that they know; none, where
    one takes more arrays."""
    words = words_of(found, derivative, function) | words_of(found, function, derivative)
    if any(not f or not {*f[1:]} <= words.keys() for f in map(needed, (function, derivative))):
        return {}
    usual = {n: words[n][0] for n in {*needed(function)[1:], *needed(derivative)[1:]}}
    told = [(place, o) for place, o in as_options(words) if not _refuses(derivative, usual | o)]
    ways = (*others(function, derivative, hands_on=False), *told)
    return {
        place: (partial(function, **known_to(function, o)), partial(derivative, **known_to(derivative, o)))
        for place, o in (("", usual), *((p, usual | o) for p, o in ways))
    }


def _refuses(derivative: Callable[..., Any], options: Fields) -> bool:
    """Whether a derivative says itself that it has none for a word."""
    try:
        derivative(np.linspace(0.1, 0.4, 4), **known_to(derivative, options))
    except (ValueError, NotImplementedError, KeyError):
        return True
    except Exception:  # which is said where it is run
        return False
    return False


def _along_an_argument(forward: Any, backward: Any, found: Definitions) -> Pair | None:
    """The two as functions of the argument p, where both take the same, and the second returns dp."""
    names, returned = [*inspect.signature(forward).parameters], returned_names(found.node_of(backward))
    moved = next((n for n in names if [f"d{n}"] == returned), None)
    if moved is None or names != [*inspect.signature(backward).parameters]:
        return None
    rest: Fields = {n: 0.7 + 0.9 * i for i, n in enumerate(names) if n != moved}
    return (lambda p: forward(**rest, **{moved: p})), (lambda p: backward(**rest, **{moved: p}))


def _cost_of(name: str, functions: dict[str, Any]) -> str:
    """The one cost that a gradient is of: it has the same arguments, and the rest of its name is the same."""
    own = MARK.sub("", GOES_BACK.sub("", name))
    if own == name:
        return ""
    takes = [n for n, p in inspect.signature(functions[name]).parameters.items() if p.default is p.empty]
    named = [n for n in functions if n != name and NO_NAME_OF_A_COST.sub("", n) == NO_NAME_OF_A_COST.sub("", own)]
    costs = [n for n in named if {*takes} == {*inspect.signature(functions[n]).parameters}]
    has_a_target = len(takes) > 1 and not TARGETS.isdisjoint(map(str.lower, takes))
    return costs[0] if len(costs) == 1 and has_a_target else ""


def _methods(kind: type, options: Fields) -> Pair | None:
    """A class's function of one array and its derivative, of an object of it; or the two that it hands on to a base
    that is not here."""
    if issubclass(kind, MissingBase) and not (needed(kind.__init__) or options):
        with suppress(Exception):  # it is made otherwise
            function, derivative = kind().handed_on
            return (function, derivative) if inspect.isfunction(function) and inspect.isfunction(derivative) else None
    names = [next((n for n in known if inspect.isfunction(getattr(kind, n, None))), "") for known in (VALUES, SLOPES)]
    methods = methods_of(kind)
    if methods and is_of_its_input(*(getattr(kind, n) for n in methods)):
        names = [*methods]
    if not all(names) or any(len(needed(getattr(kind, n))) != 1 for n in names):
        return None
    for arguments in constructions(kind, np.random.default_rng(0)):
        try:
            own = kind(*arguments, **options)
            np.shape(getattr(own, names[0])(np.ones((5, 3))))
        except Exception:  # another way to make it
            continue
        return getattr(own, names[0]), getattr(own, names[1])
    return None


def _gives_a_matrix(derivative: Callable[[Any], Any]) -> bool:
    """Whether the derivative by a vector is a matrix, as softmax's."""
    try:
        return np.shape(derivative(np.linspace(0.1, 0.4, 4))) == (4, 4)
    except Exception:  # it takes something else
        return False


def _of_a_vector(pair: Pair, given: Arrays) -> Ran:
    function, derivative = pair
    return Ran(function(given["x"]), lambda _: {"dx": derivative(np.copy(given["x"]))})


def _gives_a_number(function: Callable[[Any], Any]) -> bool:
    """Whether it makes one number of a vector."""
    try:
        return np.shape(function(np.linspace(0.1, 0.4, 4))) == ()
    except Exception:  # it takes something else
        return False


def _by_element(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of arrays; one of single numbers is called with each of them."""

    def of_arrays(x: Any) -> Any:
        try:
            return f(x)
        except (TypeError, ValueError):
            values = [f(number) for number in np.ravel(x)]
            return np.array(values, dtype=np.asarray(x).dtype).reshape(np.shape(x))

    return of_arrays


class Differentiated(Piece):
    """A function of one array, element by element, and its derivative."""

    form = "function and its derivative"

    def __init__(
        self, name: str, variants: dict[str, Pair], made_of: list[Any], found: Definitions, said: str = ""
    ) -> None:
        self.variants, self.module, self.form = variants, found.module, self.form + said
        self.gives_a_matrix = all(_gives_a_matrix(derivative) for _, derivative in variants.values())
        self.gives_a_number = all(_gives_a_number(function) for function, _ in variants.values())
        super().__init__(name, ["x"], [], made_of)

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        x, delta = rng.standard_normal((2, 4) if self.gives_a_matrix or self.gives_a_number else (2, 5, 3))
        if self.gives_a_number:  # as a penalty of a vector
            for place, pair in self.variants.items():
                yield Example({"x": x}, partial(_of_a_vector, pair), place=place)
            return
        for choice, (place, pair) in product(("of x", "of the output"), self.variants.items()):

            def run(given: Arrays, pair: Pair = pair, of_x: bool = choice == "of x") -> Ran:
                x, (function, derivative) = given["x"], map(_by_element, pair)

                def backward(delta: Any) -> Arrays:
                    slope = derivative(np.copy(x) if of_x else function(np.copy(x)))
                    return {"dx": np.asarray(slope).T @ delta if self.gives_a_matrix else np.asarray(delta * slope)}

                return Ran(function(x), backward)

            yield Example({"x": x}, run, delta, place=place, choice=choice, known=AS_ITSELF if place else "")
            if not place:  # where a branch may be that nothing near 0 takes
                yield Example({"x": FURTHER * x}, run, delta, place="further out", choice=choice, known=AS_ITSELF)
