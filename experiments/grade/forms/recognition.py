"""What a file offers to be checked: its pieces, each in one of the forms, and what looks like one and is none."""

import ast
import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from types import CodeType, ModuleType
from typing import Any, TypeGuard

from experiments.grade.forms import named
from experiments.grade.forms.branches import NeverRun
from experiments.grade.forms.costs.cost_alone import CostAlone
from experiments.grade.forms.definitions import Definitions, constants_of, functions_of
from experiments.grade.forms.loops.function import drivers, learning, of_class
from experiments.grade.forms.loops.script import GOES_BACK
from experiments.grade.forms.loops.taught import HANDED
from experiments.grade.forms.loops.trainers import Trained, trainers
from experiments.grade.forms.loops.training import Training
from experiments.grade.forms.loops.turns.kept import LOSS
from experiments.grade.forms.loops.turns.moving import names_in
from experiments.grade.forms.own_examples import unused
from experiments.grade.forms.piece import Piece
from experiments.grade.forms.placeholders import is_abstract, is_placeholder
from experiments.grade.forms.stand_ins import Missing, MissingBase
from experiments.grade.forms.stateful.objects import OWN
from experiments.grade.forms.stateful.slots import is_marked
from experiments.grade.forms.stateful.steps import STEPS, moves_something
from experiments.grade.forms.whole.loss_class import LossClass
from experiments.grade.forms.whole.network_class import NetworkClass
from experiments.grade.forms.whole.results import method_node, returned_names

LOOKS_LIKE_ONE = {
    "forward", "backward", "backprop", "backpropagation", "fprop", "bprop", "propagate", "propagation", "grad",
    "gradient", "gradients", "derivative", "deriv", "prime", "loss", "cost", "step", "update", "optimizer", "optimize",
    "optimise", "sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "adamax", "nadam", "adagrad", "adadelta",
    "amsgrad", "lion", "radam", "net", "network", "layer", "delta", "wrt",
}  # fmt: skip
"""The words of a name that make a function or a class look like a piece."""
NOUNS = {"net", "network", "layer", "optimizer"}
"""Those that say so of a class or a function, and not of a method: add_layer."""
HELPS = {
    "check", "numerical", "numeric", "eval", "test", "plot", "print", "load", "init", "initialize", "examples",
    "example", "size", "sizes", "shape", "shapes", "zero", "lr", "rate", "schedule",
}  # fmt: skip
"""The words that say that it only helps to make or to test one."""
TRAINS = {"train", "fit", "run", "optimize", "optimise", "model"}
"""The words of what trains: it is no piece of its own where it calls the pieces."""
GOES_THROUGH = {"forward", "backward", "backprop", "grad", "gradient", "gradients", "loss", "cost"}
"""The words of what does not train, whatever else its name says, but for a descent."""

ANOTHER_RULE = "moves the parameters by another rule than along their gradients, which was not judged"


class Offered:
    """The pieces of one file, in its order, and what else in it looks like one."""

    def __init__(self, found: Definitions) -> None:
        self.module, self.left_out, self.found = found.module, found.left_out, found
        self.pieces: dict[str, Piece] = {}
        for form in [f for name, f in named().items() if found.told.form in ("", name)]:
            for piece in [*form.pieces(found)]:
                if piece.name in self.pieces:
                    piece.name = f"{piece.name} ({piece.form})"
                self.pieces[piece.name] = piece
                if isinstance(piece, NetworkClass | LossClass) and piece.kind in found.own().values():
                    piece.otherwise = next(of_class(piece.kind.__name__, piece.kind, found, piece.option), None)
                found.claimed |= {id(o) for o in piece.made_of}
        self.untaught, trained = dict[Any, str](), set[int]()
        for piece in [*trainers(found, [*self.pieces.values()])]:
            try:
                piece.draw(0)
            except (Exception, SystemExit) as why:  # it is not understood
                self.untaught[piece.f] = str(why)
                continue
            self.pieces[piece.name] = piece  # in the place of what it may be besides
            trained |= {id(piece.f), *map(id, piece.made_of)}
        trained |= {id(o) for piece in self.pieces.values() if _is_judged_by_its_training(piece) for o in piece.made_of}
        driven = set[int]()
        for piece in drivers(found, trained):
            piece.name = f"{piece.name} ({piece.form})" if piece.name in self.pieces else piece.name
            self.pieces[piece.name] = piece
            driven |= {id(o) for o in piece.made_of}
        driven |= trained
        own = found.own()
        places = {id(o): i for i, o in enumerate(own.values())}

        def place(piece: Piece) -> int:
            return min((places.get(id(o), len(places)) for o in piece.made_of), default=len(places))

        self.pieces = {piece.name: piece for piece in sorted(self.pieces.values(), key=place)}
        pieces = {n for n, o in own.items() if id(o) in found.claimed}
        judged = {base for p in self.pieces.values() for k in p.made_of if inspect.isclass(k) for base in k.__mro__[1:]}
        left = {n: o for n, o in own.items() if not (o in judged and is_abstract(o))}  # it runs in those that it is of
        free = {n: o for n, o in left.items() if n not in pieces and id(o) not in driven}
        self.trains = {n: o for n, o in free.items() if _trains_by(n, o, found, pieces)}
        self.trainers = {n: o for n, o in free.items() if self.pieces and learning(o)}
        others = {n: o for n, o in free.items() if n not in self.trains}
        # beside nothing but costs any function may be the gradient, whatever its name
        no_gradient = bool(self.pieces) and all(isinstance(p, CostAlone) for p in self.pieces.values())
        self.others = {
            n: o for n, o in others.items()
            if _looks_like_one(n, o) or (no_gradient and _may_be_one(n, o)) or _gives_gradients(found, o)
        }  # fmt: skip

    def overlooked(self, ran: set[CodeType]) -> dict[str, str]:
        """What looks like a piece, is none, and did not run while the pieces were checked: the form that it may be."""
        ran = self._with_written(ran)
        return {n: self._kind(n, o) for n, o in self.others.items() if ran.isdisjoint(_codes_of(o))}

    def unused(self) -> dict[str, str]:
        """The file's functions of examples that were not for its pieces, and why."""
        return unused(self.module, self.pieces)

    def never_called(self, ran: set[CodeType]) -> Iterator[NeverRun]:
        """What trains by what was checked, or looks like a piece among its methods, and did not run."""
        ran = self._with_written(ran)
        untaught = {f: why for f, why in self.untaught.items() if f.__code__ not in ran}
        trained = {f.__name__ for p in self.pieces.values() for f in p.made_of if isinstance(p, Training | Trained)}
        others = {f: "" for f in self.trains.values() if f not in untaught and f.__code__ not in ran}
        for f, why in (untaught | others).items():
            owner, _, name = f.__qualname__.rpartition(".")
            called = {ast.unparse(n.func) for n in ast.walk(self.found.node_of(f)) if isinstance(n, ast.Call)}
            said = ": ".join(filter(None, [f"{name} was not judged", why]))
            hands_on = not called.isdisjoint(trained)  # what it is told, to what is judged
            needs_more = any(
                isinstance(vars(self.module).get(n), Missing) for n in f.__code__.co_names
            )  # which is said
            yield NeverRun(owner or name, f.__code__.co_firstlineno, said, counts=not (hands_on or needs_more))
        for kind, method in ((k, m) for k in self.trainers.values() for m in learning(k)):
            if (code := getattr(kind, method).__code__) not in ran:
                counts = self._takes_gradients(kind, method)
                yield NeverRun(kind.__name__, code.co_firstlineno, f"{method} was not judged", counts)
        partly, elsewhere = (
            {(k, name) for p in self.pieces.values() for k in p.made_of for name in getattr(p, of)}
            for of in ("partly", "elsewhere")
        )
        others = [p for p in self.pieces.values() if not (isinstance(p, Training) or p.is_otherwise)]
        for kind in dict.fromkeys(k for p in others for k in p.made_of if inspect.isclass(k)):
            for name, code in _methods_of(kind).items():
                looks_like_one = _words(name) & (LOOKS_LIKE_ONE - NOUNS | TRAINS) and not _words(name) & HELPS
                if (kind, name) in elsewhere and code in ran:
                    yield NeverRun(kind.__name__, code.co_firstlineno, f"{name} {ANOTHER_RULE}", counts=True)
                is_partly = (kind, name) in partly
                said = "is judged at its first step alone" if is_partly else "was not judged"
                is_said = any(f.__code__ is code for f in untaught)
                if looks_like_one and not is_said and (code not in ran or is_partly):
                    trains = name in learning(kind) and self._takes_gradients(kind, name)
                    counts = not is_partly and (trains or _is_a_step(name, method_node(self.found, kind, name)))
                    yield NeverRun(kind.__name__, code.co_firstlineno, f"{name} {said}", counts)

    def _takes_gradients(self, kind: type, method: str) -> bool:
        """Whether a method goes back itself, or by others of its object, or is given gradients."""
        reached = [method]
        for name in reached:
            node = method_node(self.found, kind, name)
            called = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
            given = [t for n in ast.walk(node) if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call)
                     for t in n.targets]  # fmt: skip
            names = {ast.unparse(f).rpartition(".")[2] for f in called} | {n for t in given for n in names_in(t)}
            if any(_words(n) & GOES_BACK for n in names):
                return True
            of_its_own = {f.attr for f in called if isinstance(f, ast.Attribute) and ast.unparse(f.value) in OWN}
            reached += [n for n in of_its_own if n not in reached]
        return False

    def _with_written(self, ran: set[CodeType]) -> set[CodeType]:
        return ran.union(*(one.written for p in self.pieces.values() for one in (p, p.otherwise) if one))

    def _kind(self, name: str, thing: Any) -> str:
        if inspect.isclass(thing):
            return "class whose base is not here" if issubclass(thing, MissingBase) else "class"
        kind = f"function of ({', '.join(inspect.signature(thing).parameters)})"
        forward = name.replace("backward", "forward")
        return kind if forward in (name, *vars(self.module)) else f"{kind}, without a {forward}"


def _is_judged_by_its_training(piece: Piece) -> bool:
    """Whether how it trains is judged with it, or in its place."""
    if isinstance(piece, NetworkClass) and piece.methods.gives in learning(piece.kind):
        return True
    tried = copy(piece)
    if piece.otherwise is not None and learning(piece.made_of[0]):
        with suppress(Exception):  # which is said where it is judged
            tried.draw(0)
    return isinstance(piece, Training) or tried.is_otherwise


def constants(module: ModuleType) -> set[float]:
    """The numbers in [0, 1] that a module's code, defaults and globals hold, and 1e-5, torch's own ε."""
    found: list[Any] = [0.0, 1e-5, *vars(module).values()]
    for thing in vars(module).values():
        for f in functions_of(thing) if getattr(thing, "__module__", None) == module.__name__ else ():
            found += [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values(), *constants_of(f.__code__)]
    return {float(c) for c in found if isinstance(c, int | float) and 0 <= c <= 1}


def _looks_like_one(name: str, thing: Any) -> bool:
    if inspect.isclass(thing):
        if issubclass(thing, BaseException):
            return False
        own = _methods_of(thing)
        methods = [*own, *(inner.co_name for code in own.values() for inner in code.co_consts if _is_code(inner))]
        return any(_words(m) & LOOKS_LIKE_ONE - NOUNS and not _words(m) & HELPS for m in methods)
    return _may_be_one(name, thing) and bool(_words(name) & LOOKS_LIKE_ONE)


def _methods_of(kind: type) -> dict[str, CodeType]:
    """The code of each method of its own, but for those that are there to be overridden."""
    return {f.__name__: f.__code__ for f in functions_of(kind) if not is_placeholder(f.__code__)}


def _may_be_one(name: str, thing: Any) -> bool:
    return inspect.isfunction(thing) and not _words(name) & HELPS


def _gives_gradients(found: Definitions, thing: Any) -> bool:
    """Whether a function returns a loss and its gradients, by what it calls them."""
    names = returned_names(found.node_of(thing)) if inspect.isfunction(thing) else []
    return any(map(LOSS.fullmatch, names)) and any(map(is_marked, names))


def _trains_by(name: str, thing: Any, found: Definitions, pieces: set[str]) -> bool:
    """Whether a function trains by calling pieces that are checked; one that works the gradient out itself is one."""
    words = _words(name)
    trains = bool(words & {"descent", "sgd"}) or (bool(words & TRAINS) and not words & GOES_THROUGH)
    if not (inspect.isfunction(thing) and trains):
        return False
    called = {ast.unparse(n.func) for n in ast.walk(found.node_of(thing)) if isinstance(n, ast.Call)}
    return not called.isdisjoint(pieces) or any(map(HANDED.fullmatch, thing.__code__.co_varnames))


def _is_a_step(name: str, node: ast.AST) -> bool:
    """Whether it is called a step, and makes one itself."""
    return bool(STEPS.fullmatch(name)) and moves_something(node)


def _words(name: str) -> set[str]:
    """The words of a name, in lower case: "softmax_loss", "updateParams", "L_model_backward2"."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def _codes_of(thing: Any) -> Iterator[CodeType]:
    return (f.__code__ for f in functions_of(thing))


def _is_code(constant: Any) -> TypeGuard[CodeType]:
    return isinstance(constant, CodeType)
