"""Multipliers that fit an allocation, and shadow prices in the units of the scenario."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize_scalar, nnls

from ..foundations import checks
from ..foundations.errors import InvalidScenario
from .allocation import RESTRICTIONS, Allocation, Criterion, Prices
from .bands import Bands, Restriction, worth
from .bounds import marginal_values
from .scenario import Network, Scenario, Stack, allocated, system

_TINY = 1e-300
_SMALL = 1e-6  # parts of the budgets below which a floor's price is told from theirs
_NEXT_TO_NOTHING = 1e-8  # part of a budget below which the ratio of share and power says nothing


def fitted_multipliers(bands: Bands, shares, powers, *, power_price: float, free: Restriction):
    r"""Multipliers of the floors (1, K, 2), and prices of bandwidth and power, that come nearest to the optimality conditions.

    Non-negative least squares in :math:`(\lambda, \nu, \mu)` for a single network: each user's worth of a share equals
    :math:`\nu`, of power :math:`\mu + q`, and :math:`\lambda_{kj}` times the slack of its floor is zero. Any answer is a valid
    set of multipliers. A user who holds next to nothing has no condition of its own: its density is rounding.
    """
    with np.errstate(all="ignore"):
        return _fitted(bands, shares, powers, power_price, free)


def _fitted(bands: Bands, shares, powers, q: float, free: Restriction):
    users, weights = shares.shape[1], bands.weights[0]
    holds = held(shares, powers, free)[0]
    x = powers / np.where(shares > 0, shares, 1.0)
    by_share, by_power = (gradient[0] for gradient in bands.tangents(x))
    rates = bands.slopes(x)[0][0] * shares[0, :, None]
    active = [(k, j) for k in range(users) for j in range(2) if bands.floors[0, k, j] > 0]
    rows, right = [], []
    for is_free, gradient, column, price in ((free.shares, by_share, 0, 0.0), (free.powers, by_power, 1, q)):
        size = max(float(np.max(weights * gradient.sum(axis=1))), price, _TINY)
        for k in np.flatnonzero(holds) if is_free else ():
            row = np.zeros(len(active) + 2)
            for place, (user, j) in enumerate(active):
                row[place] = gradient[k, j] / size if user == k else 0.0
            row[len(active) + column] = -1.0 / size
            rows.append(row)
            right.append((price - weights[k] * gradient[k].sum()) / size)
    for place, (k, j) in enumerate(active):
        row = np.zeros(len(active) + 2)
        row[place] = abs(rates[k, j] / bands.floors[0, k, j] - 1)
        rows.append(row)
        right.append(0.0)
    row = np.zeros(len(active) + 2)
    row[-1] = max(0.0, 1 - powers.sum()) / max(float(np.max(by_power)), _TINY)
    # Columns are scaled to unit length: multipliers of strong and weak users differ by orders of magnitude.
    matrix = np.array([*rows, row])
    length = np.maximum(np.linalg.norm(matrix, axis=0), _TINY)
    multipliers = np.zeros_like(bands.floors)
    try:
        solution = nnls(matrix / length, np.array([*right, 0.0]), maxiter=1000)[0] / length
    except (RuntimeError, ValueError):  # did not converge, or an entry overflowed: no multipliers are multipliers, too
        return multipliers, 0.0, q
    for place, (k, j) in enumerate(active):
        multipliers[0, k, j] = solution[place]
    return np.where(np.isfinite(multipliers), multipliers, 0.0), float(solution[-2]), float(solution[-1]) + q


def held(shares, powers, free: Restriction) -> np.ndarray:
    """Users (D, K) whose share or power is more than the rounding of an optimum: fixed ones do not count."""
    parts = [values / np.maximum(values.sum(axis=1, keepdims=True), _TINY) for values in (shares, powers)]
    some = (parts[0] > _NEXT_TO_NOTHING) & free.shares | (parts[1] > _NEXT_TO_NOTHING) & free.powers
    return some & (shares > 0)


@np.errstate(all="ignore")
def prices(scenario: Scenario | Network, allocation: Allocation) -> Prices:
    """Shadow prices at an optimal allocation, recovered from its shares and powers alone.

    Raises
    ------
    InvalidScenario
        For an allocation of another scheme than the joint one (the derivative of its optimum is another problem's), or one
        whose arrays do not belong to the scenario.

    Examples
    --------
    A hertz more is worth 9.7 bit/s, a watt more 67.5 Mbit/s; the floors that bind are those of user 0 and of user 2.

    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> found = si.prices(drop, si.solve_exact(drop))
    >>> round(found.bandwidth_per_hz, 3), round(found.power_per_w / 1e6, 3)
    (9.668, 67.539)
    >>> found.min_sensing.round(3).tolist(), found.min_rate.round(3).tolist()
    ([2.035, 0.0], [0.0, 0.252])
    """
    scenario = system("scenario", scenario)
    checks.instance("allocation", allocation, Allocation)
    if allocation.scheme != "joint":
        raise InvalidScenario("allocation", f"is of the scheme {allocation.scheme!r}", "prices belong to joint optima")
    try:
        shares, powers_w = allocated(scenario.users, allocation.shares, allocation.powers_w)
    except InvalidScenario as error:
        raise InvalidScenario("allocation", str(error)) from None
    bands, q = Bands.of([scenario]), 0.0
    shares, powers = shares[None], powers_w[None] / scenario.power_budget_w
    if allocation.criterion == "efficiency":
        bands = bands.unweighted()
        x = powers / np.where(shares > 0, shares, 1.0)
        q = float(np.sum(bands.slopes(x)[0] * shares[..., None]) / (powers.sum() + bands.circuit[0]))
    multipliers, _, _ = fitted_multipliers(bands, shares, powers, power_price=q, free=RESTRICTIONS["joint"])
    x = powers / np.where(shares > 0, shares, 1.0)
    some = (shares[0] > 0) & ~_for_small_floors(bands, shares, powers)[0]
    by_share, by_power = (values[0][some] for values in marginal_values(bands, x, multipliers))
    if not len(by_share):
        raise InvalidScenario("allocation", "gives nobody any bandwidth", "prices belong to joint optima")
    bandwidth, power = float(by_share.max()), max(float(by_power.max()) - q, 0.0)
    multipliers[0] = _of_small_floors(bands, shares, powers, multipliers[0], bandwidth, power + q)
    found = np.array([bandwidth]), np.array([power]), multipliers, powers_w[None]
    (answer,) = unit_prices(Stack.of([scenario]), *found, allocation.criterion, isinstance(scenario, Scenario))
    return answer


def _for_small_floors(bands: Bands, shares, powers) -> np.ndarray:
    """Users (D, K) with floors who hold next to nothing of both budgets."""
    wholes = (np.max(values, axis=1, keepdims=True) for values in (shares, powers))
    parts = np.stack([values / np.where(whole > 0, whole, 1.0) for values, whole in zip((shares, powers), wholes)])
    return ((parts > 0) & (parts < _SMALL)).all(axis=0) & (bands.floors > 0).any(axis=2)


def _of_small_floors(bands: Bands, shares, powers, multipliers, bandwidth: float, power: float) -> np.ndarray:
    r"""Multipliers (K, 2), with those of users who hold next to nothing because their floors ask for no more.

    Their rates lie above such floors by rounding, and tell nothing of prices. But what a floor costs follows from the prices
    :math:`\nu` and :math:`\mu` of a unit of share and power alone: at the density x the least share is
    :math:`Q=\max_j f_j/r_j(x)`, with :math:`r_j` the rates per share, and costs :math:`Q\,(\nu+\mu x-w\sum_jr_j(x))`, convex
    over concave, so that there is one best x. Where one floor binds there, :math:`\lambda_j` is the cost over :math:`f_j`;
    where both do, the worths of share and of power are those two prices.
    """
    found, floors, costs = multipliers.copy(), bands.floors[0], np.array([bandwidth, power])
    for k in np.flatnonzero(_for_small_floors(bands, shares, powers)[0]):

        def at(x: float, k: int = k):
            """Least shares that meet the floors, rates per share, and what has to be paid for."""
            spread = np.full((1, len(floors)), x)
            by_share, by_power = (part[0, k] for part in bands.tangents(spread))
            rates = by_share + x * by_power
            left = costs - bands.weights[0, k] * np.array([by_share.sum(), by_power.sum()])
            return floors[k] / np.maximum(rates, _TINY), rates, np.stack([by_share, by_power]), left

        def cost(log_x: float, at=at) -> float:
            needed, _, _, left = at(math.exp(log_x))
            return math.log(max(needed.max(), _TINY)) + math.log(max(float(left @ [1.0, math.exp(log_x)]), _TINY))

        near = math.log(powers[0, k] / shares[0, k])
        x = math.exp(minimize_scalar(cost, bounds=(near - 20, near + 20), method="bounded", options={"xatol": 1e-9}).x)
        needed, rates, worths, left = at(x)
        if needed.min() > needed.max() * (1 - 1e-6):
            found[k] = nnls(worths / costs[:, None], left / costs)[0]
        else:
            j = int(np.argmax(needed))
            found[k] = 0.0
            found[k, j] = max(float(left @ [1.0, x]), 0.0) / rates[j]
    return np.where(np.isfinite(found), found, multipliers)


def unit_prices(stack: Stack, bandwidth, power, multipliers, powers_w, criterion: Criterion, semi: bool) -> Iterator[Prices]:
    """Normalised prices (D,), (D,) and multipliers (D, K, 2) in the networks' units; ``semi``: of the paper's three users."""
    per = stack.weights.max(axis=1) if criterion == "sum" else 1 / (np.sum(powers_w, axis=1) + stack.circuit_power_w)
    scale = stack.bandwidth_hz / math.log(2)
    floors = multipliers * per[:, None, None]
    sensing, rate = (floors[:, :2, 0], floors[:, 1:, 1]) if semi else (floors[..., 0], floors[..., 1])
    per_hz, per_watt = bandwidth * per / math.log(2), power * per * scale / stack.power_budget_w
    return map(Prices, per_hz.tolist(), per_watt.tolist(), sensing, rate)


def prices_of_rows(
    stack: Stack, bands: Bands, shares, powers_w, multipliers, proven, objective, semi: bool
) -> tuple[Prices | None, ...]:
    """The prices of each row whose optimum is proven, from the multipliers found."""
    found: list[Prices | None] = [None] * len(bands)
    at = np.flatnonzero(proven)
    some, x, y = bands.take(at), shares[at], powers_w[at] / bands.power_w[at, None]
    by_share, by_power = marginal_values(some, y / np.maximum(x, 1e-300), multipliers[at])
    small = _for_small_floors(some, x, y)
    by_share, by_power = (np.where((x > 0) & ~small, values, 0.0).max(axis=1) for values in (by_share, by_power))
    price = worth(some, x, y, "efficiency") if objective == "efficiency" else 0.0
    net, of_floors = np.maximum(by_power - price, 0.0), multipliers[at]
    for n in np.flatnonzero(small.any(axis=1)):
        row = np.array([n])
        of_floors[n] = _of_small_floors(some.take(row), x[row], y[row], of_floors[n], by_share[n], by_power[n])
    for d, prices_ in zip(at, unit_prices(stack.take(at), by_share, net, of_floors, powers_w[at], objective, semi)):
        found[d] = prices_
    return tuple(found)
