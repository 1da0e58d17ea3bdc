"""The words that a function is told by: activation "relu" or "sigmoid", mode "max" or "average"."""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from experiments.grade.forms.branches import conditionals
from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Fields

ANY = ("sigmoid", "relu", "tanh")
"""What is tried where a function computes something for every word."""


def words_of(
    found: Definitions,
    function: Callable[..., Any],
    partner: Callable[..., Any] | None = None,
    seen: tuple[str, ...] = (),
) -> dict[str, list[str]]:
    """The arguments that are words, and each that the function, or those that it hands them on to, knows; where it
    computes something for every other word, one that its `partner` knows, or any if that does so, too.
    """
    if function.__name__ in seen:
        return {}
    node, names = found.node_of(function), inspect.signature(function).parameters
    known: dict[str, list[str]] = {}
    for n in ast.walk(node):
        for name, words in _told_apart(n):
            if words and name in names:
                known[name] = [*dict.fromkeys([*known.get(name, []), *words])]
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
        other = vars(found.module).get(call.func.id)  # pyright: ignore[reportAttributeAccessIssue]
        if inspect.isfunction(other):
            theirs = words_of(found, other, seen=(*seen, function.__name__))
            for name, argument in zip(inspect.signature(other).parameters, call.args, strict=False):
                if name in theirs and isinstance(argument, ast.Name) and argument.id in names:
                    known[argument.id] = [*dict.fromkeys([*known.get(argument.id, []), *theirs[name]])]
    told = [pair for n in ast.walk(found.node_of(partner)) for pair in _told_apart(n)] if partner else []
    expected = [*chain.from_iterable(words_of(found, partner).values())] if partner else []
    expected += ANY if partner and _for_every_word(found.node_of(partner)) and not _has_softmax(node) else ()
    for name in known.keys() & names.keys():  # "max" alone may be compared, and "average" meant by all else
        default, compared = names[name].default, known[name]
        if isinstance(default, str) and default not in compared:
            compared.append(default)
        elif compared in (["max"], ["average"], ["mean"]):
            compared.append("average" if compared == ["max"] else "max")
        elif name in _for_every_word(node):
            of_its_own = [word for other, words in told if other == name for word in words]
            compared += [word for word in (*of_its_own, *expected) if word not in compared][:1]
    return known


def as_options(words: Mapping[str, list[str]]) -> Iterator[tuple[str, Fields]]:
    """Each word that an argument may be, as an option; what to call it."""
    yield from ((f"{name} {word}", {name: word}) for name, known in words.items() for word in known)


def _for_every_word(node: ast.AST) -> set[str]:
    """The names that are compared with a word, where something is computed for every other word, too."""
    found = set[str]()
    for n, otherwise in conditionals(node):
        if isinstance(n.test, ast.Compare):
            others = otherwise if isinstance(otherwise, list) else [otherwise]
            goes_on = len(others) == 1 and isinstance(others[0], ast.If | ast.IfExp)
            computes = isinstance(n, ast.IfExp) or any(isinstance(o, ast.Assign | ast.Return) for o in others)
            if computes and not goes_on:
                found |= {name for name, words in _told_apart(n.test) if words}
    return found


def words_of_class(found: Definitions, kind: type) -> dict[str, list[str]]:
    """The arguments of a constructor that are words, and each that the class knows: in any method, by self's name for
    it, and by the keys of a dict of the file; and any other, where every method computes something for it."""
    nodes = [found.node_of(k) for k in kind.__mro__ if k in found.own().values()]
    every = [n for node in nodes for n in ast.walk(node)]
    names = [*inspect.signature(kind).parameters]
    kept = {t.attr: _name(n.value) for n in every if isinstance(n, ast.Assign)
            for t in n.targets if isinstance(t, ast.Attribute)}  # fmt: skip
    known, limits = dict[str, list[str]](), set[str]()
    for method in (n for n in every if isinstance(n, ast.FunctionDef)):
        told = [pair for n in ast.walk(method) for pair in (*_told_apart(n), *_looked_up(n, found)) if pair[1]]
        for name, words in told:
            argument = kept.get(name, name)
            known[argument] = [*dict.fromkeys([*known.get(argument, []), *words])]
        limits |= {kept.get(name, name) for name in {name for name, _ in told} - _for_every_word(method)}
    for argument in known.keys() - limits if not any(map(_has_softmax, nodes)) else ():
        known[argument] += [word for word in ANY if word not in known[argument]][:1]
    return {argument: words for argument, words in known.items() if argument in names}


def _has_softmax(node: ast.AST) -> bool:
    """Whether a softmax may be in it, whose slope may be in the loss: its name, or a function with exp and a sum."""
    for function in (n for n in ast.walk(node) if isinstance(n, ast.FunctionDef)):
        names = {getattr(n, "attr", getattr(n, "id", "")).lower() for n in ast.walk(function)}
        if any("softmax" in name for name in names) or {"exp", "sum"} <= names:
            return True
    return False


def _looked_up(node: ast.AST, found: Definitions) -> Iterator[tuple[str, list[str]]]:
    """The name by which something is looked up in a dict of the file, and the dict's words."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        table = vars(found.module).get(node.value.id)
        if isinstance(table, dict):
            yield _name(node.slice), [k for k in table if isinstance(k, str)]


def _told_apart(node: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """The names that a node compares with words, or looks up by them."""
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        sides = (node.left, node.comparators[0])
        for one, other in (sides, sides[::-1]):
            yield _name(one), _words(other)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        yield _name(node.slice), _words(ast.Tuple([k for k in node.value.keys if k], ast.Load()))
    elif isinstance(node, ast.Match):
        values = [c.pattern.value for c in node.cases if isinstance(c.pattern, ast.MatchValue)]
        yield _name(node.subject), _words(ast.Tuple(values, ast.Load()))


def _name(node: ast.AST) -> str:
    """The name, also in name.lower(); of self.name, too."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _words(node: ast.AST) -> list[str]:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return [p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)]
