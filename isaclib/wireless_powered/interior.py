r"""A barrier method for energy sensing with binding power caps.

In shares of the frame T, with :math:`e_m = E_m/(c_m T)`, :math:`k_m = a_m c_m`, :math:`q_m = c_m/P_{\max}` and
:math:`r = R \ln 2/(W T)` the problem of :mod:`.energy` reads

.. math::
    \max_{t, e, r} r \quad\text{s.t.}\quad t_m \ln(1 + k_m e_m/t_m) \ge r,\quad e_m \le t_0,\quad
    q_m e_m \le t_m,\quad t_0 + \sum_m t_m \le 1,\quad \eta\,\psi_n(t_0, e) \ge 1,

with :math:`\psi_n = 1/\operatorname{tr} J_n^{-1} = \det J_n/\operatorname{tr} J_n`, which is concave and homogeneous in the
linear :math:`J_n`. Newton's method follows the minimum of :math:`-\tau \ln r - \sum \ln(\text{slacks})` while :math:`\tau`
grows. With the logarithms of :math:`t_m`, :math:`t_m + k_m e_m` and :math:`\operatorname{tr} J_n` among them this is the
self-concordant barrier of exponential cones and of second-order cones, :math:`\ln\operatorname{tr} J + \ln(\psi - 1) = \ln((A
- 1)(B - 1) - C^2 - 1)`: the steps depend neither on units nor on sizes. *Reach*, the first of two programs, has :math:`\psi_n
\ge r` in the place of rates and limit: the least attainable CRB.

Nothing here is trusted: points are evaluated as they stand, and bounds come from :mod:`.duality`.
Reference: Boyd and Vandenberghe, Convex Optimization, sections 9.6 and 11.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from .sensing import Sensing

_GROWTH, _LEAST_GROWTH = 20.0, 1.2
_CENTRED = 1e-1  # of the squared Newton decrement
_FIRST_STEPS, _STEPS, _EASY = 200, 12, 5
_RELATIVE_GAP = 1e-10
_RIDGES = (0.0, 1e-14, 1e-11, 1e-8)
_OUTSIDE = np.array([-1.0])


@dataclass(frozen=True, eq=False)
class Problem:
    """Numbers of one scenario: k, q (M,), and CRBs per second of charging times the frame for shares of the harvest."""

    k: np.ndarray
    q: np.ndarray
    sensing: Sensing
    harvest: np.ndarray
    scale: float  # psi of a share is scale times 1 / crb: the reference CRB, or the limit, over the frame

    def psi(self, t0: float, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r"""``scale`` times :math:`\psi_n` (N,) and times the trace."""
        psi, trace = self.sensing.information(t0, self.harvest * e, derivatives=False)
        return self.scale * psi, self.scale * trace

    def slopes(self, t0: float, e: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradient (N, M+1) of :meth:`psi` in (t_0, e), and its curvature as factor (N, 3, M+1) and core (N, 3, 3)."""
        _, slope, rows, core = self.sensing.information(t0, self.harvest * e)
        unit = np.concatenate([[1.0], self.harvest])
        return self.scale * slope * unit, self.scale * rows * unit, core / self.scale


class _Reach:
    r"""Variables (t_0, e, r): the largest r with :math:`\psi_n \ge r` in the frame :math:`t_0 + q^T e \le 1`."""

    def __init__(self, problem: Problem) -> None:
        self.p, self.users = problem, len(problem.k)

    def start(self) -> np.ndarray:
        t0 = 0.5 / (1 + self.p.q.sum())
        e = np.full(self.users, 0.5 * t0)
        return np.concatenate([[t0], e, [0.5 * self.p.psi(t0, e)[0].min()]])

    def slacks(self, v: np.ndarray) -> np.ndarray:
        t0, e = v[0], v[1:-1]
        if not (v > 0).all():
            return _OUTSIDE
        psi, trace = self.p.psi(t0, e)
        return np.concatenate([psi - v[-1], trace, t0 - e, e, [1 - t0 - self.p.q @ e]])

    def barrier(self, v: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and Hessian of minus the sum of the slacks' logarithms."""
        m = self.users
        slope, rows, core = self.p.slopes(v[0], v[1:-1])
        targets = len(slope)
        jacobian = np.zeros((len(s), len(v)))
        jacobian[:targets, :-1], jacobian[:targets, -1] = slope, -1.0
        jacobian[targets : 2 * targets, :-1] = rows[:, 0] + rows[:, 1]
        linear = jacobian[2 * targets :]
        linear[:m, 0], linear[:m, 1:-1] = 1.0, -np.eye(m)
        linear[m : 2 * m, 1:-1] = np.eye(m)
        linear[-1, 0], linear[-1, 1:-1] = -1.0, -self.p.q
        jacobian /= s[:, None]
        hessian = jacobian.T @ jacobian
        hessian[:-1, :-1] -= _curvature(rows, core, 1 / s[:targets])
        return -jacobian.sum(axis=0), hessian


class _Throughput:
    r"""Variables (t_0, e, t, r): the problem above; ``limited`` says whether there is a CRB limit."""

    def __init__(self, problem: Problem, limited: bool) -> None:
        self.p, self.users, self.limited = problem, len(problem.k), limited

    def start(self, t0: float, e: np.ndarray) -> np.ndarray:
        """From shares that keep the CRB limits with room to spare in the frame."""
        room = 1 - t0 - self.p.q @ e
        t = self.p.q * e + 0.5 * room / self.users
        return np.concatenate([[t0], e, t, [0.5 * (t * np.log1p(self.p.k * e / t)).min()]])

    def split(self, v: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, float]:
        m = self.users
        return v[0], v[1 : m + 1], v[m + 1 : 2 * m + 1], v[-1]

    def slacks(self, v: np.ndarray) -> np.ndarray:
        if not (v > 0).all():
            return _OUTSIDE
        t0, e, t, r = self.split(v)
        received = self.p.k * e
        rates = t * np.log1p(received / t) - r
        parts = [rates, t0 - e, t - self.p.q * e, t, t + received, [1 - t0 - t.sum()]]
        if self.limited:
            psi, trace = self.p.psi(t0, e)
            parts = [psi - 1, trace, *parts]
        return np.concatenate(parts)

    def barrier(self, v: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and Hessian of minus the sum of the slacks' logarithms."""
        m, k = self.users, self.p.k
        t0, e, t, _ = self.split(v)
        x = k * e / t
        targets = (len(s) - 5 * m - 1) // 2
        rows = np.zeros((len(s), len(v)), v.dtype)
        i, ei, ti = np.arange(m), 1 + np.arange(m), m + 1 + np.arange(m)
        if self.limited:
            slope, factor, core = self.p.slopes(t0, e)
            rows[:targets, : m + 1], rows[targets : 2 * targets, : m + 1] = slope, factor[:, 0] + factor[:, 1]
        rate, energy, cap, time, received = (2 * targets + j * m + i for j in range(5))
        rows[rate, ei], rows[rate, ti], rows[rate, -1] = k / (1 + x), _worth(x), -1.0
        rows[energy, 0], rows[energy, ei] = 1.0, -1.0
        rows[cap, ti], rows[cap, ei] = 1.0, -self.p.q
        rows[time, ti] = rows[received, ti] = 1.0
        rows[received, ei] = k
        rows[-1, 0], rows[-1, ti] = -1.0, -1.0
        jacobian = rows / s[:, None]
        hessian = jacobian.T @ jacobian
        if self.limited:
            hessian[: m + 1, : m + 1] -= _curvature(factor, core, 1 / s[:targets])
        bent = 1 / (s[rate] * t * (1 + x) ** 2)
        hessian[ei, ei] += bent * k**2
        hessian[ti, ti] += bent * x**2
        hessian[ei, ti] -= bent * k * x
        hessian[ti, ei] -= bent * k * x
        return -jacobian.sum(axis=0), hessian


def reach(problem: Problem) -> tuple[float, np.ndarray, int]:
    r"""Shares t_0, e of the frame with the largest least :math:`\psi_n`, and the steps taken."""
    program = _Reach(problem)
    v, _, steps = _follow(program, program.start())
    return float(v[0]), v[1:-1], steps


def throughput(
    problem: Problem, t0: float, e: np.ndarray, limited: bool
) -> tuple[np.floating, np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Shares t_0, e, t from a point within the limits; weights (M,) of the rates and prices (N,) of the limits; steps.

    In the precision of the problem's numbers.
    """
    program = _Throughput(problem, limited)
    v, slacks, steps = _follow(program, program.start(t0, e).astype(problem.k.dtype))
    t0, e, t, _ = program.split(v)
    targets = (len(slacks) - 5 * len(e) - 1) // 2
    weights = 1 / slacks[2 * targets : 2 * targets + len(e)]
    prices = (1 + slacks[:targets]) / slacks[:targets] / weights.sum()
    return t0, e, t, weights / weights.sum(), prices, steps


def _follow(program, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Newton's method along the central path; the last point that it could centre, its slacks and the steps taken."""
    slacks = program.slacks(v)
    last = len(slacks) / _RELATIVE_GAP
    v, slacks, steps, centred = _centre(program, v, slacks, 1.0, _FIRST_STEPS)
    tau, growth = 1.0, _GROWTH
    while centred and tau < last and growth > _LEAST_GROWTH:
        target = min(growth * tau, last)
        *point, used, centred = _centre(program, v, slacks, target, _STEPS)
        steps += used
        if centred:
            (v, slacks), tau = point, target
            growth = min(1.5 * growth, _GROWTH) if used <= _EASY else growth
        else:  # too far: the path bends
            growth, centred = growth**0.5, True
    return v, slacks, steps


def _centre(program, v: np.ndarray, slacks: np.ndarray, tau: float, limit: int) -> tuple[np.ndarray, np.ndarray, int, bool]:
    """Towards the minimum of the barrier function at tau: point, slacks, steps, and whether it is near."""
    for steps in range(limit):
        gradient, hessian = program.barrier(v, slacks)
        gradient[-1] -= tau / v[-1]
        hessian[-1, -1] += tau / v[-1] ** 2
        step = _solve(hessian, -gradient)
        decrement = -float(gradient @ step) if step is not None else np.nan
        if not decrement > _CENTRED:
            return v, slacks, steps, decrement >= -_CENTRED
        moved = _line(program, v, step, slacks, tau, decrement)
        if moved is None:
            return v, slacks, steps, False
        v, slacks = moved
    return v, slacks, limit, False


def _line(program, v, step, slacks, tau, decrement):
    """The point and slacks after a damped step that decreases the barrier function; None where rounding allows none."""
    length = 1.0
    for _ in range(60):
        trial = v + length * step
        after = program.slacks(trial)
        if after.min() > 0:
            change = -tau * np.log1p((trial[-1] - v[-1]) / v[-1]) - np.log(after / slacks).sum()
            if change <= -0.1 * length * decrement:
                return trial, after
        length *= 0.6
    return None


def _solve(hessian: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """Newton's direction; the diagonal is scaled to one, so that units and sizes do not matter."""
    size = 1 / np.sqrt(np.maximum(np.diag(hessian), np.finfo(float).tiny))
    with np.errstate(over="ignore", invalid="ignore"):  # a diagonal that cancelled to nothing: no direction
        scaled = hessian * size[:, None] * size
    if not (np.isfinite(scaled).all() and np.isfinite(right).all()):
        return None
    for ridge in _RIDGES:
        if hessian.dtype != float:
            if (z := _solve_wide(scaled + ridge * np.eye(len(size)), size * right)) is None:
                continue
            return size * z
        try:
            factor = cho_factor(scaled + ridge * np.eye(len(size)), check_finite=False)
        except LinAlgError:
            continue
        z = cho_solve(factor, size * right, check_finite=False)
        z += cho_solve(factor, size * right - scaled @ z, check_finite=False)
        return size * z
    return None


def _solve_wide(matrix: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """Cholesky's method in the precision of the numbers, which LAPACK does not have; None if the matrix is not definite."""
    factor, z = matrix.copy(), right.copy()
    for j in range(len(z)):
        if not factor[j, j] > 0:
            return None
        factor[j:, j] /= np.sqrt(factor[j, j])
        factor[j + 1 :, j + 1 :] -= factor[j + 1 :, j, None] * factor[j + 1 :, j]
        z[j] /= factor[j, j]
        z[j + 1 :] -= factor[j + 1 :, j] * z[j]
    for j in reversed(range(len(z))):
        z[j] = (z[j] - factor[j + 1 :, j] @ z[j + 1 :]) / factor[j, j]
    return z


def _curvature(rows: np.ndarray, core: np.ndarray, weight: np.ndarray) -> np.ndarray:
    left = np.einsum("n,nij,njm->nim", weight, core, rows).reshape(-1, rows.shape[2])
    return rows.reshape(-1, rows.shape[2]).T @ left


def _worth(x: np.ndarray) -> np.ndarray:
    """ln(1 + x) - x/(1 + x), by its series where the terms cancel."""
    y = x / (1 + x)
    series = y * y * (1 / 2 + y * (1 / 3 + y * (1 / 4 + y * (1 / 5 + y * (1 / 6 + y / 7)))))
    return np.where(x < 1e-2, series, np.log1p(x) - y)
