"""The two methods of a network's class: the one that runs it, and the one that gives its gradients."""

import ast
import copy
import inspect
from contextlib import suppress
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.stateful.objects import FORWARD, RATE, RATES, methods_named, needed
from experiments.grade.forms.stateful.slots import put, slots
from experiments.grade.forms.whole.network_data import COSTS, COUNTS, EXAMPLES, QUIET, role, roles, values
from experiments.grade.forms.whole.results import method_node, returned_names

RUNS = (*FORWARD, "predict_proba", "predict", "run", "output", "activate", "think", "query")
GIVES = (
    "backprop", "back_prop", "backpropagation", "back_propagation", "backpropagate", "back_propagate", "backward",
    "backward_pass", "backward_prop", "backward_propagation", "bptt", "gradient", "gradients", "compute_gradients",
    "grads", "train_step", "train",
)  # fmt: skip
PAIR = 2
OPTIONAL = RATES | COUNTS | QUIET.keys()
"""What a method is told even where it need not be."""


class NetworkMethods:
    """Their names, and how they are called.

    What forward returns besides its output, by name or as a cache, is handed to the method that asks for it. A network
    whose target is its input, as an autoencoder's, is told x alone; one of a pair, as a siamese one, both at once.
    """

    def __init__(self, kind: type, forward: str, gives: str, found: Definitions) -> None:
        self.kind, self.forward, self.gives = kind, forward, gives
        self.returns = returned_names(method_node(found, kind, forward))
        asked = needed(getattr(kind, gives))
        self.place = 0
        self.times = 1
        """How often the example is in a batch of pairs."""
        pairs = _gone_through_in_pairs(method_node(found, kind, gives))
        named = zip(asked, roles(asked, gives), strict=True)
        self.roles = {n: "pairs" if n in pairs else r or ("count" if pairs and n == "n" else "") for n, r in named}
        self.inputs = max(1, len(needed(getattr(kind, forward))))
        self.of_itself = [*self.roles.values()] == ["x"] and asked == needed(getattr(kind, forward))

    @classmethod
    def of(cls, kind: type, found: Definitions) -> "NetworkMethods | None":
        """The first two of a class that are known; None if there are none, or the second asks for what is not known."""
        forward = next((n for n in methods_named(kind, RUNS) if _runs(kind, n)), "")
        for gives in methods_named(kind, GIVES if forward else ()):
            own = cls(kind, forward, gives, found)
            known = {*own.roles.values()} | ({"y"} if own.of_itself and is_learner(kind) else set())
            unknown = [n for n, r in own.roles.items() if not r and n not in own.returns]
            if ("y" in known and not unknown) or (not own.roles and takes_data(kind)):
                return own
        return None

    def run(self, own: Any, x: Any) -> Any:
        """The network's output."""
        return self._gone(own, x)[0]

    def _gone(self, own: Any, x: Any) -> tuple[Any, dict[str, Any]]:
        """The output, and what else forward returned, by name."""
        result = self._returned(own, x)
        parts = _parts_of(result)
        names = self.returns if len(self.returns) == len(parts) else [f"value {i}" for i in range(len(parts))]
        kept = dict(zip(names, parts, strict=True))
        arrays = _arrays_in(result)
        one = x[0] if self.inputs == PAIR else x
        fitting = [i - len(arrays) for i, a in enumerate(arrays) if _fits(one, a)]
        if len(fitting) > 1 and self.place not in fitting:
            self.place = self._of_most(own, x, fitting)
        place = self.place if len(fitting) > 1 else max(fitting, default=-1)
        output = arrays[place] if arrays else result
        others = [v for v in parts if v is not output]
        kept["the cache"] = others[0] if len(others) == 1 else tuple(others)
        return (np.ravel(output) if np.ndim(x) == 1 and np.asarray(x).dtype.kind != "i" else output), kept

    def _returned(self, own: Any, x: Any) -> Any:
        """What forward returns, or else keeps."""
        method, asked = getattr(own, self.forward), needed(getattr(self.kind, self.forward))
        result = method(*(np.copy(each) for each in x)) if self.inputs == PAIR else method(*[np.copy(x)][: len(asked)])
        if result is None:
            kept = [getattr(own, n, None) for n in ("output", "out", "a2", "y_hat")]
            result = next(v for v in kept if v is not None)
        return result

    def _of_most(self, own: Any, x: Any, places: list[int]) -> int:
        """The last of those arrays that most of what an object keeps is in: the others are on the way to it."""
        before, counts = _arrays_in(self._returned(copy.deepcopy(own), x)), dict.fromkeys(reversed(places), 0)
        for way, array in slots(own):
            other = copy.deepcopy(own)
            put(other, way, array + 1 + np.arange(array.size).reshape(array.shape) / 8)
            with suppress(Exception):
                after = _arrays_in(self._returned(other, x))
                for i in counts:
                    counts[i] += not np.array_equal(before[i], after[i])
        return max(counts, key=lambda i: counts[i])

    def given_back(self, own: Any, x: Any, y: Any, rate: float = RATE) -> Any:
        """Forward, then backward: what that returns."""
        output, kept = self._gone(own, x)
        known = {"output": output, "x": np.copy(x), "y": np.copy(y), "cache": kept["the cache"], "rate": rate}
        told = self.roles if "pairs" in self.roles.values() else {}
        if told:  # of one example in all, and the step of no penalty
            known |= {"pairs": [(np.copy(x), np.copy(y)) for _ in range(self.times)], "penalty": 0}
        accepts = [n for n in inspect.signature(getattr(own, self.gives)).parameters if n.lower() in OPTIONAL]
        by_name = {n: kept[n] for n in self.roles if n in kept and self.roles[n] not in ("x", "y")}
        arguments = [n for n in dict.fromkeys([*self.roles, *accepts]) if n not in by_name]
        return getattr(own, self.gives)(**values(arguments, known, self.gives, told), **by_name)


def _gone_through_in_pairs(node: ast.AST) -> set[str]:
    """What a method goes through by `for x, y in …`, as a batch of examples with their targets."""
    loops = [n for n in ast.walk(node) if isinstance(n, ast.For) and isinstance(n.iter, ast.Name)]
    return {ast.unparse(n.iter) for n in loops if isinstance(n.target, ast.Tuple) and len(n.target.elts) == PAIR}


def _runs(kind: type, name: str) -> bool:
    asked = needed(getattr(kind, name))
    return len(asked) == 1 or (not asked and takes_data(kind)) or _are_a_pair(asked)


def _are_a_pair(asked: list[str]) -> bool:
    """Whether these are two inputs alike: x1 and x2, left and right, and not data and a target."""
    return len(asked) == PAIR and {role(n) for n in asked} <= {"", "x"}


def takes_data(kind: type) -> bool:
    """Whether the constructor is handed the target."""
    return any(role(n) == "y" for n in needed(kind.__init__)) if inspect.isfunction(kind.__init__) else False


def is_learner(kind: type) -> bool:
    """Whether it has a cost of its own, or learns by itself: it is no layer."""
    return any(methods_named(kind, (*COSTS, "fit", "train")))


def _parts_of(result: Any) -> list[Any]:
    return [*result] if isinstance(result, tuple | list) else [result]


def _arrays_in(result: Any) -> list[Any]:
    return [a for v in _parts_of(result) for a in (v if isinstance(v, list) else [v]) if isinstance(a, np.ndarray)]


def _fits(x: Any, a: Any) -> bool:
    """Whether an array has as many examples as x."""
    if np.asarray(x).dtype.kind == "i" or x.ndim == 1:
        return np.shape(a)[:1] == x.shape or np.asarray(x).dtype.kind != "i"
    axis = x.shape.index(EXAMPLES) if EXAMPLES in x.shape else -1
    return np.ndim(a) == x.ndim and np.shape(a)[axis] == x.shape[axis]
