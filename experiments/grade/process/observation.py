"""One pass of a submission, and its truth: the derivative of its own forward, certified."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.piece import Arrays, Example
from experiments.grade.process.answers import Observation, TrueValue
from experiments.grade.process.conduct import Watched, seeded
from experiments.grade.process.limits import numbers
from experiments.grade.process.number_types import any_numbers, hint
from manual import Undecided
from manual.numbers.number_types import Array


class Observer(Watched):
    """A file whose passes are observed."""

    def observed(self, module: ModuleType, example: Example) -> Observation:
        """The submission's output and derivatives, and the true ones."""
        ours, non_contiguous = (self._pass(example, lay) for lay in (np.ascontiguousarray, np.asfortranarray))
        return self._with_truth(Observation(ours, non_contiguous, example.arrays, example.delta), module, example)

    def _pass(self, example: Example, lay: Callable[[Array], Array]) -> Arrays:
        passed = self.passed({n: lay(a).reshape(a.shape) for n, a in example.arrays.items()}, example.run)
        return {"y": passed.ran.y, **self.backed(passed, example.delta)}

    def _with_truth(self, observation: Observation, module: ModuleType, example: Example) -> Observation:
        """The same with what is true and what is allowed, or why that is not decided.

        Raises:
            Unclear: the forward runs on floats alone.
        """
        from torch_ref.tolerance.bounded import Bounded
        from torch_ref.truth.dual import Dual
        from torch_ref.truth.slopes import Slopes

        floats = {name: a for name, a in example.arrays.items() if a.dtype.kind == "f"}
        fixed = {name: a for name, a in example.arrays.items() if name not in floats}
        if not floats:
            raise Unclear("examples(rng) yields no array of floats, to differentiate by")
        try:
            with any_numbers(module):
                found = Slopes.of(lambda **some: seeded(example.run, {**fixed, **some}).y, floats, example.delta)
        except Undecided as error:
            return replace(observation, undecided=str(error))
        except Exception as error:
            why = f"{self.told(error)[:100]}{hint(error, Dual, Bounded)}"
            raise Unclear(f"the forward does not run on exact numbers: {why}") from None
        slopes = {"y": found.output, **{f"d{name}": slope for name, slope in found.by.items()}}
        truth = {name: TrueValue(numbers(slope.value), numbers(slope.allowed)) for name, slope in slopes.items()}
        return replace(observation, truth=truth, decided=found.decided)
