# pyright: reportAttributeAccessIssue=false
# NumPy says of its functions that they return arrays, which here are Bounded.

"""The derived tolerance: no correct evaluation lies outside, and little that is wrong lies inside."""

import copy
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manual import SGD, Adam, CrossEntropyLoss, Layer, Linear, Network, RMSprop, Sigmoid, Tanh
from parity_tests.tolerance.exact import DTYPES, assert_within, balls, draw, few, seeds
from torch_ref import (
    compare,
    compare_layer,
    compare_network,
    compare_optimizer,
    params_of,
    state_of,
    to_numpy,
    to_torch,
    twin,
    twin_optimizer,
)
from torch_ref.tolerance.bounded import Bounded
from torch_ref.tolerance.bounds import update_bounds


def left_to_right(terms):
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@DTYPES
@few
@given(seed=seeds, n=st.integers(1, 40))
def test_a_sum_in_any_order_lies_within_its_bound(dtype, seed, n):
    x = draw(seed, n, dtype)
    orders = [x, x[::-1], x[np.argsort(x)], x[np.argsort(-np.abs(x))]]
    assert_within([*map(left_to_right, orders), x.sum()], sum(balls(x)), Bounded(x, dtype).sum())


@DTYPES
@few
@given(seed=seeds, n=st.integers(1, 20))
def test_a_weighted_sum_with_its_bias_is_one_sum_in_any_order(dtype, seed, n):
    a, W, b = draw(seed, (3, n), dtype), draw(seed + 1, (2, n), dtype), draw(seed + 2, 2, dtype, spread=6)
    bias_last = a @ W.T + b
    bias_first = np.array(
        [[left_to_right([bias, *(row * weights)]) for weights, bias in zip(W, b, strict=True)] for row in a]
    )
    truth = (balls(a) @ balls(W).T) + balls(b)
    assert_within([bias_last, bias_first], truth, Bounded(a, dtype) @ Bounded(W, dtype).T + Bounded(b, dtype))


def test_where_rounding_exceeds_the_value_nothing_is_judged(rng):
    """The variance of a constant gradient goes to 0: centered RMSprop then divides by the root of a rounding error."""

    class Constant:
        def standard_normal(self, shape):
            return np.full(shape, 0.3)

    parity = compare_optimizer(RMSprop(centered=True, alpha=0.5), Linear(2, 2, rng=rng), Constant(), steps=60)  # pyright: ignore
    assert not parity.agrees
    verdicts = {c.said for c in parity.comparisons if c.place.startswith("step 60,") and c.quantity == "weight"}
    assert verdicts == {"not judged: rounding may exceed the value"}


# -------------------------------------------------------------------- what is caught


def spoilt(layer_class, factor):
    """A layer of that name with a relative error in one quantity."""

    def backward(self, delta, cache, /):
        dx, gradient = layer_class.backward(self, delta, cache)
        return dx * (1 + factor), gradient

    return type(layer_class.__name__, (layer_class,), {"backward": backward})


@pytest.mark.parametrize("fan_in", [4, 16, 64])
def test_a_relative_error_of_1e_12_in_one_array_is_caught_up_to_fan_in_64(fan_in, rng):
    x = rng.standard_normal((16, fan_in))
    for layer_class in (Linear, Tanh, Sigmoid):
        arguments = {"in_features": fan_in, "out_features": fan_in, "rng": rng} if layer_class is Linear else {}
        right, wrong = layer_class(**arguments), spoilt(layer_class, 1e-12)(**arguments)
        assert compare_layer(right, x, rng).agrees
        parity = compare_layer(wrong, x, rng)
        assert [c.quantity for c in parity.comparisons if not c.agrees] == ["dx"]


def wrong_optimizer(base, update):
    return type(base.__name__, (base,), {"update": update})


def adam_with_eps_before_the_bias_correction(self, p, g, state, /):
    (b1, b2), t = self.betas, int(state.get("step", 0)) + 1
    state["step"] = t
    m = state["exp_avg"] = b1 * state.get("exp_avg", 0 * p) + (1 - b1) * g
    v = state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0 * p) + (1 - b2) * (g * g)
    p -= self.lr / (1 - b1**t) * m / ((np.sqrt(v) + self.eps) / (1 - b2**t) ** 0.5)


def test_adam_s_eps_before_the_bias_correction_is_caught_even_at_step_500(rng):
    layer = Linear(3, 4, rng=rng)
    module = twin(layer)
    theirs = twin_optimizer(Adam(), module)

    def draw_gradient():
        for p in module.parameters():
            p.grad = to_torch(rng.standard_normal(p.shape))

    for _ in range(499):
        draw_gradient()
        theirs.step()
    before, state = params_of(module), state_of(theirs, module)
    draw_gradient()
    theirs.step()
    gradient = {name: to_numpy(p.grad) for name, p in module.named_parameters() if p.grad is not None}
    errors = update_bounds(Adam(), layer.like(**before), gradient, state)
    wrong = wrong_optimizer(Adam, adam_with_eps_before_the_bias_correction)()
    for optimizer, verdict in ((Adam(), "agrees"), (wrong, "differs")):
        ours = layer.like(**{name: p.copy() for name, p in before.items()})
        optimizer.state = copy.deepcopy(state)
        optimizer.step(ours, layer.like(**gradient))
        for name, after in params_of(module).items():
            moved = after - before[name]
            assert compare("step 500", name, ours.params[name], after, 2 * errors[name].error, moved).verdict == verdict


def test_a_weight_decay_of_1e_6_on_the_wrong_side_is_caught(rng):
    def decoupled(self, p, g, state, /):
        p -= self.lr * self.weight_decay * p
        undecayed = Adam(self.lr, self.betas, self.eps)
        undecayed.update(p, g, state)

    layer = Linear(3, 4, rng=rng)
    assert compare_optimizer(Adam(weight_decay=1e-6), layer, rng).agrees
    assert not compare_optimizer(wrong_optimizer(Adam, decoupled)(weight_decay=1e-6), layer, rng).agrees


@DTYPES
@pytest.mark.parametrize("sizes", [[4, 8, 3], [64, 64, 64, 10], [784, 64, 10]], ids=str)
def test_right_code_raises_no_alarm_whatever_the_fan_in(sizes, dtype, rng):
    layers: list[Layer] = []
    for n, m in pairwise(sizes):
        layers += [Linear(n, m, rng=rng), Tanh()]
    network = Network(*layers[:-1]).astype(dtype)
    parity = compare_network(
        network, CrossEntropyLoss(), rng.standard_normal((32, sizes[0])).astype(dtype), rng.integers(sizes[-1], size=32)
    )
    assert parity.agrees, str(parity)


def test_a_wrong_layer_s_bound_comes_from_the_project_s_own_layer(rng):
    """A wrong backward that loses much to rounding cannot buy itself a wider tolerance."""

    class Tanh(Layer):
        def forward(self, z, /):
            a = np.tanh(z)
            return a, a

        def backward(self, delta, a, /):
            return delta * (1 - a * a) + (1e20 * a - 1e20 * a + 1e-9), self

    assert not compare_layer(Tanh(), rng.standard_normal((5, 4)), rng).agrees


def test_sgd_in_float32_moves_by_more_than_is_allowed(rng):
    """The tolerance for a weight is far below one step, so that untrained weights cannot pass."""

    def forget(self, p, g, state, /):
        pass

    parity = compare_optimizer(wrong_optimizer(SGD, forget)(lr=1e-3), Linear(3, 4, rng=rng).astype(np.float32), rng)
    assert {c.verdict for c in parity.comparisons} == {"differs"}
