r"""The paper's alternating time allocation (Algorithms 1, 2 and 4).

At a given :math:`\eta` the best beams come first (Bi-RBO, Algorithm 1); at given beams and rate R the share is moved to
where the constraints have most room, the *constraint-margin* search of eq. (16),

.. math:: \eta\leftarrow\arg\max_\eta\min_kA_k(\eta),\qquad\gamma(\eta)=2^{R/\eta}-1,\quad\varepsilon_k(\eta)=e(\eta)\|h_k\| .

What had to be mended or fixed, since the text leaves it open:

* the sign of :math:`\sigma^2` in (13) and (15); as printed every rate passes;
* Bi-RBO finds the largest feasible rate as the root of the power margin, not by bisection on feasible / infeasible, and
  never returns beams of an infeasible rate;
* :math:`\lambda_k` is no output of Algorithm 1, so :math:`A_k(\eta)` takes its best value over :math:`\lambda`; only shares
  with :math:`M+\Lambda\succ0` count, without which the Schur complement says nothing;
* line 11 calls Bi-RBO with :math:`\eta^{opt}`, not with the share of the iteration before.
"""

from __future__ import annotations

import time

import numpy as np

from ..foundations.certificate import Certificate, Step
from ..foundations.errors import InvalidScenario
from .adversary import worst_case
from .reduction import reduce
from .robust import RobustSinr, power_margin
from .scenario import Scenario, channels
from .sensing import Sensing
from .time_allocation import Allocation, SinrCurve, prepare, rate_bps_hz, relative_error

# Step of the one-dimensional search over the share; the paper does not state its own.
_STEP = 1e-2
_MARGIN_PRECISION = 1e-7
# Shares at which the rate would need an SINR of 2^60 are out of reach.
_MAX_EXPONENT = 60.0


def solve_main(
    scenario: Scenario,
    *,
    start: float = 0.5,
    tolerance: float = 1e-3,
    max_iterations: int = 20,
    sensing: Sensing | None = None,
    curve: SinrCurve | None = None,
    step: float = _STEP,
) -> Allocation:
    r"""TD-ISAC-Main, Algorithm 2: alternate robust beams and time allocation, then project on :math:`\eta\le\bar\eta`.

    Parameters
    ----------
    scenario : Scenario
    start : float
        :math:`\eta^{(0)}`, in (0, 1).
    tolerance : float
        Relative change of :math:`\eta` that ends the alternation.
    max_iterations : int
    sensing : Sensing, optional
        Solution of (8); it depends neither on the share nor on communication, so one serves many calls.
    curve : SinrCurve, optional
        Solved points to reuse; new ones are added to it.
    step : float
        Grid step of the search (16).

    Raises
    ------
    InfeasibleScenario
        When the position limit cannot be met.
    """
    begin_at = {"start": start, "sensing": sensing, "curve": curve}
    return _alternate(scenario, **begin_at, tolerance=tolerance, max_iterations=max_iterations, step=step)


def solve_mrt(scenario: Scenario, *, start: float = 0.5, **options) -> Allocation:
    r"""TD-ISAC-MRT, Algorithm 4: as :func:`solve_main` with :math:`w_{k,m}=\sqrt{P_{k,m}}\,h_{k,m}/\|h_{k,m}\|`.

    Takes the options of :func:`solve_main`; ``curve`` must be one with ``matched=True``.
    """
    return _alternate(scenario, matched=True, start=start, **options)


def _alternate(
    scenario: Scenario,
    *,
    matched: bool = False,
    start: float,
    tolerance: float = 1e-3,
    max_iterations: int = 20,
    sensing: Sensing | None = None,
    curve: SinrCurve | None = None,
    step: float = _STEP,
) -> Allocation:
    begin = time.perf_counter()
    if not 0 < start < 1:
        raise InvalidScenario("start", f"must lie strictly between 0 and 1, but is {start}")
    sensing, largest, curve = prepare(scenario, sensing, curve, matched=matched)
    eta, etas, history = float(start), [float(start)], []
    converged = False
    for iteration in range(1, max_iterations + 1):
        point = _beams(scenario, sensing, curve, eta)
        rate = float(rate_bps_hz(eta, point.sinr))
        history.append(Step(iteration - 1, rate, eta <= largest, time.perf_counter() - begin))
        moved = constraint_margin_share(scenario, sensing, point, eta, step=step)
        etas.append(moved)
        converged = abs(moved - eta) <= tolerance * eta
        eta = moved
        if converged:
            break
    final = min(eta, largest)
    point = _beams(scenario, sensing, curve, final)
    rate = float(rate_bps_hz(final, point.sinr))
    history.append(Step(len(history), rate, True, time.perf_counter() - begin))
    certificate = Certificate(
        method="alternating optimisation" + (", maximum ratio transmission" if matched else ""),
        value=rate,
        residual=point.certificate.residual,
        status="converged" if converged else "iteration_limit",
        iterations=len(etas) - 1,
        seconds=time.perf_counter() - begin,
    )
    return Allocation(
        beams=point.beams,
        covariances=sensing.covariances,
        time_allocation=final,
        worst_rate_bps_hz=rate,
        rank_one_ratio=np.ones(len(point.beams)),
        certificate=certificate,
        history=tuple(history),
        multipliers=point.multipliers,
        time_history=tuple(etas),
    )


def _beams(scenario: Scenario, sensing: Sensing, curve: SinrCurve, eta: float) -> RobustSinr:
    return curve.solve(float(relative_error(scenario, sensing.crlb_bar_m2, eta)), scenario.comm_power_w)


def constraint_margins(scenario: Scenario, crlb_bar_m2: float, beams: np.ndarray, rate_bps_hz: float, etas) -> np.ndarray:
    r""":math:`A_k(\eta)/\sigma^2` of eq. (15), best over :math:`\lambda`, at several shares: (E, K); -inf out of reach.

    Zero or more: the beams keep the rate ``rate_bps_hz`` in the worst case at that share.
    """
    etas = np.atleast_1d(np.asarray(etas, dtype=float))
    users = len(beams)
    result = np.full((len(etas), users), -np.inf)
    errors = relative_error(scenario, crlb_bar_m2, etas)
    usable = (etas > 0) & (errors < 1) & (rate_bps_hz < _MAX_EXPONENT * etas)
    if not np.any(usable):
        return result
    h = channels(scenario)
    problem = reduce(h, np.linalg.norm(h, axis=2), scenario.noise_w)
    sinr = 2.0 ** (rate_bps_hz / etas[usable]) - 1
    radii = errors[usable, None, None] * problem.radii
    reduced = np.repeat(problem.project(beams)[None], np.sum(usable), axis=0)
    found = worst_case(problem.channels, radii, reduced, sinr[:, None], precision=_MARGIN_PRECISION)
    result[usable] = found.value - 1
    return result


def constraint_margin_share(scenario: Scenario, sensing: Sensing, point: RobustSinr, eta: float, *, step: float = _STEP) -> float:
    r"""The share of eq. (16): best of a grid over (0, 1) and of the present share, for the present beams and rate.

    A rate of 0 constrains no share: the present one then stays.
    """
    if point.sinr == 0:
        return eta
    etas = np.append(step * np.arange(1, round(1 / step)), eta)
    rate = float(rate_bps_hz(eta, point.sinr))
    margins = constraint_margins(scenario, sensing.crlb_bar_m2, point.beams, rate, etas).min(axis=1)
    return float(etas[int(np.argmax(margins))])


def rank_one_ratios(scenario: Scenario, crlb_bar_m2: float, time_allocation: float, sinr: float) -> np.ndarray:
    r"""How close the relaxed covariances of (14) are to rank one at a share and an SINR: largest eigenvalue over trace, (K,)."""
    h = channels(scenario)
    radii = relative_error(scenario, crlb_bar_m2, time_allocation) * np.linalg.norm(h, axis=2)
    return power_margin(h, radii, sinr, scenario.noise_w, scenario.comm_power_w, method="sdp").rank_one_ratio
