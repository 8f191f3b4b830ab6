"""Perron roots and vectors of stacks of non-negative matrices, by LAPACK."""

from __future__ import annotations

import numpy as np

BY_EIGENVALUES = 12  # stations up to which B eigenvalue problems are cheaper than iterating; beyond, O(B^2) a step wins


def radii(matrices: np.ndarray) -> np.ndarray:
    """Spectral radii (...,) of matrices (..., B, B); nan where LAPACK does not converge."""
    return _by_lane(lambda some: np.max(np.abs(np.linalg.eigvals(some)), axis=-1), matrices, ())


def perron_vector(matrices: np.ndarray) -> np.ndarray:
    """Eigenvectors (D, B) >= 0 of the largest eigenvalues of non-negative matrices (D, B, B)."""

    def vectors(some: np.ndarray) -> np.ndarray:
        values, found = np.linalg.eig(some)
        largest = np.argmax(np.abs(values), axis=-1)[..., None, None]
        return np.abs(np.take_along_axis(found, largest, axis=-1)[..., 0])

    return _by_lane(vectors, matrices, matrices.shape[-1:])


def _by_lane(function, matrices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return function(matrices)
    except np.linalg.LinAlgError:
        lanes = matrices.reshape(-1, *matrices.shape[-2:])
        result = np.full((len(lanes), *shape), np.nan)
        for lane, matrix in enumerate(lanes):
            try:
                result[lane] = function(matrix)
            except np.linalg.LinAlgError:
                continue
        return result.reshape(*matrices.shape[:-2], *shape)
