"""Bad input that is seen when something is computed: a gradient or a state of another network, and what diverges.
(What is refused in one call has its row in test_error_messages.py.)
"""

import re
from dataclasses import fields

import flint
import numpy as np
import pytest
import torch

from manual import (
    SGD,
    Adam,
    BCEWithLogitsLoss,
    Block,
    CrossEntropyLoss,
    Diverged,
    HalfMSELoss,
    InputError,
    Layer,
    Linear,
    MSELoss,
    Network,
    ReLU,
    Residual,
    optimizers,
    train,
)
from manual.documents import hand_computation
from manual.numbers.checks import AtLeast0
from torch_ref import NoTwin, twin, twin_optimizer

OPTIMIZERS = [getattr(optimizers, name) for name in optimizers.__all__]


def says(*parts):
    return pytest.raises(InputError, match=f"^{'.*'.join(map(re.escape, parts))}")


@pytest.fixture
def net(rng):
    return Network(Linear(3, 4, rng=rng), ReLU(), Network(Linear(4, 4, rng=rng), Linear(4, 2, rng=rng)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "value", [-0.1, float("nan"), float("inf"), 10**400, "fast", None, True, np.ones(1), torch.tensor(0)]
)
def test_hyperparameters_are_finite_and_not_negative(optimizer, value):
    names = [field.name for field in fields(optimizer) if field.type is AtLeast0]
    assert "lr" in names
    for name in names:
        with says(f"{optimizer.__name__}: {name} must be a finite number >= 0, got {value!r}"):
            optimizer(**{name: value})


def test_a_numpy_scalar_as_hyperparameter_does_not_promote_float32(rng):
    layer = Linear(3, 4, rng=rng).astype(np.float32)
    momentum = SGD(lr=np.float64(0.1), momentum=np.int64(1))
    for _ in range(2):
        momentum.step(layer, layer.like(**layer.params))
    assert momentum.state["weight"]["momentum_buffer"].dtype == np.float32
    optimizer = Adam(lr=np.float64(0.1), betas=(np.float64(0.9), np.float64(0.99)))
    optimizer.step(layer, layer.like(**layer.params))
    assert optimizer.state["weight"]["exp_avg"].dtype == np.float32


def test_the_gradient_of_another_network_moves_nothing(net, rng):
    before = {name: p.copy() for name, p in net.params.items()}
    other = net.like(**{name: p.T if p.ndim == 2 else p for name, p in net.params.items()})
    narrow = net.astype(np.float32)
    fewer = Network(Linear(3, 4, rng=rng))
    for gradient, parts in (
        (fewer, ("expected", "2.0.weight", "got")),
        (other, ("(4, 3)", "for 0.weight", "got (3, 4)")),
        (narrow, ("float64", "float32")),
    ):
        with says("SGD", "the gradient is of another network", *parts):
            SGD(lr=0.1).step(net, gradient)
        assert all(np.array_equal(p, before[name]) for name, p in net.params.items())


def test_the_state_of_another_network_moves_nothing(rng):
    optimizer, one, other = SGD(lr=0.1, momentum=0.9), Linear(1, 3, rng=rng), Linear(5, 3, rng=rng)
    optimizer.step(one, one.like(**one.params))
    before = other.weight.copy()
    with says("SGD", "the state is of another network: expected shape (3, 5) for weight, momentum_buffer, got (3, 1)"):
        optimizer.step(other, other.like(**other.params))
    assert np.array_equal(other.weight, before)


@pytest.mark.parametrize("loss", [MSELoss(), HalfMSELoss(), BCEWithLogitsLoss(), CrossEntropyLoss()])
def test_a_loss_takes_arrays_of_floats(loss):
    logits, classes = np.zeros((2, 2)), np.zeros(2, int)
    target = classes if isinstance(loss, CrossEntropyLoss) else logits
    for prediction in (logits.astype(np.uint8), logits.astype(int), logits.astype(bool)):
        with says(repr(loss), "expected the prediction in a floating-point dtype, got", str(prediction.dtype)):
            loss.forward(prediction, target.astype(prediction.dtype))
    for wrong, given in (([[0.0, 0.0]], "a list"), (np.float64(0), "shape ()")):
        with says(repr(loss), "expected the prediction as an array", given):
            loss.forward(wrong, target)  # pyright: ignore[reportArgumentType]
        with says(repr(loss), "expected the target as an array", given):
            loss.forward(logits, wrong)  # pyright: ignore[reportArgumentType]


def test_a_diverging_training_stops_names_the_step_and_keeps_the_last_finite_parameters(rng):
    x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 2))
    net = Network(Linear(3, 4, rng=rng), Linear(4, 2, rng=rng))
    done = []
    with (
        np.errstate(all="ignore"),
        pytest.raises(Diverged, match=r"step (\d+), epoch \d+: the cost is (inf|nan); ") as stopped,
    ):
        for step in train(net, MSELoss(), SGD(lr=1e3), x, y, epochs=1000):
            done.append((step, {name: p.copy() for name, p in net.params.items()}))
    last, parameters = done[-1]
    assert str(stopped.value).startswith(f"step {last.step + 1}, ")
    assert all(np.array_equal(p, parameters[name], equal_nan=True) for name, p in net.params.items())


def test_a_cost_beyond_every_float_has_diverged_too():
    problem = hand_computation(flint.fmpq)
    problem.network.params["2.bias"][0] = flint.fmpq(10) ** 400
    with pytest.raises(Diverged, match=re.escape("parameter 2.bias is not finite")):
        next(train(problem.network, HalfMSELoss(), SGD(lr=flint.fmpq(1, 10)), problem.x, problem.y))


def test_training_runs_on_balls_and_stops_at_a_nan():
    def ball(p, q):
        return flint.arb(p) / q

    problem = hand_computation(ball)
    steps = list(train(problem.network, HalfMSELoss(), SGD(lr=ball(1, 10)), problem.x, problem.y, epochs=3))
    floats = hand_computation()
    expected = list(train(floats.network, HalfMSELoss(), SGD(lr=0.1), floats.x, floats.y, epochs=3))
    assert all(
        abs(ours.moved - theirs.moved) < 1e-12 * theirs.moved for ours, theirs in zip(steps, expected, strict=True)
    )
    problem.network.params["2.bias"][0] = flint.arb("nan")
    with pytest.raises(Diverged, match=re.escape("parameter 2.bias is not finite")):
        next(train(problem.network, HalfMSELoss(), SGD(lr=ball(1, 10)), problem.x, problem.y))


def test_the_culprit_of_a_nan_is_named(rng):
    class Leaky(Layer):
        def forward(self, x, /):
            return x * np.nan, None

        def backward(self, delta, cache, /):
            return delta, self

    x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 3))
    with pytest.raises(Diverged, match=re.escape("the output of layer 1, Leaky(), is the first that is not finite")):
        next(train(Network(Linear(3, 3, rng=rng), Leaky(), ReLU()), MSELoss(), SGD(), x, y))
    net = Network(Linear(3, 3, rng=rng))
    huge = np.full((8, 3), 1e200)
    says_loss = r"; every layer's output is finite: it is the loss that is not$"
    with np.errstate(over="ignore"), pytest.raises(Diverged, match=says_loss):
        next(train(net, MSELoss(), SGD(), x, huge))
    net.params["0.bias"][1] = np.nan
    with pytest.raises(Diverged, match=re.escape("parameter 0.bias is not finite")):
        next(train(net, MSELoss(), SGD(), x, y))


def test_where_a_layer_or_a_block_is_trained_alone_it_is_the_culprit_as_a_whole(rng):
    class Turned(Block):
        """first, then second, which are declared the other way round."""

        def __post_init__(self):
            self.parts = {"second": Linear(4, 3, rng=rng), "first": Linear(3, 4, rng=rng)}

        def forward(self, x, /):
            run, tape = self.runs()
            return run("second", run("first", x)), tape

        def backward(self, delta, tape, /):
            back, gradient = self.backs(tape)
            return back("first", back("second", delta)), gradient()

    x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 3))
    for layer in (Linear(3, 3, rng=rng), Turned(), Residual(Linear(3, 3, rng=rng))):
        says = f"the output of {re.escape(repr(layer))} is"
        large = layer.like(**{name: np.full_like(p, 1e308) for name, p in layer.params.items()})
        with np.errstate(all="ignore"), pytest.raises(Diverged, match=f"{says} not finite$"):
            next(train(large, MSELoss(), SGD(), 10 * np.abs(x), y))
        with np.errstate(over="ignore"), pytest.raises(Diverged, match=f"{says} finite: it is the loss that is not$"):
            next(train(layer, MSELoss(), SGD(), x, np.full((8, 3), 1e200)))


def test_what_torch_lacks_has_no_twin():
    class Mystery(Layer):
        pass

    class Guess(SGD):
        pass

    with pytest.raises(NoTwin, match=r"torch\.nn has no Mystery"):
        twin(Mystery())
    with pytest.raises(NoTwin, match=r"torch\.optim has no Guess"):
        twin_optimizer(Guess(), torch.nn.Linear(1, 1))
