"""An array's methods, each by NumPy's function of the same name: x.mean(axis=1) is np.mean(x, axis=1), and both have
one rule.

What NumPy's functions do with `Bounded` stands in numpy_functions.py.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np


def _methods(names: str) -> Iterator[Any]:
    """The methods that call NumPy's functions of these names."""
    return (_method(getattr(np, name)) for name in names.split())


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        return function(self, *arguments, **options)

    method.__name__, method.__doc__ = function.__name__, f"As np.{function.__name__}."
    return method


def no_float(what: str) -> TypeError:
    """The error where an array of floats, or one float, is to hold a number with a bound."""
    return TypeError(f"{what}: make an array that holds Bounded by np.zeros_like(x), or np.zeros(shape, like=x)")


class ArrayMethods:
    """What an array of NumPy does by a method or an operator, and what NumPy asks of an element of an object array."""

    sum, mean, var, std, prod = _methods("sum mean var std prod")
    cumsum, cumprod, trace, dot = _methods("cumsum cumprod trace dot")
    max, min, clip, argmax, argmin, argsort = _methods("max min clip argmax argmin argsort")
    any, all, nonzero, round = _methods("any all nonzero round")
    ravel, squeeze, swapaxes, diagonal = _methods("ravel squeeze swapaxes diagonal")
    take, repeat = _methods("take repeat")

    exp, exp2, expm1, log, log2, log10, log1p = _methods("exp exp2 expm1 log log2 log10 log1p")
    sqrt, square, reciprocal, fabs, cbrt = _methods("sqrt square reciprocal fabs cbrt")
    sin, cos, tan, arcsin, arccos, arctan = _methods("sin cos tan arcsin arccos arctan")
    sinh, cosh, tanh, arcsinh, arccosh, arctanh = _methods("sinh cosh tanh arcsinh arccosh arctanh")
    floor, ceil, rint, trunc = _methods("floor ceil rint trunc")
    hypot, arctan2 = _methods("hypot arctan2")

    __abs__, __pow__ = _methods("absolute power")

    value: Any
    dtype: Any
    _become: Callable[[Any], Any]
    _of: Callable[[Any], Any]

    def __iadd__(self, other: Any) -> Any:
        return self._become(self + other)

    def __isub__(self, other: Any) -> Any:
        return self._become(self - other)

    def __imul__(self, other: Any) -> Any:
        return self._become(self * other)

    def __itruediv__(self, other: Any) -> Any:
        return self._become(self / other)

    def __rsub__(self, other: Any) -> Any:
        return self._of(other) - self

    def __rtruediv__(self, other: Any) -> Any:
        return self._of(other) / self

    def __rmatmul__(self, other: Any) -> Any:
        return self._of(other) @ self

    def erf(self) -> Any:
        """The error function, which NumPy has not."""
        from torch_ref.tolerance.elementwise import erf

        return erf(self)

    def newton_schulz(self: Any, a: float, b: float, c: float, steps: int) -> Any:
        """Steps of Newton and Schulz, which NumPy has not."""
        from torch_ref.tolerance.singular_values import newton_schulz

        return newton_schulz(self, a, b, c, steps)

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)

    def __rpow__(self, base: Any) -> Any:
        return np.power(base, self)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __pos__(self) -> Any:
        return self.copy()

    def __getitem__(self, index: Any) -> Any: ...

    def __setitem__(self, index: Any, new: Any) -> None: ...

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def copy(self) -> Any:
        """As an array's."""
        return np.copy(self)  # pyright: ignore[reportArgumentType, reportCallIssue]

    def flatten(self) -> Any:
        """As an array's: a copy."""
        return self.ravel().copy()

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Of its own dtype, or of truths, which are decided: another would round anew.

        Raises:
            TypeError: another dtype.
        """
        if np.dtype(dtype) == bool:
            return self != 0
        if np.dtype(dtype) != self.dtype:
            raise TypeError(
                f"astype of a Bounded of {self.dtype}: expected the same dtype or bool, got {np.dtype(dtype)}"
            )
        return self.copy() if copy else self

    def conjugate(self) -> Self:
        """Real numbers are their own."""
        return self

    conj = conjugate
    real = property(conjugate)

    def item(self, *index: Any) -> Any:
        """One element, with its bound.

        Raises:
            ValueError: it has more than one element.
        """
        if not index and self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self[index] if len(index) > 1 else self.ravel()[index[0] if index else 0]

    def fill(self, value: Any) -> None:
        """As an array's."""
        self[...] = value

    def sort(self, axis: int = -1) -> None:
        """As an array's: in place."""
        self[...] = np.sort(self, axis=axis)  # pyright: ignore[reportArgumentType, reportCallIssue]

    def __float__(self) -> float:
        raise no_float("a number with a bound is not a float")

    __int__ = __float__  # pyright: ignore[reportAssignmentType]

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """An object array of the elements."""
        if np.dtype(dtype or object).kind != "O":
            raise no_float(f"numbers with bounds are not of {dtype}")
        elements = np.empty(self.size, dtype=object)
        for i, place in enumerate(np.ndindex(*self.shape)):
            elements[i] = self[place]
        return elements.reshape(self.shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        from torch_ref.tolerance.numpy_functions import call_ufunc  # its rules are written in terms of this class

        return call_ufunc(self, ufunc, method, operands, options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        from torch_ref.tolerance.numpy_functions import call_function

        return call_function(self, function, arguments, options)
