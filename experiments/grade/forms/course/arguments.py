"""What a function is called with: arrays by what their names mean, or else by what makes it run; dicts by their keys.

The sizes of each family differ from each other, so that what does not belong together does not broadcast.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Fields

ROLES = {
    **dict.fromkeys(("x", "X", "z", "a", "A", "inp", "input", "inputs", "xt"), "x"),
    **dict.fromkeys(("w", "W", "weight", "weights", "theta", "embed"), "w"),
    **dict.fromkeys(("b", "bias", "biases"), "b"),
    **dict.fromkeys(("gamma", "scale", "gain"), "gamma"),
    **dict.fromkeys(("beta", "shift", "offset"), "beta"),
    **dict.fromkeys(("prev_h", "h0", "h", "h_prev", "hprev", "hidden"), "h"),
    **dict.fromkeys(("prev_c", "c0", "c", "c_prev", "cell"), "c"),
    **dict.fromkeys(("Wx", "Wxh", "W_x", "Wih", "U"), "Wx"),
    **dict.fromkeys(("Wh", "Whh", "W_h"), "Wh"),
    "attn": "attn", "Wattn": "Wattn",
    **{name: role for role in "qkv" for name in (role, role.upper())},
    **{name: f"W{role}" for role in "qkvo" for name in (f"W{role}", f"W_{role}", f"W{role.upper()}", f"w{role}")},
}  # fmt: skip
"""What an argument's name says that it is."""
Shapes = dict[str, tuple[int, ...]]


def _recurrent(x: tuple[int, ...], gates: int) -> Shapes:
    return {"x": x, "h": (3, 2), "c": (3, 2), "Wx": (4, 2 * gates), "Wh": (2, 2 * gates), "b": (2 * gates,),
            "attn": (3, 2), "Wattn": (2, 2 * gates)}  # fmt: skip


def _pictures(h: int, w: int, norm: tuple[int, ...] = (2,)) -> Shapes:
    return {"x": (2, 2, h, w), "w": (2, 2, 3, 3), "b": (2,), "gamma": norm, "beta": norm}


FAMILIES: dict[str, Shapes] = {
    "rows": {"x": (5, 3), "w": (3, 4), "b": (4,), "gamma": (4,), "beta": (4,)},
    "rows alone": {"x": (5, 3), "gamma": (3,), "beta": (3,), "b": (3,), "w": (3,)},
    "rows, W is (out, in)": {"x": (5, 3), "w": (4, 3), "b": (4,), "gamma": (4,), "beta": (4,)},
    "steps in time": {"x": (2, 5, 3), "w": (3, 4), "b": (4,), "gamma": (3,), "beta": (3,)},
    **{f"one step, {gates} gates": _recurrent((3, 4), gates) for gates in (1, 4, 3)},
    **{f"sequences, {gates} gates": _recurrent((3, 5, 4), gates) for gates in (1, 4, 3)},
    "pictures": _pictures(4, 2),
    "signals": {"x": (2, 2, 6), "w": (3, 2, 3), "b": (3,), "gamma": (2,), "beta": (2,)},
    "pictures, parameters are (1, C, 1, 1)": _pictures(4, 2, (1, 2, 1, 1)),
    "queries, keys and values": {"x": (2, 3, 4), "q": (2, 3, 4), "k": (2, 3, 4), "v": (2, 3, 4), "w": (4, 4)},
    "queries, keys and values of one sequence": {"x": (3, 4), "q": (3, 4), "k": (5, 4), "v": (5, 2)},
    "as many queries as keys, of one sequence": dict.fromkeys("xqkv", (3, 4)),
    **{
        f"a sequence that attends to itself{many}": {
            "x": (*batch, 3, 4),
            **dict.fromkeys(("Wq", "Wk", "Wv", "Wo"), (4, 4)),
        }
        for many, batch in (("", ()), (", several", (2,)))
    },
}
"""What arrays go together, by what they are."""
BESIDES: dict[str, Shapes] = {
    "examples of three axes": {"x": (3, 2, 4), "w": (8, 5), "b": (5,)},
}
"""What a function may take besides."""
POSITIONS: dict[int, list[list[str]]] = {
    1: [["x"]],
    2: [["x", "w"], ["x", "b"], ["x", "gamma"], ["x", "another"]],
    3: [["x", "w", "b"], ["x", "gamma", "beta"], ["q", "k", "v"]],
    4: [["x", "h", "Wx", "Wh"], ["x", "Wq", "Wk", "Wv"]],
    5: [["x", "h", "Wx", "Wh", "b"], ["x", "w", "b", "gamma", "beta"], ["x", "Wq", "Wk", "Wv", "Wo"]],
    6: [["x", "h", "c", "Wx", "Wh", "b"]],
    8: [["x", "h", "c", "Wx", "Wh", "b", "attn", "Wattn"]],
}
"""What arguments are by their places, where their names do not tell."""
KEYS: dict[str, Any] = {
    "mode": "train", "p": 0.7, "keep_prob": 0.7, "seed": 3, "stride": 1, "pad": 1, "padding": 1, "f": 2,
    "pool_height": 2, "pool_width": 2, "pool_size": 2, "num_heads": 2,
}  # fmt: skip
"""What a dict of settings holds, by its keys."""
WINDOWS = {"pool_height", "pool_width", "pool_size", "f"}
PROBABILITY = re.compile(r"p|rate|ratio|keep_?prob|(p_?)?drop(out)?(_?(p|rate|ratio|prob(ability)?))?", re.IGNORECASE)
OFTEN = 0.4
"""What an argument is called that is a probability, and what it is."""
PLAIN: dict[str, Any] = {
    **dict.fromkeys(("alpha", "slope", "negative_slope"), 0.1), **dict.fromkeys(("eps", "epsilon"), 1e-5),
    **dict.fromkeys(("stride", "size", "pool_size", "kernel_size", "filter_size", "num_heads", "n_heads"), 2),
    **dict.fromkeys(("pool_height", "pool_width"), 2), **dict.fromkeys(("pad", "padding"), 1),
    **dict.fromkeys(("training", "train", "is_training"), True), "mode": "train",
}  # fmt: skip
"""What an argument is that is a setting itself."""


def plain(names: Iterable[str]) -> Fields:
    """The settings among these arguments."""
    return {n: PLAIN.get(n, OFTEN) for n in names if n in PLAIN or PROBABILITY.fullmatch(n)}


def drawn(roles: Mapping[str, str], shapes: Shapes, rng: np.random.Generator) -> Arrays | None:
    """An array for each argument, by its role; None where the family lacks one."""
    shapes = {"another": shapes["x"], **shapes} if "x" in shapes else shapes
    if not {*roles.values()} <= shapes.keys():
        return None
    return {name: rng.standard_normal(shapes[role]) for name, role in roles.items()}


def tokens(roles: Mapping[str, str], rng: np.random.Generator) -> Arrays | None:
    """Words, and a vector of each: a word occurs twice."""
    if [*roles.values()] != ["x", "w"]:
        return None
    x, w = roles
    return {x: np.array([[0, 3, 1, 3], [2, 0, 0, 4]]), w: rng.standard_normal((5, 3))}


def candidates(arguments: list[str], rng: np.random.Generator) -> Iterator[tuple[str, Arrays, bool]]:
    """What the arguments may be, what to call that, and whether their names say so: that first."""
    known = [ROLES.get(name, "") for name in arguments]
    if {*arguments} == {"a", "b"}:  # two inputs: no bias of a
        known = ["x", "another"]
    ways = [known] if all(known) and len({*known}) == len(known) else []
    ways += [w for w in POSITIONS.get(len(arguments), []) if w not in ways and not (all(known) and "another" in w)]
    for way in ways:
        roles = dict(zip(arguments, way, strict=True))
        for family, shapes in FAMILIES.items():
            if (found := drawn(roles, shapes, rng)) is not None:
                yield family, found, way is known
        if (found := tokens(roles, rng)) is not None:
            yield "words", found, way is known


def also(arguments: list[str], rng: np.random.Generator) -> Iterator[tuple[str, Arrays]]:
    """What else a function of the same arguments may take."""
    for way in POSITIONS.get(len(arguments), [])[:1]:
        for family, shapes in BESIDES.items():
            if len(arguments) > 1 and (found := drawn(dict(zip(arguments, way, strict=True)), shapes, rng)):
                yield family, found


# ---------------------------------------------------------------- settings


def keys_of(found: Definitions, function: Callable[..., Any], argument: str, seen: tuple[str, ...] = ()) -> set[str]:
    """The keys by which a function, and those that it hands the argument on to, reads an argument; none if it is no
    dict."""
    if function.__name__ in seen:
        return set()
    node = found.node_of(function)
    keys = {key for n in ast.walk(node) if (key := _key(n, argument))}
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
        other = vars(found.module).get(call.func.id)  # pyright: ignore[reportAttributeAccessIssue]
        if inspect.isfunction(other):
            handed = _handed_as(call, argument, [*inspect.signature(other).parameters])
            keys |= {key for name in handed for key in keys_of(found, other, name, (*seen, function.__name__))}
    return keys


def _key(node: ast.AST, argument: str) -> str:
    """The string by which a node reads an argument: p["k"], p.get("k"), "k" in p."""
    keys: list[ast.AST] = []
    if isinstance(node, ast.Subscript) and _is(node.value, argument):
        keys = [node.slice]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is(node.func.value, argument):
        keys = node.args[:1] if node.func.attr in ("get", "setdefault", "pop") else []  # pyright: ignore[reportAssignmentType]
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In) and _is(node.comparators[0], argument):
        keys = [node.left]
    return next((k.value for k in keys if isinstance(k, ast.Constant) and isinstance(k.value, str)), "")


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _handed_as(call: ast.Call, argument: str, names: list[str]) -> Iterator[str]:
    """What the function that is called calls the argument."""
    yield from (name for name, value in zip(names, call.args, strict=False) if _is(value, argument))
    yield from (k.arg for k in call.keywords if k.arg and _is(k.value, argument))


def settings(keys: set[str]) -> Fields:
    """A dict of settings with these keys, as far as they are known; windows lie side by side."""
    known = {key: KEYS[key] for key in sorted(keys) if key in KEYS}
    return known | ({"stride": 2} if "stride" in known and keys & WINDOWS else {})


def varied(keys: set[str]) -> Iterator[tuple[str, Fields, tuple[int, int] | None]]:
    """The settings that are tried besides, what to call them, and the pictures' height and width where it must be
    another."""
    if {"stride", "pad"} <= keys:
        yield "stride 2, pad 1", {"stride": 2, "pad": 1}, (5, 3)
        yield "stride 1, pad 0", {"stride": 1, "pad": 0}, (3, 4)
    elif "stride" in keys:
        sizes = sorted(WINDOWS & keys)
        for size, width, stride, shape in ((3, 2, 1, (3, 4)), (3, 1, 2, (5, 3)), (2, 2, 2, (4, 4))):
            windows = dict.fromkeys(sizes, size) | ({"pool_width": width} if "pool_width" in sizes else {})
            said = " by ".join(map(str, dict.fromkeys(windows.values())))
            yield f"size {said}, stride {stride}", {"stride": stride, **windows}, shape
    if "mode" in keys:
        yield "mode test", {"mode": "test"}, None
