"""How parameters and gradients are handed to an optimizer: in an object that keeps both, as dicts, lists or arrays."""

import ast
import copy
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays
from experiments.grade.forms.stateful.lists import fitted_to_either
from experiments.grade.forms.stateful.making import Fitted, drawn_inputs, fitted, network_of
from experiments.grade.forms.stateful.objects import Methods, Parameters, methods_of, output_of
from experiments.grade.forms.stateful.slots import Slot, gradient_slot, is_marked, put, slots, stem
from manual.numbers.number_types import Array

Method = Callable[..., Any]
Handing = Callable[[Arrays, Arrays], Arrays]
"""Parameters and gradients by name -> the parameters after a step."""
Way = Callable[[Callable[[], Method]], Handing]
"""How to hand over to the update of an optimizer, which is made by the call of what it is given."""


def ways(found: Definitions, count: int) -> Iterator[Way]:
    """The ways for an update of so many arguments, those first that leave least to chance."""
    if count == 2:
        yield from (_dicts(str, str), _dicts(lambda n: f"{n}1", lambda n: f"d{n}1"), _lists, _one_by_one)
        return
    yield from (_pairs, _objects)
    for thing, parameters, gradients in keepers(found):
        for wrap in (lambda own: own, lambda own: [own]):
            yield _in_an_object(thing, parameters, gradients, wrap)
    yield from (_in_a_namespace(names) for names in named_in(found))


def _dicts(key: Callable[[str], str], gradient_key: Callable[[str], str]) -> Way:
    """update(params, grads) by their keys."""
    short = {"weight": "W", "bias": "b"}

    def way(make: Callable[[], Method]) -> Handing:
        update = make()

        def hand(params: Arrays, gradients: Arrays) -> Arrays:
            given = {key(short[n]): p for n, p in params.items()}
            returned = update(given, {gradient_key(short[n]): g for n, g in gradients.items()})
            new = _returned(returned, dict, given)
            return {n: new[key(short[n])] for n in params}

        return hand

    return way


def _returned(returned: Any, kind: type, given: Any) -> Any:
    """The parameters that come back, alone or first of several; else those that were given."""
    first = returned[0] if isinstance(returned, tuple) and returned else returned
    return first if isinstance(first, kind) else given


def _lists(make: Callable[[], Method]) -> Handing:
    """update(params, grads) by their places."""
    update = make()

    def hand(params: Arrays, gradients: Arrays) -> Arrays:
        given = [*params.values()]
        new = _returned(update(given, [*gradients.values()]), list, given)
        return dict(zip(params, new, strict=True))

    return hand


def _one_by_one(make: Callable[[], Method]) -> Handing:
    """update(w, dw), by an optimizer for each parameter."""
    updates: dict[str, Method] = {}

    def hand(params: Arrays, gradients: Arrays) -> Arrays:
        found = {}
        for n, p in params.items():
            if n not in updates:
                updates[n] = make()
            found[n] = _returned(updates[n](p, gradients[n]), np.ndarray, p)
        return found

    return hand


def _pairs(make: Callable[[], Method]) -> Handing:
    """update([(w, dw), …])."""
    update = make()

    def hand(params: Arrays, gradients: Arrays) -> Arrays:
        update([(p, gradients[n]) for n, p in params.items()])
        return params

    return hand


def _objects(make: Callable[[], Method]) -> Handing:
    """update([p, …]), whose objects keep their values as data and their gradients as grad."""
    update, kept = make(), {}

    def hand(params: Arrays, gradients: Arrays) -> Arrays:
        for n, p in params.items():
            kept.setdefault(n, SimpleNamespace()).__dict__.update(
                data=p, value=p, grad=gradients[n], gradient=gradients[n], shape=p.shape
            )
        update([*kept.values()])
        return {n: thing.data if thing.data is not params[n] else thing.value for n, thing in kept.items()}

    return hand


# ---------------------------------------------------------------- where the optimizer keeps the parameters

Keeping = Callable[[Callable[[Any], Method]], Handing]
"""How to hand over to an update, which is made of the parameters that it keeps."""


def keeping(found: Definitions, count: int) -> Iterator[Keeping]:
    """The ways for an update of so many arguments: of none, or of the gradients."""
    yield from (_kept_dict, _kept_list) if count else (partial(_kept_object, _objects), _kept_pairs)
    for thing, parameters, gradients in keepers(found) if not count else ():
        for wrap in (lambda own: own, lambda own: [own]):
            yield partial(_kept_object, _in_an_object(thing, parameters, gradients, wrap))


def _kept_object(way: Way, make: Callable[[Any], Method]) -> Handing:
    """step(), after Optimizer(net) or Optimizer([p, …])."""
    made: list[Method] = []

    def begin(thing: Any) -> Any:
        made[:] = made or [make(thing)]
        return made[0]()

    return way(lambda: begin)


def _kept_dict(make: Callable[[Any], Method]) -> Handing:
    """step(grads), after Optimizer(params), by their keys."""
    kept: dict[str, Array] = {}

    def begin(params: Any, gradients: Any) -> Any:
        is_new = not kept
        kept.update(params)
        made[:] = [make(kept)] if is_new else made
        return _returned(made[0](gradients), dict, kept)

    made: list[Method] = []
    return _dicts(str, str)(lambda: begin)


def _kept_list(make: Callable[[Any], Method]) -> Handing:
    """step(grads), after Optimizer(params), by their places."""
    kept: list[Array] = []

    def begin(params: Any, gradients: Any) -> Any:
        is_new = not kept
        kept[:] = params
        made[:] = [make(kept)] if is_new else made
        return _returned(made[0](gradients), list, kept)

    made: list[Method] = []
    return _lists(lambda: begin)


def _kept_pairs(make: Callable[[Any], Method]) -> Handing:
    """step(), after Optimizer([(w, dw), …]), whose arrays change in place."""
    kept: dict[str, tuple[Array, Array]] = {}
    made: list[Method] = []

    def hand(params: Arrays, gradients: Arrays) -> Arrays:
        if not kept:
            kept.update({n: (p.copy(), gradients[n].copy()) for n, p in params.items()})
            made.append(make([*kept.values()]))
        for n, (w, dw) in kept.items():
            w[...], dw[...] = params[n], gradients[n]
        made[0]()
        return {n: w.copy() for n, (w, _) in kept.items()}

    return hand


# ---------------------------------------------------------------- objects that keep both


def keepers(found: Definitions) -> Iterator[tuple[Any, list[Slot], list[Slot]]]:
    """The file's own layers and networks after a backward: where they keep their parameters and the gradients."""
    rng = np.random.default_rng(0)
    kinds = [k for k in found.own().values() if inspect.isclass(k) and methods_of(k)]
    for kind in kinds:
        others = [k for k in kinds if k is not kind]
        methods: Any = methods_of(kind)
        try:
            own, places = _after_a_backward(kind, methods, network_of(others, rng), rng)
        except Exception:
            continue
        kept = dict(slots(own))
        gradients = [next((s for p in ps if (s := gradient_slot(kept, p, i))), None) for i, ps in enumerate(places)]
        both = [(ps[0], g) for ps, g in zip(places, gradients, strict=True) if g is not None]
        if len(both) >= 2:
            yield own, [p for p, _ in both], [g for _, g in both]


def _after_a_backward(
    kind: type, methods: Methods, parts: list[Any], rng: np.random.Generator
) -> tuple[Any, list[list[Slot]]]:
    """An object of a class that has gone forward and backward, and where its parameters are."""

    def forward(own: Any, inputs: Any) -> Any:
        before = {*vars(own)}
        return output_of(own, getattr(own, methods.forward)(*inputs), before)

    def backward(own: Any, delta: Any) -> Any:
        return getattr(own, methods.backward)(delta)

    def fit(kind: type) -> Fitted:
        return fitted(kind, forward, backward, drawn_inputs(1, rng), rng, parts)

    prototype, _, x = fitted_to_either(kind, methods, forward, fit)
    places = [*Parameters(prototype, x, forward, rng).places.values()]
    own = copy.deepcopy(prototype)
    backward(own, rng.standard_normal(np.shape(forward(own, x))))
    return own, places


def _in_an_object(thing: Any, parameters: list[Slot], gradients: list[Slot], wrap: Callable[[Any], Any]) -> Way:
    """update(layer), step(net), update(layers): every parameter holds numbers of one of the arrays, and what comes back
    is read from all of them. A rule moves each number alone, so that the arrays may take the object's shapes.
    """

    def way(make: Callable[[], Method]) -> Handing:
        update, own = make(), copy.deepcopy(thing)

        def hand(params: Arrays, grads: Arrays) -> Arrays:
            kept = dict(slots(own))
            sizes = {n: [np.size(kept[p]) for p in parameters[i :: len(params)]] for i, n in enumerate(params)}
            for values, places in ((params, parameters), (grads, gradients)):
                for i, (n, array) in enumerate(values.items()):
                    for slot in places[i :: len(values)]:
                        whole = max(sizes[n]) >= array.size
                        put(own, slot, np.resize(array, np.shape(kept[slot]) if whole else array.shape))
            update(wrap(own))
            moved = dict(slots(own))
            return {
                n: _read(p, [moved[s] for s in parameters[i :: len(params)]]) for i, (n, p) in enumerate(params.items())
            }

        return hand

    return way


def _read(array: Array, places: list[Array]) -> Array:
    """The array's numbers, each from one of the places that hold it, in turn, the last one first."""
    found = np.empty(array.size)
    for j in range(array.size):
        holding = [place for place in places if place.size > j]
        found[j] = holding[-1 - j % len(holding)].ravel()[j]
    return found.reshape(array.shape)


def named_in(found: Definitions) -> Iterator[dict[str, str]]:
    """What the attributes of an argument are called of which a method reads weights, biases and their gradients."""
    for node in ast.walk(found.tree):
        if not isinstance(node, ast.FunctionDef) or len(node.args.args) != 2:
            continue
        name = node.args.args[1].arg
        read = {
            a.attr for a in ast.walk(node) if isinstance(a, ast.Attribute) and isinstance(a.value, ast.Name)
            and a.value.id == name
        }  # fmt: skip
        names = {}
        for attribute in read:
            if stem(attribute) in ("w", "b"):
                names[("d" if is_marked(attribute) else "") + stem(attribute)] = attribute
        if names.keys() == {"w", "b", "dw", "db"}:
            yield names


def _in_a_namespace(names: dict[str, str]) -> Way:
    """update(layer) where the file has no layer."""

    def way(make: Callable[[], Method]) -> Handing:
        update, layer = make(), SimpleNamespace()

        def hand(params: Arrays, gradients: Arrays) -> Arrays:
            for n, short in (("weight", "w"), ("bias", "b")):
                setattr(layer, names[short], params[n])
                setattr(layer, names[f"d{short}"], gradients[n])
            update(layer)
            return {"weight": getattr(layer, names["w"]), "bias": getattr(layer, names["b"])}

        return hand

    return way
