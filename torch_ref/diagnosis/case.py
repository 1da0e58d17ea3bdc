"""What was compared, and what it was computed from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from manual import Layer, Loss, MaxPool2d, Optimizer
from manual.numbers.number_types import Array
from torch_ref.diagnosis.mistakes.formula import Formulas, Inputs, Values
from torch_ref.diagnosis.mistakes.layers import layer_formulas
from torch_ref.diagnosis.mistakes.losses import loss_formulas
from torch_ref.diagnosis.mistakes.recurrence import step_formulas
from torch_ref.diagnosis.mistakes.updates import update_formulas


class Compared(NamedTuple):
    """A quantity: ours, the reference, and how far a right value may lie from it."""

    ours: Any
    reference: Array
    allowed: Any


@dataclass(frozen=True)
class Case:
    """The quantities of one piece that were compared, and what they were computed from.

    `given` has the inputs by name, "x" and "delta" where there are such; `params` the parameters, whose gradients are
    "dp"; `before` the parameters that a step moves; `sizes` the numbers that a factor may be; `pooled` whether it
    takes the maximum of a window; `costless` whether neither an output nor a cost says how large the gradients have
    to be. `formulas(quantity)` are the right and the wrong formulas of the piece, if they are known.
    """

    compared: dict[str, Compared]
    given: Values = field(default_factory=dict)
    params: Values = field(default_factory=dict)
    before: Values = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    pooled: bool = False
    costless: bool = False
    formulas: Callable[[str], Formulas | None] = lambda _: None

    def failure(self, quantity: str) -> "Failure":
        """One quantity as arrays of one shape. What is allowed for another shape than the reference's allows nothing
        here."""
        ours, reference, allowed = self.compared[quantity]
        fits = np.shape(allowed) in ((), reference.shape)
        name = quantity.removesuffix(", by gradient()")
        return Failure(
            self, name, np.asarray(ours), reference, np.broadcast_to(allowed if fits else 0.0, reference.shape)
        )

    @cached_property
    def dx(self) -> str:
        """What the gradient by x is called: "dx", or the one that is no parameter's."""
        others = [q for q in self.compared if q.startswith("d") and q[1:] not in self.params and q != "delta"]
        return others[0] if len(others) == 1 else "dx"

    @cached_property
    def arrays(self) -> Inputs | None:
        """x, δ, the parameters and the references, where there are an x and a δ."""
        x, delta = (self.given.get(name) for name in ("x", "delta"))
        if x is None or delta is None:
            return None
        references = {quantity: reference for quantity, (_, reference, _) in self.compared.items()}
        params = {name: np.asarray(p) for name, p in self.params.items()}
        return Inputs(x, delta, params, self.dx, references, "y" in self.compared and self.failure("y").differs())

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The sizes by name. Where x and δ are there, the examples are counted along the axis that is as long in
        both."""
        if self.arrays is None or min(self.arrays.x.ndim, self.arrays.delta.ndim) < 2:
            return self.sizes
        x, delta = self.arrays.x, self.arrays.delta
        columns = len(x) != len(delta) and x.ndim == delta.ndim == 2 and x.shape[1] == delta.shape[1]
        return {**self.sizes, **sizes_of(delta.T if columns else delta)}


def of_layer(layer: Layer, x: Array, delta: Array, compared: dict[str, Compared]) -> Case:
    """The case of a layer or a network, whose quantities are "y", "dx" and "dp" for each parameter p."""
    formulas, costless = layer_formulas(layer, x, delta), "y" not in compared
    about = {"x": x, "delta": delta}
    return Case(
        compared, about, layer.params, sizes=sizes_of(delta), pooled=isinstance(layer, MaxPool2d), costless=costless,
        formulas=lambda _: formulas,
    )  # fmt: skip


def of_steps(layer: Layer, x: Any, delta: Any, compared: dict[str, Compared]) -> Case:
    """The case of a layer that goes from step to step, of several outputs."""
    formulas = step_formulas(layer, x, delta)
    return Case(compared, params=layer.params, formulas=lambda _: formulas)


def of_loss(loss: Loss, prediction: Array, target: Array, compared: dict[str, Compared]) -> Case:
    """The case of a loss, whose quantities are "cost" and "delta"."""
    formulas = loss_formulas(loss, prediction, target)
    return Case(compared, sizes=sizes_of(prediction), formulas=lambda _: formulas)


def of_update(
    optimizer: Optimizer,
    before: Values,
    gradient: dict[str, Array],
    state: dict[str, Values],
    compared: dict[str, Compared],
) -> Case:
    """The case of an optimizer's step, whose quantities are the new parameters, "p", and their state, "p, key"."""

    def formulas(quantity: str) -> Formulas:
        name = quantity.split(", ")[0]
        rule = next(rule for rule, names in optimizer.rules(before) if name in names)
        return update_formulas(rule, name, before[name], gradient[name], state[name])

    return Case(compared, before=before, formulas=formulas)


def sizes_of(batch: Array) -> dict[str, int]:
    """What a factor may count in an array (N, …): a size that is 1 changes nothing."""
    if not batch.ndim or not batch.size:
        return {}
    n, outputs = len(batch), batch.size // len(batch)
    elements = {"the number of elements": n * outputs} if n > 1 and outputs > 1 else {}
    pixels = batch[0, 0].size if batch.ndim == 4 else 0
    pictures = {"the number of pixels": pixels, "the number of pixels in the batch": n * pixels} if pixels > 1 else {}
    return {"N": n, "the number of outputs": outputs, **elements, **pictures}


class Failure(NamedTuple):
    """A quantity that differs, and its case."""

    case: Case
    quantity: str
    ours: Array
    reference: Array
    allowed: Array

    @property
    def start(self) -> Any:
        """What the quantity is told from: 0, or the parameter before the step."""
        return self.case.before.get(self.quantity, np.zeros_like(self.reference))

    def proved(self, ours: Array, value: Array, allowed: Any) -> bool:
        """Whether ours is the value, by a tolerance that tells zeros from it, and ours from the reference."""
        return bool(
            within(ours, value, allowed)
            and np.any(np.abs(value) > allowed)
            and not within(self.ours, self.reference, np.max(allowed, initial=0))
        )

    def repaired(self, ours: Array, allowed: Any = None) -> bool:
        """Whether a repair of ours gives the reference."""
        return self.proved(ours, self.reference, self.allowed if allowed is None else allowed)

    def differs(self) -> bool:
        """Whether a right value does not lie where ours does."""
        return not within(self.ours, self.reference, self.allowed)


def within(ours: Array, value: Array, allowed: Any) -> bool:
    """Whether ours has the value's shape, and lies no farther from it than is allowed."""
    return ours.shape == value.shape and bool(np.all(np.abs(ours - value) <= allowed))
