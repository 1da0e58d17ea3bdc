"""Triangular and other systems, and the factors of a matrix: Cholesky's, LU and QR, as LAPACK writes them.

Source: Golub and Van Loan, *Matrix Computations*, 4th ed., 2013, chapters 3 to 5.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from manual.numbers.number_types import Array
from torch_ref.program.numbers import elementwise, truth_of
from torch_ref.program.operations.arithmetic import product
from torch_ref.program.operations.pictures.windows import zeros
from torch_ref.tolerance.bounded import Bounded

SQRT, LOG = elementwise(np.sqrt), elementwise(np.log)
INFO = np.zeros((), dtype=np.int32)
"""What says that all went well."""


def _t(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _identity(like: Any, n: int) -> Any:
    return Bounded(np.eye(n), like.dtype) if isinstance(like, Bounded) else np.eye(n, dtype=int).astype(object)


def solve_triangular(a: Any, b: Any, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """x of a·x = b, or of x·a = b, by substitution."""
    if not left:
        return _t(solve_triangular(_t(a), _t(b), not upper, True, unitriangular))
    if upper:
        return solve_triangular(a[..., ::-1, ::-1], b[..., ::-1, :], False, True, unitriangular)[..., ::-1, :]
    x: Any = None
    for i in range(a.shape[-1]):
        row = b[..., i : i + 1, :]
        row = row if x is None else row - product(a[..., i : i + 1, :i], x)
        row = row if unitriangular else row / a[..., i : i + 1, i : i + 1]
        x = row if x is None else np.concatenate([x, row], axis=-2)
    return b if x is None else x


def old_solve_triangular(
    b: Any, a: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Any, Any]:
    """As torch.triangular_solve: b is first, and a is handed on."""
    return solve_triangular(_t(a) if transpose else a, b, upper != transpose, True, unitriangular), a


def cholesky(a: Any, upper: bool = False) -> Any:
    """L of a = L·Lᵀ, or its transposed, by columns, of one triangle of a."""
    a = _t(a) if upper else a
    n, columns = a.shape[-1], []
    for j in range(n):
        rest = a[..., j:, j : j + 1]
        for earlier in columns:
            rest = rest - earlier[..., j:, :] * earlier[..., j : j + 1, :]
        root = SQRT(rest[..., :1, :])
        below = np.concatenate([root, rest[..., 1:, :] / root], axis=-2)
        columns.append(np.concatenate([zeros(a, (*a.shape[:-2], j, 1)), below], axis=-2))
    found = np.concatenate(columns, axis=-1) if columns else a
    return _t(found) if upper else found


def cholesky_solve(b: Any, factor: Any, upper: bool = False) -> Any:
    """x of L·Lᵀ·x = b"""
    lower = _t(factor) if upper else factor
    return solve_triangular(_t(lower), solve_triangular(lower, b, False), True)


def _each(a: Any, of_one: Callable[[Any], tuple[Any, ...]]) -> list[Any]:
    """What is found of each matrix of a stack, stacked."""
    stack = a.reshape(-1, *a.shape[-2:])
    found = [of_one(stack[i]) for i in range(stack.shape[0])]
    return [np.stack(part).reshape(*a.shape[:-2], *part[0].shape) for part in zip(*found, strict=True)]


def _eliminated(a: Any, pivot: bool) -> tuple[Any, Array]:
    """L and U in one matrix, and LAPACK's pivots: the row, counted from 1, that each one changed places with."""
    count = min(a.shape)
    left, rows, pivots = zeros(a, (a.shape[0], 0)), [], []
    for k in range(count):
        at = int(np.argmax(a[:, 0] * a[:, 0])) if pivot else 0
        order = np.arange(a.shape[0])
        order[[0, at]] = order[[at, 0]]
        a, left = a[order], left[order]
        pivots.append(k + at + 1)
        rows.append(np.concatenate([left[0], a[0]]))
        factors = a[1:, 0] / a[0, 0]
        left = np.concatenate([left[1:], factors[:, None]], axis=1)
        a = a[1:, 1:] - factors[:, None] * a[:1, 1:]
    rows += [left[i] for i in range(left.shape[0])]
    return np.stack(rows), np.array(pivots, dtype=np.int32)


def lu_factor(a: Any, pivot: bool = True, check_errors: bool = False) -> tuple[Any, ...]:
    """LU, pivots, and that all went well."""
    if not a.size:
        return a, np.zeros((*a.shape[:-2], min(a.shape[-2:])), np.int32), INFO
    return (*_each(a, lambda one: _eliminated(one, pivot)), np.zeros(a.shape[:-2], np.int32))


def _permutation(pivots: Array, n: int) -> Array:
    """Which row of a each row of L·U is."""
    order = np.broadcast_to(np.arange(n), (*pivots.shape[:-1], n)).copy()
    for place in np.ndindex(pivots.shape[:-1]):
        for k, p in enumerate(pivots[place]):
            order[place][[k, p - 1]] = order[place][[p - 1, k]]
    return order


def lu_unpack(lu: Any, pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> tuple[Any, Any, Any]:
    """P, L and U of a = P·L·U."""
    m, n = lu.shape[-2:]
    k = min(m, n)
    matrix = np.swapaxes(np.eye(m)[_permutation(np.asarray(pivots), m)], -1, -2)
    strict = np.tril(np.ones((m, k), bool), -1)
    lower = np.where(
        strict, lu[..., :k], np.eye(m, k, dtype=int).astype(object) if lu.dtype == object else np.eye(m, k)
    )
    return matrix, lower, _triangle_of(lu[..., :k, :])


def _triangle_of(a: Any) -> Any:
    return np.where(np.triu(np.ones(a.shape[-2:], bool)), a, 0)


def lu(a: Any, pivot: bool = True) -> tuple[Any, Any, Any]:
    """P, L and U"""
    return lu_unpack(*lu_factor(a, pivot)[:2])


def lu_solve(lu: Any, pivots: Any, b: Any, left: bool = True, adjoint: bool = False) -> Any:
    """x of a·x = b, or of aᵀ·x = b, or of x·a = b, by the factors of a."""
    if not left:
        return _t(lu_solve(lu, pivots, _t(b), True, not adjoint))
    n = lu.shape[-1]
    order = _permutation(np.asarray(pivots), n)
    shape = np.broadcast_shapes(lu.shape[:-2], b.shape[:-2])
    order = np.broadcast_to(order, (*shape, n))[..., None]
    b = np.broadcast_to(b, (*shape, *b.shape[-2:]))
    if adjoint:
        y = solve_triangular(_t(lu), solve_triangular(_t(lu), b, False), True, unitriangular=True)
        return np.take_along_axis(y, np.argsort(order, axis=-2), -2)
    b = np.take_along_axis(b, order, -2)
    return solve_triangular(lu, solve_triangular(lu, b, False, unitriangular=True), True)


def solve(a: Any, b: Any, left: bool = True, check_errors: bool = False) -> tuple[Any, Any, Any, Any]:
    """x of a·x = b; LU, pivots, and that all went well."""
    factors, pivots, info = lu_factor(a)
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    x = lu_solve(factors, pivots, b[..., None] if vector else b, left)
    return x[..., 0] if vector else x, factors, pivots, info


def inverse(a: Any, check_errors: bool = False) -> tuple[Any, Any]:
    """x of a·x = 1, and that all went well."""
    n = a.shape[-1]
    return solve(a, np.broadcast_to(_identity(a, n), (*a.shape[:-2], n, n)))[0] if a.size else a, INFO


def _signs(pivots: Any) -> Array:
    """1, or −1 where an odd number of rows changed places."""
    pivots = np.asarray(pivots)
    return 1 - 2 * (np.sum(pivots != np.arange(1, pivots.shape[-1] + 1), axis=-1) % 2)


def determinant(a: Any) -> tuple[Any, Any, Any]:
    """The product of U's diagonal, with the sign of the rows' order; LU, and pivots."""
    factors, pivots, _ = lu_factor(a)
    return np.prod(np.diagonal(factors, 0, -2, -1), axis=-1) * _signs(pivots), factors, pivots


def log_determinant(a: Any) -> tuple[Any, Any, Any, Any]:
    """Its sign, and the logarithm of its size; LU, and pivots."""
    factors, pivots, _ = lu_factor(a)
    diagonal = np.diagonal(factors, 0, -2, -1)
    positive = truth_of(diagonal > 0)
    sign = np.prod(np.where(positive, 1, -1), axis=-1) * _signs(pivots)
    size = np.sum(LOG(np.where(positive, diagonal, -diagonal)), axis=-1)
    return sign.astype(np.float64), size, factors, pivots


def qr(a: Any, mode: str = "reduced") -> tuple[Any, Any]:
    """Q and R of a = Q·R, by Householder's reflections: each makes a column's end 0, and its diagonal element is of the
    other sign than the number that was there."""
    m, n = a.shape[-2:]
    k = min(m, n)
    q = np.broadcast_to(_identity(a, m), (*a.shape[:-2], m, m))
    r = a
    for j in range(min(m - 1, n)):
        column = r[..., j:, j : j + 1]
        size = SQRT(np.sum(column * column, axis=-2, keepdims=True))
        head = np.where(truth_of(column[..., :1, :] > 0), size, -size) + column[..., :1, :]
        v = np.concatenate([zeros(a, (*a.shape[:-2], j, 1)), head, column[..., 1:, :]], axis=-2)
        half = np.sum(v * v, axis=-2, keepdims=True) / 2
        r = r - v * (product(_t(v), r) / half)
        q = q - product(q, v) * (_t(v) / half)
    r = _triangle_of(r)
    if mode == "complete":
        return q, r
    return (q[..., :k] if mode == "reduced" else q[..., :0, :0].reshape(0)), r[..., :k, :]


def pseudoinverse(a: Any, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """(aᵀa)⁻¹aᵀ, or aᵀ(aaᵀ)⁻¹, of a matrix of full rank: the others divide by 0 here, and have no bound."""
    if a.shape[-2] < a.shape[-1]:
        return _t(pseudoinverse(_t(a)))
    return solve(product(_t(a), a), _t(a))[0] if a.size else _t(a)


LINEAR_ALGEBRA: dict[str, Callable[..., Any]] = {
    "linalg_solve_triangular": solve_triangular,
    "triangular_solve": old_solve_triangular,
    "cholesky": cholesky,
    "linalg_cholesky_ex": lambda a, upper=False, check_errors=False: (cholesky(a, upper), INFO),
    "cholesky_solve": cholesky_solve,
    "cholesky_inverse": lambda factor, upper=False: cholesky_solve(_identity(factor, factor.shape[-1]), factor, upper),
    "linalg_lu_factor_ex": lu_factor,
    "linalg_lu": lu,
    "lu_unpack": lu_unpack,
    "linalg_lu_solve": lu_solve,
    "_linalg_solve_ex": solve,
    "linalg_inv_ex": inverse,
    "_linalg_det": determinant,
    "_linalg_slogdet": log_determinant,
    "linalg_qr": qr,
    "linalg_pinv": pseudoinverse,
    "_linalg_check_errors": lambda *_, **__: INFO,
}
