"""Every bad input is a clear error: what was given, what was expected, and where."""

import copy
import re
from functools import partial

import flint
import numpy as np
import pytest
import torch

from manual import (
    SGD,
    Adam,
    AdamW,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Diverged,
    HalfMSELoss,
    InputError,
    Layer,
    Linear,
    MSELoss,
    Network,
    ReLU,
    RMSprop,
    Softmax,
    train,
)
from manual.documents import hand_computation
from torch_ref import NoTwin, twin, twin_optimizer


def says(*parts):
    return pytest.raises(InputError, match=f"^{'.*'.join(map(re.escape, parts))}")


@pytest.fixture
def net(rng):
    return Network(Linear(3, 4, rng=rng), ReLU(), Network(Linear(4, 4, rng=rng), Linear(4, 2, rng=rng)))


def test_a_wrong_shape_names_the_layer_its_place_and_both_shapes(net):
    with says(
        "layer 0 of 3, Linear(in_features=3, out_features=4, bias=True)",
        "expected",
        "(N, 3)",
        "float64",
        "got",
        "(5, 7)",
    ):
        net.forward(np.zeros((5, 7)))
    with says("layer 0 of 3", "(N, 3)", "got", "(3,)"):
        net.forward(np.zeros(3))


def test_a_wrong_dtype_names_the_layer_and_both_dtypes(net):
    with says("layer 0 of 3, Linear", "float64", "got", "float32"):
        net.forward(np.zeros((5, 3), np.float32))
    with says("layer 0 of 3, Linear", "float64", "got", "int64"):
        net.forward(np.zeros((5, 3), np.int64))
    with says("layer 0 of 3, Linear", "float64", "got", "torch.float64"):
        net.forward(torch.zeros(5, 3, dtype=torch.float64))


def test_the_place_in_a_nested_network_is_named(rng):
    net = Network(ReLU(), Network(ReLU(), Linear(4, 2, rng=rng)))
    with says("layer 1 of 2, layer 1 of 2, Linear", "got", "(5, 3)"):
        net.forward(np.zeros((5, 3)))


@pytest.mark.parametrize(
    ("x", "given"), [(np.zeros((0, 3)), "shape (0, 3)"), ([[1.0, 2.0, 3.0]], "a list"), (np.float64(1), "shape ()")]
)
def test_an_empty_batch_and_what_is_no_array_are_refused(net, x, given):
    linear = "Linear(in_features={}, out_features={}, bias=True)"
    layers = ", ".join([linear.format(3, 4), "ReLU()", f"Network({linear.format(4, 4)}, {linear.format(4, 2)})"])
    with says(f"Network({layers}): expected an array of at least one example, got", given):
        net.forward(x)


@pytest.mark.parametrize("loss", [MSELoss(), HalfMSELoss(), BCEWithLogitsLoss()])
def test_targets_of_another_shape_or_dtype_are_not_broadcast(loss):
    with says(repr(loss), "expected", "(5, 1)", "got", "(5,)"):
        loss.forward(np.zeros((5, 1)), np.zeros(5))
    with says(repr(loss), "float32", "got", "float64"):
        loss.forward(np.zeros((5, 1), np.float32), np.zeros((5, 1)))
    with says(repr(loss), "empty batch"):
        loss.forward(np.zeros((0, 1)), np.zeros((0, 1)))


@pytest.mark.parametrize(
    ("classes", "parts"),
    [
        ([0, 3, 1], ("expected classes 0 to 2", "got 3 at example 1")),
        ([0, 1, -1], ("expected classes 0 to 2", "got -1 at example 2")),
        ([0.0, 1.0, 2.0], ("dtype int64, got", "float64")),
        ([True, False, True], ("int64", "got", "bool")),
        ([0, 1], ("(3,)", "got", "(2,)")),
        ([[0], [1], [2]], ("(3,)", "got", "(3, 1)")),
    ],
)
def test_a_class_label_is_an_integer_in_range_one_an_example(classes, parts):
    with says("CrossEntropyLoss", *parts):
        CrossEntropyLoss().forward(np.zeros((3, 3)), np.array(classes))


@pytest.mark.parametrize("logits", [np.zeros((0, 3)), np.zeros(3)])
def test_logits_are_a_batch_of_vectors(logits):
    with says("CrossEntropyLoss", "expected logits of shape (N, classes)", str(logits.shape)):
        CrossEntropyLoss().forward(logits, np.zeros(len(logits), int))


@pytest.mark.parametrize("optimizer", [SGD, Adam, AdamW, RMSprop])
@pytest.mark.parametrize(
    "value", [-0.1, float("nan"), float("inf"), 10**400, "fast", None, True, np.ones(1), torch.tensor(0)]
)
def test_hyperparameters_are_finite_and_not_negative(optimizer, value):
    names = [name for name, default in optimizer().hyper.items() if not isinstance(default, bool | tuple)]
    assert "lr" in names
    for name in names:
        with says(f"{optimizer.__name__}: {name} must be a finite number >= 0, got {value!r}"):
            optimizer(**{name: value})


@pytest.mark.parametrize("optimizer", [Adam, AdamW])
@pytest.mark.parametrize(
    ("betas", "message"), [((1.0, 0.9), "betas[0]"), ((0.9, -1), "betas[1]"), (0.9, "a pair"), ((0.9,), "a pair")]
)
def test_betas_are_two_numbers_below_one(optimizer, betas, message):
    with says(f"{optimizer.__name__}: betas", message.replace("betas", ""), "got"):
        optimizer(betas=betas)


@pytest.mark.parametrize("arguments", [{"nesterov": True}, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}])
def test_nesterov_needs_momentum_and_no_dampening(arguments):
    with says("SGD: nesterov needs a momentum above 0 and a dampening of 0"):
        SGD(**arguments)


@pytest.mark.parametrize("value", ["no", 1, None])
def test_a_flag_is_true_or_false(value, rng):
    linear = partial(Linear, 3, 4, rng=rng)
    for owner, make, name in (("SGD", SGD, "nesterov"), ("RMSprop", RMSprop, "centered"), ("Linear", linear, "bias")):
        with says(f"{owner}: {name} must be True or False, got {value!r}"):
            make(**{name: value})


def test_a_numpy_scalar_as_hyperparameter_does_not_promote_float32(rng):
    layer = Linear(3, 4, rng=rng).astype(np.float32)
    momentum = SGD(lr=np.float64(0.1), momentum=np.int64(1))
    for _ in range(2):
        momentum.step(layer, layer.like(**layer.params))
    assert momentum.state["weight"]["momentum_buffer"].dtype == np.float32
    optimizer = Adam(lr=np.float64(0.1), betas=(np.float64(0.9), np.float64(0.99)))
    optimizer.step(layer, layer.like(**layer.params))
    assert optimizer.state["weight"]["exp_avg"].dtype == np.float32


@pytest.mark.parametrize(
    ("sizes", "name"),
    [((0, 3), "in_features"), ((3, -1), "out_features"), ((3, 2.5), "out_features"), ((True, 3), "in_features")],
)
def test_sizes_are_positive_integers(sizes, name, rng):
    with says(f"Linear: {name} must be an integer >= 1, got"):
        Linear(*sizes, rng=rng)


@pytest.mark.parametrize("loss", [MSELoss, CrossEntropyLoss, BCEWithLogitsLoss])
def test_a_reduction_is_mean_or_sum(loss):
    with says(f"{loss.__name__}: reduction must be 'mean', 'sum' or 'none', got 'average'"):
        loss(reduction="average")


def test_a_network_is_made_of_different_layers(rng):
    layer = Linear(3, 3, rng=rng)
    with says("Network: expected at least one layer, got none"):
        Network()
    with says("Network: Linear", "at place 1 is there twice; use a copy, copy.deepcopy(layer)"):
        Network(layer, layer)
    for shared in (Network(layer), layer.like()):
        with says("Network: 0.weight and 1.", "weight are the same array"):
            Network(layer, shared)
    Network(layer, copy.deepcopy(layer))
    with says("Network: expected a layer at place 0, got", "ReLU"):
        Network(ReLU)  # pyright: ignore[reportArgumentType]


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


@pytest.mark.parametrize("dim", [0.5, [0, 1], True, None])
def test_the_axis_of_a_softmax_is_an_integer(dim):
    with says(f"Softmax: dim must be an integer, got {dim!r}"):
        Softmax(dim=dim)


@pytest.mark.parametrize("dim", [2, -3])
def test_the_axis_of_a_softmax_is_one_of_its_input_s(dim):
    with says("layer 0 of 1", f"Softmax(dim={dim}): expected an input that has this axis, got shape (5, 3)"):
        Network(Softmax(dim=dim)).forward(np.zeros((5, 3)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_data_that_are_not_finite_are_refused_where_they_enter(net, bad):
    x = np.zeros((5, 3))
    x[3, 1] = bad
    with says("train: x: expected finite values, got", "at index (3, 1)"):
        next(train(net, MSELoss(), SGD(), x, np.zeros((5, 2))))
    with says("train: y: expected finite values, got", "at index (3, 1)"):
        next(train(net, MSELoss(), SGD(), np.zeros((5, 3)), x))


def test_data_need_a_target_for_each_example(net):
    with says("train: expected a target for each example, got 5 examples and 4 targets"):
        next(train(net, MSELoss(), SGD(), np.zeros((5, 3)), np.zeros((4, 2))))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be an integer >= 1, got 2.5"),
        ({"epochs": -1}, "epochs must be an integer >= 0, got -1"),
        ({"epochs": True}, "epochs must be an integer >= 0, got True"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"threshold": np.nan}, "threshold must be a finite number >= 0, got nan"),
    ],
)
def test_training_takes_whole_numbers_and_a_threshold(net, arguments, message):
    with says(f"train: {message}"):
        next(train(net, MSELoss(), SGD(), np.zeros((5, 3)), np.zeros((5, 2)), **arguments))


def test_training_needs_data(net):
    with says("train: expected at least one example, got none"):
        next(train(net, MSELoss(), SGD(), np.zeros((0, 3)), np.zeros((0, 2))))


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


def test_what_torch_lacks_has_no_twin():
    class Mystery(Layer):
        pass

    class Guess(SGD):
        pass

    with pytest.raises(NoTwin, match=r"torch\.nn has no Mystery"):
        twin(Mystery())
    with pytest.raises(NoTwin, match=r"torch\.optim has no Guess"):
        twin_optimizer(Guess(), torch.nn.Linear(1, 1))
