"""Mistakes in Adagrad, Adadelta, NAdam, RAdam and Muon, in amsgrad and maximize."""

from typing import Any

import numpy as np

from manual import SGD, Adadelta, Adagrad, Adam, Muon, NAdam, RAdam
from parity_tests.bugs.registry import bug, edits, mistakes, signed


def adagrad(step=lambda g, s, eps: g / (np.sqrt(s) + eps), kept=1.0, new=1.0, late=1):
    """Adagrad's rule, with another step, share of the old sum and of the new square, or count of steps."""

    def update(self, p, g, state):
        g = signed(self, p, g)
        t = state["step"] = int(state.get("step", 0)) + 1
        s = state["sum"] = kept * state.get("sum", self.initial_accumulator_value) + new * g * g
        p -= self.lr / (1 + (t - late) * self.lr_decay) * step(g, s, self.eps)

    return {"update": update}


mistakes(Adagrad, [
    ("The sum forgets, as RMSprop's mean does", "weight, sum", "times 0.1", adagrad(kept=0.9, new=0.1)),
    ("Nothing is added to the root", "weight", "ε is left out", adagrad(lambda g, s, _: g / np.sqrt(s))),
    ("ε is inside the square root", "weight", "a convention: ε is inside the root",
     adagrad(lambda g, s, eps: g / np.sqrt(s + eps))),
    ("The square root is forgotten", "weight", "", adagrad(lambda g, s, eps: g / (s + eps))),
    ("The learning rate decays before the first step", "weight", "the step times 5/6", adagrad(late=0)),
    ("The step goes up the gradient", "weight", "the step times −1",
     adagrad(lambda g, s, eps: -g / (np.sqrt(s) + eps))),
])  # fmt: skip


def adadelta(step=lambda u, v, _, g, eps: np.sqrt(u + eps) / np.sqrt(v + eps) * g, kept=lambda step, g, lr: step):
    """Adadelta's rule, with another step, of u, v, the v before, g and ε; or another number whose square is kept."""

    def update(self, p, g, state):
        g, rho = signed(self, p, g), self.rho
        state["step"] = int(state.get("step", 0)) + 1
        u, old = (state.get(key, np.zeros_like(g)) for key in ("acc_delta", "square_avg"))
        v = state["square_avg"] = rho * old + (1 - rho) * g * g
        moved = step(u, v, old, g, self.eps)
        state["acc_delta"] = rho * u + (1 - rho) * kept(moved, g, self.lr) ** 2
        p -= self.lr * moved

    return {"update": update}


mistakes(Adadelta, [
    ("The squares of the gradients are kept in place of the steps'", "weight, acc_delta", "",
     adadelta(kept=lambda step, g, lr: g)),
    ("The learning rate is inside the kept step", "weight, acc_delta", "times 0.25",
     adadelta(kept=lambda step, g, lr: lr * step)),
    ("The gradient's mean of the step before divides", "weight, acc_delta", "",
     adadelta(lambda u, v, old, g, eps: np.sqrt(u + eps) / np.sqrt(old + eps) * g)),
    ("ε is outside the square roots", "weight, acc_delta", "",
     adadelta(lambda u, v, _, g, eps: (np.sqrt(u) + eps) / (np.sqrt(v) + eps) * g)),
    ("The square roots are forgotten", "weight, acc_delta", "",
     adadelta(lambda u, v, _, g, eps: (u + eps) / (v + eps) * g)),
    ("The gradient is divided by its size alone", "weight, acc_delta", "times 1",
     adadelta(lambda u, v, _, g, eps: g / np.sqrt(v + eps))),
])  # fmt: skip


def nadam(mean=lambda g, m, now, ahead, product: (1 - now) / (1 - product) * g + ahead / (1 - product * ahead) * m,
          kept=True, corrected=True):  # fmt: skip
    """NAdam's rule, with another m̂ of g, m, μ_t, μ_{t+1} and Π_t; without keeping Π, or correcting v."""

    def update(self, p, g, state):
        g, (b1, b2) = signed(self, p, g), self.betas
        p *= 1 - self.lr * self.weight_decay * self.decoupled_weight_decay
        t = state["step"] = int(state.get("step", 0)) + 1
        m = state["exp_avg"] = b1 * state.get("exp_avg", 0) + (1 - b1) * g
        v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0) + (1 - b2) * g * g
        now, ahead = self.momentum(t), self.momentum(t + 1)
        product = state["mu_product"] = (float(state.get("mu_product", 1)) if kept else 1) * now
        root = np.sqrt(v / (1 - b2**t) if corrected else v)
        p -= self.lr * mean(g, m, now, ahead, product) / (root + self.eps)

    return {"update": update}


mistakes(NAdam, [
    ("It does not look ahead", "weight", "the step times", nadam(lambda g, m, now, ahead, product: m / (1 - product))),
    ("The momentum of the next step is that of this one", "weight", "the step times",
     nadam(lambda g, m, now, ahead, product: (1 - now) / (1 - product) * g + now / (1 - product * now) * m)),
    ("The mean is not corrected for its start at 0", "weight", "the step times",
     nadam(lambda g, m, now, ahead, product: (1 - now) * g + ahead * m)),
    ("The product of the momenta starts anew at each step", "weight, mu_product", "", nadam(kept=False)),
    ("The mean of the squares is not corrected for its start at 0", "weight", "", nadam(corrected=False)),
    ("The momentum does not grow with the steps", "weight, mu_product", "",
     {"momentum": lambda self, t: self.betas[0]}),
    ("The learning rate is forgotten", "weight", "without lr",
     {"update": lambda self, p, g, state: NAdam.update(lr_of_1(self), p, g, state)}),
])  # fmt: skip


def lr_of_1(rule: Any) -> Any:
    """The same rule with a learning rate of 1."""
    return type(rule)(**rule.hyper | {"lr": 1})


def radam(trusted=lambda rho: rho > 5, early=lambda m, v, eps: m, r=lambda r: r, corrected=True):
    """RAdam's step, with another condition, another step before it is met, factor r, or a v that is not corrected."""

    def step_of(self, t, m, v):
        (b1, b2), end = self.betas, 2 / (1 - self.betas[1]) - 1
        rho, m = end - 2 * t * b2**t / (1 - b2**t), self.lr / (1 - b1**t) * m
        if not trusted(rho):
            return early(m, v, self.eps)
        factor = r(((rho - 4) * (rho - 2) * end / ((end - 4) * (end - 2) * rho)) ** 0.5)
        return factor * ((1 - b2**t) ** 0.5 if corrected else 1) * m / (np.sqrt(v) + self.eps)

    return {"step_of": step_of}


mistakes(RAdam, [
    ("The step is not rectified", "weight", "the step times", radam(r=lambda r: 1)),
    ("The rectification is squared: the root is forgotten", "weight", "the step times", radam(r=lambda r: r * r)),
    ("The denominator is trusted from the first step on", "weight", "",
     radam(early=lambda m, v, eps: m / (np.sqrt(v) + eps))),
    ("Nothing moves until the denominator is trusted", "weight", "not moved", radam(early=lambda m, v, eps: 0 * m)),
    ("The denominator is trusted from ρ > 4 on, as in the paper", "weight", "", radam(lambda rho: rho > 4)),
    ("The mean of the squares is not corrected for its start at 0", "weight", "the step times", radam(corrected=False)),
])  # fmt: skip


edits(Muon, "update", [
    ("It does not look ahead", "0.weight", "without nesterov", "mu * b + (1 - mu) * g if self.nesterov else b", "b"),
    ("The momentum is a sum, as SGD's is", "0.weight, momentum_buffer", "", "+ (1 - mu) * g\n", "+ g\n"),
    ("The momentum's steps are as long as they come", "0.weight", "", "self.orthogonalized(u)", "u"),
    ("The decay shrinks the step as well", "0.weight", "", "    p *= 1 - self.lr * self.weight_decay\n    p -= ",
     "    p -= (1 - self.lr * self.weight_decay) * ", "self.orthogonalized(u)",
     "self.orthogonalized(u) + self.lr * self.weight_decay * p"),
    ("The learning rate is not adjusted to the shape", "0.weight", "the learning rate is not adjusted",
     "self.scale(*p.shape)", "1"),
    ("The step goes up the gradient", "0.weight", "up the gradient", "p -=", "p +="),
])  # fmt: skip


edits(Muon, "orthogonalized", [
    ("The sum of the magnitudes takes the place of the norm", "0.weight", "",
     "np.sqrt((u * u).sum())", "np.abs(u).sum()"),
    ("A step of the iteration is missing", "0.weight", "", "self.ns_steps", "self.ns_steps - 1"),
    ("What was transposed is not turned back", "0.weight", "", "self.orthogonalized(u.T).T",
     "self.orthogonalized(u.T).reshape(u.shape)"),
])  # fmt: skip


edits(Muon, "scale", [
    ("The adjustment takes columns by rows", "0.weight", "", "rows / columns", "columns / rows"),
    ("A wide matrix has a smaller step", "1.weight", "", "max(1, rows / columns)", "(rows / columns)"),
    ("The rows alone count where the larger side does", "1.weight", "", "max(rows, columns)", "rows"),
])  # fmt: skip


edits(Adam, "update", [
    ("amsgrad: the largest mean of squares takes the place of the running one", "weight, exp_avg_sq", "",
     'v = state["max_exp_avg_sq"] =', 'v = state["exp_avg_sq"] = state["max_exp_avg_sq"] ='),
    ("amsgrad: the largest mean of squares is kept, and not used", "weight", "",
     'v = state["max_exp_avg_sq"] =', 'state["max_exp_avg_sq"] ='),
])  # fmt: skip


edits(SGD, "update", [
    ("maximize is ignored", "weight, momentum_buffer", "up the gradient",
     "if self.maximize:\n        g = -g\n    ", ""),
])  # fmt: skip


@bug("weight, momentum_buffer")
class _(SGD):
    """maximize turns the decay round as well, which drives the weights away from 0."""

    def update(self, p, g, state):
        super().update(p, g - 2 * self.weight_decay * p if self.maximize else g, state)
