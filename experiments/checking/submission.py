"""What a file offers to be checked: its pieces, each in one of six forms.

    layer       a class: forward(x) gives (y, cache), backward(delta, cache) gives (dx, gradient)
    loss        a class: forward(prediction, target) gives (cost, cache), backward(cache) gives delta
    optimizer   a class: update(p, g, state) moves p in place, or step(network, gradient) all parameters
    functions   forward(x, …) and backward(delta, …), or name_forward and name_backward
    network     backward(W1, b1, …, x, y); with cost(W1, b1, …, x, y) beside it, that is what it must be the gradient of
    autograd    a torch.autograd.Function, with reference(…) beside it

This module runs in the child process, and is NumPy alone until a piece needs torch.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import manual
from manual import Layer, Loss, Optimizer
from manual.number_types import Array

Arrays = dict[str, Array]
Fields = dict[str, Any]

SHAPES = {
    **dict.fromkeys(("x", "z", "a", "inputs"), (5, 3)),
    **dict.fromkeys(("W", "w", "weight", "weights"), (4, 3)),
    **dict.fromkeys(("b", "bias"), (4,)),
    **dict.fromkeys(("gamma", "beta"), (3,)),
}
"""What a forward's arguments are where the file has no `examples(rng)`: by their name."""


class Unclear(LookupError):
    """The file does not say what is needed to check a piece."""


class Wrong(TypeError):
    """The submission returns something else than its form asks for."""


class Case(NamedTuple):
    """A scalar function of arrays, and the submission's derivative of it."""

    arrays: Arrays
    function: Callable[..., Any]
    gradient: Callable[[Arrays], Arrays]
    delta: Array | None = None

    @property
    def about(self) -> Arrays:
        """What the derivative is computed from: "given:…" by name, and "delta" where the function is Σ δ·y."""
        given = {f"given:{name}": a for name, a in self.arrays.items()}
        return given if self.delta is None else {**given, "delta": self.delta}


class Piece:
    """One thing to check. `arguments` are what its forward cannot do without; `accepts`, what may be set besides."""

    form: str
    has_cost = False
    has_gradient = False

    def __init__(self, name: str, arguments: list[str], accepts: list[str]) -> None:
        self.name, self.arguments, self.accepts = name, arguments, accepts

    def about(self) -> dict[str, Any]:
        """What the checker needs to know, in plain values."""
        names = ("name", "form", "arguments", "accepts", "has_cost", "has_gradient")
        return {name: getattr(self, name) for name in names}

    def forward(self, given: Arrays, options: Fields) -> tuple[Any, Any]:
        """(output, what `backward` will need)."""
        raise NotImplementedError

    def backward(self, kept: Any, delta: Array | None) -> Arrays:
        """The derivatives by name: "dx", "dweight", …; of a loss, "delta"."""
        raise NotImplementedError

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        """What the truth is taken of.

        Raises:
            Unclear: the file does not say what to call the forward with.
        """
        raise NotImplementedError


class ClassPiece(Piece):
    """A class that keeps the contract of a layer, a loss or an optimizer."""

    def __init__(self, make: type, module: ModuleType, form: str) -> None:
        accepts = inspect.signature(make).parameters
        super().__init__(make.__name__, [], [*accepts])
        self.make, self.form, self.module = make, form, module
        self.has_gradient = getattr(make, "gradient", Layer.gradient) is not Layer.gradient

    def made(self, options: Fields, params: Arrays) -> Any:
        """An object with these hyperparameters and parameters."""
        rng = {"rng": np.random.default_rng(0)} if "rng" in self.accepts else {}
        new = self.make(**options, **rng)
        for name, p in params.items():
            setattr(new, next((n for n in (name, *_aliases(name)) if hasattr(new, n)), name), p)
        return new

    def examples(self, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
        """The file's own examples of this class; without any, an object made with no arguments."""
        if hasattr(self.module, "examples"):
            found = [e for e in self.module.examples(rng) if isinstance(e, tuple) and type(e[0]).__name__ == self.name]
            if found:
                return iter(found)
        if any(p.default is p.empty for n, p in inspect.signature(self.make).parameters.items() if n != "rng"):
            kind = "(layer, x)" if self.form == "layer" else "(loss, prediction, target)"
            raise Unclear(f"torch has no {self.name}; expected examples(rng), which yields {kind}")
        x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
        return iter([(self.made({}, {}), x) if self.form == "layer" else (self.made({}, {}), x, y)])


class LayerPiece(ClassPiece):
    """A layer: its parameters come by name."""

    def forward(self, given: Arrays, options: Fields) -> tuple[Any, Any]:
        x, *params = given
        layer = self.made(options, {name: given[name] for name in params})
        y, cache = _pair(layer.forward(given[x]), "forward", "(y, cache)")
        return y, (layer, cache, params)

    def backward(self, kept: Any, delta: Array | None) -> Arrays:
        layer, cache, params = kept
        result = layer.backward(delta, cache)
        dx, gradient = _pair(result, "backward", "(dx, gradient)") if params or isinstance(result, tuple) else (result, None)
        return {"dx": dx, **_by_name(gradient, params)}

    def gradient(self, kept: Any, delta: Array) -> Arrays:
        layer, cache, params = kept
        return _by_name(layer.gradient(delta, cache), params)

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for layer, x in self.examples(rng):
            params = layer.params if isinstance(layer, Layer) else {}
            delta = rng.standard_normal(np.shape(layer.forward(x)[0]))

            def function(x: Array, layer: Any = layer, delta: Array = delta, **params: Array) -> Any:
                y, _ = (layer.like(**params) if params else layer).forward(x)
                return delta * y

            def gradient(given: Arrays, layer: Any = layer, delta: Array = delta) -> Arrays:
                x, *params = given
                own = layer.like(**{name: given[name] for name in params}) if params else layer
                _, cache = _pair(own.forward(given[x]), "forward", "(y, cache)")
                return self.backward((own, cache, params), delta)

            yield Case({"x": x, **params}, function, gradient, delta)


class LossPiece(ClassPiece):
    """A loss: nothing comes from above it."""

    def forward(self, given: Arrays, options: Fields) -> tuple[Any, Any]:
        loss = self.made(options, {})
        cost, cache = _pair(loss.forward(*given.values()), "forward", "(cost, cache)")
        return cost, (loss, cache)

    def backward(self, kept: Any, delta: Array | None) -> Arrays:  # noqa: ARG002
        loss, cache = kept
        return {"delta": loss.backward(cache)}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for loss, prediction, target in self.examples(rng):

            def function(prediction: Array, loss: Any = loss, target: Array = target) -> Any:
                return loss.forward(prediction, target)[0]

            def gradient(given: Arrays, loss: Any = loss, target: Array = target) -> Arrays:
                _, cache = _pair(loss.forward(given["prediction"], target), "forward", "(cost, cache)")
                return {"dprediction": loss.backward(cache)}

            yield Case({"prediction": prediction}, function, gradient)


class OptimizerPiece(ClassPiece):
    """An optimizer: it has no forward, it steps."""

    def step(self, layer: Layer, gradient: Layer, state: dict[str, Fields], options: Fields) -> dict[str, Fields]:
        """Move the layer's parameters in place; the new state."""
        optimizer = self.made(options, {})
        optimizer.state = state
        _step(optimizer, layer, gradient, state)
        return optimizer.state

    def steps(self, options: Fields) -> Callable[[Layer, Layer], None]:
        """Steps of one optimizer, which keeps its state as it will."""
        optimizer, state = self.made(options, {}), {}
        return lambda layer, gradient: _step(optimizer, layer, gradient, state)


def _step(optimizer: Any, layer: Layer, gradient: Layer, state: dict[str, Fields]) -> None:
    if getattr(type(optimizer), "update", Optimizer.update) is Optimizer.update:
        return optimizer.step(layer, gradient)
    for (name, p), g in zip(layer.params.items(), gradient.params.values(), strict=True):
        optimizer.update(p, g, state.setdefault(name, {}))
    return None


class FunctionsPiece(Piece):
    """Two functions. The backward's arguments after delta are the forward's, by name, or what the forward kept."""

    form = "functions"

    def __init__(self, name: str, forward: Callable[..., Any], backward: Callable[..., Any], module: ModuleType) -> None:
        parameters = inspect.signature(forward).parameters
        needed = [n for i, (n, p) in enumerate(parameters.items()) if i == 0 or p.default is p.empty or n in SHAPES]
        super().__init__(name, needed, [n for n in parameters if n not in needed])
        self.of_x, self.of_delta, self.module = forward, backward, module

    def forward(self, given: Arrays, options: Fields) -> tuple[Any, Any]:
        result = self.of_x(**given, **options)
        y, *cache = result if isinstance(result, tuple) and len(result) == 2 else (result,)
        return y, (given, y, cache)

    def backward(self, kept: Any, delta: Array | None) -> Arrays:
        given, y, cache = kept
        _, *names = inspect.signature(self.of_delta).parameters
        result = self.of_delta(delta, *[given[n] if n in given else (*cache, y)[0] for n in names])
        if isinstance(result, dict):
            return {f"d{n.removeprefix('d')}": g for n, g in result.items()}
        gradients = result if isinstance(result, tuple | list) else (result,)
        if len(gradients) != len(given):  # then without those by which there is no derivative
            given = {n: a for n, a in given.items() if a.dtype.kind == "f"}
        if len(gradients) != len(given):
            expected = ", ".join(f"d{n}" for n in given)
            raise Wrong(f"backward returned {len(gradients)} arrays; expected {len(given)}: {expected}")
        return {f"d{n}": g for n, g in zip(given, gradients, strict=True)}

    def cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for given in self._inputs(rng):
            y, _ = self.forward(given, {})
            delta = rng.standard_normal(np.shape(y))

            def function(delta: Array = delta, **given: Array) -> Any:
                return delta * self.forward(given, {})[0]

            def gradient(given: Arrays, delta: Array = delta) -> Arrays:
                return self.backward(self.forward(given, {})[1], delta)

            yield Case(given, function, gradient, delta)

    def _inputs(self, rng: np.random.Generator) -> list[Arrays]:
        drawn = drawn_for(self.arguments, self.module, rng)
        if hasattr(self.module, "examples"):
            return drawn
        turned, why = {name: a.T.copy() if a.shape == (4, 3) else a for name, a in drawn[0].items()}, ""
        for given in (*drawn, turned):
            try:
                self.forward(given, {})
            except (ValueError, IndexError) as error:
                why = f"{type(error).__name__}: {error}"
            else:
                return [given]
        shapes = ", ".join(f"{name} {a.shape}" for name, a in drawn[0].items())
        expected = f"expected examples(rng), which yields ({', '.join(self.arguments)})"
        raise Unclear(f"forward was called with a guess, {shapes}, and raised {why}; {expected}")


def drawn_for(arguments: list[str], module: ModuleType, rng: np.random.Generator) -> list[Arrays]:
    """What to call a function with: the file's examples, or else arrays of the shapes that their names mean.

    Raises:
        Unclear: a name means none, or the examples are of something else.
    """
    expected = f"expected examples(rng), which yields ({', '.join(arguments)})"
    if hasattr(module, "examples"):
        examples = [example if isinstance(example, tuple) else (example,) for example in module.examples(rng)]
        if not examples or any(len(example) != len(arguments) for example in examples):
            got = f"{len(examples[0])} values" if examples else "nothing"
            raise Unclear(f"examples(rng) yields {got}; {expected}")
        return [dict(zip(arguments, map(np.asarray, example), strict=True)) for example in examples]
    shapes = SHAPES | {arguments[0]: SHAPES["x"]}
    if unknown := [name for name in arguments if name not in shapes]:
        raise Unclear(f"what {unknown[0]!r} is, is not known; {expected}")
    if SHAPES["W"] not in map(shapes.get, arguments):  # a bias of x itself
        shapes |= {"b": (3,), "bias": (3,)}
    return [{name: rng.standard_normal(shapes[name]) for name in arguments}]


class NetworkPiece(Piece):
    """The gradient of a whole network's cost by its parameters, as one function."""

    form = "network"

    def __init__(self, backward: Callable[..., Any], module: ModuleType) -> None:
        super().__init__(backward.__name__, [*inspect.signature(backward).parameters], [])
        self.of_all, self.cost, self.module = backward, getattr(module, "cost", None), module
        self.has_cost = self.cost is not None

    def backward(self, kept: Arrays, delta: Array | None) -> Arrays:  # noqa: ARG002
        result, names = self.of_all(**kept), self.arguments[:-2]
        if isinstance(result, dict):
            return {f"d{n.removeprefix('d')}": g for n, g in result.items()}
        if not isinstance(result, tuple | list) or len(result) != len(names):
            given = f"{len(result)} values" if isinstance(result, tuple | list) else f"a {type(result).__name__}"
            raise Wrong(f"backward returned {given}; expected {len(names)} arrays: {', '.join(f'd{n}' for n in names)}")
        return {f"d{n}": g for n, g in zip(names, result, strict=True)}

    def case(self, given: Arrays) -> Case:
        """The cost as a function of the parameters, x and y fixed."""
        fixed = {name: given[name] for name in self.arguments[-2:]}
        cost: Any = self.cost
        return Case(
            {name: given[name] for name in self.arguments[:-2]},
            lambda **params: cost(**params, **fixed),
            lambda params: self.backward({**params, **fixed}, None),
        )


class AutogradPiece(Piece):
    """A torch.autograd.Function and the callable that it must agree with."""

    form = "autograd"

    def __init__(self, function: Any, module: ModuleType) -> None:
        self.reference, self.function, self.module = getattr(module, "reference", None), function, module
        super().__init__(function.__name__, [*inspect.signature(self.reference or function.apply).parameters], [])

    def inputs(self, rng: np.random.Generator) -> list[Any]:
        """What both are called with."""
        if self.reference is None:
            raise Unclear(f"expected reference(…) beside {self.name}, a callable of the same arguments in torch")
        return [*drawn_for(self.arguments, self.module, rng)[0].values()]


def load(path: Path) -> list[Piece]:
    """Run the file, and find what it offers. Its module has a name that no other can have: a file may be called numpy.py."""
    sys.path.append(str(path.parent))
    name = "the file"
    loader = SourceFileLoader(name, str(path))
    module = ModuleType(name)
    module.__file__, module.__loader__ = str(path), loader
    sys.modules[name] = module
    loader.exec_module(module)
    own = {n: o for n, o in vars(module).items() if getattr(o, "__module__", None) == name and n != "reference"}
    return [*_classes(own, module), *_functions(own, module)]


def _classes(own: Fields, module: ModuleType) -> Iterator[Piece]:
    torch, kinds = sys.modules.get("torch"), [o for o in own.values() if inspect.isclass(o)]
    for kind in kinds:
        if any(kind in other.__bases__ for other in kinds):
            continue
        stands_for = getattr(manual, kind.__name__, kind)
        if torch is not None and issubclass(kind, torch.autograd.Function):
            yield AutogradPiece(kind, module)
        elif issubclass(stands_for, Optimizer):
            yield OptimizerPiece(kind, module, "optimizer")
        elif hasattr(kind, "forward") and hasattr(kind, "backward"):
            loss = issubclass(stands_for, Loss) or (stands_for is kind and _is_loss(kind))
            yield LossPiece(kind, module, "loss") if loss else LayerPiece(kind, module, "layer")


def _functions(own: Fields, module: ModuleType) -> Iterator[Piece]:
    functions = {n: f for n, f in own.items() if inspect.isfunction(f)}
    for name, backward in functions.items():
        if not (match := re.fullmatch(r"(\w+_)?backward", name)):
            continue
        forward = functions.get(f"{match[1] or ''}forward")
        if re.fullmatch(r"(W\d+ b\d+ )+x y", " ".join(inspect.signature(backward).parameters)):
            yield NetworkPiece(backward, module)
        elif forward:
            yield FunctionsPiece((match[1] or "forward").rstrip("_"), forward, backward, module)


def _is_loss(kind: Any) -> bool:
    """Whether the forward of a class that this project has not cannot do without a prediction and a target."""
    parameters = inspect.signature(kind.forward).parameters.values()
    return sum(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in parameters) > len(("self", "prediction"))


def _aliases(name: str) -> tuple[str, ...]:
    return {"weight": ("W", "w"), "bias": ("b",)}.get(name, ())


def _pair(result: Any, method: str, expected: str) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise Wrong(f"{method} returned a {type(result).__name__}; expected {expected}")
    return result


def _by_name(gradient: Any, params: list[str]) -> Arrays:
    """A gradient's arrays: of a layer, of a dict, or in order."""
    if isinstance(gradient, tuple | list):
        gradient = dict(zip(params, gradient, strict=True))
    present = {}
    for name in params:
        for n in (name, *_aliases(name)):
            g = gradient.get(n, gradient.get(f"d{n}")) if isinstance(gradient, dict) else getattr(gradient, n, None)
            if g is not None:
                present[f"d{name}"] = g
                break
    return present
