"""How parameters start."""

import numpy as np
import torch

from manual import Linear, Network, ReLU, init


def test_linear_starts_as_torch_does_uniform_within_one_over_the_root_of_its_inputs(rng):
    layer = Linear(100, 400, rng=rng)
    torch.manual_seed(0)
    theirs = torch.nn.Linear(100, 400)
    for ours, reference in ((layer.weight, theirs.weight), (layer.bias, theirs.bias)):
        reference = reference.detach().numpy()
        assert ours.shape == reference.shape
        assert np.abs(ours).max() <= 0.1
        assert np.abs(reference).max() <= 0.1 + 1e-8
        # the largest gap between the two empirical distribution functions, against its 0.1% quantile (Kolmogorov, Smirnov)
        both = np.sort(np.concatenate([ours.ravel(), reference.ravel()]))
        gap = np.abs(
            np.searchsorted(np.sort(ours.ravel()), both, "right") - np.searchsorted(np.sort(reference.ravel()), both, "right")
        )
        assert gap.max() / ours.size < 1.95 * (2 / ours.size) ** 0.5


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
