r"""The sensing covariances of least position bound, problem (7)/(8), solved small and certified without the solver.

The bound of one sensing block is :math:`f(\mathbf\Psi) = \operatorname{Tr} J_e(\mathbf\Psi)^{-1}` with the equivalent information
:math:`J_e = \sum_{l,m} S_{lm}`, a sum over AP pairs of Schur complements, concave in :math:`\mathbf\Psi_m`. Three facts:

* *range reduction*: with :math:`\mathbf U_m` the 3K responses and derivatives, :math:`J_e` sees :math:`\mathbf\Psi_m` only
  through :math:`\mathbf U_m^H \mathbf\Psi_m \mathbf U_m`; projecting it on their span changes nothing and radiates no more;
* *block decoupling*: the LMI (8b) of size :math:`2K + 2KM^2` is :math:`M^2` LMIs of size 4K;
* *time*: :math:`\eta` and the power budget only scale :math:`f`, so the best covariance does not depend on them.

The certificate is a witness :math:`(V, X)`. For every symmetric V and all regressions :math:`X_{lm}`

.. math:: \operatorname{Tr} J_e^{-1} \ge 2 \operatorname{Tr} V - \operatorname{Tr}(V J_e V), \qquad
    S_{lm} \preceq [I, -X_{lm}]\, J_{lm}\, [I, -X_{lm}]^{\mathsf T},

the right-hand side is linear in :math:`\mathbf\Psi`, say
:math:`2\operatorname{Tr}V - \sum_m \operatorname{Tr}(G_m \mathbf\Psi_m)`, and the best scale of V leaves
:math:`f \ge (\operatorname{Tr} V)^2 / (P \sum_m \lambda_{\max}(G_m))` for all admissible covariances, reduced or not.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from isaclib.foundations import checks, conic, units
from isaclib.foundations.certificate import Certificate, relative_gap
from isaclib.foundations.errors import InfeasibleScenario, InvalidScenario, SolverFailure

from .hermitian import hermitian_basis
from .information import (
    block_bound_m2,
    checked_covariances,
    eliminate_gains,
    information_by_pair,
    pair_information,
    real_information,
    snr_scale,
    time_allocation_limit,
    wave_basis,
)
from .scenario import Scenario, echo_gains

OPTIMAL_GAP = 1e-5  # a conic answer counts as optimal when value and recomputed bound meet to this
_RANK_TOLERANCE = 1e-10  # relative size below which a direction of the wave basis or of the gains is dropped
_SOLVER_TOLERANCE = 1e-9  # tighter than the default 1e-8, so that the recomputed gap stays well below OPTIMAL_GAP


@dataclass(frozen=True)
class Witness:
    """A dual point that bounds the position bound of every admissible covariance: V (2K, 2K), regressions X (M, M, 2K, 2K)."""

    matrix: np.ndarray
    regressions: np.ndarray


@dataclass(frozen=True)
class Sensing:
    """Optimised sensing covariances.

    Attributes
    ----------
    covariances : (M, Nt, Nt) complex, W
    crlb_bar_m2 : float
        Position bound of *one* sensing block, summed over the users.
    certificate : Certificate
        ``bound`` is recomputed in NumPy from the witness; ``residual`` is the excess of a power budget.
    witness : Witness
    """

    covariances: np.ndarray
    crlb_bar_m2: float
    certificate: Certificate
    witness: Witness


def optimise_sensing(scenario: Scenario, *, reduced: bool = True) -> Sensing:
    r"""Covariances of least position bound,

    .. math:: \min_{\mathbf\Psi_m \succeq 0} \operatorname{Tr} J_e(\mathbf\Psi)^{-1}
        \quad \text{s.t. } \operatorname{Tr}\mathbf\Psi_m \le P^s_{\max},

    eq. (7), as a semidefinite program (8). The optimal covariance is not unique; the bound is.

    Parameters
    ----------
    reduced : bool
        False states (8) literally: full covariances, one LMI of size :math:`2K + 2KM^2`. For tests at small sizes.

    Raises
    ------
    InfeasibleScenario
        When no covariance makes all positions identifiable (no power, a user without echo, degenerate geometry).
    SolverFailure
        When the solver gives no answer, or one whose recomputed gap is not small.

    Examples
    --------
    >>> found = optimise_sensing(Scenario.random(np.random.default_rng(1)))
    >>> print(f"{1e3 * found.crlb_bar_m2 ** 0.5:.6f} mm in one block, {found.certificate.status}")
    0.015905 mm in one block, optimal
    """
    begin = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    reduced = checks.flag("reduced", reduced)
    m, nt = len(scenario.ap_positions_m), scenario.antennas
    isotropic = np.broadcast_to(np.eye(nt) * scenario.sensing_power_w / nt, (m, nt, nt))
    start = block_bound_m2(scenario, isotropic) if scenario.sensing_power_w > 0 else math.inf
    if not math.isfinite(start):
        raise InfeasibleScenario(
            "crlb_limit_m2",
            limit=scenario.crlb_limit_m2,
            best_attainable=math.inf,
            message="no covariance identifies all positions: check the sensing power, the reflectivities and the geometry",
        )
    program = _Program(scenario, isotropic, reduced)
    solution = conic.solve(
        program.problem,
        solvers=("CLARABEL", "CLARABEL"),  # the second time with its own defaults
        accept_inaccurate=True,
        tol_gap_rel=_SOLVER_TOLERANCE,
        tol_gap_abs=_SOLVER_TOLERANCE,
        tol_feas=_SOLVER_TOLERANCE,
        equilibrate_enable=False,  # the program is scaled already; a second scaling costs half as many iterations again
        chordal_decomposition_enable=False,  # else the solver would find the decoupling by itself in the full statement
    )
    if solution.status not in ("optimal", "inaccurate"):
        raise SolverFailure(solution.solver, solution.status, message="problem (8) always has a solution")
    covariances, witness = program.covariances(), program.witness()
    value = block_bound_m2(scenario, covariances)
    bound = sensing_bound(scenario, witness)
    gap = relative_gap(value, bound)
    if not gap <= 100 * OPTIMAL_GAP:
        raise SolverFailure(solution.solver, solution.status, {"gap": gap}, "the witness does not confirm the answer")
    certificate = Certificate(
        method="semidefinite program, " + ("range-reduced and block-decoupled" if reduced else "as stated in (8)"),
        value=value,
        bound=bound,
        residual=power_residual(scenario, covariances),
        status="optimal" if gap <= OPTIMAL_GAP else "converged",
        iterations=solution.iterations,
        seconds=time.perf_counter() - begin,
        sense="min",
    )
    return Sensing(covariances, value, certificate, witness)


def sensing_bound(scenario: Scenario, witness: Witness) -> float:
    r"""Lower bound on :math:`f` over *all* admissible covariances from a witness, in NumPy (any witness is valid)."""
    checks.instance("scenario", scenario, Scenario)
    checks.instance("witness", witness, Witness)
    aps, positions = len(scenario.ap_positions_m), 2 * len(scenario.user_positions_m)
    v = checks.array("witness.matrix", witness.matrix, (positions, positions))
    x = checks.array("witness.regressions", witness.regressions, (aps, aps, positions, positions))
    basis = wave_basis(scenario)
    coordinates = hermitian_basis(basis.shape[-1])
    squared = v @ v
    price = 0.0
    for m in range(aps):
        maps = _information_maps(scenario, basis, m, coordinates)
        eye = np.broadcast_to(np.eye(len(v)), (aps, *v.shape))
        project = np.concatenate([eye, -x[:, m]], axis=-1)
        weight = np.swapaxes(project, -1, -2) @ squared @ project
        gradient = np.einsum("leij,lij,eab->ab", maps, weight, coordinates, optimize=True)
        price += float(np.linalg.eigvalsh(basis[m] @ gradient @ basis[m].conj().T)[-1])
    return float(np.trace(v) ** 2 / (snr_scale(scenario) * scenario.sensing_power_w * price))


def natural_witness(scenario: Scenario, covariances) -> Witness:
    r"""The witness that belongs to given covariances: :math:`V = J_e^{-1}` and the regressions of their information."""
    complements, regressions = eliminate_gains(information_by_pair(scenario, covariances))
    values, vectors = np.linalg.eigh(complements.sum(axis=(0, 1)))
    if not values[0] > 0:
        raise InvalidScenario("covariances", "do not identify all positions", "give full-rank ones")
    return Witness((vectors / values) @ vectors.T, regressions)


def power_residual(scenario: Scenario, covariances) -> float:
    """Largest excess of an access point over its sensing budget, relative to the budget."""
    used = np.trace(np.asarray(covariances), axis1=-2, axis2=-1).real
    if scenario.sensing_power_w == 0:
        return math.inf if np.any(used > 0) else 0.0
    return max(0.0, float(np.max(used / scenario.sensing_power_w - 1)))


def verify_sensing(scenario: Scenario, sensing: Sensing) -> Certificate:
    """Value, bound and residual of a sensing result, recomputed in NumPy from its covariances and its witness.

    ``status`` is "optimal" only if the covariances are admissible, attain the bound, and have the value that is claimed.
    """
    checks.instance("scenario", scenario, Scenario)
    checks.instance("sensing", sensing, Sensing)
    value = block_bound_m2(scenario, checked_covariances(scenario, sensing.covariances))
    bound = sensing_bound(scenario, sensing.witness)
    residual = power_residual(scenario, sensing.covariances)
    honest = relative_gap(value, sensing.crlb_bar_m2) <= OPTIMAL_GAP
    optimal = honest and residual <= 1e-6 and relative_gap(value, bound) <= OPTIMAL_GAP
    return Certificate(
        method="recomputed",
        value=value,
        bound=bound,
        residual=residual,
        status="optimal" if optimal else "converged",
        sense="min",
    )


def largest_time_allocation(scenario: Scenario, sensing: Sensing) -> float:
    r""":math:`\bar\eta` of eq. (17), the largest communication share that keeps the position bound under its limit.

    Raises
    ------
    InfeasibleScenario
        When the limit is missed even by sensing all the time; ``best_attainable`` is that bound, :math:`\eta \to 0`.
    """
    checks.instance("scenario", scenario, Scenario)
    checks.instance("sensing", sensing, Sensing)
    share = time_allocation_limit(scenario, sensing.crlb_bar_m2)
    if share <= 0:
        best = sensing.crlb_bar_m2 * scenario.sensing_block_s / scenario.block_s
        proven = sensing.certificate.bound * scenario.sensing_block_s / scenario.block_s
        raise InfeasibleScenario(
            "crlb_limit_m2",
            limit=scenario.crlb_limit_m2,
            best_attainable=best,
            message=f"no covariance of this power goes below {proven:.6g} m^2 even when the whole block is spent on sensing",
        )
    return share


def calibrated_gain_db(scenario: Scenario, sensing: Sensing, time_allocation: float) -> float:
    r"""Processing gain at which :math:`\bar\eta` equals ``time_allocation``; the bound is inversely proportional to it."""
    checks.instance("scenario", scenario, Scenario)
    checks.instance("sensing", sensing, Sensing)
    time_allocation = checks.number("time_allocation", time_allocation)
    if not 0 < time_allocation < 1:
        raise InvalidScenario("time_allocation", f"must lie in (0, 1), but is {time_allocation}")
    attained = sensing.crlb_bar_m2 * scenario.sensing_block_s / ((1 - time_allocation) * scenario.block_s)
    return scenario.sensing_processing_gain_db + float(units.linear_to_db(attained / scenario.crlb_limit_m2))


def _information_maps(scenario: Scenario, basis: np.ndarray, transmitter: int, transmit_grams: np.ndarray) -> np.ndarray:
    """Information of the pairs of one transmitter for several transmit Grams, without the SNR scale: (M, E, 4K, 4K)."""
    receive = np.swapaxes(basis.conj(), -1, -2) @ basis
    gains = echo_gains(scenario)[:, :, transmitter].T
    return real_information(pair_information(receive[:, None], transmit_grams[None], gains[:, None, :]))


class _Program:
    r"""Problem (8) in coordinates that the solver likes: real vectors for the covariances, and at the isotropic start every
    matrix is block diagonal with an identity.

    With :math:`J_0` the equivalent information of the isotropic covariance and :math:`T = J_0^{-1/2}`, the LMI of a pair is
    multiplied from both sides by :math:`[T, -T X_0;\ 0, J_{\alpha\alpha,0}^{-1/2}]`, which eliminates the gains *there* and
    leaves the slack :math:`U_{lm}` in its corner. Without it the range directions of small arrays drown in the others.
    """

    def __init__(self, scenario: Scenario, isotropic: np.ndarray, reduced: bool) -> None:
        self.scenario, self.reduced = scenario, reduced
        basis = wave_basis(scenario)
        self.aps = len(basis)
        pairs = information_by_pair(scenario, isotropic)
        complements, self.start_regressions = eliminate_gains(pairs)
        p = self.positions = pairs.shape[-1] // 2
        self.whiten = _power(complements.sum(axis=(0, 1)), -0.5)
        self.whiten_gains, self.unseen_gains = _whitening(pairs[..., p:, p:])
        self.spans = (
            _spans(basis) if reduced else np.broadcast_to(np.eye(scenario.antennas), (self.aps, *[scenario.antennas] * 2))
        )
        self.coordinates = hermitian_basis(self.spans.shape[-1])
        rank = self.spans.shape[-1]
        self.vectors = [cp.Variable(rank * rank) for _ in range(self.aps)]
        embedded = np.block([[self.coordinates.real, -self.coordinates.imag], [self.coordinates.imag, self.coordinates.real]])
        constraints = [_matrix(embedded, vector) >> 0 for vector in self.vectors]
        constraints += [cp.sum(vector[:rank]) <= 1 for vector in self.vectors]
        if reduced:
            slack, self.lmis = self._decoupled(basis)
        else:
            slack, self.lmis = self._joint(basis)
        inverse = cp.Variable((p, p), symmetric=True)
        cost = self.whiten @ self.whiten / np.trace(self.whiten @ self.whiten)
        self.trace = cp.bmat([[slack, np.eye(p)], [np.eye(p), inverse]]) >> 0
        self.problem = cp.Problem(cp.Minimize(cp.trace(cost @ inverse)), [*constraints, *self.lmis, self.trace])

    def _maps(self, basis: np.ndarray, receiver: int, transmitter: int) -> np.ndarray:
        """Whitened information of one pair as a linear map of the coordinates: (E, 4K, 4K)."""
        span, p = self.spans[transmitter], self.positions
        grams = (basis[transmitter].conj().T @ span) @ self.coordinates @ (span.conj().T @ basis[transmitter])
        scale = snr_scale(self.scenario) * self.scenario.sensing_power_w
        maps = scale * _information_maps(self.scenario, basis, transmitter, grams)[receiver]
        corner = np.concatenate([self.whiten, -self.whiten @ self.start_regressions[receiver, transmitter]], axis=1)
        below = np.concatenate([np.zeros((p, p)), self.whiten_gains[receiver, transmitter]], axis=1)
        congruence = np.concatenate([corner, below])
        return congruence @ maps @ congruence.T

    def _decoupled(self, basis: np.ndarray) -> tuple[cp.Expression, list[cp.Constraint]]:
        """One LMI of size 4K for every pair, receiver by receiver."""
        p, slack, lmis = self.positions, 0, []
        corner = np.eye(2 * p)[:, :p]
        for receiver, transmitter in np.ndindex(self.aps, self.aps):
            part = cp.Variable((p, p), symmetric=True)
            slack = slack + part
            pad = np.zeros((2 * p, 2 * p))
            pad[p:, p:] = self.unseen_gains[receiver, transmitter]
            information = _matrix(self._maps(basis, receiver, transmitter), self.vectors[transmitter])
            lmis.append(information + pad - corner @ part @ corner.T >> 0)
        return slack, lmis

    def _joint(self, basis: np.ndarray) -> tuple[cp.Expression, list[cp.Constraint]]:
        """The LMI (8b): positions first, then the gains pair by pair, which do not couple."""
        p = self.positions
        size = (1 + self.aps**2) * p
        total, corner = 0, np.eye(size)[:, :p]
        for slot, (receiver, transmitter) in enumerate(np.ndindex(self.aps, self.aps), start=1):
            place = np.zeros((size, 2 * p))
            place[:p, :p] = place[slot * p : (slot + 1) * p, p:] = np.eye(p)
            maps = place @ self._maps(basis, receiver, transmitter) @ place.T
            pad = place[:, p:] @ self.unseen_gains[receiver, transmitter] @ place[:, p:].T
            total = total + _matrix(maps, self.vectors[transmitter]) + pad
        slack = cp.Variable((p, p), symmetric=True)
        return slack, [total - corner @ slack @ corner.T >> 0]

    def covariances(self) -> np.ndarray:
        """Covariances with negative eigenvalues cut off and the whole budget used (more power never hurts)."""
        result = []
        for vector, span in zip(self.vectors, self.spans):
            values, vectors = np.linalg.eigh(np.einsum("e,eij->ij", vector.value, self.coordinates))
            values = np.maximum(values, 0)
            factor = span @ (vectors * np.sqrt(values / values.sum()))
            result.append(self.scenario.sensing_power_w * factor @ factor.conj().T)
        return np.array(result)

    def witness(self) -> Witness:
        """The multipliers, taken back to the unscaled problem."""
        p = self.positions
        regressions = self.start_regressions.copy()
        for slot, pair in enumerate(np.ndindex(self.aps, self.aps)):
            dual = self.lmis[slot if self.reduced else 0].dual_value
            columns = slice(p, 2 * p) if self.reduced else slice((slot + 1) * p, (slot + 2) * p)
            step = np.linalg.solve(dual[:p, :p], dual[:p, columns]) @ self.whiten_gains[pair]
            regressions[pair] -= np.linalg.solve(self.whiten, step)
        squared = self.whiten @ self.trace.dual_value[:p, :p] @ self.whiten
        return Witness(_power(squared, 0.5), regressions)


def _power(matrices: np.ndarray, exponent: float) -> np.ndarray:
    """Power of symmetric positive semidefinite matrices (..., n, n), with eigenvalues kept off zero for negative exponents."""
    values, vectors = np.linalg.eigh((matrices + np.swapaxes(matrices, -1, -2)) / 2)
    values = np.maximum(values, np.finfo(float).eps * values[..., -1:] if exponent < 0 else 0)
    return (vectors * values[..., None, :] ** exponent) @ np.swapaxes(vectors, -1, -2)


def _whitening(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pseudo-inverse roots of positive semidefinite matrices (..., n, n), and the projectors on what they do not see.

    Two users on the axis of one array have the same response there: the difference of their gains is invisible to every
    covariance. It is left out, and an identity in its place keeps the inequality strictly feasible.
    """
    values, vectors = np.linalg.eigh(matrices)
    seen = values > _RANK_TOLERANCE * values[..., -1:]
    root = np.where(seen, np.where(seen, values, 1) ** -0.5, 0)
    transposed = np.swapaxes(vectors, -1, -2)
    return (vectors * root[..., None, :]) @ transposed, (vectors * ~seen[..., None, :]) @ transposed


def _spans(basis: np.ndarray) -> np.ndarray:
    """Orthonormal bases of the column spaces, all of the largest rank found: (M, Nt, r)."""
    norms = np.linalg.norm(basis, axis=1, keepdims=True)
    unit = basis / np.where(norms > 0, norms, 1)  # a user on the axis of an array has a vanishing derivative along it
    left, singular, _ = np.linalg.svd(unit, full_matrices=False)
    return left[..., : int(np.max(np.sum(singular > _RANK_TOLERANCE * singular[:, :1], axis=-1)))]


def _matrix(maps: np.ndarray, vector: cp.Variable) -> cp.Expression:
    """The matrix expression sum_e vector[e] maps[e]."""
    return cp.reshape(maps.reshape(len(maps), -1).T @ vector, maps.shape[1:], order="C")
