r"""The certified optimum, by prices: a structured interior-point method, thousands of drops per second on one core.

Phase I finds the largest factor :math:`t^\star` by which all floors can be multiplied; the network is feasible iff
:math:`t^\star \ge 1`, and below that the multipliers prove it. Because rates are homogeneous of degree one, that allocation
shrunk by :math:`(1 + 1/t^\star)/2` is strictly inside every constraint: phase II starts there. The bound on the optimum
is the tangent bound of :mod:`~isaclib.semi_isac.bands`, which holds whatever the method did.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..foundations.errors import InfeasibleScenario, InvalidScenario, SolverFailure
from ..foundations.scenario import Batch
from . import interior_point
from .allocation import CRITERIA, RESTRICTIONS, Allocation, Criterion, Prices, Scheme, build, residuals, unit_prices
from .bands import Bands, efficiency_bound, margin_bound, marginal_values, sum_bound
from .scenario import Network, Scenario, Stack, flatten

_INSIDE = 1 + 1e-9  # a margin this close to 1 leaves no interior to start from: the network counts as infeasible
_DINKELBACH_STEPS = 40
_DINKELBACH_TOLERANCE = 1e-10  # of F(q) relative to the rates: superlinear, so the last step overshoots it by far
_START = 0.9  # part of the budgets that phase I starts from


@dataclass(frozen=True)
class AllocationBatch:
    """Allocations of D networks; infeasible rows are nan.

    Attributes
    ----------
    shares : (D, K)
        Shares of the bandwidth.
    powers_w : (D, K)
        Transmit powers.
    rates_bps : (D, 4), or (D, K, 2) for networks
    objective : (D,)
    feasible : (D,) bool
    best_attainable : (D,)
        Largest factor by which all floors together can be multiplied; below 1 the network is infeasible (a certified upper
        bound there); infinite where there is no floor.
    gap : (D,)
        Certified relative gap.
    residual : (D,)
        Largest relative violation of a constraint.
    bound : (D,)
        Certified upper bound on the objective.
    iterations : (D,) int
        Steps of the outer method: interior-point steps, or Dinkelbach's for the efficiency.
    trace : (S, D)
        Objective after each of Dinkelbach's steps (its last value once stopped); S = 0 for the sum.
    prices : tuple of Prices or None
        One per network for the joint scheme (None where infeasible); empty for the restricted schemes.
    """

    shares: np.ndarray
    powers_w: np.ndarray
    rates_bps: np.ndarray
    objective: np.ndarray
    feasible: np.ndarray
    best_attainable: np.ndarray
    gap: np.ndarray
    residual: np.ndarray
    bound: np.ndarray
    iterations: np.ndarray
    trace: np.ndarray
    prices: tuple[Prices | None, ...]


@dataclass(frozen=True)
class Interior:
    """Phase I: the margin, the floor that costs most, and a point strictly inside where there is one."""

    shares: np.ndarray
    powers: np.ndarray
    factor: np.ndarray
    bound: np.ndarray
    multipliers: np.ndarray


def phase_one(bands: Bands, free) -> Interior:
    lanes, users = bands.weights.shape
    shares = np.full((lanes, users), (_START if free.shares else 1.0) / users)
    powers = np.full((lanes, users), (_START if free.powers else 1.0) / users)
    factor, bound = np.full(lanes, np.inf), np.full(lanes, np.inf)
    multipliers = np.zeros_like(bands.floors)
    bound_by = np.flatnonzero((bands.floors > 0).any(axis=(1, 2)))
    if len(bound_by):
        some = bands.take(bound_by)
        rates = some.rates(shares[bound_by], powers[bound_by])
        ratio = np.where(some.floors > 0, rates / np.where(some.floors > 0, some.floors, 1.0), np.inf).min(axis=(1, 2))
        point = interior_point.optimise(some, shares[bound_by], powers[bound_by], 0.5 * ratio, free=free, margin=True)
        factor[bound_by], multipliers[bound_by] = point.factor, point.multipliers
        bound[bound_by] = margin_bound(some, point.shares, point.powers, point.multipliers, free=free)
        # Halfway between the margin's point and the floors: strictly inside every constraint, by homogeneity.
        shrink = 0.5 * (1 + 1 / np.maximum(point.factor, 1.0))[:, None]
        shares[bound_by] = point.shares * (shrink if free.shares else 1.0)
        powers[bound_by] = point.powers * (shrink if free.powers else 1.0)
    return Interior(shares, powers, factor, bound, multipliers)


def _restore(bands: Bands, inside: Interior, point: interior_point.Point):
    """Move towards the interior point just far enough that every floor holds (rates are concave)."""
    floors = np.where(bands.floors > 0, bands.floors, 1.0)
    margin = np.where(bands.floors > 0, bands.rates(inside.shares, inside.powers) / floors - 1, np.inf).min(axis=(1, 2))
    lack = np.where(bands.floors > 0, 1 - bands.rates(point.shares, point.powers) / floors, 0.0).max(axis=(1, 2))
    weight = np.where(lack > 0, np.minimum(1.0, 1.001 * lack / np.maximum(lack + margin, 1e-300)), 0.0)[:, None]
    return (1 - weight) * point.shares + weight * inside.shares, (1 - weight) * point.powers + weight * inside.powers


def maximise_at_price(bands: Bands, inside: Interior, free, power_price=0.0):
    """Phase II: shares, powers, multipliers and step counts of the resource problem at a price of power."""
    start = np.ones(len(bands))
    point = interior_point.optimise(bands, inside.shares, inside.powers, start, free=free, power_price=power_price)
    shares, powers = _restore(bands, inside, point)
    return shares, powers, point.multipliers, point.iterations


def _efficiency(bands: Bands, inside: Interior, free):
    """Dinkelbach's method in all lanes at once (paper's Algorithm 1, starting from q = 0)."""
    lanes = len(bands)
    q, trace = np.zeros(lanes), []
    shares, powers = inside.shares.copy(), inside.powers.copy()
    multipliers, iterations = np.zeros_like(bands.floors), np.zeros(lanes, dtype=int)
    active = np.ones(lanes, dtype=bool)
    for _ in range(_DINKELBACH_STEPS):
        at = np.flatnonzero(active)
        sub = Interior(*(value[at] for value in inside.__dict__.values()))
        some = bands.take(at)
        shares[at], powers[at], multipliers[at], _ = maximise_at_price(some, sub, free, q[at])
        total = bands.rates(shares, powers).sum(axis=(1, 2))
        used = powers.sum(axis=1) + bands.circuit
        excess = total - q * used  # F(q)
        iterations += active
        q = np.where(active, np.maximum(q, total / used), q)
        trace.append(q.copy())
        active &= excess > _DINKELBACH_TOLERANCE * total
        if not active.any():
            break
    return shares, powers, multipliers, iterations, np.array(trace)


def solve_exact_batch(
    scenarios: Batch | Sequence[Scenario | Network], *, objective: Criterion = "sum", scheme: Scheme = "joint"
) -> AllocationBatch:
    r"""Certified optima of many networks at once.

    .. math:: \max_{\beta, p \ge 0} \sum_k w_k R_k \quad\text{or}\quad \frac{\sum_k R_k}{\sum_k p_k + P_c}
        \quad\text{s.t.}\quad R^{\mathrm s}_k \ge R^{\mathrm s}_{\min},\; R^{\mathrm c}_k \ge R^{\mathrm c}_{\min},\;
        \sum_k \beta_k \le 1,\; \sum_k p_k \le P_{\max}

    (problems 9 and 13).

    Parameters
    ----------
    scenarios : Batch or sequence of Scenario or Network
        Equal numbers of users.
    objective : {"sum", "efficiency"}
    scheme : {"joint", "equal_power", "equal_spectrum"}
        Restrict to :math:`p_k = P_{\max}/K`, or to :math:`\beta_k = 1/K`: the paper's SP-EPA and PA-ESP.

    Returns
    -------
    AllocationBatch
        Infeasible networks are rows of nan with the certified ``best_attainable``; nothing is raised for them.
    """
    if objective not in CRITERIA:
        raise InvalidScenario("objective", f"{objective!r} is not a known choice", "use 'sum' or 'efficiency'")
    if scheme not in RESTRICTIONS:
        raise InvalidScenario("scheme", f"{scheme!r} is not a known choice", f"use one of {', '.join(RESTRICTIONS)}")
    rows = list(scenarios)
    stack, free = Stack.of(rows), RESTRICTIONS[scheme]
    bands = Bands.scaled(stack)
    if objective == "efficiency":
        bands = bands.unweighted()
    inside = phase_one(bands, free)
    feasible = inside.factor > _INSIDE
    at = np.flatnonzero(feasible)
    shape = (len(bands), bands.weights.shape[1])
    shares, powers = np.full(shape, np.nan), np.full(shape, np.nan)
    bound, gap, value = (np.full(len(bands), np.nan) for _ in range(3))
    iterations, trace = np.zeros(len(bands), dtype=int), np.empty((0, len(bands)))
    found: list[Prices | None] = [None] * len(bands) if scheme == "joint" else []
    if len(at):
        some, start = bands.take(at), Interior(*(field[at] for field in inside.__dict__.values()))
        if objective == "sum":
            x, y, multipliers, iterations[at] = maximise_at_price(some, start, free)
            unit = some.scale * np.array([rows[d].weights.max() for d in at])
            bound[at] = sum_bound(some, x, y, multipliers, free=free) * unit
            price = np.zeros(len(at))
        else:
            x, y, multipliers, iterations[at], steps = _efficiency(some, start, free)
            unit = some.scale / some.power_w
            bound[at] = efficiency_bound(some, x, y, multipliers, free=free) * unit
            trace = np.full((len(steps), len(bands)), np.nan)
            trace[:, at] = steps * unit
            price = some.rates(x, y).sum(axis=(1, 2)) / (y.sum(axis=1) + some.circuit)
        total = some.rates(x, y).sum(axis=-1)
        value[at] = unit * (np.sum(some.weights * total, axis=1) if objective == "sum" else price)
        shares[at], powers[at] = x, y * some.power_w[:, None]
        gap[at] = np.abs(bound[at] - value[at]) / value[at]
        by_share, by_power = marginal_values(some, x, y, multipliers)
        for lane, d in enumerate(at if scheme == "joint" else ()):
            net = max(by_power[lane].max() - price[lane], 0.0)
            found[d] = unit_prices(rows[d], by_share[lane].max(), net, multipliers[lane], powers[d], objective)
    table = np.where(feasible[:, None, None], stack.rates(shares, powers), np.nan)
    worst = np.where(feasible, residuals(stack, shares, powers, scheme), np.nan)
    attainable = np.where(feasible, inside.factor, inside.bound)
    rates = flatten(table) if isinstance(rows[0], Scenario) else table
    return AllocationBatch(shares, powers, rates, value, feasible, attainable, gap, worst, bound, iterations, trace, tuple(found))


def solve_one(scenario: Scenario | Network, *, objective: Criterion, scheme: Scheme, method: str) -> Allocation:
    """The batch solver for a single network, with errors raised.

    Raises
    ------
    InfeasibleScenario
        Its constraint is the floor that is dearest in phase I; ``best_attainable`` is a certified upper bound on that
        floor if all floors are scaled alike.
    SolverFailure
        If the gap is not closed to 1e-6: never seen, but never passed over in silence either.
    """
    start = time.perf_counter()
    batch = solve_exact_batch([scenario], objective=objective, scheme=scheme)
    if not batch.feasible[0]:
        raise infeasible(scenario, scheme)
    allocation = build(
        scenario,
        batch.shares[0],
        batch.powers_w[0],
        criterion=objective,
        scheme=scheme,
        method=method,
        bound=float(batch.bound[0]),
        iterations=int(batch.iterations[0]),
        seconds=time.perf_counter() - start,
    )
    if allocation.certificate.status != "optimal":
        residuals = {"gap": allocation.certificate.gap, "residual": allocation.certificate.residual}
        raise SolverFailure("structured interior point", "stalled", residuals)
    return allocation


def infeasible(scenario: Scenario | Network, scheme: Scheme = "joint") -> InfeasibleScenario:
    """The certificate of infeasibility as an error: which floor costs most, and how much of it can be had at best."""
    inside = phase_one(Bands.of([scenario]), RESTRICTIONS[scheme])
    floors = Stack.of([scenario]).floors_bps[0]
    user, service = np.unravel_index(np.argmax(inside.multipliers[0] * floors), floors.shape)
    name = ("min_sensing_bps", "min_rate_bps")[service]
    factor, limit = float(inside.bound[0]), float(floors[user, service])
    index = int(user) - (1 if service == 1 and isinstance(scenario, Scenario) else 0)
    return InfeasibleScenario(
        name,
        index=index,
        limit=limit,
        best_attainable=factor * limit,
        message=f"all floors together can be met up to the factor {factor:.4g}; lower them or raise power or bandwidth",
    )


def solve_exact(scenario: Scenario | Network, *, objective: Criterion = "sum") -> Allocation:
    """Certified optimum of the weighted sum of rates (or of the energy efficiency) by the structured solver.

    Raises
    ------
    InfeasibleScenario, SolverFailure
    """
    return solve_one(scenario, objective=objective, scheme="joint", method="structured interior point")
