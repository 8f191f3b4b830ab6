r"""Lower bound on the power margin from a finite list of channels, without an argument about phases.

Let :math:`X_k` be channels inside user k's balls, :math:`Q=\operatorname{blkdiag}(q_mI)` with :math:`q\ge0`,
:math:`\sum_mq_m=1`, and :math:`y\ge0`. If

.. math:: F_k(q,y)=Q+\sum_{j\ne k}\sum_{x\in X_j}y_xxx^H-\frac1\gamma\sum_{x\in X_k}y_xxx^H\succeq0\qquad\text{for all }k,

then :math:`t^\star P\ge\sum_xy_x`. *Proof.* For any covariances :math:`W_k\succeq0` that serve every listed channel,

.. math:: 0\le\sum_k\operatorname{tr}F_kW_k=\sum_k\operatorname{tr}QW_k
    -\sum_k\sum_{x\in X_k}y_x\Bigl(\tfrac1\gamma x^HW_kx-\sum_{j\ne k}x^HW_jx\Bigr)\le tP-\sum_xy_x .

It bounds the robust problem, its semidefinite relaxation, and the S-procedure's restriction of it alike. The best such
point is that of a semidefinite program with about as many unknowns as there are channels (:mod:`.dual_program`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..foundations import checks
from ..foundations.errors import InvalidScenario
from ..foundations.linear_algebra import product
from .adversary import clip
from .dual_program import DualProgram, best_unknowns, brought_inside
from .reduction import Reduced

_ROUNDING = 1e-12
# Channels further outside their balls (part of their length) are not those of the problem.
_ANOTHER = 1e-6
# Whole steps of the fixed point swing past it: six damped ones leave less than twenty whole ones.
_BALANCING_STEPS, _DAMPING = 6, 0.8
# Errors that are bounded at once, to limit memory.
_TOGETHER = 64
# Prices below this part are raised to it: a valid dual point all the same, and a well-conditioned one.
_LEAST_PRICE = 1e-9
# Part of the largest diagonal entry of a Cholesky factor below which the smallest one is known to few digits.
_LOSES_DIGITS = 1e-3
# Weights and prices that the first guess puts below these parts of the largest are raised to them: they start inside.
_LEAST_WEIGHT, _LEAST_GUESS = 1e-8, 1e-6
# Errors shorter than this part of the radius lie inside the ball, not on its sphere.
_INSIDE = 0.99
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class DualPoint:
    """Weights that prove a lower bound.

    Attributes
    ----------
    total : float
        Sum of the weights y: the least power per AP (W, unit noise) that any beams need.
    prices : ndarray (M,)
        q, sums to one.
    weights : ndarray (n,)
    owners : ndarray (n,), int
    channels : ndarray (n, M r)
    """

    total: float
    prices: np.ndarray
    weights: np.ndarray
    owners: np.ndarray
    channels: np.ndarray


def best_dual_point(
    channels: Sequence[np.ndarray],
    owners: Sequence[int],
    sinr: float,
    problem: Reduced,
    weights: np.ndarray,
    prices: np.ndarray,
    *,
    enough: float = np.inf,
) -> DualPoint:
    r"""Maximise :math:`\sum_xy_x` from a first guess of the weights y, up to a common factor, and of the prices q.

    A total beyond ``enough`` is not improved.
    """
    x = np.asarray(channels)
    owner = np.asarray(owners, dtype=int)
    q = np.maximum(prices, _LEAST_GUESS * np.max(prices))
    guess = np.concatenate([np.maximum(weights / np.max(weights), _LEAST_WEIGHT), q / q.sum()])
    program = DualProgram(x, owner, sinr, problem)
    best = best_unknowns(program, guess, enough)
    if problem.frames is not None:
        best = brought_inside(program, best)
    y, q = np.split(best / np.sum(best[len(x) :]), [len(x)])
    if problem.frames is None:
        # The scaled bases of users that can hardly be told apart have lost digits; the plain ones say by how much y is too large.
        users, _, width = problem.channels.shape
        least, rounding = _least_eigenvalues(sinr, owner, y, x, np.repeat(q, width), users=users)
        y = y / (1 - float(np.min(np.where(least < -rounding, least, 0.0))))
    return DualPoint(float(np.sum(y)), q, y, owner, x)


def _least_eigenvalues(
    sinr: float, owners: np.ndarray, y: np.ndarray, channels: np.ndarray, q: np.ndarray, *, users: int
) -> tuple[np.ndarray, np.ndarray]:
    """Least eigenvalue of each F_k against the prices, I + X diag(sign) X^H, and the rounding it is known to: two arrays (K,)."""
    scaled = channels / np.sqrt(np.maximum(q, _TINY))
    signs = np.where(owners == np.arange(users)[:, None], -1 / sinr, 1.0) * y
    F = np.eye(len(q)) + np.matmul(scaled.T * signs[:, None, :], scaled.conj())
    return np.linalg.eigvalsh(F)[:, 0], _ROUNDING * np.linalg.norm(F, 2, axis=(1, 2))


def sinr_limits(
    problem: Reduced, dual: DualPoint, power: float, factors: np.ndarray, *, masses: np.ndarray | None = None
) -> np.ndarray:
    r"""Upper bounds on the robust SINR for balls of radii ``factors`` times those of ``problem``, from one dual point.

    The channels of the dual point move with the balls, :math:`x=h+s\,\varepsilon u`, but for those strictly inside, which
    stay where they are as long as the balls hold them (what users share, they share at smaller errors, too); and the weights
    of user k take a common factor such that :math:`\sum_xy_x=P`. Then no beams within the power limit reach more than the least
    :math:`\gamma` with :math:`\gamma(Q+\sum_{j\ne k}Y_j)\succeq Y_k` for all k: the largest of K generalised eigenvalues. The
    factors are found by the fixed point that makes them equal; any factors give a valid bound. Where the point is optimal, the
    bound is tight to first order in s, because the optimum over all weights is.

    Parameters
    ----------
    problem : Reduced
        With the radii for which the dual point was found.
    factors : ndarray (E,)
    masses : ndarray (n,), optional
        What each weight counts against the power; the weights themselves where the channels are channels.

    Returns
    -------
    ndarray (E,)
    """
    s = np.asarray(factors, dtype=float)
    parts = [_sinr_limits(problem, dual, power, s[first : first + _TOGETHER], masses) for first in range(0, len(s), _TOGETHER)]
    return np.concatenate(parts) if parts else s


def _sinr_limits(problem: Reduced, dual: DualPoint, power: float, factors: np.ndarray, masses: np.ndarray | None) -> np.ndarray:
    users, _, width = problem.channels.shape
    prices = np.maximum(dual.prices, _LEAST_PRICE)
    prices = np.repeat(prices / np.sum(prices), width)
    bases, real = problem.beam_bases(1.0)
    adjoints = bases.conj().swapaxes(1, 2)
    centre = problem.stacked[dual.owners]
    moved = centre + _errors_at(factors, problem, dual)
    # All users at once: (E, K, d, n), and what each of them sees of its own channels, filled up with zeros.
    seen, floors = product(adjoints, moved.swapaxes(1, 2)[:, None]), np.sqrt(prices)[:, None] * bases
    owners, copies = dual.owners, 1
    if real:
        seen, floors = np.concatenate([seen.real, seen.imag], axis=3), np.concatenate([floors.real, floors.imag], axis=1)
        owners, copies = np.tile(owners, 2), 2
    ground = product(floors.conj().swapaxes(1, 2), floors)
    mine = owners == np.arange(users)[:, None]
    order = np.argsort(~mine, axis=1, kind="stable")[:, : mine.sum(axis=1).max()]
    own = np.take_along_axis(seen, order[None, :, None], axis=3) * np.take_along_axis(mine, order, axis=1)[None, :, None]
    rest = seen * ~mine[None, :, None]
    masses = dual.weights if masses is None else masses
    share = np.array([np.sum(masses[dual.owners == k]) for k in range(users)])
    weighty = share > 0
    if not np.any(weighty):  # weights that rounding has left nothing of bound nothing
        return np.full(len(moved), np.inf)
    logs = np.zeros((len(moved), users))
    best = np.full(len(moved), np.inf)
    for _ in range(_BALANCING_STEPS):
        scales = np.exp(logs)
        scales *= power / np.sum(scales * share, axis=1, keepdims=True)
        roots = np.sqrt(np.tile(scales[:, dual.owners] * dual.weights, (1, copies)))
        lit = rest * roots[:, None, None]
        try:
            whitened = np.linalg.solve(_whitener(floors, ground, lit), own * roots[:, order][:, :, None])
        except np.linalg.LinAlgError:  # prices of almost 0 next to strong interference: what is known so far is the bound
            return best
        wide = whitened.shape[3] > whitened.shape[2]
        adjoint = whitened.conj().swapaxes(2, 3)
        grams = product(whitened, adjoint) if wide else product(adjoint, whitened)
        if not np.all(np.isfinite(grams)):  # the same, beyond the range of floats
            return best
        limits = np.linalg.eigvalsh(grams)[..., -1]
        best = np.minimum(best, limits.max(axis=1))
        heights = np.log(np.where(weighty, np.maximum(limits, _TINY), 1.0))
        logs += _DAMPING * np.where(weighty, np.sum(heights, axis=1, keepdims=True) / np.sum(weighty) - heights, 0.0)
    return best


def _errors_at(factors: np.ndarray, problem: Reduced, dual: DualPoint) -> np.ndarray:
    """The errors of a dual point's channels (E, n, M r) in balls of other radii: on the spheres they are scaled."""
    errors = (dual.channels - problem.stacked[dual.owners]).reshape(len(dual.owners), *problem.channels.shape[1:])
    lengths, radii = np.linalg.norm(errors, axis=2), problem.radii[dual.owners]
    parts = lengths / np.where(radii > 0, radii, 1.0)  # of the balls
    larger = factors[:, None, None]
    scale = np.where(parts < _INSIDE, np.minimum(parts, larger) / np.maximum(parts, _TINY), larger)
    return (scale[..., None] * errors).reshape(len(factors), len(errors), -1)


def _whitener(floors: np.ndarray, ground: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """Lower triangles L (E, K, d, d) with L L^H = floors^H floors + lit lit^H, of which ``ground`` is the first part: by Cholesky
    or, where the sum loses the digits of its smaller part, by orthogonal transformations of the roots.
    """
    adjoints = lit.conj().swapaxes(2, 3)
    try:
        factor = np.linalg.cholesky(ground + product(lit, adjoints))
        diagonal = np.diagonal(factor, axis1=2, axis2=3).real
        if np.all(diagonal.min(axis=2) > _LOSES_DIGITS * diagonal.max(axis=2)):
            return factor
    except np.linalg.LinAlgError:
        pass
    # The large rows come first, so that their rounding does not reach the small ones.
    rows = np.concatenate([adjoints, np.broadcast_to(floors, (len(lit), *floors.shape))], axis=2)
    return np.linalg.qr(rows, mode="r").conj().swapaxes(2, 3)


def checked_dual(problem: Reduced, dual: DualPoint) -> DualPoint:
    """A dual point from elsewhere, if it belongs to the problem: shapes, signs, and channels that are brought into their balls
    where rounding has left them outside.
    """
    users, aps, width = problem.channels.shape
    checks.instance("witness", dual, DualPoint)
    sizes: dict[str, int] = {}
    channels = checks.array("witness", dual.channels, ("n", aps * width), dtype=complex, sizes=sizes)
    weights = checks.array("witness", dual.weights, ("n",), minimum=0, sizes=sizes)
    prices = checks.array("witness", dual.prices, (aps,), minimum=0)
    owners = checks.array("witness", dual.owners, ("n",), minimum=0, maximum=users - 1, sizes=sizes)
    if np.any(owners != np.round(owners)) or not (np.any(weights > 0) and np.any(prices > 0)):
        raise InvalidScenario("witness", "has no weights, no prices, or owners that are no users")
    whole = owners.astype(int)
    if _outside(problem, channels, whole) > _ANOTHER:
        raise InvalidScenario("witness", "holds a channel outside its ball: it bounds another problem", "solve this one")
    centres = problem.stacked[whole]
    errors = clip((channels - centres).reshape(-1, aps, width), problem.radii[whole])
    return DualPoint(float(np.sum(weights)), prices, weights, whole, centres + errors.reshape(centres.shape))


def _outside(problem: Reduced, channels: np.ndarray, owners: np.ndarray) -> float:
    """By how much (of its user's channel) one of the listed channels lies outside its ball at most; 0 or less: none does."""
    errors = np.linalg.norm(channels.reshape(len(channels), *problem.channels.shape[1:]) - problem.channels[owners], axis=2)
    own, whole = np.linalg.norm(problem.channels, axis=2), np.linalg.norm(problem.channels, axis=(1, 2))
    lengths = np.where(own > 0, own, whole[:, None])[owners]
    return float(np.max((errors - problem.radii[owners]) / lengths)) - _ROUNDING


def dual_residual(problem: Reduced, sinr: float, dual: DualPoint, *, factor: float = 1.0) -> float:
    """Largest violation of a dual point with all weights multiplied by ``factor``: positive means that it proves nothing.

    Checked in turn: signs, sum of the prices, channels inside the balls (relative), least eigenvalue of each F_k against
    the prices (relative).
    """
    users, _, width = problem.channels.shape
    y, q = factor * dual.weights, np.repeat(dual.prices, width)
    outside = _outside(problem, dual.channels, dual.owners)
    worst = max(outside, -float(np.min(y)), -float(np.min(q)), abs(float(np.sum(dual.prices)) - 1) - _ROUNDING)
    least, rounding = _least_eigenvalues(sinr, dual.owners, y, dual.channels, q, users=users)
    return max(worst, float(np.max(-least - rounding)))
