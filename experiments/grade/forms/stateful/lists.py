"""Classes whose arrays are lists of numbers, as in a file of pure Python: what stands for one takes and gives arrays.

While a method runs, what the object keeps are lists; before and after it, arrays.
"""

import copy
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from typing import Any

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.stateful.making import Fitted
from experiments.grade.forms.stateful.slots import as_arrays, put, slots


def fitted_to_either(
    kind: type, methods: Iterable[str], forward: Callable[..., Any], fit: Callable[[type], Fitted]
) -> Fitted:
    """What fits a class; or, where it gives a list, what stands for it, if that fits."""
    found = fit(kind)
    if isinstance(forward(copy.deepcopy(found.prototype), found.inputs), list):
        with suppress(Unclear):  # it takes arrays, and gives several
            return fit(of_arrays(kind, methods))
    return found


def of_arrays(kind: type, methods: Iterable[str]) -> type:
    """The class, whose methods of these names take arrays and give arrays."""
    return type(kind.__name__, (kind,), {name: _of_arrays(getattr(kind, name)) for name in methods})


def _of_arrays(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(own: Any, *arguments: Any, **options: Any) -> Any:
        for slot, array in [*slots(own)]:
            put(own, slot, array.tolist())
        result = method(own, *(a.tolist() if isinstance(a, np.ndarray) else a for a in arguments), **options)
        as_arrays(own)
        return np.array(result) if isinstance(result, list) else result

    return call
