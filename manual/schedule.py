"""The contract of a schedule: what an optimizer's settings are at step t."""

from typing import Any

from manual.described import Settable
from manual.optimizer import Optimizer


class Schedule(Settable):
    """How an optimizer's learning rate changes from step to step. It remembers nothing: t alone decides.

        own = optimizer.hyper
        for t, (x, y) in enumerate(batches):
            schedule.set(optimizer, t, own)
            …
            optimizer.step(network, gradient)
    """

    def rate(self, t: int, lr: Any, /) -> Any:
        """The learning rate at step t = 0, 1, … where the optimizer's own is `lr`."""
        raise NotImplementedError

    def at(self, t: int, own: dict[str, Any], /) -> dict[str, Any]:
        """The settings that a step t changes, of the optimizer's own, `own`, by name."""
        return {"lr": self.rate(t, own["lr"])}

    def set(self, optimizer: Optimizer, t: int, own: dict[str, Any]) -> None:
        """Give an optimizer its settings for step t; `own` is what its `hyper` was before any."""
        for name, value in self.at(t, own).items():
            setattr(optimizer, name, value)
