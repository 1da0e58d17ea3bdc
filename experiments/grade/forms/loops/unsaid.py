"""Costs that no line of a loop says: of what it compares, as a perceptron or a margin does; and penalties.

The step of (target − prediction) x goes down Σ (prediction − target) z, where z is what the prediction is the sign of,
and that of what is on the wrong side of a margin goes down Σ max(0, margin − m). A penalty is s ½ Σ w², s a number of
the file, for each parameter by itself, or for the rows of it that move.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.grade.forms.loops.descent import CLOSE, STEP, WAYS, Candidate, Cost, factors
from experiments.grade.forms.loops.start import DRAWS, Start
from experiments.grade.forms.loops.turns.kept import stacked
from experiments.grade.forms.loops.turns.space import Names, at, moved
from manual.numbers.number_types import Array

FAR = 4.0
"""How many times as far as their size weights are moved, so that what is decided by them changes."""
Value = Callable[[Names], Array]


class Unsaid(Start):
    """What a turn moves, and what it may go down that it does not say.

    `sizes` are the numbers of examples and of outputs.
    """

    sizes: tuple[int, int]

    def of_comparisons(self) -> Iterator[Candidate]:
        """The costs of a margin, and of a sign, for each comparison of what all parameters have a part in."""
        still, near = self._still(self.weights), [self._still(self._beside([n])) for n in self.weights]
        for left, right in self.turn.compared:
            score = lambda after, a=left, b=right: stacked(after[a]) - stacked(after[b])  # noqa: E731
            try:
                has_all = all(np.any(score(after) != score(still)) for after in near)
            except Exception:  # it compares no numbers, or not on the way of each turn
                continue
            if not has_all:
                continue
            for predicted, target, way in self._decided(score):
                missed = lambda after, p=predicted, y=target, z=score: np.sum((p(after) - y(after)) * z(after))  # noqa: E731
                signed = missed if way > 0 else lambda after, f=missed: -f(after)
                yield Candidate("cost Σ (prediction − target) z, where z is compared", signed, False)
            below = lambda after, z=score: np.sum((z(after) < 0) * -z(after))  # noqa: E731
            above = lambda after, z=score: np.sum((z(after) > 0) * z(after))  # noqa: E731
            yield Candidate("cost Σ max(0, margin − m)", below, False)
            yield Candidate("cost Σ max(0, m − margin)", above, False)

    def _decided(self, score: Value) -> Iterator[tuple[Value, Value, int]]:
        """The predictions that a score decides, each with its target, and whether it grows with the score."""
        rng = np.random.default_rng(5)
        far = [
            self._still({n: FAR * (np.ptp(w) or 1) * rng.standard_normal(w.shape) for n, w in self.weights.items()})
            for _ in range(2 * DRAWS)
        ]
        scores = [score(after) for after in far]
        for pair in self.turn.pairs:
            sides = [lambda after, n=n: stacked(after[n]) for n in pair]
            try:
                values = [[side(after) for after in far] for side in sides]
                varies = [any(np.any(v != each[0]) for v in each) for each in values]
                if sorted(varies) != [False, True] or np.shape(values[0][0]) != np.shape(scores[0]):
                    continue
            except Exception:  # of no numbers
                continue
            made = varies.index(True)
            grows = np.sum((np.array(values[made]) - np.mean(values[made])) * np.array(scores))
            yield sides[made], sides[1 - made], 1 if grows > 0 else -1

    def decays(self, cost: Cost, rate: float) -> dict[str, float]:
        """By how much of themselves parameters move more than down a cost, where that is all that they do besides."""
        found = {n: self._excess(cost, n, rate) for n in self.weights}
        same = all(min(each) >= 0 and np.ptp(each) <= CLOSE * max(each) for each in found.values())
        return {n: each[0] for n, each in found.items() if any(each)} if same else {}

    def _excess(self, cost: Cost, name: str, rate: float) -> list[float]:
        """By how much of a parameter itself a step is longer than a cost's slope, at some weights, along some way."""
        rng, found = np.random.default_rng(6), list[float]()
        for weights in (self.weights, *(moved(self.weights, rng) for _ in range(1, WAYS))):
            way = rng.standard_normal(weights[name].shape) * self._moves_at(name)
            ends = [cost(self._still({**weights, name: weights[name] + sign * STEP * way})) for sign in (1, -1)]
            step = float(np.sum(self.step(weights)[name] * way)) / rate
            off = step - float(np.sum(ends[0] - ends[1])) / (2 * STEP)
            is_near = abs(off) <= CLOSE * CLOSE * max(1.0, abs(step))
            found.append(0.0 if is_near else off / float(np.sum(weights[name] * way)))
        return found

    def _moves_at(self, name: str) -> Array:
        """1 where a parameter moves, and else 0: of a user's row alone, say, which alone decays then."""
        return (self.step(self.weights)[name] != 0).astype(int)

    def penalized(self, one: Candidate, rate: float) -> Candidate | None:
        """The same cost with a penalty by numbers of the file, if that is all that a step has besides."""
        known = [k * v for v in self._numbers() for _, k in factors(*self.sizes)]
        decays = self.decays(one.cost, rate)
        near = {n: next((s for s in known if abs(each - s) <= CLOSE * s), 0.0) for n, each in decays.items()}
        if not decays or not all(near.values()):
            return None
        of = {n: (self.places[n][0], self._moves_at(n)) for n in near}

        def cost(after: Names) -> Any:
            squares = {n: np.sum(moves * at(after, place) ** 2) for n, (place, moves) in of.items()}
            return one.cost(after) + sum(near[n] / 2 * square for n, square in squares.items())

        said = ", ".join(f"{s:g} ½ Σ {n}²" for n, s in near.items())
        return Candidate(f"{one.said} + {said}", cost, False)

    def _numbers(self) -> list[float]:
        """The numbers that a turn may have as a strength."""
        spaces = [self.names, *(vars(v) for v in self.names.values() if hasattr(v, "__dict__"))]
        return [v for space in spaces for v in space.values() if type(v) is float and v > 0]
