"""Dense products and a Cholesky solver in pieces that a threaded BLAS computes by one thread.

A BLAS decides by the size of a call whether to wake its threads. Waking them costs more than a step of an interior-point
method of this library has to do, and on a busy machine a hundred times as much. The library leaves the process' settings alone;
it keeps its calls small instead, and products with a vector are dot products of rows. The answer is then the same for any number
of threads, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri, dtrtrs

_TILE = 64  # OpenBLAS factors up to 127 columns by one thread
# Multiplications of a product beyond which OpenBLAS may wake threads: of real numbers, and of complex ones
_WAKES, _WAKES_COMPLEX = 2**18, 2**16 - 1
_RIDGES = (0.0, 1e-13, 1e-11)


def times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """``matrix @ vector`` for (..., K, n) and (..., n)."""
    return np.vecdot(matrix, vector[..., None, :])


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``left @ right`` for (..., n, d) and (..., d, m), halved along the longest dimension until the parts are small."""
    rows, depth, columns = *left.shape[-2:], right.shape[-1]
    if rows * depth * columns <= (_WAKES_COMPLEX if np.iscomplexobj(left) or np.iscomplexobj(right) else _WAKES):
        return left @ right
    if depth >= max(rows, columns):
        half = depth // 2
        return product(left[..., :half], right[..., :half, :]) + product(left[..., half:], right[..., half:, :])
    if rows >= columns:
        half = rows // 2
        return np.concatenate([product(left[..., :half, :], right), product(left[..., half:, :], right)], axis=-2)
    half = columns // 2
    return np.concatenate([product(left, right[..., :half]), product(left, right[..., half:])], axis=-1)


def factored(matrix: np.ndarray, ridges: tuple[float, ...] = _RIDGES) -> Callable[[np.ndarray], np.ndarray] | None:
    """Solver for a positive definite matrix, scaled to unit diagonal; a ridge of rounding size where it is numerically
    singular (``ridges`` are tried in turn; a preconditioner bears larger ones), None where that does not help.
    """
    size = len(matrix)
    diagonal = np.diagonal(matrix)
    if not (np.all(diagonal > 0) and np.all(np.isfinite(diagonal))):
        return None
    scale = 1.0 / np.sqrt(diagonal)
    scaled = matrix * scale[:, None]
    scaled *= scale
    for ridge in ridges:
        factor = scaled.copy().T  # symmetric: the transpose is the same in the order of columns
        if ridge:
            factor[np.diag_indices(size)] += ridge
        if _cholesky(factor):
            # Substitution for one right-hand side never wakes threads.
            return lambda right: scale * dtrtrs(factor, dtrtrs(factor, scale * right, lower=1)[0], lower=1, trans=1)[0]
    return None


def _cholesky(matrix: np.ndarray) -> bool:
    """The factor in place of the lower triangle, tile by tile; False where the matrix is not positive definite."""
    size = len(matrix)
    tile = -(-size // -(-size // _TILE))
    for first in range(0, size, tile):
        here, below = slice(first, min(first + tile, size)), slice(first + tile, size)
        factor, failed = dpotrf(matrix[here, here], lower=1)
        if failed:
            return False
        matrix[here, here] = factor
        if here.stop < size:
            panel = product(matrix[below, here], dtrtri(factor, lower=1)[0].T)
            matrix[below, here] = panel
            # A copy: NumPy would hand a matrix times its own transpose to another routine of the BLAS, with other limits.
            matrix[below, below] -= product(panel, panel.T.copy())
    return True
