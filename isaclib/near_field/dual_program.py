r"""The best weights and prices for a finite list of channels, by a primal-dual interior-point method.

With the matrices :math:`F_k(q,y)` of :mod:`.dual_bound`,

.. math:: \max_{y,q\ge0}\ \sum_xy_x\quad\text{s.t.}\quad F_k(q,y)\succeq0\;\;(k=1,\dots,K),\qquad\sum_mq_m=1 ,

is the dual of the least power at which covariances :math:`X_k\succeq0` serve every listed channel,

.. math:: \min_{X,t}\ t\quad\text{s.t.}\quad\tfrac1\gamma x^HX_kx-\sum_{j\ne k}x^HX_jx\ge1\;\;(x\in X_k),\qquad
    \sum_k\operatorname{tr}[X_k]_m\le t\;\;(m),

and a step of Newton's method (Helmberg, Kojima, Monteiro) for both has as many unknowns as there are channels and access points:
every :math:`F_k` is a sum of :math:`s_ia_ia_i^H`, so that :math:`\operatorname{tr}(a_ia_i^HX_ka_ja_j^HF_k^{-1})=
(a_i^HX_ka_j)(a_j^HF_k^{-1}a_i)`.

Weights and prices lie strictly inside in every step, so that their total is a bound whatever rounding does to the covariances.
Those start anywhere, and near the end (where :math:`F_k` loses its rank) they are no longer known to many digits.
"""

from __future__ import annotations

import copy

import numpy as np

from ..foundations.errors import SolverFailure
from ..foundations.linear_algebra import factored, product
from .hermitian import hermitian, inverse_root, longest_step
from .reduction import Reduced

# Part of the largest common factor of the weights at which they start, and the covariances, against the total.
_INSIDE, _START = 0.8, 0.1
_MOST_STEPS, _GAP, _SHORT = 100, 2e-8, 1e-6
# Part of the way to the wall: the second where little centring is needed.
_TO_WALL = 0.95, 0.99
# Beyond this step length of the predictor its centring is trusted.
_GOOD = 0.1
_UNBOUNDED = 1e100
_HALVINGS = 60
_ROUNDING = 1e-14
_LESS = (0.0, *10.0 ** np.arange(-11.0, -1.0), 1.0)
_TINY = 1e-300


class DualProgram:
    """The matrices F_k in the scaled bases, as a linear map of the unknowns: the weights y, then the prices q."""

    def __init__(self, channels: np.ndarray, owners: np.ndarray, sinr: float, problem: Reduced) -> None:
        users, aps, width = problem.channels.shape
        self.aps, self.count, size = aps, len(channels), aps * width
        # Columns: the channels, then the unit vectors of the antennas' span, grouped by AP.
        columns = np.concatenate([channels.T, np.eye(size)], axis=1)
        bases, real = problem.beam_bases(sinr)
        self.columns = np.matmul(bases.conj().swapaxes(1, 2), columns[None])
        sign = np.where(owners[None] == np.arange(users)[:, None], -1 / sinr, 1.0)
        self.sign = np.concatenate([sign, np.ones((users, size))], axis=1)
        # Column j of the data belongs to unknown group[j].
        group = np.concatenate([np.arange(self.count), self.count + np.repeat(np.arange(aps), width)])
        if real:
            # Real entries see the real part of F only: Re(x x^H) = Re x Re x^T + Im x Im x^T.
            self.columns = np.concatenate([self.columns.real, self.columns.imag], axis=2)
            self.sign, group = np.tile(self.sign, (1, 2)), np.tile(group, 2)
        self.group = group
        # The columns of one unknown lie together (once for real parts and once for imaginary ones).
        self.starts = np.concatenate([np.arange(self.count), self.count + width * np.arange(aps)])
        self.halves = 2 if real else 1

    def around(self, unknowns: np.ndarray, factors: np.ndarray) -> DualProgram:
        """The same in units of a point with these Cholesky factors: there all unknowns are 1 and all F_k the identity."""
        scaled = copy.copy(self)
        scaled.columns = np.linalg.solve(factors, self.columns * np.sqrt(unknowns[self.group]))
        return scaled

    def matrices(self, unknowns: np.ndarray) -> np.ndarray:
        """All F_k, (K, d, d); the map is linear."""
        coefficients = self.sign * unknowns[self.group]
        return hermitian(product(self.columns * coefficients[:, None, :], self.columns.conj().swapaxes(1, 2)))

    def factor(self, unknowns: np.ndarray) -> np.ndarray | None:
        """Cholesky factors of all F_k, or None outside."""
        if np.any(unknowns <= 0):
            return None
        F = self.matrices(unknowns)
        if not np.all(np.isfinite(F)):  # of which Cholesky need not complain
            return None
        try:
            return np.linalg.cholesky(F)
        except np.linalg.LinAlgError:
            return None

    def adjoint(self, covariances: np.ndarray) -> np.ndarray:
        """The transpose of the map, for (K, d, d)."""
        seen = product(covariances, self.columns)
        powers = np.sum(self.columns.real * seen.real + self.columns.imag * seen.imag, axis=1)
        by_column = np.sum(self.sign * powers, axis=0).reshape(self.halves, -1).sum(axis=0)
        return np.add.reduceat(by_column, self.starts)

    def normal(self, covariances: np.ndarray, inverses: np.ndarray) -> np.ndarray:
        """The matrix of the normal equations: adjoint of X matrices(.) F^-1, symmetric."""
        adjoints, length = self.columns.conj().swapaxes(1, 2), len(self.group) // self.halves
        P, Q = product(adjoints, product(covariances, self.columns)), product(adjoints, product(inverses, self.columns))
        pairs = P.real * Q.real + P.imag * Q.imag
        pairs *= self.sign[:, :, None]
        pairs *= self.sign[:, None, :]
        pairs = pairs.sum(axis=0).reshape(self.halves, length, self.halves, length).sum(axis=(0, 2))
        return hermitian(np.add.reduceat(np.add.reduceat(pairs, self.starts, axis=0), self.starts, axis=1))


class _Step:
    """Directions from one point: the factor of the normal equations is shared."""

    def __init__(self, program: DualProgram, gain: np.ndarray, cost: np.ndarray, point: tuple[np.ndarray, ...]) -> None:
        self.program, self.gain, self.cost = program, gain, cost
        self.u, self.X, self.z = u, X, z = point
        self.F = program.matrices(u)
        self.root, self.other_root = inverse_root(self.F), inverse_root(X)
        self.inverse = product(self.root.conj().swapaxes(1, 2), self.root)
        self.products = float(np.vdot(X, self.F).real + u @ z)

    def short(self, value: float) -> float:
        """By how much (relative) the covariances serve a channel too little, or cost more than the total: while they do, it may
        still grow, however small the products are.
        """
        missing = self.gain + self.program.adjoint(self.X) + self.z
        level = float(missing @ np.where(self.cost > 0, self.u, 0.0))  # the prices cost one in all
        return float(np.max(np.abs(missing - level * self.cost) / (self.gain + value * self.cost)))

    def factor(self) -> None:
        normal = self.program.normal(self.X, self.inverse)
        normal[np.diag_indices(len(self.u))] += self.z / self.u
        normal[np.diag_indices(len(self.u))] *= 1 + _ROUNDING
        solved = factored(normal)
        if solved is None:
            raise np.linalg.LinAlgError("rounding has eaten the normal equations")
        self.solved, self.across = solved, solved(self.cost)

    def towards(self, target: float, second_X: np.ndarray | float = 0.0, second_z: np.ndarray | float = 0.0):
        """(steps of u, F, X and z, longest step of u and of the others) for products ``target`` with these second-order terms."""
        u, X, z, inverse = self.u, self.X, self.z, self.inverse
        uphill = self.solved(self.gain + self.program.adjoint(target * inverse - second_X) + (target - second_z) / u)
        du = uphill - (self.cost @ uphill) / (self.cost @ self.across) * self.across
        dF = self.program.matrices(du)
        dX = target * inverse - second_X - hermitian(product(product(X, dF), inverse)) - X
        dz = (target - second_z - z * du) / u - z
        return du, dF, dX, dz, longest_step(self.root, dF, u, du), longest_step(self.other_root, dX, z, dz)


def best_unknowns(program: DualProgram, guess: np.ndarray, enough: float = np.inf) -> np.ndarray:
    """Weights and prices of the largest total, from a first guess: the weights up to a common factor, prices that sum to one. A
    total beyond ``enough`` is not improved.
    """
    start = guess.copy()
    start[: program.count] *= largest_factor(program, start) * _INSIDE
    for _ in range(_HALVINGS):  # rounding may put the wall nearer
        if (factors := program.factor(start)) is not None:
            break
        start[: program.count] *= 0.5
    else:
        raise SolverFailure("dual program", "no start", message="the prices span too many decades")
    program = program.around(start, factors)
    weighty = np.arange(len(start)) < program.count
    gain, cost = np.where(weighty, start, 0.0), np.where(weighty, 0.0, start)
    users, d, _ = program.columns.shape
    terms, unit = users * d + len(start), float(np.sum(gain))
    X = np.tile(_START * unit * np.eye(d, dtype=program.columns.dtype), (users, 1, 1))
    u, z = np.ones(len(start)), np.full(len(start), _START * unit)
    best, total = u, unit
    for _ in range(_MOST_STEPS):
        try:
            step = _Step(program, gain, cost, (u, X, z))
            value, before = float(gain @ u), total
            best, total = (u, value) if value > total else (best, total)
            # Where the covariances are known to few digits their products say little; then a step that gains nothing does.
            ended = step.products <= _GAP * value and value <= before * (1 + _GAP)
            if value >= min(enough, _UNBOUNDED) or (ended and step.short(value) <= _SHORT):
                break
            step.factor()
            du, dF, dX, dz, inside, other = step.towards(0.0)
            inside, other = min(1.0, inside), min(1.0, other)
            after = np.vdot(X + other * dX, step.F + inside * dF).real + (u + inside * du) @ (z + other * dz)
            part = min(1.0, max(float(after) / step.products, 1e-6)) ** 2 if min(inside, other) > _GOOD else 0.5
            second = hermitian(product(product(dX, dF), step.inverse))
            du, dF, dX, dz, inside, other = step.towards(part * step.products / terms, second, du * dz)
        except np.linalg.LinAlgError:
            break
        wall = min(max(_TO_WALL[0], 1 - part), _TO_WALL[1])
        inside, other = min(1.0, wall * inside), min(1.0, wall * other)
        u, X, z = u + inside * du, hermitian(X + other * dX), z + other * dz
    return best * start


def brought_inside(program: DualProgram, unknowns: np.ndarray) -> np.ndarray:
    """The same with weights that are less by what rounding has put them outside."""
    less = unknowns.copy()
    for part in _LESS:
        less[: program.count] *= 1 - part
        if program.factor(less) is not None:
            break
    return less


def largest_factor(program: DualProgram, unknowns: np.ndarray) -> float:
    """Largest common factor of the weights that keeps every F_k positive definite, from below, by bisection."""
    low, high = 0.0, 1.0

    def inside(factor: float) -> bool:
        trial = unknowns.copy()
        trial[: program.count] *= factor
        return program.factor(trial) is not None

    while inside(high) and high < _UNBOUNDED:
        low, high = high, 10 * high
    if low == 0.0:
        while not inside(high) and high > _TINY:
            high *= 0.1
        low, high = high, 10 * high
    while high / low > 1.001:
        middle = np.sqrt(low) * np.sqrt(high)
        low, high = (middle, high) if inside(middle) else (low, middle)
    return low
