"""A script that trains when it is loaded: forward, error, deltas and updates in one loop, at module level.

One turn of the loop is run, on the script's own data; it may lie in another, or under if __name__ == "__main__". Its
parameters are what the loop moves (syn0 += …, W = W - lr * …); what they moved by, over the learning rate, is their
gradient; of a rate without a name, each number that is written there is tried. The cost is what the loop calls its
loss, or prints as such; else it is one of what data are subtracted from (error = y - l2): ½ Σ (a − y)², cross-entropy
and the like, or their mean over examples.
Compared with the truth of the first cost under which nothing differs.
"""

import ast
import copy
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from experiments.grade.forms.course.losses import words_of
from experiments.grade.forms.definitions import SETS_UP, Definitions, needs
from experiments.grade.forms.loops.drawn import WIDTHS, drawn
from experiments.grade.forms.loops.training import Training, Tried
from experiments.grade.forms.loops.turns.inline import Inline
from experiments.grade.forms.loops.turns.kept import HELPERS, LOSS, TURN
from experiments.grade.forms.loops.turns.moving import moved, moves, names_in
from experiments.grade.forms.loops.turns.space import Names, data_of
from experiments.grade.forms.loops.turns.turn import Loop, Turn, is_called_a_loss
from experiments.grade.forms.piece import Piece
from experiments.grade.forms.stand_ins import Missing
from experiments.grade.forms.stateful.slots import slots
from experiments.grade.forms.whole.network_data import role

MOST = 400
"""Numbers that the weights may have together, before the sizes are made small."""
SMALL = (8, 7, 6, 5, 4, 3)
TURNS = 4
"""Of a loop, at most, to find one in which all moves."""
WORK = {"forward", "backward", "backprop", "grad", "gradient", "gradients", "loss", "cost", "update", "step", "train"}
"""The words of functions in which a loop does its work: these are judged themselves."""


GOES_BACK = {"backward", "backprop", "back", "bprop", "grad", "gradient", "gradients", "grads"}


class Way(NamedTuple):
    """A loop, and what runs before it; the code of the functions that are written out in it, and whether others that
    train are in it: these may sum up what it moves by, and not move it."""

    loop: Loop
    before: list[ast.stmt]
    written: Collection[CodeType] = ()
    is_outer: bool = False


def pieces(found: Definitions) -> Iterator[Piece]:
    """The first loop at module level that trains."""
    if ways := ways_of(found.tree.body, found, {}):
        yield Script(ways, found)


def ways_of(
    body: Sequence[ast.stmt], found: Definitions, kinds: Mapping[str, type], given: Collection[str] = ()
) -> list[Way]:
    """The first loop that trains, and the same with the functions that it calls written out; or one that trains then.

    `kinds` are the classes of objects that are there, by their names, and `given` the names that are."""
    inline = Inline(found, kinds, body)
    every = next(training_loops(body, found, given), [])
    texts = {ast.dump(way.loop) for way in every}
    if any(_calls_a_piece(loop, found, given, every) for loop, _ in loops(body)):
        return []
    others = next(training_loops(inline.in_loops(body), found, given), [])
    return every + [way._replace(written=inline.written) for way in others if ast.dump(way.loop) not in texts]


def _calls_a_piece(loop: Loop, found: Definitions, given: Collection[str], trains: Sequence[Way]) -> bool:
    """Whether a loop has its work done by a function that is judged itself, or that is handed as one that may be; of
    one that trains, besides, all that goes back."""
    names = {n.func.id for n in ast.walk(loop) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    pieces = [n for n, o in found.own().items() if id(o) in found.claimed]
    if trains:  # a slope takes one argument, and a loss's two
        return any(words_of(n) & GOES_BACK and needs(found.own()[n]) > 2 for n in names.intersection(pieces))
    handed = (n for n in names & {*given} for piece in pieces if n.startswith(piece))
    return not names.isdisjoint(pieces) or any(handed)


def training_loops(body: Sequence[ast.stmt], found: Definitions, given: Collection[str]) -> Iterator[list[Way]]:
    """The loops that train, each with what runs before it: of loops in each other, the inner ones, the last first."""
    for loop, before in loops(body):
        there = made(before) | {*given}
        if trains(loop, there, found):
            turn = [first_turn(loop)] if isinstance(loop, ast.For) else []
            within = [Way(inner, [*before, *turn, *between]) for inner, between in loops(loop.body)]
            within = [way for way in within if trains(way.loop, there, found)]
            inmost = [way for way in within if not any(_is_in(other.loop, way.loop) for other in within)]
            yield [*inmost[::-1], Way(loop, before, is_outer=bool(within))]


def _is_in(loop: Loop, other: Loop) -> bool:
    return loop is not other and any(n is loop for n in ast.walk(other))


def trains(loop: Loop, there: set[str], found: Definitions) -> bool:
    """Whether a loop moves what is there before it, and multiplies matrices, or has an error or a loss; or has all of
    that done by functions that no form knows, or by objects that go back."""
    called = [n.func for n in ast.walk(loop) if isinstance(n, ast.Call)]
    goes_back = any(isinstance(f, ast.Attribute) and words_of(f.attr) & GOES_BACK for f in called)
    if goes_back and (_subtracts(loop, there) or _has_a_loss(loop)):
        return True
    names = {ast.unparse(f).removeprefix("self.") for f in called}
    works = [n for n in names if words_of(n) & WORK]
    known = [n for n in works if id(found.own().get(n)) in found.claimed]
    own = {n.name for n in ast.walk(found.tree) if isinstance(n, ast.FunctionDef)}
    if len({*works} & own) > 1 and not known:
        return True
    if all(is_called_a_loss(n) for n in {*moved(loop.body)} & there):
        return False
    return _multiplies(loop) or ((_subtracts(loop, there) or _has_a_loss(loop)) and not {*works} & {*found.own()})


def loops(body: Sequence[ast.stmt], before: Sequence[ast.stmt] = ()) -> Iterator[tuple[Loop, list[ast.stmt]]]:
    """Every loop that no function is around, and what runs before it; of loops in each other, the outer one first.

    What is under if __name__ == "__main__" counts, and an outer loop is at its first turn.
    """
    for number, node in enumerate(body):
        so_far = [*before, *body[:number]]
        if isinstance(node, ast.For | ast.While):
            yield node, so_far
        if isinstance(node, ast.If):
            yield from loops(node.body, so_far)
        elif isinstance(node, ast.For):
            yield from loops(node.body, [*so_far, first_turn(node)])
        elif isinstance(node, ast.While | ast.With):
            yield from loops(node.body, so_far)


def first_turn(loop: ast.For, number: int = 0) -> ast.stmt:
    """The statement that gives a loop's names their first values, or those of a later turn."""
    call = ast.Call(ast.Name(TURN, ast.Load()), [loop.iter, ast.Constant(number)], [])
    return ast.fix_missing_locations(ast.copy_location(ast.Assign([loop.target], call), loop))


def first_turns(loop: Loop) -> Iterator[list[ast.stmt]]:
    """The same, of some turns: at the first the data may be 0, and so all that it moves."""
    yield from ([first_turn(loop, number)] for number in range(TURNS)) if isinstance(loop, ast.For) else [[]]


def made(statements: Sequence[ast.stmt]) -> set[str]:
    """The names that hold something."""
    targets = [t for s in statements if isinstance(s, ast.Assign) for t in s.targets]
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def _multiplies(loop: Loop) -> bool:
    products = [n for n in ast.walk(loop) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult)]
    called = {ast.unparse(n.func).rpartition(".")[2] for n in ast.walk(loop) if isinstance(n, ast.Call)}
    return bool(products) or not called.isdisjoint(("dot", "matmul", "outer", "einsum"))


def _subtracts(loop: Loop, there: set[str]) -> bool:
    """Whether it has an error: something with a name that is a difference, or a multiple of one; any, where it moves
    what is more than a name."""
    values = [n.value for n in ast.walk(loop) if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)]
    parts = [p for v in values if isinstance(v, ast.BinOp) for p in (v, v.left, v.right)]
    different = [v for v in parts if isinstance(v, ast.BinOp) and isinstance(v.op, ast.Sub)]
    if any(isinstance(v.right, ast.Name) for v in different):
        return True
    every = [n for n in ast.walk(loop) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub)]
    tuples = [n.targets[0] for n in ast.walk(loop) if isinstance(n, ast.Assign)]
    tuples = [t for t in tuples if isinstance(t, ast.Tuple | ast.List) and {*names_in(t)} & there]
    return any(not isinstance(t, ast.Name) for t in (*moves(loop), *tuples)) and any(
        not isinstance(n.left, ast.Constant) and not isinstance(n.right, ast.Constant) for n in every
    )


def _has_a_loss(loop: Loop) -> bool:
    targets = [t for n in ast.walk(loop) if isinstance(n, ast.Assign) for t in n.targets]
    return any(isinstance(t, ast.Name | ast.Tuple) and any(map(LOSS.fullmatch, names_in(t))) for t in targets)


class Script(Training):
    """A loop at module level."""

    def __init__(self, ways: Sequence[Way], found: Definitions) -> None:
        tried = [
            Tried(Turn(w.loop, found.module, w.is_outer), partial(self._begins, w.loop, w.before), w.written)
            for w in ways
        ]
        super().__init__("the training loop", tried, found, [])

    def _begins(self, loop: Loop, before: list[ast.stmt], rng: np.random.Generator) -> Iterator[Names]:
        """The names as they are before the loop; with smaller sizes, where the weights are many."""
        for turn in first_turns(loop):
            for statements in ([*before, *turn], smaller([*before, *turn])):
                names, is_whole = names_after(self.module, statements)
                if sum(a.size for _, a in slots({n: names.get(n) for n in moved(loop.body)})) <= MOST:
                    break
            if not is_whole:
                yield from self._with_data([*before, *turn], rng)
            yield names

    def _with_data(self, before: list[ast.stmt], rng: np.random.Generator) -> Iterator[Names]:
        """The same, with drawn data for what is loaded from elsewhere."""
        for data in drawn(rng, (*WIDTHS, *SMALL)):
            yield names_after(self.module, smaller(before), data)[0]


def names_after(module: ModuleType, before: Sequence[ast.stmt], data: Names | None = None) -> tuple[Names, bool]:
    """The names after these statements, and whether none failed; what is called by name alone is not run: it prints or
    plots. What fails where data are loaded gives drawn ones, by their names."""
    names, is_whole = {**vars(module), **HELPERS}, True
    names |= {n: data[role(n)] for n, v in names.items() if isinstance(v, Missing) and data and role(n) in data}
    for statement in before:
        fills = isinstance(statement, ast.For) and not {*moved(statement.body)} & made(before)
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) or _sets_up(statement) or fills:
            try:
                exec(compile(ast.Module([statement], []), "the script", "exec"), names)
            except (Exception, SystemExit):
                is_whole = False
                targets = [n for t in getattr(statement, "targets", []) for n in names_in(t)]
                names |= {n: data[role(n)] for n in targets if data and role(n) in data}
    return data_of(names), is_whole


def is_size(node: ast.AST) -> bool:
    """Whether it is a number of units or examples, and a large one."""
    return isinstance(node, ast.Constant) and _is_large(node.value)


def _is_large(number: Any) -> bool:
    return type(number) is int and number > max(SMALL)


def smaller(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Statements with small numbers for the large ones of units or examples."""
    constants = [n.value for s in body for n in ast.walk(s) if isinstance(n, ast.Constant)]
    change = Smaller(_instead(constants))
    return [ast.fix_missing_locations(change.visit(copy.deepcopy(s))) for s in body]


def _instead(numbers: Iterable[Any]) -> dict[int, int]:
    """A small number for each large one."""
    large = {n for n in numbers if _is_large(n)}
    return dict(zip(sorted(large, reverse=True), SMALL, strict=False))


def smaller_settings(values: Any, instead: Mapping[int, int] | None = None) -> Any:
    """Lists and dicts with small numbers for the large ones in them."""
    instead = _instead(_numbers(values)) if instead is None else instead
    if isinstance(values, dict):
        return {key: smaller_settings(value, instead) for key, value in values.items()}
    if isinstance(values, list):
        return [smaller_settings(value, instead) for value in values]
    return instead[values] if _is_large(values) and values in instead else values


def _numbers(values: Any) -> Iterator[Any]:
    if isinstance(values, dict | list):
        for part in values.values() if isinstance(values, dict) else values:
            yield from _numbers(part)
    else:
        yield values


class Smaller(ast.NodeTransformer):
    """Statements with other numbers for some."""

    def __init__(self, instead: dict[int, int]) -> None:
        self.instead = instead

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(self.instead.get(node.value, node.value)) if is_size(node) else node  # pyright: ignore[reportArgumentType, reportCallIssue]


def _sets_up(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in SETS_UP
