r"""A primal-dual interior-point method that works on the prices, for many networks at once.

.. math:: \max_{\beta, \pi, t}\; \sum_{kj} w_k \rho_{kj}(\beta_k, \pi_k) - q \sum_k \pi_k + w_t t
   \quad\text{s.t.}\quad \rho_{kj} \ge f_{kj} t,\; \sum_k \beta_k \le 1,\; \sum_k \pi_k \le 1,\; \beta, \pi \ge 0 .

The users meet only in the two budgets, through the price :math:`\nu` of bandwidth and the price :math:`\mu` of power: Newton's
system has one 2 x 2 block per user, bordered by the two prices and :math:`t`, and is solved as one dense system of 2K + 3
unknowns (a block alone is singular along its own ray where the floors are slack). Steps are taken in relative coordinates
:math:`d\beta_k/\beta_k, d\pi_k/\pi_k`, so that a user who needs a billionth of the power is no harder than another; the floors
have slack variables, because a slack computed from a curved constraint lets a step hug the boundary and stall.

Two uses: ``t`` free and no weights gives the *margin* by which the floors can be met (phase I), ``t = 1`` the resource problem
(phase II). Reference: Boyd and Vandenberghe, Convex Optimization, section 11.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .bands import Bands, Restriction
from .bounds import margin_at, sum_at

_PATIENCE = 40  # iterations without a better certified gap before a lane stops
_BLOCK = 256  # lanes whose arrays fit into the cache
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
    iterations: np.ndarray = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.iterations is None:
            object.__setattr__(self, "iterations", np.zeros(len(self.gap), dtype=int))


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
    # Lanes do not touch each other: blocks that fit into the cache are faster, and finished lanes leave the block.
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(bands), _BLOCK)]
    parts = [_optimise(bands.take(at), free, margin, price[at], y[at], t[at], tolerance, max_iterations) for at in blocks]
    return parts[0] if len(parts) == 1 else Point(*(np.concatenate(columns) for columns in zip(*map(_columns, parts))))


def _columns(point: Point) -> tuple[np.ndarray, ...]:
    return tuple(point.__dict__.values())


def _optimise(bands, free, margin, price, y, t, tolerance, max_iterations) -> Point:
    """One block: in units in which the objective (or the factor) is one at the start, boldly, then more cautiously."""
    rates = bands.rates(y[..., 0], y[..., 1])
    if margin:
        size = np.abs(t)
        bands = replace(bands, floors=bands.floors * size[:, None, None])
    else:
        size = np.sum(bands.weights * rates.sum(axis=-1), axis=1) + price * y[..., 1].sum(axis=1)
        bands, price = replace(bands, weights=bands.weights / size[:, None]), price / size
    unit = t / size if margin else t
    point = _Solver(bands, free, margin, price, _BOLD).run(y, unit, tolerance, max_iterations)
    poor = np.flatnonzero(~(np.abs(point.gap) + point.violation <= _RETRY))
    if len(poor):
        again = _Solver(bands.take(poor), free, margin, price[poor], _CAUTIOUS).run(
            y[poor], unit[poor], tolerance, 3 * max_iterations
        )
        improve(point, poor, again)
    factor = point.factor * size if margin else point.factor
    return replace(point, factor=factor, multipliers=point.multipliers * size[:, None, None])


def improve(point: Point, at: np.ndarray, again: Point) -> np.ndarray:
    """Take over, in place, what a second run did better in the lanes ``at``; says where (a mask over ``at``)."""
    better = ~(np.abs(point.gap[at]) + point.violation[at] <= np.abs(again.gap) + again.violation)
    for name, value in point.__dict__.items():
        value[at[better]] = getattr(again, name)[better]
    return better


@dataclass
class _State:
    """Iterates of all lanes: y (D, K, 2 resources), t (D,), slack and lam (D, K, 2 services), prices (D, 2), z like y."""

    y: np.ndarray
    t: np.ndarray
    slack: np.ndarray
    lam: np.ndarray
    prices: np.ndarray
    z: np.ndarray

    def take(self, lanes) -> _State:
        return _State(*(value[lanes] for value in self.__dict__.values()))

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

    def take(self, lanes) -> _Solver:
        return _Solver(self.bands.take(lanes), self.free, self.margin, self.price[lanes], self.pace)

    def run(self, y, t, tolerance, max_iterations) -> Point:
        lanes = len(t)
        kept = Point(y[..., 0].copy(), y[..., 1].copy(), t.copy(), np.zeros_like(self.bands.floors), *np.full((2, lanes), np.inf))
        best = np.full(lanes, np.inf)
        at, now, state = np.arange(lanes), self, self._start(y, t)  # lanes that still run, their data and iterates
        centring, since = np.full(lanes, 0.3), np.zeros(lanes, dtype=int)
        for _ in range(max_iterations):
            with np.errstate(all="ignore"):
                step, longest = now._newton(state, centring)
                sound = np.isfinite(longest)
                length = np.where(sound, np.minimum(1.0, self.pace.boundary * longest), 0.0)
                state = state.moved(length, step)
                centring = np.clip((1 - length) ** 2, *self.pace.centring)
                gap, violation, factor = now._certify(state)
                merit = np.abs(gap) + violation
            better = merit < best[at]
            where = at[better]
            best[where] = merit[better]
            found = (state.y[..., 0], state.y[..., 1], factor, state.lam, gap, violation)
            for column, value in zip(_columns(kept), found):
                column[where] = value[better]
            kept.iterations[at] += 1
            since = np.where(better, 0, since + 1)
            going = sound & (best[at] > tolerance) & (since < _PATIENCE)
            if not going.all():
                at, now, state, centring, since = at[going], now.take(going), state.take(going), centring[going], since[going]
            if not len(at):
                break
        return kept

    def _start(self, y, t) -> _State:
        rates = self.bands.rates(y[..., 0], y[..., 1])
        size = 1 / self.count[:, None]  # objective and factor are of the order of one
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
            bound = margin_at(self.bands, shares, powers, state.lam, free=self.free)
            return (bound - ratio) / ratio, np.zeros_like(ratio), ratio
        total = np.sum(self.weights * rates.sum(axis=-1), axis=1)
        bound = sum_at(self.bands, shares, powers, state.lam, power_price=self.price, free=self.free)
        spent = self.price * powers.sum(axis=1)
        gap = (bound - total + spent) / (total + spent)
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
