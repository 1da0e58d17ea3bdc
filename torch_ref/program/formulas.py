"""Functions of torch whose kernels ATen does not take apart, as the formulas that its documentation gives: a program
is traced of these instead, and torch's derivative of them."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


def one_hot(tensor: torch.Tensor, num_classes: int = -1) -> Any:
    """Without a look at the numbers, which a program has not."""
    if num_classes < 0:
        return NotImplemented
    return (tensor[..., None] == torch.arange(num_classes, device=tensor.device)).long()


def cdist(x1: torch.Tensor, x2: torch.Tensor, *, p: float, **_how: Any) -> torch.Tensor:
    """‖x1_i − x2_j‖_p"""
    return torch.linalg.vector_norm(x1[..., :, None, :] - x2[..., None, :, :], p, -1)


def pdist(x: torch.Tensor, p: float = 2.0) -> torch.Tensor:
    """‖x_i − x_j‖_p, i < j"""
    pairs = [*combinations(range(len(x)), 2)]
    return torch.linalg.vector_norm(x[[i for i, _ in pairs]] - x[[j for _, j in pairs]], p, -1)


def dist(x: torch.Tensor, other: torch.Tensor, p: float = 2.0) -> torch.Tensor:
    """‖x − other‖_p"""
    return torch.linalg.vector_norm(x - other, p)


def embedding_bag(
    index: torch.Tensor, weight: torch.Tensor, *, offsets: Any, mode: str, per_sample_weights: Any, **others: Any
) -> Any:
    """Σ of the rows of each bag, each by its own weight; or their mean, which is 0 of none."""
    other = any(others[said] for said in ("max_norm", "scale_grad_by_freq", "include_last_offset"))
    if other or mode == "max" or others["padding_idx"] is not None:
        return NotImplemented
    rows = functional.embedding(index, weight)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights[..., None]
    if index.ndim == 2:
        return rows.mean(1) if mode == "mean" and index.shape[1] else rows.sum(1)
    at = torch.arange(len(index), device=index.device)
    ends = torch.cat([offsets[1:], offsets.new_full((1,), len(index))])
    inside = (at >= offsets[:, None]) & (at < ends[:, None])
    total = inside.to(rows) @ rows
    return total if mode == "sum" else total / inside.sum(1, keepdim=True).clamp(min=1).to(rows)


def grid_sample(
    pictures: torch.Tensor,
    grid: torch.Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """Between the four neighbours of each place of the grid; 0 stands beyond the edge."""
    if pictures.ndim != 4 or mode != "bilinear" or padding_mode != "zeros":
        return NotImplemented
    _, channels, *sides = pictures.shape
    found: Any = 0
    axes = []
    for size, place in zip(reversed(sides), grid.unbind(-1), strict=True):
        at = (place + 1) / 2 * (size - 1) if align_corners else ((place + 1) * size - 1) / 2
        low = at.detach().floor().long()
        part = at - low.to(at)
        axes.append([(low, 1 - part), (low + 1, part)])
    (height, width), flat = sides, pictures.flatten(2)
    for x, by_x in axes[0]:
        for y, by_y in axes[1]:
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            place = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).flatten(1)
            picked = flat.gather(2, place[:, None].expand(-1, channels, -1)).unflatten(2, grid.shape[1:3])
            found = found + picked * (by_x * by_y * inside)[:, None]
    return found


FORMULAS: dict[Any, Callable[..., Any]] = {
    functional.one_hot: one_hot,
    torch.cdist: cdist,
    functional.pdist: pdist,
    torch.dist: dist,
    functional.embedding_bag: embedding_bag,
    functional.grid_sample: grid_sample,
}


class ByFormula(TorchFunctionMode):
    """Calls the formula of a function that has one, where it holds."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        found = FORMULAS[func](*args, **kwargs) if func in FORMULAS else NotImplemented
        return func(*args, **kwargs) if found is NotImplemented else found
