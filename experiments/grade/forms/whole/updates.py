"""One step of gradient descent as a function: update_params(W1, b1, …, dW1, db1, …, alpha) → (W1, b1, …).

Also update_parameters(parameters, grads, learning_rate) with dicts, where grads["dWax"] belongs to parameters["Wax"],
by whatever names the file asks for, or with lists in one order. The new parameters are returned, or the old ones
changed in place.
Compared with θ − η ∂C/∂θ in torch.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.forms.definitions import Definitions
from experiments.grade.forms.piece import Arrays, Example, Piece, Ran
from experiments.grade.forms.stateful.objects import RATES
from experiments.grade.forms.whole.forward_backward import BIAS, WEIGHT
from experiments.grade.forms.whole.names import GRADIENTS, PARAMETERS

RATE = 0.25
NUMBERED = re.compile(r"\w*\d")
"""A name of the usual kind: one that is not there is a layer too many."""
MOST = 20
"""Names that a step may ask for."""


def pieces(found: Definitions) -> Iterator[Piece]:
    """Every function of parameters, their gradients and a learning rate."""
    for name, function in found.functions().items():
        names = [*inspect.signature(function).parameters]
        rate = next((n for n in names if n.lower() in RATES), None)
        of_names = [n for n in names if WEIGHT.fullmatch(n) or BIAS.fullmatch(n)]
        if rate and len(names) == 3 and names[0] in PARAMETERS and names[1] in GRADIENTS:
            yield Update(name, function, [], (names[0], names[1]), rate, found)
        elif rate and of_names and {*names} == {*of_names, *(f"d{n}" for n in of_names), rate}:
            yield Update(name, function, of_names, None, rate, found)


class Update(Piece):
    """A function that makes one step."""

    form = "a step of gradient descent"

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        names: list[str],
        dicts: tuple[str, str] | None,
        rate: str,
        found: Definitions,
    ) -> None:
        self.function, self.dicts, self.rate, self.module = function, dicts, rate, found.module
        self.names = names or ["W1", "b1", "W2", "b2"]
        super().__init__(name, [*inspect.signature(function).parameters], [], [function])

    def truth_examples(self, rng: np.random.Generator) -> Iterator[Example]:
        self.are_lists, asked = False, list[str]()
        arrays = self._drawn(rng)
        while len(asked) < MOST:
            try:
                self._run(arrays)
            except (TypeError, AttributeError, IndexError):  # no dicts
                self.are_lists = True
            except KeyError as error:  # it may have names of its own, of which it says one
                name = str(*error.args[:1]).removeprefix("d")
                if name not in asked and not NUMBERED.fullmatch(name):
                    asked.append(name)
                    self.names = asked
                    arrays = self._drawn(rng)
                    continue
            break
        delta = {n: rng.standard_normal(arrays[n].shape) for n in self.names}
        yield Example(arrays, self._run, delta, known="descent", options={"lr": RATE})

    def _drawn(self, rng: np.random.Generator) -> Arrays:
        """Parameters and gradients, each of a shape of its own."""
        sizes = {n: place + 2 for place, n in enumerate(self.names)}
        shapes = {n: (k, 1) if BIAS.fullmatch(n) else (k, k + 1) for n, k in sizes.items()}
        return {f"{d}{n}": rng.standard_normal(shape) for d in ("", "d") for n, shape in shapes.items()}

    def _run(self, given: Arrays) -> Ran:
        own = {n: np.copy(a) for n, a in given.items()}
        if self.dicts is None:
            result = self.function(**own, **{self.rate: RATE})
        else:
            parts: Any = ({n: own[n] for n in self.names}, {f"d{n}": own[f"d{n}"] for n in self.names})
            parts = tuple([*one.values()] for one in parts) if self.are_lists else parts
            result = self.function(**dict(zip(self.dicts, parts, strict=True)), **{self.rate: RATE})
            result = parts[0] if result is None else result
        if isinstance(result, dict):
            return Ran({n: result[n] for n in self.names}, None)
        values = own.values() if result is None else result if isinstance(result, tuple | list) else [result]
        return Ran(dict(zip(self.names, values, strict=False)), None)
