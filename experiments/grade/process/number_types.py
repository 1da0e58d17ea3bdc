"""What lets a forward that was written for floats run on other numbers, and what to say where it does not."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

ELEMENTARY = (
    "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "tanh", "sinh", "cosh", "sin", "cos",
    "tan",
    "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh",
)  # fmt: skip


class AnyNumbers:
    """NumPy, whose new arrays of floats hold numbers of any type: a forward fills them in."""

    def __getattr__(self, name: str) -> Any:
        own = getattr(np, name)
        if name in ELEMENTARY:
            return _of_numbers(own)
        return _of_objects(own) if own in (np.zeros, np.ones, np.empty) else own


def _of_objects(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(shape: Any, dtype: Any = float, **options: Any) -> Any:
        return make(shape, object if np.dtype(dtype).kind == "f" else dtype, **options)

    return made


def _of_numbers(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the elements, among which a clip or a minimum has left plain numbers: they become constants."""

    def call(x: Any, *others: Any, **options: Any) -> Any:
        array = np.asarray(x)
        own = next((e for e in array.flat if not isinstance(e, int | float)), None) if array.dtype == object else None
        if own is not None:
            x = np.empty(array.shape, dtype=object)
            for place, e in np.ndenumerate(array):
                x[place] = 0 * own + e if isinstance(e, int | float) else e
        return f(x, *others, **options)

    return call


@contextmanager
def any_numbers(module: ModuleType) -> Iterator[None]:
    """While this lasts, a module that imported NumPy has this one."""
    names = [name for name, value in vars(module).items() if value is np]
    vars(module).update(dict.fromkeys(names, AnyNumbers()))
    try:
        yield
    finally:
        vars(module).update(dict.fromkeys(names, np))


def hint(error: Exception, *numbers: type) -> str:
    """What a forward may do instead of that which raised this, when it was given numbers of these types."""
    if function := re.search(r"no callable (\w+) method|no attribute '(\w+)'", str(error)):
        known = [name for name in ELEMENTARY if _have(numbers, name)]
        if (function[1] or function[2]) in known:
            return ""
        return f"; np.{function[1] or function[2]} is none of the functions that these have: {', '.join(known)}"
    if any(number.__name__ in str(error) for number in numbers):
        return "; they are no floats: expected NumPy's functions, no math.… and no astype(float)"
    return ""


def _have(numbers: tuple[type, ...], function: str) -> bool:
    return all(hasattr(number, function) for number in numbers)
