r"""Bounds that any multipliers prove: on the weighted sum, on the energy efficiency, on the margin of the floors.

A concave function that is homogeneous of degree one lies below each of its tangents, and the tangent passes through the
origin: :math:`\rho(\beta, \pi) \le \partial_\beta\hat\rho\,\beta + \partial_\pi\hat\rho\,\pi`, gradients taken at *any* power
density. With multipliers :math:`\lambda \ge 0` of the floors :math:`f` and
:math:`G_k = \sum_j (w_k + \lambda_{kj}) \nabla\hat\rho_{kj}`, every allocation within the floors has

.. math:: \sum_k w_k \rho_k - q \sum_k \pi_k \;\le\; \max_k G_{k,\beta} + \max\{0, \max_k G_{k,\pi} - q\}
          - \sum_{kj} \lambda_{kj} f_{kj} .

No optimisation is left in it, and it is tight at the optimum, where the two maxima are the prices of bandwidth and power.
(Without a price, :math:`q = 0`, the braces are idle: :math:`G_\pi \ge 0`.) The other two bounds follow from it.

**Margin.** With :math:`w = 0` and floors :math:`t f` the same inequality reads :math:`t \sum \lambda f \le \max_k G_{k,\beta} +
\max_k G_{k,\pi}`: no larger multiple of the floors can be met, and a bound below one proves that they cannot be met at all.

**Efficiency.** For :math:`w = 1` and a total power :math:`\Pi` it reads :math:`\sum R \le H + G\,\Pi` with
:math:`H = \max_k G_{k,\beta} - \sum\lambda f`, :math:`G = \max_k G_{k,\pi}`; and the tangents at zero power,
:math:`\sum R \le S\,\Pi`, :math:`S = \max_k (\alpha_k + \gamma_k)`. So the efficiency is at most

.. math:: \max_{\Pi_{\min} \le \Pi \le 1} \frac{\min\{H + G\,\Pi,\; S\,\Pi\}}{\Pi + P_c} ,

each ratio monotone in :math:`\Pi`: the maximum lies at an end or where the two lines meet. :math:`\Pi_{\min}` is a power below
which no allocation meets the floors. It matters where the circuits need little: :math:`H` is a difference, and its rounding
error divided by :math:`P_c` alone would not be small.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from .bands import FEW, Bands, Restriction, first_slopes

_FREE = Restriction()
_ROUNDING = 4 * np.finfo(float).eps  # of sums of a few products of numbers that are right to an ulp


@np.errstate(all="ignore")
def sum_bound(
    bands: Bands,
    shares: ArrayLike,
    powers: ArrayLike,
    multipliers: ArrayLike,
    *,
    power_price: ArrayLike = 0.0,
    free: Restriction = _FREE,
) -> np.ndarray:
    """Upper bound (D,) on the weighted sum less ``power_price`` times the power, from the tangents at an allocation.

    With a restriction, the bound is for the restricted problem: the fixed shares (powers) are those handed in.

    Parameters
    ----------
    bands : Bands
    shares, powers : (D, K)
        Fractions of the budgets, positive; where the tangents are taken.
    multipliers : (D, K, 2)
        Of the floors, at least 0: any of them give a valid bound.
    power_price : float or (D,)
    free : Restriction

    Examples
    --------
    Tangents at equal shares and powers, without multipliers: valid, and far from the optimum.

    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> bands, even = si.Bands.of([drop]), np.full((1, 3), 1 / 3)
    >>> bound = si.sum_bound(bands, even, even, np.zeros((1, 3, 2)))[0] * bands.scale[0] / 3
    >>> bool(bound > si.solve_exact(drop).objective)
    True
    """
    given = _guarded(bands, shares, powers, multipliers, free)
    price = checks.array("power_price", power_price, () if checks.axes(power_price) == 0 else (len(bands),), minimum=0)
    return known(sum_at(bands, *given, power_price=price, free=free, widen=True))


@np.errstate(all="ignore")
def efficiency_bound(
    bands: Bands, shares: ArrayLike, powers: ArrayLike, multipliers: ArrayLike, *, free: Restriction = _FREE
) -> np.ndarray:
    """Upper bound (D,) on the energy efficiency (in units of rate per unit of power) from the tangents at an allocation.

    Arguments as for :func:`sum_bound`; priorities do not count.

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> bands, even = si.Bands.of([drop]), np.full((1, 3), 1 / 3)
    >>> bound = si.efficiency_bound(bands, even, even, np.zeros((1, 3, 2)))[0] * bands.scale[0] / bands.power_w[0]
    >>> bool(bound > si.solve_exact(drop, objective="efficiency").objective)
    True
    """
    return known(efficiency_at(bands, *_guarded(bands, shares, powers, multipliers, free), free=free, widen=True))


@np.errstate(all="ignore")
def margin_bound(
    bands: Bands, shares: ArrayLike, powers: ArrayLike, multipliers: ArrayLike, *, free: Restriction = _FREE
) -> np.ndarray:
    """Upper bound (D,) on the largest factor by which all floors can be multiplied and still be met (below 1: infeasible).

    Any multipliers prove it, whatever became of the allocation that suggested them; infinite where they are all zero or
    where there is no floor. Arguments as for :func:`sum_bound`.

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0), min_rate_bps=1e11)
    >>> even = np.full((1, 3), 1 / 3)
    >>> bool(si.margin_bound(si.Bands.of([drop]), even, even, np.ones((1, 3, 2)))[0] < 1)
    True
    """
    return known(margin_at(bands, *_guarded(bands, shares, powers, multipliers, free), free=free))


def _guarded(bands, shares, powers, multipliers, free):
    checks.instance("bands", bands, Bands, "Bands.of([scenario]) makes one")
    checks.instance("free", free, Restriction)
    lanes, users = bands.weights.shape
    return (
        checks.array("shares", shares, (lanes, users), positive=True),
        checks.array("powers", powers, (lanes, users), positive=True),
        checks.array("multipliers", multipliers, (lanes, users, 2), minimum=0),
    )


def known(bound) -> np.ndarray:
    """Bounds of numbers that overflowed say nothing: nan as infinity."""
    return np.where(np.isnan(bound), np.inf, bound)


def marginal_values(bands: Bands, x, multipliers) -> tuple[np.ndarray, np.ndarray]:
    """What a unit of share and of power is worth to each user, floors included: G of the module's text, (D, K) each."""
    by_share, by_power = bands.tangents(x)
    worth = bands.weights[..., None] + multipliers
    return np.sum(worth * by_share, axis=2), np.sum(worth * by_power, axis=2)


def sum_at(
    bands: Bands, shares, powers, multipliers, *, x=None, power_price=0.0, free: Restriction = _FREE, widen: bool = False
) -> np.ndarray:
    """:func:`sum_bound`, unguarded.

    ``x`` are the power densities of the tangents (default: those of the allocation); ``widen`` adds what rounding may have
    taken from the bound, which is a difference: near the edge of feasibility, of large numbers.
    """
    by_share, by_power = marginal_values(bands, powers / shares if x is None else x, multipliers)
    net = by_power - np.asarray(power_price)[..., None]
    bandwidth = by_share.max(axis=1) if free.shares else np.sum(by_share * shares, axis=1)
    power = np.maximum(net.max(axis=1), 0) if free.powers else np.sum(net * powers, axis=1)
    paid = np.sum(multipliers * bands.floors, axis=(1, 2))
    found = bandwidth + power - paid
    return found + _ROUNDING * (np.abs(bandwidth) + np.abs(power) + paid) if widen else found


def efficiency_at(
    bands: Bands, shares, powers, multipliers, *, x=None, free: Restriction = _FREE, widen: bool = False
) -> np.ndarray:
    """:func:`efficiency_bound`, unguarded; ``x`` and ``widen`` as for :func:`sum_at`."""
    bands, x = bands.unweighted(), powers / shares if x is None else x
    by_share, by_power = marginal_values(bands, x, multipliers)
    fixed = by_share.max(axis=1) if free.shares else np.sum(by_share * shares, axis=1)
    paid = np.sum(multipliers * bands.floors, axis=(1, 2))
    fixed = fixed - paid
    if widen:
        fixed = fixed + _ROUNDING * (_cancelled(bands, x, bands.weights[..., None] + multipliers, by_share) + paid)
    if not free.powers:
        return (fixed + np.sum(by_power * powers, axis=1)) / (np.sum(powers, axis=1) + bands.circuit)
    slope, steepest = by_power.max(axis=1), (bands.radar + bands.link).max(axis=1)
    least = np.clip(least_power(bands, shares, multipliers, x, free), 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        meeting = fixed / (steepest - slope)
    ends = np.stack([least, np.ones_like(least), np.fmin(np.fmax(meeting, least), 1.0)])
    return (np.minimum(fixed + slope * ends, steepest * ends) / (ends + bands.circuit)).max(axis=0)


def margin_at(bands: Bands, shares, powers, multipliers, *, x=None, free: Restriction = _FREE) -> np.ndarray:
    """:func:`margin_bound`, unguarded."""
    worth = np.sum(multipliers * bands.floors, axis=(1, 2))
    idle = replace(bands, weights=np.zeros_like(bands.weights), floors=np.zeros_like(bands.floors))
    value = sum_at(idle, shares, powers, multipliers, x=x, free=free)
    sound = (worth > 0) & np.isfinite(worth)
    return np.where(sound, value / np.where(sound, worth, 1.0), np.inf)


def _cancelled(bands: Bands, x, worth, by_share) -> np.ndarray:
    """The largest number (D,) whose rounding is left in what a unit of share is worth: the rate, or, of few ratios, no more than
    what their series says."""
    return np.minimum(np.sum(worth * bands.slopes(x)[0], axis=2), 2 / FEW * by_share).max(axis=1)


def least_power(bands: Bands, shares, multipliers, x, free: Restriction = _FREE) -> np.ndarray:
    r"""A lower bound (D,) on the power that the floors need: the best of two.

    Alone with the whole bandwidth (with the fixed share) a user needs the power that inverts its rate in closed form; and
    any multipliers :math:`\lambda'` give :math:`\Pi \ge (\sum\lambda' f - \max_k G_{k,\beta})/\max_k G_{k,\pi}`. For these,
    :math:`\lambda` and :math:`1 + \lambda` on the floors that have a price are tried. Each difference is widened by what
    rounding may have added to it: next to the clutter's limit, and to the margin's, nothing else is left of it.
    """
    band = np.ones_like(shares) if free.shares else shares
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        exponent = bands.floors / band[..., None]
        need = np.expm1(exponent) * (1 - _ROUNDING * (1 + exponent))
        masked = bands.clutter * need[..., 0]
        echo = need[..., 0] / (bands.radar - masked + _ROUNDING * (bands.radar + masked))
        link = need[..., 1] / bands.link
    wanted = bands.floors > 0
    echo = np.where(wanted[..., 0], np.where(echo > 0, echo, np.inf), 0.0)  # beyond the clutter's limit: no power is enough
    alone = np.sum(band * np.maximum(echo, np.where(wanted[..., 1], link, 0.0)), axis=1)
    unpaid = replace(bands, weights=np.zeros_like(bands.weights))
    best = alone
    for trial in (multipliers, np.where(multipliers > 0, 1 + multipliers, 0.0)):
        by_share, by_power = marginal_values(unpaid, x, trial)
        saved = by_share.max(axis=1) if free.shares else np.sum(by_share * shares, axis=1)
        steepest = by_power.max(axis=1)
        paid = np.sum(trial * bands.floors, axis=(1, 2))
        gained = paid - saved - _ROUNDING * (paid + _cancelled(bands, x, trial, by_share))
        best = np.maximum(best, np.where(steepest > 0, gained / np.where(steepest > 0, steepest, 1.0), 0.0))
    return best * (1 - _ROUNDING)


@np.errstate(all="ignore")
def touching_density(bands: Bands, multipliers, power_price) -> np.ndarray:
    r"""Power density (D, K) at which a watt is worth exactly the price to each user (0 where even the first is not).

    It solves :math:`\sum_j (w_k + \lambda_{kj})\,r_{kj}'(x) = \mu` by bisection in :math:`\ln x`, safe at any scale: the
    left side falls, and is at most :math:`\sum_j (w_k + \lambda_{kj})/x`.
    """
    worth = bands.weights[..., None] + multipliers
    price = np.maximum(np.asarray(power_price, dtype=float), 1e-290)[..., None]
    by_sensing, by_link = np.moveaxis(worth, 2, 0)
    both = bands.radar + bands.clutter

    def paid(x):
        sensing, link = first_slopes(bands.radar, bands.link, 1 + bands.clutter * x, 1 + both * x, x)
        return by_sensing * sensing + by_link * link

    high = np.log(np.maximum(worth.sum(axis=2) / price, 1e-290))
    low = np.full_like(high, -680.0)
    for _ in range(64):
        middle = 0.5 * (low + high)
        above = paid(np.exp(middle)) > price
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(paid(0.0) > price, np.exp(0.5 * (low + high)), 0.0)


@np.errstate(all="ignore")
def closing_density(bands: Bands, multipliers, share_price) -> np.ndarray:
    r"""Power density (D, K) at which a share is worth exactly the price to each user, as far as doubles go.

    It solves :math:`\sum_j (w_k + \lambda_{kj})\,(r_{kj}(x) - x r_{kj}'(x)) = \nu` by bisection in :math:`\ln x`: the left side
    rises, since :math:`r` is concave. Where powers are fixed, the share of a user that has next to none says nothing of it.
    """
    worth, price = bands.weights[..., None] + multipliers, np.asarray(share_price, dtype=float)[..., None]
    low, high = np.full_like(bands.weights, -680.0), np.full_like(bands.weights, 680.0)
    for _ in range(64):
        middle = 0.5 * (low + high)
        above = np.sum(worth * bands.tangents(np.exp(middle))[0], axis=2) > price
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.exp(low)
