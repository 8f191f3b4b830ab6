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
from dataclasses import dataclass

import numpy as np

from . import pulse as pulses
from .interior_point import minimise
from .waterfilling import priced_bound

_TIGHTEN = 1e-8  # limits are met with this relative room, so that rounding cannot violate them
_GRID_STEP = 0.5  # of the first round, in 1/bandwidth: two delays per sidelobe
_LEAST_BEND = 0.05  # curvature of |y|^2 over |y|^2 (a sidelobe has about 4 pi^2) below which a peak is too flat to be followed
_FINAL = 1e-8  # duality measure of the last rounds, relative to the utility
_LEVEL_GAP = 5e-7  # relative, of the least level
_LEVEL_SCHEDULE = (1e-4, 1e-9)
_UTILITY_GAP = (3e-8, 5e-7)  # relative, between the certified bound and the utility: aimed at, and accepted when rounds drag on
_SCHEDULE = (1e-3, 1e-5)  # of the first rounds, which only locate the peaks


@dataclass(frozen=True)
class Region:
    """Delays in [start, stop] (1/bandwidth) whose level must not exceed ``level``."""

    start: float
    stop: float
    level: float


@dataclass(frozen=True)
class Problem:
    """Regions, least centred second moment in carriers^2 (0: no limit), search grid."""

    carriers: int
    regions: tuple[Region, ...]
    least_moment: float
    oversampling: int


@dataclass(frozen=True)
class Outcome:
    """Shares, certified upper bound on the utility (nats), whether all peaks hold (the bound says how good the shares
    are), relative overshoot of the worst, rounds, (utility, overshoot, seconds) per round.
    """

    shares: np.ndarray
    bound: float
    converged: bool
    overshoot: float
    rounds: int
    history: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class LeastLevel:
    """Shares with the least level of the first region, that level, a certified lower bound on it, rounds."""

    shares: np.ndarray
    level: float
    bound: float
    rounds: int


_REMEMBERED: dict[Problem, LeastLevel] = {}
_MOST_REMEMBERED = 512


def maximise_utility(problem: Problem, gains: np.ndarray, *, start: np.ndarray, max_rounds: int = 25) -> Outcome:
    r"""Maximise :math:`\sum_n \log(1 + g_n x_n)` over shares under the problem's limits."""
    began = time.perf_counter()
    count = problem.carriers
    x = start
    pools = [_first_delays(region) for region in problem.regions]
    peaks = [np.empty(0) for _ in problem.regions]
    overshoot, bound, history = math.inf, math.inf, []
    utility = float(np.log1p(gains * x).sum())
    for step in range(max_rounds):
        tolerance = max(1.0, utility) * _SCHEDULE[step] if step < len(_SCHEDULE) else _FINAL * utility
        for curved in (
            (True, False) if step else (False,)
        ):  # far from the optimum the second-order cuts may contradict each other: then plain ones
            rows, linear, constant = _rows(problem, x, pools, peaks, count, levels=None, curved=curved)
            point = minimise(
                rows, linear, constant, gains, np.zeros(count), np.ones(count), 0.9 * x + 0.1 / count, tolerance=tolerance
            )
            if point.converged:
                break
        else:
            return Outcome(x, bound, False, overshoot, step + 1, tuple(history))
        x = point.z / point.z.sum()
        bound = min(bound, _utility_bound(problem, gains, x, [pools, peaks], point.multipliers))
        overshoot, pools, peaks = _exchange(problem, x, pools, peaks, step)
        utility = float(np.log1p(gains * x).sum())
        history.append((utility, overshoot, time.perf_counter() - began))
        if overshoot <= 0.0 and (bound - utility <= _UTILITY_GAP[step >= 6] * utility or step >= 12):
            return Outcome(x, bound, True, overshoot, step + 1, tuple(history))
    return Outcome(x, bound, False, overshoot, max_rounds, tuple(history))


def _first_delays(region: Region) -> np.ndarray:
    cells = max(1, math.ceil((region.stop - region.start) / _GRID_STEP))
    return np.linspace(region.start, region.stop, cells + 1) if region.stop > region.start else np.array([region.start])


def _exchange(problem: Problem, x: np.ndarray, pools, peaks, step: int, scale: float = 1.0):
    """New curved cuts at the peaks; plain cuts near the limit stay (all of them, should the rounds begin to cycle)."""
    overshoot, new_pools, new_peaks = -math.inf, [], []
    for region, pool, old in zip(problem.regions, pools, peaks, strict=True):
        limit = region.level * scale
        u, levels = pulses.peaks(x, region.start, region.stop, problem.oversampling, above=0.3)
        overshoot = max(overshoot, float(levels.max() / limit - 1))
        kept = np.abs(pulses.pulse(x, pool)) > (0.5 if step < 6 else 0.0) * limit
        grown = np.concatenate([pool[kept], old]) if step >= 2 else pool[kept]
        new_pools.append(np.unique(np.round(grown, 9)))
        new_peaks.append(u[levels > 0.7 * limit])
    if problem.least_moment > 0:
        carriers = pulses.centred_carriers(problem.carriers)
        moment = x @ carriers**2 - (x @ carriers) ** 2
        overshoot = max(overshoot, problem.least_moment / moment - 1)
    return overshoot, new_pools, new_peaks


def _rows(problem: Problem, x: np.ndarray, pools, peaks, size: int, levels: float | None, curved: bool = True):
    """Quadratic (3, K, size), linear (K, size) and constant (K,) parts of all limits at hand.

    With ``levels`` given, the first region is to be lowered: its limit is ``levels**2`` times the last variable.
    """
    count = problem.carriers
    blocks, linear, constant = [], [], []
    for index, (region, pool, peak) in enumerate(zip(problem.regions, pools, peaks, strict=True)):
        lowered = levels is not None and index == 0
        scale = levels if lowered else region.level * (1 - _TIGHTEN)
        block = np.zeros((3, pool.size + peak.size, size))
        phases = pulses.steering(np.concatenate([pool, peak]), count)
        block[0, :, :count], block[1, :, :count] = phases.real / scale, phases.imag / scale
        if peak.size and curved:
            block[2, pool.size :, :count] = _curvature_row(x, phases[pool.size :], count) / scale
        line = np.zeros((block.shape[1], size))
        if lowered:
            line[:, -1] = -1.0
        blocks.append(block)
        linear.append(line)
        constant.append(np.full(block.shape[1], 0.0 if lowered else -1.0))
    if problem.least_moment > 0:
        reach = 0.5 * (count - 1)
        carriers = pulses.centred_carriers(count) / reach
        needed = problem.least_moment / reach**2 * (1 + _TIGHTEN)
        block, line = np.zeros((3, 1, size)), np.zeros((1, size))
        block[0, 0, :count] = carriers / math.sqrt(needed)
        line[0, :count] = -(carriers**2) / needed
        blocks.append(block)
        linear.append(line)
        constant.append(np.ones(1))
    return np.concatenate(blocks, axis=1), np.concatenate(linear), np.concatenate(constant)


def _curvature_row(x: np.ndarray, phases: np.ndarray, count: int) -> np.ndarray:
    r"""Row :math:`(\nabla_x \partial_u s)^{\mathsf T}/\sqrt{-2\partial_u^2 s}`, shifted along 1 so that it vanishes at x;
    0 away from a peak.
    """
    rate = 2j * math.pi / count * pulses.centred_carriers(count)
    y, dy, ddy = phases @ x, phases @ (rate * x), phases @ (rate**2 * x)
    slope = 2 * (y.conj() * dy).real
    bend = 2 * (np.abs(dy) ** 2 + (y.conj() * ddy).real)
    flat = (-bend > _LEAST_BEND * np.abs(y) ** 2) & (np.abs(slope) <= 1e-6 * np.abs(bend))
    gradient = 2 * (phases.conj() * dy[:, None] + y.conj()[:, None] * phases * rate).real
    gradient -= (gradient @ x)[:, None]
    return np.where(flat[:, None], gradient / np.sqrt(np.where(flat, -2 * bend, 1.0))[:, None], 0.0)


def least_level(problem: Problem) -> LeastLevel:
    r"""Least level of the first region, the other regions and the moment limit holding; independent of any channel, hence
    remembered.

    The certified bound: multipliers :math:`z_k` (first region), :math:`z_j` (others), :math:`\beta` give for all allowed shares

    .. math:: \rho \sum_k |z_k| \ge \min_n \Bigl[\operatorname{Re} \sum_{k,j} z^* e^{j2\pi(n-n_c)u/N} - \sum_j |z_j| r_j
        + \beta \bigl(\kappa - (n-\mu)^2\bigr)\Bigr].

    ``level`` is infinite when the other limits cannot be met (callers rule that out first).
    """
    if problem not in _REMEMBERED:
        if len(_REMEMBERED) >= _MOST_REMEMBERED:
            _REMEMBERED.pop(next(iter(_REMEMBERED)))
        _REMEMBERED[problem] = _least_level(problem)
    return _REMEMBERED[problem]


def remembered_level(problem: Problem) -> LeastLevel | None:
    """What :func:`least_level` found for this problem before, if it was asked."""
    return _REMEMBERED.get(problem)


def forget_levels() -> None:
    """Empty the memory of :func:`least_level`, for timings."""
    _REMEMBERED.clear()


def _least_level(problem: Problem) -> LeastLevel:
    count = problem.carriers
    size = count + 1
    scale = problem.regions[0].level
    gains, costs, equality = np.zeros(size), np.zeros(size), np.ones(size)
    costs[-1], equality[-1] = 1.0, 0.0
    x = np.full(count, 1.0 / count)
    pools = [_first_delays(region) for region in problem.regions]
    peaks = [np.empty(0) for _ in problem.regions]
    level, best, bound, rounds = math.inf, x, 0.0, 0
    for step in range(30):
        rounds = step + 1
        rows, linear, constant = _rows(problem, x, pools, peaks, size, scale)
        start = np.append(0.9 * x + 0.1 / count, 1.0)
        point = minimise(
            rows, linear, constant, gains, costs, equality, start, tolerance=1e-4 if step == 0 else 1e-9, max_iterations=100
        )
        x = point.z[:count] / point.z[:count].sum()
        bound = max(bound, _level_bound(problem, x, [pools, peaks], point.multipliers, scale))
        current = max(math.sqrt(max(point.z[-1], 0.0)) * scale, 1e-12)
        _, pools, peaks = _exchange(problem, x, pools, peaks, step, scale=current / problem.regions[0].level)
        if _others_hold(problem, x):
            found = float(pulses.peak_level(x, problem.regions[0].start, problem.regions[0].stop, problem.oversampling))
            if found < level:
                level, best = found, x
        if level - bound <= _LEVEL_GAP * level:
            break
        scale = current
    return LeastLevel(best, level, bound, rounds)


def _others_hold(problem: Problem, x: np.ndarray) -> bool:
    for region in problem.regions[1:]:
        if pulses.peak_level(x, region.start, region.stop, problem.oversampling) > region.level:
            return False
    carriers = pulses.centred_carriers(problem.carriers)
    return x @ carriers**2 - (x @ carriers) ** 2 >= problem.least_moment


def _level_bound(problem: Problem, x: np.ndarray, used, multipliers: np.ndarray, lowered: float) -> float:
    reward, charge, weight = _multiplier_sums(problem, x, used, multipliers, lowered)
    return float((reward - charge).min()) / weight if weight > 0 else 0.0


def _utility_bound(problem: Problem, gains: np.ndarray, x: np.ndarray, used, multipliers: np.ndarray) -> float:
    r"""Lagrangian bound on the utility: every limit contributes :math:`\ge 0` at allowed shares (see
    :func:`~isaclib.ofdm_ranging.capacity_bound`).
    """
    reward, charge, _ = _multiplier_sums(problem, x, used, multipliers, None)
    return priced_bound(gains, charge - reward)


def _multiplier_sums(problem: Problem, x: np.ndarray, used, multipliers: np.ndarray, lowered: float | None):
    r"""Per carrier :math:`\operatorname{Re}\sum z^* e^{j\ldots} - \beta (n-\mu)^2`, the constant :math:`\sum |z| r -
    \beta\kappa`, and :math:`\sum|z|` of a
    lowered first region (whose :math:`|z| r` is left out of the constant). Peaks are followed to where they are at x."""
    carriers = pulses.centred_carriers(problem.carriers)
    reward, charge, weight, position = np.zeros(problem.carriers), 0.0, 0.0, 0
    for index, (region, pool, peak) in enumerate(zip(problem.regions, *used, strict=True)):
        first = index == 0 and lowered is not None
        scale = lowered if first else region.level
        moved = np.clip(pulses.refine(x, peak, 1.0 / problem.oversampling), region.start, region.stop) if peak.size else peak
        delays = np.concatenate([pool, moved])
        phases = pulses.steering(delays, problem.carriers)
        z = 2 * multipliers[position : position + delays.size] * (phases @ x) / scale**2
        position += delays.size
        reward += (z.conj() @ phases).real
        size = float(np.abs(z).sum())
        weight, charge = (size, charge) if first else (weight, charge + size * region.level)
    if problem.least_moment > 0:
        beta = multipliers[position] / problem.least_moment
        reward -= beta * (carriers - x @ carriers) ** 2
        charge -= beta * problem.least_moment
    return reward, charge, weight
