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
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..foundations import checks
from ..foundations.certificate import FEASIBLE, ROUNDING, relative_gap
from ..foundations.errors import InfeasibleScenario, SolverFailure
from ..foundations.scenario import Batch
from . import interior_point
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
from .bounds import efficiency_at, margin_at, sum_at
from .cone import cone_program
from .prices import prices_of_rows
from .scenario import Network, Scenario, Stack, flatten, system, systems
from .verify import build, residuals, tightest_bound

EXACT = "structured interior point"
_DINKELBACH_STEPS = 40
_DINKELBACH_TOLERANCE = 1e-10  # of F(q) relative to the rates: superlinear, so the last step overshoots it by far
_START = 0.9  # part of the budgets that phase I starts from
_MIXES = (0.4, 0.05, 0.0)  # of the even allocation in the start of phase II, one after the other
_STALLED = 1e-7  # relative gap beyond which another start is tried


@dataclass(frozen=True)
class Interior:
    """Phase I: the margin's allocation (whole budgets), the factor of the floors that it reaches, and the bound on it.

    Without any floor the factor is infinite and the allocation even.
    """

    shares: np.ndarray
    powers: np.ndarray
    factor: np.ndarray
    bound: np.ndarray
    multipliers: np.ndarray

    def take(self, lanes) -> Interior:
        return Interior(*(value[lanes] for value in self.__dict__.values()))

    def start(self, free: Restriction, mix: float) -> tuple[np.ndarray, np.ndarray]:
        """A point strictly inside every constraint (where the factor exceeds one)."""
        factor = np.maximum(self.factor, 1.0)
        mix = mix * (1 - 1 / factor)
        shrink = np.where(np.isinf(factor), _START, 0.5 * (1 + 1 / np.maximum((1 - mix) * factor, 1.0)))[:, None]
        mix, even = mix[:, None], 1 / self.shares.shape[1]
        shares, powers = ((1 - mix) * values + mix * even for values in (self.shares, self.powers))
        return shares * (shrink if free.shares else 1.0), powers * (shrink if free.powers else 1.0)


def phase_one(bands: Bands, free: Restriction) -> Interior:
    """The margin of the floors of every network."""
    lanes, users = bands.weights.shape
    shares, powers = np.full((2, lanes, users), 1 / users)
    factor, bound = np.full(lanes, np.inf), np.full(lanes, np.inf)
    multipliers = np.zeros_like(bands.floors)
    at = np.flatnonzero((bands.floors > 0).any(axis=(1, 2)))
    if len(at):
        some = bands.take(at)
        inside = [np.full((len(at), users), (_START if is_free else 1.0) / users) for is_free in (free.shares, free.powers)]
        point = interior_point.optimise(some, *inside, 0.5 * reached(some, *inside), free=free, margin=True)
        bound[at] = margin_at(some, point.shares, point.powers, point.multipliers, free=free)
        multipliers[at] = point.multipliers
        shares[at] = point.shares / (point.shares.sum(axis=1, keepdims=True) if free.shares else 1.0)
        powers[at] = point.powers / (point.powers.sum(axis=1, keepdims=True) if free.powers else 1.0)
        factor[at] = reached(some, shares[at], powers[at])
    return Interior(shares, powers, factor, bound, multipliers)


def reached(bands: Bands, shares, powers) -> np.ndarray:
    """Least rate relative to its floor (D,); infinite without floors."""
    floors = np.where(bands.floors > 0, bands.floors, 1.0)
    return np.where(bands.floors > 0, bands.rates(shares, powers) / floors, np.inf).min(axis=(1, 2))


def _restore(bands: Bands, inside, shares, powers):
    """Move towards the interior point just far enough that every floor holds (rates are concave)."""
    margin, lack = reached(bands, *inside) - 1, 1 - reached(bands, shares, powers)
    part = np.where(lack > 0, 1.001 * lack / np.maximum(lack + np.minimum(margin, 1e300), 1e-300), 0.0)
    part = np.minimum(part, 1.0)[:, None]
    return (1 - part) * shares + part * inside[0], (1 - part) * powers + part * inside[1]


def maximise_at_price(bands: Bands, inside: Interior, free: Restriction, power_price=0.0):
    """Phase II: shares, powers, multipliers, certified gaps and step counts of the resource problem at a price of power."""
    price, ones = np.broadcast_to(power_price, len(bands)), np.ones(len(bands))
    start = inside.start(free, _MIXES[0])
    point = interior_point.optimise(bands, *start, ones, free=free, power_price=price)
    shares, powers = _restore(bands, start, point.shares, point.powers)
    for mix in _MIXES[1:]:
        at = np.flatnonzero(~(np.abs(point.gap) + point.violation <= _STALLED))
        if not len(at):
            break
        again = inside.take(at).start(free, mix)
        other = interior_point.optimise(bands.take(at), *again, ones[at], free=free, power_price=price[at])
        better = interior_point.improve(point, at, other)
        restored = _restore(bands.take(at), again, other.shares, other.powers)
        shares[at[better]], powers[at[better]] = restored[0][better], restored[1][better]
    return shares, powers, point.multipliers, point.iterations


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


def _rescue(bands: Bands, inside: Interior, point, criterion: Criterion, scheme: Scheme):
    """One network without a proof: the margin's allocation and the cone program's, and every bound that can be had."""
    free = RESTRICTIONS[scheme]
    candidates, hints = [point[:2], (inside.shares, inside.powers)], [point[2], *steep(bands, inside)]
    try:
        answer = cone_program(bands.weights.shape[1], fractional=criterion == "efficiency", free=free).solve(bands)
        if not answer.infeasible:
            shares, powers = answer.shares[None], answer.powers[None]
            even = np.full_like(shares, 1 / shares.shape[1])
            shares, powers = shares if free.shares else even, powers if free.powers else even
            with np.errstate(all="ignore"):
                start = inside.start(free, _MIXES[0])
                candidates.append(_restore(bands, start, np.maximum(shares, 1e-300), powers))
            hints.append(answer.multipliers)
    except SolverFailure:
        pass
    with np.errstate(all="ignore"):
        kept = [
            (x, y) for x, y in candidates if np.isfinite(x).all() and reached(bands, np.maximum(x, 1e-300), y) >= 1 - FEASIBLE
        ]
    kept = kept or [(inside.shares, inside.powers)]
    best = max(kept, key=lambda pair: float(worth(bands, *pair, criterion)[0]))
    bound, multipliers = min(
        (tightest_bound(bands, *pair, criterion, scheme, hints) for pair in kept), key=lambda found: found[0]
    )
    return best, multipliers, bound


def steep(bands: Bands, inside: Interior):
    """Multipliers of networks at the edge: those of the margin, ever steeper, less what the priorities pay already."""
    paid = np.sum(inside.multipliers * bands.floors)
    if not paid > 0 or not np.isfinite(paid):
        return []
    value = float(worth(bands, inside.shares, inside.powers, "sum")[0])
    scales = value / paid * np.geomspace(1, 1e8, 9)
    return [np.where(bands.floors > 0, np.maximum(s * inside.multipliers - bands.weights[..., None], 0), 0.0) for s in scales]


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
            point, found[own], limit[lane] = _rescue(
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
