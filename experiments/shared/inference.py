"""The outputs of a trained network, by either implementation."""

from collections.abc import Callable

from manual import Network
from manual.numbers.number_types import Array


def outputs(network: Network, implementation: str) -> Callable[[Array], Array]:
    """What the evaluated network makes of an input: by hand, for which nobody waits for torch, or by its twin."""
    if implementation == "manual":
        return lambda x: network.forward(x)[0]
    import torch

    from torch_ref import to_numpy, to_torch, twin

    module = twin(network).eval()

    def by_torch(x: Array) -> Array:
        with torch.inference_mode():
            return to_numpy(module(to_torch(x)))

    return by_torch
