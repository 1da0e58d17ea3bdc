"""A hand-written network inside torch behaves as any module does."""

import copy
import warnings

import numpy as np
import pytest
import torch

from manual import SGD, InputError, Linear, MSELoss, Network, Sigmoid, Tanh
from parity_tests.derived import alike, numbers, step
from torch_ref import compare, embed, params_of, to_numpy, twin
from torch_ref.tolerance.bounds import layer_bounds


@pytest.fixture
def pair(rng):
    """A manual network in torch, its twin, and an input."""
    network = Network(Linear(3, 4, rng=rng), Tanh(), Network(Linear(4, 2, bias=False, rng=rng), Sigmoid()))
    return embed(network), twin(network), torch.tensor(rng.standard_normal((5, 3)), requires_grad=True)


def gradients(module, x, delta):
    y = module(x)
    return [y.detach(), *torch.autograd.grad(y, [x, *module.parameters()], delta)]


def assert_same(ours, theirs, x):
    """That two modules of the same weights have the same output and gradients, as nearly as rounding allows."""
    delta = torch.linspace(-1, 2, 10, dtype=x.dtype, device=x.device).reshape(5, 2)
    bounds = layer_bounds(ours.network, to_numpy(x), to_numpy(delta))
    for (name, bound), a, b in zip(bounds.items(), gradients(ours, x, delta), gradients(theirs, x, delta), strict=True):
        assert alike(a, b, bound.error), name


def test_it_computes_what_its_twin_computes(pair):
    embedded, module, x = pair
    assert_same(embedded, module, x)
    assert torch.autograd.gradcheck(embedded, (x,))


def test_its_backward_is_the_hand_written_one(rng, pair):
    class Tripled(Linear):
        def backward(self, delta, a, /):
            dx, gradient = super().backward(delta, a)
            return 3 * dx, gradient

    network = Network(Tripled(3, 4, rng=rng))
    right = Network(Linear(3, 4, rng=rng).like(**network.layers[0].params))
    x, delta = pair[2], torch.tensor(rng.standard_normal((5, 4)))
    (_, dx, *_), (_, right_dx, *_) = (gradients(embed(n), x, delta) for n in (network, right))
    assert torch.equal(dx, 3 * right_dx)


def test_a_copy_has_weights_of_its_own(pair):
    embedded, module, x = pair
    copied = copy.deepcopy(embedded)
    with torch.no_grad():
        for p in copied.parameters():
            p.zero_()
    assert not copied.network.params["0.weight"].any()
    assert_same(embedded, module, x)


@pytest.mark.parametrize("assign", [False, True])
def test_a_state_dict_of_the_twin_loads(pair, assign):
    embedded, module, x = pair
    other = copy.deepcopy(module)
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(2)
    embedded.load_state_dict(other.state_dict(), assign=assign)
    assert_same(embedded, other, x)
    np.testing.assert_array_equal(embedded.network.params["0.weight"], to_numpy(other[0].weight))


def test_float_makes_it_float32(pair):
    embedded, module, x = pair
    assert_same(embedded.float(), module.float(), x.detach().float().requires_grad_())
    assert embedded.network.params["0.weight"].dtype == np.float32


def test_functional_call_uses_the_weights_it_is_given(pair):
    embedded, module, x = pair
    weights = {name: torch.ones_like(p) for name, p in embedded.named_parameters()}
    ours, theirs = (torch.func.functional_call(m, weights, (x,)).detach() for m in (embedded, module))
    ones = numbers(embedded.network.like(**{name: to_numpy(p) for name, p in weights.items()}))
    assert alike(ours, theirs, ones.forward(numbers(to_numpy(x)))[0].error)


def test_what_is_done_to_the_arrays_is_done_to_the_tensors(pair):
    embedded, _, _ = pair
    embedded.network.params["0.bias"][:] = 7
    assert embedded.get_parameter("0.bias").tolist() == [7] * 4


def test_training_it_with_torch_equals_training_the_twin(pair):
    embedded, module, x = pair
    start, within = params_of(module), numbers(embedded.network)  # the same training with its rounding errors
    for trained in (embedded, module):
        optimizer = torch.optim.SGD(trained.parameters(), lr=0.5)
        for _ in range(5):
            optimizer.zero_grad()
            (trained(x.detach()) ** 2).sum().backward()
            optimizer.step()
    for _ in range(5):
        step(within, MSELoss(reduction="sum"), SGD(lr=0.5), numbers(to_numpy(x)), numbers(np.zeros((5, 2))))
    for name, p in params_of(module).items():
        ours, error = to_numpy(embedded.get_parameter(name)), within.params[name].error
        assert compare("", name, ours, p, 2 * error, moved=p - start[name]).agrees


def test_a_gradient_that_is_not_contiguous_is_right(pair):
    embedded, module, x = pair
    weights = torch.arange(5.0, dtype=torch.float64)
    for cost in (lambda y: y.sum(), lambda y: (y.T @ weights).sum()):  # one is expanded, the other transposed
        y = module(x)
        (delta,) = torch.autograd.grad(cost(y), y)
        assert not delta.is_contiguous()
        ours, theirs = (torch.autograd.grad(cost(m(x)), x)[0] for m in (embedded, module))
        assert alike(ours, theirs, layer_bounds(embedded.network, to_numpy(x), to_numpy(delta))["dx"].error)


@pytest.mark.parametrize("changed", ["a weight", "the input"])
def test_a_change_between_forward_and_backward_is_caught(pair, changed):
    embedded, _, x = pair
    x = x.detach()
    y = embedded(x)
    with torch.no_grad():
        (x if changed == "the input" else embedded.get_parameter("0.weight")).add_(1)
    with pytest.raises(RuntimeError):
        y.sum().backward()


def test_writing_into_the_output_does_not_reach_the_tape(pair):
    embedded, module, x = pair
    results = {}
    for m in (embedded, module):
        y = m(x)
        kept = y * 1
        with torch.no_grad():
            y.detach().clone().zero_()
            if m is embedded:
                y.data.zero_()
        (results[m],) = torch.autograd.grad(kept.sum(), x)
    assert alike(
        results[embedded], results[module], layer_bounds(embedded.network, to_numpy(x), np.ones((5, 2)))["dx"].error
    )


def test_a_second_derivative_is_refused_even_where_torch_would_take_it_for_a_constant(pair):
    embedded, _, x = pair
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        torch.autograd.grad(embedded(x).sum(), x, create_graph=True)


def test_bfloat16_is_refused(pair):
    embedded, _, x = pair
    with pytest.raises(InputError, match=r"expected float32 or float64 for 0\.weight, got torch\.bfloat16"):
        embedded.bfloat16()(x)


def test_another_device_is_copied_to_and_fro_and_it_says_so(pair, device):
    embedded, module, x = pair
    if device == "cpu":
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            embedded(x)
        return
    embedded, module, x = embedded.to(device), module.to(device), x.detach().to(device).requires_grad_()
    with pytest.warns(UserWarning, match="every pass copies"):
        embedded(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same(embedded, module, x)
