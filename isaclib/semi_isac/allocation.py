"""Allocations, the prices at which they are optimal, and their independent check."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.optimize import nnls

from ..foundations.certificate import Certificate, Step
from ..foundations.errors import InvalidScenario
from .bands import Bands, Restriction, efficiency_bound, marginal_values, sum_bound
from .scenario import Network, Scenario, Stack, efficiency_bit_per_j, flatten, user_rates

Criterion = Literal["sum", "efficiency"]
Scheme = Literal["joint", "equal_power", "equal_spectrum", "random"]
CRITERIA: tuple[str, ...] = ("sum", "efficiency")
RESTRICTIONS = {
    "joint": Restriction(),
    "equal_power": Restriction(powers=False),
    "equal_spectrum": Restriction(shares=False),
}
OPTIMAL_GAP = 1e-6  # a gap below it is called optimal; the structured solver reaches 1e-9, cone programs 1e-7
OPTIMAL_RESIDUAL = 1e-7


@dataclass(frozen=True)
class Allocation:
    """Shares and powers of one network.

    Attributes
    ----------
    shares : (3,)
        Shares of the bandwidth.
    powers_w : (3,)
        Transmit powers.
    rates_bps : (4,)
        Sensing of user 0, communication of user 1, sensing of user 1, communication of user 2; (K, 2) for a ``Network``.
    objective : float
        Weighted sum of rates in bit/s, or energy efficiency in bit/J: see ``criterion``.
    certificate : Certificate
        Its bound is the bound of the scheme's own problem: equal powers are certified among equal powers.
    history : tuple of Step
        Iterations of Dinkelbach's method; empty for direct methods.
    criterion : {"sum", "efficiency"}
    scheme : {"joint", "equal_power", "equal_spectrum", "random"}
    """

    shares: np.ndarray
    powers_w: np.ndarray
    rates_bps: np.ndarray
    objective: float
    certificate: Certificate
    history: tuple[Step, ...] = field(default=())
    criterion: Criterion = "sum"
    scheme: Scheme = "joint"


@dataclass(frozen=True)
class Prices:
    """What one more unit of a resource, or one less of a floor, adds to the objective (bit/s or bit/J, as optimised).

    Attributes
    ----------
    bandwidth_per_hz : float
        Derivative of the optimum with respect to the bandwidth.
    power_per_w : float
        Derivative of the optimum with respect to the power budget.
    min_sensing : (2,)
        Gain per bit/s by which the sensing floor of user 0, of user 1 is lowered ((K,) for a ``Network``).
    min_rate : (2,)
        The same for the communication floors of users 1 and 2.
    """

    bandwidth_per_hz: float
    power_per_w: float
    min_sensing: np.ndarray
    min_rate: np.ndarray


def objective_value(scenario: Scenario | Network, shares, powers_w, criterion: Criterion) -> float:
    """Weighted sum of rates in bit/s or energy efficiency in bit/J of an allocation."""
    return _value(scenario, user_rates(scenario, shares, powers_w), powers_w, criterion)


def _value(scenario, table, powers_w, criterion) -> float:
    if criterion == "efficiency":
        return efficiency_bit_per_j(scenario, table, powers_w)
    return float(scenario.weights @ table.sum(axis=1))


def residual(scenario: Scenario | Network, shares, powers_w, scheme: Scheme = "joint") -> float:
    """Largest violation of floors, budgets, signs and of the scheme's equalities, relative to the limit violated."""
    rows = (np.asarray(values, dtype=float)[None] for values in (shares, powers_w))
    return float(residuals(Stack.of([scenario]), *rows, scheme)[0])


def residuals(stack: Stack, shares, powers_w, scheme: Scheme = "joint") -> np.ndarray:
    """The same for D networks: (D,); infinite where an entry is not finite."""
    powers = powers_w / stack.power_budget_w[:, None]
    sound = np.isfinite(shares).all(axis=1) & np.isfinite(powers).all(axis=1)
    table = stack.rates(np.maximum(shares, 0), np.maximum(powers_w, 0))
    floors = stack.floors_bps
    lacking = np.where(floors > 0, (floors - table) / np.where(floors > 0, floors, 1.0), 0.0).max(axis=(1, 2))
    worst = [lacking, shares.sum(axis=1) - 1, powers.sum(axis=1) - 1, -shares.min(axis=1), -powers.min(axis=1)]
    if scheme in ("equal_power", "equal_spectrum"):
        fixed = powers if scheme == "equal_power" else shares
        worst.append(np.abs(fixed - 1 / fixed.shape[1]).max(axis=1))
    return np.where(sound, np.maximum(np.max(worst, axis=0), 0.0), np.inf)


def build(scenario, shares, powers_w, *, criterion, scheme, method, bound=math.nan, iterations=0, seconds=0.0, history=()):
    """An allocation with value, residual and status recomputed from its shares and powers."""
    shares, powers_w = np.array(shares, dtype=float), np.array(powers_w, dtype=float)
    stack = Stack.of([scenario])
    table = stack.rates(shares[None], powers_w[None])[0]
    value = _value(scenario, table, powers_w, criterion)
    violation = float(residuals(stack, shares[None], powers_w[None], scheme)[0])
    proven = not math.isnan(bound) and abs(bound - value) <= OPTIMAL_GAP * abs(value) and violation <= OPTIMAL_RESIDUAL
    certificate = Certificate(
        method=method,
        value=value,
        bound=bound,
        residual=violation,
        status="optimal" if proven else "converged",
        iterations=iterations,
        seconds=seconds,
    )
    table = flatten(table) if isinstance(scenario, Scenario) else table
    for values in (shares, powers_w, table):
        values.setflags(write=False)
    return Allocation(shares, powers_w, table, value, certificate, tuple(history), criterion, scheme)


def _multipliers(scenario, allocation: Allocation):
    r"""Multipliers of the floors, and prices, that come nearest to the optimality conditions at the allocation.

    Non-negative least squares in :math:`(\lambda, \nu, \mu)`: each user's worth of a share equals :math:`\nu`, of power
    :math:`\mu + q`, and :math:`\lambda_{kj}` times the slack of its floor is zero. Any answer is a valid set of multipliers.
    """
    free = RESTRICTIONS[allocation.scheme]
    bands = Bands.of([scenario])
    q = 0.0
    if allocation.criterion == "efficiency":
        bands = bands.unweighted()
    shares = np.maximum(allocation.shares, 0)[None]
    powers = np.maximum(allocation.powers_w, 0)[None] / bands.power_w[:, None]
    # A user without any share is judged at the power density of the whole network.
    empty = ~(shares > 0)
    shares, powers = np.where(empty, 1.0, shares), np.where(empty, powers.sum(), powers)
    by_share, by_power = (gradient[0] for gradient in bands.gradients(shares, powers))
    rates = bands.rates(shares, powers)[0] * ~empty[0, :, None]
    if allocation.criterion == "efficiency":
        used = allocation.powers_w.sum() / bands.power_w[0]
        q = float(rates.sum() / (used + bands.circuit[0]))
    users, weights = shares.shape[1], bands.weights[0]
    active = [(k, j) for k in range(users) for j in range(2) if bands.floors[0, k, j] > 0]
    rows, right = [], []
    for is_free, gradient, column, price in ((free.shares, by_share, 0, 0.0), (free.powers, by_power, 1, q)):
        size = max(float(np.max(weights * gradient.sum(axis=1))), price, 1e-300)
        for k in range(users if is_free else 0):
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
    power_slack = max(0.0, 1 - allocation.powers_w.sum() / bands.power_w[0])
    row = np.zeros(len(active) + 2)
    row[-1] = power_slack / max(float(np.max(by_power)), 1e-300)
    # Columns are scaled to unit length: multipliers of strong and weak users differ by orders of magnitude.
    matrix = np.array([*rows, row])
    length = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    solution = nnls(matrix / length, np.array([*right, 0.0]), maxiter=1000)[0] / length
    multipliers = np.zeros_like(bands.floors)
    for place, (k, j) in enumerate(active):
        multipliers[0, k, j] = solution[place]
    return bands, free, shares, powers, multipliers, q


def prices(scenario: Scenario | Network, allocation: Allocation) -> Prices:
    """Shadow prices at an optimal allocation, recovered from its shares and powers alone.

    Raises
    ------
    InvalidScenario
        For an allocation of another scheme than the joint one: the derivative of its optimum is another problem's.
    """
    if allocation.scheme != "joint":
        raise InvalidScenario("allocation", f"is of the scheme {allocation.scheme!r}", "prices belong to joint optima")
    bands, _, shares, powers, multipliers, q = _multipliers(scenario, allocation)
    by_share, by_power = marginal_values(bands, shares, powers, multipliers)
    bandwidth, power = float(by_share.max()), max(float(by_power.max()) - q, 0.0)
    return unit_prices(scenario, bandwidth, power, multipliers[0], allocation.powers_w, allocation.criterion)


def unit_prices(scenario, bandwidth, power, multipliers, powers_w, criterion) -> Prices:
    """Normalised prices in the units of the scenario."""
    per = scenario.weights.max() if criterion == "sum" else 1 / (np.sum(powers_w) + scenario.circuit_power_w)
    scale = scenario.bandwidth_hz / math.log(2)
    floors = multipliers * per
    sensing, rate = floors[:, 0], floors[:, 1]
    if isinstance(scenario, Scenario):
        sensing, rate = sensing[:2], rate[1:]
    return Prices(bandwidth * per / math.log(2), power * per * scale / scenario.power_budget_w, sensing, rate)


def verify(scenario: Scenario | Network, allocation: Allocation) -> Certificate:
    """Recompute value, residual and bound of an allocation in NumPy, from its shares and powers alone.

    The bound is that of :mod:`~isaclib.semi_isac.bands`, at the multipliers that fit the allocation best: it is valid
    whatever they are, and meets the value only at an optimum. ``status`` is ``optimal`` if gap and residual are below
    1e-6 and 1e-7; random allocations have no bound.
    """
    criterion, scheme = allocation.criterion, allocation.scheme
    bound = math.nan
    if scheme in RESTRICTIONS and np.all(np.isfinite(allocation.shares)) and np.all(np.isfinite(allocation.powers_w)):
        bands, free, shares, powers, multipliers, _ = _multipliers(scenario, allocation)
        if criterion == "efficiency":
            bound = float(efficiency_bound(bands, shares, powers, multipliers, free=free)[0] * bands.scale[0] / bands.power_w[0])
        else:
            bound = float(sum_bound(bands, shares, powers, multipliers, free=free)[0] * bands.scale[0] * scenario.weights.max())
    checked = build(
        scenario, allocation.shares, allocation.powers_w, criterion=criterion, scheme=scheme, method="verification", bound=bound
    )
    return checked.certificate
