"""How parameters start."""

from math import sqrt

import numpy as np
import pytest
import torch

from manual import Conv1d, Conv2d, Embedding, Linear, Network, ReLU, init
from torch_ref import to_numpy

EPS = np.finfo(float).eps


def test_linear_starts_as_torch_does_uniform_within_one_over_the_root_of_its_inputs(rng):
    layer = Linear(100, 400, rng=rng)
    torch.manual_seed(0)
    theirs = torch.nn.Linear(100, 400)
    for ours, reference in ((layer.weight, theirs.weight), (layer.bias, theirs.bias)):
        reference = reference.detach().numpy()
        assert ours.shape == reference.shape
        assert np.abs(ours).max() <= 0.1
        assert np.abs(reference).max() <= 0.1 + 1e-8
        # the largest gap between the two empirical distribution functions, against its 0.1% quantile (Kolmogorov,
        # Smirnov)
        both = np.sort(np.concatenate([ours.ravel(), reference.ravel()]))
        gap = np.abs(
            np.searchsorted(np.sort(ours.ravel()), both, "right")
            - np.searchsorted(np.sort(reference.ravel()), both, "right")
        )
        assert gap.max() / ours.size < 1.95 * (2 / ours.size) ** 0.5


def test_a_convolution_starts_uniform_within_one_over_the_root_of_the_inputs_that_an_output_sums_over():
    """4 channels by 2×2 pixels are 16 inputs."""
    layer, rng = Conv2d(4, 3, 2, rng=np.random.default_rng(5)), np.random.default_rng(5)
    np.testing.assert_array_equal(layer.weight, rng.uniform(-1 / 4, 1 / 4, (3, 4, 2, 2)))
    np.testing.assert_array_equal(layer.bias, rng.uniform(-1 / 4, 1 / 4, 3))
    layer, rng = Conv1d(4, 3, 4, rng=np.random.default_rng(5)), np.random.default_rng(5)
    np.testing.assert_array_equal(layer.weight, rng.uniform(-1 / 4, 1 / 4, (3, 4, 4)))
    np.testing.assert_array_equal(layer.bias, rng.uniform(-1 / 4, 1 / 4, 3))


def test_an_embedding_starts_normal_with_variance_1():
    layer, rng = Embedding(5, 4, rng=np.random.default_rng(5)), np.random.default_rng(5)
    np.testing.assert_array_equal(layer.weight, rng.standard_normal((5, 4)))


def test_the_start_is_a_function_of_the_generator_alone():
    first, again, other = (Linear(3, 4, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.weight, again.weight)
    np.testing.assert_array_equal(first.bias, again.bias)
    assert not np.array_equal(first.weight, other.weight)


def test_a_constant_start_makes_a_copy_in_which_every_parameter_is_that_number(rng):
    network = Network(Linear(3, 4, rng=rng), ReLU(), Linear(4, 2, rng=rng)).astype(np.float32)
    for value in (0, 0.5):
        started = init.constant(network, value)
        assert all((p == value).all() and p.dtype == np.float32 for p in started.params.values())
    assert network.params["0.weight"].any()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (init.xavier_uniform, torch.nn.init.xavier_uniform_),
        (init.xavier_normal, torch.nn.init.xavier_normal_),
        (init.kaiming_uniform, lambda w: torch.nn.init.kaiming_uniform_(w, nonlinearity="relu")),
        (init.kaiming_normal, lambda w: torch.nn.init.kaiming_normal_(w, nonlinearity="relu")),
    ],
    ids=lambda f: getattr(f, "__name__", "").strip("_").replace("<lambda>", "kaiming"),
)
def test_a_start_by_its_paper_is_distributed_as_torch_s(ours, theirs, rng):
    network = Network(Linear(60, 300, rng=rng), ReLU(), Conv2d(30, 50, (3, 4), rng=rng)).astype(np.float32)
    torch.manual_seed(0)
    for name, p in ours(network, rng).params.items():
        assert p.dtype == np.float32
        assert p.shape == network.params[name].shape
        if p.ndim < 2:
            assert not p.any()
            continue
        reference = to_numpy(theirs(torch.empty(p.shape))).ravel()
        both = np.sort(np.concatenate([p.ravel(), reference]))
        ranks = (np.searchsorted(np.sort(values.ravel()), both, "right") for values in (p, reference))
        assert np.abs(np.subtract(*ranks)).max() / p.size < 1.95 * (2 / p.size) ** 0.5  # Kolmogorov, Smirnov, at 0.1%


@pytest.mark.parametrize(("start", "scale", "draw"), [
    (init.xavier_uniform, lambda i, o: sqrt(6 / (i + o)), np.random.Generator.uniform),
    (init.xavier_normal, lambda i, o: sqrt(2 / (i + o)), np.random.Generator.normal),
    (init.kaiming_uniform, lambda i, _: sqrt(6 / i), np.random.Generator.uniform),
    (init.kaiming_normal, lambda i, _: sqrt(2 / i), np.random.Generator.normal),
])  # fmt: skip
def test_the_scale_is_the_one_of_the_paper(start, scale, draw, rng):
    """A distribution seen in a sample may miss a few percent: here the numbers themselves, from the same generator.

    Of the convolution an output sums over 2 channels of 3×1 pixels, and an input goes to 4 outputs for each of 3×1
    pixels.
    """
    network = Network(Linear(5, 7, rng=rng), Conv2d(2, 4, (3, 1), rng=rng))
    params, same = start(network, np.random.default_rng(5)).params, np.random.default_rng(5)
    for name, fans in (("0.weight", (5, 7)), ("1.weight", (6, 12))):
        bounds = (-scale(*fans), scale(*fans)) if draw is np.random.Generator.uniform else (0, scale(*fans))
        np.testing.assert_allclose(params[name], draw(same, *bounds, params[name].shape), rtol=8 * EPS, atol=8 * EPS)


def test_a_gain_scales_the_weights(rng):
    network = Network(Linear(3, 4, rng=rng))
    for start in (init.xavier_uniform, init.xavier_normal):
        one, two = (start(network, np.random.default_rng(0), gain).params["0.weight"] for gain in (1, 2))
        np.testing.assert_array_equal(two, 2 * one)
