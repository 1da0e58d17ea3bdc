"""What only some layers have: running means in training and inference, words, rational numbers, arguments of their
own."""

import flint
import numpy as np
import pytest
import torch

from manual import (
    GELU,
    GRU,
    LSTM,
    RNN,
    SGD,
    AdaptiveAvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    GroupNorm,
    GRUCell,
    InputError,
    LayerNorm,
    LeakyReLU,
    LearnedPositions,
    Linear,
    LSTMCell,
    MaxPool1d,
    MSELoss,
    MultiheadAttention,
    MultiMarginLoss,
    Network,
    RMSNorm,
    RotaryPositions,
    SinusoidalPositions,
    Softplus,
    Tanh,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    Unflatten,
    lift,
)
from manual.layer import several
from parity_tests.derived import proved
from torch_ref import compare_layer, compare_network, compare_training, embed, to_numpy, to_torch, twin

RNG = np.random.default_rng(0)
ATTENTION, WORDS, NOBODY = MultiheadAttention(4, 2, rng=RNG), np.ones((5, 2, 4)), np.zeros((5, 2), bool)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_means_are_torch_s_after_each_step_in_training_and_in_inference(momentum, rng, agree):
    network = Network(Linear(3, 4, False, rng=rng), BatchNorm1d(4, momentum=momentum), Tanh(), Linear(4, 2, rng=rng))
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    trained = compare_training(network, MSELoss(), SGD(0.1), x, y, steps=3)
    agree(trained)
    kept = [c for c in trained.comparisons if c.quantity in network.layers[1].state]
    assert [c.place.split(",")[0] for c in kept] == [f"step {i}" for i in (1, 2, 3) for _ in range(3)]
    agree(compare_network(network.evaluated(), MSELoss(), x, y))


def test_a_bias_before_a_normalisation_which_moves_nothing_is_judged_on_another_delta(rng, agree):
    network = Network(Linear(3, 4, rng=rng), BatchNorm1d(4), Tanh())
    agree(compare_network(network, MSELoss(), rng.standard_normal((6, 3)), rng.standard_normal((6, 4))))


def test_a_batch_norm_inside_torch_keeps_its_running_means_in_torch_s_buffers(rng):
    network, x = Network(BatchNorm2d(2)), rng.standard_normal((3, 2, 2, 2))
    ours, theirs = embed(network), twin(network)
    for module in (ours, theirs):
        module(to_torch(x))
        module.eval()
    for (name, a), (other, b) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        assert name == other
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-14)
    assert np.array_equal(ours.network.evaluated().state["0.running_mean"], to_numpy(ours.get_buffer("0.running_mean")))


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (LeakyReLU(flint.fmpq(1, 100)), RNG.standard_normal((2, 3))),
        (Conv1d(2, 2, 2, padding=1, rng=RNG), RNG.standard_normal((1, 2, 4))),
        (ConvTranspose2d(1, 2, 2, 2, rng=RNG), RNG.standard_normal((1, 1, 2, 2))),
        (MaxPool1d(2), RNG.standard_normal((1, 2, 4))),
        (AdaptiveAvgPool2d((2, 1)), RNG.standard_normal((1, 1, 3, 2))),
        (Unflatten(1, (2, 2)), RNG.standard_normal((2, 4))),
        (Embedding(3, 2, rng=RNG), np.array([[0, 2], [2, 2]])),
        (RNN(2, 2, nonlinearity="relu", rng=RNG), RNG.standard_normal((3, 1, 2))),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_rational_layer_stays_rational(layer, x):
    exact = layer.astype(flint.fmpq)
    y, cache = exact.forward(lift(x, flint.fmpq) if x.dtype.kind == "f" else x)
    dx, gradient = exact.backward(y, cache)
    for array in (*several(y), *(() if dx is None else (dx,)), *gradient.params.values()):
        assert {type(v) for v in array.ravel()} <= {flint.fmpq, int}


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
def test_a_normalisation_may_run_over_several_axes(kind, rng, agree):
    agree(compare_layer(kind((2, 3), eps=0.1), rng.standard_normal((2, 2, 2, 3)), rng))


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # which costs torch a copy
@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (BatchNorm1d(3, eps=0.1), RNG.standard_normal((2, 3))),  # as few as have a variance
        (Conv1d(2, 3, 2, padding="same", rng=RNG), RNG.standard_normal((2, 2, 5))),  # one side more than the other
    ],
    ids=lambda v: type(v).__name__,
)
def test_an_argument_or_input_at_its_edge_means_what_it_means_to_torch(layer, x, rng, agree):
    agree(compare_layer(layer, x, rng))


def test_a_padding_word_is_counted_from_the_end_as_in_torch():
    assert Embedding(3, 2, -1, rng=RNG).padding_idx == torch.nn.Embedding(3, 2, -1).padding_idx == 2


def test_a_place_may_look_only_at_scores_far_below_the_others(rng, agree):
    agree(compare_layer(MultiheadAttention(4, 2, causal=True, rng=rng), 60 * rng.standard_normal((5, 2, 4)), rng))


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (Linear(3, 2, rng=RNG), RNG.standard_normal(3)),
        (LayerNorm((2, 3)), RNG.standard_normal((2, 3))),
        (Conv1d(2, 2, 2, rng=RNG), RNG.standard_normal((2, 4))),
        (ConvTranspose2d(1, 2, 2, 2, rng=RNG), RNG.standard_normal((1, 2, 2))),
        (MaxPool1d(2), RNG.standard_normal((2, 4))),
        (AdaptiveAvgPool2d((2, 1)), RNG.standard_normal((1, 3, 2))),
        (GRU(2, 3, 2, bidirectional=True, rng=RNG), (RNG.standard_normal((4, 2)), RNG.standard_normal((4, 3)))),
        (LSTM(2, 3, batch_first=True, rng=RNG), RNG.standard_normal((4, 2))),
        (LSTMCell(2, 3, rng=RNG), (RNG.standard_normal(2), *RNG.standard_normal((2, 3)))),
        (MultiheadAttention(4, 2, rng=RNG), (RNG.standard_normal((5, 4)), NOBODY[:, 0], ~np.tri(5, dtype=bool))),
        (MultiheadAttention(4, 2, batch_first=True, rng=RNG), RNG.standard_normal((5, 4))),
        (TransformerDecoderLayer(4, 2, 3, rng=RNG), (RNG.standard_normal((3, 4)), RNG.standard_normal((2, 4)))),
    ],
    ids=lambda v: type(v).__name__,
)
def test_one_example_has_no_batch_as_in_torch(layer, x, rng, agree):
    agree(compare_layer(layer, x, rng))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Embedding(3, 2, 3, rng=RNG), "padding_idx must be a word, 0 to 2, got 3"),
        (lambda: GELU("exact"), "approximate must be 'none' or 'tanh', got 'exact'"),
        (lambda: Softplus(0), "beta must be a finite number > 0, got 0"),
        (lambda: LayerNorm(()), r"normalized_shape must have at least one axis, got \(\)"),
        (lambda: GroupNorm(3, 4), "num_groups must divide num_channels, got 3 and 4"),
        (lambda: BatchNorm1d(3, affine=1), "affine must be True or False, got 1"),  # pyright: ignore
        (
            lambda: ConvTranspose2d(1, 1, 2, output_padding=1, rng=RNG),
            "output_padding must be below stride 1 or dilation 1, got 1",
        ),
        (lambda: MaxPool1d(3, padding=2), "padding must be at most half of kernel_size 3, got 2"),
        (lambda: AdaptiveAvgPool2d((1, 2, 3)), r"must be an integer or a pair, got \(1, 2, 3\)"),  # pyright: ignore
        (lambda: Unflatten(1, (-1, -1)), r"one of them perhaps -1, got \(-1, -1\)"),
        (lambda: RNN(2, 3, nonlinearity="sigmoid", rng=RNG), "nonlinearity must be 'tanh' or 'relu', got 'sigmoid'"),
        (lambda: MultiheadAttention(4, 3, rng=RNG), "num_heads must divide embed_dim, got 3 and 4"),
        (lambda: MultiheadAttention(4, 2, causal=1, rng=RNG), "causal must be True or False, got 1"),  # pyright: ignore
        (lambda: SinusoidalPositions(5, 3), "embed_dim must be even, got 3"),
        (lambda: RotaryPositions(5, 3), "dim must be even, got 3"),
        (lambda: TransformerEncoderLayer(4, 2, activation="tanh", rng=RNG), "'relu' or 'gelu', got 'tanh'"),
        (lambda: LSTM(2, 3, 0, rng=RNG), "num_layers must be an integer >= 1, got 0"),
        (lambda: Conv1d(1, 1, 2, padding="full", rng=RNG), "padding must be 'same', 'valid' or a number, got 'full'"),
        (lambda: Conv1d(1, 1, 2, 2, "same", rng=RNG), "padding='same' needs a stride of 1, got 2"),
        (lambda: Conv1d(1, 1, 2, groups=2, rng=RNG), "Conv1d: groups must divide in_channels, got 2 and 1"),
        (lambda: Conv2d(2, 3, 2, groups=2, rng=RNG), "Conv2d: groups must divide out_channels, got 2 and 3"),
        (lambda: Conv2d(2, 3, 2, dilation=0, rng=RNG), "Conv2d: dilation must be an integer >= 1, got 0"),
        (lambda: Conv2d(1, 1, 2, padding_mode="circular", rng=RNG), "padding_mode must be 'zeros', the only one"),  # pyright: ignore
        (lambda: LSTM(2, 3, proj_size=2, rng=RNG), "proj_size must be 0, the only one that there is here, got 2"),  # pyright: ignore
        (lambda: MaxPool1d(2, 2, 0, 1), "expected at most 3 positional arguments, got 4; give the others by name"),  # pyright: ignore
        (lambda: MultiMarginLoss(3), "p must be 1 or 2, got 3"),
        (lambda: GRUCell(2, 3, bias=None, rng=RNG), "bias must be True or False, got None"),  # pyright: ignore
    ],
)
def test_an_argument_that_cannot_be_is_refused(make, says):
    with pytest.raises(InputError, match=says):
        make()


@pytest.mark.parametrize(
    ("layer", "x", "says"),
    [
        (Embedding(3, 2, rng=RNG), np.array([[0, 1], [3, 2]]), r"words 0 to 2, got 3 at index \(1, 0\)"),
        (Embedding(3, 2, rng=RNG), np.ones((2, 2)), "expected an array of integers"),
        (BatchNorm1d(3), np.ones((1, 3)), "expected more than one number a feature"),
        (BatchNorm2d(3), np.ones((2, 3)), r"\(N, 3, H, W\)"),
        (LayerNorm(3), np.ones(4), r"\(…, 3\)"),
        (RMSNorm((2, 3)), np.ones((3, 3)), r"\(…, 2, 3\)"),
        (GroupNorm(1, 2), np.ones((2, 3)), r"\(N, 2, …\)"),
        (Conv1d(1, 1, 3, rng=RNG), np.ones((1, 1, 2)), "at least the kernel's size"),
        (ConvTranspose2d(1, 1, 1, padding=1, rng=RNG), np.ones((1, 1, 1, 1)), "nothing is left of the output"),
        (MaxPool1d(3), np.ones((1, 1, 2)), "at least the kernel's size"),
        (Unflatten(1, (2, 2)), np.ones((1, 3)), "splits so along this axis"),
        (Linear(3, 2, rng=RNG), np.ones((2, 4, 5)), r"\(…, 3\)"),
        (LSTM(3, 2, rng=RNG), np.ones((4, 2)), r"shape \(T, N, 3\)"),
        (GRU(3, 2, batch_first=True, rng=RNG), np.ones((2, 0, 3)), r"shape \(N, T, 3\)"),
        (LSTMCell(3, 2, rng=RNG), (np.ones((4, 3)), np.ones((4, 2))), r"the state before as 2 array\(s\), got 1"),
        (RNN(3, 2, 2, rng=RNG), (np.ones((4, 5, 3)), np.ones((1, 5, 2))), r"\(2, 5, 2\) for the state before"),
        (ATTENTION, np.ones((3, 5)), r"shape \(L, N, 4\)"),
        (ATTENTION, (WORDS, WORDS), "one input or query, key and value, and then at most two masks, got 2 and 0"),
        (ATTENTION, (WORDS, NOBODY.T, NOBODY.T), r"\(5, 5\) or \(4, 5, 5\) for the attn_mask"),
        (ATTENTION, (WORDS, WORDS, WORDS[1:]), r"shape \(5, 2, 4\), as the key, in a batch of 2, as the query,"),
        (ATTENTION, (WORDS, NOBODY), r"shape \(2, 5\) for the first mask, the key_padding_mask, and dtype bool"),
        (SinusoidalPositions(1, 4), WORDS, r"shape \(N, at most 1, 4\)"),
        (LearnedPositions(1, 4, rng=RNG), WORDS, r"shape \(N, at most 1, 4\)"),
        (RotaryPositions(5, 4), WORDS[0], r"shape \(N, …, at most 5, 4\)"),
        (RotaryPositions(4, 4), np.ones((1, 5, 4)), r"shape \(N, …, at most 4, 4\)"),
        (RMSNorm(4), np.ones((2, 4), np.float32), "dtype float64, got .* float32"),
        (Network(RNN(3, 2, rng=RNG)), np.ones((4, 5, 3)), "layer 0 of 1, RNN.* gives 2 arrays"),
    ],
)
def test_an_input_that_cannot_be_is_refused(layer, x, says):
    with pytest.raises(InputError, match=says):
        layer.forward(*several(x))


def test_the_waves_are_sines_and_cosines_and_a_pair_of_words_is_turned_by_how_far_apart_they_are(rng):
    """10000^(2/4) = 100: what is rounded is the angle, sine, cosine, and the products."""
    table = SinusoidalPositions(3, 4).table
    for t, row in enumerate(table):
        truths = [f(flint.arb(t) / n) for n in (1, 100) for f in (flint.arb.sin, flint.arb.cos)]
        assert t == 0 or proved(row, truths, np.full(4, 5 * np.spacing(1.0)))
    assert table[0].tolist() == [0, 1, 0, 1]
    turn, (q, k) = RotaryPositions(9, 4), rng.standard_normal((2, 4))
    places, _ = turn.forward(np.stack([np.tile(q, (9, 1)), np.tile(k, (9, 1))]))
    products = places[0] @ places[1].T
    error = 60 * np.spacing(np.abs(q) @ np.abs(k))  # of 4 terms, each of two products of rounded sines
    for apart in (0, 3):
        assert np.ptp(np.diagonal(products, apart)) <= 2 * error
    assert np.ptp(products) > 1e6 * error
