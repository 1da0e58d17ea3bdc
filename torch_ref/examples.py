"""Every layer, loss and optimizer, found by walking the packages: a new one is one new file, and is tested."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np

from manual import Layer, Linear, Network, Optimizer


def modules(package: ModuleType) -> list[ModuleType]:
    """The modules of a package and of the rooms in it, one a layer, loss or optimizer."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(m.name) for m in found if not m.ispkg]


def of_floats(package: ModuleType) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The examples of a package without those that take words, or have several inputs or outputs: one array of floats
    alone.
    """
    for name, make in examples(package):
        case = make()
        if not isinstance(case, tuple) or (
            getattr(case[1], "dtype", np.dtype(int)).kind == "f" and not _several(*case)
        ):
            yield name, make


def _several(piece: Any, x: Any, *_: Any) -> bool:
    """Whether a layer has several outputs."""
    return isinstance(piece, Layer) and isinstance(piece.forward(x)[0], tuple)


def examples(package: ModuleType) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(id, make) for every example of every file; `make()` draws the example anew.

    Raises:
        LookupError: a file has no `examples(rng)`, or it yields nothing.
    """
    for module in modules(package):
        name = module.__name__.rpartition(".")[2]
        count = len([*_drawn(module)]) if hasattr(module, "examples") else 0
        if not count:
            raise LookupError(f"{module.__name__} has no examples(rng): nothing would test it")
        for i in range(count):
            yield f"{name}-{i}", lambda module=module, i=i: next(islice(_drawn(module), i, None))


def layer_for(optimizer: Optimizer, rng: np.random.Generator) -> Layer:
    """A small layer, or two, whose parameters the optimizer moves: of one that moves matrices alone, a tall and a wide
    one."""
    if optimizer.only_matrices:
        return Network(Linear(3, 4, bias=False, rng=rng), Linear(4, 2, bias=False, rng=rng))
    return Linear(3, 4, rng=rng)


def _drawn(module: ModuleType) -> Iterator[Any]:
    return iter(module.examples(np.random.default_rng(0)))
