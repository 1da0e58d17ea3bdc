"""Stand-ins for a submission: the project's own layer, loss or optimizer, whose methods ask the process that runs the
file.

So the submission's code never runs here, and never bounds itself: the twin and the tolerance are those of the
project's piece.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import numpy as np

from experiments.grade.judging.factor_convention import Measured
from experiments.grade.process.sandbox import Failed, Sandboxed
from manual import Layer, Loss, Optimizer
from manual.number_types import Array
from torch_ref.tolerance.bounds import loss_bounds

Order = Literal["C", "F"]


class Trouble(NamedTuple):
    """Why there is no answer, and whether only wrong code gives none."""

    said: str
    wrong: bool


NOT_RUN = Trouble("not run, as forward failed", False)
NONE = Trouble("backward returned none", False)


class Gone(Failed):
    """The process that runs the submission died of an earlier request."""


class StandIn:
    """Makes them for one piece. Where it fails, the answer is NaN, and `troubles` says why, by method or quantity. The
    submission gets its arrays in the memory order `order`.
    """

    def __init__(self, child: Sandboxed, piece: str, has_gradient: bool) -> None:
        self.child, self.piece, self.has_gradient = child, piece, has_gradient
        self.troubles: dict[str, Trouble] = {}
        self.order: Order = "C"
        self.measured: list[Measured] = []

    def layer(self, own: Layer, options: dict[str, Any], x: str, names: dict[str, str], turned: bool = False) -> Layer:
        """The project's layer, whose methods are the submission's. `names` are the parameters' in the submission."""

        def turn(name: str, a: Array) -> Array:
            return a.T.copy() if turned and name == "weight" else a

        params = {names[n]: turn(n, p) for n, p in own.params.items()}

        def forward(_: Layer, a: Array) -> tuple[Array, Any]:
            answer = self.answer("forward", {x: a, **params}, options=options)
            return (_nan(own.forward(a)[0]), None) if answer is None else (answer[1]["y"], answer[0]["pass"])

        def backward(method: str, delta: Array, number: Any) -> Any:
            answer = None if number is None else self.answer(method, {"delta": delta}, number=number)
            if number is None:
                self.troubles[method] = NOT_RUN
            found = {} if answer is None else answer[1]
            gradients = {n: turn(n, g) for n, own_name in names.items() if (g := found.get(f"d{own_name}")) is not None}
            dx = found.get(f"d{x}")
            if answer is not None:
                self.troubles |= {f"d{n}": NONE for n in names if n not in gradients}
                self.troubles |= {"dx": NONE} if dx is None and method == "backward" else {}
            nans = {n: _nan(p) for n, p in own.params.items()}
            return dx, SimpleNamespace(params=nans | gradients)

        def both(_: Layer, delta: Array, number: Any) -> tuple[Array | None, Any]:
            return backward("backward", delta, number)

        def alone(_: Layer, delta: Array, number: Any) -> Any:
            return backward("gradient" if self.has_gradient else "backward", delta, number)[1]

        return _stand_in(own, forward=forward, backward=both, gradient=alone)

    def loss(self, own: Loss, options: dict[str, Any]) -> Loss:
        def forward(_: Loss, prediction: Array, target: Array) -> tuple[Any, Any]:
            answer = self.answer("forward", {"prediction": prediction, "target": target}, options=options)
            if answer is None:
                return prediction.dtype.type(np.nan), (None, prediction, target, None)
            return answer[1]["y"], (answer[0]["pass"], prediction, target, answer[1]["y"])

        def measure(prediction: Array, target: Array, cost: Array, delta: Array) -> None:
            bounds, (ours, cache) = loss_bounds(own, prediction, target), own.forward(prediction, target)
            n, m = len(prediction), prediction.size // len(prediction)
            self.measured.append(Measured(cost, np.asarray(ours), 2 * bounds["cost"].error, n, m))
            self.measured.append(Measured(delta, own.backward(cache), 2 * bounds["delta"].error, n, m))

        def backward(_: Loss, cache: Any) -> Array:
            number, prediction, target, cost = cache
            answer = None if number is None else self.answer("backward", {}, number=number)
            if answer is not None and prediction.dtype == np.float64:
                measure(prediction, target, cost, answer[1]["dprediction"])
            if number is None:
                self.troubles["backward"] = NOT_RUN
            return _nan(prediction) if answer is None else answer[1]["dprediction"]

        return _stand_in(own, forward=forward, backward=backward)

    def optimizer(self, own: Optimizer, options: dict[str, Any]) -> Optimizer:
        def step(stand_in: Optimizer, layer: Layer, gradient: Layer) -> None:
            state = {f"s:{name}:{key}": a for name, values in stand_in.state.items() for key, a in values.items()}
            params = {f"p:{name}": p for name, p in layer.params.items()}
            gradients = {f"g:{name}": g for name, g in gradient.params.items()}
            answer = self.answer("step", {**params, **gradients, **state}, options=options)
            found = {} if answer is None else answer[1]
            for name in layer.params:
                setattr(layer, name, found.get(f"p:{name}", _nan(layer.params[name])))
            stand_in.state = {name: {} for name in layer.params}
            for key, a in found.items():
                if key.startswith("s:"):
                    _, name, part = key.split(":", 2)
                    stand_in.state.setdefault(name, {})[part] = a

        return _stand_in(own, step=step)

    def answer(self, op: str, given: dict[str, Array], **request: Any) -> Any:
        """The answer to a request, or None.

        Raises:
            Gone: the process had died before, so that nothing was asked.
        """
        if self.child.dead and op not in ("backward", "gradient"):
            raise Gone(self.child.dead)
        arrays = {name: np.asarray(a, order=self.order) for name, a in given.items()}
        try:
            return self.child.ask(op, arrays, piece=self.piece, **request)
        except Failed as why:
            self.troubles[op] = Trouble(str(why), why.wrong)
            return None


def _stand_in(own: Any, **methods: Callable[..., Any]) -> Any:
    """An object like `own`, of a class of the same name, with these methods."""
    new = object.__new__(type(type(own).__name__, (type(own),), methods))
    new.__dict__ = {**vars(own)}
    return new


def _nan(like: Array) -> Array:
    return np.full_like(like, np.nan)
