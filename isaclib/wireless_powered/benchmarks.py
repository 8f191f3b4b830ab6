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

from ..foundations import checks
from ..foundations.scalar_search import sign_change
from ..foundations.scenario import Batch
from .allocation import Allocation, AllocationBatch
from .batch import allocations, batch_of, infeasible, power_sensing, put, row
from .curve import Curve, load_curvature, search_limits
from .scenario import Scenario, harvest_rate_w
from .sensing import Lane, Rows, Sensing

_TOLERANCE = 1e-11  # of ln rho
_RETREATS = 150  # to the least ln rho whose exponential is not 0
_LN2 = float(np.log(2.0))


def equal_time_ratio(scenario: Scenario) -> float:
    r"""Closed form of the best :math:`\rho = t_0/t` of the equal-time scheme without power cap and CRB limit.

    The user with the least :math:`k_m = a_m c_m` decides: :math:`\log_2(1 + a_m c_m \rho)` is the least for every
    :math:`\rho`. With its k, :math:`\rho = (u - 1)/k`, :math:`u = e^{1 + W_0((kM - 1)/e)}` (Lambert's function).

    >>> round(equal_time_ratio(Scenario.random(np.random.default_rng(1))), 6)
    9.49082
    """
    checks.instance("scenario", scenario, Scenario)
    k = float((scenario.gain_bs_user / scenario.noise_w * harvest_rate_w(scenario)).min())
    load = k * len(scenario.gain_bs_user)
    # u (ln u - 1) + 1 = kM. Near u = 1 Lambert's function has lost its digits: there Newton's method finds ln u.
    if load > 1e-3:
        return float(np.expm1(1 + lambertw((load - 1) / np.e).real) / k)
    log_u = np.sqrt([2 * load])
    for _ in range(6):
        log_u = log_u - (load_curvature(log_u) - load) / (log_u * np.exp(log_u))
    return float(np.expm1(log_u)[0] / k)


def solve_equal_time(scenario: Scenario) -> Allocation:
    """Optimum of the scheme with equal times; raises InfeasibleScenario like :func:`~.exact.solve_exact`.

    >>> round(solve_equal_time(Scenario.random(np.random.default_rng(1))).min_throughput_bit, 3)
    14676.196
    """
    return _single(scenario, _equal_time, "equal ISAC time")


def solve_max_power(scenario: Scenario) -> Allocation:
    """Optimum of the scheme with every user at full power; raises InfeasibleScenario like :func:`~.exact.solve_exact`.

    >>> round(solve_max_power(Scenario.random(np.random.default_rng(1))).min_throughput_bit, 3)
    1389.718
    """
    return _single(scenario, _max_power, "maximum transmit power")


def solve_equal_time_batch(scenarios: Batch | Sequence[Scenario]) -> AllocationBatch:
    """:func:`solve_equal_time` for many scenarios of equal shape; infeasible rows are nan.

    >>> batch = solve_equal_time_batch(Scenario.random_batch(np.random.default_rng(1), 4))
    >>> batch.status.tolist(), batch.min_throughput_bit.round(1)
    (['optimal', 'optimal', 'optimal', 'optimal'], array([ 20878.5,  20369.4, 132530.7,  23196.3]))
    """
    return _equal_time(batch_of(scenarios))[0]


def solve_max_power_batch(scenarios: Batch | Sequence[Scenario]) -> AllocationBatch:
    """:func:`solve_max_power` for many scenarios of equal shape; infeasible rows are nan.

    >>> batch = solve_max_power_batch(Scenario.random_batch(np.random.default_rng(1), 4))
    >>> batch.status.tolist(), batch.min_throughput_bit.round(1)
    (['optimal', 'optimal', 'optimal', 'optimal'], array([ 423.3,  887.8, 1207.1,  837.6]))
    """
    return _max_power(batch_of(scenarios))[0]


def _single(scenario: Scenario, solver, method: str) -> Allocation:
    start = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    batch, iterations = solver(Lane(scenario))
    if not batch.feasible[0]:
        raise infeasible(scenario, float(batch.best_attainable[0]), int(batch.worst_target[0]))
    return row(batch, 0, method, iterations, time.perf_counter() - start)


def _prepare(batch: Batch | Lane):
    power_sensing(batch)
    curve, sensing = Curve(batch), Sensing(batch, batch.bs_power_w)
    full = sensing.crb(curve.max_power)
    return curve, sensing, full, full.max(axis=1) <= batch.crb_limit_m2


def _equal_time(batch: Batch | Lane | Rows, dtype: type = float) -> tuple[AllocationBatch, int]:
    curve, sensing, full, feasible = _prepare(batch)
    draws, users = curve.k.shape
    limited = np.where(feasible, batch.crb_limit_m2, np.inf)
    wide, reach, used = search_limits(batch, sensing, limited, curve.max_power, dtype)
    lane = np.arange(draws)

    def at(log_ratio):
        ratio = np.exp(log_ratio)
        powers = np.minimum(curve.max_power, curve.harvest * ratio[:, None])
        x = curve.snr_per_w * powers
        rates = np.log1p(x) / _LN2
        m = np.argmin(rates, axis=1)
        capped = powers[lane, m] >= batch.max_power_w
        slope = np.where(capped, 0.0, curve.k[lane, m] / ((1 + x[lane, m]) * _LN2))
        return ratio, powers, rates[lane, m], slope * (users + ratio) / rates[lane, m]

    def excess(log_ratio):
        _, powers, _, pull = at(log_ratio)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(np.fmax(pull, used(powers))).astype(float, copy=False)

    caps = curve.max_power / curve.harvest
    # R grows where nobody is capped and k rho^2 < M for every user: ln(1 + k rho) <= k rho, so f'/f >= 1/(rho (1 + k rho)).
    low = np.log(0.5 * np.minimum(np.sqrt(users / curve.k), caps).min(axis=1))
    high = np.log(caps.max(axis=1)) + 1e-9
    for _ in range(_RETREATS):  # the growth may be less than rounding there: far below, it is not
        if not (flat := ~(excess(low) > 0)).any():
            break
        low = np.where(flat, low - 5.0, low)
    bracket = sign_change(excess, low, high, tolerance=_TOLERANCE)
    ratio, powers, rate, _ = at(bracket.high)
    slot = batch.time_budget_s / (users + ratio)
    # What lies to the left of the bracket is worse or infeasible; in spite of rounding, where the CRB hardly changes.
    left, step = bracket.low, _TOLERANCE
    while True:
        _, at_left, _, pull = at(left)
        unproven = (pull <= 1) & ~(wide.least_worst(at_left) > limited) & (left > low)
        if not unproven.any() or step > reach:
            break
        left, step = np.where(unproven, np.maximum(bracket.low - step, low), left), 8 * step
    # f increases and M + rho increases: on the bracket R is at most W T f(right end) / (M + left end).
    bound = batch.bandwidth_hz * (batch.time_budget_s * (rate / (users + np.exp(left))))
    times = np.repeat(slot[:, None], users, axis=1)
    throughput = batch.bandwidth_hz * (slot * rate)
    crb = sensing.crb(powers)
    result = allocations(batch, curve.harvest, crb, powers, ratio * slot, times, throughput, feasible, full, bound)
    for d in np.flatnonzero(unproven & feasible):
        put(result, d, _equal_time(Rows(batch, slice(d, d + 1)), np.longdouble)[0])
    return result, bracket.iterations


def _max_power(batch: Batch | Lane) -> tuple[AllocationBatch, int]:
    curve, _, full, feasible = _prepare(batch)
    powers, log_snr = curve.max_power, curve.max_log_snr
    s = (powers / (log_snr / _LN2 * curve.harvest)).max(axis=1)
    frame = batch.time_budget_s / (_LN2 * (1 / log_snr).sum(axis=1) + s)
    bound = batch.bandwidth_hz * frame
    times = frame[:, None] * (_LN2 / log_snr)
    throughput = (batch.bandwidth_hz[:, None] * (times * (np.log1p(curve.snr_per_w * powers) / _LN2))).min(axis=1)
    return allocations(batch, curve.harvest, full, powers, s * frame, times, throughput, feasible, full, bound), 0
