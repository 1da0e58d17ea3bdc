"""How what trains is run for one turn: its arguments by their names, the parameters that it begins and ends with."""

import inspect
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from experiments.grade.forms.piece import Arrays, Taught
from experiments.grade.forms.stateful.objects import OWN, RATES
from experiments.grade.forms.whole.names import PARAMETERS, PENALTIES
from experiments.grade.forms.whole.network_data import BATCHES, COUNTS, OF_A_COST, SIZES, role, roles
from experiments.grade.forms.whole.results import gradients_in

OF_WHAT = re.compile(
    r"(^|_)(train(ing)?|val(id(ation)?)?|test(ing)?|dev|tr|te)(?=_|$)|(?<=^[xy])(train|val|test|tr|te)$", re.IGNORECASE
)
"""The words of what data are for."""
BEGINS = re.compile(r"_?(in|init(ial)?|0|start)$|^init(ial)?_", re.IGNORECASE)
"""The words of what parameters begin as."""
PAIRS = re.compile(r"data|set$|samples|examples|pairs|batch$", re.IGNORECASE)
"""What examples with their targets are called."""
TURNS = re.compile(r"epoch|iter|steps|rounds|turns", re.IGNORECASE)
"""What a number of turns is called, whatever else its name says, but for how often something is shown."""
SHOWN = re.compile(r"every|print|per|interval|freq|size|batch", re.IGNORECASE)
MOST = 40
"""How often the gradients may be taken before a trainer is ended."""
HANDED = re.compile(r"(grad(ient)?s?|back(ward)?)(_?prop\w*?)?_?(function|func|fn|f)", re.IGNORECASE)
"""What a function that trains calls the piece that it is handed."""
FUNCTION = re.compile(r"(cost|loss)\w*(function|func|fn)$", re.IGNORECASE)
"""And the cost, which it only shows."""
NUMBER = re.compile(r"\d+$")
DEPTH = 3
NUMBERS = (int, float)


class Endless(Exception):
    """It goes on, whatever it is told."""


class Data(NamedTuple):
    """Data and a target as a trainer may want them; or pairs of both, where it asks for one thing alone."""

    x: Any
    y: Any
    both: list[Any]


class Told(NamedTuple):
    """What a trainer is told: the data, its rate, how many turns it is to make, and how strong a penalty is; whether
    its examples stay in their order."""

    data: Data
    rate: float
    penalty: float
    turns: int = 1
    in_order: bool = False


def presented(taught: Taught) -> Iterator[Data]:
    """As the piece takes them; the classes of a target that is one-hot; one example as a row; turned."""
    x, y = taught.x, taught.y
    is_one = np.ndim(x) == 1 or (np.ndim(x) == 2 and np.shape(x)[1] == 1 and np.shape(y)[1:] == (1,))
    if is_one:
        yield Data(np.stack([x, x]), np.stack([y, y]), [(x, y), (x, y)])  # a sum of both, or their mean
        yield from (Data(a, b, [(x, y)]) for a, b in ((x[None], y[None]), (x.T, y.T), (x, y)))
        return
    in_rows = len(x) == len(y)
    pairs = [*zip(x, y, strict=True)] if in_rows else [*zip(x.T, y.T, strict=False)]
    yield Data(x, y, pairs)
    if np.ndim(y) == 2 and min(y.shape) > 1:
        yield Data(x, y.argmax(int(in_rows)), pairs)
    if np.ndim(y) == 2 and min(y.shape) == 1:
        yield Data(x, y.ravel(), pairs)
    if np.ndim(x) == 2:
        yield Data(x.T, y.T, pairs)


def arguments(f: Callable[..., Any], told: Told, arrays: Mapping[str, Any], gives: str, space: Any) -> dict[str, Any]:
    """What it is called with, by the names of its arguments; a rate, and its turns, also where it need not be told."""
    found: dict[str, Any] = {}
    data = told.data
    parameters = {n: p for n, p in inspect.signature(f).parameters.items() if n not in OWN}
    plain = {n: n if role(n) else OF_WHAT.sub("", n).strip("_") or n for n in parameters}
    whats = dict(zip(parameters, roles([*plain.values()], f.__name__), strict=True))
    begins = {n: BEGINS.sub("", n) for n in parameters}
    asked_for = [n for n, p in parameters.items() if p.default is p.empty and begins[n] not in arrays]
    sets = [n for n in asked_for if whats[n] == "x" or PAIRS.search(n)] if "y" not in whats.values() else []
    pairs = next(iter(sets), "")
    for name, p in parameters.items():
        what, asked = whats[name], p.default is p.empty
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        if begins[name] in arrays:
            found[name] = arrays[begins[name]]
        elif what == "rate":
            found[name] = told.rate
        elif what == "count" or (TURNS.search(name) and not SHOWN.search(name)):
            found[name] = told.turns
        elif name == pairs:
            found[name] = [*data.both]
        elif name.lower() in BATCHES:
            found[name] = len(data.both)
        elif what == "penalty" and (told.penalty or asked):
            found[name] = told.penalty
        elif what in ("x", "y") and (asked or plain[name] == name):
            found[name] = np.copy(data.x if what == "x" else data.y)
        elif asked:
            found[name] = _unknown(name, arrays, gives, space)
    return found


def _unknown(name: str, arrays: Mapping[str, Any], gives: str, space: Mapping[str, Any]) -> Any:
    """Parameters in a dict; sizes; nothing shown; the function of the file that an argument is called after, as
    forward_prop_func is; else a size."""
    if name in PARAMETERS:
        return dict(arrays)
    if re.search("dims|sizes|layers|arch|shape", name, re.IGNORECASE):
        return [*SIZES]
    if re.search(r"verbose|print|show|plot|shuffle|seed", name, re.IGNORECASE):
        return False
    if HANDED.fullmatch(name) and gives:
        return space[gives]
    like = [n for n in space if name.startswith(n) and inspect.isfunction(space[n])]
    if not like and FUNCTION.search(name):
        like = [n for n in space if OF_A_COST.search(n) and n != gives and inspect.isfunction(space[n])]
    return space[max(like, key=len)] if like else SIZES[1]


@contextmanager
def each_once(in_order: bool) -> Iterator[None]:
    """While this lasts, what draws examples draws each once, as far as they go; also `in_order`, so that what belongs
    together is together whatever becomes of the order."""
    draw, draw_numbers, permute = np.random.choice, np.random.randint, np.random.permutation

    def order(count: int, size: Any) -> Any:
        return np.resize(np.arange(count) if in_order else permute(count), size)

    def choice(a: Any, size: Any = None, replace: bool = True, p: Any = None) -> Any:
        count = len(a) if np.ndim(a) else a
        if size is None or p is not None:
            return draw(a, size, replace, p)
        return np.asarray(a)[order(count, size)] if np.ndim(a) else order(count, size)

    def randint(low: Any, high: Any = None, size: Any = None, dtype: Any = int) -> Any:
        begin, end = (0, low) if high is None else (low, high)
        if size is None or np.ndim(end) or end - begin > MOST:
            return draw_numbers(low, high, size, dtype)
        return begin + order(end - begin, size)

    functions: dict[str, Any] = {"choice": choice, "randint": randint}
    np.random.seed(0)
    random.seed(0)
    with patch.multiple(np.random, **functions), ExitStack() as stack:
        if in_order:
            same = {"permutation": lambda x: np.arange(x) if np.ndim(x) == 0 else np.array(x), "shuffle": id}
            stack.enter_context(patch.multiple(np.random, **same))
            stack.enter_context(patch.multiple(random, shuffle=id, sample=lambda all_of, k: [*all_of][:k]))
        yield


def counted(f: Callable[..., Any], penalty: float) -> Callable[..., Any]:
    """The same function, which may be called so often; with a penalty of this strength, where it is told none."""
    calls = iter(range(MOST))
    takes = inspect.signature(f)
    strengths = {n: penalty for n in takes.parameters if n.lower() in PENALTIES and penalty}

    def call(*given: Any, **named: Any) -> Any:
        if next(calls, None) is None:
            raise Endless
        told = takes.bind(*given, **named).arguments
        return f(*given, **named, **{n: v for n, v in strengths.items() if n not in told})

    return call


def _untold(f: Callable[..., Any], told: Told) -> float:
    """The strength of a penalty of which a trainer knows nothing."""
    return 0 if any(role(n) == "penalty" for n in inspect.signature(f).parameters) else told.penalty


def of_object(f: Callable[..., Any], taught: Taught, told: Told, arrays: Arrays) -> Arrays:
    """The parameters of an object after its method has trained it."""
    own = taught.make(arrays, told.rate)
    vars(own).update({n: told.turns for n in vars(own) if n.lower() in COUNTS})
    vars(own).update(
        {n: told.penalty for n, v in vars(own).items() if n in PENALTIES and told.penalty and type(v) in NUMBERS}
    )
    vars(own)[taught.gives] = counted(getattr(own, taught.gives), _untold(f, told))
    with each_once(told.in_order):
        getattr(own, f.__name__)(**arguments(f, told, {}, "", f.__globals__))
    return taught.kept(own)


def by_function(
    f: Callable[..., Any],
    taught: Taught,
    told: Told,
    arrays: Arrays,
    module: ModuleType,
    makers: Mapping[str, list[str]],
    names: list[str],
) -> Arrays:
    """The parameters that a function gives back, or leaves in what it was handed, or in the module; `makers` are the
    functions that may make them, with the names of what each returns, as `names` are those of what it returns."""
    held: list[Any] = []

    def making(name: str) -> Callable[..., Any]:
        make = getattr(module, name)

        def made(*given: Any, **named: Any) -> Any:
            result = make(*given, **named)
            instead = None if held else _with(result, arrays, makers[name])
            held.extend([] if instead is None else [instead])
            return result if instead is None else instead

        return made

    space = vars(module)
    instead: dict[str, Any] = {n: told.rate for n, v in space.items() if n.lower() in RATES and type(v) in NUMBERS}
    instead |= {taught.gives: counted(space[taught.gives], _untold(f, told)), **{n: making(n) for n in makers}}
    are_its_own = arrays.keys() <= space.keys()
    instead |= {n: a.copy() for n, a in arrays.items()} if are_its_own else {}
    given = arguments(f, told, {n: a.copy() for n, a in arrays.items()}, taught.gives, {**space, **instead})
    begins = {BEGINS.sub("", n): v for n, v in given.items()}
    if begins.keys() & ({*arrays} | PARAMETERS):
        held.append(
            {n: v for n, v in begins.items() if n in arrays} or next(begins[n] for n in begins if n in PARAMETERS)
        )
    with each_once(told.in_order), patch.multiple(module, **instead):
        result = f(**given)
        held += [{n: space[n] for n in arrays}] if are_its_own else []
    return _parameters_in([result, *held], names, {n: np.shape(a) for n, a in arrays.items()})


def _with(result: Any, arrays: Arrays, names: list[str]) -> Any:
    """What a function made, with these arrays in the place of its parameters; None, if it made something else."""
    if isinstance(result, dict):
        kinds = {NUMBER.sub("", n) for n in arrays}
        others = {n: v for n, v in result.items() if NUMBER.sub("", str(n)) not in kinds}
        return {**others, **arrays} if arrays.keys() & result.keys() else None
    if isinstance(result, tuple | list) and len(result) == len(arrays):
        order = names if {*names} == {*arrays} else [*arrays]
        if all(np.ndim(v) == np.ndim(arrays[n]) for n, v in zip(order, result, strict=True)):
            return type(result)(arrays[n] for n in order)
    return None


def _parameters_in(results: list[Any], names: list[str], shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """The parameters in the first of these that has them all: by their names, else by their shapes and order."""
    for result in results:
        by_name = {n: v for n, v in _named(result, names) if n in shapes and np.shape(v) == shapes[n]}
        found = by_name if len(by_name) == len(shapes) else gradients_in(result, names, shapes)
        if len(found) == len(shapes):
            return {n: found[n if n in found else f"d{n}"] for n in shapes}
    return {}


def _named(result: Any, names: Iterable[str], depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    """What lies in a result, by name; what is nearest last."""
    parts: Iterable[tuple[str, Any]] = ()
    if isinstance(result, dict):
        parts = [(str(n), v) for n, v in result.items()]
    elif isinstance(result, tuple | list):
        parts = [*zip(names if len([*names]) == len(result) else [""] * len(result), result, strict=True)]
    for value in [v for _, v in parts if depth and isinstance(v, dict | tuple | list)]:
        yield from _named(value, (), depth - 1)
    yield from parts
