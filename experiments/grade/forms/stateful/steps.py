"""How an object moves its parameters: update(lr) or apply_gradients(g, lr) after its backward.

Where it is made of parameters, gradients and a rate alone it is a step of gradient descent, and the parameters must
move by their gradients. One that has more to it, as a momentum or a division, is held to that where each parameter's
first step is along its gradient; else it is another rule, which is not judged.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import OWN, RATE, RATES, Parameters, accepted, needed
from experiments.grade.forms.stateful.slots import is_marked, kept_at
from experiments.grade.forms.whole.names import GRADIENTS
from experiments.grade.forms.whole.network_data import Given
from experiments.grade.forms.whole.network_methods import NetworkMethods
from experiments.grade.forms.whole.results import gradients_in, method_node

STEPS = re.compile(r"\w*(update|step|apply|optimi[sz]e|descend|descent|sgd)\w*", re.IGNORECASE)
"""What such a method is called."""
Act = Callable[[Any, Arrays, Any], None]
"""What an object does with these arrays and a δ, to move its parameters."""
CALLS = {"sum", "range", "len", "zip", "enumerate", "items", "keys", "values"}
"""What it may call: a sum, and what goes through its parameters."""


class OwnStep(NamedTuple):
    """The method, and what it is called with: the rate, what backward returned, or a part of that by its name."""

    method: str
    arguments: list[str]
    is_plain: bool = True

    @classmethod
    def of(cls, kind: type, found: Definitions, parameters: Parameters, returned: list[str]) -> "OwnStep | None":
        """The first such method of a class; none, where it asks for more."""
        for name in (n for n in dir(kind) if STEPS.fullmatch(n) and inspect.isfunction(getattr(kind, n))):
            method = getattr(kind, name)
            others = [n for n in needed(method) if n.lower() not in RATES]
            own = cls(name, [*others, *(n for n in accepted(method) if n.lower() in RATES)])
            has_rate = bool(parameters.rates) or len(others) < len(own.arguments)
            is_told = {*others} <= {*returned} or (len(others) == 1 and others[0] in GRADIENTS)
            if has_rate and is_told and parameters.places:
                return own._replace(is_plain=_is_plain([method_node(found, kind, name)], parameters))
        return None

    def __call__(self, own: Any, result: Any, returned: list[str]) -> None:
        """Make the step, after a backward that returned this."""
        parts = dict(zip(returned, result if isinstance(result, tuple | list) else [result], strict=False))
        getattr(own, self.method)(**{n: RATE if n.lower() in RATES else parts.get(n, result) for n in self.arguments})


def by_moves(plain: Example, parameters: Parameters, prototype: Any, act: Act, method: str) -> Example:
    """The same, in which the gradients are what each parameter moves by, in steps of the rate."""

    def run(given: Arrays) -> Ran:
        chance = np.random.get_state()

        def backward(delta: Any) -> Arrays:
            own = parameters.with_these(prototype, given)
            np.random.set_state(chance)  # so that what is drawn in forward is the same
            act(own, given, delta)
            return {f"d{n}": (given[n] - kept_at(own, places[0])) / RATE for n, places in parameters.places.items()}

        return Ran(plain.run(given).y, backward, pure=False)

    inputs = tuple(n for n in plain.arrays if n not in parameters.places)
    return replace(plain, run=run, fixed=inputs, place=f"by {method}")


class Move(Enum):
    """How a step moves the parameters: so that it is compared with their gradients; along these by one positive factor,
    which belongs to the rate; elsewhere, as another rule does, or a wrong one; or not at all."""

    COMPARED, BY_A_FACTOR, ELSEWHERE, NONE = range(4)


def how_it_moves(plain: Example, moved: Example, is_plain: bool) -> Move:
    """A step is compared if it is a plain descent, or moves each parameter along its gradient."""
    found = []
    for example in (plain, moved):
        np.random.seed(0)  # so that both draw the same
        backward: Any = example.run({n: np.copy(a) for n, a in example.arrays.items()}).backward
        try:
            found.append(backward(plain.delta))
        except Exception:  # it needs what is not there
            return Move.NONE
    if is_plain:
        return Move.COMPARED
    gradients, moves = found
    pairs = [(gradients[n], move) for n, move in moves.items() if np.any(gradients.get(n, 0))]
    if not any(np.any(move) for _, move in pairs):
        return Move.NONE
    factors = np.array([np.vdot(g, move) / np.vdot(g, g) for g, move in pairs])
    if not all(_is_same(c * g, move) for c, (g, move) in zip(factors, pairs, strict=True)):
        return Move.ELSEWHERE
    is_of_the_rate = factors[0] > 0 and _is_same(factors, np.full_like(factors, factors[0]))
    return Move.COMPARED if not is_of_the_rate or _is_same(factors, np.ones_like(factors)) else Move.BY_A_FACTOR


class Stepping(Piece):
    """A piece whose objects may move their parameters by themselves."""

    def goes(self, plain: Example, moved: Example, method: str, is_plain: bool, is_own: bool = False) -> bool:
        """Whether the moves of a method are to be compared; `is_own`, where it is the one that gives the gradients."""
        move = how_it_moves(plain, moved, is_plain)
        if not is_own and (move is Move.BY_A_FACTOR or (move is Move.COMPARED and not is_plain)):
            self.partly.add(method)
        if move is Move.ELSEWHERE:
            self.elsewhere.add(method)
        return move is Move.COMPARED


def by_pairs(
    methods: NetworkMethods, found: Definitions, parameters: Parameters
) -> Iterator[tuple[NetworkMethods, bool]]:
    """A network's methods that move its parameters by pairs of examples, update_mini_batch(pairs, eta), and whether
    plainly. (What steps by x and y, a loop, is a piece of its own.)"""
    roots = {places[0][0].key for places in parameters.places.values()}
    for name in filter(STEPS.fullmatch, dir(methods.kind)):
        own, node = NetworkMethods(methods.kind, methods.forward, name, found), method_node(found, methods.kind, name)
        moves = [n for n in ast.walk(node) if isinstance(n, ast.Assign | ast.AugAssign) and _root(n) in roots]
        if name != methods.gives and moves and all(own.roles.values()) and "pairs" in own.roles.values():
            yield own, _is_plain(moves, parameters)


def _root(statement: ast.Assign | ast.AugAssign) -> str:
    """The attribute of the object that an assignment gives a value, or an item of it."""
    target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
    while isinstance(target, ast.Subscript):
        target = target.value
    return target.attr if isinstance(target, ast.Attribute) and ast.unparse(target.value) in OWN else ""


def _is_plain(statements: Sequence[ast.AST], parameters: Parameters) -> bool:
    """Whether statements are made of nothing but parameters, gradients, a rate, and their sums and products."""
    functions = [s for s in statements if isinstance(s, ast.FunctionDef)]
    arguments = {a.arg for f in functions for a in f.args.args}
    nodes = [n for s in statements for part in getattr(s, "body", [s]) for n in ast.walk(part)]  # without defaults
    ways = [slot for places in parameters.places.values() for slot in places]
    kept = {str(step.key) for slot in ways for step in slot} | RATES | CALLS | {*OWN} | GRADIENTS
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    known = kept | bound | arguments
    moves = any(isinstance(n, ast.Assign | ast.AugAssign) for n in nodes)  # it is not still to be written
    return (
        moves
        and bool(ways)
        and all(
            not isinstance(n, ast.Div | ast.Pow | ast.MatMult | ast.Compare | ast.While)
            and not (isinstance(n, ast.Constant) and isinstance(n.value, float))
            and not (isinstance(n, ast.Name) and not (n.id in known or is_marked(n.id)))
            and not (isinstance(n, ast.Attribute) and not (n.attr in kept or is_marked(n.attr)))
            and not (isinstance(n, ast.Call) and getattr(n.func, "id", getattr(n.func, "attr", "")) not in CALLS)
            for n in nodes
        )
    )


def moves_something(node: ast.AST) -> bool:
    """Whether a function makes a step itself, and does not leave that to those that it calls: … -= lr * …"""
    for n in ast.walk(node):
        if isinstance(n, ast.AugAssign | ast.BinOp) and isinstance(n.op, ast.Add | ast.Sub):
            parts = [*ast.walk(n.value if isinstance(n, ast.AugAssign) else n.right)]
            names = {getattr(part, "attr", getattr(part, "id", "")).lower() for part in parts}
            if names & RATES or any(isinstance(part, ast.Mult) for part in parts):
                return True
    return False


def must_be_one_step(
    methods: NetworkMethods, names: list[str], parameters: Parameters, fitted: tuple[Any, Given, Any], arrays: Arrays
) -> None:
    """Where the gradient is what the parameters move by, that must be one step from those that they were.

    Raises:
        Unclear: it begins elsewhere; or none moves twice as far at twice the rate, as after several steps.
    """
    prototype, (_, x, _), y = fitted

    def moved(arrays: Arrays, times: int) -> Arrays:
        own = parameters.with_these(prototype, arrays)
        for name in parameters.rates:
            setattr(own, name, times * RATE)
        result = methods.given_back(own, x, y, times * RATE)
        if gradients_in(result, names, {n: arrays[n].shape for n in parameters.places}):
            return {}
        kept = {f"d{n}" for n in parameters.places} - parameters.kept_gradients(own).keys()
        return {n: g for n, g in parameters.gradients(own, arrays).items() if n in kept}

    others = arrays | {n: arrays[n] + 1 for n in parameters.places}
    try:
        one, two, other = moved(arrays, 1), moved(arrays, 2), moved(others, 1)
    except Exception:  # which is said where it is run
        return
    if not one:
        return
    of_its_own = all(_is_same(g, other.get(n)) for n, g in one.items())
    by_a_rate = not all(_is_same(g, two.get(n)) for n, g in one.items())
    if of_its_own or (by_a_rate and not any(_is_same(2 * g, two.get(n)) for n, g in one.items())):
        raise Unclear(f"{methods.gives} does not make one step from the parameters that the network has")


def _is_same(one: Any, other: Any) -> bool:
    """Whether two arrays are the same but for their last digits."""
    return other is not None and bool(np.allclose(one, other, rtol=2.0**-20, atol=2.0**-20 * np.abs(one).max()))
