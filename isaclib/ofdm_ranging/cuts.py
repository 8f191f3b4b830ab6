r"""Semi-infinite level limits met by cuts at the peaks, with second-order cuts for quadratic convergence.

In shares :math:`x = p/P`, :math:`\mathbf 1^{\mathsf T}x = 1`, a region of delays is limited by :math:`\max_u |y(x,u)| \le
r`. A cut at one delay is the quadratic :math:`|y(x,u_k)|^2 \le r^2`. Plain cuts bracket a peak from both sides and
converge linearly. Near a peak of the last iterate :math:`\hat x`, where :math:`s = |y|^2` has slope 0, the value of the
*moving* peak is to second order

.. math:: \max_u s(x,u) \approx s(x,u_k) + \frac{(\partial_u s(x,u_k))^2}{-2\,\partial_u^2 s(\hat x,u_k)},

and with :math:`\partial_u s` linearised about :math:`\hat x` the second term is one more square of a linear form: a third
row of the quadratic. Iterating is Newton's method on the optimality conditions, so that four or five rounds bring the
overshoot to rounding level.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from . import pulse as pulses
from .interior_point import Iterate, Point, minimise
from .rows import Rows
from .waterfilling import priced_bound, waterfill_shares

ROOM = 1e-10  # limits are met with this relative room, so that rounding cannot violate them
_LOOSENED, _LESS = (-1e-8, -1e-6), 1e-3
TIGHT = 1e-3  # room of the reference below which the search starts from it
_GRID_STEP = 0.5  # of the first round, in 1/bandwidth: two delays per sidelobe
_LEAST_BEND = 0.05  # curvature of |y|^2 over |y|^2 (a sidelobe has about 4 pi^2) below which a peak is too flat to be followed
_DEEP = 0.03  # levels below it start from the reference: water-filling is orders of magnitude away
_SCHEDULE, _FINAL = (
    (1e-3, 1e-5),
    1e-8,
)  # duality measures relative to the utility: first rounds, the rest
_UTILITY_GAP = (3e-8, 5e-7)  # relative, between the certified bound and the utility: aimed at, and accepted when rounds drag on
_PATIENCE, _ENOUGH = 6, 3  # rounds before plain cuts are all kept; rounds without progress before other rooms are tried
_IDLE = 1e-9  # progress, relative to water-filling, that does not count as any
_NEVER = 1e-300
PHASES = 4.5e-16  # rounding of a phase, per carrier: phases reach pi N / 2
_ITERATIONS, _WARM_ITERATIONS = 60, 25
_WARM_SHARE, _WARM_GAPS = 0.01, (1e-8, 1e-2)  # duality measure to begin at, over the last overshoot; its range


@dataclass(frozen=True)
class Region:
    """Delays in [start, stop] (1/bandwidth) whose level must not exceed ``level``."""

    start: float
    stop: float
    level: float


@dataclass(frozen=True)
class Problem:
    """Regions, the moment limit's slack in carriers^2 (see :mod:`isaclib.ofdm_ranging.rows`; None: no limit), search grid."""

    carriers: int
    regions: tuple[Region, ...]
    slack: float | None
    oversampling: int

    def loosened(self, excesses: np.ndarray) -> Problem:
        """The limits that are exceeded by these shares of them (in the order of :meth:`excesses`), raised so far."""
        up = 1 + np.maximum(excesses, 0.0) * (1 + 1e-6)
        regions = tuple(replace(region, level=region.level * by) for region, by in zip(self.regions, up, strict=False))
        return replace(self, regions=regions, slack=None if self.slack is None else self.slack * up[-1])

    def excesses(self, x: np.ndarray) -> np.ndarray:
        """Relative excess of every region's level and of the moment limit over its slack, at shares x."""
        found = [pulses.peak_level(x, r.start, r.stop, self.oversampling) / r.level - 1 for r in self.regions]
        if self.slack is not None:
            found.append(moment_loss(x) / max(self.slack, _NEVER) - 1)
        return np.array(found)


def moment_loss(x: np.ndarray) -> float:
    r""":math:`R^2` less the centred second moment of shares x, in carriers^2, without cancellation."""
    carriers = pulses.centred_carriers(x.size)
    return float((carriers[-1] ** 2 - carriers**2) @ x + (carriers @ x) ** 2)


@dataclass(frozen=True)
class Outcome:
    """Shares, certified upper bound on the utility (nats), whether they meet the limits, and whether the bound is near, too;
    relative overshoot of the last round, rounds, (utility, overshoot, seconds) per round, what found them.
    """

    shares: np.ndarray
    bound: float
    found: bool
    converged: bool
    overshoot: float
    rounds: int
    history: tuple[tuple[float, float, float], ...]
    method: str = "interior point with cuts at violated delays"


def maximise_utility(
    problem: Problem,
    gains: np.ndarray,
    *,
    start: np.ndarray,
    reference: np.ndarray | None = None,
    near: np.ndarray | None = None,
    max_rounds: int = 40,
) -> Outcome:
    r"""Maximise :math:`\sum_n \log(1 + g_n x_n)` over shares under the problem's limits.

    Parameters
    ----------
    start : (N,)
    reference : (N,), optional
        Shares that meet every limit with room to spare: iterates that violate a limit are mixed with them until they do not
        (the limits are convex), so that every round ends with an allowed allocation.
    near : (N,), optional
        Shares near the optimum, that of nearly the same limits: the first round cuts at their peaks.
    """
    began = time.perf_counter()
    most = float(np.log1p(gains * waterfill_shares(gains)).sum())
    margins = None if reference is None else np.minimum(problem.excesses(reference), 0.0)
    rooms = _rooms(margins)
    state = Rounds(problem, start if margins is None or -margins.max(initial=-1.0) > TIGHT else reference)
    best, found, bound, overshoot, history = start, -math.inf, most, math.inf, []
    if reference is not None:
        best, found = reference, float(np.log1p(gains * reference).sum())
    idle, tried, nearest = 0, 0, math.inf
    if near is not None:
        state, tried = Rounds(problem, near), len(_SCHEDULE)
        state.exchange(near)
    while len(history) < max_rounds:
        utility = float(np.log1p(gains * state.x).sum())
        tolerance = _SCHEDULE[tried] if tried < len(_SCHEDULE) else _FINAL * max(utility / most, 1e-3)
        point = state.solve(gains, reference, rooms[0], tolerance, 1.0 / most)
        if point is None or idle >= _ENOUGH:
            rooms, tried, idle, nearest = rooms[1:], 0, 0, math.inf
            if not rooms:
                break
            state = Rounds(problem, reference, patience=0)
            continue
        x = point.z / point.z.sum()
        proven = utility_bound(problem, gains, x, state, point.multipliers * most)
        excess = state.exchange(x)
        overshoot = float(excess.max(initial=-math.inf))
        utility = float(np.log1p(gains * x).sum())
        history.append((utility, overshoot, time.perf_counter() - began))
        candidate = x if overshoot <= 0 else mended(x, reference, excess, margins)
        worth = -math.inf if candidate is None else float(np.log1p(gains * candidate).sum())
        progress = proven < bound - _IDLE * most or worth > found + _IDLE * most or overshoot < 0.5 * nearest > 0
        idle, nearest = 0 if progress else idle + 1, min(nearest, overshoot)
        bound = min(bound, proven)
        if worth > found:
            best, found = candidate, worth
        tried += 1
        if bound - found <= _UTILITY_GAP[tried > _PATIENCE] * found:
            return Outcome(best, bound, True, True, overshoot, len(history), tuple(history))
    return Outcome(best, bound, math.isfinite(found), False, overshoot, len(history), tuple(history))


def better(gains: np.ndarray, one: Outcome, other: Outcome) -> Outcome:
    """Two searches for the same optimum: the better shares, and the lower bound."""
    worth = [float(np.log1p(gains * each.shares).sum()) if each.found else -math.inf for each in (one, other)]
    return replace(one if worth[0] >= worth[1] else other, bound=min(one.bound, other.bound))


def _rooms(margins: np.ndarray | None) -> tuple[float, ...]:
    """Rooms to try in turn. Steep multipliers charge even a small room, so the next is smaller. Where even the reference has next
    to none, the limits are loosened instead: the iterates are mixed back, and the bounds, which hold for the limits as they are,
    lose little.
    """
    if margins is None:
        return (ROOM,)
    room = -float(margins.max(initial=-1.0))
    first = min(ROOM, 0.1 * room) if room > ROOM else -ROOM
    return (first, _LESS * first, *_LOOSENED)


def mended(x: np.ndarray, reference: np.ndarray | None, excess: np.ndarray, margins: np.ndarray | None) -> np.ndarray | None:
    """The mixture of x and the reference that is nearest to x and keeps every limit, by their convexity."""
    if margins is None:
        return None
    over = excess > 0
    share = (excess[over] / np.maximum(excess[over] - margins[over], _NEVER)).max(initial=0.0)
    return (1 - share) * x + share * reference if share < 1 else reference


class Rounds:
    """The cuts at hand: plain ones (``pools``) and, at the peaks of the last iterate, curved ones."""

    def __init__(self, problem: Problem, x: np.ndarray, patience: int = _PATIENCE) -> None:
        self.problem, self.step, self.x, self.patience = problem, 0, x, patience
        self.pools = [first_delays(region) for region in problem.regions]
        self.peaks = [np.empty(0) for _ in problem.regions]
        self.used = (self.pools, self.peaks)
        self.last: Point | None = None
        self.overshoot, self.curved = 1.0, False

    def solve(self, gains, reference, room: float, tolerance: float, weight: float):
        """One program; far from the optimum the curved cuts may contradict each other, then with plain ones. None: failed.

        It begins where the last program's path was when its duality measure was about what the cuts have moved since; where
        that leads nowhere, afresh.
        """
        count, x = self.problem.carriers, self.x
        deep = reference is not None and min((r.level for r in self.problem.regions), default=1.0) < _DEEP
        even = np.full(count, 1.0 / count)
        start = reference if deep and self.step == 0 else 0.9 * x + 0.1 * (reference if deep else even)
        before = self.used
        ways = ((True, True), (True, False), (False, False)) if self.step else ((False, False),) * (1 + deep)
        for way, (curved, again) in enumerate(ways):
            rows = self.rows(x, curved, room)
            warm, most = (self._warm(rows, before), _WARM_ITERATIONS) if again else (None, _ITERATIONS)
            if again and warm is None:
                continue
            if way and not self.step:  # a reference of shares down to nothing may lead nowhere
                start = even
            self.last = minimise(rows, gains, start, tolerance=tolerance, weight=weight, max_iterations=most, warm=warm)
            if self.last.converged:
                self.curved = curved
                return self.last
        return None

    def _warm(self, rows: Rows, before) -> Iterate | None:
        """A point of the last program's path, the multipliers of the cuts ``before`` added to those of the nearest peaks now."""
        if self.last is None:
            return None
        path, wanted = self.last.path, np.clip(_WARM_SHARE * abs(self.overshoot), *_WARM_GAPS)
        begin = next((each for each in reversed(path) if each.gap >= wanted), path[0])
        known, multipliers, old, new = begin.v[rows.size :], np.zeros(rows.total), 0, 0
        for pool, peak, pool_now, peak_now in zip(*before, self.pools, self.peaks, strict=True):
            delays = np.concatenate([pool, peak])
            first, last = new + pool_now.size, new + pool_now.size + peak_now.size
            if peak_now.size:
                nearest = np.abs(np.subtract.outer(delays, peak_now)).argmin(axis=1)
                multipliers[first:last] = np.bincount(nearest, known[old : old + delays.size], peak_now.size)
            old, new = old + delays.size, last
        if rows.slack is not None:
            multipliers[-1] = known[-1]
        return Iterate(begin.w, np.concatenate([begin.v[: rows.size], multipliers]), begin.price, begin.gap)

    def rows(self, x: np.ndarray, curved: bool = True, room: float = ROOM) -> Rows:
        """All limits at hand."""
        self.used = (self.pools, self.peaks)
        delays, scales, where, position = [np.empty(0)], [np.empty(0)], [np.empty(0, dtype=int)], 0
        for region, pool, peak in zip(self.problem.regions, self.pools, self.peaks, strict=True):
            size = pool.size + peak.size
            delays.append(np.concatenate([pool, peak]))
            scales.append(np.full(size, region.level * (1 - room)))
            if curved:
                where.append(np.arange(position + pool.size, position + size))
            position += size
        at, limits, peaked = np.concatenate(delays), np.concatenate(scales), np.concatenate(where)
        third = _curvature_rows(x, at[peaked], self.problem.carriers) / limits[peaked, None]
        bent = third.any(axis=1)
        slack = None if self.problem.slack is None else self.problem.slack * (1 - room)
        return Rows(self.problem.carriers, at, limits, third[bent], peaked[bent], slack)

    def exchange(self, x: np.ndarray) -> np.ndarray:
        """New curved cuts at the peaks of x; plain cuts near the limit stay (all of them, should the rounds begin to cycle).

        Returns the excesses of :meth:`Problem.excesses`.
        """
        excesses, pools, peaks = [], [], []
        for region, pool, old in zip(self.problem.regions, self.pools, self.peaks, strict=True):
            u, levels = pulses.peaks(x, region.start, region.stop, self.problem.oversampling, above=0.3)
            excesses.append(float(levels.max() / region.level - 1))
            kept = np.abs(pulses.pulse(x, pool)) > (0.5 if self.step < self.patience else 0.0) * region.level
            grown = np.concatenate([pool[kept], old]) if self.step >= 2 else pool[kept]
            pools.append(np.unique(np.clip(np.round(grown, 9), region.start, region.stop)))
            peaks.append(u[levels > 0.7 * region.level])
        if self.problem.slack is not None:
            excesses.append(moment_loss(x) / max(self.problem.slack, _NEVER) - 1)
        self.pools, self.peaks, self.x = pools, peaks, x
        self.step += 1
        self.overshoot = max(excesses, default=1.0)
        return np.array(excesses)


def first_delays(region: Region) -> np.ndarray:
    """Delays (K,) of a region to begin with: a grid that has two of them in each sidelobe, both ends included."""
    cells = max(1, math.ceil((region.stop - region.start) / _GRID_STEP))
    return np.linspace(region.start, region.stop, cells + 1) if region.stop > region.start else np.array([region.start])


def _curvature_rows(x: np.ndarray, delays: np.ndarray, count: int) -> np.ndarray:
    r"""Rows :math:`(\nabla_x \partial_u s)^{\mathsf T}/\sqrt{-2\partial_u^2 s}`, shifted along 1 so that they vanish at x;
    0 away from a peak.
    """
    phases = pulses.steering(delays, count)
    rate = 2j * math.pi / count * pulses.centred_carriers(count)
    y, dy, ddy = np.einsum("kn,mn->mk", phases, np.stack([x.astype(complex), rate * x, rate**2 * x]))
    slope = 2 * (y.conj() * dy).real
    bend = 2 * (np.abs(dy) ** 2 + (y.conj() * ddy).real)
    peaked = (-bend > _LEAST_BEND * np.abs(y) ** 2) & (np.abs(slope) <= 1e-6 * np.abs(bend))
    gradient = 2 * (phases.conj() * dy[:, None] + y.conj()[:, None] * phases * rate).real
    gradient -= np.einsum("kn,n->k", gradient, x)[:, None]
    return np.where(peaked[:, None], gradient / np.sqrt(np.where(peaked, -2 * bend, 1.0))[:, None], 0.0)


def utility_bound(problem: Problem, gains: np.ndarray, x: np.ndarray, state: Rounds, multipliers: np.ndarray) -> float:
    r"""Lagrangian bound on the utility: every limit contributes :math:`\ge 0` at allowed shares (see
    :func:`~isaclib.ofdm_ranging.capacity_bound`). Curved cuts speak of the moved peaks, plain ones of the delays as they are.
    """
    reward, charge = multiplier_sums(problem, x, state.used, multipliers, state.curved)
    return priced_bound(gains, charge - reward)


def multiplier_sums(problem: Problem, x: np.ndarray, used, multipliers: np.ndarray, followed: bool) -> tuple[np.ndarray, float]:
    r"""Per carrier :math:`\operatorname{Re}\sum z^* e^{j\ldots}` and the moment's price, and the constant :math:`\sum |z| r` and
    the moment's. Peaks are followed to where they are at x. The constant includes what the phases' rounding can make of the sums:
    next to the edge of feasibility multipliers are so large that it shows.
    """
    count = problem.carriers
    reward, charge, position = np.zeros(count), 0.0, 0
    for region, pool, peak in zip(problem.regions, *used, strict=True):
        moved = peak
        if followed and peak.size:
            moved = np.clip(pulses.refine(x, peak, 1.0 / problem.oversampling), region.start, region.stop)
        phases = pulses.steering(np.concatenate([pool, moved]), count)
        z = 2 * multipliers[position : position + len(phases)] * np.einsum("kn,n->k", phases, x) / region.level**2
        position += len(phases)
        reward += np.einsum("k,kn->n", z.conj(), phases).real
        charge += float(np.abs(z).sum()) * (region.level + PHASES * count)
    if problem.slack is not None:
        price, constant = moment_price(x, problem.slack)
        reward += multipliers[position] * price
        charge += multipliers[position] * constant
    return reward, charge


def moment_price(x: np.ndarray, slack: float) -> tuple[np.ndarray, float]:
    r"""Linear form b (N,) and constant d of the moment limit about x: :math:`b^{\mathsf T} x' \le d` for all allowed x'.

    From :math:`m'^2 \ge 2 m m' - m^2` for the centroids m' of x' and m of x.
    """
    carriers = pulses.centred_carriers(x.size)
    mean = float(carriers @ x)
    return (carriers[-1] ** 2 - carriers**2 + 2 * mean * carriers) / slack, 1 + mean**2 / slack
