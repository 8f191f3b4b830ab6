r"""A primal-dual interior-point method that works on the prices, for many networks at once.

.. math:: \max_{\beta, \pi, t}\; \sum_{kj} w_k \rho_{kj}(\beta_k, \pi_k) - q \sum_k \pi_k + w_t t
   \quad\text{s.t.}\quad \rho_{kj} \ge f_{kj} t,\; \sum_k \beta_k \le 1,\; \sum_k \pi_k \le 1,\; \beta, \pi \ge 0 .

The users meet only in the two budgets, through the price :math:`\nu` of bandwidth and the price :math:`\mu` of power: Newton's
system is one 2 x 2 block per user, bordered by the two prices and :math:`t`. Steps are taken in relative coordinates
:math:`d\beta_k/\beta_k, d\pi_k/\pi_k`, so that a user who needs a billionth of the power is no harder than another; the floors
have slack variables, because a slack computed from a curved constraint lets a step hug the boundary and stall.

Two uses: ``t`` free and no weights gives the *margin* by which the floors can be met (phase I), ``t = 1`` the resource problem
(phase II). Reference: Boyd and Vandenberghe, Convex Optimization, section 11.7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bands import Bands, Restriction, margin_bound, sum_bound

_PATIENCE = 40  # iterations without a better certified gap before a lane stops
_RETRY = 1e-8  # lanes that stop with a larger gap are run again, more cautiously


@dataclass(frozen=True)
class _Pace:
    """How bold the steps are.

    ``boundary``: fraction of the way to the nearest bound that a step may go; ``centring``: range of the fraction of the
    complementarity that a step aims at (less after long steps, more after short ones).
    """

    boundary: float
    centring: tuple[float, float]


_BOLD, _CAUTIOUS = _Pace(0.99, (0.02, 0.7)), _Pace(0.7, (0.3, 0.9))


@dataclass(frozen=True)
class Point:
    """Best point found by each of D lanes: shares, powers (D, K) within the budgets, multipliers (D, K, 2) of the floors.

    ``gap`` (D,) is certified for the point as it stands; its floors hold up to ``violation`` (D,), relative.
    """

    shares: np.ndarray
    powers: np.ndarray
    factor: np.ndarray
    multipliers: np.ndarray
    gap: np.ndarray
    violation: np.ndarray
    iterations: np.ndarray


def optimise(
    bands: Bands,
    shares,
    powers,
    factor,
    *,
    free: Restriction,
    margin: bool = False,
    power_price=0.0,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
) -> Point:
    """Run the method from a point strictly within the budgets until the certified relative gap is below ``tolerance``.

    Parameters
    ----------
    bands : Bands
        D networks; their weights are ignored when ``margin`` is set.
    shares, powers : (D, K)
    factor : (D,)
        The multiple t of the floors; it is moved only when ``margin`` is set.
    free : Restriction
    power_price : float or (D,)
        q above, in units of rate.
    """
    price = np.broadcast_to(power_price, len(bands)).astype(float)
    y, t = np.stack([shares, powers], axis=-1).astype(float), np.array(factor, dtype=float)
    point = _Solver(bands, free, margin, price, _BOLD).run(y, t, tolerance, max_iterations)
    poor = np.flatnonzero(~(np.abs(point.gap) + point.violation <= _RETRY))
    if len(poor):
        again = _Solver(bands.take(poor), free, margin, price[poor], _CAUTIOUS).run(
            y[poor], t[poor], tolerance, 3 * max_iterations
        )
        better = np.abs(again.gap) + again.violation < np.abs(point.gap[poor]) + point.violation[poor]
        for name, value in point.__dict__.items():
            value[poor[better]] = getattr(again, name)[better]
    return point


@dataclass
class _State:
    """Iterates of all lanes: y (D, K, 2 resources), t (D,), slack and lam (D, K, 2 services), prices (D, 2), z like y."""

    y: np.ndarray
    t: np.ndarray
    slack: np.ndarray
    lam: np.ndarray
    prices: np.ndarray
    z: np.ndarray

    def moved(self, length, step: _State) -> _State:
        new = {}
        for name, value in self.__dict__.items():
            new[name] = value + length.reshape((-1,) + (1,) * (value.ndim - 1)) * getattr(step, name)
        return _State(**new)


class _Solver:
    def __init__(self, bands: Bands, free: Restriction, margin: bool, price: np.ndarray, pace: _Pace) -> None:
        self.bands, self.free, self.margin, self.price, self.pace = bands, free, margin, price, pace
        self.floored = bands.floors > 0
        self.weights = np.zeros_like(bands.weights) if margin else bands.weights
        self.movable = np.array([free.shares, free.powers], dtype=float)
        self.count = self.floored.sum(axis=(1, 2)) + (bands.weights.shape[1] + 1) * self.movable.sum()

    def run(self, y, t, tolerance, max_iterations) -> Point:
        state = self._start(y, t)
        lanes = len(t)
        best, centring = np.full(lanes, np.inf), np.full(lanes, 0.3)
        kept = {"y": y.copy(), "t": t.copy(), "lam": state.lam.copy(), "violation": np.full(lanes, np.inf)}
        kept["gap"] = np.full(lanes, np.inf)
        iterations, since = np.zeros(lanes, dtype=int), np.zeros(lanes, dtype=int)
        active = np.ones(lanes, dtype=bool)
        for _ in range(max_iterations):
            with np.errstate(all="ignore"):
                step, longest = self._newton(state, centring)
                length = np.where(active & np.isfinite(longest), np.minimum(1.0, self.pace.boundary * longest), 0.0)
                state = state.moved(length, step)
                centring = np.clip((1 - length) ** 2, *self.pace.centring)
                gap, violation, t = self._certify(state)
            merit = np.abs(gap) + violation
            better = active & (merit < best)
            best = np.where(better, merit, best)
            for name, value in (("y", state.y), ("t", t), ("lam", state.lam), ("gap", gap), ("violation", violation)):
                kept[name][better] = value[better]
            iterations += active
            since = np.where(better, 0, since + 1)
            active &= np.isfinite(longest) & (best > tolerance) & (since < _PATIENCE)
            if not active.any():
                break
        y = kept["y"]
        return Point(y[..., 0], y[..., 1], kept["t"], kept["lam"], kept["gap"], kept["violation"], iterations)

    def _start(self, y, t) -> _State:
        rates = self.bands.rates(y[..., 0], y[..., 1])
        size = np.abs(t) if self.margin else np.sum(self.weights * rates.sum(axis=-1), axis=1)
        size = np.maximum(size + self.price * y[..., 1].sum(axis=1), 1e-12)[:, None] / self.count[:, None]
        floor = self.bands.floors * t[:, None, None]
        slack = np.where(self.floored, np.maximum(rates - floor, 0.1 * floor), 1.0)
        lam = np.where(self.floored, size[..., None] / slack, 0.0)
        prices = np.where(self.movable > 0, size / np.where(self.movable > 0, 1 - y.sum(axis=1), 1.0), 0.0)
        return _State(y, t, slack, lam, prices, size[..., None] / y * self.movable)

    def _certify(self, state: _State):
        """Certified relative gap, largest relative violation of a floor, and the factor t that the point really has."""
        rates = self.bands.rates(state.y[..., 0], state.y[..., 1])
        ratio = np.where(self.floored, rates / np.where(self.floored, self.bands.floors, 1.0), np.inf).min(axis=(1, 2))
        shares, powers = state.y[..., 0], state.y[..., 1]
        if self.margin:
            bound = margin_bound(self.bands, shares, powers, state.lam, free=self.free)
            return (bound - ratio) / ratio, np.zeros_like(ratio), ratio
        total = np.sum(self.weights * rates.sum(axis=-1), axis=1)
        bound = sum_bound(self.bands, shares, powers, state.lam, power_price=self.price, free=self.free)
        gap = (bound - total + self.price * powers.sum(axis=1)) / np.maximum(total, 1e-300)
        return gap, np.maximum(1 - ratio / state.t, 0.0), state.t

    def _newton(self, now: _State, centring):
        """The step of all variables, and how many times it fits before a bound is met: (step, (D,))."""
        bands, floors, floored = self.bands, self.bands.floors, self.floored
        y, slack = now.y, now.slack
        x = y[..., 1] / y[..., 0]
        value, first, second = bands.slopes(x)
        gradient = np.stack([value - x[..., None] * first, first], axis=-1)  # (D, K, services, resources)
        relative = gradient * y[:, :, None, :]
        budget = np.where(self.movable > 0, 1 - y.sum(axis=1), 1.0)
        error = np.where(floored, y[..., :1] * value - floors * now.t[:, None, None] - slack, 0.0)

        complementarity = (
            np.sum(now.lam * slack, axis=(1, 2)) + np.sum(now.z * y, axis=(1, 2)) + np.sum(now.prices * budget, axis=1)
        )
        target = centring * complementarity / self.count
        stiff = np.where(floored, now.lam / slack, 0.0)
        aim = np.where(floored, target[:, None, None] / slack - stiff * error, 0.0)

        bend = np.sum((self.weights[..., None] + now.lam) * -second, axis=-1) * y[..., 1] * x  # -rho'' pi^2 / beta
        own = np.einsum("dkj,dkja,dkjb->dkab", stiff, relative, relative)
        own += bend[..., None, None] * np.array([[1.0, -1.0], [-1.0, 1.0]])
        own += (now.z * y)[..., None] * np.eye(2)
        pull = np.sum((self.weights[..., None] + aim)[..., None] * relative, axis=2) + target[:, None, None]
        pull[..., 1] -= y[..., 1] * self.price[:, None]
        drag = np.sum((stiff * floors)[..., None] * relative, axis=2)

        # Unknowns: the relative steps of every user, the new prices (nu, mu), dt. A user with slack floors has a block that
        # is singular along its own ray (homogeneity), so that users cannot be eliminated first without losing digits.
        lanes, users = y.shape[:2]
        n = 2 * users
        matrix, right = np.zeros((lanes, n + 3, n + 3)), np.zeros((lanes, n + 3))
        for k in range(users):
            matrix[:, 2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = own[:, k]
        each = np.arange(n)
        matrix[:, each, n + each % 2] = matrix[:, n + each % 2, each] = y.reshape(lanes, n)
        matrix[:, :n, n + 2], matrix[:, n + 2, :n] = -drag.reshape(lanes, n), drag.reshape(lanes, n)
        matrix[:, [n, n + 1], [n, n + 1]] = -budget / now.prices
        matrix[:, n + 2, n + 2] = -np.sum(stiff * floors**2, axis=(1, 2))
        right[:, :n] = pull.reshape(lanes, n)
        right[:, n : n + 2] = -target[:, None] / now.prices
        right[:, n + 2] = np.sum(aim * floors, axis=(1, 2)) - 1.0
        still = np.concatenate([np.tile(self.movable == 0, users + 1), [not self.margin]])
        matrix[:, still, :], right[:, still] = np.eye(n + 3)[still], 0.0
        solution = _solve(matrix, right)
        u, moves = solution[:, :n].reshape(y.shape), solution[:, n:]
        change = np.sum(relative * u[:, :, None, :], axis=-1) - floors * moves[:, 2, None, None]
        step = _State(
            y=y * u,
            t=moves[:, 2],
            slack=np.where(floored, change + error, 0.0),
            lam=np.where(floored, aim - now.lam - stiff * change, 0.0),
            prices=np.where(self.movable > 0, moves[:, :2] - now.prices, 0.0),
            z=(target[:, None, None] / y - now.z - now.z * u) * self.movable,
        )
        pairs = ((u, 1.0), (step.slack, slack), (step.lam, now.lam), (step.prices, now.prices), (step.z, now.z))
        fastest = np.max([_decrease(move, value) for move, value in (*pairs, (-step.y.sum(axis=1), budget))], axis=0)
        return step, 1 / np.maximum(fastest, 1e-9)


def _solve(matrix, right):
    """One linear system per lane; lanes that broke down give nan instead of an error for all."""
    sound = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
    matrix = np.where(sound[:, None, None], matrix, np.eye(matrix.shape[-1]))
    try:
        return np.where(sound[:, None], np.linalg.solve(matrix, right[..., None])[..., 0], np.nan)
    except np.linalg.LinAlgError:
        return np.where(sound[:, None], np.einsum("dab,db->da", np.linalg.pinv(matrix), right), np.nan)


def _decrease(step, value):
    """Largest relative decrease (D,) of positive quantities in a step (0 where nothing decreases)."""
    ratio = -step / np.where(np.asarray(value) > 0, value, np.inf)
    return np.maximum(ratio.reshape(len(ratio), -1).max(axis=1), 0.0)
