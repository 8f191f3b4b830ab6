r"""A primal-dual interior-point method that works on the prices, for many networks at once.

.. math:: \max_{\beta, \pi, t}\; \sum_{kj} w_k \rho_{kj}(\beta_k, \pi_k) - q \sum_k \pi_k + w_t t
   \quad\text{s.t.}\quad \rho_{kj} \ge f_{kj} t,\; \sum_k \beta_k \le 1,\; \sum_k \pi_k \le 1,\; \beta, \pi \ge 0 .

The users meet only in the two budgets, through the price :math:`\nu` of bandwidth and the price :math:`\mu` of power. Steps are
taken in relative coordinates :math:`d\beta_k/\beta_k, d\pi_k/\pi_k`, so that a user who needs a billionth of the power is no
harder than another; the floors have slack variables, because a slack computed from a curved constraint lets a step hug the
boundary and stall. Newton's system then has one 2 x 2 block :math:`H_k` per user, of the relative steps :math:`u_k`, bordered by
the columns :math:`C_k` of :math:`m = (\nu, \mu, dt)`:

.. math:: H_k u_k + C_k m = r_k, \quad \sum_k C_k^T u_k + E m = e, \qquad
          H_k = \sum_j s_j a_j a_j^T + b \binom{1}{-1} (1, -1) + \mathrm{diag}(h) ,

with :math:`a_j` the derivatives of the rates, :math:`s_j` multiplier over slack, :math:`b` the bend and :math:`h` what holds the
signs. Along a user's own ray, share and power alike, rates of degree one bend nowhere: where the floors are slack, :math:`H_k` is
singular but for :math:`h`. Its determinant as a difference has no digits then; as the sum of the squared cross products of those
five rank-one parts (Cauchy-Binet) it keeps all. Of each user one step is eliminated, then the other with the pivot
:math:`\det H_k` over the first; but for the three users whose second pivot is the least beside its border: its inverse would
drown the others in the three sums that all share, and next to an optimum no more than two such users set the prices. They stay,
in one dense system of six unknowns, whatever the number of users.

Two uses: ``t`` free and no weights gives the *margin* by which the floors can be met (phase I), ``t = 1`` the resource problem
(phase II). Reference: Boyd and Vandenberghe, Convex Optimization, section 11.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .bands import Bands, Restriction, slopes_of

_KEPT = 3  # users of whom only one step is eliminated
_PATIENCE = 40  # iterations without a better certified gap before a lane stops
_USERS = 6144  # of all networks at once: as many as the cache holds, for the cost of a call is spread over them
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
    y, t = np.stack([shares, powers], axis=2).astype(float), np.array(factor, dtype=float)
    # Lanes do not touch each other: many share the cost of a call, as long as the cache holds them; finished ones leave.
    size = max(_USERS // y.shape[1], 1)
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
        size = np.sum(bands.weights * rates.sum(axis=2), axis=1) + price * y[..., 1].sum(axis=1)
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


class _State:
    """Iterates of all lanes, or a step of them: one array, lanes last, and views of its rows.

    y (2 resources, K, D), lam (2 services, K, D), z like y, slack like lam, prices and the rest of the budgets (2, D), t (D,).
    """

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.y, self.lam, self.z, self.slack = values[:-5].reshape(4, 2, len(values) // 8, -1)
        self.prices, self.budget, self.t = values[-5:-3], values[-3:-1], values[-1]

    def take(self, lanes) -> _State:
        return _State(self.values[:, lanes])


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
        self.still = np.flatnonzero([*~self.movable, not self.margin])

    def take(self, lanes) -> _Solver:
        arrays = (self.radar, self.clutter, self.link, self.weights, self.floors, self.floored, self.price, self.count)
        return _Solver(*(value[..., lanes] for value in arrays), self.free, self.margin)

    def run(self, y, t, pace: _Pace, tolerance, max_iterations) -> Point:
        """From shares and powers y (D, K, 2) and factors t (D,)."""
        y, lanes = np.ascontiguousarray(y.transpose(2, 1, 0)), len(t)
        at, now, slopes = np.arange(lanes), self, _Slopes(self, y)  # lanes that are still here, and what is known of them
        state = self._start(y, t, slopes)
        # The best y and lam so far, and their merit, gap, violation and factor.
        kept, figures = np.concatenate([y, 0 * y]).reshape(-1, lanes), np.full((4, lanes), np.inf)
        figures[3] = t
        iterations = np.zeros(lanes, dtype=int)
        centring, since, going = np.full(lanes, 0.3), np.zeros(lanes, dtype=int), np.ones(lanes, dtype=bool)
        with np.errstate(all="ignore"):
            for _ in range(max_iterations):
                step, longest = now._newton(state, slopes, centring)
                sound = np.isfinite(longest)
                length = np.where(sound, np.minimum(1.0, pace.boundary * longest), 0.0)
                step.values *= length
                step.values += state.values
                state = step
                slopes = _Slopes(now, state.y)
                centring = np.clip((1 - length) ** 2, *pace.centring)
                gap, violation, factor = now._certify(state, slopes)
                merit = np.abs(gap) + violation
                better = (merit < figures[0, at]) & going
                figures[:, at[better]] = np.stack([merit, gap, violation, factor])[:, better]
                kept[:, at[better]] = state.values[: len(kept), better]
                iterations[at[going]] += 1
                since = np.where(better, 0, since + 1)
                going = going & sound & (figures[0, at] > tolerance) & (since < _PATIENCE)
                left = np.count_nonzero(going)
                if not left:
                    break
                if left <= _LEAVE * len(going):
                    at, now, state, centring, since = at[going], now.take(going), state.take(going), centring[going], since[going]
                    slopes, going = _Slopes(now, state.y), np.ones(left, dtype=bool)
        best = np.ascontiguousarray(kept.T).reshape(lanes, 4, -1)
        shares, powers, multipliers = best[:, 0], best[:, 1], np.ascontiguousarray(best[:, 2:].swapaxes(1, 2))
        _, gaps, violations, factors = figures
        return Point(shares, powers, factors, multipliers, gaps, violations, iterations)

    def _start(self, y, t, slopes: _Slopes) -> _State:
        size = 1 / self.count  # objective and factor are of the order of one
        floor, (_, users, lanes) = self.floors * t, y.shape
        state = _State(np.empty((8 * users + 5, lanes)))
        state.y[:], state.t[:] = y, t
        state.slack[:] = np.where(self.floored, np.maximum(y[0] * slopes.value - floor, 0.1 * floor), 1.0)
        state.lam[:] = np.where(self.floored, size / state.slack, 0.0)
        movable = self.movable[:, None]
        state.budget[:] = np.where(movable, 1 - y.sum(axis=1), 1.0)
        state.prices[:] = np.where(movable, size / state.budget, 0.0)
        state.z[:] = size / y * movable[..., None]
        return state

    def _certify(self, state: _State, slopes: _Slopes):
        """Certified relative gap, largest relative violation of a floor, and the factor t that the point really has.

        The bounds of :func:`~.bounds.margin_at` and :func:`~.bounds.sum_at`.
        """
        (beta, pi), lam = state.y, state.lam
        rates = beta * slopes.value
        ratio = np.where(self.floored, rates / self.floors, np.inf).min(axis=(0, 1))
        worth = self.weights + lam
        by_share, by_power = (worth * slopes.by_share).sum(axis=0), (worth * slopes.by_power).sum(axis=0) - self.price
        bound = by_share.max(axis=0) if self.free.shares else (by_share * beta).sum(axis=0)
        bound = bound + (np.maximum(by_power.max(axis=0), 0) if self.free.powers else (by_power * pi).sum(axis=0))
        paid = (lam * self.floors).sum(axis=(0, 1))
        if self.margin:
            bound = np.where(paid > 0, bound / paid, np.inf)
            return (bound - ratio) / ratio, np.zeros_like(ratio), ratio
        total, spent = (self.weights * rates.sum(axis=0)).sum(axis=0), self.price * pi.sum(axis=0)
        gap = (bound - paid - total + spent) / (total + spent)
        return gap, np.maximum(1 - ratio / state.t, 0.0), state.t

    def _newton(self, now: _State, slopes: _Slopes, centring):
        """The step of all variables, and how many times it fits before a bound is met: (step, (D,))."""
        floors, floored, movable, still = self.floors, self.floored, self.movable[:, None], self.still
        y, z, slack, lam, budget = now.y, now.z, now.slack, now.lam, now.budget
        (beta, pi), held, stiff = y, z * y, lam / slack
        budget[:] = np.where(movable, 1 - y.sum(axis=1), 1.0)
        error = (beta * slopes.value - floors * now.t - slack) * floored

        complementarity = (lam * slack).sum(axis=(0, 1)) + held.sum(axis=(0, 1)) + (now.prices * budget).sum(axis=0)
        target = centring * complementarity / self.count
        aim = target / slack * floored - stiff * error
        bend = ((self.weights + lam) * slopes.bend).sum(axis=0) * pi * slopes.x  # -rho'' pi^2 / beta

        # The system of the module's text. Columns of the border: of the new prices (nu, mu), of dt, and the right side.
        by = np.stack([slopes.by_share * beta, slopes.by_power * pi])
        pull = stiff * by
        (of_share, of_power), both = (pull * by).sum(axis=1), (pull[0] * by[1]).sum(axis=0)
        border, corner = np.zeros((2, 4, *beta.shape)), np.zeros((3, 4, len(target)))
        border[0, 0], border[1, 1] = y
        border[:, 2] = -(pull * floors).sum(axis=1)
        border[:, 3] = ((self.weights + aim) * by).sum(axis=1) + target
        border[1, 3] -= self.price * pi
        corner[[0, 1], [0, 1]], corner[:2, 3] = -budget / now.prices, -target / now.prices
        corner[2, 2], corner[2, 3] = (stiff * floors**2).sum(axis=(0, 1)), 1.0 - (aim * floors).sum(axis=(0, 1))
        border[:, :3][:, still], corner[still], corner[still, still] = 0.0, 0.0, 1.0
        by_share, by_power = of_share + bend + held[0], of_power + bend + held[1]
        if self.movable.all():
            crossed = stiff[0] * stiff[1] * (by[0, 0] * by[1, 1] - by[0, 1] * by[1, 0]) ** 2
            bent = bend * (of_share + 2 * both + of_power + held[0] + held[1])
            determinant = crossed + bent + held[0] * (of_power + held[1]) + held[1] * of_share
            second = by_power * beta**2 > by_share * pi**2
            pivot = np.where(second, by_power, by_share)
            mixed, rest = (both - bend) / pivot, determinant / pivot
            first, other = np.where(second, border[1], border[0]), np.where(second, border[0], border[1])
        else:
            second = self.free.powers
            pivot, first = (by_power, border[1]) if second else (by_share, border[0])
            mixed, rest, other = 0 * pivot, 0 * pivot + 1, 0 * first
        (first, other), moves = _eliminate(pivot, mixed, rest, first, other, corner)
        u = np.where(second, [other, first], [first, other])
        change = by[0] * u[0] + by[1] * u[1] - floors * moves[2]

        step = _State(np.empty_like(now.values))
        step.y[:], step.t[:] = y * u, moves[2]
        step.z[:] = (target / y - z - z * u) * movable[..., None]
        step.slack[:] = change * floored + error
        step.lam[:] = aim - lam - stiff * change
        step.prices[:] = np.where(movable, moves[:2] - now.prices, 0.0)
        step.budget[:] = -step.y.sum(axis=1)
        return step, 1 / np.maximum(_decrease(step.values[:-1], now.values[:-1]), 1e-9)


def _eliminate(pivot, mixed, rest, first, other, corner):
    """Both steps (K, D) of every user, first and other, and the three unknowns (3, D) that all share; overwrites the corner.

    Per user the first pivot, the second row's multiple of the first and the second pivot (K, D); borders (4, K, D) and corner
    (3, 4, D) with their right sides last.
    """
    corner -= ((first[:3] / pivot)[:, None] * first).sum(axis=2)
    ray = other - mixed * first
    size, some, everybody = rest, ray, len(rest) <= _KEPT
    if not everybody:
        loose = np.argpartition(rest / (ray[0] ** 2 + ray[1] ** 2), _KEPT, axis=0)[:_KEPT]
        kept = loose, np.arange(rest.shape[1])
        size, some, inverse = rest[kept], ray[:, *kept], 1 / rest
        inverse[kept] = 0.0
        corner -= ((ray[:3] * inverse)[:, None] * ray).sum(axis=2)
    n = len(size)
    system = np.zeros((n + 3, n + 4, rest.shape[1]))
    system[np.arange(n), np.arange(n)] = size
    system[:n, n:], system[n:, :n], system[n:, n:] = some.swapaxes(0, 1), some[:3], corner
    found = _dense(system)
    step, moves = found[:n], found[n:]
    if not everybody:
        step = inverse * _steps(ray, moves)
        step[kept] = found[:n]
    return (_steps(first, moves) / pivot - mixed * step, step), moves


def _steps(border, moves):
    """Right side less what the shared unknowns take from it."""
    return border[3] - (border[:3] * moves[:, None]).sum(axis=0)


def _dense(system):
    """The unknowns (n, D) of one system (n, n + 1, D) per lane, right sides last."""
    system = np.ascontiguousarray(system.transpose(2, 0, 1))
    return _solve(system[..., :-1], system[..., -1]).T


def _solve(matrix, right):
    """One linear system per lane; lanes that broke down give nan instead of an error for all."""
    sound = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
    if not sound.all():
        matrix = np.where(sound[:, None, None], matrix, np.eye(matrix.shape[2]))
    try:
        found = np.linalg.solve(matrix, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        found = np.einsum("dab,db->da", np.linalg.pinv(matrix), right)
    return found if sound.all() else np.where(sound[:, None], found, np.nan)


def _decrease(step, value):
    """Largest relative decrease (D,) of positive quantities in a step (0 where nothing decreases)."""
    return np.maximum(-np.divide(step, value, out=np.zeros_like(step), where=value > 0).min(axis=0), 0.0)
