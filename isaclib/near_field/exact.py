r"""The certified global optimum over beams *and* time allocation."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import LARGEST_GAP, LARGEST_RESIDUAL, Certificate, relative_gap
from ..foundations.errors import InfeasibleScenario, InvalidScenario, SolverFailure
from ..foundations.scenario import Batch
from .scenario import Scenario
from .sensing import Sensing, optimise_sensing
from .share import best_time
from .time_allocation import Allocation, Setting, SinrCurve
from .verify import violations

_TOLERANCE = 1e-5


def solve_exact(
    scenario: Scenario,
    *,
    sensing: Sensing | None = None,
    curve: SinrCurve | None = None,
    channels: ArrayLike | None = None,
    error_radii: ArrayLike | None = None,
    tolerance: float = _TOLERANCE,
) -> Allocation:
    r"""Solve problem (6): the sensing covariance of (8), the best beams and the best share together,

    .. math:: \max_{0<\eta\le\bar\eta}\;\eta\log_2\bigl(1+\gamma^\star(e(\eta))\bigr),

    with :math:`\gamma^\star` from :func:`.robust.robust_sinr`. ``certificate.bound`` bounds the worst rate of all covariances,
    beams and shares, not only of those that the S-procedure can certify.

    Parameters
    ----------
    scenario : Scenario
    sensing, curve : optional
        To be reused between calls.
    channels : array (K, M, Nt), complex, optional
        Estimated channels of one's own; those of the geometry where not given. Sensing stays that of the geometry.
    error_radii : array (K, M), optional
        Radii of the error balls, whatever the share; by the slope, eq. (4), where not given.
    tolerance : float
        Relative gap at which the work ends; the status is ``optimal`` up to a gap of 1e-5.

    Raises
    ------
    InfeasibleScenario
        When the position limit cannot be met.

    Examples
    --------
    Two users and two small arrays, a share of the block between looking and serving:

    >>> import numpy as np
    >>> scenario = Scenario.random(
    ...     np.random.default_rng(3), ap_positions_m=[[30, 70], [10, 20]], user_positions_m=[[20, 30], [40, 45]],
    ...     antennas=7, antenna_spacing_m=0.08, crlb_limit_m2=4e-11, sensing_processing_gain_db=85.0)
    >>> found = solve_exact(scenario)
    >>> print(f"{found.worst_rate_bps_hz:.3f} bit/s/Hz at a share of {found.time_allocation:.3f}, {found.certificate.status}")
    15.053 bit/s/Hz at a share of 0.894, optimal
    """
    begin = time.perf_counter()
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    setting = Setting(scenario, sensing, curve, channels=channels, error_radii=error_radii)
    found = best_time(setting, tolerance=tolerance)
    point = setting.beams(found.time_allocation)
    excess = violations(scenario, point.beams, setting.sensing.covariances, found.time_allocation)
    residual = max(point.certificate.residual, *excess.values())
    closed = relative_gap(found.rate_bps_hz, found.bound_bps_hz) <= LARGEST_GAP and residual <= LARGEST_RESIDUAL
    certificate = Certificate(
        method="robust-SINR curve, outer approximation over the share",
        value=found.rate_bps_hz,
        bound=found.bound_bps_hz,
        residual=residual,
        status="optimal" if closed else "converged",
        iterations=found.solved,
        seconds=time.perf_counter() - begin,
    )
    return Allocation(
        beams=point.beams,
        covariances=setting.sensing.covariances,
        time_allocation=found.time_allocation,
        worst_rate_bps_hz=found.rate_bps_hz,
        rank_one_ratio=point.rank_one_ratio,
        certificate=certificate,
        history=(),
        multipliers=point.multipliers,
        witnesses=setting.curve.witnesses,
        sensing_witness=setting.sensing.witness,
        reason=(point.reason or found.reason) if certificate.status != "optimal" else "",
    )


@dataclass(frozen=True, eq=False)
class AllocationBatch:
    """Exact allocations of D scenarios; rows of infeasible ones, and of those that failed, are nan.

    Attributes
    ----------
    beams : (D, K, M, Nt)
        As all that follow, of :class:`.time_allocation.Allocation` with a leading axis D.
    covariances : (D, M, Nt, Nt)
        Sensing covariances.
    time_allocation : (D,)
        Shares of time for communication.
    worst_rate_bps_hz : (D,)
        Certified worst-case rates.
    rank_one_ratio : (D, K)
        How near the relaxed beams are to rank one.
    feasible : (D,) bool
        Whether the position limit can be met.
    best_attainable : (D,)
        Least position bound (m^2) that sensing all the time reaches.
    gap : (D,)
        Certified relative gaps.
    residual : (D,)
        Largest relative violations.
    bound : (D,)
        Certified upper bounds on the rates.
    status : (D,) str
        "optimal", "converged", "infeasible", or "failed": what went wrong there is in ``messages``.
    messages : tuple of D str
        Empty where a row was solved.
    """

    beams: np.ndarray
    covariances: np.ndarray
    time_allocation: np.ndarray
    worst_rate_bps_hz: np.ndarray
    rank_one_ratio: np.ndarray
    feasible: np.ndarray
    best_attainable: np.ndarray
    gap: np.ndarray
    residual: np.ndarray
    status: np.ndarray
    bound: np.ndarray
    messages: tuple[str, ...]


def checked_batch(scenarios: Batch | Sequence[Scenario]) -> Batch:
    """A batch of this chapter's scenarios with arrays of one size."""
    batch = Batch.of(scenarios)
    checks.instance("scenarios", batch[0], Scenario, "a batch holds scenarios of this chapter")
    if len(set(batch.antennas.tolist())) != 1:
        raise InvalidScenario("antennas", "differs over the batch", "solve equal shapes together")
    return batch


def solve_exact_batch(scenarios: Batch | Sequence[Scenario], *, tolerance: float = _TOLERANCE) -> AllocationBatch:
    """:func:`solve_exact` row by row; a row that is infeasible or fails is marked, and the others are kept.

    >>> import numpy as np
    >>> row = Scenario.random(np.random.default_rng(1), crlb_limit_m2=1e-16)
    >>> found = solve_exact_batch([row])
    >>> print(found.status[0], bool(found.feasible[0]), f"{found.best_attainable[0]:.2e} m^2")
    infeasible False 2.53e-12 m^2
    """
    batch = checked_batch(scenarios)
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    count, one = len(batch), batch[0]
    users, aps, antennas = len(one.user_positions_m), len(one.ap_positions_m), one.antennas
    beams = np.full((count, users, aps, antennas), np.nan + 0j)
    covariances = np.full((count, aps, antennas, antennas), np.nan + 0j)
    ratio = np.full((count, users), np.nan)
    eta, rate, best, gap, residual, bound = (np.full(count, np.nan) for _ in range(6))
    feasible, status, messages = np.zeros(count, dtype=bool), np.full(count, "infeasible", dtype="<U16"), [""] * count
    for d, scenario in enumerate(batch):
        try:
            sensing = optimise_sensing(scenario)
            best[d] = sensing.crlb_bar_m2 * scenario.sensing_block_s / scenario.block_s
            found = solve_exact(scenario, sensing=sensing, tolerance=tolerance)
        except InfeasibleScenario as error:
            best[d], messages[d] = error.best_attainable, str(error)
            continue
        except (SolverFailure, InvalidScenario) as error:
            status[d], messages[d] = "failed", f"row {d}: {error}"
            continue
        feasible[d] = True
        beams[d], covariances[d], ratio[d] = found.beams, found.covariances, found.rank_one_ratio
        eta[d], rate[d] = found.time_allocation, found.worst_rate_bps_hz
        gap[d], residual[d], bound[d] = found.certificate.gap, found.certificate.residual, found.certificate.bound
        status[d] = found.certificate.status
    return AllocationBatch(beams, covariances, eta, rate, ratio, feasible, best, gap, residual, status, bound, tuple(messages))
