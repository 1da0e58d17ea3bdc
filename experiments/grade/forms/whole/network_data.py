"""What a class of networks is made with, and what its methods are called with, by the names of their arguments."""

import copy
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.piece import NO_FIELDS, Arrays, Fields, Taught
from experiments.grade.forms.stateful.losses import TARGETS
from experiments.grade.forms.stateful.objects import RATE, RATES, Parameters, needed, plain
from experiments.grade.forms.stateful.slots import kept_at
from experiments.grade.forms.whole.names import PENALTIES
from manual.numbers.number_types import Array

DATA = {
    "x", "inputs", "input", "data", "training_inputs", "training_set_inputs", "train_inputs", "input_data", "x_train",
    "features", "inputs_list", "input_list", "x_batch", "batch_x", "sample", "image", "images", "net_input",
    "input_vector", "input_array", "input_values", "xs", "x_in",
}  # fmt: skip
"""What the data are called."""
MORE_TARGETS = {
    "training_outputs", "training_set_outputs", "train_outputs", "targets_list", "target_list", "y_train",
    "output_data", "expected_output", "desired_output", "target_vector", "batch_y", "target_array", "target_values",
    "ys", "answers",
}  # fmt: skip
OUTPUTS = {
    "o", "output", "outputs", "a", "out", "al", "yhat", "y_hat", "y_pred", "pred", "prediction", "predictions", "p",
    "probs", "probabilities", "predicted", "y_prob", "x_hat", "xhat", "x_recon", "recon", "reconstruction",
}  # fmt: skip
CACHES = {"cache", "caches", "memory", "memo", "store", "ctx", "context", "activations", "intermediates"}
"""What a forward returns besides its output is called."""
COUNTS = {
    "epochs", "epoch", "iterations", "n_iter", "iters", "num_iterations", "number_of_training_iterations",
    "training_iterations", "n_epochs", "num_epochs", "steps", "n_iterations", "max_iter", "max_iters", "num_iters",
    "no_of_iterations", "niter",
}  # fmt: skip
"""How often something is done: once."""
NO_SIZE = re.compile("trunc|bptt|seed|every|limit", re.IGNORECASE)
"""What a large number is called that is none of units: how far back through time a gradient goes."""
EXAMPLES = 5
BATCHES = dict.fromkeys(("batch_size", "mini_batch_size", "batch", "minibatch_size", "batchsize"), EXAMPLES)
QUIET = {"verbose": False, "seed": 0, "random_state": 0, "print_cost": False, **BATCHES}
QUIETLY = {plain(n): value for n, value in QUIET.items()}
COSTS = ("fn", "cost", "loss", "compute_cost", "compute_loss", "cost_function", "loss_function", "calculate_loss")
OF_A_COST = re.compile(r"cost|loss|entropy|mse|objective|nll", re.IGNORECASE)
"""What the name of a function has that gives a cost."""
OF_A_PENALTY = re.compile(r"penal|regulari[sz]", re.IGNORECASE)
"""What the name of a penalty's strength has."""
ROLES = {role: {*map(plain, names)} for role, names in {
    "y": TARGETS | MORE_TARGETS, "x": DATA, "output": OUTPUTS, "rate": RATES, "count": COUNTS, "penalty": PENALTIES,
    "quiet": QUIET.keys(), "cache": CACHES,
}.items()}  # fmt: skip
SIZES = (3, 4, 2)
SEQUENCE = "a sequence of classes"
TURNED = "examples are rows, and columns of the output"
LAYOUTS: dict[str, tuple[int, ...]] = {
    "one example, a column": (0, 1), "examples are rows": (5, 0), "examples are columns": (0, 5),
    TURNED: (5, 0), "one example, a vector": (0,), SEQUENCE: (5,),
}  # fmt: skip
"""The shape of x; 0 stands for as many numbers as the network takes."""
WORDS = np.array([0, 2, 1, 2, 0])
"""A sequence: a word occurs twice in it."""


def role(name: str) -> str:
    """What an argument of such a name is; "" if that is not known."""
    known = next((r for r, names in ROLES.items() if plain(name) in names), "")
    return known or ("penalty" if OF_A_PENALTY.search(name) else "")


def roles(names: Sequence[str], method: str) -> list[str]:
    """What the arguments are: by their names, or a network's data and target by their places."""
    found = [role(n) for n in names]
    if "prop" in method and len(found) == 2 and found.count("") + found.count("y") == 2:
        return ["x", "y"]
    if "y" not in found and found.count("output") == 1:  # train(inputs, outputs)
        return ["y" if r == "output" else r for r in found]
    return found


class Given(NamedTuple):
    """Data of a network: how they lie, and what the target is."""

    layout: str
    x: Array
    are_pairs: bool = False

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an output of this shape has as many examples."""
        if self.layout == SEQUENCE:
            return len(shape) == 2 and shape[0] == EXAMPLES
        examples = {"examples are rows": (0, 5), "one example, a column": (-1, 1),
                    **dict.fromkeys(("examples are columns", TURNED), (-1, 5))}  # fmt: skip
        place, count = examples.get(self.layout, (0, shape[0] if shape else 0))
        return len(shape) == self.x.ndim - self.are_pairs and shape[place] == count

    @property
    def in_rows(self) -> bool:
        """Whether each example is a row of the output."""
        return self.layout in ("examples are rows", SEQUENCE)

    @property
    def examples(self) -> int:
        """How many examples they are."""
        x = self.x[0] if self.are_pairs else self.x
        return len(x) if self.in_rows or self.layout == TURNED else x.shape[-1] if "columns" in self.layout else 1

    def one_hot(self, y: Any, shape: tuple[int, ...]) -> Array:
        """A target of an output's shape, also where y are classes."""
        if np.shape(y) == shape or self.layout == TURNED:
            return y if np.shape(y) == shape else y.T
        hot = np.eye(shape[-1 if self.in_rows else 0])[np.ravel(y)]
        return hot if self.in_rows else hot.T

    def target(self, shape: tuple[int, ...]) -> Array:
        """A target of an output's shape: one-hot, or of both classes in turn."""
        if len(shape) == 2 and self.layout != "one example, a column":
            examples, width = shape if self.in_rows else shape[::-1]
            labels = np.array([0, 1, 1, 0, width - 1])[:examples]
            hot = (labels == 0)[:, None].astype(float) if width == 1 else np.eye(width)[np.minimum(labels, width - 1)]
            return hot if self.in_rows else hot.T.copy()
        target = np.zeros(shape)
        target.ravel()[0] = 1
        return target


class Fitted(NamedTuple):
    """A network that runs, and on what."""

    prototype: Any
    given: Given
    y: Any

    def taught(self, parameters: Parameters, gives: str) -> Taught:
        """What the methods that train it are handed."""

        def make(given: Arrays, rate: float) -> Any:
            own = parameters.with_these(self.prototype, given)
            vars(own).update(dict.fromkeys(parameters.rates, rate))
            return own

        def kept(own: Any) -> Arrays:
            return {n: kept_at(own, places[0]) for n, places in parameters.places.items()}

        return Taught(self.given.x, self.y, [*parameters.places], gives, make=make, kept=kept)


def values(
    names: Sequence[str], known: dict[str, Any], method: str = "", told: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """The arguments by name: what is known by its role, which may be told, one turn, a step so long that it divides
    out."""
    usual = {"rate": RATE, "count": 1, "penalty": STRENGTH}
    found = dict(zip(names, roles(names, method), strict=True)) | {n: r for n, r in told.items() if n in names}
    return {n: QUIETLY[plain(n)] if r == "quiet" else {**usual, **known}[r] for n, r in found.items()}


def constructions(kind: type, given: Fields = NO_FIELDS) -> Iterator[Callable[[], Any]]:
    """Ways to make an object of a class without data: of sizes, in a list or one by one, and settings by their names;
    `given` are the arguments that are known.

    A size that has a default is made small where that is large; a count of turns that the object keeps is one.
    """
    parameters = inspect.signature(kind).parameters.values() if inspect.isfunction(kind.__init__) else ()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        yield lambda: _of_one_turn(kind(*SIZES, **copy.deepcopy(given)))
        return
    needs = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD and p.name not in given]
    large = {p.name: p.default for p in parameters if _is_large(p)}
    for names in dict.fromkeys(((*needs, *large), (*needs,))):
        for arguments in _arguments(names, large):
            yield lambda a=arguments: _of_one_turn(kind(**copy.deepcopy(a | given)))


def _of_one_turn(own: Any) -> Any:
    for name in [n for n in vars(own) if n.lower() in COUNTS | BATCHES.keys() and type(vars(own)[n]) is int]:
        setattr(own, name, BATCHES.get(name.lower(), 1))
    return own


def _is_large(p: inspect.Parameter) -> bool:
    """Whether an argument's default is a number of units, or a list of these, and large."""
    sizes = p.default if isinstance(p.default, list | tuple) else [p.default]
    is_one = bool(sizes) and all(type(n) is int for n in sizes) and max(sizes) > 8 and not role(p.name)
    return is_one and not NO_SIZE.search(p.name)


def _arguments(names: Sequence[str], defaults: dict[str, Any]) -> Iterator[dict[str, Any]]:
    sizes = [n for n in names if role(n) not in ("rate", "count", "penalty", "quiet")]
    settings = values([n for n in names if n not in sizes], {})
    if len(sizes) == 1:
        for each in ([*SIZES], SIZES):
            yield settings | {sizes[0]: each}
    lists = [n for n in sizes if isinstance(defaults.get(n), list | tuple)]
    for some in (SIZES, (3, 4, 6, 2)) if not lists else ():
        if len(sizes) <= len(some):
            yield settings | dict(zip(sizes, some, strict=False))


Cost = Callable[[Any, Any, Any, Any], Any]
"""Of a network that has gone forward, x, its output and y."""


def by_roles(method: Callable[[Any], Any], example: Any, of_itself: bool = False) -> Cost | None:
    """A cost, called with what its arguments are by their names; `of_itself`, where x is the target."""
    names = needed(example)
    known = [role(n) for n in names]
    if of_itself and known == ["x"]:
        return lambda own, x, _, __: method(own)(x)
    if sorted(known) == ["output", "x"]:  # loss(x, x_hat)
        known = ["y" if r == "x" else r for r in known]
    if len(names) == 2 and known.count("y") != 1:
        known = ["output", "y"]
    if not 1 <= len(names) <= 3 or known.count("y") != 1:
        return None
    known = [r if r in ("x", "y") else "output" for r in known]
    return lambda own, x, a, y: method(own)(*({"x": x, "y": y, "output": a}[r] for r in known))


def is_a_cost(cost: Cost | None, own: Any, x: Any, output: Any, y: Any) -> bool:
    """Whether it gives one number of these, and a finite one."""
    try:
        value = cost(own, np.copy(x), np.copy(output), np.copy(y)) if cost else np.nan
        return np.ndim(value) == 0 and bool(np.isfinite(value))
    except Exception:  # a cost of something else
        return False
