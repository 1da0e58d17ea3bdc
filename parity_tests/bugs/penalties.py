"""Mistakes in a penalty on the weights."""

import numpy as np

from manual import L1, L2, ElasticNet
from parity_tests.bugs.registry import mistakes

mistakes(L2, [
    ("The penalty reaches the biases", "d0.bias, of a bias", "",
     {"backward": lambda self, network: network.like(**{name: self.slope(p) for name, p in network.params.items()})}),
    ("The ½ is forgotten in the cost, and the gradient is the one with it", "cost", "",
     {"of": lambda self, w: self.alpha * (w * w).sum()}),
    ("The gradient is 2αw, beside a cost of α/2 Σw²", "d0.weight", "", {"slope": lambda self, w: 2 * self.alpha * w}),
    ("The cost is the norm of the weights, not its square", "cost", "",
     {"of": lambda self, w: self.alpha * np.sqrt((w * w).sum()) / 2}),
    ("The gradient is a mean over the weights, the cost a sum", "d0.weight", "",
     {"slope": lambda self, w: self.alpha * w / w.size}),
])  # fmt: skip

mistakes(L1, [
    ("The sign is forgotten: every weight is pushed down", "d0.weight", "",
     {"slope": lambda self, w: np.full_like(w, self.alpha)}),
    ("The weights are summed without their magnitude", "cost", "", {"of": lambda self, w: self.alpha * w.sum()}),
    ("The gradient pushes the weights away from 0", "d0.weight", "", {"slope": lambda self, w: -L1.slope(self, w)}),
])  # fmt: skip

mistakes(ElasticNet, [
    ("The parts of L1 and L2 are exchanged", "cost", "",
     {"of": lambda self, w: ElasticNet(self.alpha, 1 - self.l1_ratio).of(w),
      "slope": lambda self, w: ElasticNet(self.alpha, 1 - self.l1_ratio).slope(w)}),
    ("The ½ of the quadratic part is forgotten in the cost", "cost", "",
     {"of": lambda self, w: ElasticNet.of(self, w) + self.alpha * (1 - self.l1_ratio) * (w * w).sum() / 2}),
])  # fmt: skip
