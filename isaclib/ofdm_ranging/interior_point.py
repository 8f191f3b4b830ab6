r"""A primal-dual interior-point method for separable concave utilities under few convex quadratic limits.

.. math:: \max_z \; c \sum_n \log(1 + g_n z_n) \quad\text{s.t.}\quad h_k(z) \le 0,\quad
    \mathbf 1^{\mathsf T} z = 1, \quad z \ge 0

with the limits of :mod:`isaclib.ofdm_ranging.rows`. Mehrotra's predictor and corrector, the corrector with the exact
second-order term of the quadratics; a step at n = 128 costs about a millisecond. Limits far below the main lobe
(:math:`r \ll 1`) make the Newton matrix ill-conditioned as :math:`1/r^2`, so its Cholesky factor only preconditions a few
conjugate-gradient steps whose products never form the matrix. Beside the least level, where multipliers are steep, the weights
:math:`W` (multipliers over slacks, to 1e16) of the limits that hold with equality drown the rest :math:`M` of the matrix. Those
limits, of gradients A, are then eliminated after it instead,

.. math:: (M + A^{\mathsf T} W A)^{-1} = M^{-1} - M^{-1} A^{\mathsf T} (W^{-1} + A M^{-1} A^{\mathsf T})^{-1} A M^{-1},

which keeps both apart: the stationarity that was left fell from 1e-1 to 1e-7. The caller judges the answer by its own
certificate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..foundations.linear_algebra import factored, product, times
from .rows import Rows, Slopes

_BOUNDARY = 0.995  # share of the way to the boundary that a step may take
_KEEP = 0.5
_DIVERGED = 1e12  # multipliers of an infeasible program grow without end
_VANISHED = 1e-60
_REFINEMENTS = 6
_DEEP = 1e-3  # level below which multipliers begin in proportion to it
_RIDGES = (0.0, 1e-13, 1e-11, 1e-9, 1e-7)  # of the factor: it only preconditions
_SETTLED = 5  # iterations after which a stationarity that rounding keeps from falling further is accepted
_SOLVED, _POOR = 1e-10, 1e-9  # relative residual of a Newton system: aimed at, and beyond which heavy limits are kept apart
_HEAVY = 1.0  # weight from which a limit is kept apart


@dataclass(frozen=True)
class Point:
    """Last iterate: primal z (n,), multipliers (K,) of h, whether the stopping rule was met, iterations."""

    z: np.ndarray
    multipliers: np.ndarray
    converged: bool
    iterations: int
    path: tuple[Iterate, ...] = ()


@dataclass(frozen=True)
class Iterate:
    """A point of the path: primal w = (z, s) and dual v = (reduced costs, multipliers), the equality's price, w @ v."""

    w: np.ndarray
    v: np.ndarray
    price: float
    gap: float


class _Newton:
    """The linear system of one iteration, at primal ``w`` = (z, s) and dual ``v`` = (reduced, multipliers), (n + K,) each."""

    def __init__(self, rows: Rows, at: Slopes, curvature, w, v, apart: bool) -> None:
        self.rows, self.at, self.w, self.v = rows, at, w, v
        self.ratio = v / w
        self.diagonal, self.weights = curvature + self.ratio[: rows.size], self.ratio[rows.size :]
        self.multipliers, self.missed = v[rows.size :], 0.0
        heavy = self.weights > (_HEAVY if apart else math.inf)
        matrix = rows.newton(at, self.multipliers, np.where(heavy, 0.0, self.weights))
        matrix.flat[:: rows.size + 1] += self.diagonal
        self.approximate = factored(matrix, _RIDGES)
        if self.approximate is not None and heavy.any():
            self.approximate = _eliminated(self.approximate, rows.gradients(at)[heavy], self.weights[heavy])
        if self.approximate is not None:
            self.along = self.approximate(np.ones(rows.size))
            self.share = self.along.sum()

    def product(self, d: np.ndarray, along: Slopes) -> np.ndarray:
        """Newton matrix times a vector (whose linear forms are ``along``), from the limits' factors."""
        jacobian = self.weights * self.rows.forward(self.at, d, along)
        return self.diagonal * d + self.rows.turned(self.at, jacobian, along, self.multipliers)

    def bordered(self, right: np.ndarray, balance: float) -> tuple[np.ndarray, float]:
        """Step and price by the factor as it is; the equality moves by ``-balance``."""
        base = self.approximate(right)
        price = (base.sum() + balance) / self.share
        return base - price * self.along, price

    def solve(self, right: np.ndarray, balance: float, refinements: int) -> tuple[np.ndarray, float, Slopes]:
        """Step, price and the step's linear forms. Conjugate gradients within the equality, preconditioned by the factor: none
        where the factor is good.
        """
        x, price = self.bordered(right, balance)
        along = self.rows.slopes(x)
        if not refinements:
            return x, price, along
        enough = _SOLVED * np.abs(right).max()
        residual = right - price - self.product(x, along)
        best, smallest = (x, price, along), np.abs(residual).max()
        direction = fit = None
        for _ in range(refinements):
            if not enough < smallest:
                break
            preconditioned, more = self.bordered(residual, 0.0)
            residual, price = residual - more, price + more
            new_fit = residual @ preconditioned
            direction = preconditioned if direction is None else preconditioned + new_fit / fit * direction
            fit, forms = new_fit, self.rows.slopes(direction)
            image = self.product(direction, forms)
            curvature = direction @ image
            if not (curvature > 0 and fit > 0):
                break
            x = x + fit / curvature * direction
            residual = residual - fit / curvature * image
            if np.abs(residual).max() < smallest:
                best, smallest = (x, price, None), np.abs(residual).max()
        x, price, along = best
        self.missed = float(smallest / np.abs(right).max())
        return x, price, self.rows.slopes(x) if along is None else along

    def step(self, slope, target, balance: float, residual, refinements: int):
        """Step (w, v, price) and its linear forms, towards ``w * v = target`` with h + s losing ``residual``."""
        size, aim = self.rows.size, target / self.w
        pull = self.rows.backward(self.at, aim[size:] + self.weights * residual)
        d_z, d_price, along = self.solve(aim[:size] - slope - pull, balance, refinements)
        d_w = np.concatenate([d_z, -residual - self.rows.forward(self.at, d_z, along)])
        return d_w, aim - self.ratio * d_w - self.v, d_price, along


def _eliminated(inner, gradients: np.ndarray, weights: np.ndarray):
    """Solver for M and the weighted outer products of the gradients (k, n) from a solver for M."""
    solved = np.stack([inner(row) for row in gradients])
    within = product(gradients, np.ascontiguousarray(solved.T))
    within = 0.5 * (within + within.T)
    within.flat[:: len(weights) + 1] += 1.0 / weights
    outer, back = factored(within, _RIDGES), np.ascontiguousarray(solved.T)
    if outer is None:
        return None

    def both(right: np.ndarray) -> np.ndarray:
        base = inner(right)
        return base - times(back, outer(times(gradients, base)))

    return both


def minimise(
    rows: Rows,
    gains: np.ndarray,
    start: np.ndarray,
    *,
    tolerance: float,
    weight: float = 1.0,
    max_iterations: int = 60,
    warm: Iterate | None = None,
) -> Point:
    """Solve the program above.

    Parameters
    ----------
    rows : Rows
    gains, start : (n,)
        ``start`` must be positive; it need not satisfy the limits.
    tolerance : float
        On the duality measure (absolute, in units of the objective) and on the residuals.
    weight : float
        The factor c of the utility, to bring the objective to order 1.
    warm : Iterate, optional
        Where to begin instead of ``start``: a point on the path of a program with nearly the same limits.
    """
    size = rows.size
    z = np.maximum(start if warm is None else warm.w[:size], 1e-12)
    at = rows.slopes(z)
    h = rows.values(z, at)
    count = size + h.size
    if warm is None:
        w, price = np.concatenate([z, np.maximum(-h, 0.1)]), 0.0
        v = 0.1 / w
        # Multipliers of the limits shrink with the level; from far too large ones a deep limit takes as long again.
        v[size : size + rows.delays.size] *= np.minimum(1.0, np.sqrt(2.0 / rows.per_square) / _DEEP)
    else:
        mean, price = warm.gap / count, warm.price
        w = np.concatenate([z, np.maximum(-h, mean / np.maximum(warm.v[size:], math.sqrt(mean)))])
        v = np.maximum(warm.v, mean / w)
    settled, path, apart = 0, [], False
    best, least = None, math.inf  # of those that met the stopping rule but for the stationarity: the one nearest to it
    for iteration in range(max_iterations):
        z, s, reduced, multipliers = w[:size], w[size:], v[:size], v[size:]
        pushed = gains / (1 + gains * z)
        slope = price - weight * pushed
        primal = h + s
        dual = slope + rows.backward(at, multipliers) - reduced
        balance = float(z.sum()) - 1.0
        gap = float(w @ v)
        path.append(Iterate(w, v, price, gap))
        if gap <= tolerance and max(np.abs(primal).max(initial=0.0), abs(balance)) <= 0.01 * tolerance:
            settled, off = settled + 1, float(np.abs(dual).max())
            if best is None or off < least:
                best, least = Point(z, multipliers, True, iteration, tuple(path)), off
            if settled >= _SETTLED or off <= 10 * tolerance:
                return best
        if not multipliers.max(initial=0.0) < _DIVERGED or s.min(initial=1.0) < _VANISHED:
            return best or Point(z, multipliers, False, iteration)
        step = None
        for kept_apart in (apart, not apart):
            newton = _Newton(rows, at, weight * pushed**2, w, v, kept_apart)
            if newton.approximate is None:
                continue
            a_w, a_v, _, along = newton.step(slope, 0.0, balance, primal, 0)
            primal_step, dual_step = _step(w, a_w, 1.0), _step(v, a_v, 1.0)
            predicted = float((w + primal_step * a_w) @ (v + dual_step * a_v))
            # Products far below the tolerance would only spoil the conditioning while the residuals still shrink.
            target = max(gap * min(1.0, predicted / gap) ** 3, 0.1 * tolerance) / count
            step = newton.step(
                slope,
                target - primal_step * dual_step * a_w * a_v,
                balance,
                primal + primal_step**2 * rows.squares(along),
                _REFINEMENTS,
            )
            if newton.missed <= _POOR or kept_apart:
                break
            apart = True
        if step is None:
            return best or Point(z, multipliers, False, iteration)
        d_w, d_v, d_price, _ = step
        primal_step, dual_step = _step(w, d_w, _BOUNDARY), _step(v, d_v, _BOUNDARY)
        w = w + primal_step * d_w
        v = v + dual_step * d_v
        price = price + dual_step * d_price
        at = rows.slopes(w[:size])
        h = rows.values(w[:size], at)
        # The linearised slack exceeds -h by the square of the step: take -h itself where that stays well inside.
        w[size:] = np.where(-h > _KEEP * w[size:], -h, w[size:])
    return best or Point(w[:size], v[size:], False, max_iterations)


def _step(values: np.ndarray, change: np.ndarray, share: float) -> float:
    """Longest step in (0, 1] that keeps the values positive, times ``share`` where a boundary limits it."""
    ratio = -float((change / values).min())
    return min(1.0, share / ratio) if ratio > 0 else 1.0
