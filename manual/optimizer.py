"""The contract of an optimizer: `step` moves a network's parameters, in place."""

from dataclasses import field
from typing import Any

from manual.checks import InputError
from manual.described import Described
from manual.layer import Layer
from manual.number_types import Array


class Optimizer(Described):
    """A rule that moves each parameter by its gradient.

    `state[name]` is what the rule remembers of the parameter `name`, a dict under torch's keys, absent before first use.
    """

    state: dict[str, dict[str, Any]] = field(init=False, default_factory=dict)

    def step(self, network: Layer, gradient: Layer, /) -> None:
        """Move every parameter of the network, in place.

        Raises:
            InputError: the gradient, or the state, is another network's; nothing has been moved then.
        """
        params, gradients = network.params, gradient.params
        if [*params] != [*gradients]:
            raise InputError(f"{self!r}: the gradient is of another network: expected {[*params]}, got {[*gradients]}")
        for (name, p), g in zip(params.items(), gradients.values(), strict=True):
            if g.shape != p.shape or g.dtype != p.dtype:
                raise InputError(
                    f"{self!r}: the gradient is of another network: expected shape {p.shape} and dtype {p.dtype} "
                    f"for {name}, got {g.shape} and {g.dtype}"
                )
            for key, value in self.state.get(name, {}).items():
                if key != "step" and value.shape != p.shape:
                    raise InputError(
                        f"{self!r}: the state is of another network: expected shape {p.shape} for {name}, {key}, "
                        f"got {value.shape}"
                    )
        for name, p in params.items():
            self.update(p, gradients[name], self.state.setdefault(name, {}))

    def update(self, p: Array, g: Array, state: dict[str, Any], /) -> None:
        """The rule: move the parameter `p` in place by its gradient `g`."""
        raise NotImplementedError
