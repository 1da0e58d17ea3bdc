"""One file a loss. Each ends with `examples(rng)`, the cases on which the parity tests find it."""

from manual.losses.bce_loss import BCELoss
from manual.losses.bce_with_logits_loss import BCEWithLogitsLoss
from manual.losses.cross_entropy_loss import CrossEntropyLoss
from manual.losses.half_mse_loss import HalfMSELoss
from manual.losses.huber_loss import HuberLoss
from manual.losses.kl_div_loss import KLDivLoss
from manual.losses.l1_loss import L1Loss
from manual.losses.mse_loss import MSELoss
from manual.losses.multi_margin_loss import MultiMarginLoss
from manual.losses.nll_loss import NLLLoss
from manual.losses.smooth_l1_loss import SmoothL1Loss

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HalfMSELoss", "HuberLoss", "KLDivLoss", "L1Loss",
    "MSELoss", "MultiMarginLoss", "NLLLoss", "SmoothL1Loss",
]
