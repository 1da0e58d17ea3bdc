"""One file a penalty. Each ends with `examples(rng)`, the cases on which the parity tests find it."""

from manual.penalties.elastic_net import ElasticNet
from manual.penalties.l1 import L1
from manual.penalties.l2 import L2

__all__ = ["L1", "L2", "ElasticNet"]
