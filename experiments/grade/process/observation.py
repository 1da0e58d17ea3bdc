"""One pass of a submission, and its truth: the derivative of its own forward, certified, or else measured."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np

from experiments.grade.errors import Unclear
from experiments.grade.forms.piece import Arrays, Example, by_name
from experiments.grade.process.answers import Note, Observation, TrueValue
from experiments.grade.process.conduct import Watched, seeded
from experiments.grade.process.differences import differences
from experiments.grade.process.limits import numbers
from experiments.grade.process.number_types import Numbers, any_numbers, hint
from manual import Undecided
from manual.numbers.number_types import Array

STEPS = (2.0**-10, 2.0**-14, 2.0**-18, 2.0**-7)


class Observer(Watched):
    """A file whose passes are observed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.kept: list[tuple[Example, Observation]] = []

    def observed(self, module: ModuleType, example: Example, is_moved: bool = False) -> Observation:
        """The submission's outputs and derivatives, and the true ones.

        Where gradients come with the output, and it decides on an edge for moved inputs too, that is a decision on the
        way to the gradients, such as the clipping of one that is 0: then the truth is measured.
        """
        ours = self._pass(example, np.ascontiguousarray)
        if any(a.dtype == np.float32 for a in ours.values()):
            self.conduct.append(Note("forward", "makes arrays of float32, here of float64", True))
            with any_numbers(module, np.float64):
                ours = self._pass(example, np.ascontiguousarray)
        non_contiguous = self._pass(example, np.asfortranarray) if self._is_pure else ours
        delta = {} if example.delta is None else by_name(example.delta)
        observation = Observation(ours, non_contiguous, example.arrays, delta, self._outputs)
        observation = self._with_truth(observation, module, example, is_moved)
        if not self._is_judged_backward:
            truth = {n: observation.truth[n] for n in observation.outputs if observation.truth}
            observation = replace(observation, truth=truth)
        self.kept.append((example, replace(observation, number=len(self.kept))))
        return self.kept[-1][1]

    def observed_within(self, module: ModuleType, example: Example, is_moved: bool) -> Observation:
        """The same, of inputs at which the forward is a number, if there are such.

        Raises:
            Unclear: there are none.
        """
        first = self.observed(module, example, is_moved)
        if not first.undecided or _is_finite(first):
            return first
        for other in example.within():
            found = self.observed(module, other, is_moved)
            if _is_finite(found):
                return found
        raise Unclear("its forward is no number at any of the inputs that were drawn")

    def again(self, number: int) -> Arrays:
        """What an example that was observed gives now."""
        return self._pass(self.kept[number][0], np.ascontiguousarray)

    def _pass(self, example: Example, lay: Callable[[Array], Array]) -> Arrays:
        passed = self.passed(
            {n: lay(a).reshape(a.shape) for n, a in example.arrays.items()}, example.run, example.together
        )
        self._is_pure = passed.ran.pure  # else no form promises that every memory order will do
        self._outputs, self._is_judged_backward = [*passed.ran.outputs], passed.ran.backward is not None
        return {**passed.ran.outputs, **self.backed(passed, example.delta)}

    def _with_truth(
        self, observation: Observation, module: ModuleType, example: Example, is_moved: bool
    ) -> Observation:
        """The same with what is true and what is allowed, or why that is not decided.

        Raises:
            Unclear: the forward runs on floats alone.
        """
        if not example.floats:
            raise Unclear("examples(rng) yields no array of floats, to differentiate by")
        flat = Flattened(example, observation)
        try:
            with any_numbers(module):
                truth, decided = flat.certified()
            return replace(observation, truth=flat.of_floats(truth), decided=decided)
        except Unclear:
            raise
        except Undecided as error:
            if not (is_moved and example.together):
                return replace(observation, undecided=str(error))
            why = str(error)
        except Exception as error:
            why = f"{self.told(error)[:100]}{flat.hint(error)}"
        try:
            return replace(observation, truth=flat.of_floats(flat.measured(module)), measured=why)
        except Unclear:
            raise
        except Exception:
            raise Unclear(f"the forward does not run on exact numbers: {why}") from None


def _is_finite(observation: Observation) -> bool:
    return all(np.isfinite(observation.ours[name]).all() for name in observation.outputs)


class Flattened:
    """A pass as a function of its floats, whose outputs are one array."""

    def __init__(self, example: Example, observation: Observation) -> None:
        self.example, self.floats = example, example.floats
        self.others = {n: a for n, a in example.arrays.items() if n not in self.floats}
        self.shapes = {n: observation.ours[n].shape for n in observation.outputs}
        weights = [np.ravel(observation.delta[n]) for n in observation.outputs if n in observation.delta]
        self.weight = np.concatenate(weights) if weights else None

    def __call__(self, **some: Array) -> Array:
        given = {n: some[n].view(Numbers) if n in some else self.others[n].copy() for n in self.example.arrays}
        outputs = seeded(self.example.run, given).outputs
        return np.concatenate([np.ravel(np.asarray(outputs[n])) for n in self.shapes])

    def certified(self) -> tuple[dict[str, TrueValue], list[bool]]:
        """The certified truth, the derived tolerance, and how the forward's decisions fell."""
        from torch_ref.truth.slopes import Slopes

        found = Slopes.of(self, self.floats, self.weight)
        truth = self._parted(found.output.value, found.output.allowed)
        truth |= {f"d{n}": TrueValue(numbers(s.value), numbers(s.allowed)) for n, s in found.by.items()}
        return truth, found.decided

    def of_floats(self, truth: dict[str, TrueValue]) -> dict[str, TrueValue]:
        """The truth, if the forward goes that way on floats, too: by differences, in some direction.

        Steps of several lengths are tried: one may be lost in rounding, another lead across an edge.

        Raises:
            Unclear: it does not.
        """
        rng = np.random.default_rng(len(self.floats))
        ways = {n: rng.choice([-1.0, 1.0], a.shape) for n, a in self.floats.items()}
        parts = [truth[f"d{n}"].value * way for n, way in ways.items()]
        slope, size = sum(float(p.sum()) for p in parts), sum(float(np.abs(p).sum()) for p in parts)
        found = []
        for step in STEPS:
            there, back = (self._total({n: a + s * ways[n] for n, a in self.floats.items()}) for s in (step, -step))
            found.append(abs((there - back) / (2 * step) - slope))
            if not found[-1] > size / 64 + abs(there) * 2.0**-50 / step:
                return truth
        raise Unclear("its forward answers otherwise for exact numbers than for floats")

    def _total(self, floats: Arrays) -> float:
        given = {n: floats[n] if n in floats else self.others[n].copy() for n in self.example.arrays}
        outputs = seeded(self.example.run, given).outputs
        y = np.concatenate([np.ravel(np.asarray(outputs[n], dtype=np.float64)) for n in self.shapes])
        return float(np.sum(y if self.weight is None else self.weight * y))

    def measured(self, module: ModuleType) -> dict[str, TrueValue]:
        """The truth by differences, and how far that is from certain."""
        with any_numbers(module, np.longdouble):
            output, by = differences(self, self.floats, self.weight)
        return self._parted(*output) | {f"d{n}": TrueValue(*slope) for n, slope in by.items()}

    def _parted(self, values: Array, allowed: Array) -> dict[str, TrueValue]:
        """The outputs, each in its shape."""
        places = np.cumsum([int(np.prod(shape)) for shape in self.shapes.values()])[:-1]
        parts = zip(self.shapes.items(), np.split(values, places), np.split(allowed, places), strict=True)
        return {n: TrueValue(numbers(v.reshape(shape)), numbers(a.reshape(shape))) for (n, shape), v, a in parts}

    def hint(self, error: Exception) -> str:
        """What the forward may do instead."""
        from torch_ref.tolerance.bounded import Bounded
        from torch_ref.truth.dual import Dual

        return hint(error, Dual, Bounded)
