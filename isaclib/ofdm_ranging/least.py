r"""The least level that a region of delays can have beside other limits, with a certified lower bound.

.. math:: \min_{x \ge 0,\; \mathbf 1^{\mathsf T}x = 1} \; \max_{u \in U_1} |y(x,u)| \quad\text{s.t.}\quad
    \max_{u \in U_j} |y(x,u)| \le r_j,\; \text{moment limit.}

Shares and their mirror image, averaged, have the real part of the output, no larger second-moment loss, and so meet every limit
that the shares meet. Of mirrored shares, with :math:`z_n` the share of carrier :math:`n \ge 0` (counted from the middle) and its
image together, all limits are linear,

.. math:: \min t \quad\text{s.t.}\quad \sigma \sum_n z_n \cos\tfrac{2\pi n u}{N} \le t \;\text{or}\; r_j
    \quad (\sigma = \pm1), \qquad \sum_n (R^2 - n^2) z_n \le \varepsilon :

a linear program with infinitely many rows. Its rows are exchanged, as Remez does: those that carried a multiplier stay, those at
the new peaks join. At a vertex as many carriers have power as rows hold with equality: once the basis is likely the last one, its
two systems of equations are solved with its rows at the peaks, which is Newton's method and knows no tolerance.

The certified bound: multipliers :math:`\zeta_k \ge 0` of the rows, :math:`\beta` of the moment limit, give for all allowed shares

.. math:: \rho \sum_{k \in U_1} \zeta_k \ge \min_n \Bigl[\sum_k \sigma_k \zeta_k \cos\tfrac{2\pi n u_k}{N}
    - \sum_{k \in U_j} \zeta_k r_j + \beta (R^2 - n^2 - \varepsilon)\Bigr] ,

whatever found them. Beside :math:`y(0) = 1` the program sees no level below 1e-9: there it keeps to a given one, 1e-11 if
that can be had, and makes the most of the other limits.

Where sidelobes are all delays from :math:`u_0` on, Dolph's closed form (:mod:`isaclib.ofdm_ranging.window`) is a lower bound
too, and the answer where nothing else is asked.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

from . import pulse as pulses
from .cuts import PHASES, ROOM, Problem, Region, first_delays
from .window import dolph_shares, least_sidelobe_level

_LEVEL_GAP, _ROUNDED = 5e-8, 2 * PHASES  # between level and bound: relative to the level; per carrier, by rounding
_HOLDS = 1e-9  # relative excess of another limit that counts as none
_ROUNDS = 40
_STALLED = 3  # rounds without progress
_USUAL, _FINE = 1e-9, 1e-12  # relative progress of level or bound that counts; where a target lies inside the gap
_CLOSE, _LESS = 0.02, 1e-6  # relative gap from which a basis is kept; what its bound may lose by that
_TOLERANCE, _PIVOTS = 1e-10, 3  # of the linear program; pivots per row and column, at most
_UNIT, _FLOOR = 1e-6, 1e-9  # of the program's levels: least unit, least one
_KEPT, _ENOUGH, _CLEAR = (1e-11, 1e-9), 4.0, 50  # levels to keep to; what one may come to; how clear of rounding they are
_JOINS = 0.5  # of a region's level: a row joins at a peak above
_MOST = 512


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
    if first.stop < 0.5 * problem.carriers:
        return _searched(problem, 0.0, target)
    closed, window = least_sidelobe_level(problem.carriers, first.start), dolph_shares(problem.carriers, first.start)
    if np.all(replace(problem, regions=others).excesses(window) <= _HOLDS):
        window.setflags(write=False)
        return LeastLevel(window, _level(problem, first, window), closed, 0)
    return _searched(problem, closed, target)


def _level(problem: Problem, region: Region, x: np.ndarray) -> float:
    return float(pulses.peak_level(x, region.start, region.stop, problem.oversampling))


@dataclass(frozen=True)
class _Rows:
    """Rows of the program: delays, signs and the index of the region that each belongs to, (K,)."""

    delays: np.ndarray
    signs: np.ndarray
    owners: np.ndarray

    def joined(self, others: _Rows, kept=slice(None)) -> _Rows:
        """The rows ``kept`` and others."""
        parts = zip(astuple(self), astuple(others), strict=True)
        return _Rows(*(np.concatenate([mine[kept], theirs]) for mine, theirs in parts))


class _Way(NamedTuple):
    """How the program is asked: with this room in the other limits; where a level is ``kept``, what is least is the share of the
    other limits that is used.
    """

    kept: float | None
    room: float


@dataclass(frozen=True)
class _Vertex:
    """Shares z (n,), their level at the rows (K,), the multipliers of these and the price of the moment limit."""

    z: np.ndarray
    level: float
    rows: _Rows
    multipliers: np.ndarray
    price: float


class _Mirrored:
    """The problem in mirrored shares."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.slack = problem, problem.slack
        self.ways = [_Way(None, ROOM), _Way(None, -0.5 * _HOLDS)]  # the second next to the others' least
        carriers = pulses.centred_carriers(problem.carriers)
        self.upper = carriers[problem.carriers // 2 :]
        self.lever = carriers[-1] ** 2 - self.upper**2
        self.levels = np.array([0.0, *(region.level for region in problem.regions[1:])])

    def forms(self, rows: _Rows) -> np.ndarray:
        """Linear forms (K, n) of rows."""
        return rows.signs[:, None] * np.cos(2 * math.pi / self.problem.carriers * np.outer(rows.delays, self.upper))

    def unfolded(self, z: np.ndarray) -> np.ndarray:
        halves = np.where(self.upper > 0, 0.5, 1.0) * z / z.sum()
        return np.concatenate([halves[::-1], halves[self.problem.carriers % 2 :]])

    def first_rows(self) -> _Rows:
        grids = [first_delays(region) for region in self.problem.regions]
        owners = np.repeat(np.arange(len(grids)), [grid.size for grid in grids])
        delays, signs = np.concatenate(grids), np.ones(owners.size)
        return _Rows(np.tile(delays, 2), np.concatenate([signs, -signs]), np.tile(owners, 2))

    def at_peaks(self, x: np.ndarray, level: float) -> _Rows:
        """Rows at the peaks of x that come near their region's level, which for the first one is given."""
        rows = []
        for owner, region in enumerate(self.problem.regions):
            delays, levels = pulses.peaks(x, region.start, region.stop, self.problem.oversampling)
            delays = delays[levels >= _JOINS * (self.levels[owner] if owner else level)]
            signs = np.where(pulses.pulse(x, delays).real < 0, -1.0, 1.0)
            rows.append((delays, signs, np.full(delays.size, owner)))
        return _Rows(*(np.concatenate(part) for part in zip(*rows, strict=True)))

    def solved(self, rows: _Rows, unit: float) -> _Vertex | None:
        """Solution of the program with these rows, levels counted in ``unit``, in the first way that there is one; None: there is
        none.
        """
        while self.ways:
            vertex = self._solved(rows, unit, self.ways[0])
            if vertex is not None:
                return vertex
            self.ways.pop(0)
        return None

    def _solved(self, rows: _Rows, unit: float, way: _Way) -> _Vertex | None:
        first, moment = rows.owners == 0, self.slack is not None
        scales = np.where(first, unit, self.levels[rows.owners])
        matrix = np.column_stack([self.forms(rows) / scales[:, None], -1.0 * first, first - 1.0])  # z, level, share
        if moment:
            matrix = np.vstack([matrix, np.append(self.lever / self.slack, [0.0, -1.0])])
        costs, total = np.zeros(matrix.shape[1]), np.ones(matrix.shape[1])
        low, high = np.zeros(costs.size), np.full(costs.size, math.inf)
        total[-2:], high[-1] = 0.0, 1 - way.room
        if way.kept is None:
            costs[-2], low[-2], low[-1] = 1.0, _FLOOR / unit, high[-1]
        else:
            costs[-1], low[-2], high[-2] = 1.0, way.kept / unit, way.kept / unit
        found = linprog(
            costs,
            A_ub=matrix,
            b_ub=np.zeros(len(matrix)),
            A_eq=total[None],
            b_eq=[1.0],
            bounds=np.column_stack([low, high]),
            method="highs-ds",
            options={
                "primal_feasibility_tolerance": _TOLERANCE,
                "dual_feasibility_tolerance": _TOLERANCE,
                "maxiter": _PIVOTS * sum(matrix.shape),
            },
        )
        if found.x is None or not found.x[:-2].max() > 0:
            return None
        prices = np.maximum(-found.ineqlin.marginals, 0.0)
        price = prices[-1] / self.slack if moment else 0.0
        return _Vertex(np.maximum(found.x[:-2], 0.0), found.x[-2] * unit, rows, prices[: scales.size] / scales, price)

    def moved(self, vertex: _Vertex, peaks: _Rows) -> _Vertex | None:
        """The vertex of the same basis with its rows at the peaks of its shares; None: that is not optimal for these rows."""
        room = self.ways[0].room
        active, positive, moment = vertex.multipliers > 0, np.flatnonzero(vertex.z > 0), vertex.price > 0
        old = vertex.rows
        apart = np.abs(np.subtract.outer(old.delays[active], peaks.delays))
        apart[(old.owners[active, None] != peaks.owners) | (old.signs[active, None] != peaks.signs)] = math.inf
        if not apart.size or apart.min(axis=1).max() == math.inf or len(apart) + moment != positive.size:
            return None
        nearest = np.unique(apart.argmin(axis=1))
        if nearest.size < len(apart):
            return None
        rows = _Rows(peaks.delays[nearest], peaks.signs[nearest], peaks.owners[nearest])
        right = np.zeros(positive.size + 1)
        matrix = np.zeros((right.size, right.size))
        matrix[: nearest.size, :-1], matrix[: nearest.size, -1] = self.forms(rows)[:, positive], -1.0 * (rows.owners == 0)
        right[: nearest.size] = self.levels[rows.owners] * (1 - room)
        if moment:
            matrix[-2, :-1], right[-2] = self.lever[positive] / self.slack, 1 - room
        matrix[-1, :-1], right[-1] = 1.0, 1.0
        try:
            z_and_level, prices = (
                np.linalg.solve(matrix, right),
                np.linalg.solve(matrix.T, -1.0 * (np.arange(right.size) == positive.size)),
            )
        except np.linalg.LinAlgError:
            return None
        if not min(z_and_level[:-1].min(), prices[:-1].min()) >= 0:
            return None
        z = np.zeros(self.upper.size)
        z[positive] = z_and_level[:-1]
        return _Vertex(z, z_and_level[-1], rows, prices[: nearest.size], prices[-2] / self.slack if moment else 0.0)

    def bound(self, vertex: _Vertex) -> float:
        """That of the vertex' multipliers; what rounding of the phases can make of it is counted against it."""
        rows, zeta = vertex.rows, vertex.multipliers
        weight = float(zeta[rows.owners == 0].sum())
        if not weight > 0:
            return 0.0
        worth = np.einsum("k,kn->n", zeta, self.forms(rows))
        charge = float(zeta @ self.levels[rows.owners]) + PHASES * self.problem.carriers * float(zeta.sum())
        if self.slack is not None:
            worth, charge = worth + vertex.price * self.lever, charge + vertex.price * self.slack
        return float(worth.min() - charge) / weight


def _searched(problem: Problem, closed: float, target: float | None) -> LeastLevel:
    first, hidden = problem.regions[0], replace(problem, regions=problem.regions[1:])
    mirrored = _Mirrored(problem)
    best, level, bound, rounds, stalled, progress = None, math.inf, closed, 0, 0, _USUAL
    vertex, peaks, rows, unit, moves, deepened = None, None, mirrored.first_rows(), 1.0, False, False
    while rounds < _ROUNDS:
        rounds += 1
        found = mirrored.moved(vertex, peaks) if moves else None
        proven = -math.inf if found is None else mirrored.bound(found)
        moves = proven >= bound * (1 - _LESS)
        if not moves:
            found = mirrored.solved(rows, unit)
            if found is None:
                break
            proven = mirrored.bound(found)
        vertex, x = found, mirrored.unfolded(found.z)
        rose, stalled = proven > bound * (1 + progress), stalled + 1
        if rose:
            bound, stalled = proven, 0
        if np.all(hidden.excesses(x) <= _HOLDS):
            reached = _level(problem, first, x)
            if reached < level * (1 - progress):
                best, level, stalled = x, reached, 0
        # Told apart from a target as far as rounding allows: a width is the root of its level, and known as well.
        near = best is not None and level - bound <= _LEVEL_GAP * level + _ROUNDED * problem.carriers
        undecided = target is not None and bound <= target < level
        progress = _FINE if near and undecided else _USUAL
        if (near and not undecided) or stalled >= _STALLED or level <= _ENOUGH * (mirrored.ways[0].kept or 0.0):
            break
        if target is not None and (level <= target or bound > target * (1 + _LEVEL_GAP)):
            break
        if vertex.level <= _FLOOR * (1 + _LESS) and not deepened:
            deepened = True
            mirrored.ways[:0] = [_Way(kept, ROOM) for kept in _KEPT if kept > _CLEAR * PHASES * problem.carriers]
        # Rows without a multiplier go as long as the bound rises: none can come back for ever.
        peaks = mirrored.at_peaks(x, vertex.level)
        rows = vertex.rows.joined(peaks, vertex.multipliers > 0 if rose else slice(None))
        unit = max(vertex.level, _UNIT)
        moves = level - bound <= _CLOSE * level and not (moves and stalled)
    if best is not None:
        best.setflags(write=False)
    return LeastLevel(best, level, min(bound, level), rounds)
