r"""An interior-point method for the S-procedure's program that uses its structure.

Asked for the *least power* at a given noise the program is infeasible beyond a finite SINR, which an interior-point method
notices late. It is asked for the *largest noise* s at a given power instead, the same number upside down,
:math:`s^\star(\gamma)=1/t^\star(\gamma)`: no beams and a negative noise are strictly feasible, and so is the dual, at every
SINR and every error; beyond the last feasible SINR the answer is simply 0.

The unknowns are s, the K Hermitian matrices :math:`Z_k` (beam covariances in the scaled bases) and the multipliers
:math:`\lambda`; every matrix inequality is a sum of congruences,

.. math:: T_k=\sum_js_{kj}\,V_{kj}Z_jV_{kj}^H+\sum_m\lambda_{km}D_m-sE\succeq0,\qquad Z_k\succeq0 .

A solver that is given the coefficients of each unknown writes them out, twice as large in real form, and multiplies them in
every iteration. Here the normal equations of the primal-dual step (Helmberg, Kojima, Monteiro) are assembled from
Kronecker products of 12 x 12 matrices: :math:`\operatorname{tr}(E_iP\,E_{i'}Q)` for all pairs of unknowns of two users at
once is one outer product of :math:`P=V_{kj}^HX_kV_{kl}` and :math:`Q=V_{kl}^HT_k^{-1}V_{kj}`.

Nothing here is trusted: the bound is recomputed from the dual matrices and the beams are certified (:mod:`.sdp`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..foundations.linear_algebra import factored, product
from .hermitian import Coordinates, hermitian, inverse_root, longest_step
from .reduction import Reduced

_MAX_ITERATIONS = 40
_GAP = 1e-7
# Start of the slacks; the dual matrices start from identities.
_START = 3.0
_TO_WALL = 0.95
# Beyond this step length of the predictor its centring is trusted.
_GOOD = 0.1
_RIDGE = 1e-14
# So many steps that shrink the products by less than this end the method: rounding has the last word.
_IDLE, _PROGRESS = 3, 0.9
# Price of the power itself: where an access point has power to spare, the least is taken, which makes the answer unique (and of
# rank one), at a loss of at most this part of the noise for each of them.
_TIE = 1e-6
# Where only the noise of the given power is looked for, a program is solved no closer than this part of its distance from it (in
# logs); the next one starts from the last point whose products exceeded the other part, or anew.
_DIRECTION, _BACK = 1e-2, 0.3
# Noise (where the power that the bases cost is 1) that is no longer told from 0, and the least whose digits can be had.
_LEAST_NOISE, _NOISE = 1e-9, 1e-3


@dataclass(frozen=True, eq=False)
class InteriorPoint:
    """Answer for unit noise.

    Attributes
    ----------
    power : float
        Least power per AP (W); inf where no positive noise was found.
    covariances : ndarray (K, d, d), complex
        In the bases of :class:`Program`.
    multipliers : ndarray (K, M)
        For errors in units of their radii.
    dual : ndarray (K, n + 1, n + 1), complex
        Of the inequalities :math:`T_k\\succeq0`.
    prices : ndarray (M,)
        Of the power limits.
    iterations : int
    converged : bool
        False where the method stalled.
    path : tuple of (products, point)
        Products of slacks and dual over the noise, and the points that had them, from the first on.
    """

    power: float
    covariances: np.ndarray
    multipliers: np.ndarray
    dual: np.ndarray
    prices: np.ndarray
    iterations: int
    converged: bool
    path: tuple

    def near(self, distance: float) -> tuple | None:
        """The last point from which a program at another SINR can start, whose least power lies so far off (in logs)."""
        return next((point for products, point in reversed(self.path) if products > _BACK * distance), None)


class Program:
    """Data of the program and its linear map; unknowns in the order s, Z_1 .. Z_K, lambda."""

    def __init__(self, problem: Reduced, sinr: float, power: float = 1.0) -> None:
        self.users, self.aps, width = problem.channels.shape
        size = self.aps * width
        self.bases, only_real = problem.beam_bases(sinr)
        self.inner = self.bases.shape[2]
        self.at = Coordinates(self.inner, only_real)
        diagonal = problem.radii.repeat(width, axis=1)[:, :, None] * np.eye(size)
        self.frames = np.concatenate([diagonal, problem.stacked[:, :, None]], axis=2)
        # Columns scaled by sqrt|s|: the congruence with its sign.
        views = np.matmul(self.frames.conj().swapaxes(1, 2)[:, None], self.bases[None])
        own = np.eye(self.users, dtype=bool)
        self.signs = np.where(own, 1.0, -1.0)
        self.views = views * np.where(own, 1 / np.sqrt(sinr), 1.0)[:, :, None, None]
        self.adjoints = self.views.conj().swapaxes(2, 3)
        per_ap = self.bases.reshape(self.users, self.aps, width, self.inner)
        self.prices = self.at.pairings(np.einsum("kmwi,kmwj->mkij", per_ap.conj(), per_ap)).reshape(self.aps, -1)
        self.unit = np.max(np.sum(self.prices.reshape(self.aps, self.users, -1)[:, :, : self.inner], axis=(1, 2)) / self.inner)
        self.prices = self.prices / self.unit
        # The noise that is looked for: where the SINR takes all the power, the answer is this.
        self.noise = min(1.0, max(self.unit / power, _NOISE))
        # Diagonals of the matrices that the multipliers weigh: ones at an AP, minus one in the corner; then that of the noise.
        self.corners = np.concatenate([np.repeat(np.eye(self.aps), width, axis=1), -np.ones((self.aps, 1))], axis=1)
        self.weighed = np.concatenate([self.corners, -np.eye(1, size + 1, size)])
        self.count = 1 + self.users * self.at.count + self.users * self.aps

    def lift(self, inner: np.ndarray) -> np.ndarray:
        """Covariances (K, n, n) from those in the bases, Hermitian to the last bit (bases of users alike cancel much)."""
        return hermitian(np.matmul(self.bases, np.matmul(inner, self.bases.conj().swapaxes(1, 2))))

    def split(self, y: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        entries = y[1 : 1 + self.users * self.at.count]
        return y[0], entries, y[1 + len(entries) :].reshape(self.users, self.aps)

    def blocks(self, y: np.ndarray, limit: float) -> _Blocks:
        """Z_k, T_k, and the scalars (multipliers, then what the power limits leave); limit 0 for the linear part alone."""
        noise, entries, multipliers = self.split(y)
        Z = self.at.matrices(entries.reshape(self.users, -1))
        T = np.einsum("kj,kjab->kab", self.signs, self.views @ Z[None] @ self.adjoints)
        diagonal = np.arange(T.shape[1])
        T[:, diagonal, diagonal] += multipliers @ self.corners
        T[:, -1, -1] -= noise
        return _Blocks(Z, T, np.concatenate([multipliers.ravel(), limit - self.prices @ entries]))

    def adjoint(self, dual: _Blocks) -> np.ndarray:
        """The transpose of the linear part."""
        X, Y, x = dual.Z, dual.T, dual.s
        lit = np.einsum("kj,kjab->jab", self.signs, self.adjoints @ Y[:, None] @ self.views)
        prices = x[self.users * self.aps :]
        entries = self.at.pairings(X + lit).ravel() - prices @ self.prices
        diagonals = np.diagonal(Y, axis1=1, axis2=2).real
        multipliers = diagonals @ self.corners.T + x[: self.users * self.aps].reshape(self.users, self.aps)
        return np.concatenate([[-np.sum(diagonals[:, -1])], entries, multipliers.ravel()])

    def normal(self, dual: _Blocks, inverse: _Blocks) -> np.ndarray:
        """The matrix of the normal equations: adjoint of X blocks(.) Z^-1, symmetric and positive definite."""
        X, Y, Zi, Ti, ratio = dual.Z, dual.T, inverse.Z, inverse.T, dual.s * inverse.s
        users, d, aps = self.users, self.at.count, self.aps
        H = np.zeros((self.count, self.count))
        lit = self.adjoints[:, :, None] @ Y[:, None, None] @ self.views[:, None]
        seen = self.adjoints[:, :, None] @ Ti[:, None, None] @ self.views[:, None]
        for j in range(users):
            for other in range(j + 1):
                signs = (self.signs[:, j] * self.signs[:, other])[:, None, None]
                P, Q = signs * lit[:, j, other], seen[:, other, j]
                if other == j:
                    P, Q = np.concatenate([P, X[j : j + 1]]), np.concatenate([Q, Zi[j : j + 1]])
                rows, columns = slice(1 + j * d, 1 + (j + 1) * d), slice(1 + other * d, 1 + (other + 1) * d)
                mine, theirs = self.prices[:, j * d : (j + 1) * d], self.prices[:, other * d : (other + 1) * d]
                block = self.at.products(P, Q) + product(mine.T * ratio[users * aps :], theirs)
                H[rows, columns] = block
                H[columns, rows] = block.T
        start = 1 + users * d
        for k in range(users):
            middle = Y[k][None] * self.weighed[:, None, :] @ Ti[k]
            R = self.signs[k][None, :, None, None] * (self.adjoints[k][None] @ middle[:, None] @ self.views[k][None])
            columns = slice(start + k * aps, start + (k + 1) * aps)
            cross = self.at.pairings(R).reshape(aps + 1, -1)
            H[columns, 1:start], H[1:start, columns] = cross[:-1], cross[:-1].T
            own = self.weighed @ (Y[k] * Ti[k].T).real @ self.weighed.T
            H[columns, columns] = own[:-1, :-1]
            # The noise is one unknown of all users.
            H[0, 1:start] += cross[-1]
            H[0, columns] = H[columns, 0] = own[-1, :-1]
            H[0, 0] += own[-1, -1]
        H[1:start, 0] = H[0, 1:start]
        multipliers = np.arange(start, self.count)
        H[multipliers, multipliers] += ratio[: users * aps]
        return H


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Matrices of the sizes of Z_k and T_k and the scalars: slacks, their multipliers, or steps of either."""

    Z: np.ndarray
    T: np.ndarray
    s: np.ndarray

    @cached_property
    def roots(self) -> tuple[np.ndarray, np.ndarray]:
        """Of Z and T, for all steps from here."""
        return inverse_root(self.Z), inverse_root(self.T)

    def plus(self, step: float, other: _Blocks) -> _Blocks:
        return _Blocks(hermitian(self.Z + step * other.Z), hermitian(self.T + step * other.T), self.s + step * other.s)

    def inner(self, other: _Blocks) -> float:
        matrices = np.vdot(self.Z, other.Z).real + np.vdot(self.T, other.T).real
        return float(matrices + self.s @ other.s)

    def times(self, other: _Blocks) -> _Blocks:
        return _Blocks(self.Z @ other.Z, self.T @ other.T, self.s * other.s)

    def room(self, step: _Blocks) -> float:
        """Longest step that keeps everything non-negative."""
        Z, T = self.roots
        return min(longest_step(Z, step.Z, self.s, step.s), longest_step(T, step.T, self.s, step.s))

    def largest(self) -> float:
        return float(max(np.abs(self.Z).max(), np.abs(self.T).max(), np.abs(self.s).max()))


def solve(
    program: Program, accuracy: float = _GAP, *, sought: float | None = None, coarsest: float = 1.0, begin: tuple | None = None
) -> InteriorPoint:
    """Largest common noise over the program, from scaled identities or from ``begin``, a point on the way to the answer of a
    neighbouring one; predictor and corrector share one factor.

    ``accuracy`` is that of the products and of the residuals, relative to the noise; it is coarser, up to ``coarsest``, far
    from the power that is ``sought``.
    """
    users, inner, size = program.users, program.inner, program.corners.shape[1]
    scalars = users * program.aps + program.aps
    cost = np.zeros(program.count)
    cost[0] = -1.0
    cost[1 : 1 + users * program.at.count] = _TIE * program.noise * np.sum(program.prices, axis=0)
    start = _Blocks(np.tile(np.eye(inner) + 0j, (users, 1, 1)), np.tile(np.eye(size) + 0j, (users, 1, 1)), np.ones(scalars))
    y, slack, dual = begin or (np.zeros(program.count), start.plus(_START - 1, start), start)
    total = users * (inner + size) + scalars
    converged, iterations, idle, best, path = False, 0, 0, math.inf, []
    for iterations in range(_MAX_ITERATIONS):  # noqa: B007
        missing = program.blocks(y, 1.0).plus(-1.0, slack)
        products = dual.inner(slack)
        short = float(np.abs(cost - program.adjoint(dual)).max())
        size = max(abs(cost @ y), program.noise)
        path.append((products / size, (y, slack, dual)))
        far = abs(math.log(sought * y[0] / program.unit)) if sought is not None and y[0] > _LEAST_NOISE else 0.0
        coarse = min(_DIRECTION * far, coarsest) * y[0]  # of the noise that it is, however small
        converged = products <= max(accuracy * size, coarse)
        converged &= max(missing.largest(), short) < max(accuracy * min(1.0, size), min(coarse, 1.0))
        idle = idle + 1 if products > _PROGRESS * best else 0
        best = min(best, products)
        if converged or idle == _IDLE:
            break
        try:
            step = _Step(program, slack, dual, missing, cost)
            *_, primal, other = first = step.towards(0.0)
            primal, other = min(1.0, primal), min(1.0, other)
            after = dual.plus(other, first[2]).inner(slack.plus(primal, first[1])) / products
            part = min(1.0, max(after, 1e-6)) ** 3 if min(primal, other) > _GOOD else 0.5
            dy, dslack, ddual, primal, other = step.towards(part * products / total, first[2].times(first[1]))
        except np.linalg.LinAlgError:
            break
        primal, other = min(1.0, _TO_WALL * primal), min(1.0, _TO_WALL * other)
        y, slack, dual = y + primal * dy, slack.plus(primal, dslack), dual.plus(other, ddual)
    noise, entries, multipliers = program.split(y)
    scale = noise if noise > _LEAST_NOISE else 1.0
    covariances = program.at.matrices(entries.reshape(users, -1)) / scale
    prices = (dual.s[users * program.aps :] + _TIE * program.noise) / program.unit
    power = program.unit / noise if noise > _LEAST_NOISE else math.inf
    return InteriorPoint(power, covariances, multipliers / scale, dual.T, prices, iterations, bool(converged), tuple(path))


class _Step:
    """Directions from one point: the factor of the normal equations is shared."""

    def __init__(self, program: Program, slack: _Blocks, dual: _Blocks, missing: _Blocks, cost: np.ndarray) -> None:
        self.program, self.slack, self.dual, self.missing, self.cost = program, slack, dual, missing, cost
        self.inverse = _Blocks(hermitian(np.linalg.inv(slack.Z)), hermitian(np.linalg.inv(slack.T)), 1 / slack.s)
        normal = program.normal(dual, self.inverse)
        normal[np.diag_indices(len(normal))] *= 1 + _RIDGE
        solved = factored(normal)
        if solved is None:
            raise np.linalg.LinAlgError("rounding has eaten the normal equations")
        self.solved = solved

    def towards(self, target: float, second: _Blocks | None = None):
        """(step in y, of the slacks, of the dual, longest step of either) for products ``target`` with second-order term."""
        inverse, dual = self.inverse, self.dual

        def answer(step: _Blocks) -> _Blocks:
            # target Z^-1 - sym((X step + second) Z^-1)
            moved = dual.times(step)
            moved = moved if second is None else _Blocks(moved.Z + second.Z, moved.T + second.T, moved.s + second.s)
            moved = moved.times(inverse)
            return _Blocks(
                target * inverse.Z - hermitian(moved.Z), target * inverse.T - hermitian(moved.T), target * inverse.s - moved.s
            )

        right = self.program.adjoint(answer(self.missing)) - self.cost
        dy = self.solved(right)
        dslack = self.program.blocks(dy, 0.0).plus(1.0, self.missing)
        ddual = answer(dslack).plus(-1.0, dual)
        return dy, dslack, ddual, self.slack.room(dslack), dual.room(ddual)
