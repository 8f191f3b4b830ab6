r"""Water-filling: the largest capacity without sensing limits, and its weighted form that prices carriers.

.. math:: \max_{x \ge 0,\; \mathbf 1^{\mathsf T} x \le P} \; \sum_n \log(1 + g_n x_n)
    \quad\Rightarrow\quad x_n = \bigl(\mu - 1/g_n\bigr)^+ .

The level :math:`\mu` is found exactly: sort :math:`1/g_n`, and among the N prefixes take the longest whose level lies
above its last member.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.errors import InvalidScenario
from .scenario import Scenario

_BISECTIONS = 200
_EXACT = 1e-9  # excess of the filled budget from which one Newton step more leaves rounding


def waterfill_powers(gains: ArrayLike, budget: ArrayLike) -> np.ndarray:
    """Water-filling powers (..., N) for gains (..., N) >= 0 in 1/W and a budget in W (a number or (...,)).

    Exact and vectorised over the leading axes: one sort, one cumulative sum. Carriers of gain 0 get no power; a row whose
    gains are all 0 spreads the budget evenly (any split is optimal there).

    >>> waterfill_powers([1.0, 0.5, 0.1], 2.0)
    array([1.5, 0.5, 0. ])
    """
    gains = checks.array("gains", gains, ("...", "N"), minimum=0.0)
    budget = checks.array("budget", budget, ("...",), positive=True)
    if budget.shape not in ((), gains.shape[:-1]):
        raise InvalidScenario("budget", f"has shape {budget.shape}", f"expected one number or {gains.shape[:-1]}")
    return _waterfill(gains, np.broadcast_to(budget, gains.shape[:-1])[..., None])


def _waterfill(gains: np.ndarray, budget: np.ndarray) -> np.ndarray:
    count = gains.shape[-1]
    best = gains.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # Floors 1/g above the lowest one: at small SNR the budget would drown in the floors themselves.
        floor = np.where(gains > 0, (best / gains - 1) / best, math.inf)
    ordered = np.sort(floor, axis=-1)
    finite = np.isfinite(ordered)
    level = (budget + np.cumsum(np.where(finite, ordered, 0.0), axis=-1)) / np.arange(1, count + 1)
    active = np.sum(finite & (level > ordered), axis=-1, keepdims=True)
    water = np.take_along_axis(level, np.maximum(active - 1, 0), axis=-1)
    powers = np.where(active > 0, np.maximum(water - floor, 0.0), budget / count)
    return powers * (budget / powers.sum(axis=-1, keepdims=True))


def waterfill_shares(gains: np.ndarray) -> np.ndarray:
    """Water-filling of a budget of 1 over gains that are known to be right, (N,)."""
    return _waterfill(gains, np.ones(1))


def best_capacity_bps(scenario: Scenario) -> float:
    """Capacity of water-filling in bit/s."""
    shares = waterfill_shares(scenario.carrier_snr)
    return float(scenario.subcarrier_spacing_hz / math.log(2) * np.log1p(scenario.carrier_snr * shares).sum())


def priced_bound(gains: np.ndarray, bonus: np.ndarray) -> float:
    r"""Least Lagrangian bound on :math:`\max_{x\ge0,\,\mathbf 1^{\mathsf T}x\le1} \sum_n \log(1+g_nx_n) + b_n x_n`.

    .. math:: \min_{\lambda \ge 0} \; \lambda + \sum_n \max_{x \ge 0} \bigl[\log(1 + g_n x) - (\lambda - b_n) x\bigr].

    Every :math:`\lambda > \max_n b_n` gives a valid bound, so the search for the best one needs no proof.
    """
    peak = float(bonus.max())
    # At a price of N above all bonuses no carrier takes more than 1/N.
    low, high = max(peak, 0.0), min(max(float((gains + bonus).max()), 0.0), max(peak, 0.0) + gains.size)
    if high <= 0:
        return 0.0

    with np.errstate(divide="ignore"):
        floors = 1.0 / gains
        trial = 0.5 * (low + high)
        for _ in range(_BISECTIONS):
            if not low < trial < high:
                break
            filled = 1.0 / (trial - bonus)
            wet = filled > floors
            excess = (filled - floors)[wet].sum() - 1.0
            if excess > 0:
                low = trial
            else:
                high = trial
            # Newton's step, which from the left never passes a convex function's root; half the bracket where it leaves that.
            trial = trial + excess / (filled[wet] ** 2).sum()
            if not low < trial < high:
                trial = 0.5 * (low + high)
            elif abs(excess) <= _EXACT:
                high = max(trial, np.nextafter(low, high))
                break
    margin = high - bonus
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.where(gains > margin, (gains - margin) / margin, 0.0)  # far below the noise next to nothing
    return float(high + (np.log1p(above) - above / (1.0 + above)).sum())
