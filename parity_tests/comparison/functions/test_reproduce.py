"""A failing trial is made small and saved as a test that fails for the same reason."""

import importlib.util

import pytest
import torch
from torch.nn import functional as F

from torch_ref import check_backward


class OddTail(torch.autograd.Function):
    """Swish, whose backward leaves out the last of an odd number of rows."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return F.silu(x)

    @staticmethod
    def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        dx = delta * s * (1 + x * (1 - s))
        return dx * (torch.arange(len(x)) < len(x) - len(x) % 2)[:, None]


class ByStrides(OddTail):
    """Swish, whose backward takes δ to be contiguous."""

    @staticmethod
    def backward(ctx, delta):  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return delta.as_strided(x.shape, x.stride()) * s * (1 + x * (1 - s))


@pytest.mark.parametrize(
    ("function", "shape", "left"), [(OddTail, (6, 8), 1), (ByStrides, (4, 6), 2)], ids=["odd rows", "strides"]
)
def test_what_fails_is_saved_as_a_small_test_that_fails(function, shape, left, tmp_path):
    path = tmp_path / "test_saved.py"
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with pytest.raises(AssertionError, match="saved as"):
        check_backward(function.apply, F.silu, [x], save=path)
    spec = importlib.util.spec_from_file_location("test_saved", path)
    assert spec is not None
    assert spec.loader is not None
    saved = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(saved)
    with pytest.raises(AssertionError, match="differs"):
        saved.test_it_differs_no_longer()
    (given,) = [line for line in path.read_text("utf-8").split("\n") if "torch.tensor" in line]
    assert given.count(",") <= left + 2
    assert "1." in given


def test_what_cannot_be_imported_is_not_saved(tmp_path):
    with pytest.raises(AssertionError, match="not saved: no other file can import"):
        check_backward(OddTail.apply, lambda x: F.silu(x), [torch.randn(3, 2)], save=tmp_path / "t.py", quick=True)
    assert not (tmp_path / "t.py").exists()


def test_only_a_saved_test_is_written_over(tmp_path):
    path, x = tmp_path / "test_own.py", torch.randn(3, 2)
    path.write_text("mine")
    for said in ("not saved: .*test_own.py is there", "saved as", "saved as"):
        with pytest.raises(AssertionError, match=said):
            check_backward(OddTail.apply, F.silu, [x], save=path, quick=True)
        if path.read_text() == "mine":
            path.unlink()
