r"""Both sides of the robust SINR from one semidefinite program.

At an SINR :math:`\gamma` the S-procedure's program (:mod:`.interior`) yields covariances and dual matrices.

* The principal parts of the covariances, at full power, are beams whose SINR the adversary certifies: a **lower** bound.
* The dual matrices are mixtures of channels inside the balls (:mod:`.decomposition`): a dual point, which bounds the SINR of
  *all* beams from **above** (:func:`.dual_bound.sinr_limits`). For one or two access points the mixture is exact. From three
  on it is not: then more channels are listed, scattered as the matrix says and pushed to the spheres by a few steps of the
  adversary's own ascent, and Newton's method finds their best weights.

Both are tight to first order in the distance of :math:`\gamma` from the best SINR. Nothing here rests on the accuracy of the
program: any beams may be certified, and any channels inside the balls bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .adversary import clip, worst_case
from .decomposition import columns_of, errors_of
from .dual_bound import DualPoint, best_dual_point, sinr_limits
from .given_beams import certify
from .interior import InteriorPoint, Program, solve
from .reduction import Reduced
from .sdp import balanced_roots, rank_one

# Access points with power to spare have prices of almost 0, on which no dual error can rest: a little is worth its cost.
_LEAST_PRICES = (0.0, 1e-7, 1e-5, 1e-3)
# Scatter below this part (of errors of length one per access point) is rounding.
_SCATTER = 1e-3
_PHASES, _DIRECTIONS, _POLISH_STEPS = 8, 48, 40
# What is worse than the worst by more than this (in noise powers) is left out.
_USEFUL = 0.02
_ROUNDING = 1e-9
# Beams that keep less by more than this part are not certified: one look at one SINR is no better than that in the hard case, and
# needs no closer barrier than this.
_WORSE, _GLANCE = 0.3, 1e-4
# Accuracy of the program as a part of the gap that it is to close, and its range.
_PART, _ACCURACIES = 3e-3, (1e-7, 1e-5)
# Where a SINR takes less than one part in so many of the power, and 1/t* falls no faster than this power of the SINR, Newton's
# steps creep.
_CREEPS, _STEEP = 10.0, -4.0
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class TwoSided:
    """What one program says about the best SINR at a power.

    Attributes
    ----------
    best : float
        SINR that ``beams`` keep, certified; 0 where nothing could be.
    beams : ndarray (K, M, r), complex
        At full power.
    multipliers : ndarray (K, M)
        Prove ``best``.
    bound : float
        No beams reach more.
    restricted : float
        No covariances, of whatever rank, reach more that the S-procedure could certify (at most ``bound`` up to rounding).
    dual : DualPoint
        Proves ``bound``.
    following : float
        Where Newton's method puts the SINR of margin one; nan where the program holds its SINR at no power.
    rank_one_ratio : ndarray (K,)
    lost : bool
        The program lost its digits before it was solved, however it began.
    behind : tuple
        The program's answer, from which :func:`tightened` takes more channels.
    """

    best: float
    beams: np.ndarray
    multipliers: np.ndarray
    bound: float
    restricted: float
    dual: DualPoint
    following: float
    rank_one_ratio: np.ndarray
    lost: bool
    behind: tuple


def two_sided(
    problem: Reduced,
    sinr: float,
    power: float,
    tolerance: float = 0.0,
    *,
    after: TwoSided | None = None,
    closely: bool = True,
    least: float = 0.0,
) -> TwoSided:
    """Solve the program at an SINR and take both bounds from it; a ``tolerance`` on their gap says how accurately. Beams that do
    not keep the SINR ``least`` count for nothing.

    Where not ``closely``, no further than the direction of Newton's next step asks, from a point on the way of the program
    ``after`` which that step led here; the covariances may then have parts that the optimum has not.
    """
    program, accuracy = Program(problem, sinr, power), float(np.clip(_PART * tolerance, *_ACCURACIES))
    if closely:
        found = solve(program, accuracy)
    elif after is None:
        found = solve(program, accuracy, sought=power)
    else:
        earlier, before, *_ = after.behind
        begin = before.near(abs(math.log(before.power / power)))
        # Newton's method squares the distance: no digits are needed beyond it.
        coarsest = math.log(sinr / earlier) ** 2
        found = solve(program, accuracy, sought=power, coarsest=coarsest, begin=begin)
        if begin is not None and not (found.converged or after.lost):
            found = solve(program, accuracy, sought=power, coarsest=coarsest)
    covariances = program.lift(found.covariances)
    principal, ratio = rank_one(covariances)
    beams = principal.reshape(problem.channels.shape)
    if problem.frames is not None:
        # An eigenvector has any phase; matched beams have real amplitudes.
        amplitudes = np.einsum("knd,kn->kd", problem.frames.conj(), principal)
        turn = np.exp(-0.5j * np.angle(np.sum(amplitudes**2, axis=1)))
        turn *= np.where(np.sum((turn[:, None] * amplitudes).real, axis=1) < 0, -1.0, 1.0)
        beams = np.einsum("knd,kd->kn", problem.frames, (turn[:, None] * amplitudes).real).reshape(beams.shape)
    spent = float(np.sum(np.abs(beams) ** 2, axis=(0, 2)).max())
    beams = beams * math.sqrt(power / max(spent, _TINY))
    # What beams keep exactly is dear to know; that they do not keep what others do is seen at one SINR.
    near = least * (1 - _WORSE)
    if near > 0 and np.min(worst_case(problem.channels, problem.radii, beams[None], near, precision=_GLANCE).value) < 1:
        values, multipliers = np.zeros(len(beams)), np.full(problem.radii.shape, np.nan)
    else:
        values, multipliers = certify(problem.channels, problem.radii, beams, least=least)
    best = max(float(np.min(values)) * (1 - _ROUNDING), 0.0)
    roots = balanced_roots(found.dual, problem)
    bound, dual = _tightest(problem, _mixture(problem, found, roots), power)
    # Any bound on all beams is one on those that the S-procedure certifies; where it closes the gap, no other is needed.
    closed = len(dual.prices) <= 2 or bound <= best * (1 + tolerance)
    restricted = bound if closed else _restricted(problem, found, program.frames, roots, power)
    following = _newton(sinr, found, covariances, program.frames, power, bound if after is not None else None)
    behind = sinr, found, covariances, roots
    return TwoSided(best, beams, multipliers, bound, min(bound, restricted), dual, following, ratio, not found.converged, behind)


def tightened(problem: Reduced, told: TwoSided, power: float) -> tuple[float, DualPoint]:
    """A bound from more channels, for three or more access points, where the mixture is not exact."""
    sinr, found, covariances, roots = told.behind
    aps, total, rng = problem.channels.shape[1], covariances.sum(axis=0), np.random.default_rng(0)
    mixture = _mixture(problem, found, roots, turned=True)
    channels, owners, weights = [mixture.channels], [mixture.owners], [mixture.weights]
    for k in np.flatnonzero(np.any(problem.radii > 0, axis=1)):
        starts = _scattered(roots[k] @ roots[k].conj().T, aps, rng) * problem.radii[k][:, None]
        M = covariances[k] * (1 + 1 / sinr) - total
        squares = problem.radii[k] ** 2  # where there is no error there is nothing to hold back, either
        multipliers = np.where(squares > _TINY, found.multipliers[k], 0.0) / np.where(squares > _TINY, squares, 1.0)
        more = _polished(problem, k, starts, M, multipliers)
        channels.append((problem.channels[k] + more).reshape(len(more), -1))
        owners.append(np.full(len(more), k))
        weights.append(np.full(len(more), 1e-2 * mixture.weights[mixture.owners == k].sum() / len(more)))
    x, owner, mass = np.concatenate(channels), np.concatenate(owners), np.concatenate(weights)
    order = np.argsort(owner, kind="stable")
    point = DualPoint(float(mass.sum()), mixture.prices, mass[order], owner[order], x[order])
    polished = best_dual_point(point.channels, point.owners, sinr, problem, point.weights, point.prices)
    trials = _tightest(problem, point, power), _tightest(problem, polished, power)
    return min(trials, key=lambda item: item[0])


def _newton(
    sinr: float, found: InteriorPoint, covariances: np.ndarray, frames: np.ndarray, power: float, bound: float | None = None
) -> float:
    r"""Newton's step for :math:`g(\gamma)=\gamma/t^\star(\gamma)-\gamma`, nearly a straight line close to its root.

    The dual matrices give the slope: :math:`\mathrm d\log(1/t^\star)/\mathrm d\gamma
    =-\gamma^{-2}\sum_k\operatorname{tr}(Z_kF_k^HW_kF_k)/\sum_k[Z_k]_{cc}`
    with :math:`F_k=[\operatorname{diag}\varepsilon_k\;h_k]`. Far below the root :math:`\gamma/t^\star` is rather a power of
    :math:`\gamma`, on which such steps creep: who has come by such a step already, and knows a ``bound``, goes halfway (in
    logs) to the root of that, or to the bound.
    """
    if not found.power < math.inf:
        return math.nan
    seen = frames.conj().swapaxes(1, 2) @ covariances @ frames
    slope = -np.vdot(found.dual, seen).real / np.sum(found.dual[:, -1, -1].real) / sinr
    inverse = power / found.power
    derivative = inverse - 1 + inverse * slope
    if not derivative < 0:
        return math.nan
    step = sinr - sinr * (inverse - 1) / derivative
    if bound is None or inverse < _CREEPS or slope < _STEEP:
        return step
    return math.sqrt(step) * math.sqrt(max(step, min(sinr * inverse ** (-1 / slope), bound)))


def _mixture(problem: Reduced, found: InteriorPoint, roots: list[np.ndarray], *, turned: bool = False) -> DualPoint:
    """The channels behind the dual matrices, with their weights."""
    users, aps, _ = problem.channels.shape
    terms = [errors_of(columns_of(root, aps, turned=turned), aps) for root in roots]
    errors = [own * problem.radii[k][:, None] for k, (own, _) in enumerate(terms)]
    channels = np.concatenate([(problem.channels[k] + own).reshape(len(own), -1) for k, own in enumerate(errors)])
    owners = np.repeat(np.arange(users), [len(own) for own in errors])
    mass = np.concatenate([weights for _, weights in terms])
    return DualPoint(float(mass.sum()), found.prices / found.prices.sum(), mass, owners, channels)


def _tightest(problem: Reduced, point: DualPoint, power: float) -> tuple[float, DualPoint]:
    trials = [replace(point, prices=q / q.sum()) for q in _raised(point.prices)]
    bounds = [float(sinr_limits(problem, trial, power, np.ones(1))[0]) for trial in trials]
    best = int(np.argmin(bounds))
    return bounds[best], trials[best]


def _raised(prices: np.ndarray) -> np.ndarray:
    """The prices with each of the least ones that are tried, (n, M)."""
    return np.unique([np.maximum(prices, least * prices.max()) for least in _LEAST_PRICES], axis=0)


def _restricted(problem: Reduced, found: InteriorPoint, frames: np.ndarray, roots: list[np.ndarray], power: float) -> float:
    """The same bound with the dual matrices as they are: on what the S-procedure can certify."""
    columns = [frames[k] @ root for k, root in enumerate(roots)]
    owners = np.repeat(np.arange(len(roots)), [c.shape[1] for c in columns])
    masses = np.concatenate([np.abs(root[-1]) ** 2 for root in roots])
    point = DualPoint(float(masses.sum()), found.prices / found.prices.sum(), np.ones(len(owners)), owners, np.hstack(columns).T)
    trials = [replace(point, prices=q) for q in _raised(point.prices)]
    return min(float(sinr_limits(problem, trial, power, np.ones(1), masses=masses)[0]) for trial in trials)


def _scattered(dual: np.ndarray, aps: int, rng: np.random.Generator) -> np.ndarray:
    """Errors in units of the radii, (n, M, r), with about the first two moments that the dual matrix states."""
    mean = dual[:-1, -1] / dual[-1, -1].real
    values, vectors = np.linalg.eigh(dual[:-1, :-1] / dual[-1, -1].real - np.outer(mean, mean.conj()))
    wide = values > _SCATTER
    rank = int(np.sum(wide))
    if rank < 2:
        directions = np.exp(2j * np.pi * np.arange(_PHASES) / _PHASES)[:, None] * np.ones((1, rank))
    else:
        directions = rng.standard_normal((_DIRECTIONS, rank)) + 1j * rng.standard_normal((_DIRECTIONS, rank))
        directions *= math.sqrt(rank) / np.linalg.norm(directions, axis=1, keepdims=True)
    points = mean + directions @ (vectors[:, wide] * np.sqrt(values[wide])).T
    return clip(points.reshape(len(points), aps, -1), np.ones(aps))


def _polished(problem: Reduced, k: int, errors: np.ndarray, M: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The ascent of :func:`.adversary.worst_channels` for a covariance difference instead of beams."""
    h, radii = problem.stacked[k], problem.radii[k][:, None]
    best, shape, least = errors, errors.shape, np.full(len(errors), np.inf)
    for step in range(_POLISH_STEPS + 1):
        faced = h + errors.reshape(len(errors), -1)
        seen = faced @ M.T
        value = np.sum(faced.conj() * seen, axis=1).real
        better = value < least
        best, least = np.where(better[:, None, None], errors, best), np.where(better, value, least)
        if step < _POLISH_STEPS:
            direction = weights[:, None] * errors - seen.reshape(shape)
            errors = direction * (radii / np.maximum(np.linalg.norm(direction, axis=2, keepdims=True), _TINY))
    return best[least <= least.min() + _USEFUL]
