r"""The search over the share: the global maximum of the rate with a proof, and the bound that witnesses alone give."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..foundations import checks
from ..foundations.certificate import LARGEST_GAP
from .information import time_allocation_limit
from .scenario import Scenario
from .sensing import Sensing
from .time_allocation import Setting, SinrCurve, rate_of

_FIRST_NODES, _FIRST_SHARE = 33, 0.8
_MAX_ROUNDS, _HALVINGS, _MOST_SOLVED = 60, 25, 14
_LARGEST_EXPONENT = 1000.0


@dataclass(frozen=True)
class BestTime:
    """The global maximum over the time allocation, between a value and a bound, and what leaves a gap between them: that of the
    robust SINR at the solved share that promises most, or shares that are not solved.
    """

    time_allocation: float
    rate_bps_hz: float
    bound_bps_hz: float
    solved: int
    reason: str = ""


def best_time(setting: Setting, *, tolerance: float = 1e-5) -> BestTime:
    r"""Maximise :math:`R(\eta)` over :math:`0<\eta\le\bar\eta` with a proof.

    The curve is solved where its upper envelope promises most, until nothing more is promised. Between two nodes
    :math:`a<b` the rate is at most :math:`b\log_2(1+\bar\gamma(e(a)))`, because :math:`\gamma^\star` falls with e; cells
    that still exceed the best rate are halved. Errors and largest share of the *bound* are those of the least position bound
    that is proven for any covariance, so that the bound holds for all of them.
    """
    scenario, curve, largest = setting.scenario, setting.curve, setting.largest
    power, reasons = scenario.comm_power_w, {}
    least = setting.least
    ceiling = min(max(time_allocation_limit(scenario, least), largest), 1.0)

    def solve(eta: float, best: float = 0.0) -> float:
        # A SINR that makes no better rate than the best so far.
        hopeless = math.expm1(math.log(2) * min(best / eta, _LARGEST_EXPONENT)) if eta > 0 else 0.0
        point = setting.beams(eta, hopeless=hopeless)
        reasons[eta] = point.reason
        return float(rate_of(eta, point.sinr))

    def envelope(etas: np.ndarray) -> np.ndarray:
        return curve.upper(setting.error(etas, least), power)

    # Where the errors are small the curve is quickly solved, and its dual point bounds the rest well enough to go on.
    best_eta = largest if setting.fixed else min(largest, _FIRST_SHARE)
    reach = float(setting.error(0.0))
    if power == 0 or float(setting.error(0.0, least)) >= curve.reach:
        # Without power, or with every channel in the balls even if all the time is spent on looking, no share has a rate.
        return BestTime(best_eta, 0.0, 0.0, 0)
    if float(setting.error(best_eta)) >= curve.reach:
        # Half-way (in time) to the share from which on nothing can be guaranteed.
        best_eta = 0.5 * max(1 - (reach / curve.reach) ** 2, 0.0) or best_eta
    best = solve(best_eta)
    asked = {best_eta: best}
    nodes = np.unique(np.append(np.linspace(0, ceiling, _FIRST_NODES), best_eta))
    limits = envelope(nodes)
    for _ in range(_MAX_ROUNDS):
        promised = rate_of(nodes, limits)
        worthwhile = promised > best * (1 + tolerance / 2)
        worthwhile &= _likely(np.minimum(nodes, largest), promised, asked, tolerance) > best * (1 + tolerance / 2)
        top = int(np.argmax(np.where(worthwhile, promised, -1.0)))
        if worthwhile[top] and len(asked) < _MOST_SOLVED:
            eta = min(float(nodes[top]), largest)
            rate = asked[eta] = solve(eta, best)
            if rate > best:
                best_eta, best = eta, rate
            limits = np.minimum(limits, envelope(nodes))
            continue
        cells = rate_of(nodes[1:], limits[:-1])
        # No halving brings the bound below what a node promises; nor a cell below what its own ends do.
        goal = max(best * (1 + tolerance), float(promised.max()) * (1 + tolerance / 4))
        open_cells = (cells > goal) & (np.maximum(promised[1:], promised[:-1]) <= cells / (1 + tolerance / 4))
        if not np.any(open_cells):
            break
        middle = 0.5 * (nodes[:-1] + nodes[1:])[open_cells]
        where = np.searchsorted(nodes, middle)
        nodes, limits = np.insert(nodes, where, middle), np.insert(limits, where, envelope(middle))
    bound = max(float(np.max(rate_of(nodes[1:], limits[:-1]))), best)
    open_from = best * (1 + LARGEST_GAP)
    if bound <= open_from:
        return BestTime(best_eta, best, bound, len(asked))
    etas = np.array(list(asked))
    promised = rate_of(etas, envelope(etas))
    widest = int(np.argmax(promised))
    reason = reasons[float(etas[widest])] if promised[widest] > open_from else ""
    return BestTime(best_eta, best, bound, len(asked), reason or "shares")


def _likely(etas: np.ndarray, promised: np.ndarray, asked: dict[float, float], tolerance: float) -> np.ndarray:
    """Rates to be hoped for at the shares that were not asked for yet; 0 at those that were.

    While a share promises more than all that were solved, solving it may lower the bound, and any rate may come of it. After
    that the bound is theirs, and a share is likely to be left with the part of its promise that the nearest solved one reached.
    """
    solved = np.array(list(asked))
    known = np.isin(etas, solved)
    promises = np.array([np.max(promised[etas == eta]) for eta in solved])
    parts = np.array(list(asked.values())) / np.maximum(promises, 1e-300)
    nearest = np.argmin(np.abs(etas[:, None] - solved), axis=1)
    likely = np.where(promised > promises.max() * (1 + tolerance / 4), promised, promised * parts[nearest])
    return np.where(known, 0.0, likely)


def best_time_allocation(
    scenario: Scenario, sensing: Sensing | None = None, curve: SinrCurve | None = None, *, tolerance: float = 1e-5
) -> BestTime:
    """The best share alone: :func:`best_time` for a scenario with its sensing and curve where they are known.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> alone = scenario.replace(user_positions_m=scenario.user_positions_m[:1], reflectivity=scenario.reflectivity[:1])
    >>> best = nf.best_time_allocation(alone)
    >>> f"{best.time_allocation:.3f}, {best.rate_bps_hz:.2f} bit/s/Hz of at most {best.bound_bps_hz:.2f}"
    '0.982, 20.91 bit/s/Hz of at most 20.91'
    """
    return best_time(Setting(scenario, sensing, curve), tolerance=checks.number("tolerance", tolerance, minimum=0))


def rate_bound(setting_errors, curve: SinrCurve, power_w: float, ceiling: float, target: float, *, tolerance=1e-5) -> float:
    """Upper bound on the rate over all shares up to ``ceiling`` from a curve's witnesses; cells above ``target`` are halved."""
    nodes = np.linspace(0, ceiling, _FIRST_NODES)
    limits = curve.upper(setting_errors(nodes), power_w)
    goal = target * (1 + tolerance)
    for _ in range(_HALVINGS):
        # A cell whose own ends promise more than the target cannot be closed by halving it.
        promised = rate_of(nodes, limits)
        cells = rate_of(nodes[1:], limits[:-1])
        open_cells = (cells > goal) & (np.maximum(promised[1:], promised[:-1]) <= goal)
        middle = 0.5 * (nodes[:-1] + nodes[1:])[open_cells]
        if not len(middle):
            break
        fresh = curve.upper(setting_errors(middle), power_w)
        where = np.searchsorted(nodes, middle)
        nodes, limits = np.insert(nodes, where, middle), np.insert(limits, where, fresh)
    return float(np.max(rate_of(nodes[1:], limits[:-1])))
