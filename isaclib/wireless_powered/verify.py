r"""An independent judge of allocations: residual and bound recomputed without the solvers' own code.

Power sensing: the curve is rebuilt from Lambert's function,
:math:`1 + x = -y\,W_{-1}(-e^{-1/y}/y)` for :math:`x/\ln(1 + x) = y`, the CRBs from the pair sum of eq. (18), and the sign
change by plain bisection.

Energy sensing: the same curve without caps bounds the optimum, tightly where no cap binds. Elsewhere *any*
non-negative multipliers
:math:`w` (rates, :math:`\sum w = 1`), :math:`\lambda` (energy), :math:`\kappa` (caps), :math:`\nu` (CRBs
:math:`\varphi_n`, linearised at the allocation) bound the optimum by weak duality,

.. math::
    \frac{R}{W} \le T \max\{S_0, \max_m S_m\} + \sum_n \nu_n (\eta - 2 \varphi_n), \qquad
    S_0 = \sum_m \lambda_m c_m - \sum_n \nu_n \tfrac{\partial \varphi_n}{\partial t_0}, \qquad
    S_m = \kappa_m P_{\max} + \max_{p \ge 0}\ w_m \log_2(1 + a_m p) - d_m p,

with :math:`d_m = \lambda_m + \kappa_m + \sum_n \nu_n\, \partial \varphi_n / \partial E_m`. A cone program
picks good multipliers, and the bound is evaluated here: it holds whatever the solver returned, which only makes it tight.
"""

from __future__ import annotations

import time

import cvxpy as cp
import numpy as np
from scipy.special import lambertw

from ..foundations import conic
from ..foundations.certificate import Certificate, relative_gap
from ..foundations.scalar_search import bisect
from .allocation import Allocation, min_throughput_bit, residual
from .scenario import Scenario, crb_trace, harvest_rate_w, range_gradients, sensing_coefficients

_LN2 = float(np.log(2.0))
_NEAR_ONE = 1e-4  # Lambert's form loses its digits as y -> 1; there x(y) is a series in y - 1
_NEAREST = 1e-100  # how near s/s_low the search starts: no optimum of numbers in floating point is nearer
_ROUNDING = 1e-11  # more than the formulas of the curve lose, as a part of the bound
_CRB_ROUNDING = 1e-14  # by so much a CRB may miss its limit: an optimum at the edge of what can be reached is not refused
_SMALL = 1e-2
_TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}  # asked of the solver; how far it comes is seen here
# Largest relative gap and residual that pass: scalar search for power sensing, cones for energy sensing.
_PASS = {"power": (1e-6, 1e-7), "energy": (1e-5, 1e-6)}


def verify(scenario: Scenario, allocation: Allocation) -> Certificate:
    """Judge an allocation by its own numbers.

    Returns
    -------
    Certificate
        ``value`` recomputed; ``residual`` of (26b)-(26f), or the relative error of the reported throughput if that is
        larger; ``bound`` independent of the solver (nan for an allocation without positive powers and times). The status
        is ``optimal`` exactly if gap and residual pass (1e-6 and 1e-7; 1e-5 and 1e-6 for energy sensing).
    """
    start = time.perf_counter()
    powers, times = np.asarray(allocation.powers_w, dtype=float), np.asarray(allocation.times_s, dtype=float)
    violation = residual(scenario, powers, allocation.charging_time_s, times)
    usable = bool(np.all(np.isfinite(powers) & (powers > 0)) and np.all(np.isfinite(times) & (times > 0)))
    value, bound, iterations = 0.0, float("nan"), 0
    if usable:
        value = min_throughput_bit(scenario, times, powers)
        violation = max(violation, abs(allocation.min_throughput_bit - value) / value)
        bound, iterations = _curve_bound(scenario)
        if scenario.sensing == "energy" and relative_gap(value, bound) > _PASS["energy"][0]:
            bound = min(bound, _dual_bound(scenario, powers, allocation.charging_time_s, times))
    gap_limit, residual_limit = _PASS[scenario.sensing]
    passes = usable and violation <= residual_limit and relative_gap(value, bound) <= gap_limit
    return Certificate(
        method="verification",
        value=value,
        bound=bound,
        residual=violation,
        status="optimal" if passes else "converged",
        iterations=iterations,
        seconds=time.perf_counter() - start,
    )


def _curve_bound(scenario: Scenario) -> tuple[float, int]:
    """Bound from the curve; for energy sensing it ignores the power caps, which can only raise it."""
    power = scenario.sensing == "power"
    a, c = scenario.gain_bs_user / scenario.noise_w, harvest_rate_w(scenario)
    k = a * c
    cap = a * scenario.max_power_w if power else np.full(len(a), np.inf)

    s_low = _LN2 / k.min()
    ratio = k / k.min()

    def curve(excess):
        """Powers, G and G' at s = s_low (1 + excess): y - 1 keeps its digits however near s_low is."""
        d = (ratio - 1) + ratio * excess
        y = 1 + d
        with np.errstate(divide="ignore", invalid="ignore"):
            x = -1 - y * lambertw(-np.exp(-1 / y) / y, k=-1).real
            x = x - (x - y * np.log1p(x)) / (1 - y / (1 + x))  # the branch point is near: one step of Newton mends the digits
        x = np.where(d < _NEAR_ONE, d * (2 + d * (2 / 3 - d * (2 / 9 - d * 14 / 135))), x)
        free = x < cap
        x = np.minimum(x, cap)
        with np.errstate(divide="ignore"):
            slope = 1 - np.sum(np.where(free, k / _price(x), 0.0))
            return x / a, s_low * (1 + excess) + np.sum(_LN2 / np.log1p(x)), slope

    def reached(excess):
        powers, total, slope = curve(excess)
        if slope < 0:
            return False
        charging = s_low * (1 + excess) * scenario.time_budget_s / total
        crb = crb_trace(scenario, powers, charging_time_s=charging, times_s=c * charging / powers)
        return crb.max() <= scenario.crb_limit_m2 * (1 + _CRB_ROUNDING)

    high = np.max(cap / np.log1p(cap) * k.min() / k) * (1 + 1e-9) - 1 + 1e-9 if power else 1e9
    if not reached(high):
        return float("nan"), 0  # infeasible: there is nothing to bound
    bracket = bisect(reached, _NEAREST, high, geometric=True, tolerance=1e-13)
    (_, g_left, slope_left), (_, g_right, slope_right) = curve(bracket.low), curve(bracket.high)
    if not np.isfinite(slope_left):
        return float("inf"), bracket.iterations
    least = g_left
    if slope_left < 0:  # the minimum of G itself: where the tangents cross
        width = s_low * (bracket.high - bracket.low)
        crossing = np.clip((g_left - g_right + slope_right * width) / max(slope_right - slope_left, 1e-300), 0.0, width)
        least = g_left + slope_left * crossing
    return scenario.bandwidth_hz * scenario.time_budget_s / least * (1 + _ROUNDING), bracket.iterations


def _price(x: np.ndarray) -> np.ndarray:
    """(1 + x) ln(1 + x) - x, by its series where the terms cancel."""
    series = x * x * sum((-x) ** n / ((n + 1) * (n + 2)) for n in range(8))
    return np.where(x < _SMALL, series, (1 + x) * np.log1p(x) - x)


def _dual_bound(scenario: Scenario, powers, charging, times) -> float:
    a, c, cap = scenario.gain_bs_user / scenario.noise_w, harvest_rate_w(scenario), scenario.max_power_w
    x, energy = a * powers, powers * times
    crb = crb_trace(scenario, powers, charging_time_s=charging, times_s=times)
    # d tr J^{-1} / dw = -|J^{-1} g|^2 for each weight w; the weights are linear in charging time and energies.
    g, k = range_gradients(scenario), sensing_coefficients(scenario)
    weights = np.concatenate([[charging * scenario.bs_power_w], energy])[:, None] * k
    J = np.einsum("mn,mni,mnj->nij", weights, g, g)
    pulled = np.linalg.solve(J[None], g[..., None])[..., 0]
    worth = k * np.sum(pulled**2, axis=-1)
    worth_charging, worth_energy = scenario.bs_power_w * worth[0], worth[1:]
    rate = (np.log1p(x) - x / (1 + x)) / _LN2  # what one more second is worth to a user

    limited = np.isfinite(scenario.crb_limit_m2)
    targets = len(crb) if limited else 0
    worth_charging, worth_energy, crb = worth_charging[:targets], worth_energy[:, :targets], crb[:targets]
    slack = scenario.crb_limit_m2 - 2 * crb if limited else np.zeros(0)
    value = min_throughput_bit(scenario, times, powers) / scenario.bandwidth_hz

    users = len(powers)
    w, kap, nu = _best_multipliers(scenario, x, powers, rate, worth_charging, worth_energy, slack, value)
    if not w.sum() > 0:
        return float("inf")
    shift = worth_energy @ nu - kap

    # Given the others, the least price mu of a second fixes lambda: at each mu it is the least with S_m <= mu, and
    # S_0 falls with mu, so that S_0(mu) <= mu turns true once.
    def charging_price(mu):
        share = np.where(w > 0, (mu - kap * cap) * _LN2 / np.where(w > 0, w, 1.0), np.inf)
        reach = bisect(lambda r: np.log(r) - 1 + 1 / r >= share, np.ones(users), np.full(users, 1e30), geometric=True).low
        lam = np.maximum(np.where(w > 0, w * a / (reach * _LN2), 0.0) + shift, 0.0)
        return lam @ c + worth_charging @ nu

    floor = max(float((kap * cap).max()), float(worth_charging @ nu))
    mu = bisect(lambda mu: charging_price(mu) <= mu, floor, floor + 1e6 * (floor + 1.0)).high
    return float(scenario.bandwidth_hz * (scenario.time_budget_s * mu + nu @ slack) / w.sum())


def _best_multipliers(scenario, x, powers, rate, worth_charging, worth_energy, slack, value) -> list[np.ndarray]:
    r"""Multipliers w, kappa, nu of the least bound: a cone program in which ``kl_div`` is the maximum over p.

    The variables are shares of the price of a second, so that they are of order one: :math:`w` times what a second is
    worth to the user, :math:`\lambda p`, :math:`\kappa P_{\max}`, and :math:`\nu` times what a second of charging does
    for the CRB.
    """
    users, horizon = len(x), scenario.time_budget_s
    w, lam, kap = (cp.Variable(users, nonneg=True) for _ in range(3))
    nu, second = cp.Variable(max(len(slack), 1), nonneg=True), cp.Variable()
    to_nu = 1 / worth_charging if len(slack) else np.zeros(1)
    pull = worth_energy * powers[:, None] if len(slack) else np.zeros((users, 1))
    price = lam + cp.multiply(kap, powers / scenario.max_power_w) - pull @ cp.multiply(to_nu, nu)
    constraints = [
        kap + cp.kl_div(cp.multiply(1 / (rate * _LN2), w), cp.multiply(1 / x, price)) <= second,
        (harvest_rate_w(scenario) / powers) @ lam + (cp.sum(nu) if len(slack) else 0) <= second,
        (value / (rate * horizon)) @ w == 1,
    ]
    weight = slack * to_nu / horizon if len(slack) else np.ones(1)
    problem = cp.Problem(cp.Minimize(second + weight @ nu), constraints)
    conic.solve(problem, accept_inaccurate=True, **_TIGHT)
    w, kap, nu = (np.maximum(np.asarray(part.value), 0.0) for part in (w, kap, nu))
    return [w / rate, kap / scenario.max_power_w, (nu * to_nu)[: len(slack)]]
