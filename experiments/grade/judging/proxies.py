"""Proxies for a submission: the project's own layer, loss or optimizer, whose methods ask the process that runs the
file.

So the submission's code never runs here, and never bounds itself: the twin and the tolerance are those of the
project's piece.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from experiments.grade.errors import Failed, Gone
from experiments.grade.judging.factor_convention import Measured
from experiments.grade.process.answers import Arrays, Output
from experiments.grade.process.requests import (
    Answer,
    Backward,
    Forward,
    NetworkBackward,
    Options,
    ParametersBackward,
    Request,
    Step,
)
from experiments.grade.process.sandbox import Sandboxed
from manual import Layer, Loss, Optimizer
from manual.numbers.number_types import Array
from torch_ref.tolerance.bounds import loss_bounds

Order = Literal["C", "F"]


class Trouble(NamedTuple):
    """Why there is no answer, and whether only wrong code gives none."""

    said: str
    wrong: bool


NOT_RUN = Trouble("not run, as forward failed", False)
NONE = Trouble("backward returned none", False)


class LayerCache(NamedTuple):
    """What a layer's forward keeps for its backward: its input, and the number of the pass."""

    a: Array
    number: int | None


class LossCache(NamedTuple):
    """What a loss's forward keeps for its backward."""

    prediction: Array
    target: Array
    output: Output | None


class Given(Layer):
    """The gradients of a layer, of whatever shapes the submission gave."""

    params: Any = None

    def __init__(self, params: Arrays) -> None:
        self.params = params


class Parameters(NamedTuple):
    """A layer's parameters, by the project's names and by the submission's; whether its weight is (in, out)."""

    own: Arrays
    names: dict[str, str]
    turned: bool

    def submitted(self) -> Arrays:
        """As the submission takes them."""
        return {self.names[name]: self._turn(name, p) for name, p in self.own.items()}

    def gradients(self, found: Arrays | None) -> tuple[Arrays, list[str]]:
        """Those that the submission gave, by the project's names; NaN in place of those that are missing, and which."""
        by, missing = {name: _nan(p) for name, p in self.own.items()}, []
        for name, submitted in self.names.items():
            if found is not None and f"d{submitted}" in found:
                by[name] = self._turn(name, found[f"d{submitted}"])
            else:
                missing.append(name)
        return by, missing

    def _turn(self, name: str, a: Array) -> Array:
        return a.T.copy() if self.turned and name == "weight" else a


class Proxies:
    """Makes them for one piece. Where it fails, the answer is NaN, and `troubles` says why, by method or quantity. The
    submission gets its arrays in the memory order `order`.
    """

    def __init__(self, child: Sandboxed, piece: str, has_gradient: bool) -> None:
        self.child, self.piece, self.has_gradient = child, piece, has_gradient
        self.troubles: dict[str, Trouble] = {}
        self.order: Order = "C"
        self.measured: list[Measured] = []

    def layer(self, own: Layer, options: Options, x: str, names: dict[str, str], turned: bool = False) -> Layer:
        """The project's layer, whose methods are the submission's.

        Args:
            own: the project's layer.
            options: the hyperparameters of the submission's.
            x: what the submission calls the input.
            names: what it calls each parameter.
            turned: whether its weight is (in, out).
        """
        parameters = Parameters(own.params, names, turned)

        def forward(_: Layer, a: Array) -> tuple[Array, LayerCache]:
            answer = self.forward({x: a, **parameters.submitted()}, options)
            y, number = (_nan(own.forward(a)[0]), None) if answer is None else (answer.y, answer.number)
            return y, LayerCache(a, number)

        def gradients(method: str, delta: Array, number: int | None) -> Arrays | None:
            if number is None:
                self.troubles[method] = NOT_RUN
                return None
            request = (ParametersBackward if method == "gradient" else Backward)(number, self._laid(delta))
            answer = self.answer(method, request)
            return None if answer is None else answer.by

        def of_params(found: Arrays | None) -> Layer:
            by, missing = parameters.gradients(found)
            self.troubles |= {f"d{name}": NONE for name in missing if found is not None}
            return Given(by)

        def backward(_: Layer, delta: Array, cache: LayerCache) -> tuple[Array | None, Any]:
            found = gradients("backward", delta, cache.number)
            dx = None if found is None else found.get(f"d{x}")
            if dx is None and cache.a.dtype.kind == "f":  # words have no gradient
                if found is not None:
                    self.troubles["dx"] = NONE
                dx = _nan(cache.a)
            return dx, of_params(found)

        def alone(_: Layer, delta: Array, cache: LayerCache) -> Any:
            return of_params(gradients("gradient" if self.has_gradient else "backward", delta, cache.number))

        return _proxy(own, forward=forward, backward=backward, gradient=alone)

    def loss(self, own: Loss, options: Options) -> Loss:
        """The project's loss, whose methods are the submission's."""

        def forward(_: Loss, prediction: Array, target: Array) -> tuple[Any, LossCache]:
            answer = self.forward({"prediction": prediction, "target": target}, options)
            cost = prediction.dtype.type(np.nan) if answer is None else answer.y
            return cost, LossCache(prediction, target, answer)

        def backward(_: Loss, cache: LossCache) -> Array:
            if cache.output is None:
                self.troubles["backward"] = NOT_RUN
                return _nan(cache.prediction)
            answer = self.answer("backward", Backward(cache.output.number))
            if answer is None:
                return _nan(cache.prediction)
            delta = answer.by["dprediction"]
            if cache.prediction.dtype == np.float64:
                self._measure(own, cache.prediction, cache.target, cache.output.y, delta)
            return delta

        return _proxy(own, forward=forward, backward=backward)

    def _measure(self, own: Loss, prediction: Array, target: Array, cost: Array, delta: Array) -> None:
        bounds, (ours, cache) = loss_bounds(own, prediction, target), own.forward(prediction, target)
        n, m = len(prediction), prediction.size // len(prediction)
        self.measured.append(Measured(cost, np.asarray(ours), 2 * bounds["cost"].error, n, m))
        self.measured.append(Measured(delta, own.backward(cache), 2 * bounds["delta"].error, n, m))

    def optimizer(self, own: Optimizer, options: Options) -> Optimizer:
        """The project's optimizer, whose step is the submission's."""

        def step(proxy: Optimizer, layer: Layer, gradient: Layer) -> None:
            state = {name: _arrays(values) for name, values in proxy.state.items()}
            params, gradients = _arrays(layer.params), _arrays(gradient.params)
            answer = self.answer("step", Step(self.piece, options, params, gradients, state))
            for name, p in layer.params.items():
                setattr(layer, name, _nan(p) if answer is None else answer.params.get(name, _nan(p)))
            proxy.state = {name: {} for name in layer.params} | ({} if answer is None else answer.state)

        return _proxy(own, step=step)

    def forward(self, inputs: Arrays, options: Options) -> Output | None:
        """The submission's forward pass, or None.

        Raises:
            Gone: the process had died before, so that nothing was asked.
        """
        inputs = {name: self._laid(a) for name, a in inputs.items()}
        return self.answer("forward", Forward(self.piece, inputs, options))

    def network(self, inputs: Arrays) -> Arrays | None:
        """The submission's gradient of a whole network, or None.

        Raises:
            Gone: the process had died before, so that nothing was asked.
        """
        inputs = {name: self._laid(a) for name, a in inputs.items()}
        answer = self.answer("network", NetworkBackward(self.piece, inputs))
        return None if answer is None else answer.by

    def answer(self, method: str, request: Request[Answer]) -> Answer | None:
        """The answer to a request, or None, with the trouble by the method's name.

        Raises:
            Gone: the process had died before, so that nothing was asked.
        """
        if self.child.dead and method not in ("backward", "gradient"):
            raise Gone(self.child.dead)
        try:
            return self.child.ask(request)
        except Failed as why:
            self.troubles[method] = Trouble(str(why), why.wrong)
            return None

    def _laid(self, a: Array) -> Array:
        return np.asarray(a, order=self.order)


def _proxy(own: Any, **methods: Callable[..., Any]) -> Any:
    """An object like `own`, of a class of the same name, with these methods."""
    new = object.__new__(type(type(own).__name__, (type(own),), methods))
    new.__dict__ = {**vars(own)}
    return new


def _arrays(values: dict[str, Any]) -> Arrays:
    return {name: np.asarray(value) for name, value in values.items()}


def _nan(like: Array) -> Array:
    return np.full_like(like, np.nan)
