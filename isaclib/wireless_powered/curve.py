r"""The curve :math:`p(s)` on which every optimum of (P1) lies, for D scenarios at once.

For a throughput R put :math:`s = W t_0 / R` (charging time in units of the time that carries R at 1 bit/s/Hz). With
:math:`a_m = h_{0,m}/\sigma^2`, :math:`c_m = \zeta_m h_{0,m} p_0`, :math:`k_m = a_m c_m` and
:math:`r_m(p) = \log_2(1 + a_m p)`, user m needs :math:`t_m = R / (W r_m)` seconds, and energy causality reads
:math:`p_m / r_m(p_m) \le s\,c_m`. Its left side increases with :math:`p_m`, so the most that user m can use is

.. math:: p_m(s) = \min(P_{\max}, \bar p_m(s)), \qquad \bar p_m / r_m(\bar p_m) = s\,c_m,

and the whole frame takes :math:`R\,G(s)/W` seconds with the convex function

.. math:: G(s) = s + \sum_m \frac{1}{r_m(p_m(s))}, \qquad
    G'(s) = 1 - \sum_{m\ \text{not capped}} \frac{k_m}{(1 + x_m) \ln(1 + x_m) - x_m}, \quad x_m = a_m p_m(s).

A root needs :math:`s > s_{low} = \max_m \ln 2 / k_m`. The search variable is :math:`z = \ln(s/s_{low} - 1)`: in it the
logarithms of the slope and of the CRB are nearly straight lines, and nothing is lost next to :math:`s_{low}`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..foundations.scalar_search import Bracket, sign_change, sign_change_by_interpolation
from ..foundations.scenario import Batch
from .sensing import Rows, Sensing

_LN2 = float(np.log(2.0))
_SMALL = 1e-2  # below it closed forms cancel; the Taylor series used there are exact to rounding
_NEWTON_STEPS = 2  # each maps an error e to at most e^2/12, and the starting formula is good to 0.005
TOLERANCE = 1e-11  # of z: a relative accuracy of s, and so of R
_REACH = 1e-8
_TINY = 1e-5


def log_snr_of_load(log_load: np.ndarray, steps: int = _NEWTON_STEPS) -> np.ndarray:
    r"""Solve :math:`(e^L - 1)/L = y` for :math:`L > 0`, given :math:`w = \ln y > 0`; elementwise.

    :math:`\kappa(L) = \ln((e^L - 1)/L)` is the cumulant function of a uniform random variable: convex, with a slope between
    1/2 and 1, so Newton's method converges from anywhere, and from this start in two steps.
    """
    w = np.maximum(log_load, _TINY)  # rounding may leave 0, where Newton's method divides by it
    L = w + np.log(1 + w + np.log(1 + w * w / (6 + 2 * w)))
    for _ in range(steps):
        decay, inverse = -np.expm1(-L), 1 / L
        L = L - (L - w + np.log(decay * inverse)) / (1 / decay - inverse)
    if (w := log_load).min() < _SMALL:
        series = w * (2 - w * (1 / 3 - w * (1 / 9 - w * (19 / 540 - w * (17 / 1620 - w * 13 / 4536)))))
        L = np.where(w < _SMALL, series, L)
    return L


def load_curvature(log_snr: np.ndarray, snr: np.ndarray | None = None) -> np.ndarray:
    r""":math:`\psi = (1 + x)\ln(1 + x) - x = e^L(L - 1) + 1`, elementwise; ``snr`` is x where it is known already."""
    L = log_snr
    x = np.expm1(L) if snr is None else snr
    value = (1 + x) * L - x
    if L.min() < _SMALL:
        series = L**2 * (1 / 2 + L * (1 / 3 + L * (1 / 8 + L * (1 / 30 + L * (1 / 144 + L / 840)))))
        value = np.where(L < _SMALL, series, value)
    return value


class Point(NamedTuple):
    r"""The curve at one s per lane: powers_w and log_snr (..., D, M); s, beyond, total = G and pull = 1 - G' (..., D).

    ``beyond`` is :math:`s - s_{low}`, of which s itself may keep no digit.
    """

    s: np.ndarray
    beyond: np.ndarray
    log_snr: np.ndarray
    powers_w: np.ndarray
    total: np.ndarray
    pull: np.ndarray

    @property
    def slope(self) -> np.ndarray:
        """:math:`G'(s)`."""
        return 1 - self.pull

    @property
    def rates(self) -> np.ndarray:
        """:math:`r_m` in bit/s/Hz."""
        return self.log_snr / _LN2


class Curve:
    r"""The curve of D scenarios with M users and N targets each.

    Parameters
    ----------
    batch : Batch or Rows
    capped : bool
        Whether :math:`P_{\max}` limits the powers.
    """

    def __init__(self, batch: Batch | Rows, *, capped: bool = True) -> None:
        self.harvest = batch.harvest_efficiency * batch.gain_bs_user * batch.bs_power_w[:, None]
        self.snr_per_w = batch.gain_bs_user / batch.noise_w[:, None]
        self.k = self.snr_per_w * self.harvest
        cap = batch.max_power_w[:, None] if capped else np.inf
        self.max_power = np.zeros_like(self.k) + cap
        max_snr = self.snr_per_w * self.max_power
        self.max_log_snr = np.log1p(max_snr)
        weakest = self.k.min(axis=1)
        self.s_low = _LN2 / weakest
        self._log_k_ratio = np.log(self.k / weakest[:, None])
        # Below x_low the weakest user alone makes G' < 0: psi(x) <= x^2/2 < k there, and nobody is capped. Padé's
        # ln(1+x) <= x(6+x)/(6+4x) turns x_low into a z that is no larger than the one of x_low.
        x_low = 0.5 * np.sqrt(2 * weakest)
        if capped:
            x_low = np.minimum(x_low, 0.5 * max_snr.min(axis=1))
        self.z_low = np.log(3 * x_low / (6 + x_low))

    def z_all_capped(self) -> np.ndarray:
        r"""A z at which every user transmits with :math:`P_{\max}` (D,)."""
        s_cap = (self.max_power / (self.harvest * self.max_log_snr / _LN2)).max(axis=1)
        return np.log(s_cap * (1 + 1e-9) / self.s_low - 1 + 1e-9)  # 1e-9: strictly beyond the last cap in spite of rounding

    def at(self, z: np.ndarray, newton_steps: int = _NEWTON_STEPS) -> Point:
        """The point :math:`p(s)` with G and G'; leading axes of z (..., D) are several points of the same lanes."""
        excess = np.exp(z)
        beyond = self.s_low * excess
        s = self.s_low + beyond
        L = log_snr_of_load(self._log_k_ratio + np.log1p(excess)[..., None], newton_steps)
        x = np.expm1(L)
        pull = ((self.max_log_snr > L) * self.k / load_curvature(L, x)).sum(axis=-1)
        powers = np.minimum(x / self.snr_per_w, self.max_power)
        L = np.minimum(L, self.max_log_snr)
        return Point(s, beyond, L, powers, s + _LN2 * (1 / L).sum(axis=-1), pull)


def locate(curve: Curve, excess: Callable[[Point], np.ndarray], high: np.ndarray) -> tuple[Bracket, Point, Point]:
    """Where ``excess`` of the point changes its sign between ``curve.z_low`` and ``high``, with the points on both sides."""
    both = None
    with np.errstate(divide="ignore", invalid="ignore"):  # ln 0 where every user is capped; infinite CRBs without a limit
        if len(high) > 1:
            bracket = sign_change(lambda z: excess(curve.at(z)), curve.z_low, high, tolerance=TOLERANCE)
            both = curve.at(np.stack([bracket.low, bracket.high]))
        else:

            def values(z, newton_steps=_NEWTON_STEPS):
                nonlocal both
                both = curve.at(z[:, None], newton_steps)
                return excess(both)[:, 0]

            rough = partial(values, newton_steps=0)
            bracket = sign_change_by_interpolation(values, curve.z_low[0], high[0], rough=rough, tolerance=TOLERANCE)
    return bracket, Point(*(part[-2] for part in both)), Point(*(part[-1] for part in both))


def settle(
    curve: Curve, z: np.ndarray, left: Point, proven: Callable[[Point], np.ndarray], reach: float
) -> tuple[Point, np.ndarray]:
    """Move the left ends of brackets until their infeasibility is proven in spite of rounding.

    A left end counts where G decreases there, or where ``proven`` says that it is infeasible. The others are moved to the left
    in growing steps, by at most ``reach``. Returns the ends, and which of them still prove nothing.
    """
    weak, step = (left.slope >= 0) & ~proven(left), TOLERANCE
    while weak.any() and step <= reach:
        trial = curve.at(np.maximum(z - step, curve.z_low))
        done = weak & ((trial.slope < 0) | proven(trial))
        parts = zip(trial, left, strict=True)
        left = Point(*(np.where(done if new.ndim == 1 else done[:, None], new, old) for new, old in parts))
        weak, step = weak & ~done, 8 * step
    return left, weak


def tangent_bound(left: Point, right: Point) -> np.ndarray:
    r"""Least value that convexity allows for G on :math:`[s_\alpha, s_\beta]`, given values and slopes at both ends."""
    length, rise = right.beyond - left.beyond, np.maximum(left.pull - right.pull, np.finfo(float).tiny)
    crossing = (left.total - right.total + right.slope * length) / rise
    least = left.total + np.minimum(left.slope, 0.0) * np.minimum(np.maximum(crossing, 0.0), length)
    return np.minimum(least, right.total)  # G takes this value: only rounding can put the bound above it


def search_limits(
    batch, sensing: Sensing, limit: np.ndarray, full: np.ndarray, dtype: type
) -> tuple[Sensing, float, Callable[[np.ndarray], np.ndarray]]:
    """What a search needs to know about the CRB limits (D,) of lanes that meet them at the powers ``full``.

    Returns the CRBs in the given precision; by how much of the search variable a bracket may be widened before more digits are
    asked for; and the function powers (..., D, M) -> worst CRB over its limit (..., D), which is nan for an infinite CRB without
    a limit, and at most 1 at ``full`` however it rounds there.
    """
    if dtype is float:
        wide, reach, crb, rounding = sensing, _REACH, sensing.quick_crb, 1e-13
    else:
        wide = Sensing(batch, batch.bs_power_w, dtype)
        reach, crb, rounding = np.inf, wide.crb, 8 * float(np.finfo(dtype).eps)
    with np.errstate(divide="ignore", invalid="ignore"):
        least = crb(full).max(axis=1) * (1 + rounding)
    limit = np.maximum(limit, np.where(np.isfinite(limit), least, 0.0))
    return wide, reach, lambda powers: crb(powers).max(axis=-1) / limit
