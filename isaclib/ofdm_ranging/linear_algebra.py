"""Dense products and a Cholesky solver in pieces that a threaded BLAS computes by one thread.

A BLAS decides by the size of a call whether to wake its threads. Waking them costs more than a step of
:mod:`isaclib.ofdm_ranging.interior_point` has to do, and on a busy machine a hundred times as much. The library leaves the
process' settings alone; it keeps its calls small instead, and products with a vector are dot products of rows. The answer is
then the same for any number of threads, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

_TILE, _BLOCK = 32, 128
_WAKES = 2**18  # multiplications of a product from which on OpenBLAS may wake threads
_RIDGES = (0.0, 1e-13, 1e-11)


def times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """``matrix @ vector`` for (..., K, n) and (..., n)."""
    return np.vecdot(matrix, vector[..., None, :])


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``left @ right`` in two dimensions, halved along the longest one until the parts are small."""
    rows, depth, columns = *left.shape, right.shape[1]
    if rows * depth * columns < _WAKES:
        return left @ right
    if depth >= max(rows, columns):
        half = depth // 2
        return product(left[:, :half], right[:half]) + product(left[:, half:], right[half:])
    result = np.empty((rows, columns))
    if rows >= columns:
        half = rows // 2
        result[:half], result[half:] = product(left[:half], right), product(left[half:], right)
    else:
        half = columns // 2
        result[:, :half], result[:, half:] = product(left, right[:, :half]), product(left, right[:, half:])
    return result


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
        try:
            factor = _Factor(shifted)
        except np.linalg.LinAlgError:
            continue
        return lambda right: scale * factor.backward(factor.forward(scale * right))
    return None


class _Factor:
    """Cholesky factor L of a matrix (overwritten): inverses of its diagonal blocks, and the panels below them."""

    def __init__(self, matrix: np.ndarray) -> None:
        size = len(matrix)
        tiles = _cholesky(matrix)
        self.blocks = []
        for first in range(0, size, _BLOCK):
            here, below = slice(first, min(first + _BLOCK, size)), slice(first + _BLOCK, size)
            inverse = _inverse(matrix[here, here], tiles[first // _TILE : -(-here.stop // _TILE)])
            panel = matrix[below, here]
            self.blocks.append((here, below, inverse, inverse.T.copy(), panel, panel.T.copy()))

    def forward(self, right: np.ndarray) -> np.ndarray:
        """L^-1 right (overwritten)."""
        for here, below, inverse, _, panel, _ in self.blocks:
            right[here] = times(inverse, right[here])
            if len(panel):
                right[below] -= times(panel, right[here])
        return right

    def backward(self, right: np.ndarray) -> np.ndarray:
        """L^-T right (overwritten)."""
        for here, below, _, transposed, panel, panel_transposed in reversed(self.blocks):
            if len(panel):
                right[here] -= times(panel_transposed, right[below])
            right[here] = times(transposed, right[here])
        return right


def _cholesky(matrix: np.ndarray) -> list[np.ndarray]:
    """The factor in place of the lower triangle, tile by tile; returns the inverses of its diagonal tiles."""
    size, inverses = len(matrix), []
    for first in range(0, size, _TILE):
        here, below = slice(first, min(first + _TILE, size)), slice(first + _TILE, size)
        factor, failed = dpotrf(matrix[here, here], lower=1)
        if failed:
            raise np.linalg.LinAlgError("not positive definite")
        matrix[here, here] = factor
        inverses.append(dtrtri(factor, lower=1)[0])
        if first + _TILE < size:
            panel = product(matrix[below, here], inverses[-1].T)
            matrix[below, here] = panel
            # A copy: NumPy would hand a matrix times its own transpose to another routine of the BLAS, with other limits.
            matrix[below, below] -= product(panel, panel.T.copy())
    return inverses


def _inverse(factor: np.ndarray, tiles: list[np.ndarray]) -> np.ndarray:
    """Inverse of a lower triangular matrix whose diagonal tiles' inverses are known."""
    if len(tiles) == 1:
        return tiles[0]
    half = len(tiles) // 2
    split = half * _TILE
    result = np.zeros_like(factor)
    result[:split, :split] = first = _inverse(factor[:split, :split], tiles[:half])
    result[split:, split:] = second = _inverse(factor[split:, split:], tiles[half:])
    result[split:, :split] = -product(product(second, factor[split:, :split]), first)
    return result
