r"""The optimum where the sidelobe limit lies next to Dolph's least level: the scale of everything is known there.

With :math:`r = L(1+\delta)` (:mod:`isaclib.ofdm_ranging.window`) and :math:`\delta \to 0`, allowed shares are Dolph's window and
a little more: an even part of order :math:`\delta` and an odd one of order :math:`\sqrt\delta`. The multipliers grow as
:math:`1/\sqrt\delta`, and a solver in plain coordinates loses half of its digits. Those of Chebyshev's theorem are known: at the
K extremal delays :math:`u_k` of the window (signs :math:`\sigma_k`) there are :math:`\zeta_k > 0` with

.. math:: \sum_k \sigma_k \zeta_k \cos\tfrac{2\pi (n-n_c) u_k}{N} = 1 \quad\text{for all carriers n},\qquad \sum_k \zeta_k = 1/L .

(Lagrange's interpolation of even outputs at the K delays, taken at u = 0, and Dolph's window put into it.) Multipliers
:math:`z_k = \sigma_k (s\zeta_k + \rho_k) + j\eta_k` add to carrier n's utility, without cancellation,

.. math:: b_n = s\delta + r\sum_k \bigl(|z_k| - s\zeta_k\bigr) - \sum_k \sigma_k\rho_k\cos_{nk} - \sum_k \eta_k \sin_{nk} :

with :math:`b_n` priced water-filling bounds the utility for any s, :math:`\rho` and :math:`\eta` (and the price :math:`\beta` of
a CRB limit beside). Those that make given shares stationary follow by interpolation. Where they are right, :math:`y(u_k) = r
z_k/|z_k|`, which determines the shares (by interpolation again), and these sum to 1 for one s. Shares and multipliers in turn
settle in a few steps.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from . import pulse as pulses
from .cuts import Outcome, Problem, mended
from .waterfilling import priced_bound
from .window import dolph_shares, least_sidelobe_level

METHOD = "interpolation beside Dolph's window"
_NEAREST, _FARTHEST = 1e-13, 1e-3  # of the limit above the least level, relative: assumed at least, tried at most
_ROUNDING = 1e-14  # relative, of the closed form for the least level
_LEVEL, _MOST = 4e-15, 1e-9  # rounding of a level relative to the main lobe; of a limit, relative, at most
_DEEPEST = 1e-10  # level below which the rounding of the powers shows
_ROOM, _ROOM_SHARE = 1e-13, 0.01  # relative room of the interpolated level; at most this share of what there is
_ENOUGH = 1e-7  # relative gap that ends the search
_ACCEPTED = 5e-7  # relative gap of an answer
_SETTLED = 1e-12  # change of the shares or of the centroid that counts as none
_ALLOWED = 1e-12  # relative excess of a limit that is none
_NEVER = 1e-300
_ROUNDS, _TURNS, _HALVINGS, _DOUBLINGS = 6, 40, 60, 100
_CHEAPEST, _DEAREST = 1e-6, 1e12  # prices of the moment limit that are tried, in nats


@dataclass(frozen=True)
class _Nodes:
    """The window's extremal delays and what interpolation there takes: functions of the carriers and the start alone."""

    signs: np.ndarray
    weights: np.ndarray  # zeta
    cosines: np.ndarray  # (n, k) for carriers from the middle up
    sines: np.ndarray


def _nodes(count: int, start: float) -> _Nodes:
    order = count - 1
    steps = np.arange(order // 2 + 1)
    delays = count / math.pi * np.arccos(np.cos(math.pi * start / count) * np.cos(math.pi * steps / order))
    upper = pulses.centred_carriers(count)[count // 2 :]
    angles = 2 * math.pi / count * np.outer(upper, delays)
    signs = (-1.0) ** steps
    cosines = np.cos(angles)
    return _Nodes(signs, signs * np.linalg.solve(cosines, np.ones(upper.size)), cosines, np.sin(angles))


@dataclass(frozen=True)
class _Point:
    """Shares and multipliers that belong together: s, rho and eta (K,), the moment's price and the centroid it is taken about."""

    x: np.ndarray
    scale: float
    rho: np.ndarray
    eta: np.ndarray
    price: float
    centroid: float


class _Edge:
    """One problem at the edge: multipliers for shares, shares for multipliers."""

    def __init__(self, problem: Problem, gains: np.ndarray, least: float, window: np.ndarray) -> None:
        count, level = problem.carriers, problem.regions[0].level
        self.gains, self.level, self.least, self.slack = gains, level, least, problem.slack
        self.delta = max(level / least - 1, 0.0)
        room = min(_ROOM_SHARE * self.delta, _ROOM + 4e-16 / least)
        self.rise = max(self.delta - room, _NEAREST)
        self.nodes = _nodes(count, problem.regions[0].start)
        self.carriers = pulses.centred_carriers(count)
        self.copies = np.where(self.carriers[count // 2 :] > 0, 2.0, 1.0)  # carriers that an even entry stands for
        self.odd = slice(count % 2, None)  # the middle carrier has no odd part
        self.used = slice(0, count // 2)  # nor has the delay N/2, where it is one of the window's
        # The window's rounding shows at deep levels: interpolated once more.
        missed = self.nodes.signs * least - self.nodes.cosines.T @ (self.copies * window[count // 2 :])
        self.window = window + self._unfolded(np.linalg.solve(self.nodes.cosines.T, missed) / self.copies, 0.0)
        if self.slack is not None:
            self.lever = (self.carriers[-1] ** 2 - self.carriers**2) / self.slack
            self.lean = 2 * self.carriers / self.slack
            self.pull = self._fitted(self.lean)[1]

    def _fitted(self, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """rho and eta (K,) that balance a slope (N,) of the utility, up to a constant on all carriers."""
        nodes, half = self.nodes, self.carriers.size // 2
        upper, lower = slope[half:], slope[::-1][half:]
        rho = nodes.signs * np.linalg.solve(nodes.cosines, 0.5 * (upper + lower) - float(slope @ self.window))
        eta = np.zeros(rho.size)
        eta[self.used] = np.linalg.solve(nodes.sines[self.odd, self.used], 0.5 * (upper - lower)[self.odd])
        return rho, eta

    def _lost(self, scale: float, rho: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """1 - (s zeta + rho)/|z| and |z| (K,)."""
        along = scale * self.nodes.weights + rho
        size = np.hypot(along, eta)
        return eta**2 / np.maximum(size * (size + along), _NEVER), size

    def _scale(self, rho: np.ndarray, eta: np.ndarray) -> float:
        """The s at which the interpolated shares sum to 1."""
        weights, wanted = self.nodes.weights * self.least, self.rise / (1 + self.rise)
        low, gap = max(float((-rho / self.nodes.weights).max()), 0.0), 1.0
        for _ in range(_DOUBLINGS):
            if weights @ self._lost(low + gap, rho, eta)[0] <= wanted:
                break
            gap *= 4.0
        high = low + gap
        for _ in range(_HALVINGS):
            trial = 0.5 * (low + high)
            low, high = (low, trial) if weights @ self._lost(trial, rho, eta)[0] <= wanted else (trial, high)
        return high

    def _shares(self, scale: float, rho: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """The window changed by what brings y to ``level z/|z|`` at its extremal delays."""
        nodes, level = self.nodes, self.least * (1 + self.rise)
        lost, size = self._lost(scale, rho, eta)
        even = np.linalg.solve(nodes.cosines.T, nodes.signs * (self.least * self.rise - level * lost)) / self.copies
        odd = np.zeros(even.size)
        odd[self.odd] = 0.5 * np.linalg.solve(
            nodes.sines[self.odd, self.used].T, (level * eta / np.maximum(size, _NEVER))[self.used]
        )
        shares = self.window + self._unfolded(even, odd)
        return shares / shares.sum()

    def _unfolded(self, even: np.ndarray, odd: np.ndarray | float) -> np.ndarray:
        """Values (N,) of an even and an odd part on the carriers from the middle up."""
        return np.concatenate([(even - odd)[::-1], (even + odd)[self.carriers.size % 2 :]])

    def at(self, price: float) -> _Point:
        """Shares and multipliers for a price of the moment limit, in turn until they settle."""
        x, centroid = self.window, 0.0
        for _ in range(_ROUNDS):
            slope = self.gains / (1 + self.gains * x)
            if not price:
                rho, eta = self._fitted(slope)
                scale = self._scale(rho, eta)
            else:
                rho, free = self._fitted(slope - price * self.lever)
                for _ in range(_TURNS):
                    before, eta = centroid, free - price * centroid * self.pull
                    scale = self._scale(rho, eta)
                    pull = self.level * self.pull / self._lost(scale, rho, eta)[1]
                    centroid = float(pull @ free) / (price * float(pull @ self.pull) + 2 / self.slack)
                    if abs(centroid - before) <= _SETTLED * self.carriers[-1]:
                        break
                eta = free - price * centroid * self.pull
            before, x = x, self._shares(scale, rho, eta)
            if np.abs(x - before).max() <= _SETTLED * x.max():
                break
        return _Point(x, scale, rho, eta, price, centroid)

    def bound(self, point: _Point) -> float:
        """Upper bound on the utility in nats; the closed form's rounding is counted against it."""
        nodes, along = self.nodes, point.scale * self.nodes.weights
        size = np.hypot(along + point.rho, point.eta)
        grown = (point.rho * (2 * along + point.rho) + point.eta**2) / (size + along)
        reward = self._unfolded(nodes.cosines @ (nodes.signs * point.rho), nodes.sines @ point.eta)
        bonus = point.scale * (self.delta + _ROUNDING) + self.level * float(grown.sum()) - reward
        if point.price:
            about = 1 + point.centroid**2 / self.slack - self.lever - point.centroid * self.lean
            bonus = bonus + point.price * about
        return priced_bound(self.gains, bonus)


def beside_the_least_level(problem: Problem, gains: np.ndarray) -> Outcome | None:
    """The optimum under a sidelobe limit at Dolph's level, the window itself being allowed; None where that is not the case, or
    where this is not the whole story (another limit holds with equality, too).
    """
    count = problem.carriers
    if not problem.regions or problem.regions[0].stop < 0.5 * count:
        return None
    least = least_sidelobe_level(count, problem.regions[0].start)
    if least < _DEEPEST or problem.regions[0].level > least * (1 + _FARTHEST):
        return None
    began, window = time.perf_counter(), dolph_shares(count, problem.regions[0].start)
    excesses = problem.excesses(window)
    if excesses.max() > _ALLOWED:
        return None
    margins = np.minimum(excesses, 0.0)
    edge = _Edge(problem, gains, least, window)
    rounding = min(_LEVEL / least, _MOST) if edge.rise <= edge.delta else 0.0
    best, found, bound, over = window, float(np.log1p(gains * window).sum()), math.inf, 0.0

    def tried(price: float) -> float:
        nonlocal best, found, bound, over
        point = edge.at(price)
        bound = min(bound, edge.bound(point))
        if point.x.min() < 0:
            return math.nan
        excess = problem.excesses(point.x)
        over = float(excess.max())
        x = mended(point.x, window, excess, margins) if over > rounding else point.x
        worth = float(np.log1p(gains * x).sum())
        if worth > found:
            best, found = x, worth
        return float(excess[-1])

    excess = tried(0.0)
    if problem.slack is not None and bound - found > _ENOUGH * found and excess > 0:
        low, high = math.log(_CHEAPEST), math.log(_DEAREST)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            excess = tried(math.exp(middle))
            if bound - found <= _ENOUGH * found or not math.isfinite(excess):
                break
            low, high = (middle, high) if excess > 0 else (low, middle)
    converged = bound - found <= _ACCEPTED * found
    history = ((found, over, time.perf_counter() - began),)
    return Outcome(best, bound, True, converged, over, 1, history, METHOD)
