r"""Worst channels of all optimal beams at once, from the dual matrices of the S-procedure's program.

The dual matrix of user k's inequality is the second moment of :math:`(u,1)` for errors u in units of their radii: its last
column is their mean :math:`\mu`, and :math:`N=\operatorname{E}uu^H-\mu\mu^H` says how they scatter. Channels at
:math:`\mu+N^{1/2}\zeta` for directions :math:`\zeta` of the right length, pushed to the spheres by a few steps of the
adversary's own ascent, are what a list of cuts must hold: adding them one after the other takes the more rounds the larger
the errors are, because then whole curves of errors are equally bad.

The channels are inside the balls whatever the program's accuracy; nothing else is claimed of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .adversary import clip, worst_case
from .reduction import Reduced
from .sdp import margin_by_sdp, rank_one

# Scatter below this part (of errors of length one per access point) is rounding.
_SCATTER = 1e-3
_PHASES, _DIRECTIONS, _POLISH_STEPS = 8, 48, 40
# What is worse than the worst by more than this (in noise powers) is left out.
_USEFUL = 0.02


@dataclass(frozen=True, eq=False)
class Seeds:
    """Channels to list, with the program's own beams.

    Attributes
    ----------
    errors : tuple of K ndarrays (n_k, M, r)
        Divided by the radii.
    weights : ndarray (K,)
        Dual weight of each user, to be shared by its channels.
    prices : ndarray (M,)
        Dual prices of the power limits.
    principal : ndarray (K, M, r)
        Principal parts of the relaxed covariances: beams, not yet certified.
    upper : float
        Margin of ``beams``; infinite where the principal parts are no robust beams.
    beams : ndarray (K, M, r) or None
    multipliers : ndarray (K, M) or None
    """

    errors: tuple[np.ndarray, ...]
    weights: np.ndarray
    prices: np.ndarray
    principal: np.ndarray
    upper: float
    beams: np.ndarray | None
    multipliers: np.ndarray | None


def seeds(problem: Reduced, sinr: float, power: float) -> Seeds | None:
    """Solve the relaxed program and read the worst channels off its dual; None where it was not solved."""
    if problem.frames is not None or np.any(problem.radii <= 0):
        return None
    relaxed = margin_by_sdp(problem, sinr, power, structured_only=True)
    if relaxed is None:
        return None
    shape = problem.channels.shape
    principal = rank_one(relaxed.covariances)[0].reshape(shape)
    found = worst_case(problem.channels, problem.radii, principal[None], sinr)
    least = float(found.value.min())
    upper, beams, multipliers = np.inf, None, None
    if least > 0:
        beams, multipliers = principal / math.sqrt(least), found.multipliers[0] / least
        upper = float(np.sum(np.abs(beams) ** 2, axis=(0, 2)).max() / power)
    rng = np.random.default_rng(0)
    W, total = relaxed.covariances, relaxed.covariances.sum(axis=0)
    errors = []
    for k in range(shape[0]):
        starts = _scattered(relaxed.point.dual[k], shape[1], rng)
        weights = relaxed.point.multipliers[k] / problem.radii[k] ** 2
        errors.append(_polished(problem, k, starts, W[k] * (1 + 1 / sinr) - total, weights))
    corners = relaxed.point.dual[:, -1, -1].real
    return Seeds(tuple(errors), corners, relaxed.point.prices, principal, upper, beams, multipliers)


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
    best = errors = errors * radii
    shape, least = errors.shape, np.full(len(errors), np.inf)
    for step in range(_POLISH_STEPS + 1):
        faced = h + errors.reshape(len(errors), -1)
        seen = faced @ M.T
        value = np.sum(faced.conj() * seen, axis=1).real
        better = value < least
        best, least = np.where(better[:, None, None], errors, best), np.where(better, value, least)
        if step < _POLISH_STEPS:
            direction = weights[:, None] * errors - seen.reshape(shape)
            errors = direction * (radii / np.maximum(np.linalg.norm(direction, axis=2, keepdims=True), 1e-300))
    return best[least <= least.min() + _USEFUL] / radii
