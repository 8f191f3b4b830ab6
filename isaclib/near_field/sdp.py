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

import numpy as np
from scipy import linalg, sparse

from ..foundations import checks
from ..foundations.errors import InvalidScenario, SolverFailure
from ..foundations.linear_algebra import substituted
from .hermitian import hermitian, hermitian_basis, real_form
from .interior import InteriorPoint, Program, solve
from .reduction import Reduced

_SOLVERS = ("CLARABEL", "SDPA")
# The program is scaled already: Clarabel's own equilibration costs half as many iterations again. The bound is recomputed from
# the dual matrices and the beams are certified, so that looser tolerances cost no rigour; they save every sixth iteration.
_OPTIONS = {
    "equilibrate_enable": False,
    "chordal_decomposition_enable": False,
    "direct_solve_method": "faer",
    "tol_gap_abs": 1e-6,
    "tol_gap_rel": 1e-6,
    "tol_feas": 1e-7,
}


_LEAST_PRICES = (1e-10, 1e-7, 1e-6, 1e-5, 1e-4)
_NOTHING = 1e-16  # of the largest eigenvalue of a dual matrix
# Steps of the iteration for the factor of a dual point, and by how much the last ones shorten it at least.
_FACTOR_STEPS, _FACTOR_ROUNDING = 40, 1e-13


@dataclass(frozen=True, eq=False)
class Relaxed:
    """Solution of the relaxed program (unit noise).

    Attributes
    ----------
    value : float
        Primal objective as the solver reports it.
    bound : float
        Lower bound on the relaxed program's optimum, recomputed from the solver's dual matrices; infinite, and then unproven,
        where the general solver calls the program infeasible.
    covariances : ndarray (K, n, n), complex
    iterations : int
    point : InteriorPoint or None
        The structured solver's own answer.
    """

    value: float
    bound: float
    covariances: np.ndarray
    iterations: int
    point: InteriorPoint | None = None


def _columns(matrices: np.ndarray) -> sparse.csc_matrix:
    """Real forms of Hermitian matrices (d, n, n), one per column."""
    return sparse.csc_matrix(real_form(matrices).reshape(len(matrices), -1).T)


def rank_one(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal parts sqrt(lambda) v of covariances (K, n, n), and their share of the trace (K,), 1 for a matrix of 0.

    >>> from isaclib import near_field as nf
    >>> v = np.array([3.0, 4.0j])
    >>> beams, shares = nf.rank_one(np.outer(v, v.conj())[None])
    >>> round(float(np.abs(np.vdot(beams[0], v))), 9), round(float(shares[0]), 9)
    (25.0, 1.0)
    """
    W = checks.array("covariances", covariances, ("K", "n", "n"), dtype=complex)
    if np.max(np.abs(W - W.conj().swapaxes(1, 2))) > 1e-9 * np.max(np.abs(W)):
        raise InvalidScenario("covariances", "must be Hermitian", "symmetrise it")
    values, vectors = np.linalg.eigh(W)
    total = values.sum(axis=1)
    share = np.where(total > 0, np.clip(values[:, -1] / np.where(total > 0, total, 1.0), 0.0, 1.0), 1.0)
    return vectors[:, :, -1] * np.sqrt(np.maximum(values[:, -1], 0))[:, None], share


def margin_by_sdp(problem: Reduced, sinr: float, power: float, *, structured_only: bool = False) -> Relaxed | None:
    """Solve the relaxed program by :mod:`.interior`; where that does not converge, by a general solver (or None)."""
    program = Program(problem, sinr, power)
    found = solve(program)
    if not found.converged:
        return None if structured_only else margin_by_conic(problem, sinr, power)
    bound = _dual_bound(problem, sinr, program.bases, program.frames, found.dual, found.prices) / power
    covariances = program.lift(found.covariances)
    return Relaxed(found.power / power, bound, covariances, found.iterations, found)


def margin_by_conic(problem: Reduced, sinr: float, power: float) -> Relaxed:
    """The same by a general conic solver, some fifteen times as slow.

    With ``problem.frames`` the covariances are real in those coordinates (MRT).
    """
    import cvxpy as cp  # a second to load, and nothing else here needs it

    from ..foundations import conic

    def semidefinite(vector: cp.Expression, size: int) -> cp.Constraint:
        # The matrix is symmetric: rows first or columns first is the same.
        return cp.reshape(vector, (2 * size, 2 * size), order="F") >> 0

    users, aps, width = problem.channels.shape
    size = aps * width
    bases, only_real = problem.beam_bases(sinr)
    inner = bases.shape[2]
    t = cp.Variable()
    basis = hermitian_basis(inner, only_real)
    # Coordinates of all Z_k, then the multipliers: each constraint is one constant matrix times this vector.
    entries, count = cp.Variable(users * len(basis)), len(basis)
    multipliers = cp.Variable((users, aps), nonneg=True)
    own = [entries[k * count : (k + 1) * count] for k in range(users)]
    positive = _columns(basis)
    constraints = [semidefinite(positive @ z, inner) for z in own]
    per_ap = bases.reshape(users, aps, width, inner)
    grams = np.einsum("kmwi,kmwj->kmij", per_ap.conj(), per_ap)
    prices = np.einsum("kmij,dji->mkd", grams, basis).real.reshape(aps, -1)
    constraints += [prices[m] @ entries <= t * power for m in range(aps)]
    frames = [
        np.concatenate([np.diag(np.repeat(problem.radii[k], width)), problem.stacked[k][:, None]], axis=1) for k in range(users)
    ]
    corners = np.zeros((aps + 1, size + 1, size + 1), dtype=complex)
    for m in range(aps):
        corners[m, range(m * width, (m + 1) * width), range(m * width, (m + 1) * width)] = 1.0
        corners[m, -1, -1] = -1.0
    corners[-1, -1, -1] = -1.0
    weights = _columns(corners).toarray()
    for k in range(users):
        views = np.matmul(frames[k].conj().T, bases)
        signs = np.where(np.arange(users) == k, 1 / sinr, -1.0)
        images = np.concatenate([sign * (view @ basis @ view.conj().T) for sign, view in zip(signs, views)])
        block = _columns(images) @ entries + weights[:, :aps] @ multipliers[k] + weights[:, -1]
        constraints.append(semidefinite(block, size + 1))
    answer = conic.solve(cp.Problem(cp.Minimize(t), constraints), solvers=_SOLVERS, accept_inaccurate=True, **_OPTIONS)
    if answer.status == "infeasible":
        return Relaxed(np.inf, np.inf, np.zeros((users, size, size), dtype=complex), answer.iterations)
    if entries.value is None or any(constraint.dual_value is None for constraint in constraints):
        raise SolverFailure(answer.solver, answer.status, message="no point or no multipliers came with the answer")
    duals = [_complex(constraint.dual_value) for constraint in constraints[users + aps :]]
    pulls = np.array([float(constraint.dual_value) for constraint in constraints[users : users + aps]])
    bound = _dual_bound(problem, sinr, bases, frames, duals, pulls) / power
    Z = np.tensordot(entries.value.reshape(users, count), basis, axes=1)
    return Relaxed(answer.value, bound, np.matmul(bases, np.matmul(Z, bases.conj().swapaxes(1, 2))), answer.iterations)


def _complex(embedded: np.ndarray) -> np.ndarray:
    """Dual of a Hermitian constraint from the dual of its real form; the real inner product counts everything twice."""
    half = len(embedded) // 2
    a, b, c, d = embedded[:half, :half], embedded[:half, half:], embedded[half:, :half], embedded[half:, half:]
    return (a + d) + 1j * (c - b)


def balanced_roots(duals, problem: Reduced) -> list[np.ndarray]:
    """Roots (n + 1, r) of dual matrices whose blocks are shortened to their corner: what a dual point needs, exactly."""
    _, aps, width = problem.channels.shape
    roots = []
    for Z in duals:
        values, vectors = np.linalg.eigh(hermitian(Z))
        root = (vectors * np.sqrt(np.maximum(values, 0)))[:, values > _NOTHING * values[-1]]
        end = float(np.sum(np.abs(root[-1]) ** 2))
        traces = np.sum(np.abs(root[:-1]) ** 2, axis=1).reshape(aps, width).sum(axis=1)
        root[:-1] *= np.repeat(np.sqrt(np.minimum(1.0, end / np.maximum(traces, 1e-300))), width)[:, None]
        roots.append(root)
    return roots


def _dual_bound(problem, sinr, bases, frames, duals, prices) -> float:
    r"""Least power that the solver's dual matrices prove, recomputed.

    With :math:`Y_k=[D\;h]Z_k[D\;h]^H`, :math:`D=\operatorname{diag}(\varepsilon)`, a dual point needs
    :math:`Z_k\succeq0`, the trace of each AP's block of :math:`Z_k` at most its corner, and
    :math:`Q+\sum_{j\ne k}Y_j-Y_k/\gamma\succeq0`; it proves :math:`tP\ge\sum_k[Z_k]_{cc}`. The first two are restored
    exactly, the third by a common factor on all Y.
    """
    users, _, width = problem.channels.shape
    roots = balanced_roots(duals, problem)
    corner = sum(float(np.sum(np.abs(root[-1]) ** 2)) for root in roots)
    halves = [frame @ root for frame, root in zip(frames, roots)]
    owners = np.repeat(np.arange(users), [half.shape[1] for half in halves])
    seen = np.matmul(bases.conj().swapaxes(1, 2), np.concatenate(halves, axis=1))
    if problem.frames is not None:
        # Real entries see the real part only: Re(x x^H) = Re x Re x^T + Im x Im x^T.
        seen, owners = np.concatenate([seen.real, seen.imag], axis=2), np.tile(owners, 2)
    best = 0.0
    # Access points with power to spare have prices of almost 0, on which no dual error can rest: a little is worth its cost.
    for q in np.unique([np.maximum(prices, least * np.max(prices)) for least in _LEAST_PRICES], axis=0):
        floors = np.matmul(bases.conj().swapaxes(1, 2) * np.repeat(q, width), bases)
        factor = _largest_factor(seen, owners, floors if problem.frames is None else floors.real, sinr)
        best = max(best, corner * factor / float(np.sum(q)))
    return best


def _largest_factor(seen: np.ndarray, owners: np.ndarray, floors: np.ndarray, sinr: float) -> float:
    r"""The largest s with :math:`s\,y_k\preceq Q_k+s\,Y_k` for all k, :math:`y_k` from a user's own columns over the SINR and
    :math:`Y_k` from the others' (``seen`` (K, d, n)); inf where any will do.

    :math:`s^\star=\min_x x^HQx/(x^Hyx-x^HYx)` by Dinkelbach's iteration from above. The x for which s is most wrong is the
    principal vector of y in the metric :math:`Q+sY`: no difference of large matrices is formed, so that prices of almost 0 cost
    no digits (the eigenvalues of :math:`y-Y` in the metric Q lose as many as the quotient of two prices has).
    """
    factor, hopeless = 1.0, 1.0 / _NOTHING**2
    while (following := _following(seen, owners, floors, sinr, factor)) == 0 and factor < hopeless:
        factor *= 10  # everything holds still: more is allowed
    if following == 0:
        return np.inf
    for _ in range(_FACTOR_STEPS):
        factor = min(following, factor * (1 - _FACTOR_ROUNDING))
        following = _following(seen, owners, floors, sinr, factor)
        if following == 0:
            return factor
    return 0.0


def _following(seen: np.ndarray, owners: np.ndarray, floors: np.ndarray, sinr: float, factor: float) -> float:
    """Dinkelbach's next factor; 0 where the inequalities hold at this one."""
    least = np.inf
    for k, floor in enumerate(floors):
        own, rest = seen[k][:, owners == k], seen[k][:, owners != k]
        root = np.linalg.cholesky(floor + factor * (rest @ rest.conj().T))
        vectors, values, _ = np.linalg.svd(substituted(root, own, lower=True), full_matrices=False)
        if values[0] ** 2 * factor / sinr <= 1:
            continue
        x = linalg.solve_triangular(root, vectors[:, 0], lower=True, trans="C")
        asked = np.sum(np.abs(x.conj() @ own) ** 2) / sinr - np.sum(np.abs(x.conj() @ rest) ** 2)
        least = min(least, float((x.conj() @ floor @ x).real / asked) if asked > 0 else factor)
    return least if least < np.inf else 0.0
