"""A public function that raises an error says so in its docstring, or its class does. (ruff sees that there is one.)"""

import ast
import builtins
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import manual
import torch_ref
from manual.layer import Layer
from manual.loss import check_alike


def public(package: ModuleType) -> Iterator[tuple[str, str, Any]]:
    """Every public function and method of a package: its full name, its own docstring with its class's, and itself."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
                continue
            if inspect.isfunction(value):
                yield f"{found.name}.{name}", value.__doc__ or "", value
            for part, method in vars(value).items() if inspect.isclass(value) else ():
                function = getattr(method, "fget", getattr(method, "__func__", method))
                written = (
                    inspect.isfunction(function) and "<string>" not in inspect.unwrap(function).__code__.co_filename
                )
                if written and (not part.startswith("_") or part in ("__init__", "__post_init__")):
                    yield f"{found.name}.{name}.{part}", f"{inspect.getdoc(function)} {value.__doc__}", function


def raised(function: Callable[..., Any]) -> set[str]:
    """The names of the exceptions that a function's own code raises, but for the one of what is to be overridden."""
    names = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Raise) and isinstance(made := getattr(node.exc, "func", node.exc), ast.Name):
            error = function.__globals__.get(made.id, getattr(builtins, made.id, None))
            if inspect.isfunction(error):  # one that makes the error
                error = error.__annotations__["return"]
            if error is not None:
                names.add(error.__name__)
    return names - {"NotImplementedError"}


@pytest.mark.parametrize("package", [manual, torch_ref], ids=lambda package: package.__name__)
def test_every_function_that_raises_an_error_names_it(package):
    assert not [
        f"{name}: {error}"
        for name, said, function in public(package)
        for error in raised(function)
        if error not in said
    ]


def test_what_a_function_raises_is_read_from_its_code():
    assert raised(check_alike) == {"InputError"}
    assert raised(Layer.like) == {"TypeError"}
    assert raised(Layer.forward) == set()
