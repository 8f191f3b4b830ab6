r"""A primal-dual interior-point method for separable concave utilities under few convex quadratic limits.

.. math:: \min_z \; \sum_n -\log(1 + g_n z_n) + c_n z_n \quad\text{s.t.}\quad
    h_i(z) = |B_i z|^2 + l_i^{\mathsf T} z + d_i \le 0, \quad a^{\mathsf T} z = 1, \quad z \ge 0

with :math:`B_i` of two rows. The Newton matrix is a diagonal plus one product of a (3K, n) matrix with itself, so that a
step at n = 128 costs about a millisecond in dense linear algebra; Mehrotra's predictor and corrector, the corrector with
the exact second-order term of the quadratics. The caller judges the answer by its own certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

_BOUNDARY = 0.995  # share of the way to the boundary that a step may take
_KEEP = 0.5
_DIVERGED = 1e5  # multipliers of an infeasible program grow without end
_VANISHED = 1e-60
_RIDGES = (0.0, 1e-13, 1e-11)


@dataclass(frozen=True)
class _Newton:
    """The linear system of one iteration; ``along`` is the Newton matrix's answer to the equality's row."""

    solve: Callable[[np.ndarray], np.ndarray]
    along: np.ndarray
    equality: np.ndarray
    balance: float
    slope: np.ndarray
    price: float
    jacobian: np.ndarray
    z: np.ndarray
    s: np.ndarray
    multipliers: np.ndarray
    reduced: np.ndarray

    def step(self, complement, lower, residual):
        """Step towards s * multipliers = complement and z * reduced = lower (elementwise) with h + s losing ``residual``."""
        pull = (complement + self.multipliers * residual) / self.s
        right = -(self.slope + self.price * self.equality + self.jacobian.T @ pull - lower / self.z)
        base = self.solve(right)
        d_price = (self.equality @ base + self.balance) / (self.equality @ self.along)
        d_z = base - d_price * self.along
        d_s = -residual - self.jacobian @ d_z
        d_multipliers = (complement - self.multipliers * d_s) / self.s - self.multipliers
        d_reduced = (lower - self.reduced * d_z) / self.z - self.reduced
        return d_z, d_s, d_multipliers, d_reduced, d_price


@dataclass(frozen=True)
class Point:
    """Last iterate: primal z (n,), multipliers (K,) of h, whether the stopping rule was met, iterations."""

    z: np.ndarray
    multipliers: np.ndarray
    converged: bool
    iterations: int


def minimise(
    quadratic: np.ndarray,
    linear: np.ndarray,
    constant: np.ndarray,
    gains: np.ndarray,
    costs: np.ndarray,
    equality: np.ndarray,
    start: np.ndarray,
    *,
    tolerance: float,
    max_iterations: int = 60,
) -> Point:
    """Solve the program above.

    Parameters
    ----------
    quadratic : (2, K, n)
        The rows of the matrices B_i.
    linear : (K, n)
    constant : (K,)
    gains, costs, equality, start : (n,)
        ``start`` must be positive; it need not satisfy the limits.
    tolerance : float
        On the duality measure (absolute, in units of the objective) and on the residuals.
    """
    z = np.maximum(start, 1e-6)
    parts, limits, size = quadratic.shape
    n_products = limits + size
    v = quadratic @ z
    h = (v**2).sum(axis=0) + linear @ z + constant
    s = np.maximum(-h, 0.1)
    multipliers = 0.1 / s
    reduced = 0.1 / z
    price = 0.0
    flat = quadratic.reshape(parts * limits, size)
    used = np.flatnonzero(flat.any(axis=1))  # plain cuts have two rows only
    flat, owner = flat[used], used % limits
    rows = np.empty((used.size + limits, size))
    for iteration in range(max_iterations):
        slope = costs - gains / (1 + gains * z)
        jacobian = 2 * np.einsum("pk,pkn->kn", v, quadratic) + linear
        primal = h + s
        dual = slope + jacobian.T @ multipliers - reduced + price * equality
        balance = equality @ z - 1.0
        gap = s @ multipliers + z @ reduced
        if (
            gap <= tolerance
            and np.abs(primal).max(initial=0.0) <= 0.01 * tolerance
            and abs(balance) <= 0.01 * tolerance
            and np.abs(dual).max() <= 10 * tolerance
        ):
            return Point(z, multipliers, True, iteration)
        if not multipliers.max(initial=0.0) < _DIVERGED or s.min(initial=1.0) < _VANISHED:
            return Point(z, multipliers, False, iteration)
        mean = gap / n_products
        weight = multipliers / s
        np.multiply(np.sqrt(2 * multipliers[owner])[:, None], flat, out=rows[: used.size])
        rows[used.size :] = np.sqrt(weight)[:, None] * jacobian
        matrix = rows.T @ rows
        matrix[np.diag_indices(size)] += (gains / (1 + gains * z)) ** 2 + reduced / z
        solve = _factor(matrix)
        if solve is None:
            return Point(z, multipliers, False, iteration)
        along = solve(equality)

        newton = _Newton(solve, along, equality, balance, slope, price, jacobian, z, s, multipliers, reduced)
        a_z, a_s, a_m, a_r, _ = newton.step(np.zeros(limits), np.zeros(size), primal)
        primal_step, dual_step = _step(z, a_z, s, a_s, 1.0), _step(multipliers, a_m, reduced, a_r, 1.0)
        predicted = (s + primal_step * a_s) @ (multipliers + dual_step * a_m) + (z + primal_step * a_z) @ (
            reduced + dual_step * a_r
        )
        # Products far below the tolerance would only spoil the conditioning while the residuals still shrink.
        target = max(mean * min(1.0, predicted / gap) ** 3, 0.1 * tolerance / n_products)
        bend = ((quadratic @ a_z) ** 2).sum(axis=0)
        d_z, d_s, d_m, d_r, d_price = newton.step(
            target - primal_step * dual_step * a_s * a_m,
            target - primal_step * dual_step * a_z * a_r,
            primal + primal_step**2 * bend,
        )
        primal_step, dual_step = _step(z, d_z, s, d_s, _BOUNDARY), _step(multipliers, d_m, reduced, d_r, _BOUNDARY)
        z = z + primal_step * d_z
        s = s + primal_step * d_s
        multipliers = multipliers + dual_step * d_m
        reduced = reduced + dual_step * d_r
        price = price + dual_step * d_price
        v = quadratic @ z
        h = (v**2).sum(axis=0) + linear @ z + constant
        # The linearised slack exceeds -h by the square of the step: take -h itself where that stays well inside.
        s = np.where(-h > _KEEP * s, -h, s)
    return Point(z, multipliers, False, max_iterations)


def _factor(matrix: np.ndarray):
    """Solver for a positive definite matrix, scaled to unit diagonal; a ridge of rounding size where it is numerically
    singular.
    """
    scale = 1.0 / np.sqrt(np.diagonal(matrix))
    matrix = matrix * scale[:, None] * scale
    for ridge in _RIDGES:
        shifted = matrix.copy()
        shifted[np.diag_indices(len(matrix))] += ridge
        factor, failed = dpotrf(shifted.T, lower=1, overwrite_a=1)  # symmetric: the transpose is the Fortran order LAPACK wants
        if failed == 0:
            return lambda right, factor=factor: scale * dpotrs(factor, scale * right, lower=1)[0]
    return None


def _step(first, d_first, second, d_second, share: float) -> float:
    """Longest step in (0, 1] that keeps both vectors positive, times ``share`` where a boundary limits it."""
    ratio = max((-d_first / first).max(initial=0.0), (-d_second / second).max(initial=0.0))
    return min(1.0, share / ratio) if ratio > 0 else 1.0
