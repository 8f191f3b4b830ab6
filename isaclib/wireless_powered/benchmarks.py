r"""The paper's two comparison schemes, each solved to its own optimum without iterations of the SCA kind.

*Equal ISAC time*, :math:`t_m = t`. With :math:`\rho = t_0/t` the powers are :math:`p_m = \min(P_{\max}, c_m \rho)` and

.. math:: R(\rho) = W T\,\frac{f(\rho)}{M + \rho}, \qquad f(\rho) = \min_m \log_2(1 + a_m p_m(\rho)),

concave over affine, so quasi-concave: it grows until :math:`f'(\rho)(M + \rho) = f(\rho)`. The CRBs decrease in
:math:`\rho`, so that the optimum is again the single sign change of a monotone predicate.

*Maximum transmit power*, :math:`p_m = P_{\max}`. The CRBs are constants and the rest is a linear program with the solution

.. math:: R = \frac{W T}{\sum_m 1/r_m + \max_m P_{\max}/(r_m c_m)}, \qquad r_m = \log_2(1 + a_m P_{\max}),

which does not depend on :math:`\eta` (erratum 000-E4).

Both certificates bound the scheme's *own* optimum, not that of (P1).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from scipy.special import lambertw

from ..foundations.errors import InvalidScenario
from ..foundations.scalar_search import sign_change
from ..foundations.scenario import Batch
from .allocation import Allocation, AllocationBatch
from .curve import Curve, Sensing
from .exact import allocations, infeasible, limit_use, row
from .scenario import Scenario, harvest_rate_w

_TOLERANCE = 1e-11  # of ln rho


def equal_time_ratio(scenario: Scenario) -> float:
    r"""Closed form of the best :math:`\rho = t_0/t` of the equal-time scheme without power cap and CRB limit.

    For a common :math:`\zeta` the user with the least gain decides; with its :math:`k = a c`,
    :math:`\rho = (u - 1)/k`, :math:`u = e^{1 + W_0((kM - 1)/e)}` (Lambert's function).
    """
    if np.ptp(scenario.harvest_efficiency) > 0:
        raise InvalidScenario("harvest_efficiency", "must be common to all users", "use solve_equal_time")
    m = int(np.argmin(scenario.gain_bs_user))
    k = scenario.gain_bs_user[m] / scenario.noise_w * harvest_rate_w(scenario)[m]
    users = len(scenario.gain_bs_user)
    u = np.exp(1 + lambertw((k * users - 1) / np.e).real)
    return float((u - 1) / k)


def solve_equal_time(scenario: Scenario) -> Allocation:
    """Optimum of the scheme with equal times; raises InfeasibleScenario like :func:`~.exact.solve_exact`."""
    return _single(scenario, _equal_time, "equal ISAC time")


def solve_max_power(scenario: Scenario) -> Allocation:
    """Optimum of the scheme with every user at full power; raises InfeasibleScenario like :func:`~.exact.solve_exact`."""
    return _single(scenario, _max_power, "maximum transmit power")


def solve_equal_time_batch(scenarios: Batch | Sequence[Scenario]) -> AllocationBatch:
    """:func:`solve_equal_time` for many scenarios of equal shape; infeasible rows are nan."""
    return _equal_time(Batch.of(scenarios))[0]


def solve_max_power_batch(scenarios: Batch | Sequence[Scenario]) -> AllocationBatch:
    """:func:`solve_max_power` for many scenarios of equal shape; infeasible rows are nan."""
    return _max_power(Batch.of(scenarios))[0]


def _single(scenario: Scenario, solver, method: str) -> Allocation:
    start = time.perf_counter()
    batch, bound, iterations = solver(Batch([scenario]))
    if not batch.feasible[0]:
        raise infeasible(scenario, batch)
    return row(batch, 0, bound[0], method, iterations, time.perf_counter() - start)


def _prepare(batch: Batch):
    if batch.sensing != "power":
        raise InvalidScenario("sensing", "the comparison schemes are those of the paper", 'use sensing="power"')
    curve, sensing = Curve(batch), Sensing(batch, batch.bs_power_w)
    return curve, sensing, sensing.crb(curve.max_power)


def _equal_time(batch: Batch) -> tuple[AllocationBatch, np.ndarray, int]:
    curve, sensing, full = _prepare(batch)
    draws, users = curve.k.shape
    feasible = full.max(axis=1) <= batch.crb_limit_m2
    used = limit_use(sensing, np.where(feasible, batch.crb_limit_m2, np.inf))
    lane = np.arange(draws)

    def at(log_ratio):
        ratio = np.exp(log_ratio)
        powers = np.minimum(curve.max_power, curve.harvest * ratio[:, None])
        x = curve.snr_per_w * powers
        rates = np.log1p(x) / np.log(2)
        m = np.argmin(rates, axis=1)
        capped = powers[lane, m] >= batch.max_power_w
        slope = np.where(capped, 0.0, curve.k[lane, m] / ((1 + x[lane, m]) * np.log(2)))
        return ratio, powers, rates[lane, m], slope

    def excess(log_ratio):
        ratio, powers, rate, slope = at(log_ratio)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(np.fmax(slope * (users + ratio) / rate, used(powers)))

    caps = curve.max_power / curve.harvest
    low = np.log(1e-6 * np.minimum(1 / curve.k, caps).min(axis=1))  # every x below 1e-6: the rate is still a straight line
    high = np.log(caps.max(axis=1)) + 1e-9
    bracket = sign_change(excess, low, high, tolerance=_TOLERANCE)
    ratio, powers, rate, _ = at(bracket.high)
    slot = batch.time_budget_s / (users + ratio)
    # f increases and M + rho increases: on the bracket R is at most W T f(right end) / (M + left end).
    bound = batch.bandwidth_hz * batch.time_budget_s * rate / (users + np.exp(bracket.low))
    times = np.broadcast_to(slot[:, None], curve.k.shape)
    result = allocations(
        batch, curve, sensing, powers, ratio * slot, times, batch.bandwidth_hz * slot * rate, feasible, full, bound
    )
    return result, bound, bracket.iterations


def _max_power(batch: Batch) -> tuple[AllocationBatch, np.ndarray, int]:
    curve, sensing, full = _prepare(batch)
    powers = curve.max_power
    rates = curve.max_log_snr / np.log(2)
    s = (powers / (rates * curve.harvest)).max(axis=1)
    bound = batch.bandwidth_hz * batch.time_budget_s / ((1 / rates).sum(axis=1) + s)
    times = (bound / batch.bandwidth_hz)[:, None] / rates
    throughput = (batch.bandwidth_hz[:, None] * times * np.log2(1 + curve.snr_per_w * powers)).min(axis=1)
    feasible = full.max(axis=1) <= batch.crb_limit_m2
    charging = s * bound / batch.bandwidth_hz
    return allocations(batch, curve, sensing, powers, charging, times, throughput, feasible, full, bound), bound, 0
