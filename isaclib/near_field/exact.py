r"""The certified global optimum over beams *and* time allocation, and the check of any allocation."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..foundations.certificate import LARGEST_GAP, Certificate, relative_gap
from ..foundations.errors import InfeasibleScenario
from ..foundations.scenario import Batch
from .given_beams import certified_values
from .information import crlb_m2, time_allocation_limit
from .scenario import Scenario, channels
from .sensing import Sensing, optimise_sensing
from .time_allocation import Allocation, SinrCurve, best_time_allocation, prepare, rate_bound, relative_error

_TOLERANCE = 1e-5


def solve_exact(
    scenario: Scenario, *, sensing: Sensing | None = None, curve: SinrCurve | None = None, tolerance: float = _TOLERANCE
) -> Allocation:
    r"""Solve problem (6) for the optimal sensing covariance of (8): the best beams and the best share together,

    .. math:: \max_{0<\eta\le\bar\eta}\;\eta\log_2\bigl(1+\gamma^\star(e(\eta))\bigr),

    with :math:`\gamma^\star` from :func:`.robust.robust_sinr`. ``certificate.bound`` bounds the worst rate of all beams and
    shares, not only of those that the S-procedure can certify.

    Parameters
    ----------
    scenario : Scenario
    sensing, curve : optional
        To be reused between calls.
    tolerance : float
        Relative gap.

    Raises
    ------
    InfeasibleScenario
        When the position limit cannot be met.
    """
    begin = time.perf_counter()
    sensing, largest, curve = prepare(scenario, sensing, curve)
    found = best_time_allocation(scenario, sensing.crlb_bar_m2, largest, curve, tolerance=tolerance)
    eta = found.time_allocation
    point = curve.solve(float(relative_error(scenario, sensing.crlb_bar_m2, eta)), scenario.comm_power_w)
    certificate = Certificate(
        method="robust-SINR curve, outer approximation over the share",
        value=found.rate_bps_hz,
        bound=found.bound_bps_hz,
        residual=point.certificate.residual,
        status="optimal"
        if relative_gap(found.rate_bps_hz, found.bound_bps_hz) <= min(2 * tolerance, LARGEST_GAP)
        else "converged",
        iterations=found.solved,
        seconds=time.perf_counter() - begin,
    )
    return Allocation(
        beams=point.beams,
        covariances=sensing.covariances,
        time_allocation=eta,
        worst_rate_bps_hz=found.rate_bps_hz,
        rank_one_ratio=np.ones(len(point.beams)),
        certificate=certificate,
        history=(),
        multipliers=point.multipliers,
        witnesses=curve.witnesses,
    )


def verify(scenario: Scenario, allocation: Allocation) -> Certificate:
    r"""Recompute an allocation's residual, and the bound of an exact one, from its arrays alone.

    The residual is the largest relative violation of: communication power, sensing power, position limit (with the bound
    recomputed from the covariances), and the claimed worst-case rate of each user, proven by the multipliers.
    """
    begin = time.perf_counter()
    h = channels(scenario)
    eta, rate = allocation.time_allocation, allocation.worst_rate_bps_hz
    power = np.sum(np.abs(allocation.beams) ** 2, axis=(0, 2)).max()
    sensing_power = np.trace(allocation.covariances, axis1=1, axis2=2).real.max()
    crlb = crlb_m2(scenario, allocation.covariances, eta)
    radii = scenario.error_slope_per_m * math.sqrt(crlb) * np.linalg.norm(h, axis=2)
    shortfall = 0.0
    if rate > 0:
        sinr = 2.0 ** (rate / eta) - 1
        proven = certified_values(h, radii, allocation.beams, sinr, scenario.noise_w, allocation.multipliers)
        shortfall = 1 - float(np.min(proven))
    residual = max(
        0.0,
        shortfall,
        power / scenario.comm_power_w - 1,
        sensing_power / scenario.sensing_power_w - 1,
        crlb / scenario.crlb_limit_m2 - 1,
    )
    bound = math.nan
    if allocation.witnesses:
        crlb_bar = crlb * (1 - eta) * scenario.block_s / scenario.sensing_block_s
        largest = time_allocation_limit(scenario, crlb_bar)
        bound = rate_bound(scenario, crlb_bar, largest, allocation.witnesses, rate, tolerance=_TOLERANCE)
    return Certificate(
        method="recomputed", value=rate, bound=bound, residual=float(residual), seconds=time.perf_counter() - begin
    )


@dataclass(frozen=True, eq=False)
class AllocationBatch:
    """Exact allocations of D scenarios; rows of infeasible ones are nan.

    ``best_attainable`` is the least position bound (m^2) that sensing all the time reaches.
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


def solve_exact_batch(scenarios: Batch | Sequence[Scenario], *, tolerance: float = _TOLERANCE) -> AllocationBatch:
    """:func:`solve_exact` row by row; never raises for infeasibility."""
    batch = Batch.of(scenarios)
    count = len(batch)
    h = channels(batch[0])
    users, aps, antennas = h.shape
    beams = np.full((count, *h.shape), np.nan + 0j)
    covariances = np.full((count, aps, antennas, antennas), np.nan + 0j)
    ratio = np.full((count, users), np.nan)
    eta, rate, best, gap, residual = (np.full(count, np.nan) for _ in range(5))
    feasible = np.zeros(count, dtype=bool)
    for d, scenario in enumerate(batch):
        try:
            sensing = optimise_sensing(scenario)
            best[d] = sensing.crlb_bar_m2 * scenario.sensing_block_s / scenario.block_s
            found = solve_exact(scenario, sensing=sensing, tolerance=tolerance)
        except InfeasibleScenario as error:
            best[d] = error.best_attainable
            continue
        feasible[d] = True
        beams[d], covariances[d], ratio[d] = found.beams, found.covariances, found.rank_one_ratio
        eta[d], rate[d] = found.time_allocation, found.worst_rate_bps_hz
        gap[d], residual[d] = found.certificate.gap, found.certificate.residual
    return AllocationBatch(beams, covariances, eta, rate, ratio, feasible, best, gap, residual)
