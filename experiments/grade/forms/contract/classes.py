"""Layers, losses and optimizers: classes that keep the contract of this project's.

    layer      forward(x) gives (y, cache); backward(delta, cache) gives (dx, gradient)
    loss       forward(prediction, target) gives (cost, cache); backward(cache) gives delta
    optimizer  update(p, g, state) moves p in place, or step(network, gradient) moves all parameters
One that is named as torch names it (Linear, MSELoss, Adam, …) is compared with torch; another with the truth of
its own forward, on what examples(rng) yields: (layer, x), or (loss, prediction, target).
"""

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

import manual
from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions, needs
from experiments.grade.forms.own_examples import of_kind
from experiments.grade.forms.piece import Arrays, Example, Fields, Piece, Ran, aliases, gradient_names, pair
from experiments.grade.forms.stateful.objects import needed
from manual import Layer, Loss, Optimizer
from manual.numbers.number_types import Array


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every class that has a forward and a backward, or is named like an optimizer of this project or derived from
    one."""
    for kind in dict.fromkeys(found.classes().values()):
        stands_for = getattr(manual, kind.__name__, kind)
        if inspect.isclass(stands_for) and issubclass(stands_for, Optimizer):
            yield OptimizerPiece(kind, found.module, "optimizer")
        elif hasattr(kind, "forward") and hasattr(kind, "backward") and not _begins_with_its_input(kind):
            is_named = issubclass(stands_for, Loss) if stands_for is not kind else _is_loss(kind)
            loss = issubclass(kind, Loss) or is_named
            yield LossPiece(kind, found.module, "loss") if loss else LayerPiece(kind, found.module, "layer")


def _begins_with_its_input(kind: Any) -> bool:
    """Whether backward is handed first what forward is, and no δ: backward(x, error)."""
    forward, backward = needed(kind.forward), needed(kind.backward)
    return len(forward) == 1 and forward == backward[:1]


def _is_loss(kind: Any) -> bool:
    """Whether a class's forward takes a prediction and a target, and its backward the cache alone: no δ comes from
    above."""
    return needs(kind.forward) > len(("self", "prediction")) and needs(kind.backward) == len(("self", "cache"))


class ClassPiece(Piece):
    """A class, and the objects of it that a check needs."""

    def __init__(self, make: type, module: ModuleType, form: str) -> None:
        parameters = inspect.signature(make).parameters
        named = {n: p for n, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        required = [n for n, p in named.items() if p.default is p.empty and n != "rng"]
        super().__init__(make.__name__, required, [*named], [make])
        self.make, self.form, self.module = make, form, module
        self.judging = form
        self.turned: set[str] = set()
        """The parameters that are (in, out), where torch's are (out, in)."""
        self.has_gradient = getattr(make, "gradient", Layer.gradient) is not Layer.gradient

    def made(self, options: Fields, params: Arrays) -> Any:
        """An object with these hyperparameters and parameters.

        Raises:
            Unclear: it keeps its parameters elsewhere, or in another shape.
        """
        rng = {"rng": np.random.default_rng(0)} if "rng" in self.accepts else {}
        new = self.make(**{n: as_python(v) for n, v in options.items()}, **rng)
        for name, p in params.items():
            own = next((n for n in aliases(name) if getattr(new, n, None) is not None), None)
            if own is None:
                raise Unclear(
                    f"expected {self.name} to keep its parameter as an attribute {name}, found {[*vars(new)]}"
                )
            shape = np.shape(getattr(new, own))
            if shape == p.shape[::-1] != p.shape:
                self.turned.add(name)
            elif shape != p.shape:
                raise Unclear(f"expected {own} of shape {p.shape}, as torch has it, got {shape}")
            setattr(new, own, p.T.copy() if name in self.turned else p)
        return new

    def own_examples(self, rng: np.random.Generator) -> list[tuple[Any, ...]]:
        """The file's own examples of this class."""
        found = of_kind(self.make, self.module, rng)
        length, kind = {"layer": (2, "(layer, x)"), "loss": (3, "(loss, prediction, target)")}.get(self.form, (1, ""))
        if wrong := [e for e in found if len(e) != length]:
            raise Unclear(f"examples(rng) yields {len(wrong[0])} values for {self.name}; expected {kind or self.name}")
        return found

    def examples(self, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
        """The file's own examples of this class; without any, an object made with no arguments."""
        kind = "(layer, x)" if self.form == "layer" else "(loss, prediction, target)"
        if found := self.own_examples(rng):
            return iter(found)
        if self.arguments:
            raise Unclear(f"torch has no {self.name}; expected examples(rng), which yields {kind}")
        x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
        return iter([(self.made({}, {}), x) if self.form == "layer" else (self.made({}, {}), x, y)])


class LayerPiece(ClassPiece):
    """A layer: its parameters come by name."""

    def run(self, given: Arrays, options: Fields) -> Ran:
        x, *params = given
        ran = self._pass(self.made(options, {name: given[name] for name in params}), given[x], params)
        if not self.turned:
            return ran
        backward, alone = ran.backward, ran.gradient
        return Ran(
            ran.y,
            None if backward is None else lambda delta: self._turned_back(backward(delta)),
            None if alone is None else lambda delta: self._turned_back(alone(delta)),
        )

    def _turned_back(self, gradients: Arrays) -> Arrays:
        return {n: np.transpose(g) if n.removeprefix("d") in self.turned else g for n, g in gradients.items()}

    def _pass(self, layer: Any, x: Array, params: list[str]) -> Ran:
        y, cache = pair(layer.forward(x), "forward", "(y, cache)")

        def backward(delta: Array | None) -> Arrays:
            return gradients_of(layer.backward(delta, cache), params)

        def gradient(delta: Array | None) -> Arrays:
            return _by_name(layer.gradient(delta, cache), params)

        return Ran(y, backward, gradient if self.has_gradient else None)

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        for layer, x in self.examples(rng):
            params = layer.params if isinstance(layer, Layer) else _arrays_of(layer)
            x = np.asarray(x)
            shape = np.shape(pair(_with(layer, {}).forward(x.copy()), "forward", "(y, cache)")[0])

            def run(given: Arrays, layer: Any = layer) -> Ran:
                x, *names = given
                return self._pass(_with(layer, _padded(layer, {n: given[n] for n in names})), given[x], names)

            yield Example({"x": x, **params}, run, rng.standard_normal(shape))


def _padded(layer: Any, params: Arrays) -> Arrays:
    """Torch's rule of an embedding: the row at padding_idx, which is 0, has no gradient."""
    row, weight = getattr(layer, "padding_idx", None), params.get("weight")
    if row is None or weight is None or np.any(np.asarray(layer.weight)[row]):
        return params
    mask = np.ones(weight.shape, int)
    mask[row] = 0
    return params | {"weight": weight * mask}


class LossPiece(ClassPiece):
    """A loss: nothing comes from above it."""

    def run(self, given: Arrays, options: Fields) -> Ran:
        return self._pass(self.made(options, {}), *given.values())

    def _pass(self, loss: Any, prediction: Array, target: Any) -> Ran:
        cost, cache = pair(loss.forward(prediction, target), "forward", "(cost, cache)")
        return Ran(cost, lambda _: {"dprediction": loss.backward(cache)})

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        for loss, prediction, target in self.examples(rng):

            def run(given: Arrays, loss: Any = loss, target: Any = target) -> Ran:
                return self._pass(_with(loss, {}), given["prediction"], np.copy(target))

            yield Example({"prediction": np.asarray(prediction)}, run)


class OptimizerPiece(ClassPiece):
    """An optimizer: it has no forward, it steps."""

    def step(self, layer: Layer, gradient: Layer, state: dict[str, Fields], options: Fields) -> dict[str, Fields]:
        """Move the layer's parameters in place; the new state."""
        optimizer = self.made(options, {})
        optimizer.state = {name: _own_types(values) for name, values in state.items()}
        _step(optimizer, layer, gradient, optimizer.state)
        return optimizer.state

    def own_settings(self) -> list[Fields]:
        """The numbers of the file's own examples, by the names of the constructor's arguments."""
        found = [vars(own) for (own,) in self.own_examples(np.random.default_rng(0))]
        return [{n: kept[n] for n in self.accepts if isinstance(kept.get(n), bool | int | float)} for kept in found]

    def steps(self, options: Fields) -> Callable[[Layer, Layer], None]:
        """Steps of one optimizer, which keeps its state as it will."""
        optimizer, state = self.made(options, {}), {}
        return lambda layer, gradient: _step(optimizer, layer, gradient, state)


def _own_types(state: Fields) -> Fields:
    """The state as an author expects it: the count of steps as an int, other single numbers as floats."""
    return {k: v if np.ndim(v) else int(v) if k == "step" else v.item() for k, v in state.items()}


def _step(optimizer: Any, layer: Layer, gradient: Layer, state: dict[str, Fields]) -> None:
    update = getattr(type(optimizer), "update", Optimizer.update)
    if update is Optimizer.update and hasattr(optimizer, "step"):
        try:
            return optimizer.step(layer, gradient)
        except (TypeError, AttributeError) as error:
            if type(layer).__name__ not in str(error):
                raise
            names = ", ".join([*inspect.signature(optimizer.step).parameters])
            raise Unclear(f"got step({names}), which raised {error}; expected step(network, gradient)") from None
    needed = [p for p in inspect.signature(update).parameters.values() if p.default is p.empty]
    if len(needed) != 4:
        names = ", ".join(p.name for p in needed[1:])
        raise Unclear(f"got update({names}); expected update(p, g, state), which moves p in place")
    for (name, p), g in zip(layer.params.items(), gradient.params.values(), strict=True):
        optimizer.update(p, g, state.setdefault(name, {}))
    return None


def as_python(value: Any) -> Any:
    """A value of a message as a signature has it: tuples and arrays, where JSON knows lists alone."""
    if isinstance(value, dict):
        return np.array(value["array"])
    return tuple(as_python(v) for v in value) if isinstance(value, list) else value


def _with(piece: Any, arrays: Arrays) -> Any:
    """A copy with these arrays for attributes: what a pass keeps on itself does not reach the original."""
    if isinstance(piece, Layer):
        return piece.like(**arrays) if arrays else piece.like()
    new = object.__new__(type(piece))
    new.__dict__ = {**vars(piece), **arrays}
    return new


def _arrays_of(layer: Any) -> Arrays:
    """The arrays of floats that a plain object has for attributes: among them are its parameters."""
    return {n: a for n, a in vars(layer).items() if isinstance(a, np.ndarray) and a.dtype.kind == "f"}


def gradients_of(result: Any, params: list[str]) -> Arrays:
    """What a layer's backward returned, by name: dx, (dx, gradient), (dx, dW, db), or a dict of all.

    Raises:
        Unclear: it is something else, or has a gradient of no known parameter.
    """
    if result is None:
        raise Unclear("backward returned nothing; expected (dx, gradient)")
    if isinstance(result, dict):
        of_x = next((n for n in ("dx", "x", "dX", "dinputs") if n in result), None)
        if of_x is None:
            raise Unclear(f"backward returned a dict of {[*result]}; expected (dx, gradient)")
        return {"dx": result[of_x], **_by_name({n: g for n, g in result.items() if n != of_x}, params)}
    if not isinstance(result, tuple):
        return {"dx": result}
    dx, *others = result
    of_x = {} if dx is None else {"dx": dx}
    if len(others) == 1 and not (isinstance(others[0], np.ndarray) and len(params) == 1):
        return of_x | _by_name(others[0], params)
    return of_x | _by_name(others, params)


def _by_name(gradient: Any, params: list[str]) -> Arrays:
    """A gradient's arrays: of a layer, of a dict, or in order.

    Raises:
        Unclear: there is one of no parameter, or there are more or fewer in order than there are parameters.
    """
    if gradient is None:
        return {}
    if isinstance(gradient, tuple | list):
        if len(gradient) != len(params):
            raise Unclear(f"backward returned {len(gradient)} gradients after dx; expected {len(params)}: {params}")
        return {f"d{name}": g for name, g in zip(params, gradient, strict=True)}
    if isinstance(gradient, np.ndarray | float | int):
        raise Unclear(f"backward returned one array after dx; expected the gradient of {params or 'no parameter'}")
    if isinstance(gradient, dict):
        known = {n: name for name in params for n in gradient_names(name)}
        if unknown := [n for n in gradient if n not in known and gradient[n] is not None]:
            raise Unclear(f"backward returned a gradient of {unknown[0]!r}; expected those of {params}")
        return {f"d{known[n]}": g for n, g in gradient.items() if g is not None}
    present = {}
    for name in params:
        g = next((g for n in gradient_names(name) if (g := getattr(gradient, n, None)) is not None), None)
        if g is not None:
            present[f"d{name}"] = g
    return present
