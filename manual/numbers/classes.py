"""The right classes of examples, for the losses of classification."""

from typing import Annotated, Any

import numpy as np

from manual.loss import Loss, check_arrays
from manual.numbers.checks import InputError, mismatch, shown
from manual.numbers.number_types import Array


def as_weight(loss: Loss, name: str, weight: Any) -> Any:
    """A weight, if it is None or an array of finite floats, else an InputError."""
    if weight is None:
        return None
    if not isinstance(weight, np.ndarray) or weight.dtype.kind != "f":
        raise InputError(f"{type(loss).__name__}: {name} must be an array of floats, got {shown(weight)}")
    if not np.isfinite(weight).all():
        raise InputError(f"{type(loss).__name__}: {name} must be finite, got {weight}")
    return weight


Weight = Annotated[Any, as_weight]


def as_rows(z: Array) -> Array:
    """(N, C, …) to (M, C): an example, or a place of one, a row."""
    return z if z.ndim == 2 else np.moveaxis(z, 1, -1).reshape(-1, z.shape[1])


def check_logits(loss: Any, z: Array) -> None:
    """Raise InputError unless there are classes of at least one example, and a weight for each if there are weights."""
    if z.ndim < 2 or not z.size:
        raise InputError(f"{loss!r}: expected logits of shape (N, classes) or (N, classes, …) with N at least 1, "
                         f"got {z.shape}")
    if loss.weight is not None and loss.weight.shape != z.shape[1:2]:
        raise InputError(f"{loss!r}: expected a weight for each of {z.shape[1]} classes, got shape {loss.weight.shape}")


def classes(loss: Any, z: Array, y: Array, ignore: int | None = None) -> tuple[Array, Array]:
    """(labels, weights), (M,) each: of every row of z the right class, and how much it counts, 0 for the one to ignore.

    Raises:
        InputError: z is not (N, C, …), y not (N, …) integers in [0, C).
    """
    check_arrays(loss, z, y)
    check_logits(loss, z)
    expected = (z.shape[0], *z.shape[2:])
    if y.shape != expected or y.dtype.kind not in "iu":
        raise mismatch(loss, f"{expected}, a class for each example,", "int64", y)
    labels = y.reshape(-1)
    counts = np.ones(labels.shape, bool) if ignore is None else labels != ignore
    if (wrong := counts & ((labels < 0) | (labels >= z.shape[1]))).any():
        at = int(np.argmax(wrong))
        raise InputError(f"{loss!r}: expected classes 0 to {z.shape[1] - 1}, got {labels[at]} at example {at}")
    if loss.weight is None:
        return labels, counts.astype(z.dtype if z.dtype.kind == "f" else int)  # other numbers times 1 are exact
    w = np.where(counts, loss.weight[np.where(counts, labels, 0)], 0)
    return labels, w.astype(z.dtype) if z.dtype.kind == "f" else w
