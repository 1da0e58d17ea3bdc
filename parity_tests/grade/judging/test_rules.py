"""The rules and the forwards that hand-ins are held against, against torch's own."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from experiments.grade.forms.torch_names import torch_may_have
from experiments.grade.judging.named_forwards import FORWARDS
from experiments.grade.judging.rules import RULES, decaying
from experiments.grade.judging.torch_forwards import NORMS, UNARY, WITH_A_CONSTANT
from torch_ref.tolerance.bounds import exact

LR, EPS = {"lr": 0.1}, {"eps": 0.05}
BETAS = {"beta1": 0.8, "beta2": 0.7}
OF_TORCH = {
    "sgd": (torch.optim.SGD, LR, {}),
    "momentum": (torch.optim.SGD, {**LR, "momentum": 0.8}, {}),
    "nesterov": (torch.optim.SGD, {**LR, "momentum": 0.8}, {"nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {**LR, **EPS}, {}),
    "rmsprop": (torch.optim.RMSprop, {**LR, **EPS, "decay": 0.7}, {}),
    "adam": (torch.optim.Adam, {**LR, **EPS, **BETAS}, {}),
    "adamax": (torch.optim.Adamax, {**LR, **EPS, **BETAS}, {}),
    "adadelta": (torch.optim.Adadelta, {**EPS, "decay": 0.7}, {"lr": 1}),
    "adamw": (torch.optim.AdamW, {**LR, **EPS, **BETAS}, {}),
    "amsgrad": (torch.optim.Adam, {**LR, **EPS, **BETAS}, {"amsgrad": True}),
    "nadam": (torch.optim.NAdam, {**LR, **EPS, **BETAS}, {}),
}


def test_every_rule_is_held_against_torch_but_lion_which_it_has_not():
    assert OF_TORCH.keys() == RULES.keys() - {"lion"}
    assert not hasattr(torch.optim, "Lion")


@pytest.fixture
def in_float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("weight_decay", [0, 0.3])
@pytest.mark.parametrize("kind", OF_TORCH)
def test_a_rule_is_torch_s(kind, weight_decay, in_float64):  # in which NAdam keeps its product
    make, options, others = OF_TORCH[kind]
    names = {"decay": "rho" if kind == "adadelta" else "alpha"}
    theirs = {names.get(n, n): v for n, v in options.items() if not n.startswith("beta")} | others
    theirs |= {"betas": (0.8, 0.7)} if "beta1" in options else {}
    rng = np.random.default_rng(0)
    p = torch.tensor(rng.standard_normal(5), requires_grad=True)
    w, memory = exact(p.detach().numpy().copy()), {"t": 0, **{key: exact(np.zeros(5)) for key in ("v", "s", "m")}}
    optimizer, update = make([p], weight_decay=weight_decay, **theirs), decaying(kind, weight_decay)[0][1]
    for _ in range(3):
        g = rng.standard_normal(5)
        p.grad = torch.tensor(g)
        optimizer.step()
        w = update(w, exact(g), memory, **options)
        assert np.all(np.abs(w.value - p.detach().numpy()) <= 2 * w.error)


@pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("lstm", 4)])
def test_a_recurrent_forward_is_torch_s(kind, gates):
    torch.manual_seed(0)
    layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM}[kind](4, 2, batch_first=True).double()
    x, h = torch.randn(3, 5, 4, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)
    state = h[None] if gates == 1 else (h[None], torch.zeros_like(h)[None])
    i, f, g, o = (slice(2 * k, 2 * k + 2) for k in range(4))  # torch's order of the gates
    order = np.r_[i, f, o, g] if gates == 4 else np.r_[0:2]
    wx, wh = (w.T[:, order] for w in (layer.weight_ih_l0, layer.weight_hh_l0))
    b = (layer.bias_ih_l0 + layer.bias_hh_l0)[order]
    torch.testing.assert_close(FORWARDS[kind](x, h, wx, wh, b), layer(x, state)[0])


def test_every_forward_that_torch_has_is_known_by_its_name_without_torch():
    assert all(map(torch_may_have, [*FORWARDS, *UNARY, *WITH_A_CONSTANT, *NORMS, "Conv2d"]))
    code = "import sys, experiments.grade.command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
