"""Dense products, factors and solutions in pieces that a threaded BLAS computes by one thread.

A BLAS decides by the size of a call whether to wake its threads. Waking them costs more than a step of an interior-point
method of this library has to do, and on a busy machine a hundred times as much. The library leaves the process' settings alone;
it keeps its calls small instead, and products with a vector are dot products of rows. The answer is then the same for any number
of threads, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.lapack import dgesv, dpotrf, dtrtri, dtrtrs, ztrtrs

_TILE = 64  # OpenBLAS factors up to 127 columns by one thread
# Multiplications of a product up to which OpenBLAS wakes no threads, and the side of a cube below that: of real numbers, and of
# complex ones
_REAL, _COMPLEX = (2**18, _TILE), (2**16 - 1, 40)
# Entries of a matrix up to which its product with a vector, or the outer product of two, wakes none.
_VECTOR = 2**13
_RIDGES = (0.0, 1e-13, 1e-11)


def times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """``matrix @ vector`` for (..., K, n) and (..., n)."""
    return np.vecdot(matrix, vector[..., None, :])


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``left @ right`` for (..., n, d) and (..., d, m)."""
    sizes = _sizes(left, right)
    if left.shape[-2] * left.shape[-1] * right.shape[-1] <= sizes[0]:
        return left @ right
    shape = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    found = np.empty((*shape, left.shape[-2], right.shape[-1]), dtype=np.result_type(left, right))
    _add(found, left, right, sizes, begun=False)
    return found


def _sizes(left: np.ndarray, right: np.ndarray) -> tuple[int, int]:
    return _COMPLEX if np.iscomplexobj(left) or np.iscomplexobj(right) else _REAL


def _half(size: int, side: int) -> int:
    """About half of a side; whole sides of cubes where there are more than two."""
    return -(-size // 2) if size <= 2 * side else (size // 2 + side // 2) // side * side


def _add(target: np.ndarray, left: np.ndarray, right: np.ndarray, sizes: tuple[int, int] = _REAL, begun: bool = True) -> None:
    """``target += left @ right`` in place (``=`` where it is not ``begun``), halved along the longest dimension until the parts
    are small.
    """
    rows, depth, columns = *left.shape[-2:], right.shape[-1]
    most, side = sizes
    if rows * depth * columns <= most:
        target[...] = target + left @ right if begun else left @ right
    elif depth >= max(rows, columns):
        half = _half(depth, side)
        _add(target, left[..., :half], right[..., :half, :], sizes, begun)
        _add(target, left[..., half:], right[..., half:, :], sizes)
    elif rows >= columns:
        half = _half(rows, side)
        _add(target[..., :half, :], left[..., :half, :], right, sizes, begun)
        _add(target[..., half:, :], left[..., half:, :], right, sizes, begun)
    else:
        half = _half(columns, side)
        _add(target[..., :half], left, right[..., :half], sizes, begun)
        _add(target[..., half:], left, right[..., half:], sizes, begun)


def solved_by_halves(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``np.linalg.solve`` for real (..., n, n) and (..., n, m); rows are exchanged within pieces only, which is enough for
    M-matrices (nothing positive off the diagonal, nothing negative in the inverse).
    """
    size, width = matrix.shape[-1], right.shape[-1]
    if size <= _TILE:
        parts = [np.linalg.solve(matrix, right[..., first : first + _TILE]) for first in range(0, width, _TILE)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
    if width == 1 and size < 2 * _TILE:
        # SciPy's BLAS takes one right-hand side so far without waking threads; NumPy's does not.
        return _lane_by_lane(matrix, right)
    half = _half(size, _TILE)
    above, below = matrix[..., :half, :], matrix[..., half:, :]
    upper = solved_by_halves(above[..., :half], np.concatenate([above[..., half:], right[..., :half, :]], axis=-1))
    # What is left of the lower rows when the upper unknowns are eliminated.
    rest = np.concatenate([below[..., half:], right[..., half:, :]], axis=-1) - product(below[..., :half], upper)
    lower = solved_by_halves(rest[..., : size - half], rest[..., size - half :])
    return np.concatenate([upper[..., size - half :] - product(upper[..., : size - half], lower), lower], axis=-2)


def _lane_by_lane(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    found = np.empty(np.broadcast_shapes(matrix.shape[:-2], right.shape[:-2]) + right.shape[-2:])
    matrix, right = np.broadcast_to(matrix, (*found.shape[:-2], *matrix.shape[-2:])), np.broadcast_to(right, found.shape)
    for lane in np.ndindex(found.shape[:-2]):
        *_, found[lane], failed = dgesv(matrix[lane], right[lane])
        if failed:
            raise np.linalg.LinAlgError("Singular matrix")
    return found


def substituted(triangle: np.ndarray, right: np.ndarray, *, lower: bool) -> np.ndarray:
    """The inverse of a triangular matrix (n, n) times (n, m), column by column: two at once wake threads at any size."""
    solve = ztrtrs if np.iscomplexobj(triangle) or np.iscomplexobj(right) else dtrtrs
    return np.stack([solve(triangle, column, lower=lower)[0] for column in right.T], axis=1)


def upper_triangle(rows: np.ndarray) -> np.ndarray:
    """R of the QR factorisation of (n, d): of the R of pieces, where there are many rows."""
    width = rows.shape[1]
    most = max(_VECTOR // width, 2 * width)
    while True:
        parts = [np.linalg.qr(rows[first : first + most], mode="r") for first in range(0, len(rows), most)]
        rows = np.concatenate(parts)
        if len(parts) == 1:
            return rows


def factored(matrix: np.ndarray, ridges: tuple[float, ...] = _RIDGES) -> Callable[[np.ndarray], np.ndarray] | None:
    """Solver for a positive definite matrix, scaled to unit diagonal; a ridge of rounding size where it is numerically
    singular (``ridges`` are tried in turn; a preconditioner bears larger ones), None where that does not help.
    """
    size = len(matrix)
    diagonal = np.diagonal(matrix)
    if not (np.all(diagonal > 0) and np.all(np.isfinite(diagonal))):
        return None
    scale = 1.0 / np.sqrt(diagonal)
    for ridge in ridges:
        factor = matrix * scale[:, None]
        factor *= scale
        factor = factor.T  # symmetric: the transpose is the same in the order of columns
        if ridge:
            factor[np.diag_indices(size)] += ridge
        if _cholesky(factor):
            # Substitution for one right-hand side never wakes threads.
            return lambda right: scale * dtrtrs(factor, dtrtrs(factor, scale * right, lower=1)[0], lower=1, trans=1)[0]
    return None


def _cholesky(matrix: np.ndarray) -> bool:
    """The factor in place of the lower triangle, half by half; False where the matrix is not positive definite."""
    if len(matrix) <= _TILE:
        factor, failed = dpotrf(matrix, lower=1)
        matrix[...] = factor
        return not failed
    half = _half(len(matrix), _TILE)
    corner, below, rest = matrix[:half, :half], matrix[half:, :half], matrix[half:, half:]
    if not _cholesky(corner):
        return False
    _divide(below, corner)
    # A copy: NumPy would hand a matrix times its own transpose to another routine of the BLAS, with other limits.
    _add_lower(rest, -below, below.T.copy())
    return _cholesky(rest)


def _divide(matrix: np.ndarray, factor: np.ndarray) -> None:
    """``matrix`` times the inverse of the transpose of a lower triangular factor, in its place."""
    if len(factor) <= _TILE:
        matrix[...] = product(matrix, dtrtri(factor, lower=1)[0].T)
        return
    half = _half(len(factor), _TILE)
    _divide(matrix[:, :half], factor[:half, :half])
    _add(matrix[:, half:], -matrix[:, :half], factor[half:, :half].T)
    _divide(matrix[:, half:], factor[half:, half:])


def _add_lower(target: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """The lower triangle of ``target += left @ right``."""
    if len(target) <= _TILE:
        _add(target, left, right)
        return
    half = _half(len(target), _TILE)
    _add_lower(target[:half, :half], left[:half], right[:, :half])
    _add(target[half:, :half], left[half:], right[:, :half])
    _add_lower(target[half:, half:], left[half:], right[:, half:])
