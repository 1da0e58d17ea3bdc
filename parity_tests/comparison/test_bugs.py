"""The tests can fail: each mistake of the catalogue is caught by the comparison that the right code passes, and no
cause is named but its own."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import chain, islice, product

import numpy as np
import pytest

from manual import (
    ELU,
    GELU,
    LSTM,
    SELU,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    BertEmbeddings,
    Bilinear,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Embedding,
    EveryStep,
    Flatten,
    GPTBlock,
    GroupNorm,
    Hardsigmoid,
    Layer,
    LayerNorm,
    LeakyReLU,
    LearnedPositions,
    Linear,
    MaxPool1d,
    MaxPool2d,
    MSELoss,
    MultiheadAttention,
    Network,
    ReLU,
    Residual,
    RMSNorm,
    RotaryPositions,
    SinusoidalPositions,
    Softplus,
    Tanh,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    Transpose,
    Unflatten,
)
from manual.recurrent import Steps
from parity_tests.bugs import BUGS, UNUSUAL
from parity_tests.comparison.against_torch import cases, each, hold, misused, of
from parity_tests.conftest import few
from torch_ref import compare_network

NO_LINK = Network | Steps | TransformerDecoderLayer
LAYER_BUGS = [b for b in BUGS if issubclass(b.right, Layer) and not issubclass(b.right, NO_LINK)]
"""Those in a layer that a network may be made of: what goes from step to step gives several outputs, and what decodes
takes a memory."""
RIGHT = pytest.mark.parametrize("right", dict.fromkeys(bug.right for bug in BUGS), ids=lambda kind: kind.__name__)
FLOAT32_ONLY = {
    "A float64 scalar takes part, and float32 in is float64 out",
    "The one-hot targets are float64, and so the gradient of a float32 network",
}
NOT_NAMED = {
    "The decay drives the weights away from 0",  # it grows by 1 + 2ηλ and shrinks by 1 − ηλ: not quite 1 + ηλ
}
OF_A_SECOND_INPUT = {
    "The mask says which keys there are, not which there are not",
    "The mask is ignored",
}
"""They do not show in a network, whose layers have one input."""
NAMED_OTHERWISE = {
    # at the first step there is no velocity; later on, it is also an SGD that forgets its dampening
    "Nesterov looks ahead along the old velocity instead of the new one": "it is computed without",
    # a square one is not changed by the reshape, and so not transposed
    # of one input, the rows of dW change places then, too
    "The gradients of W stand in the order k, q, v": "q and k have each other's gradient",
    # at either end alone there is padding
    "The padding counts as 0, and wins over what is negative": "only in the last column",
    # it alone makes a slope positive
    "The slope of the negative class is left out": "the positive numbers are set to 0",
    # at the first step there is no momentum; a matrix that is not wider than high is not adjusted then
    "The momentum is a sum, as SGD's is": "it is computed without momentum",
    "The adjustment takes columns by rows": "the learning rate is not adjusted",
    "The weight gradient comes out as (in, out) and is reshaped where it should be transposed": "it is transposed",
}


def undiagnosed(patch):
    """Causes are costly to look for, and most tests here ask only whether a mistake is seen."""
    patch.setattr("torch_ref.comparison.parity.diagnose", lambda *_: "")


@pytest.fixture
def never_diagnosed(monkeypatch):
    """Where all is right no cause is looked for."""

    def never(*_):
        raise AssertionError("diagnosed")

    monkeypatch.setattr("torch_ref.comparison.parity.diagnose", never)


def plain(layer):
    """Whether the arguments of which the wrong and the unusual classes know nothing change nothing: their windows lie
    within a picture padded alike on all sides, and a layer has the parameters that it usually has."""
    unpadded = getattr(layer, "padding", 0) != "same" and not getattr(layer, "ceil_mode", False)
    counted = getattr(layer, "count_include_pad", True) and getattr(layer, "divisor_override", None) is None
    return unpadded and counted and (not isinstance(layer, GroupNorm) or layer.bias is not None)


def known_to(kind, right):
    """The examples of a class that another of its name, right or wrong, is written for."""
    return [case for case in deepcopy(cases(right)) if kind is right or plain(case[0])]


def symptoms(right_class, kind, dtype) -> Iterator[list[tuple[str, str]]]:
    """Of each example the quantities that fail with their causes, or the error; and what `misused` says of `kind`."""
    for right, *data in known_to(kind, right_class):
        rng = np.random.default_rng(0)
        try:
            compared = hold(of(kind, right), data, dtype, rng).comparisons
            if failed := [(c.quantity, c.cause) for c in compared if not c.agrees]:
                yield failed
            yield from ([(said, "")] for said in misused(of(kind, right), data, rng))
        except ValueError as error:
            yield [(str(error), "")]


@RIGHT
def test_the_right_code_does_nothing_to_what_is_the_caller_s(right, rng):
    """That torch agrees with it, `test_parity.py` shows by the same comparisons of the same examples."""
    for piece, *data in cases(right):
        assert not [*misused(piece, data, rng)]


@each(BUGS)
def test_a_mistake_is_seen_where_it_shows(bug, monkeypatch):
    undiagnosed(monkeypatch)
    in_float64, in_float32 = (symptoms(bug.right, bug.wrong, dtype) for dtype in (np.float64, np.float32))
    first = [*islice(in_float64, 1)]
    assert bool(first) == (bug.name not in FLOAT32_ONLY)
    assert any(failed[0][0] == bug.shows for failed in chain(first, in_float64, in_float32))


@each(BUGS, every=20)
def test_the_cause_of_a_mistake_is_named_and_no_other(bug):
    """Two causes may give the same numbers (the learning rate is 1 − μ, the batch is 1): then both are named."""
    found = [*symptoms(bug.right, bug.wrong, np.float64)]
    causes = [dict(reversed(failed)).get(bug.shows, "") for failed in found]
    named = [name for name in (bug.cause, NAMED_OTHERWISE.get(bug.name)) if name]
    assert all(any(name in cause for name in named) for cause in causes if cause), causes
    if bug.cause and bug.name not in NOT_NAMED:
        assert any(bug.cause in cause for cause in causes)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each(UNUSUAL, "entry")
def test_a_right_implementation_is_accepted_however_unusual(entry, dtype, seed):
    for piece, *data in known_to(entry.wrong, entry.right):
        result = hold(of(entry.wrong, piece), data, dtype, np.random.default_rng(seed))
        assert result.agrees, f"\n{result}"


# ---------------------------------------------------------------- within a network


def around(layer, rng):
    """A network with the layer at place 2, and data for it in which ReLU makes some zeros: ReLU'(0) is asked for. What
    is another below 0 is given what is below it."""
    front = Tanh() if isinstance(layer, LeakyReLU | ELU | SELU) else ReLU()
    network = Network(Linear(3, 4, rng=rng), front, layer, Linear(4, 2, rng=rng))
    reach = 9 if isinstance(layer, Hardsigmoid) else 1  # beyond its 3
    return network, reach * rng.standard_normal((6, 3)), rng.standard_normal((6, 2))


def around_pictures(layer, front, rng):
    """Likewise for a layer of 2 channels; with Tanh in front of it there are negative pixels, with ReLU there are
    ties."""
    below, x = [Conv2d(1, 2, 2, rng=rng), front, layer], rng.standard_normal((3, 1, 7, 8))
    above = [] if isinstance(layer, Flatten) else [Flatten()]
    features = Network(*below, *above).forward(x)[0].shape[1]
    return Network(*below, *above, Linear(features, 2, rng=rng)), x, rng.standard_normal((3, 2))


def of_places(layer, rng):
    """Likewise for a layer of sequences, of vectors that are split, or of words."""
    x, y = rng.standard_normal((4, 1, 9)), rng.standard_normal((4, 2))
    below = [Conv1d(1, 2, 2, rng=rng), Tanh()]
    if isinstance(layer, Unflatten):
        below, x = [Linear(3, 4, rng=rng), Tanh()], rng.standard_normal((4, 3))
    if isinstance(layer, Embedding | BertEmbeddings):
        return Network(layer, Tanh(), Flatten(), Linear(12, 2, rng=rng)), rng.integers(5, size=(4, 4)), y
    features = Network(*below, layer, Flatten()).forward(x)[0].shape[1]
    return Network(*below, layer, Flatten(), Linear(features, 2, rng=rng)), x, y


ON_PLACES: dict[type, Callable[[np.random.Generator], Layer]] = {
    Conv1d: lambda rng: Conv1d(2, 2, 2, 2, 1, dilation=2, rng=rng),
    MaxPool1d: lambda _: MaxPool1d(4, 3, 2),
    Unflatten: lambda _: Unflatten(1, (2, 2)),
    Transpose: lambda _: Transpose(1, 2),
    EveryStep: lambda rng: EveryStep(LSTM(8, 3, batch_first=True, rng=rng)),
    Embedding: lambda rng: Embedding(5, 3, rng=rng),
    BertEmbeddings: lambda rng: BertEmbeddings(5, 3, 6, layer_norm_eps=0.1, rng=rng),
}
ON_PICTURES: dict[type, Callable[[np.random.Generator], Layer]] = {
    Conv2d: lambda rng: Conv2d(2, 2, (3, 2), 2, (1, 2), rng=rng),
    MaxPool2d: lambda _: MaxPool2d((3, 2), (2, 1), 1),
    AvgPool2d: lambda _: AvgPool2d((3, 2), (2, 1), 1),
    Flatten: lambda _: Flatten(),
    ConvTranspose2d: lambda rng: ConvTranspose2d(2, 2, (3, 2), 2, (1, 0), rng=rng),
    AdaptiveAvgPool2d: lambda _: AdaptiveAvgPool2d((4, 2)),
    BatchNorm2d: lambda _: BatchNorm2d(2),
    Dropout2d: lambda rng: Dropout2d(0.25, rng=rng),
}
ON_VECTORS: dict[type, Callable[[np.random.Generator], Layer]] = {
    Linear: lambda rng: Linear(4, 4, rng=rng),
    Dropout: lambda rng: Dropout(0.25, rng=rng),
    LayerNorm: lambda rng: LayerNorm(4, 0.1).like(weight=1 + rng.random(4), bias=rng.random(4)),
    RMSNorm: lambda rng: RMSNorm(4).like(weight=1 + rng.random(4)),
    BatchNorm1d: lambda _: BatchNorm1d(4),
    GroupNorm: lambda rng: GroupNorm(2, 4).like(weight=1 + rng.random(4), bias=rng.random(4)),
    Softplus: lambda _: Softplus(2, threshold=0.5),
    GELU: lambda _: GELU("tanh"),
    Residual: lambda rng: Residual(Network(Linear(4, 4, rng=rng), Tanh()), Linear(4, 4, rng=rng)),
}
ON_SEQUENCES: dict[type, Callable[[np.random.Generator], list[Layer]]] = {
    MultiheadAttention: lambda rng: [MultiheadAttention(4, 2, causal=causal, rng=rng) for causal in (True, False)],
    TransformerEncoderLayer: lambda rng: [TransformerEncoderLayer(4, 2, 3, batch_first=True, causal=True, rng=rng)],
    GPTBlock: lambda rng: [GPTBlock(4, 2, rng=rng)],
    SinusoidalPositions: lambda _: [SinusoidalPositions(5, 4)],
    LearnedPositions: lambda rng: [LearnedPositions(5, 4, rng=rng)],
    RotaryPositions: lambda _: [RotaryPositions(5, 4)],
}


def networks_with(right):
    """Networks with such a layer at place 2, and data for them, on which every mistake with it shows."""
    rng = np.random.default_rng(0)
    if right in ON_PLACES:
        found = [of_places(ON_PLACES[right](rng), rng)]
    elif right in ON_SEQUENCES:
        x, y = rng.standard_normal((5, 3, 3)), rng.standard_normal((5, 3, 2))
        found = [(around(layer, rng)[0], x, y) for layer in ON_SEQUENCES[right](rng)]
    elif right in ON_PICTURES:
        found = [around_pictures(ON_PICTURES[right](rng), front, rng) for front in (Tanh(), ReLU())]
    else:
        found = [around(ON_VECTORS[right](rng) if right in ON_VECTORS else right(), rng)]
    if issubclass(right, BatchNorm1d):
        found += [(network.evaluated(), x, y) for network, x, y in found]
    for (network, x, y), dtype in product(found, (np.float64, np.float32)):
        yield network.astype(dtype), x.astype(dtype) if x.dtype.kind == "f" else x, y.astype(dtype)


IN_A_NETWORK = [b for b in LAYER_BUGS if b.right is not Bilinear]
"""Its layers have one input; Bilinear needs two."""


@pytest.mark.parametrize("right", few(dict.fromkeys(b.right for b in IN_A_NETWORK)), ids=lambda kind: kind.__name__)
@pytest.mark.usefixtures("never_diagnosed")
def test_nothing_differs_in_a_right_network(right):
    for network, x, y in networks_with(right):
        assert compare_network(network, MSELoss(), x, y).agrees


@each([b for b in IN_A_NETWORK if not b.shows.startswith("a ") and b.name not in OF_A_SECOND_INPUT], every=3)
def test_a_network_names_the_layer_with_the_mistake(bug, monkeypatch):
    undiagnosed(monkeypatch)
    for network, x, y in networks_with(bug.right):
        at = 0 if isinstance(network.layers[0], Embedding | BertEmbeddings) else 2
        wrong = Network(*network.layers[:at], of(bug.wrong, network.layers[at]), *network.layers[at + 1 :])
        if found := compare_network(wrong, MSELoss(), x, y).first:
            assert (found.place, found.quantity) == (f"layer {at}, {bug.right.__name__}", bug.shows)
            return
    raise AssertionError("nothing differs")
