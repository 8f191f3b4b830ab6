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

import numpy as np
from numpy.typing import ArrayLike

from isaclib.foundations import checks, units
from isaclib.foundations.certificate import ROUNDING, Certificate, relative_gap
from isaclib.foundations.errors import InfeasibleScenario, InvalidScenario, SolverFailure

from .information import (
    block_bound_m2,
    checked_covariances,
    crlb_m2,
    eliminated,
    patterns,
    snr_scale,
    time_allocation_limit,
    wave_basis,
)
from .scenario import Scenario, echo_gains
from .sensing_program import Program

# Roundings that a share may be off.
_LAST_DIGITS = 8
OPTIMAL_GAP = 1e-5  # a conic answer counts as optimal when value and recomputed bound meet to this
# In turn: tighter than the solver's own 1e-8, so that the recomputed gap stays well below OPTIMAL_GAP, without a second scaling,
# which costs half as many iterations again; then as it comes.
_SETTINGS = ({"tolerance": 1e-9, "equilibrate": False}, {"tolerance": 1e-8, "equilibrate": True})
_UNIDENTIFIED = "no covariance identifies all positions: check the sensing power, the reflectivities and the geometry"
_PART = 0.1  # of isotropic covariances beside the best ones, where a program's coordinates are chosen anew


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


def optimise_sensing(scenario: Scenario, *, reduced: bool = True, fallback: bool = False) -> Sensing:
    r"""Covariances of least position bound,

    .. math:: \min_{\mathbf\Psi_m \succeq 0} \operatorname{Tr} J_e(\mathbf\Psi)^{-1}
        \quad \text{s.t. } \operatorname{Tr}\mathbf\Psi_m \le P^s_{\max},

    eq. (7), as a semidefinite program (8). The optimal covariance is not unique; the bound is.

    Parameters
    ----------
    reduced : bool
        False states (8) literally: full covariances, one LMI of size :math:`2K + 2KM^2`. For tests at small sizes.
    fallback : bool
        True returns isotropic covariances with an infinite bound where no covariance makes all positions identifiable.

    Raises
    ------
    InfeasibleScenario
        When no covariance makes all positions identifiable (no power, a user without echo, degenerate geometry), unless
        ``fallback``.

    Notes
    -----
    Where the semidefinite solver gives no good answer, the best covariances seen are returned with the best bound proven:
    status ``"converged"``, with a gap that may be large.

    Examples
    --------
    >>> found = optimise_sensing(Scenario.random(np.random.default_rng(1)))
    >>> print(f"{1e3 * found.crlb_bar_m2 ** 0.5:.6f} mm in one block, {found.certificate.status}")
    0.015905 mm in one block, optimal
    """
    begin = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    reduced, fallback = checks.flag("reduced", reduced), checks.flag("fallback", fallback)
    m, nt = len(scenario.ap_positions_m), scenario.antennas
    isotropic = np.broadcast_to(np.eye(nt) * scenario.sensing_power_w / nt, (m, nt, nt))
    start = block_bound_m2(scenario, isotropic) if scenario.sensing_power_w > 0 else math.inf
    if not math.isfinite(start):  # an isotropic covariance sees all that any other sees
        if not fallback:
            raise InfeasibleScenario(
                "crlb_limit_m2", limit=scenario.crlb_limit_m2, best_attainable=math.inf, message=_UNIDENTIFIED
            )
        none = Certificate(method="isotropic covariances", value=math.inf, bound=math.inf, sense="min")
        return Sensing(np.array(isotropic, dtype=complex), math.inf, none, _crude_proof(scenario)[0])
    iterations = 0
    # Where the solver helps little (apertures of a thousandth of a wavelength), isotropic covariances and their witness count.
    covariances, value = isotropic, start
    proofs = [_natural_proof(scenario, isotropic), _crude_proof(scenario)]
    for settings in _SETTINGS:
        program = Program(scenario, _PART * isotropic + (1 - _PART) * covariances, reduced)
        solution = program.solve(**settings)
        if solution is None:
            continue
        iterations += solution.iterations
        try:
            found, proof = program.covariances(solution), Witness(*program.witness(solution))
        except np.linalg.LinAlgError:  # singular multipliers: an iterate far from the optimum
            continue
        attained = block_bound_m2(scenario, found)
        proofs.append((proof, sensing_bound(scenario, proof)))
        if attained < value:
            covariances, value = found, attained
        witness, bound = _best(proofs, value)
        if relative_gap(value, bound) <= OPTIMAL_GAP:
            break
    witness, bound = _best(proofs, value)
    if witness is None:
        raise SolverFailure("CLARABEL", "no answer", message="problem (8) has a solution, but no witness bounds it")
    gap = relative_gap(value, bound)
    certificate = Certificate(
        method="semidefinite program, " + ("range-reduced and block-decoupled" if reduced else "as stated in (8)"),
        value=value,
        bound=bound,
        residual=power_residual(scenario, covariances),
        status="optimal" if gap <= OPTIMAL_GAP else "converged",
        iterations=iterations,
        seconds=time.perf_counter() - begin,
        sense="min",
    )
    return Sensing(covariances, value, certificate, witness)


def _best(proofs: list[tuple[Witness | None, float]], value: float) -> tuple[Witness | None, float]:
    """The proof of the largest bound; one that contradicts the value, whose digits are kept, has lost its own."""
    return max((proof for proof in proofs if proof[1] <= value * (1 + ROUNDING)), key=lambda proof: proof[1], default=(None, 0.0))


def _natural_proof(scenario: Scenario, covariances: np.ndarray) -> tuple[Witness | None, float]:
    """The witness of given covariances and its bound; none and 0 where rounding leaves no such witness."""
    try:
        witness = natural_witness(scenario, covariances)
    except InvalidScenario:
        return None, 0.0
    return witness, sensing_bound(scenario, witness)


def _crude_proof(scenario: Scenario) -> tuple[Witness, float]:
    """The bound for known gains and equal weights of all coordinates: far off, but nothing in it cancels."""
    aps, positions = len(scenario.ap_positions_m), 2 * len(scenario.user_positions_m)
    witness = Witness(np.eye(positions), np.zeros((aps, aps, positions, positions)))
    return witness, sensing_bound(scenario, witness)


def sensing_bound(scenario: Scenario, witness: Witness) -> float:
    r"""Lower bound on :math:`f` over *all* admissible covariances from a witness, in NumPy (any witness is valid).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> sensing = nf.optimise_sensing(scenario)
    >>> witness = nf.natural_witness(scenario, sensing.covariances)
    >>> bool(nf.sensing_bound(scenario, witness) <= sensing.crlb_bar_m2)
    True
    """
    checks.instance("scenario", scenario, Scenario)
    checks.instance("witness", witness, Witness)
    aps, positions = len(scenario.ap_positions_m), 2 * len(scenario.user_positions_m)
    v = checks.array("witness.matrix", witness.matrix, (positions, positions))
    x = checks.array("witness.regressions", witness.regressions, (aps, aps, positions, positions))
    largest = np.max(np.abs(v))
    if not largest > 0:
        return 0.0
    v = v / largest  # the bound does not depend on its scale
    roots = np.linalg.qr(wave_basis(scenario), mode="r")
    gains = np.moveaxis(echo_gains(scenario), 0, -1)
    price = 0.0
    for m in range(aps):
        with np.errstate(over="ignore", invalid="ignore"):
            pairs = patterns(v, -np.swapaxes(x[:, m], -1, -2) @ v, gains[:, m])
            rows = roots[:, None] @ pairs @ roots[m].conj().T
            if not np.all(np.isfinite(rows)):  # regressions beyond the range of floats prove nothing
                return 0.0
            price += float(np.linalg.norm(rows.reshape(-1, rows.shape[-1]), 2) ** 2)
    power = snr_scale(scenario) * scenario.sensing_power_w
    return float(np.trace(v) ** 2 / (power * price)) if power * price > 0 else 0.0


def natural_witness(scenario: Scenario, covariances: ArrayLike) -> Witness:
    r"""The witness that belongs to given covariances: :math:`V = J_e^{-1}` and the regressions of their information.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> sensing = nf.optimise_sensing(scenario)
    >>> witness = nf.natural_witness(scenario, sensing.covariances)
    >>> bool(nf.sensing_bound(scenario, witness) > 0.999 * sensing.crlb_bar_m2)
    True
    """
    inverse, regressions = eliminated(scenario, checked_covariances(scenario, covariances))
    if inverse is None:
        raise InvalidScenario("covariances", "do not identify all positions", "give full-rank ones")
    return Witness(inverse @ inverse.T, regressions)


def power_residual(scenario: Scenario, covariances) -> float:
    """Largest excess of an access point over its sensing budget, relative to the budget."""
    used = np.trace(np.asarray(covariances), axis1=-2, axis2=-1).real
    if scenario.sensing_power_w == 0:
        return math.inf if np.any(used > 0) else 0.0
    return max(0.0, float(np.max(used / scenario.sensing_power_w - 1)))


def verify_sensing(scenario: Scenario, sensing: Sensing) -> Certificate:
    """Value, bound and residual of a sensing result, recomputed in NumPy from its covariances and its witness.

    ``status`` is "optimal" only if the covariances are admissible, attain the bound, and have the value that is claimed.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> sensing = nf.optimise_sensing(scenario)
    >>> nf.verify_sensing(scenario, sensing).status
    'optimal'
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
    SolverFailure
        When these covariances miss it, but the proven bound does not exclude it (both numbers are in ``residuals``).

    Examples
    --------
    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> sensing = nf.optimise_sensing(scenario)
    >>> f"{nf.largest_time_allocation(scenario, sensing):.4f}"
    '0.7697'
    """
    checks.instance("scenario", scenario, Scenario)
    checks.instance("sensing", sensing, Sensing)
    share = time_allocation_limit(scenario, sensing.crlb_bar_m2)
    for _ in range(_LAST_DIGITS):  # next to 1, the last digit of a share is many of what is left for sensing
        if not (0 < share < 1 and crlb_m2(scenario, sensing.covariances, share) > scenario.crlb_limit_m2):
            break
        share = math.nextafter(share, 0.0)
    if share <= 0:
        best = sensing.crlb_bar_m2 * scenario.sensing_block_s / scenario.block_s
        proven = sensing.certificate.bound * scenario.sensing_block_s / scenario.block_s
        if proven < scenario.crlb_limit_m2:
            residuals = {"attained": best, "proven": proven, "limit": scenario.crlb_limit_m2}
            raise SolverFailure(
                "CLARABEL", sensing.certificate.status, residuals, "the limit lies between what is attained and proven"
            )
        message = f"no covariance of this power goes below {proven:.6g} m^2 even when the whole block is spent on sensing"
        raise InfeasibleScenario(
            "crlb_limit_m2",
            limit=scenario.crlb_limit_m2,
            best_attainable=best,
            message=message if math.isfinite(proven) else _UNIDENTIFIED,
        )
    return share


def calibrated_gain_db(scenario: Scenario, sensing: Sensing, time_allocation: float) -> float:
    r"""Processing gain at which :math:`\bar\eta` equals ``time_allocation``; the bound is inversely proportional to it.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> sensing = nf.optimise_sensing(scenario)
    >>> f"{nf.calibrated_gain_db(scenario, sensing, 0.5):.2f}"
    '73.78'
    """
    checks.instance("scenario", scenario, Scenario)
    checks.instance("sensing", sensing, Sensing)
    time_allocation = checks.number("time_allocation", time_allocation)
    if not 0 < time_allocation < 1:
        raise InvalidScenario("time_allocation", f"must lie in (0, 1), but is {time_allocation}")
    attained = sensing.crlb_bar_m2 * scenario.sensing_block_s / ((1 - time_allocation) * scenario.block_s)
    return scenario.sensing_processing_gain_db + float(units.linear_to_db(attained / scenario.crlb_limit_m2))
