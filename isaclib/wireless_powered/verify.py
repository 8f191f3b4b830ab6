r"""An independent judge of allocations: violations and bound recomputed from the scenario alone, without a solver.

Power sensing: the curve of :mod:`.curve` is rebuilt from Lambert's function,
:math:`1 + x = -y\,W_{-1}(-e^{-1/y}/y)` for :math:`x/\ln(1 + x) = y`, and the sign change found by plain bisection.

Energy sensing: the same curve without caps, and the one without a CRB limit, bound the optimum; where a cap binds, multipliers
that fit the allocation do (:mod:`.duality`). The least of the three bounds counts.
"""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import lambertw

from ..foundations import checks
from ..foundations.certificate import Certificate, relative_gap
from ..foundations.scalar_search import bisect
from .allocation import Allocation
from .duality import beyond, dual_bound
from .scenario import Scenario, crb_trace, harvest_rate_w, throughputs
from .sensing import Lane, Sensing

_LN2 = float(np.log(2.0))
_NEAR_ONE = 1e-4  # Lambert's form loses its digits as y -> 1; there x(y) is a series in y - 1
_NEAREST = 1e-100  # how near s/s_low the search starts: no optimum of numbers in floating point is nearer
_ROUNDING = 1e-11  # more than the formulas of the curve lose, as a part of the bound
_TIGHT = 1e-8  # a larger gap may come from a CRB that hardly changes with the powers: try again with more digits
_SMALL = 1e-2
_EDGE = 1e-12  # a residual that is the rounding of the CRB
_UNITS = (0, 1, 8, 64, 512)  # of the last digit, by which a CRB may have rounded
_APART = 2.0**-600
_FAR = 1e50
_EPSILON = float(np.finfo(float).eps)
# Largest relative gap and residual that pass: scalar search for power sensing, interior point for energy sensing.
_PASS = {"power": (1e-6, 1e-7), "energy": (1e-5, 1e-6)}


def violations(scenario: Scenario, powers_w: ArrayLike, charging_time_s: float, times_s: ArrayLike) -> dict[str, float]:
    r"""Every constraint of (P1) by name, with its excess relative to its limit (0 where it holds).

    ``time_budget_s`` is (26b), ``harvested_energy_j`` (26c), ``max_power_w`` (26d), ``crb_limit_m2`` (26f); inf where a CRB is
    infinite, energy is spent that nothing was harvested for, or the excess is beyond floating-point numbers. Users without power
    or time violate nothing by that.

    >>> scenario = Scenario.random(np.random.default_rng(1), users=2, targets=1)
    >>> found = violations(scenario, [2.2, 1.0], 9.0, [1e-4, 1.2])
    >>> {name: round(excess, 4) for name, excess in found.items()}
    {'time_budget_s': 0.02, 'harvested_energy_j': 8004.1035, 'max_power_w': 0.1, 'crb_limit_m2': 2.5719}
    """
    checks.instance("scenario", scenario, Scenario)
    sizes = {"M": len(scenario.gain_bs_user)}
    powers = checks.array("powers_w", powers_w, ("M",), minimum=0, sizes=sizes)
    charging = checks.number("charging_time_s", charging_time_s, minimum=0)
    times = checks.array("times_s", times_s, ("M",), minimum=0, sizes=sizes)
    crb = crb_trace(scenario, powers, charging_time_s=charging, times_s=times).max()
    rate, limited = harvest_rate_w(scenario), math.isfinite(scenario.crb_limit_m2)
    with np.errstate(over="ignore"):
        energy, spent = rate * charging, powers * times
        if np.isinf(energy).any():  # a power of two apart, so that none is a quotient of infinities
            energy, spent = rate * (charging * _APART), powers * _APART * times
        overspent = np.divide(spent, energy, out=np.where(spent > 0, np.inf, 0.0), where=energy > 0).max() - 1
        excess = {
            "time_budget_s": (charging + times.sum()) / scenario.time_budget_s - 1,
            "harvested_energy_j": overspent,
            "max_power_w": powers.max() / scenario.max_power_w - 1,
            "crb_limit_m2": crb / scenario.crb_limit_m2 - 1 if limited else 0.0,
        }
    return {name: max(0.0, float(over)) for name, over in excess.items()}


def residual(scenario: Scenario, powers_w: ArrayLike, charging_time_s: float, times_s: ArrayLike) -> float:
    """Largest of the :func:`violations`; 0 where every constraint holds.

    >>> scenario = Scenario.random(np.random.default_rng(1), users=2, targets=1)
    >>> round(residual(scenario, [2.2, 1.0], 9.0, [1e-4, 1.2]), 4)
    8004.1035
    """
    return max(violations(scenario, powers_w, charging_time_s, times_s).values())


def verify(scenario: Scenario, allocation: Allocation) -> Certificate:
    """Judge an allocation by its own numbers.

    Returns
    -------
    Certificate
        ``value`` recomputed (nan where powers and times make no allocation); ``residual`` the largest of the :func:`violations`,
        or the relative error of the reported throughput if that is larger (inf for numbers that are nan, negative or not as
        many as there are users); ``bound`` independent of the solver (nan where no allocation meets the CRB limit, as
        ``method`` says). The status is ``optimal`` exactly if gap and residual pass (1e-6 and 1e-7; 1e-5 and 1e-6 for energy
        sensing).

    Examples
    --------
    >>> from isaclib import wireless_powered as wp
    >>> scenario = wp.Scenario.random(np.random.default_rng(1))
    >>> wp.verify(scenario, wp.solve_exact(scenario)).status
    'optimal'
    >>> wp.verify(scenario, wp.solve_equal_time(scenario)).status
    'converged'
    """
    start = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    checks.instance("allocation", allocation, Allocation, "score takes plain arrays")
    value, violation, point = math.nan, math.inf, None
    try:
        point = _plain(scenario, allocation)
    except ValueError:  # nan, negative, of another length: no allocation at all
        pass
    if point is not None:
        powers, charging, times, reported = point
        violation = residual(scenario, powers, charging, times)
        value = float(throughputs(scenario, times, powers).min())
        violation = max(violation, float(relative_gap(value, reported)))
    near = point if violation <= _FAR else None  # the multipliers of an allocation beyond all limits leave the range of doubles
    bound, iterations, method = _bound(scenario, near, value)
    if violation <= _EDGE:
        # Near full power the throughput changes 1e4 times as fast as the limit: what the CRB rounds belongs to the bound.
        for units in _UNITS:
            if not value > bound:
                break
            slack = (violation if scenario.sensing == "power" else beyond(scenario, *point[:3])) + units * _EPSILON
            bound = max(bound, _bound(scenario, point, value, slack)[0])
    gap_limit, residual_limit = _PASS[scenario.sensing]
    passes = violation <= residual_limit and value > 0 and relative_gap(value, bound) <= gap_limit
    return Certificate(
        method=method,
        value=value,
        bound=bound,
        residual=violation,
        status="optimal" if passes else "converged",
        iterations=iterations,
        seconds=time.perf_counter() - start,
    )


def _plain(scenario: Scenario, allocation: Allocation) -> tuple[np.ndarray, float, np.ndarray, float]:
    sizes = {"M": len(scenario.gain_bs_user)}
    return (
        checks.array("powers_w", allocation.powers_w, ("M",), minimum=0, sizes=sizes),
        checks.number("charging_time_s", allocation.charging_time_s, minimum=0),
        checks.array("times_s", allocation.times_s, ("M",), minimum=0, sizes=sizes),
        checks.number("min_throughput_bit", allocation.min_throughput_bit, minimum=0),
    )


def _bound(given: Scenario, point, value: float, slack: float | np.floating = 0.0) -> tuple[float, int, str]:
    """The least bound at hand for a CRB limit that is looser by a part, iterations, and what was done, in words."""
    scenario = given.replace(crb_limit_m2=given.crb_limit_m2 * (1 + float(slack) + 2 * _EPSILON)) if slack > 0 else given
    bound, iterations = _curve_bound(scenario)
    if scenario.sensing == "power":
        if relative_gap(value, bound) > _TIGHT:
            bound, iterations = _curve_bound(scenario, dtype=np.longdouble)
    elif math.isfinite(bound):
        unlimited = scenario.replace(crb_limit_m2=math.inf, sensing="power")
        bound = min(bound, _curve_bound(unlimited)[0])
        if point is not None and relative_gap(value, bound) > _TIGHT:
            bound = min(bound, dual_bound(given, *point[:3], slack=slack))
    method = "verification" + (", no allocation meets crb_limit_m2" if math.isnan(bound) else "")
    return bound, iterations, method


def _curve_bound(scenario: Scenario, dtype: type = float) -> tuple[float, int]:
    """Bound from the curve; for energy sensing it ignores the power caps, which can only raise it. nan where infeasible."""
    power = scenario.sensing == "power"
    a, c = scenario.gain_bs_user / scenario.noise_w, harvest_rate_w(scenario)
    k = a * c
    cap = a * scenario.max_power_w if power else np.full(len(a), np.inf)
    lane, limit = Lane(scenario), scenario.crb_limit_m2
    sensing = Sensing(lane, lane.bs_power_w, dtype)

    s_low = _LN2 / k.min()
    ratio = k / k.min()

    def curve(excess):
        """Powers, G and G' at s = s_low (1 + excess): y - 1 keeps its digits however near s_low is."""
        d = (ratio - 1) + ratio * excess
        y = 1 + d
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x = -1 - y * lambertw(-np.exp(-1 / y) / y, k=-1).real
            x = x - (x - y * np.log1p(x)) / (1 - y / (1 + x))  # the branch point is near: one step of Newton mends the digits
        x = np.where(d < _NEAR_ONE, d * (2 + d * (2 / 3 - d * (2 / 9 - d * 14 / 135))), x)
        free = x < cap
        x = np.minimum(x, cap)
        with np.errstate(divide="ignore"):
            slope = 1 - np.sum(np.where(free, k / _price(x), 0.0))
            slots = np.sum(_LN2 / np.log1p(x))
            return x / a, s_low * (1 + excess) + slots, slope, slots

    least_charging = 0.0 if power else _least_charging_s(sensing, c, limit)

    def reached(excess):
        powers, total, slope, slots = curve(excess)
        if slope < 0:
            return False
        if power:
            return bool(sensing.least_worst(powers[None])[0] <= limit)
        # t_0 = s T / G, with T - t_0 = T slots / G in full digits
        return slots * scenario.time_budget_s <= total * (scenario.time_budget_s - least_charging)

    high = np.max(cap / np.log1p(cap) * k.min() / k) * (1 + 1e-9) - 1 + 1e-9 if power else 1e9
    if power and not (math.isinf(limit) or crb_trace(scenario, np.full(len(a), scenario.max_power_w)).max() <= limit):
        return float("nan"), 0  # infeasible: there is nothing to bound
    if not power:
        if not least_charging < scenario.time_budget_s:
            return float("nan"), 0
        while not reached(high) and high < 1e140:
            high *= 1e3
    bracket = bisect(reached, _NEAREST, high, geometric=True, tolerance=1e-13)
    (_, g_left, slope_left, _), (_, g_right, slope_right, _) = curve(bracket.low), curve(bracket.high)
    if not np.isfinite(slope_left):
        return float("inf"), bracket.iterations
    least = g_left
    if slope_left < 0:  # the minimum of G itself: where the tangents cross
        width = s_low * (bracket.high - bracket.low)
        crossing = np.clip((g_left - g_right + slope_right * width) / max(slope_right - slope_left, 1e-300), 0.0, width)
        least = g_left + slope_left * crossing
    return float(scenario.bandwidth_hz * (scenario.time_budget_s / least) * (1 + _ROUNDING)), bracket.iterations


def _least_charging_s(sensing: Sensing, harvest: np.ndarray, limit: float) -> float:
    """A proven lower bound on the charging time that the CRB limit asks for, every joule spent."""
    return 0.0 if math.isinf(limit) else float(sensing.least_worst(harvest[None])[0] / limit)


def _price(x: np.ndarray) -> np.ndarray:
    """(1 + x) ln(1 + x) - x, by its series where the terms cancel."""
    y = np.minimum(x, _SMALL)
    series = y * y * sum((-y) ** n / ((n + 1) * (n + 2)) for n in range(8))
    return np.where(x < _SMALL, series, (1 + x) * np.log1p(x) - x)
