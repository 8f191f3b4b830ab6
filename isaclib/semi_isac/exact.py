r"""The certified optimum, by prices: a structured interior-point method, thousands of drops per second on one core.

Phase I finds the largest factor :math:`t^\star` by which all floors can be multiplied. The network is feasible if an
allocation with :math:`t \ge 1` is found, infeasible if the bound on :math:`t^\star` is below 1: the multipliers prove it.
Because rates are homogeneous of degree one and concave, that allocation, mixed with the even one by
:math:`\varepsilon = 0.4\,(1 - 1/t^\star)` and then shrunk half-way to the floors, is strictly inside every constraint, and
leaves something to users without a floor: phase II starts there. Lanes that stall are started again nearer to the margin's
allocation; what still has no proof goes to the cone program. The bound on the optimum is the tangent bound of
:mod:`~isaclib.semi_isac.bounds`, which holds whatever the method did.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..foundations import checks
from ..foundations.certificate import FEASIBLE, ROUNDING, relative_gap
from ..foundations.errors import InfeasibleScenario, SolverFailure
from ..foundations.scenario import Batch
from .allocation import (
    CRITERIA,
    OPTIMAL_GAP,
    OPTIMAL_RESIDUAL,
    RESTRICTIONS,
    Allocation,
    AllocationBatch,
    Criterion,
    Scheme,
)
from .bands import Bands, Restriction, lowered, worth
from .bounds import efficiency_at, sum_at
from .phases import Interior, maximise_at_price, phase_one, reached
from .prices import prices_of_rows
from .rescue import rescue
from .scenario import Network, Scenario, Stack, flatten, system, systems
from .verify import build, residuals

EXACT = "structured interior point"
_DINKELBACH_STEPS = 40
_DINKELBACH_TOLERANCE = 1e-10  # of F(q) relative to the rates: superlinear, so the last step overshoots it by far


def _efficiency(bands: Bands, inside: Interior, free: Restriction):
    """Dinkelbach's method in all lanes at once (paper's Algorithm 1, starting from q = 0): best allocation, least bound."""
    lanes = len(bands)
    q, bound, trace = np.zeros(lanes), np.full(lanes, np.inf), []
    shares, powers = inside.shares.copy(), inside.powers.copy()
    multipliers, iterations = np.zeros_like(bands.floors), np.zeros(lanes, dtype=int)
    at = np.arange(lanes)
    for _ in range(_DINKELBACH_STEPS):
        some = bands.take(at)
        x, y, found, _ = maximise_at_price(some, inside.take(at), free, q[at])
        total, used = some.rates(x, y).sum(axis=(1, 2)), y.sum(axis=1) + some.circuit
        going = total - q[at] * used > _DINKELBACH_TOLERANCE * total  # F(q)
        limit = efficiency_at(some, x, y, found, free=free, widen=True)
        better, lower = total / used >= q[at], limit < bound[at]
        shares[at[better]], powers[at[better]], q[at[better]] = x[better], y[better], (total / used)[better]
        multipliers[at[lower]], bound[at[lower]] = found[lower], limit[lower]
        iterations[at] += 1
        trace.append(q.copy())
        at = at[going]
        if not len(at):
            break
    return shares, powers, multipliers, iterations, np.array(trace), bound


@np.errstate(all="ignore")
def solve_rows(rows: Batch, objective: Criterion, scheme: Scheme) -> AllocationBatch:
    """:func:`solve_exact_batch`, unguarded."""
    stack, free = Stack.of(rows), RESTRICTIONS[scheme]
    bands = Bands.scaled(stack)
    if objective == "efficiency":
        bands = bands.unweighted()
    unit = bands.scale * stack.weights.max(axis=1) if objective == "sum" else bands.scale / bands.power_w
    lanes, users = bands.weights.shape
    shares, powers = np.full((2, lanes, users), np.nan)
    bound, value, attainable = np.full((3, lanes), np.nan)
    multipliers = np.zeros_like(bands.floors)
    iterations, trace = np.zeros(lanes, dtype=int), np.empty((0, lanes))
    feasible, refused = np.zeros((2, lanes), dtype=bool)

    sound = np.flatnonzero(bands.finite())  # beyond double precision nothing is claimed
    inside = phase_one(bands.take(sound), free)
    feasible[sound] = inside.factor >= 1 - FEASIBLE
    refused[sound] = ~feasible[sound] & (inside.bound < 1)
    attainable[sound] = np.where(feasible[sound], inside.factor, inside.bound)
    idle = bands.idle()
    kept = feasible[sound] & ~idle[sound]
    at, start = sound[kept], inside.take(np.flatnonzero(kept))
    if len(at):
        # A floor that is beyond reach by rounding, as FEASIBLE allows, is lowered to what is reached: so is its bound.
        some = lowered(bands.take(at), np.maximum(1 - start.factor, 0.0))
        if objective == "sum":
            x, y, found, iterations[at] = maximise_at_price(some, start, free)
            limit = sum_at(some, x, y, found, free=free, widen=True)
        else:
            x, y, found, iterations[at], steps, limit = _efficiency(some, start, free)
            trace = np.full((len(steps), lanes), np.nan)
            trace[:, at] = steps * unit[at]
        reach = worth(some, x, y, objective)
        lacking = ~(reached(some, x, y) >= 1 - OPTIMAL_RESIDUAL)
        for lane in np.flatnonzero(~(relative_gap(reach, limit) <= OPTIMAL_GAP) | lacking):
            own = slice(lane, lane + 1)
            point, found[own], limit[lane] = rescue(
                some.take(own), start.take(own), (x[own], y[own], found[own]), objective, scheme
            )
            x[own], y[own] = point
            reach[lane] = worth(some.take(own), *point, objective)[0]
        shares[at], powers[at] = x, y * some.power_w[:, None]
        value[at], bound[at], multipliers[at] = unit[at] * reach, unit[at] * limit, found
    # Whoever has a priority has no gain: every allocation within the floors is worth nothing, and that is the optimum.
    empty = feasible & idle
    at = np.flatnonzero(empty[sound])
    shares[sound[at]], powers[sound[at]] = inside.shares[at], inside.powers[at] * bands.power_w[sound[at], None]
    value[empty] = bound[empty] = 0.0

    table = np.where(feasible[:, None, None], stack.rates(shares, powers), np.nan)
    worst = np.where(feasible, residuals(stack, shares, powers, scheme), np.nan)
    gap = np.where(feasible, relative_gap(value, bound), np.nan)
    proven, semi = feasible & (gap <= OPTIMAL_GAP) & (worst <= OPTIMAL_RESIDUAL), isinstance(rows[0], Scenario)
    proven &= np.isfinite(value) & (value <= bound * (1 + ROUNDING))
    return AllocationBatch(
        shares=shares,
        powers_w=powers,
        rates_bps=flatten(table) if semi else table,
        objective=value,
        feasible=feasible,
        status=np.where(proven, "optimal", np.where(refused, "infeasible", "unproven")),
        best_attainable=attainable,
        gap=gap,
        residual=worst,
        bound=bound,
        iterations=iterations,
        trace=trace,
        prices=prices_of_rows(stack, bands, shares, powers, multipliers, proven, objective, semi=semi)
        if scheme == "joint"
        else (),
        multipliers=multipliers,
    )


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
        Infeasible networks are rows of nan with the certified ``best_attainable``; nothing is raised for them, nor for rows
        whose ``status`` is ``unproven``.

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drops = si.Scenario.random_batch(np.random.default_rng(0), 4)
    >>> solved = si.solve_exact_batch(drops)
    >>> solved.status.tolist(), (solved.objective / 1e6).round(1).tolist()
    (['optimal', 'optimal', 'optimal', 'optimal'], [663.2, 633.3, 733.3, 737.4])
    """
    rows = systems("scenarios", scenarios)
    objective, scheme = checks.word("objective", objective, CRITERIA), checks.word("scheme", scheme, tuple(RESTRICTIONS))
    return solve_rows(rows, objective, scheme)


def solve_one(scenario: Scenario | Network, *, objective: Criterion, scheme: Scheme, method: str) -> Allocation:
    """The batch solver for a single network, with errors raised.

    Raises
    ------
    InfeasibleScenario
        Its constraint is the floor that is dearest in phase I; ``best_attainable`` is a certified upper bound on that
        floor if all floors are scaled alike.
    SolverFailure
        If neither an optimum nor infeasibility is proven.
    """
    scenario, objective = system("scenario", scenario), checks.word("objective", objective, CRITERIA)
    (found,) = solve_each(Batch([scenario]), objective, scheme, method)
    if isinstance(found, Exception):
        raise found
    return found


def solve_each(
    rows: Batch, objective: Criterion, scheme: Scheme, method: str
) -> list[Allocation | InfeasibleScenario | SolverFailure]:
    """For each row what :func:`solve_one` returns or raises, solved together; each took an equal part of the time."""
    start = time.perf_counter()
    batch = solve_rows(rows, objective, scheme)
    common: dict[str, Any] = {"criterion": objective, "scheme": scheme, "method": method}
    common["seconds"] = (time.perf_counter() - start) / len(rows)
    found: list[Allocation | InfeasibleScenario | SolverFailure] = []
    for d, scenario in enumerate(rows):
        if batch.status[d] == "infeasible":
            found.append(infeasible(scenario, scheme))
        elif batch.status[d] == "unproven":
            found.append(_unproven(batch, d))
        else:
            own: dict[str, Any] = {
                "bound": float(batch.bound[d]),
                "iterations": int(batch.iterations[d]),
                "multipliers": batch.multipliers[d],
            }
            found.append(build(scenario, batch.shares[d], batch.powers_w[d], **common, **own))
    return found


def _unproven(batch: AllocationBatch, d: int) -> SolverFailure:
    found = {"gap": float(batch.gap[d]), "residual": float(batch.residual[d])}
    if not batch.feasible[d]:
        found = {"least upper bound on the factor of the floors": float(batch.best_attainable[d])}
    return SolverFailure(EXACT, "unproven", found, "floors at the very edge, or numbers beyond double precision")


def infeasible(scenario: Scenario | Network, scheme: Scheme = "joint") -> InfeasibleScenario:
    """The certificate of infeasibility as an error: which floor costs most, and how much of it can be had at best."""
    inside = phase_one(Bands.scaled(Stack.of([scenario])), RESTRICTIONS[scheme])
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
    InvalidScenario, InfeasibleScenario, SolverFailure

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> best = si.solve_exact(si.Scenario.random(np.random.default_rng(0)))
    >>> round(best.objective / 1e6, 2), best.certificate.status, bool(best.certificate.gap < 1e-6)
    (1019.11, 'optimal', True)
    """
    return solve_one(scenario, objective=objective, scheme="joint", method=EXACT)
