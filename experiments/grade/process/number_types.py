"""What lets a forward that was written for floats run on other numbers, and what to say where it does not."""

import math
import re
import sys
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
JUMPS = ("rint", "round", "around", "floor", "ceil", "trunc")
MATH = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}
"""What math calls otherwise than NumPy."""
MAKES = ("zeros", "ones", "empty", "full", "eye", "identity", "array", "asarray", "ascontiguousarray")
MAKES_LIKE = ("zeros_like", "ones_like", "empty_like", "full_like")


HAND_IN = "hand_in"
"""What an adapter imports a student's file as."""


class Numbers(np.ndarray):
    """An array of numbers of any type, which stay what they are where floats are asked for."""

    floats = np.dtype(object)
    """What stands for floats while a forward runs (any_numbers)."""

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """A result: of no axes, the number itself, as of any array."""
        return array[()] if array.ndim == 0 else super().__array_wrap__(array, context, return_scalar)

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        """As an array's, but that floats are any numbers; truth values become 0 and 1."""
        if not _is_float(dtype):
            return super().astype(dtype, *args, **options)
        own = super().astype(int) if self.dtype.kind == "b" else super()
        return own.astype(self.floats)


class AnyNumbers:
    """NumPy, whose new arrays of floats hold numbers of any type: a forward fills them in."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)

    def __getattr__(self, name: str) -> Any:
        own = getattr(np, name)
        if name in ELEMENTARY or name in JUMPS:
            return _of_numbers(own)
        if name in MAKES or name in MAKES_LIKE:
            return self._made(own, name)
        return OTHERS.get(name, own)

    def _made(self, make: Callable[..., Any], name: str) -> Callable[..., Any]:
        """What makes an array: of floats, it holds any numbers."""
        place = 2 if name in ("full", "full_like") else 1
        given = name in ("array", "asarray", "ascontiguousarray", "full", *MAKES_LIKE)

        def made(first: Any, *args: Any, dtype: Any = None, **options: Any) -> Any:
            if name in ("eye", "identity"):
                return make(first, *args, dtype=self._dtype if _is_float(dtype or float) else dtype, **options)
            others = [*args]
            if len(others) >= place:
                dtype = others.pop(place - 1)
            if dtype is None and given:
                new = make(first, *others, **options)
                return self._own(new)
            return self._own(make(first, *others, dtype=self._dtype if _is_float(dtype or float) else dtype, **options))

        return made

    def _own(self, array: Any) -> Any:
        if array.dtype.kind == "f":
            array = array.astype(self._dtype)
        return array.view(Numbers) if array.dtype == object else array


def _is_float(dtype: Any) -> bool:
    return np.dtype(dtype).kind == "f"


def _all(value: bool) -> Callable[..., Any]:
    return lambda x, *_, **__: np.full(np.shape(x), value)


def logaddexp(a: Any, b: Any) -> Any:
    """log(exp a + exp b)"""
    most = np.maximum(a, b)
    return most + _of_numbers(np.log1p)(_of_numbers(np.exp)(np.minimum(a, b) - most))


OTHERS: dict[str, Any] = {
    "logaddexp": logaddexp, "isnan": _all(False), "isinf": _all(False), "isfinite": _all(True),
}  # fmt: skip
"""What NumPy has for floats alone."""


def expit(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)"""
    return 1 / (1 + _of_numbers(np.exp)(-np.asarray(x)))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log Σ eˣ"""
    most = np.max(x, axis=axis, keepdims=True)
    total = _of_numbers(np.log)(np.sum(_of_numbers(np.exp)(x - most), axis=axis, keepdims=True)) + most
    return total if keepdims else np.squeeze(total, axis=axis)


def softmax(x: Any, axis: Any = None) -> Any:
    """eˣ / Σ eˣ"""
    e = _of_numbers(np.exp)(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """x − log Σ eˣ"""
    return x - logsumexp(x, axis, keepdims=True)


SCIPY = {"expit": expit, "logsumexp": logsumexp, "softmax": softmax, "log_softmax": log_softmax}


def _erf(of_floats: Callable[..., Any]) -> Callable[..., Any]:
    """2/√π ∫₀ˣ e^(−t²) dt"""
    each = _of_numbers(np.frompyfunc(lambda number: number.erf(), 1, 1))
    return lambda x: each(x) if np.asarray(x).dtype == object else of_floats(x)


class Instead:
    """A module, some of whose functions take any numbers."""

    def __init__(self, module: Any, functions: dict[str, Any]) -> None:
        self._module, self._functions = module, functions

    def __getattr__(self, name: str) -> Any:
        return self._functions[name] if name in self._functions else getattr(self._module, name)


def _of_numbers(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the elements, among which a clip or a minimum has left plain numbers: they become constants."""

    def call(x: Any, *others: Any, **options: Any) -> Any:
        array = np.asarray(x)
        own = next((e for e in array.flat if not isinstance(e, int | float)), None) if array.dtype == object else None
        if own is not None:
            x = np.empty(array.shape, dtype=object).view(Numbers)
            for place, e in np.ndenumerate(array):
                x[place] = 0 * own + e if isinstance(e, int | float) else e
        return f(x, *others, **options)

    return call


def _math() -> Instead:
    """math, whose functions are NumPy's."""
    names = [name for name in (*MATH, *ELEMENTARY) if hasattr(math, name)]
    functions = {name: _of_numbers(getattr(np, MATH.get(name, name))) for name in names}
    return Instead(math, functions | {"pow": pow, "fabs": abs, "fsum": sum, "erf": _erf(math.erf)})


@contextmanager
def any_numbers(module: ModuleType, dtype: Any = object) -> Iterator[None]:
    """While this lasts, a module that imported NumPy has this one, and the like for math and scipy.special, also where
    a function imports that; and so has the hand-in that it adapts."""
    instead: dict[int, Any] = {id(np): AnyNumbers(dtype), id(math): _math()}
    special, scipy, imported = sys.modules.get("scipy.special"), sys.modules.get("scipy"), dict[str, Any]()
    if special is not None:
        of_special = SCIPY | {"erf": _erf(special.erf)}
        instead[id(special)] = Instead(special, of_special)
        instead[id(scipy)] = Instead(scipy, {"special": instead[id(special)]})
        imported = {"scipy": instead[id(scipy)], "scipy.special": instead[id(special)]}
        instead |= {id(getattr(special, name)): own for name, own in of_special.items()}
    instead |= {id(getattr(np, name)): getattr(instead[id(np)], name) for name in (*ELEMENTARY, *MAKES, *MAKES_LIKE)}
    instead |= {id(getattr(math, name)): f for name, f in instead[id(math)]._functions.items() if hasattr(math, name)}
    Numbers.floats = np.dtype(dtype)
    modules = [vars(m) for m in (module, sys.modules.get(HAND_IN)) if m is not None]
    before = [{n: v for n, v in names.items() if id(v) in instead} for names in modules]
    for names, own in zip(modules, before, strict=True):
        names.update({n: instead[id(v)] for n, v in own.items()})
    really = {name: sys.modules[name] for name in imported}
    sys.modules.update(imported)
    try:
        yield
    finally:
        sys.modules.update(really)
        for names, own in zip(modules, before, strict=True):
            names.update(own)


def hint(error: Exception, *numbers: type) -> str:
    """What a forward may do instead of that which raised this, when it was given numbers of these types."""
    if function := re.search(r"no callable (\w+) method|no attribute '(\w+)'", str(error)):
        known = [name for name in ELEMENTARY if _have(numbers, name)]
        if (function[1] or function[2]) in known:
            return ""
        return f"; np.{function[1] or function[2]} is none of the functions that these have: {', '.join(known)}"
    if any(number.__name__ in str(error) for number in numbers):
        return "; they are no floats"
    return ""


def _have(numbers: tuple[type, ...], function: str) -> bool:
    return all(hasattr(number, function) for number in numbers)
