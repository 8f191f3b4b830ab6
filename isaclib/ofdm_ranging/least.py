r"""The least level that a region of delays can have beside other limits, with a certified lower bound.

.. math:: \min_{x \ge 0,\; \mathbf 1^{\mathsf T}x = 1} \; \max_{u \in U_1} |y(x,u)| \quad\text{s.t.}\quad
    \max_{u \in U_j} |y(x,u)| \le r_j,\; \text{moment limit.}

The certified bound: multipliers :math:`z_k` (first region), :math:`z_j` (others) and of the moment limit give for all allowed
shares

.. math:: \rho \sum_k |z_k| \ge \min_n \Bigl[\operatorname{Re} \sum_{k,j} z^* e^{j2\pi(n-n_c)u/N} - \sum_j |z_j| r_j
    + \beta (b_n - d)\Bigr] .

Where nothing else is asked, mirrored shares are as good, their output is real, and at a vertex as many carriers (and their mirror
images) have power as peaks reach the level. Real :math:`\zeta_k` that make

.. math:: c_n = \sum_k \zeta_k \cos\tfrac{2\pi (n-n_c) u_k}{N}

equal 1 at those carriers are then the multipliers by interpolation, and :math:`\rho \sum_k |\zeta_k| \ge \min_n c_n` holds for
any :math:`\zeta`: so narrow regions far below -110 dB are proven, where no program finds the multipliers.

Where sidelobes are all delays from :math:`u_0` on, Dolph's closed form (:mod:`isaclib.ofdm_ranging.window`) is a lower bound
too, and the answer where nothing else is asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from . import pulse as pulses
from .cuts import PHASES, ROOM, Problem, Region, Rounds, multiplier_sums
from .interior_point import minimise
from .window import dolph_shares, least_sidelobe_level

_LEVEL_GAP = 5e-8  # relative, of the least level
_HOLDS = 1e-9  # relative excess of another limit that counts as none
_ROUNDS = 40
_STALLED = 8  # rounds without progress
_USUAL, _FINE = 1e-9, 1e-12  # tolerance of a round's program, of level and target, relative; where a target lies inside the gap
_MOST = 512
_FINELY, _AT_THE_TOP = 64, 1e-3  # grid points per 1/bandwidth; relative distance from the highest peak, for interpolation


@dataclass(frozen=True)
class LeastLevel:
    """Shares with the least level of the first region that was found (None: no shares that meet the other limits were), that
    level (then inf), a certified lower bound on it, rounds.
    """

    shares: np.ndarray | None
    level: float
    bound: float
    rounds: int


_MEMORY: dict[tuple[Problem, float | None], LeastLevel] = {}


def least_level(problem: Problem, target: float | None = None) -> LeastLevel:
    """Least level of the problem's first region (whose own level is ignored) under its other limits.

    With a ``target`` it is enough to know on which side of it the least level lies. The answer is a function of the
    arguments alone, so repeated questions (other channels, the same limits) are answered from memory.
    """
    if (problem, target) not in _MEMORY:
        if len(_MEMORY) >= _MOST:
            _MEMORY.pop(next(iter(_MEMORY)))
        _MEMORY[problem, target] = _least_level(problem, target)
    return _MEMORY[problem, target]


def remembered(problem: Problem) -> LeastLevel | None:
    """What :func:`least_level` answered before. For what saves time without changing an answer: not looking for an allocation
    that is known not to exist.
    """
    return _MEMORY.get((problem, None))


def forget() -> None:
    """Empty the memory, for timings."""
    _MEMORY.clear()


def _least_level(problem: Problem, target: float | None) -> LeastLevel:
    first, others = problem.regions[0], problem.regions[1:]
    whole = first.stop >= 0.5 * problem.carriers
    closed = least_sidelobe_level(problem.carriers, first.start) if whole else 0.0
    window = dolph_shares(problem.carriers, first.start)
    if whole and np.all(replace(problem, regions=others).excesses(window) <= _HOLDS):
        window.setflags(write=False)
        return LeastLevel(window, _level(problem, first, window), closed, 0)
    return _searched(problem, closed, window, target)


def _level(problem: Problem, first: Region, x: np.ndarray) -> float:
    return float(pulses.peak_level(x, first.start, first.stop, problem.oversampling))


def _searched(problem: Problem, closed: float, window: np.ndarray, target: float | None) -> LeastLevel:
    count, first = problem.carriers, problem.regions[0]
    hidden = replace(problem, regions=problem.regions[1:])
    gains, costs, equality = np.zeros(count + 1), np.zeros(count + 1), np.ones(count + 1)
    costs[-1], equality[-1] = 1.0, 0.0
    x = 0.5 * window + 0.5 * _edges(count) if problem.slack is not None else window
    unit = max(_level(problem, first, x), 1e-15)
    state = Rounds(problem, x)
    best, level, bound, rounds, stalled, tolerance = None, math.inf, closed, 0, 0, 1e-4
    for step in range(_ROUNDS):
        rounds = step + 1
        anchor = 0.9 * x + 0.05 * window + 0.05 / count if step else 0.99 * x + 0.01 / count
        top = (1.1 * _level(problem, first, anchor) / unit) ** 2
        for curved in (True, False) if step else (False,):
            rows = state.rows(x, unit, curved, ROOM)
            point = minimise(rows, gains, costs, equality, np.append(anchor, top), tolerance=tolerance, max_iterations=100)
            if point.converged:
                break
        x = point.z[:count] / point.z[:count].sum()
        proven = 0.0
        for followed in (True, False):
            reward, charge, weight = multiplier_sums(problem, x, state.used, point.multipliers, unit, followed)
            proven = max(proven, float((reward - charge).min()) / weight if weight > 0 else 0.0)
        current = max(math.sqrt(max(point.z[-1], 0.0)) * unit, 1e-16)
        state.exchange(x, scale=current / first.level)
        stalled, progress = stalled + 1, min(tolerance, _USUAL)
        if proven > bound * (1 + progress):
            bound, stalled = proven, 0
        if np.all(hidden.excesses(x) <= _HOLDS):
            found = _level(problem, first, x)
            if found < level * (1 - progress):
                best, level, stalled = x, found, 0
        # Told apart from a target as far as rounding allows: a width is the root of its level, and known as well.
        near = best is not None and level - bound <= _LEVEL_GAP * level
        undecided = target is not None and bound <= target < level
        tolerance = _FINE if near and undecided else _USUAL
        if (near and not undecided) or stalled >= _STALLED:
            break
        if target is not None and (level <= target or bound > target * (1 + _LEVEL_GAP)):
            break
        unit = current
    if best is not None:
        if problem.slack is None and not hidden.regions and level - bound > _LEVEL_GAP * level:
            bound = max(bound, min(_interpolated_bound(first, best), level))
        best.setflags(write=False)
    return LeastLevel(best, level, bound, rounds)


def _interpolated_bound(region: Region, x: np.ndarray) -> float:
    """The bound of the multipliers that interpolate at the highest peaks and the largest shares; 0 where that is none."""
    count, folded = x.size, 0.5 * (x + x[::-1])
    delays, levels = pulses.peaks(folded, region.start, region.stop, _FINELY, above=0.9)
    delays = np.unique(delays[levels >= (1 - _AT_THE_TOP) * levels.max()])
    half = count // 2
    cosines = np.cos(2 * math.pi / count * np.outer(pulses.centred_carriers(count)[half:], delays))
    largest = np.argsort(-folded[half:])[: delays.size]
    try:
        multipliers = np.linalg.solve(cosines[largest], np.ones(delays.size))
    except np.linalg.LinAlgError:  # peaks that coincide, or fewer carriers than peaks
        return 0.0
    size = float(np.abs(multipliers).sum())
    return max(float((cosines @ multipliers).min()) / size - PHASES * count, 0.0)


def _edges(count: int) -> np.ndarray:
    shares = np.zeros(count)
    shares[[0, -1]] = 0.5
    return shares
