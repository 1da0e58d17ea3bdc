"""The line of a file in which a quantity is made, read off its text: nothing of it runs here."""

import ast
from collections.abc import Iterator

PARAMETERS = {"weight": ("weight", "weights", "w", "gamma"), "bias": ("bias", "biases", "b", "beta")}
OUTPUTS = ("y", "cost")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def line_of(source: str, piece: str, quantity: str) -> int | None:
    """Where a file makes a quantity of a piece; None where that is not plain."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    quantity = quantity.split(",")[0]
    forward, backward = _methods(tree, piece)
    function = forward if quantity in OUTPUTS else backward
    if function is None:
        return None
    wanted = _wanted(quantity)
    named = [line for name, line in _assigned(function) if _plain(name) in wanted]
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
    if named or not returned:
        return named[-1] if named else None
    return _in_returned(function, returned[-1], _place(quantity, forward or function))


def _methods(tree: ast.Module, piece: str) -> tuple[Function | None, Function | None]:
    """The forward and the backward of a piece: functions of the module, or of a class."""
    whole = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == piece), tree)
    functions = {n.name: n for n in whole.body if isinstance(n, Function)}
    prefixes = ("",) if whole is not tree or piece == "forward" else (f"{piece}_",)
    pair = [next((functions[p + name] for p in prefixes if p + name in functions), None) for name in METHODS]
    return pair[0], pair[1] or functions.get(piece) or functions.get("update") or functions.get("step")


METHODS = ("forward", "backward")


def _wanted(quantity: str) -> set[str]:
    """What a quantity may be called, in lower case and without underscores."""
    name = quantity.removeprefix("d") if quantity != "delta" else quantity
    names = {name, *PARAMETERS.get(name.lower(), ())}
    return {_plain(form.format(n)) for n in names for form in ("d{}", "grad{}", "{}grad")} | {_plain(quantity)}


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _assigned(function: Function) -> Iterator[tuple[str, int]]:
    """The names, attributes, keys and keywords that a function gives a value to, and in which line."""
    for node in ast.walk(function):
        targets = [*node.targets] if isinstance(node, ast.Assign) else []
        targets += [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                if (name := _name(part)) is not None:
                    yield name, part.lineno
        if isinstance(node, ast.Dict):
            yield from (
                (str(k.value), v.lineno)
                for k, v in zip(node.keys, node.values, strict=True)
                if isinstance(k, ast.Constant)
            )
        if isinstance(node, ast.Call):
            yield from ((f"d{keyword.arg}", keyword.value.lineno) for keyword in node.keywords if keyword.arg)


def _name(target: ast.expr) -> str | None:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute):
        return target.attr
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return None


def _place(quantity: str, forward: Function) -> int:
    """Which value of a tuple the quantity is: that of the argument, in the order of the forward's."""
    arguments = [_plain(a.arg) for a in forward.args.args if a.arg != "self"]
    names = {_plain(quantity.removeprefix("d")), *PARAMETERS.get(_plain(quantity.removeprefix("d")), ())}
    return next((i for i, argument in enumerate(arguments) if argument in names), 0)


def _in_returned(function: Function, value: ast.expr, place: int) -> int:
    """The line of one value of what is returned; of a name, where it was given its value."""
    if isinstance(value, ast.Tuple) and place < len(value.elts):
        value = value.elts[place]
    if isinstance(value, ast.Name):
        lines = [line for name, line in _assigned(function) if name == value.id]
        return lines[-1] if lines else value.lineno
    return value.lineno
