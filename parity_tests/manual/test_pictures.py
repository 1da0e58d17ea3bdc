"""Convolution and pooling: what the examples in their files do not reach."""

import tracemalloc
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from manual import AvgPool2d, Conv1d, Conv2d, ConvTranspose2d, InputError, MaxPool2d
from manual.numbers import correlation
from torch_ref import compare_layer, to_numpy
from torch_ref.truth.certify import layer_truth

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@DTYPES
@pytest.mark.parametrize("stride", [1, 2, (1, 2)])
@pytest.mark.parametrize("columns", [4, 13], ids=["channels last", "in planes"])
def test_pictures_are_taken_a_few_at_a_time_or_a_few_rows_of_one(
    columns, stride, dtype, rng, device, agree, monkeypatch
):
    layer = Conv2d(2, 3, 3, stride, padding=1, rng=rng).astype(dtype)
    x = rng.standard_normal((7, 2, 5, columns)).astype(dtype)
    agree(compare_layer(layer, x, rng, device))
    for tile in (
        1,
        2 * columns * 18,
        3 * 5 * columns * 18,
    ):  # a row; two, and one is left over; some pictures, likewise
        monkeypatch.setattr(correlation, "TILE", tile)
        agree(compare_layer(layer, x, rng, device))


@pytest.mark.parametrize(("batch", "side", "channels"), [(32, 16, 64), (128, 16, 64), (1, 256, 16)])
def test_memory_above_the_activations_grows_neither_with_the_batch_nor_with_the_picture(batch, side, channels, rng):
    layer = Conv2d(32, channels, 3, padding=1, rng=rng).astype(np.float32)
    x = rng.standard_normal((batch, side, side, 32), dtype=np.float32).transpose(0, 3, 1, 2)
    tracemalloc.start()
    y, cache = layer.forward(x)
    dx, gradient = layer.backward(y, cache)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most - y.nbytes - dx.nbytes - gradient.weight.nbytes < 8 * 2**20


@DTYPES
@pytest.mark.parametrize(
    "geometry",
    [
        (3, 2, 1),
        ((1, 4), (3, 1), (0, 3)),
        (2, 1, 4),
        (5, 4, 2),
        ((4, 1), 1, 0),
        (2, 2, 3),
        (2, 3, 2),
        ((3, 1), (2, 4), (5, 1)),
        ((2, 3), 1, (0, 1), (3, 2)),
        (3, 2, "valid", (2, 1)),
        (3, 1, "same", 2),
        ((2, 3), 2, 1, (2, 1), 2),
        (3, (2, 1), 1, 1, 4),
    ],
    ids=str,
)
def test_a_convolution_of_any_kernel_stride_padding_dilation_and_groups(geometry, dtype, rng, device, agree):
    layer = Conv2d(4, 8, *geometry, rng=rng).astype(dtype)
    agree(compare_layer(layer, rng.standard_normal((2, 4, 6, 5)).astype(dtype), rng, device))


@DTYPES
@pytest.mark.parametrize(
    "geometry", [(3, 2, 1, 0, 1, True, 2), (2, 1, 0, 0, 4, False, (1, 3)), ((1, 2), 3, 1, 2, 2)], ids=str
)
def test_a_transposed_convolution_of_any_dilation_and_groups(geometry, dtype, rng, device, agree):
    layer = ConvTranspose2d(4, 8, *geometry, rng=rng).astype(dtype)
    agree(compare_layer(layer, rng.standard_normal((2, 4, 3, 2)).astype(dtype), rng, device))


@DTYPES
@pytest.mark.parametrize("geometry", [(3, 2, 1, 2, 2), (3, 1, "same", 2, 4), (1, 3, 0, 5)], ids=str)
def test_a_convolution_of_sequences_of_any_dilation_and_groups(geometry, dtype, rng, device, agree):
    layer = Conv1d(4, 8, *geometry, rng=rng).astype(dtype)
    agree(compare_layer(layer, rng.standard_normal((2, 4, 7)).astype(dtype), rng, device))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("kernel", [1, 2, (3, 4)], ids=str)
@pytest.mark.parametrize("one", [False, True], ids=["a batch", "one picture"])
def test_a_convolution_that_keeps_the_size(kernel, one, rng, agree):
    layer, x = Conv2d(2, 3, kernel, padding="same", rng=rng), rng.standard_normal((2, 2, 5, 4))
    agree(compare_layer(layer, x[0] if one else x, rng))


@pytest.mark.parametrize("geometry", [(2, 2, 0), (3, 2, 1), ((2, 3), (3, 2), (1, 0)), (3, 3, 1)], ids=str)
def test_windows_may_reach_beyond_the_edge_as_torch_s_do(geometry: Any, rng, agree):
    for side in (3, 5, 6):
        x = rng.standard_normal((2, side, 5))
        agree(compare_layer(MaxPool2d(*geometry, ceil_mode=True), x, rng))
        agree(compare_layer(AvgPool2d(*geometry, ceil_mode=True, count_include_pad=False), x, rng))
        agree(compare_layer(AvgPool2d(*geometry, ceil_mode=True), x, rng))


@DTYPES
@pytest.mark.parametrize("layout", ["channels first", "channels last"])
def test_memory_layouts_make_no_difference(layout, dtype, rng, device, agree):
    x = rng.standard_normal((2, 3, 6, 5)).astype(dtype)
    if layout == "channels last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for layer in (Conv2d(3, 2, 3, rng=rng).astype(dtype), MaxPool2d(2), AvgPool2d(2)):
        agree(compare_layer(layer, x, rng, device))


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last], ids=str)
def test_every_tie_of_a_window_goes_where_torch_sends_it(memory, device):
    """All 3⁴ windows of 2×2 numbers from {0, 1, 2}: ties in a row, in a column, in both diagonals."""
    windows = np.array([*product([0.0, 1, 2], repeat=4)]).reshape(-1, 1, 2, 2)
    x = torch.tensor(windows, device=device).contiguous(memory_format=memory).requires_grad_()
    (reference,) = torch.autograd.grad(torch.nn.MaxPool2d(2)(x).sum(), x)
    layer = MaxPool2d(2)
    y, cache = layer.forward(windows)
    dx, _ = layer.backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(dx, to_numpy(reference))


def test_ties_in_windows_that_overlap_and_reach_over_the_edge_go_where_torch_sends_them(rng, device):
    for kernel, stride, padding in ((3, 1, 1), (3, 2, 1), ((2, 3), (1, 2), (1, 0)), (4, 1, 2)):
        values = rng.integers(0, 3, (20, 2, 5, 6)).astype(float)
        x = torch.tensor(values, device=device, requires_grad=True)
        reference = torch.nn.MaxPool2d(kernel, stride, padding)(x)
        delta = rng.integers(1, 9, reference.shape).astype(float)  # sums of integers are exact in any order
        (dx,) = torch.autograd.grad(reference, x, torch.tensor(delta, device=device))
        layer = MaxPool2d(kernel, stride, padding)
        y, cache = layer.forward(values)
        np.testing.assert_array_equal(y, to_numpy(reference))
        np.testing.assert_array_equal(layer.backward(delta, cache)[0], to_numpy(dx))


def test_what_lies_outside_of_the_picture_never_wins_the_maximum():
    y, _ = MaxPool2d(3, 1, 1).forward(np.full((1, 1, 2, 2), -5.0))
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), -5.0))


def test_the_truth_of_a_padded_maximum_is_known_where_no_two_pixels_tie(rng):
    layer, x = MaxPool2d(3, 2, 1), rng.standard_normal((1, 1, 4, 4))
    y, cache = layer.forward(x)
    delta = rng.integers(1, 9, y.shape).astype(float)
    np.testing.assert_array_equal(layer_truth(layer, x, delta)["dx"], layer.backward(delta, cache)[0])


@pytest.mark.parametrize("shape", [(2, 2, 2, 5), (2, 2, 5, 2), (2, 2, 5), (2, 2)], ids=str)
def test_pictures_that_do_not_fit_are_refused(shape, rng):
    for layer in (Conv2d(2, 3, 3, rng=rng), MaxPool2d(3), AvgPool2d(3)):
        with pytest.raises(InputError, match=r"expected (pictures of at least the kernel's size|an array of shape)"):
            layer.forward(np.zeros(shape))


@pytest.mark.parametrize(
    "arguments", [(0, 1, 3), (1, 0, 3), (1, 1, 0), (1, 1, (3,)), (1, 1, 3, 0), (1, 1, 3, 1, -1), (1, 1, "3")], ids=str
)
def test_a_convolution_that_cannot_be_is_refused(arguments, rng):
    with pytest.raises(InputError, match=r"^Conv2d: "):
        Conv2d(*arguments, rng=rng)


@pytest.mark.parametrize("pool", [MaxPool2d, AvgPool2d])
def test_windows_of_one_pixel_hand_the_picture_on(pool, rng):
    x = rng.standard_normal((1, 2, 3, 4))
    y, cache = pool(1).forward(x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(pool(1).backward(x, cache)[0], x)


@pytest.mark.parametrize("pool", [MaxPool2d, AvgPool2d])
@pytest.mark.parametrize("arguments", [(0,), (2, 0), (2, 2, -1), (2, 2, 2), ((2, 3, 4),), (2.0,)], ids=str)
def test_a_pooling_that_cannot_be_is_refused(pool, arguments):
    with pytest.raises(InputError, match=f"^{pool.__name__}: "):
        pool(*arguments)
