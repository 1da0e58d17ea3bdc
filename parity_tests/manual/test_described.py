"""A class of one's own that is decorated with `@dataclass` too, and hyperparameters that are set later."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from manual import (
    L2,
    SGD,
    Adam,
    CrossEntropyLoss,
    Dropout,
    InputError,
    Layer,
    LeakyReLU,
    Linear,
    LinearLR,
    Loss,
    MSELoss,
    Network,
    Optimizer,
    ReLU,
    Sigmoid,
    Softplus,
    parameter,
    state,
)

DECORATED = pytest.mark.parametrize(
    "decorated",
    [
        lambda cls: cls,
        dataclass,
        dataclass(eq=False),
        dataclass(order=True),
        dataclass(kw_only=True),
        dataclass(init=False),
    ],
    ids=["not decorated", "plain", "eq", "order", "kw_only", "init"],
)


def affine(decorated: Callable[[type], Any]) -> Any:
    """An affine layer, as somebody writes it who knows dataclasses."""

    class Affine(Layer):
        size: int
        gain: Any = parameter()
        shift: Any = parameter(default=True)
        passes: Any = state()

        def __post_init__(self):
            self.gain, self.passes = np.ones(self.size), np.zeros((), int)
            self.shift = np.zeros(self.size) if self.shift else None

        def forward(self, x, /):
            return x * self.gain + self.shift, x

        def backward(self, delta, x, /):
            return delta * self.gain, self.like(gain=(delta * x).sum(axis=0), shift=delta.sum(axis=0))

    return decorated(Affine)


@DECORATED
def test_a_layers_fields_are_hyperparameters_parameters_and_state_however_it_is_decorated(decorated, rng):
    affine_layer = affine(decorated)
    layer, other = affine_layer(3), affine_layer(3, False)
    assert [*layer.params] == ["gain", "shift"]
    assert [*other.params] == ["gain"]
    assert [*layer.state] == ["passes"]
    assert layer.hyper == {"size": 3, "shift": True}
    assert repr(other) == "Affine(size=3, shift=False)"
    assert layer != affine_layer(3)
    assert len({layer, affine_layer(3)}) == 2
    for wrong in ({"gain": 1}, {"passes": 1}):
        with pytest.raises(TypeError):
            affine_layer(3, **wrong)
    x = rng.standard_normal((5, 3))
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(layer.backward(y, cache)[1].params["shift"], y.sum(axis=0))


@DECORATED
def test_a_layer_made_from_one_that_is_decorated_once_more_has_its_fields(decorated):
    class Scaled(affine(decorated)):
        factor: float = 2

    assert Scaled(3, factor=4).hyper == {"size": 3, "shift": True, "factor": 4}
    assert [*Scaled(3).params] == ["gain", "shift"]

    @dataclass
    class Linear3(Linear):
        scale: float = 1

    assert [*Linear3(3, 4, rng=np.random.default_rng(0)).params] == ["weight", "bias"]


def test_a_class_whose_fields_are_not_its_own_attributes_is_refused_where_it_is_defined():
    with pytest.raises(TypeError, match="expected a class without __slots__"):
        affine(dataclass(slots=True))
    with pytest.raises(TypeError, match="frozen"):
        affine(dataclass(frozen=True))
    with pytest.raises(TypeError, match="expected a class without __slots__"):

        class Chain(Network):
            __slots__ = ()


@DECORATED
def test_a_loss_an_optimizer_and_a_network_may_be_decorated_too(decorated, rng):
    class Weighted(Loss):
        weight: float = 2

        def forward(self, prediction, target, /):
            return self.weight * (prediction - target).sum(), prediction

        def backward(self, cache, /):  # pyright: ignore[reportIncompatibleMethodOverride]
            return np.full_like(cache, self.weight)

    class Signs(Optimizer):
        lr: float = 0.5

        def update(self, p, g, state, /):
            p -= self.lr * np.sign(g)

    class Deep(Network):
        factor: int = 3

    loss, optimizer, network = decorated(Weighted), decorated(Signs), decorated(Deep)
    assert repr(loss(weight=3)) == "Weighted(weight=3)"
    assert loss() != loss()
    net = network(Linear(3, 2, rng=rng))
    assert [*net.params] == ["0.weight", "0.bias"]
    assert net.factor == 3
    assert hash(net) == hash(net)
    before = net.params["0.weight"].copy()
    optimizer(lr=1).step(net, net.like(**{name: np.ones_like(p) for name, p in net.params.items()}))
    np.testing.assert_array_equal(net.params["0.weight"], before - 1)


@pytest.mark.parametrize(
    ("owner", "name", "wrong", "right"),
    [
        (SGD(0.1), "lr", np.nan, 0.2),
        (SGD(0.1), "lr", "fast", 0.2),
        (SGD(0.1), "nesterov", True, False),
        (SGD(0.1, momentum=0.9, nesterov=True), "momentum", 0, 0.5),
        (Adam(), "betas", (0.9, 1.0), (0.5, 0.6)),
        (MSELoss(), "reduction", "average", "sum"),
        (L2(0.1), "alpha", -1, 1),
        (LinearLR(), "start_factor", 0, 0.5),
        (Softplus(), "beta", 0, 2),
        (LeakyReLU(), "negative_slope", "x", 0.5),
        (Dropout(rng=np.random.default_rng(0)), "p", np.nan, 0.25),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_a_hyperparameter_that_is_set_later_is_checked_as_at_first(owner, name, wrong, right):
    before = getattr(owner, name)
    with pytest.raises(InputError, match=f"^{type(owner).__name__}: .*{name}"):
        setattr(owner, name, wrong)
    assert getattr(owner, name) == before
    setattr(owner, name, right)
    assert getattr(owner, name) == right


def test_a_numpy_scalar_that_is_set_later_does_not_promote_float32_either(rng):
    optimizer, layer = SGD(0.1, momentum=0.5), Linear(3, 2, rng=rng).astype(np.float32)
    optimizer.lr = optimizer.momentum = np.float64(0.1)
    for _ in range(2):
        optimizer.step(layer, layer.like(**layer.params))
    assert optimizer.state["weight"]["momentum_buffer"].dtype == np.float32


def test_setting_one_hyperparameter_does_not_start_an_optimizer_of_ones_own_anew():
    class Counting(Optimizer):
        lr: float = 1

        def __post_init__(self):
            self.steps = 0

    optimizer = Counting()
    optimizer.steps = 7
    optimizer.lr = 2
    assert (optimizer.steps, optimizer.lr) == (7, 2)


# ---------------------------------------------------------------- a layer inside a layer


class Holds(Layer):
    """x + inner(x), whose inner layer is held in one way or another."""

    inner: Any


@pytest.mark.parametrize(
    "held",
    [lambda p: p, lambda p: [p], lambda p: (ReLU(), p), lambda p: {"a": p}, lambda p: [{"a": (p,)}], lambda p: {p}],
    ids=["itself", "list", "tuple", "dict", "nested", "set"],
)
@pytest.mark.parametrize("part", [lambda rng: Linear(3, 3, rng=rng), lambda rng: Network(ReLU(), Linear(3, 3, rng=rng)),
                                  lambda rng: Dropout(rng=rng), lambda rng: Holds(Linear(3, 3, rng=rng))],
                         ids=["Linear", "Network", "Dropout", "Holds"])  # fmt: skip
def test_a_layer_that_holds_one_which_would_not_be_trained_is_refused(held, part, rng):
    holder = Holds(held(part(rng)))
    for make in (lambda: Network(holder), lambda: Network(ReLU(), Network(holder))):
        with pytest.raises(InputError, match="'inner' is not among its params and state, and would not be trained"):
            make()


def test_a_layer_may_hold_what_has_nothing_to_train_and_what_is_among_its_own_parameters(rng):
    class Owns(Layer):
        def __post_init__(self):
            self.inner = Linear(3, 3, rng=rng)

        @property
        def params(self):
            return {f"inner.{name}": p for name, p in self.inner.params.items()}

    assert [*Network(Holds([Sigmoid(), CrossEntropyLoss()]), Owns()).params] == ["1.inner.weight", "1.inner.bias"]
    loop = Holds(None)
    loop.inner = [loop]
    Network(loop)
