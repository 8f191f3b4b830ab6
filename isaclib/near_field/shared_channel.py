r"""A bound for users that cannot be told apart: some of them may share one channel.

Let the balls of n users hold multiples :math:`c_kg` of one channel g. No beams give all of them more than

.. math:: \gamma=\Bigl(n-1+\frac{\sum_k|c_k|^{-2}}{P(\sum_m\|g_m\|)^2}\Bigr)^{-1}<\frac1{n-1},

whatever the noise. *Proof.* A dual point (:mod:`.dual_bound`) with the n channels :math:`x_k=c_kg`, weights
:math:`y_k=\rho|c_k|^{-2}` and prices :math:`q_m\propto\|g_m\|` has

.. math:: F_k=Q+\rho\,(n-1-1/\gamma)\,gg^H\succeq0\iff\rho\,(1/\gamma-n+1)\,g^HQ^{-1}g\le1,\qquad
    g^HQ^{-1}g=\Bigl(\sum_m\|g_m\|\Bigr)^2,

and :math:`F_k\succeq0` for every other user. Its total is the power where :math:`\rho\sum_k|c_k|^{-2}=P`.

Beams along one direction u, :math:`w_k=\sqrt{p_k}\,u`, nearly attain it. User k receives at least
:math:`a_k=\bigl(|h_k^Hu|-\sum_m\varepsilon_{k,m}\|u_m\|\bigr)_+^2` times the power, so that its worst SINR is
:math:`p_ka_k/((1-p_k)a_k+1)`, and :math:`p_k\propto1+1/a_k` makes it the same for all, with
:math:`\gamma/(1+\gamma)=1/\sum_k(1+1/a_k)`.

The channel is sought by projections: with phases (and, where there are no errors, lengths) fixed, the balls are convex sets, and
the mean of a point's projections goes to their intersection. Users that stay furthest away are left out one by one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .adversary import clip
from .dual_bound import DualPoint
from .reduction import Reduced

_PROJECTIONS = 60
# Of a channel's length: what users are apart beyond this, beams tell apart.
_APART = 1e-2
_TINY = 1e-300


def shared_channels(problem: Reduced) -> Iterator[DualPoint]:
    """Dual points of channels that are as equal as the balls allow: of all users, then of ever fewer, down to two."""
    lengths = np.linalg.norm(problem.stacked, axis=1)
    if np.min(lengths) < _TINY:
        return
    unit = problem.channels / lengths[:, None, None]
    radii = problem.radii / lengths[:, None]
    users = np.arange(len(unit))
    while len(users) > 1:
        g, factors = _meeting_point(unit[users], radii[users])
        nearest = unit[users] + clip(factors[:, None, None] * g - unit[users], radii[users])
        spread = np.linalg.norm((nearest - factors[:, None, None] * g).reshape(len(users), -1), axis=1)
        if np.max(spread) > _APART:
            users = np.delete(users, int(np.argmax(spread)))
            continue
        prices = np.maximum(np.linalg.norm(g, axis=1), 1e-9)
        channels = nearest * lengths[users, None, None]
        weights = 1 / np.maximum(np.linalg.norm(channels, axis=(1, 2)), _TINY) ** 2
        weights = weights / weights.sum()
        yield DualPoint(1.0, prices / prices.sum(), weights, users, channels.reshape(len(users), -1))
        users = np.delete(users, int(np.argmax(spread)))


def shared_beams(problem: Reduced) -> tuple[np.ndarray, float]:
    """Beams (K, M, r) along one direction, and the SINR they keep: 0 where none reaches all users."""
    lengths = np.maximum(np.linalg.norm(problem.stacked, axis=1), _TINY)
    unit = problem.channels / lengths[:, None, None]
    g, factors = _meeting_point(unit, problem.radii / lengths[:, None])
    trials = []
    for direction in (g, np.mean(unit / factors[:, None, None], axis=0)):
        u = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), _TINY)
        left = np.abs(np.einsum("kmr,mr->k", problem.channels.conj(), u)) - problem.radii @ np.linalg.norm(u, axis=1)
        if np.min(left) <= 1e-9 * np.max(lengths):
            continue
        shares = 1 + 1 / left**2
        trials.append((np.sqrt(shares / shares.sum())[:, None, None] * u, float(1 / (shares.sum() - 1))))
    return max(trials, key=lambda trial: trial[1], default=(np.zeros_like(problem.channels), 0.0))


def _meeting_point(centres: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A channel (M, r), and for each user the phase with which it is (nearly) in the user's balls."""
    flat = centres.reshape(len(centres), -1)
    # The direction that the users have in common most.
    g = np.linalg.svd(flat, full_matrices=False)[2][0].reshape(centres.shape[1:])
    factors = np.ones(len(centres), dtype=complex)
    for _ in range(_PROJECTIONS):
        inner = np.einsum("kmr,mr->k", centres, g.conj())
        factors = np.exp(1j * np.angle(inner))  # 1 to users that see nothing of it
        nearest = centres + clip(factors[:, None, None] * g - centres, radii)
        moved = np.mean(nearest / factors[:, None, None], axis=0)
        if np.linalg.norm(moved - g) <= 1e-15 * np.linalg.norm(g):
            break
        g = moved
    return g, factors
