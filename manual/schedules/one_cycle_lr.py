from collections.abc import Iterator
from math import cos, pi
from typing import Annotated, Any

import numpy as np

from manual.numbers.checks import Above0, AtLeast0, Below1, Flag, InputError, Size, one_of
from manual.schedule import Schedule


class OneCycleLR(Schedule):
    """The learning rate rises to `max_lr` and falls to almost nothing; the momentum goes the other way.

        from step            to step              learning rate                            momentum
        0                    w = pct·T − 1        max_lr / div → max_lr                    max_momentum → base_momentum
        w                    T − 1                max_lr → max_lr / (div · final_div)      base_momentum → max_momentum

    With three_phase it falls to max_lr / div by step 2 w, and to the end without momentum moving. Between two ends
    a → b it follows a cosine, b + (a − b)(1 + cos π s) / 2, or a line, a + (b − a) s, with s from 0 to 1. The momentum
    is β₁ where the optimizer has betas.

    Raises:
        InputError: a number is out of its range; a flag is neither True nor False; the optimizer has neither momentum
            nor betas, and cycle_momentum is on; a step beyond the last.
    Source: Smith & Topin, "Super-Convergence", 2018. Same as torch.optim.lr_scheduler.OneCycleLR, which sets
    total_steps by epochs and steps_per_epoch, too.
    """

    max_lr: AtLeast0
    total_steps: Size
    pct_start: Below1 = 0.3
    anneal_strategy: Annotated[str, one_of("cos", "linear")] = "cos"
    cycle_momentum: Flag = True
    base_momentum: Below1 = 0.85
    max_momentum: Below1 = 0.95
    div_factor: Above0 = 25
    final_div_factor: Above0 = 1e4
    three_phase: Flag = False

    def rate(self, t: int, lr: Any, /) -> Any:
        low = self.max_lr / self.div_factor
        end = low / self.final_div_factor
        return self._between(t, [low, self.max_lr, low, end] if self.three_phase else [low, self.max_lr, end])

    def at(self, t: int, own: dict[str, Any], /) -> dict[str, Any]:
        found = super().at(t, own)
        if not self.cycle_momentum:
            return found
        high, low = self.max_momentum, self.base_momentum
        momentum = self._between(t, [high, low, high, high] if self.three_phase else [high, low, high])
        if "betas" in own:
            return found | {"betas": (momentum, own["betas"][1])}
        if "momentum" in own:
            return found | {"momentum": momentum}
        raise InputError("OneCycleLR: cycle_momentum needs an optimizer with momentum or betas, "
                         f"got one with {[*own]}")

    def _between(self, t: int, values: list[Any]) -> Any:
        """At step t, where these values are those at the ends of the phases."""
        if t >= self.total_steps:
            raise InputError(f"OneCycleLR: expected a step below total_steps {self.total_steps}, got {t}")
        rise, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        ends = [0, rise, 2 * rise, last] if self.three_phase else [0, rise, last]
        phase = next(i for i, end in enumerate(ends[1:]) if t <= end)
        start, end, a, b = *ends[phase : phase + 2], *values[phase : phase + 2]
        s = (t - start) / (end - start) if end > start else 1
        return b + (a - b) * (1 + cos(pi * s)) / 2 if self.anneal_strategy == "cos" else a + (b - a) * s


def examples(rng: np.random.Generator) -> Iterator[OneCycleLR]:
    yield OneCycleLR(0.5, 20)
    yield OneCycleLR(0.5, 20, 0.25, "linear", div_factor=10, final_div_factor=100)
    yield OneCycleLR(0.5, 20, three_phase=True)
    yield OneCycleLR(0.5, 20, 0.6, cycle_momentum=False, three_phase=True)
