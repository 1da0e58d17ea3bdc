"""One file a loss. Each ends with `examples(rng)`, the cases on which the parity tests find it."""

from manual.losses.bce_with_logits_loss import BCEWithLogitsLoss
from manual.losses.cross_entropy_loss import CrossEntropyLoss
from manual.losses.half_mse_loss import HalfMSELoss
from manual.losses.mse_loss import MSELoss

__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "HalfMSELoss", "MSELoss"]
