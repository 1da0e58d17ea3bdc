"""What a static forward(ctx, x) saves on, and its backward(ctx, delta) reads, where no torch is at hand."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from experiments.grade.forms.definitions import Definitions

Pair = tuple[Callable[..., Any], Callable[..., Any]]
"""forward(…) → (out, cache), and backward(dout, cache)."""


class Context:
    """What a forward saves."""

    saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *arrays: Any) -> None:
        """Keep arrays, under the names that people read them by."""
        self.saved_tensors = self.saved_values = self.saved = (*self.saved_tensors, *arrays)


def with_a_context(forward: Callable[..., Any], backward: Callable[..., Any]) -> Pair:
    """The pair whose cache is a context."""

    @wraps(forward)
    def and_cache(*args: Any, **options: Any) -> Any:
        context = Context()
        return forward(context, *args, **options), context

    @wraps(backward)
    def back(dout: Any, cache: Context) -> Any:
        return backward(cache, dout)

    signature = inspect.signature(forward)
    and_cache.__signature__ = signature.replace(parameters=[*signature.parameters.values()][1:])  # pyright: ignore[reportAttributeAccessIssue]
    back.__signature__ = inspect.signature(back, follow_wrapped=False)  # pyright: ignore[reportAttributeAccessIssue]
    return and_cache, back


def contexts(found: Definitions) -> list[type]:
    """The file's own classes of such, which are no pieces."""
    return [k for k in found.own().values() if inspect.isclass(k) and hasattr(k, "save_for_backward")]
