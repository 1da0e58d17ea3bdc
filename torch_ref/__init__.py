"""The same networks in PyTorch, and the ways to hold the two against each other."""

from torch_ref.check_backward import check_backward
from torch_ref.comparison import Comparison, compare
from torch_ref.embed import Embedded, embed
from torch_ref.networks import compare_end_to_end, compare_network, compare_training
from torch_ref.parity import Parity, compare_layer, compare_loss, compare_optimizer, compare_penalty
from torch_ref.penalties import penalty_of
from torch_ref.truth import certify
from torch_ref.twin import NoTwin, buffers_of, commit, params_of, state_of, to_numpy, to_torch, twin, twin_optimizer

__all__ = [
    "Comparison",
    "Embedded",
    "NoTwin",
    "Parity",
    "buffers_of",
    "certify",
    "check_backward",
    "commit",
    "compare",
    "compare_end_to_end",
    "compare_layer",
    "compare_loss",
    "compare_network",
    "compare_optimizer",
    "compare_penalty",
    "compare_training",
    "embed",
    "params_of",
    "penalty_of",
    "state_of",
    "to_numpy",
    "to_torch",
    "twin",
    "twin_optimizer",
]
