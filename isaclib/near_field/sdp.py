r"""The paper's road to the power margin: the S-procedure as one semidefinite program.

With :math:`M_k=W_k/\gamma-\sum_{j\ne k}W_j`, the robust constraint of user k holds if some :math:`\lambda_k\ge0` makes

.. math:: \begin{bmatrix}M_k+\Lambda_k&M_kh_k\\h_k^HM_k&h_k^HM_kh_k-\sigma^2-\lambda_k^T\varepsilon_k^2\end{bmatrix}\succeq0

(eq. (13) with the sign of :math:`\sigma^2` mended: as printed, :math:`W=0` passes at every rate). Dropping the rank of
:math:`W_k` leaves :math:`\min t` subject to these and :math:`\sum_k\operatorname{tr}W_{k,m}\le tP`.

Three scalings decide whether a solver gets through at an SINR of :math:`10^5`: unit noise, beams in the bases of
:func:`.reduction.scaled_bases`, errors in units of their radii (:math:`\Delta_m=\varepsilon_mu_m`). Hermitian matrices are
written as real ones of twice the size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from scipy import linalg, sparse

from ..foundations import conic
from .reduction import Reduced

_SOLVERS = ("CLARABEL", "SDPA")
# The program is scaled already: Clarabel's own equilibration costs half as many iterations again.
_OPTIONS = {"equilibrate_enable": False, "chordal_decomposition_enable": False, "direct_solve_method": "faer"}


@dataclass(frozen=True, eq=False)
class Relaxed:
    """Solution of the relaxed program (unit noise).

    Attributes
    ----------
    value : float
        Primal objective as the solver reports it.
    bound : float
        Lower bound on the relaxed program's optimum, recomputed from the solver's dual matrices.
    covariances : ndarray (K, n, n), complex
    iterations : int
    """

    value: float
    bound: float
    covariances: np.ndarray
    iterations: int


def _real(matrix: np.ndarray) -> np.ndarray:
    return np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])


def _skew(size: int) -> cp.Expression:
    """Skew-symmetric matrix of free entries below its diagonal."""
    rows, columns = np.tril_indices(size, -1)
    count = len(rows)
    spread = sparse.coo_matrix(
        (np.repeat([1.0, -1.0], count), (np.r_[rows + columns * size, columns + rows * size], np.tile(np.arange(count), 2))),
        shape=(size * size, count),
    )
    return cp.reshape(spread.tocsc() @ cp.Variable(count), (size, size), order="F")


def margin_by_sdp(problem: Reduced, sinr: float, power: float) -> Relaxed:
    """Solve the relaxed program; with ``problem.frames`` the covariances are real in those coordinates (MRT)."""
    users, aps, width = problem.channels.shape
    size = aps * width
    bases, only_real = problem.beam_bases(sinr)
    inner = bases.shape[2]
    t = cp.Variable()
    real = [cp.Variable((inner, inner), symmetric=True) for _ in range(users)]
    imaginary = [cp.Constant(np.zeros((inner, inner))) if only_real else _skew(inner) for _ in range(users)]
    embedded = [cp.bmat([[X, -Y], [Y, X]]) for X, Y in zip(real, imaginary)]
    multipliers = cp.Variable((users, aps), nonneg=True)
    constraints = [Z >> 0 for Z in embedded]
    per_ap = bases.reshape(users, aps, width, inner)
    spent = [
        sum(cp.sum(cp.multiply(_real(per_ap[k, m].conj().T @ per_ap[k, m]), embedded[k])) for k in range(users)) / 2
        for m in range(aps)
    ]
    constraints += [used <= t * power for used in spent]
    selection = np.kron(np.eye(aps), np.ones((width, 1)))
    frames = [
        np.concatenate([np.diag(np.repeat(problem.radii[k], width)), problem.stacked[k][:, None]], axis=1) for k in range(users)
    ]
    for k in range(users):
        frame = frames[k]
        block = 0
        for j in range(users):
            view = _real(frame.conj().T @ bases[j])
            term = view @ embedded[j] @ view.T
            block = block + (term / sinr if j == k else -term)
        corner = cp.hstack([selection @ multipliers[k], -1 - cp.sum(multipliers[k])])
        constraints.append(block + cp.diag(cp.hstack([corner, corner])) >> 0)
    answer = conic.solve(cp.Problem(cp.Minimize(t), constraints), solvers=_SOLVERS, accept_inaccurate=True, **_OPTIONS)
    if answer.status == "infeasible":
        return Relaxed(np.inf, np.inf, np.zeros((users, size, size), dtype=complex), answer.iterations)
    duals = [_complex(constraint.dual_value) for constraint in constraints[users + aps :]]
    prices = np.array([float(constraint.dual_value) for constraint in constraints[users : users + aps]])
    bound = _dual_bound(problem, sinr, bases, frames, duals, prices) / power
    Z = np.array([X.value + 1j * Y.value for X, Y in zip(real, imaginary)])
    return Relaxed(answer.value, bound, np.matmul(bases, np.matmul(Z, bases.conj().swapaxes(1, 2))), answer.iterations)


def _complex(embedded: np.ndarray) -> np.ndarray:
    """Dual of a Hermitian constraint from the dual of its real form; the real inner product counts everything twice."""
    half = len(embedded) // 2
    a, b, c, d = embedded[:half, :half], embedded[:half, half:], embedded[half:, :half], embedded[half:, half:]
    return (a + d) + 1j * (c - b)


def _dual_bound(problem, sinr, bases, frames, duals, prices) -> float:
    r"""Least power that the solver's dual matrices prove, recomputed.

    With :math:`Y_k=[D\;h]Z_k[D\;h]^H`, :math:`D=\operatorname{diag}(\varepsilon)`, a dual point needs
    :math:`Z_k\succeq0`, the trace of each AP's block of :math:`Z_k` at most its corner, and
    :math:`Q+\sum_{j\ne k}Y_j-Y_k/\gamma\succeq0`; it proves :math:`tP\ge\sum_k[Z_k]_{cc}`. The first two are restored
    exactly, the third by a common factor on all Y.
    """
    users, aps, width = problem.channels.shape
    Y, corner = [], 0.0
    for Z, frame in zip(duals, frames):
        values, vectors = np.linalg.eigh((Z + Z.conj().T) / 2)
        root = vectors * np.sqrt(np.maximum(values, 0))
        end = float(np.sum(np.abs(root[-1]) ** 2))
        traces = np.sum(np.abs(root[:-1]) ** 2, axis=1).reshape(aps, width).sum(axis=1)
        shrink = np.sqrt(np.minimum(1.0, end / np.maximum(traces, 1e-300)))
        root[:-1] *= np.repeat(shrink, width)[:, None]
        half = frame @ root
        Y.append(half @ half.conj().T)
        corner += end
    q = np.maximum(prices, 1e-12 * np.max(prices))
    total = sum(Y)
    largest = 0.0
    for k in range(users):
        basis = bases[k]
        excess = basis.conj().T @ (Y[k] * (1 + 1 / sinr) - total) @ basis
        floor = basis.conj().T @ (np.repeat(q, width)[:, None] * basis)
        if problem.frames is not None:
            excess, floor = excess.real, floor.real
        largest = max(largest, float(linalg.eigh(excess, floor, eigvals_only=True, subset_by_index=[basis.shape[1] - 1] * 2)[0]))
    return corner / max(largest, 1e-300) / float(np.sum(q)) if largest > 0 else np.inf
