"""Hermitian matrices as real vectors: one order of coordinates for every program of the chapter."""

from __future__ import annotations

import math

import numpy as np

from ..foundations.linear_algebra import product

_TINY = 1e-300


class Coordinates:
    """Real coordinates of Hermitian (or real symmetric) matrices: diagonal, real parts below it, imaginary parts."""

    def __init__(self, size: int, only_real: bool) -> None:
        self.size, self.only_real = size, only_real
        self.rows, self.columns = np.tril_indices(size, -1)
        self.count = size + (1 if only_real else 2) * len(self.rows)
        self.diagonal = np.arange(size) * (size + 1)
        self.lower, self.upper = self.rows * size + self.columns, self.columns * size + self.rows

    def matrices(self, entries: np.ndarray) -> np.ndarray:
        """Matrices (..., n, n) from coordinates (..., d)."""
        n, pairs = self.size, len(self.rows)
        result = np.zeros((*entries.shape[:-1], n * n), dtype=complex)
        result[..., self.diagonal] = entries[..., :n]
        off = entries[..., n : n + pairs] + 0j
        if not self.only_real:
            off = off + 1j * entries[..., n + pairs :]
        result[..., self.lower], result[..., self.upper] = off, off.conj()
        return result.reshape(*entries.shape[:-1], n, n)

    def pairings(self, matrices: np.ndarray) -> np.ndarray:
        """Re tr(E_i R) for every basis matrix E_i and matrices R (..., n, n): (..., d)."""
        flat = matrices.reshape(*matrices.shape[:-2], -1)
        lower, upper = flat[..., self.lower], flat[..., self.upper]
        parts = [flat[..., self.diagonal].real, lower.real + upper.real]
        if not self.only_real:
            # E_i holds i below the diagonal and -i above it.
            parts.append(lower.imag - upper.imag)
        return np.concatenate(parts, axis=-1)

    def products(self, P: np.ndarray, Q: np.ndarray) -> np.ndarray:
        """Sum over the leading axis of Re tr(E_i P E_j Q), (d, d)."""
        n = self.size
        # K[(a, b), (c, d)] = P[b, c] Q[d, a]
        K = product(P.reshape(len(P), -1).T, Q.reshape(len(Q), -1))
        K = K.reshape(n, n, n, n).transpose(3, 0, 1, 2).reshape(n * n, n * n)
        below, above = K[:, self.lower], K[:, self.upper]
        parts = [K[:, self.diagonal], below + above]
        if not self.only_real:
            parts.append(1j * (below - above))
        right = np.concatenate(parts, axis=1)
        below, above = right[self.lower], right[self.upper]
        parts = [right[self.diagonal].real, (below + above).real]
        if not self.only_real:
            parts.append((above - below).imag)
        return np.concatenate(parts, axis=0)


def real_form(matrices: np.ndarray) -> np.ndarray:
    """Complex matrices (..., n, k) as they act on real parts and then imaginary parts: (..., 2n, 2k)."""
    return np.block([[matrices.real, -matrices.imag], [matrices.imag, matrices.real]])


def hermitian_basis(size: int, only_real: bool = False) -> np.ndarray:
    """Orthonormal basis of the Hermitian (or real symmetric) matrices in the order of :class:`Coordinates`: (d, n, n)."""
    at = Coordinates(size, only_real)
    scale = np.full(at.count, math.sqrt(0.5))
    scale[:size] = 1.0
    return at.matrices(np.diag(scale))


def hermitian(matrices: np.ndarray) -> np.ndarray:
    """Hermitian parts of matrices (..., n, n)."""
    return 0.5 * (matrices + matrices.conj().swapaxes(-1, -2))


def inverse_root(matrices: np.ndarray) -> np.ndarray:
    """Inverses of the Cholesky factors."""
    return np.linalg.inv(np.linalg.cholesky(matrices))


def longest_step(root: np.ndarray, step: np.ndarray, scalars: np.ndarray, scalar_step: np.ndarray) -> float:
    """Longest step that keeps Hermitian matrices positive semidefinite (``root`` is their :func:`inverse_root`) and scalars
    non-negative.
    """
    least = np.linalg.eigvalsh(root @ step @ root.conj().swapaxes(-1, -2))[..., 0].min()
    return min(1 / max(-float(least), _TINY), 1 / max(float(np.max(-scalar_step / scalars)), _TINY))
