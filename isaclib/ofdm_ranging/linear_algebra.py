"""Dense products and a Cholesky solver in pieces that a threaded BLAS computes by one thread.

A BLAS decides by the size of a call whether to wake its threads. Waking them costs more than a step of
:mod:`isaclib.ofdm_ranging.interior_point` has to do, and on a busy machine a hundred times as much. The library leaves the
process' settings alone; it keeps its calls small instead (NumPy's stacked ``matmul`` loops over them in C), and products
with a vector go through ``einsum``, which calls no BLAS. The answer is then the same for any number of threads, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

_TILE = 32
_DEPTH = 96  # a tile's product has 32 * 32 * 96 multiplications: OpenBLAS wakes threads beyond 2**18
_RIDGES = (0.0, 1e-13, 1e-11)


def times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """``matrix @ vector`` for (K, n) and (n,)."""
    return np.einsum("kn,n->k", matrix, vector)


def times_transposed(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """``matrix.T @ vector`` for (K, n) and (K,)."""
    return np.einsum("kn,k->n", matrix, vector)


def inner(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``left.T @ right`` for (K, m) and (K, n), by tiles."""
    (depth, rows), columns = left.shape, right.shape[1]
    result = np.zeros((-(-rows // _TILE) * _TILE, -(-columns // _TILE) * _TILE))
    for first in range(0, depth, _DEPTH):
        a, b = _tiled(left[first : first + _DEPTH]), _tiled(right[first : first + _DEPTH])
        blocks = np.matmul(a.swapaxes(-1, -2)[:, None], b[None])
        result += blocks.swapaxes(1, 2).reshape(result.shape)
    return result[:rows, :columns]


def _tiled(matrix: np.ndarray) -> np.ndarray:
    """(K, n) as (n / tile, K, tile), filled up with zeros."""
    depth, size = matrix.shape
    tiles = -(-size // _TILE)
    padded = np.zeros((depth, tiles * _TILE))
    padded[:, :size] = matrix
    return np.ascontiguousarray(padded.reshape(depth, tiles, _TILE).swapaxes(0, 1))


def factored(matrix: np.ndarray) -> Callable[[np.ndarray], np.ndarray] | None:
    """Solver for a positive definite matrix, scaled to unit diagonal; a ridge of rounding size where it is numerically
    singular, None where that does not help.
    """
    size = len(matrix)
    diagonal = np.diagonal(matrix)
    if not (np.all(diagonal > 0) and np.all(np.isfinite(diagonal))):
        return None
    scale = 1.0 / np.sqrt(diagonal)
    scaled = matrix * scale[:, None] * scale
    for ridge in _RIDGES:
        shifted = scaled.copy()
        shifted[np.diag_indices(size)] += ridge
        blocks = _blocked_cholesky(shifted)
        if blocks is not None:
            return lambda right: scale * _substitute(blocks, scale * right)
    return None


def _blocked_cholesky(matrix: np.ndarray):
    """Per block column: its slice, the inverse of the diagonal block's factor, and the panel below it; overwrites."""
    size, blocks = len(matrix), []
    for first in range(0, size, _TILE):
        here, below = slice(first, min(first + _TILE, size)), slice(first + _TILE, size)
        factor, failed = dpotrf(matrix[here, here], lower=1)
        if failed:
            return None
        inverse = np.tril(dtrtri(factor, lower=1)[0])
        if first + _TILE >= size:
            panel = np.empty((0, size - first))
        else:
            panel = inner(np.ascontiguousarray(matrix[below, here].T), np.ascontiguousarray(inverse.T))
            matrix[below, below] -= inner(np.ascontiguousarray(panel.T), np.ascontiguousarray(panel.T))
        blocks.append((here, below, inverse, panel))
    return blocks


def _substitute(blocks, right: np.ndarray) -> np.ndarray:
    x = right.copy()
    for here, below, inverse, panel in blocks:
        x[here] = times(inverse, x[here])
        x[below] -= times(panel, x[here])
    for here, below, inverse, panel in reversed(blocks):
        x[here] = times_transposed(inverse, x[here] - times_transposed(panel, x[below]))
    return x
