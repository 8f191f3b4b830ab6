r"""Problem (8) as a cone program, in coordinates that a solver likes; handed to Clarabel as matrices.

At the isotropic start every matrix is block diagonal with an identity. With :math:`J_0` the equivalent information of the
isotropic covariance and :math:`T = J_0^{-1/2}`, the LMI of a pair is multiplied from both sides by
:math:`[T, -T X_0;\ 0, J_{\alpha\alpha,0}^{-1/2}]`, which eliminates the gains *there* and leaves the slack :math:`U_{lm}` in
its corner. Without it the range directions of small arrays drown in the others.

Symmetric matrices are written as vectors of their lower triangles, the entries beside the diagonal times :math:`\sqrt2`.
"""

from __future__ import annotations

from dataclasses import dataclass

import clarabel
import numpy as np
from scipy import sparse

from ..foundations.linear_algebra import product
from .hermitian import hermitian_basis, real_form
from .information import eliminated, pair_columns, patterns, snr_scale, wave_basis
from .scenario import Scenario, echo_gains

_RANK_TOLERANCE = 1e-10  # relative size below which a direction of the wave basis or of the gains is dropped


@dataclass(frozen=True, eq=False)
class Solution:
    """Unknowns (n,), dual matrices of the pairs' LMIs and of the trace's, iterations."""

    unknowns: np.ndarray
    pairs: list[np.ndarray]
    trace: np.ndarray
    iterations: int


class Program:
    """Unknowns in this order: coordinates of the covariances (M, E), the slacks of the pairs, the inverse of their sum."""

    def __init__(self, scenario: Scenario, isotropic: np.ndarray, reduced: bool) -> None:
        self.scenario, self.reduced = scenario, reduced
        basis = wave_basis(scenario)
        self.aps = len(basis)
        self.scale = snr_scale(scenario)
        root, self.start_regressions = eliminated(scenario, isotropic)
        p = self.positions = self.start_regressions.shape[-1]
        self.whiten = _half(root) / np.sqrt(self.scale)
        self.whiten_gains, self.unseen_gains = _whitening(scenario, isotropic, self.scale)
        self.receive = np.linalg.qr(basis, mode="r")
        self.spans = (
            _spans(basis) if reduced else np.broadcast_to(np.eye(scenario.antennas), (self.aps, *[scenario.antennas] * 2))
        )
        self.coordinates = hermitian_basis(self.spans.shape[-1])
        self.symmetric = _matrices(np.eye(p * (p + 1) // 2), p)
        self.slacks = self.aps**2 if reduced else 1
        self.size = self.aps * len(self.coordinates) + (self.slacks + 1) * len(self.symmetric)
        # (matrix rows, right-hand side) of each cone, Clarabel's ``matrix x + s = right``.
        self.rows: list[tuple[np.ndarray, np.ndarray]] = []
        self.cones: list = []
        self.widths: list[int] = []
        self._limits()
        (self._decoupled if reduced else self._joint)(basis)
        self._trace()

    def _columns(self, kind: str, index: int = 0) -> slice:
        """Where a covariance ("covariance"), a slack ("slack") or the inverse ("inverse") has its unknowns."""
        wide, narrow = len(self.coordinates), len(self.symmetric)
        if kind == "covariance":
            return slice(index * wide, (index + 1) * wide)
        place = self.slacks if kind == "inverse" else index
        return slice(self.aps * wide + place * narrow, self.aps * wide + (place + 1) * narrow)

    def _semidefinite(self, constant: np.ndarray, parts: list[tuple[slice, np.ndarray]]) -> None:
        """Constant plus the unknowns of each slice times its matrices (E, n, n)."""
        right = _vector(constant)
        rows = np.zeros((len(right), self.size))
        for columns, matrices in parts:
            rows[:, columns] -= _vector(matrices).T
        self.rows.append((rows, right))
        self.cones.append(clarabel.PSDTriangleConeT(len(constant)))
        self.widths.append(len(constant))

    def _limits(self) -> None:
        """Covariances are positive semidefinite (in real form of twice the size) and radiate no more than 1."""
        embedded = real_form(self.coordinates)
        for m in range(self.aps):
            self._semidefinite(np.zeros(embedded.shape[1:]), [(self._columns("covariance", m), embedded)])
        rows, rank = np.zeros((self.aps, self.size)), self.spans.shape[-1]
        for m in range(self.aps):
            rows[m, self._columns("covariance", m)][:rank] = 1.0
        self.rows.append((rows, np.ones(self.aps)))
        self.cones.append(clarabel.NonnegativeConeT(self.aps))
        self.widths.append(0)

    def _maps(self, basis: np.ndarray, receiver: int, transmitter: int) -> np.ndarray:
        """Whitened information of one pair as a linear map of the coordinates: (E, 4K, 4K)."""
        span, p, pair = self.spans[transmitter], self.positions, (receiver, transmitter)
        moved = np.concatenate([self.whiten, np.zeros((p, p))], axis=1)
        turned = np.concatenate([-(self.whiten @ self.start_regressions[pair]).T, self.whiten_gains[pair].T], axis=1)
        whitened = patterns(moved, turned[None], echo_gains(self.scenario)[None, :, receiver, transmitter])[0]
        seen = self.receive[receiver] @ whitened @ product(basis[transmitter].conj().T, span)
        rank, count = seen.shape[2], len(seen)
        # seen[b, x, s] conj(seen[a, x, t]), summed over x: (b s, a t), then (s t, a b).
        products = product(seen.swapaxes(1, 2).reshape(count * rank, -1), seen.conj().swapaxes(0, 1).reshape(-1, count * rank))
        products = products.reshape(count, rank, count, rank).transpose(1, 3, 2, 0).reshape(rank**2, count**2)
        scale = self.scale * self.scenario.sensing_power_w
        return scale * product(self.coordinates.reshape(-1, rank**2), products).real.reshape(-1, count, count)

    def _decoupled(self, basis: np.ndarray) -> None:
        """One LMI of size 4K for every pair, receiver by receiver."""
        p = self.positions
        for slot, (receiver, transmitter) in enumerate(np.ndindex(self.aps, self.aps)):
            pad = np.zeros((2 * p, 2 * p))
            pad[p:, p:] = self.unseen_gains[receiver, transmitter]
            maps = self._maps(basis, receiver, transmitter)
            slack = _placed(self.symmetric, 2 * p, 0)
            self._semidefinite(pad, [(self._columns("covariance", transmitter), maps), (self._columns("slack", slot), -slack)])

    def _joint(self, basis: np.ndarray) -> None:
        """The LMI (8b): positions first, then the gains pair by pair, which do not couple."""
        p = self.positions
        size = (1 + self.aps**2) * p
        constant, parts = np.zeros((size, size)), []
        for slot, (receiver, transmitter) in enumerate(np.ndindex(self.aps, self.aps), start=1):
            place = np.zeros((size, 2 * p))
            place[:p, :p] = place[slot * p : (slot + 1) * p, p:] = np.eye(p)
            maps = place @ self._maps(basis, receiver, transmitter) @ place.T
            constant += place[:, p:] @ self.unseen_gains[receiver, transmitter] @ place[:, p:].T
            parts.append((self._columns("covariance", transmitter), maps))
        self._semidefinite(constant, [*parts, (self._columns("slack"), -_placed(self.symmetric, size, 0))])

    def _trace(self) -> None:
        """The inverse of the sum of the slacks, by a Schur complement; its weighted trace is the objective."""
        p = self.positions
        identities = np.block([[np.zeros((p, p)), np.eye(p)], [np.eye(p), np.zeros((p, p))]])
        upper, lower = (_placed(self.symmetric, 2 * p, first) for first in (0, p))
        parts = [(self._columns("slack", slot), upper) for slot in range(self.slacks)]
        self._semidefinite(identities, [*parts, (self._columns("inverse"), lower)])
        self.cost = np.zeros(self.size)
        squared = self.whiten @ self.whiten
        self.cost[self._columns("inverse")] = _vector(squared / np.trace(squared))

    def solve(self, *, tolerance: float, equilibrate: bool) -> Solution | None:
        """The solver's last iterate, or None where it is not a number."""
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.max_threads = 1
        settings.equilibrate_enable = equilibrate
        settings.chordal_decomposition_enable = False  # else the solver would find the decoupling in the full statement
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
        matrix = sparse.csc_matrix(np.concatenate([rows for rows, _ in self.rows]))
        right = np.concatenate([right for _, right in self.rows])
        quadratic = sparse.csc_matrix((self.size, self.size))
        answer = clarabel.DefaultSolver(quadratic, self.cost, matrix, right, self.cones, settings).solve()
        unknowns, dual = np.asarray(answer.x), np.asarray(answer.z)
        if not (np.all(np.isfinite(unknowns)) and np.all(np.isfinite(dual))):
            return None
        ends = np.cumsum([len(right) for _, right in self.rows])[:-1]
        parts = [_matrices(part, n) for part, n in zip(np.split(dual, ends), self.widths) if n]
        return Solution(unknowns, parts[self.aps : -1], parts[-1], int(answer.iterations))

    def covariances(self, solution: Solution) -> np.ndarray:
        """Covariances with negative eigenvalues cut off and the whole budget used (more power never hurts)."""
        result = []
        for m, span in enumerate(self.spans):
            vector = solution.unknowns[self._columns("covariance", m)]
            values, vectors = np.linalg.eigh(np.einsum("d,dij->ij", vector, self.coordinates))
            values = np.maximum(values, 0)
            values = values / values.max() if values.any() else np.ones_like(values)  # no power at all is not what is optimal
            factor = span @ (vectors * np.sqrt(values / values.sum()))
            result.append(product(self.scenario.sensing_power_w * factor, factor.conj().T))
        return np.array(result)

    def witness(self, solution: Solution) -> tuple[np.ndarray, np.ndarray]:
        """The multipliers, taken back to the unscaled problem: V (2K, 2K) and the regressions (M, M, 2K, 2K)."""
        p = self.positions
        regressions = self.start_regressions.copy()
        for slot, pair in enumerate(np.ndindex(self.aps, self.aps)):
            dual = solution.pairs[slot if self.reduced else 0]
            columns = slice(p, 2 * p) if self.reduced else slice((slot + 1) * p, (slot + 2) * p)
            step = np.linalg.solve(dual[:p, :p], dual[:p, columns]) @ self.whiten_gains[pair]
            regressions[pair] -= np.linalg.solve(self.whiten, step)
        return _half(self.whiten @ _power(solution.trace[:p, :p], 0.5)), regressions


def _vector(matrices: np.ndarray) -> np.ndarray:
    """Symmetric matrices (..., n, n) as vectors (..., n (n + 1) / 2) with the same inner products."""
    rows, columns = np.tril_indices(matrices.shape[-1])
    return matrices[..., rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0))


def _matrices(vectors: np.ndarray, size: int) -> np.ndarray:
    """The inverse of :func:`_vector`."""
    rows, columns = np.tril_indices(size)
    result = np.zeros((*vectors.shape[:-1], size, size))
    result[..., rows, columns] = vectors * np.where(rows == columns, 1.0, np.sqrt(0.5))
    result[..., columns, rows] = result[..., rows, columns]
    return result


def _placed(matrices: np.ndarray, size: int, first: int) -> np.ndarray:
    """Matrices (E, p, p) as diagonal blocks of (E, size, size), beginning at row ``first``."""
    result = np.zeros((len(matrices), size, size))
    block = slice(first, first + matrices.shape[-1])
    result[:, block, block] = matrices
    return result


def _power(matrices: np.ndarray, exponent: float) -> np.ndarray:
    """Power of symmetric positive semidefinite matrices (..., n, n)."""
    values, vectors = np.linalg.eigh((matrices + np.swapaxes(matrices, -1, -2)) / 2)
    return (vectors * np.maximum(values, 0)[..., None, :] ** exponent) @ np.swapaxes(vectors, -1, -2)


def _half(root: np.ndarray) -> np.ndarray:
    """The symmetric root of ``root root^T``, without that product."""
    left, values, _ = np.linalg.svd(root)
    return (left * values) @ left.T


def _whitening(scenario: Scenario, covariances: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Pseudo-inverse roots of the gains' information (M, M, 2K, 2K), and the projectors on what it does not see.

    Two users on the axis of one array have the same response there: the difference of their gains is invisible to every
    covariance. It is left out, and an identity in its place keeps the inequality strictly feasible.
    """
    roots, unseen = [], []
    for _, gains in pair_columns(scenario, covariances):
        _, values, right = np.linalg.svd(gains, full_matrices=True)
        values = np.pad(values, (0, len(right) - len(values)))
        seen = values > _RANK_TOLERANCE * values[0]
        vectors = right.conj().T
        roots.append(real_form((vectors * np.where(seen, 1 / np.where(seen, values, 1.0), 0.0)) @ right / np.sqrt(scale)))
        unseen.append(real_form((vectors * ~seen) @ right))
    aps = len(scenario.ap_positions_m)
    return tuple(np.array(parts).reshape(aps, aps, *parts[0].shape) for parts in (roots, unseen))


def _spans(basis: np.ndarray) -> np.ndarray:
    """Orthonormal bases of the column spaces, all of the largest rank found: (M, Nt, r)."""
    norms = np.linalg.norm(basis, axis=1, keepdims=True)
    unit = basis / np.where(norms > 0, norms, 1)  # a user on the axis of an array has a vanishing derivative along it
    left, singular, _ = np.linalg.svd(unit, full_matrices=False)
    return left[..., : int(np.max(np.sum(singular > _RANK_TOLERANCE * singular[:, :1], axis=-1)))]
