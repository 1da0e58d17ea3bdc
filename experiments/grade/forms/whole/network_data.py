"""What a class of networks is made with, and what its methods are called with, by the names of their arguments."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.course.losses import STRENGTH
from experiments.grade.forms.stateful.losses import TARGETS
from experiments.grade.forms.stateful.objects import RATE, RATES, needed
from experiments.grade.forms.whole.names import PENALTIES
from manual.numbers.number_types import Array

DATA = {
    "x", "inputs", "input", "data", "training_inputs", "training_set_inputs", "train_inputs", "input_data", "x_train",
    "features", "inputs_list", "input_list", "x_batch", "batch_x", "sample", "image", "images", "net_input",
    "input_vector",
}  # fmt: skip
"""What the data are called."""
MORE_TARGETS = {
    "training_outputs", "training_set_outputs", "train_outputs", "targets_list", "target_list", "y_train",
    "output_data", "expected_output", "desired_output", "target_vector", "batch_y",
}  # fmt: skip
OUTPUTS = {
    "o", "output", "outputs", "a", "out", "al", "yhat", "y_hat", "y_pred", "pred", "prediction", "predictions", "p",
    "probs", "probabilities", "predicted", "y_prob",
}  # fmt: skip
COUNTS = {
    "epochs", "epoch", "iterations", "n_iter", "iters", "num_iterations", "number_of_training_iterations",
    "training_iterations", "n_epochs", "num_epochs", "steps", "n_iterations",
}  # fmt: skip
"""How often something is done: once."""
QUIET = {"verbose": False, "seed": 0, "random_state": 0, "batch_size": 5, "mini_batch_size": 5, "print_cost": False}
ROLES = {
    "y": TARGETS | MORE_TARGETS, "x": DATA, "output": OUTPUTS, "rate": RATES, "count": COUNTS, "penalty": PENALTIES,
    "quiet": QUIET.keys(),
}  # fmt: skip
SIZES = (3, 4, 2)
LAYOUTS: dict[str, tuple[int, ...]] = {
    "one example, a column": (0, 1), "examples are rows": (5, 0), "examples are columns": (0, 5),
    "one example, a vector": (0,),
}  # fmt: skip
"""The shape of x; 0 stands for as many numbers as the network takes."""


def role(name: str) -> str:
    """What an argument of such a name is; "" if that is not known."""
    low = name.lower()
    return next((r for r, names in ROLES.items() if low in names), "")


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

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an output of this shape has as many examples."""
        examples = {"examples are rows": (0, 5), "examples are columns": (-1, 5), "one example, a column": (-1, 1)}
        place, count = examples.get(self.layout, (0, shape[0] if shape else 0))
        return len(shape) == self.x.ndim and shape[place] == count

    def target(self, shape: tuple[int, ...]) -> Array:
        """A target of an output's shape: one-hot, or of both classes in turn."""
        if len(shape) == 2 and self.layout != "one example, a column":
            examples = shape[0] if self.layout == "examples are rows" else shape[1]
            width = shape[1] if self.layout == "examples are rows" else shape[0]
            labels = np.array([0, 1, 1, 0, width - 1])[:examples]
            hot = (labels == 0)[:, None].astype(float) if width == 1 else np.eye(width)[np.minimum(labels, width - 1)]
            return hot if self.layout == "examples are rows" else hot.T.copy()
        target = np.zeros(shape)
        target.ravel()[0] = 1
        return target


def values(names: Sequence[str], known: dict[str, Any], method: str = "") -> dict[str, Any]:
    """The arguments by name: what is known by its role, one turn, a step so long that it divides out."""
    plain = {"rate": RATE, "count": 1, "penalty": STRENGTH}
    found = dict(zip(names, roles(names, method), strict=True))
    return {n: QUIET[n.lower()] if r == "quiet" else {**plain, **known}[r] for n, r in found.items()}


def constructions(names: Sequence[str], takes_several: bool) -> Iterator[list[Any]]:
    """What a class may be made with, but for data: its sizes, in a list or one by one, and settings by their names."""
    others = [n for n in names if role(n) in ("rate", "count", "penalty", "quiet")]
    sizes = [n for n in names if n not in others]
    if takes_several:
        yield [*SIZES]
        return
    if len(sizes) == 1:
        for each in ([*SIZES], SIZES):
            yield [values([n], {})[n] if n in others else each for n in names]
    for some in (SIZES, (3, 4, 6, 2)):
        if len(sizes) <= len(some):
            place = count()
            yield [values([n], {})[n] if n in others else some[next(place)] for n in names]


Cost = Callable[[Any, Any, Any, Any], Any]
"""Of a network that has gone forward, x, its output and y."""


def by_roles(method: Callable[[Any], Any], example: Any) -> Cost | None:
    """A cost, called with what its arguments are by their names."""
    names = needed(example)
    known = [role(n) for n in names]
    if len(names) == 2 and known.count("y") != 1:
        known = ["output", "y"]
    if not 1 <= len(names) <= 3 or known.count("y") != 1:
        return None
    known = [r if r in ("x", "y") else "output" for r in known]
    return lambda own, x, a, y: method(own)(*({"x": x, "y": y, "output": a}[r] for r in known))


def is_a_cost(cost: Cost | None, own: Any, x: Any, output: Any, y: Any) -> bool:
    """Whether it gives one number of these."""
    try:
        return cost is not None and np.ndim(cost(own, np.copy(x), np.copy(output), np.copy(y))) == 0
    except Exception:  # a cost of something else
        return False
