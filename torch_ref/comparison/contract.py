"""What a layer gives has the form that its contract asks for; else the error says what it gave (manual/layer.py)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from manual import InputError, Layer
from manual.layer import several
from manual.numbers.checks import shown


class AnotherForm(InputError):
    """A layer gives something else than the contract says."""


def called(place: str, way: str, method: Callable[..., Any], *given: Any) -> Any:
    """What `forward`, `backward` or `gradient` gives.

    Raises:
        AnotherForm: it is not written, or gives something else than the contract says.
    """
    try:
        result = method(*given)
    except NotImplementedError:
        raise AnotherForm(f"{place}: expected a layer that has a {way}, and it has none") from None
    if way == "gradient":
        _check(place, way, "a layer of gradients", isinstance(result, Layer), result)
        return result
    what = "(y, cache)" if way == "forward" else "(∂C/∂x, gradient)"
    _check(place, way, what, isinstance(result, tuple) and len(result) == 2, result)
    first, second = result
    if way == "forward":
        arrays = all(isinstance(y, np.ndarray) for y in several(first))
        _check(place, way, "y as an array, or a tuple of them", arrays, first)
    else:
        text = "the gradient as a layer, self.like(weight=…), or self where nothing is trained"
        _check(place, way, text, isinstance(second, Layer), second)
    return result


def _check(place: str, way: str, expected: str, right: bool, given: Any) -> None:
    if not right:
        what = f"{len(given)} values" if isinstance(given, tuple) else shown(given)
        raise AnotherForm(f"{place}: expected {expected} from {way}, got {what}")
