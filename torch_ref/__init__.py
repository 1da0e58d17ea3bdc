"""The same networks in PyTorch, and the ways to hold the two against each other.

A name is loaded when it is first used: the tolerance and the truth need no torch, and do not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch_ref.comparison.check_backward import check_backward
    from torch_ref.comparison.layers import compare_layer
    from torch_ref.comparison.losses import compare_loss, compare_penalty
    from torch_ref.comparison.networks import compare_end_to_end, compare_network, compare_training
    from torch_ref.comparison.optimizers import compare_optimizer
    from torch_ref.comparison.parity import Parity
    from torch_ref.comparison.verdict import Comparison, compare
    from torch_ref.embedding import Embedded, embed
    from torch_ref.penalties import penalty_of
    from torch_ref.truth.certify import certify
    from torch_ref.twins import (
        NoTwin,
        buffers_of,
        commit,
        params_of,
        register,
        state_of,
        to_numpy,
        to_torch,
        twin,
        twin_optimizer,
    )

__version__ = "0.2.0"

HOMES = {
    "comparison.check_backward": ["check_backward"],
    "comparison.layers": ["compare_layer"],
    "comparison.losses": ["compare_loss", "compare_penalty"],
    "comparison.networks": ["compare_end_to_end", "compare_network", "compare_training"],
    "comparison.optimizers": ["compare_optimizer"],
    "comparison.parity": ["Parity"],
    "comparison.verdict": ["Comparison", "compare"],
    "embedding": ["Embedded", "embed"],
    "penalties": ["penalty_of"],
    "truth.certify": ["certify"],
    "twins": [
        "NoTwin", "buffers_of", "commit", "params_of", "register", "state_of", "to_numpy", "to_torch", "twin",
        "twin_optimizer",
    ],
}  # fmt: skip
"""Module -> its public names."""

_HOME = {name: home for home, names in HOMES.items() for name in names}
__all__ = [*_HOME]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
