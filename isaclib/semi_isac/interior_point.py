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

from .bands import Bands, Restriction, slopes_of

_PATIENCE = 40  # iterations without a better certified gap before a lane stops
_ENTRIES = 4096 * 81  # of Newton's matrices at once: 2.7 MB, as many lanes as the cost of a call is spread over
_LEAVE = 0.75  # finished lanes leave once so few are left
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
    # Lanes do not touch each other: many share the cost of a call, as long as the cache holds them; finished ones leave.
    size = max(_ENTRIES // (2 * y.shape[1] + 3) ** 2, 1)
    blocks = [slice(start, start + size) for start in range(0, len(bands), size)]
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
    point = _Solver.of(bands, free, margin, price).run(y, unit, _BOLD, tolerance, max_iterations)
    poor = np.flatnonzero(~(np.abs(point.gap) + point.violation <= _RETRY))
    if len(poor):
        again = _Solver.of(bands.take(poor), free, margin, price[poor]).run(
            y[poor], unit[poor], _CAUTIOUS, tolerance, 3 * max_iterations
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
    """Iterates of all lanes, which stand last: y (2 resources, K, D), t (D,), slack and lam (2 services, K, D), prices (2, D), z
    like y."""

    y: np.ndarray
    t: np.ndarray
    slack: np.ndarray
    lam: np.ndarray
    prices: np.ndarray
    z: np.ndarray

    def take(self, lanes) -> _State:
        return _State(*(value[..., lanes] for value in self.__dict__.values()))

    def moved(self, length, step: _State) -> _State:
        return _State(*(value + length * change for value, change in zip(self.__dict__.values(), step.__dict__.values())))


class _Slopes:
    """Rates per unit of bandwidth at the allocation y, and their derivatives: services first, (2, K, D) each."""

    def __init__(self, solver: _Solver, y: np.ndarray) -> None:
        self.x = x = y[1] / y[0]
        self.value, self.by_power, self.bend = map(np.stack, slopes_of(solver.radar, solver.clutter, solver.link, x))
        self.by_share = self.value - x * self.by_power


@dataclass
class _Solver:
    """One block of lanes; every array has them last, so that arithmetic runs along memory."""

    radar: np.ndarray
    clutter: np.ndarray
    link: np.ndarray
    weights: np.ndarray
    floors: np.ndarray
    floored: np.ndarray
    price: np.ndarray
    count: np.ndarray
    free: Restriction
    margin: bool

    @classmethod
    def of(cls, bands: Bands, free: Restriction, margin: bool, price: np.ndarray) -> _Solver:
        radar, clutter, link, weights = (
            np.ascontiguousarray(v.T) for v in (bands.radar, bands.clutter, bands.link, bands.weights)
        )
        floors = np.ascontiguousarray(bands.floors.transpose(2, 1, 0))
        floored = floors > 0
        count = floored.sum(axis=(0, 1)) + (len(weights) + 1) * (float(free.shares) + float(free.powers))
        weights = np.zeros_like(weights) if margin else weights
        return cls(radar, clutter, link, weights, floors, floored, price, count, free, margin)

    def __post_init__(self) -> None:
        self.movable = np.array([self.free.shares, self.free.powers])
        self.safe = np.where(self.floored, self.floors, 1.0)

    def take(self, lanes) -> _Solver:
        arrays = (self.radar, self.clutter, self.link, self.weights, self.floors, self.floored, self.price, self.count)
        return _Solver(*(value[..., lanes] for value in arrays), self.free, self.margin)

    def run(self, y, t, pace: _Pace, tolerance, max_iterations) -> Point:
        """From shares and powers y (D, K, 2) and factors t (D,)."""
        y, lanes = np.ascontiguousarray(y.transpose(2, 1, 0)), len(t)
        kept_y, kept_lam = y.copy(), np.zeros_like(self.floors)
        factors, (gaps, violations, best) = t.copy(), np.full((3, lanes), np.inf)
        iterations = np.zeros(lanes, dtype=int)
        at, now, slopes = np.arange(lanes), self, _Slopes(self, y)  # lanes that are still here, and what is known of them
        state = self._start(y, t, slopes)
        centring, since, going = np.full(lanes, 0.3), np.zeros(lanes, dtype=int), np.ones(lanes, dtype=bool)
        with np.errstate(all="ignore"):
            for _ in range(max_iterations):
                step, longest = now._newton(state, slopes, centring)
                sound = np.isfinite(longest)
                length = np.where(sound, np.minimum(1.0, pace.boundary * longest), 0.0)
                state = state.moved(length, step)
                slopes = _Slopes(now, state.y)
                centring = np.clip((1 - length) ** 2, *pace.centring)
                gap, violation, factor = now._certify(state, slopes)
                merit = np.abs(gap) + violation
                better = (merit < best[at]) & going
                where = at[better]
                best[where], gaps[where], violations[where] = merit[better], gap[better], violation[better]
                kept_y[..., where], kept_lam[..., where] = state.y[..., better], state.lam[..., better]
                factors[where] = factor[better]
                iterations[at[going]] += 1
                since = np.where(better, 0, since + 1)
                going = going & sound & (best[at] > tolerance) & (since < _PATIENCE)
                left = np.count_nonzero(going)
                if not left:
                    break
                if left <= _LEAVE * len(going):
                    at, now, state, centring, since = at[going], now.take(going), state.take(going), centring[going], since[going]
                    slopes, going = _Slopes(now, state.y), np.ones(left, dtype=bool)
        shares, powers = (np.ascontiguousarray(values.T) for values in kept_y)
        return Point(shares, powers, factors, np.ascontiguousarray(kept_lam.transpose(2, 1, 0)), gaps, violations, iterations)

    def _start(self, y, t, slopes: _Slopes) -> _State:
        size = 1 / self.count  # objective and factor are of the order of one
        floor = self.floors * t
        slack = np.where(self.floored, np.maximum(y[0] * slopes.value - floor, 0.1 * floor), 1.0)
        lam = np.where(self.floored, size / slack, 0.0)
        movable = self.movable[:, None]
        prices = np.where(movable, size / np.where(movable, 1 - y.sum(axis=1), 1.0), 0.0)
        return _State(y, t, slack, lam, prices, size / y * movable[..., None])

    def _certify(self, state: _State, slopes: _Slopes):
        """Certified relative gap, largest relative violation of a floor, and the factor t that the point really has.

        The bounds of :func:`~.bounds.margin_at` and :func:`~.bounds.sum_at`.
        """
        beta, pi = state.y
        rates = beta * slopes.value
        ratio = np.where(self.floored, rates / self.safe, np.inf).min(axis=(0, 1))
        worth = self.weights + state.lam
        by_share, by_power = (worth * slopes.by_share).sum(axis=0), (worth * slopes.by_power).sum(axis=0) - self.price
        bound = by_share.max(axis=0) if self.free.shares else (by_share * beta).sum(axis=0)
        bound = bound + (np.maximum(by_power.max(axis=0), 0) if self.free.powers else (by_power * pi).sum(axis=0))
        paid = (state.lam * self.floors).sum(axis=(0, 1))
        if self.margin:
            bound = np.where(paid > 0, bound / np.where(paid > 0, paid, 1.0), np.inf)
            return (bound - ratio) / ratio, np.zeros_like(ratio), ratio
        total, spent = (self.weights * rates.sum(axis=0)).sum(axis=0), self.price * pi.sum(axis=0)
        gap = (bound - paid - total + spent) / (total + spent)
        return gap, np.maximum(1 - ratio / state.t, 0.0), state.t

    def _newton(self, now: _State, slopes: _Slopes, centring):
        """The step of all variables, and how many times it fits before a bound is met: (step, (D,))."""
        floors, floored, weights, movable = self.floors, self.floored, self.weights, self.movable[:, None]
        y, slack = now.y, now.slack
        beta, pi = y
        by_share, by_power = slopes.by_share * beta, slopes.by_power * pi  # of relative steps
        budget = np.where(movable, 1 - y.sum(axis=1), 1.0)
        error = np.where(floored, beta * slopes.value - floors * now.t - slack, 0.0)
        held = now.z * y

        complementarity = (now.lam * slack).sum(axis=(0, 1)) + held.sum(axis=(0, 1)) + (now.prices * budget).sum(axis=0)
        target = centring * complementarity / self.count
        stiff = np.where(floored, now.lam / slack, 0.0)
        aim = np.where(floored, target / slack - stiff * error, 0.0)
        bend = ((weights + now.lam) * slopes.bend).sum(axis=0) * pi * slopes.x  # -rho'' pi^2 / beta
        pulled, dragged = weights + aim, stiff * floors

        # Unknowns: the relative steps of every user, the new prices (nu, mu), dt. A user with slack floors has a block that
        # is singular along its own ray (homogeneity), so that users cannot be eliminated first without losing digits.
        users, lanes = beta.shape
        n = 2 * users
        share, power = np.arange(0, n, 2), np.arange(1, n, 2)
        matrix, right = np.zeros((n + 3, n + 3, lanes)), np.empty((n + 3, lanes))
        matrix[share, share] = (stiff * by_share**2).sum(axis=0) + bend + held[0]
        matrix[power, power] = (stiff * by_power**2).sum(axis=0) + bend + held[1]
        matrix[share, power] = matrix[power, share] = (stiff * by_share * by_power).sum(axis=0) - bend
        matrix[share, n] = matrix[n, share] = beta
        matrix[power, n + 1] = matrix[n + 1, power] = pi
        matrix[n + 2, share], matrix[n + 2, power] = (dragged * by_share).sum(axis=0), (dragged * by_power).sum(axis=0)
        matrix[:n, n + 2] = -matrix[n + 2, :n]
        matrix[[n, n + 1], [n, n + 1]] = -budget / now.prices
        matrix[n + 2, n + 2] = -(dragged * floors).sum(axis=(0, 1))
        right[share] = (pulled * by_share).sum(axis=0) + target
        right[power] = (pulled * by_power).sum(axis=0) + target - pi * self.price
        right[n : n + 2] = -target / now.prices
        right[n + 2] = (aim * floors).sum(axis=(0, 1)) - 1.0
        still = np.concatenate([np.tile(~self.movable, users + 1), [not self.margin]])
        matrix[still], right[still] = np.eye(n + 3)[still][..., None], 0.0
        solution = _solve(np.ascontiguousarray(matrix.transpose(2, 0, 1)), np.ascontiguousarray(right.T)).T
        u, moves = np.stack([solution[share], solution[power]]), solution[n:]
        change = by_share * u[0] + by_power * u[1] - floors * moves[2]
        step = _State(
            y=y * u,
            t=moves[2],
            slack=np.where(floored, change + error, 0.0),
            lam=np.where(floored, aim - now.lam - stiff * change, 0.0),
            prices=np.where(movable, moves[:2] - now.prices, 0.0),
            z=(target / y - now.z - now.z * u) * movable[..., None],
        )
        pairs = ((u, 1.0), (step.slack, slack), (step.lam, now.lam), (step.prices, now.prices), (step.z, now.z))
        fastest = np.max([_decrease(move, value) for move, value in (*pairs, (-step.y.sum(axis=1), budget))], axis=0)
        return step, 1 / np.maximum(fastest, 1e-9)


def _solve(matrix, right):
    """One linear system per lane; lanes that broke down give nan instead of an error for all."""
    sound = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
    if not sound.all():
        matrix = np.where(sound[:, None, None], matrix, np.eye(matrix.shape[-1]))
    try:
        found = np.linalg.solve(matrix, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        found = np.einsum("dab,db->da", np.linalg.pinv(matrix), right)
    return found if sound.all() else np.where(sound[:, None], found, np.nan)


def _decrease(step, value):
    """Largest relative decrease (D,) of positive quantities in a step (0 where nothing decreases)."""
    ratio = -step / np.where(np.asarray(value) > 0, value, np.inf)
    return np.maximum(ratio.reshape(-1, ratio.shape[-1]).max(axis=0), 0.0)
