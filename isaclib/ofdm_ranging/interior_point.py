r"""A primal-dual interior-point method for separable concave utilities under few convex quadratic limits.

.. math:: \min_z \; \sum_n -c\log(1 + g_n z_n) + b_n z_n \quad\text{s.t.}\quad h_k(z) \le 0,\quad
    a^{\mathsf T} z = 1, \quad z \ge 0

with the limits of :mod:`isaclib.ofdm_ranging.rows`. Mehrotra's predictor and corrector, the corrector with the exact
second-order term of the quadratics; a step at n = 128 costs about a millisecond. Limits far below the main lobe
(:math:`r \ll 1`) make the Newton matrix ill-conditioned as :math:`1/r^2`, so its Cholesky factor only preconditions a few
conjugate-gradient steps whose products never form the matrix. The caller judges the answer by its own certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .linear_algebra import factored
from .rows import Rows, Slopes

_BOUNDARY = 0.995  # share of the way to the boundary that a step may take
_KEEP = 0.5
_DIVERGED = 1e12  # multipliers of an infeasible program grow without end
_VANISHED = 1e-60
_REFINEMENTS = 6
_SETTLED = 5  # iterations after which a stationarity that rounding keeps from falling further is accepted
_SOLVED = 1e-10  # relative residual of a Newton system


@dataclass(frozen=True)
class Point:
    """Last iterate: primal z (n,), multipliers (K,) of h, whether the stopping rule was met, iterations."""

    z: np.ndarray
    multipliers: np.ndarray
    converged: bool
    iterations: int


class _Newton:
    """The linear system of one iteration."""

    def __init__(self, rows: Rows, at: Slopes, curvature, equality, z, s, multipliers, reduced) -> None:
        self.rows, self.at, self.equality = rows, at, equality
        self.z, self.s, self.multipliers, self.reduced = z, s, multipliers, reduced
        self.diagonal = curvature + reduced / z
        self.weights = multipliers / s
        matrix = rows.newton(at, multipliers, self.weights)
        matrix[np.diag_indices(rows.size)] += self.diagonal
        self.approximate = factored(matrix)
        if self.approximate is not None:
            self.along = self.solve(equality)

    def product(self, d: np.ndarray) -> np.ndarray:
        """Newton matrix times a vector, from the limits' factors."""
        rows, along = self.rows, self.rows.slopes(d)
        result = self.diagonal * d + rows.backward(self.at, self.weights * rows.forward(self.at, d, along))
        linear = rows.backward(along, self.multipliers)
        if rows.slack is not None:
            linear[: rows.count] -= self.multipliers[-1] * rows.spread
        if rows.extra:
            linear[-1] = 0.0
        return result + linear

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Conjugate gradients with the Cholesky factor as preconditioner; one step where the factor is good."""
        x = self.approximate(right)
        residual = right - self.product(x)
        scale = np.abs(right).max()
        best, smallest = x, np.abs(residual).max()
        direction = fit = None
        for _ in range(_REFINEMENTS):
            if not _SOLVED * scale < smallest:
                break
            preconditioned = self.approximate(residual)
            new_fit = residual @ preconditioned
            direction = preconditioned if direction is None else preconditioned + new_fit / fit * direction
            fit = new_fit
            image = self.product(direction)
            curvature = direction @ image
            if not (curvature > 0 and fit > 0):
                break
            x = x + fit / curvature * direction
            residual = residual - fit / curvature * image
            if np.abs(residual).max() < smallest:
                best, smallest = x, np.abs(residual).max()
        return best

    def step(self, slope, price, balance, complement, lower, residual):
        """Step towards s * multipliers = complement and z * reduced = lower (elementwise) with h + s losing ``residual``."""
        pull = (complement + self.multipliers * residual) / self.s
        right = -(slope + price * self.equality + self.rows.backward(self.at, pull) - lower / self.z)
        base = self.solve(right)
        d_price = (self.equality @ base + balance) / (self.equality @ self.along)
        d_z = base - d_price * self.along
        along = self.rows.slopes(d_z)
        d_s = -residual - self.rows.forward(self.at, d_z, along)
        d_multipliers = (complement - self.multipliers * d_s) / self.s - self.multipliers
        d_reduced = (lower - self.reduced * d_z) / self.z - self.reduced
        return d_z, d_s, d_multipliers, d_reduced, d_price, along


def minimise(
    rows: Rows,
    gains: np.ndarray,
    costs: np.ndarray,
    equality: np.ndarray,
    start: np.ndarray,
    *,
    tolerance: float,
    weight: float = 1.0,
    max_iterations: int = 60,
) -> Point:
    """Solve the program above.

    Parameters
    ----------
    rows : Rows
    gains, costs, equality, start : (n,)
        ``start`` must be positive; it need not satisfy the limits.
    tolerance : float
        On the duality measure (absolute, in units of the objective) and on the residuals.
    weight : float
        The factor c of the utility, to bring the objective to order 1.
    """
    z = np.maximum(start, 1e-12)
    n_products = rows.total + rows.size
    at = rows.slopes(z)
    h = rows.values(z, at)
    s = np.maximum(-h, 0.1)
    multipliers, reduced, price = 0.1 / s, 0.1 / z, 0.0
    settled = 0
    for iteration in range(max_iterations):
        pushed = gains / (1 + gains * z)
        slope = costs - weight * pushed
        primal = h + s
        dual = slope + rows.backward(at, multipliers) - reduced + price * equality
        balance = equality @ z - 1.0
        gap = s @ multipliers + z @ reduced
        if gap <= tolerance and max(np.abs(primal).max(initial=0.0), abs(balance)) <= 0.01 * tolerance:
            settled += 1
            if settled >= _SETTLED or np.abs(dual).max() <= 10 * tolerance:
                return Point(z, multipliers, True, iteration)
        if not multipliers.max(initial=0.0) < _DIVERGED or s.min(initial=1.0) < _VANISHED:
            return Point(z, multipliers, False, iteration)
        mean = gap / n_products
        newton = _Newton(rows, at, weight * pushed**2, equality, z, s, multipliers, reduced)
        if newton.approximate is None:
            return Point(z, multipliers, False, iteration)
        a_z, a_s, a_m, a_r, _, along = newton.step(slope, price, balance, 0.0, 0.0, primal)
        primal_step, dual_step = _step(z, a_z, s, a_s, 1.0), _step(multipliers, a_m, reduced, a_r, 1.0)
        predicted = (s + primal_step * a_s) @ (multipliers + dual_step * a_m) + (z + primal_step * a_z) @ (
            reduced + dual_step * a_r
        )
        # Products far below the tolerance would only spoil the conditioning while the residuals still shrink.
        target = max(mean * min(1.0, predicted / gap) ** 3, 0.1 * tolerance / n_products)
        d_z, d_s, d_m, d_r, d_price, _ = newton.step(
            slope,
            price,
            balance,
            target - primal_step * dual_step * a_s * a_m,
            target - primal_step * dual_step * a_z * a_r,
            primal + primal_step**2 * rows.squares(along),
        )
        primal_step, dual_step = _step(z, d_z, s, d_s, _BOUNDARY), _step(multipliers, d_m, reduced, d_r, _BOUNDARY)
        z = z + primal_step * d_z
        s = s + primal_step * d_s
        multipliers = multipliers + dual_step * d_m
        reduced = reduced + dual_step * d_r
        price = price + dual_step * d_price
        at = rows.slopes(z)
        h = rows.values(z, at)
        # The linearised slack exceeds -h by the square of the step: take -h itself where that stays well inside.
        s = np.where(-h > _KEEP * s, -h, s)
    return Point(z, multipliers, False, max_iterations)


def _step(first, d_first, second, d_second, share: float) -> float:
    """Longest step in (0, 1] that keeps both vectors positive, times ``share`` where a boundary limits it."""
    ratio = max((-d_first / first).max(initial=0.0), (-d_second / second).max(initial=0.0))
    return min(1.0, share / ratio) if ratio > 0 else 1.0
