"""Torch's formulas are ours, computed in another order: a wrong one would allow what is wrong, and nothing else
shows it."""

from copy import deepcopy
from typing import Any

import numpy as np

import manual
from manual import Layer, Loss
from parity_tests.for_each import for_each
from torch_ref.examples import layer_for, of_floats
from torch_ref.tolerance import torch_formulas
from torch_ref.tolerance.allowance import ours_of
from torch_ref.tolerance.bounds import bounded, loss_bounds

CASES = {
    name: case if isinstance(case := make(), tuple) else (case,)
    for package in (manual.losses, manual.optimizers)
    for name, make in of_floats(package)
} | {"β₁ below a half, where torch's running mean is another formula": (manual.Adam(betas=(0.25, 0.9)),)}


def moved(optimizer: Any, layer: Layer, rng: np.random.Generator) -> dict[str, Any]:
    """The parameters after seven steps: RAdam changes at the sixth."""
    ours = layer.like(**bounded(layer.params))
    for _ in range(7):
        gradient = {name: rng.standard_normal(p.shape) for name, p in layer.params.items()}
        optimizer.step(ours, layer.like(**bounded(gradient)))
    return {**ours.params}


@for_each("name", [n for n, case in CASES.items() if type(case[0]).__name__ in torch_formulas.BY_NAME])
def test_a_formula_of_torch_s_gives_what_ours_gives(name, rng):
    piece, *data = CASES[name]
    formulas = (None, torch_formulas.BY_NAME[type(piece).__name__])
    if isinstance(piece, Loss):
        ours, theirs = (loss_bounds(ours_of(piece, formula), *data) for formula in formulas)
    else:
        layer = layer_for(piece, rng)
        ours, theirs = (moved(ours_of(deepcopy(piece), f), layer, np.random.default_rng(1)) for f in formulas)
    for quantity, bound in ours.items():
        allowed = bound.error + theirs[quantity].error
        assert np.all(np.abs(bound.value - theirs[quantity].value) <= allowed)
        assert np.all(allowed < 1e-4)  # NAdam keeps a factor in float32
