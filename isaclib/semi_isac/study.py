"""All schemes on the same drops: the comparisons, the two ways of averaging them, and the frontier of rate against power."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks, montecarlo
from ..foundations.certificate import FEASIBLE
from ..foundations.errors import InvalidScenario, SolverFailure
from ..foundations.montecarlo import Average
from ..foundations.scenario import Batch
from .allocation import CRITERIA, OPTIMAL_GAP, RESTRICTIONS, Criterion
from .bands import Bands, lowered
from .benchmarks import random_rows
from .bounds import sum_at
from .cone import cone_program
from .exact import infeasible, solve_rows
from .phases import maximise_at_price, phase_one
from .rescue import steep
from .scenario import Network, Scenario, Stack, system, systems
from .verify import tightest_bound

SCHEMES: tuple[str, ...] = ("joint", "equal_power", "equal_spectrum", "random")


@dataclass(frozen=True)
class Comparison:
    """Every scheme on the same D networks; nan where a scheme has no allocation, or none that is proven optimal.

    Attributes
    ----------
    value : dict of (D,)
        Sum of all rates in bit/s (unweighted), or energy efficiency in bit/J.
    shares : dict of (D, K)
    rates_bps : dict of (D, 4), or (D, K, 2) for networks
    status : dict of (D,) of str
        ``optimal``, ``infeasible`` (proven) or ``unproven`` for the optimised schemes; ``found`` or ``not found`` for the
        random one, whose failure proves nothing.
    bound : dict of (D,)
        Certified upper bound on the objective of the scheme's own problem (the weighted sum, or the efficiency), whatever
        the status; the random scheme has none.
    """

    value: dict[str, np.ndarray]
    shares: dict[str, np.ndarray]
    rates_bps: dict[str, np.ndarray]
    status: dict[str, np.ndarray]
    bound: dict[str, np.ndarray]

    def infeasible(self) -> dict[str, int]:
        """Number of networks for which each scheme has no allocation (for the random one: found none)."""
        return {scheme: int(np.isin(status, ("infeasible", "not found")).sum()) for scheme, status in self.status.items()}

    def unproven(self) -> dict[str, int]:
        """Number of networks that each scheme left out because nothing was proven."""
        return {scheme: int((status == "unproven").sum()) for scheme, status in self.status.items()}


def compare(
    scenarios: Batch | Sequence[Scenario | Network],
    rng: np.random.Generator,
    *,
    objective: Criterion = "sum",
    max_tries: int = 10_000,
) -> Comparison:
    """The joint optimum, SP-EPA, PA-ESP and one random allocation for each network.

    The random candidates of network d come from the d-th child of ``rng``: with equal generators, two calls try the same
    candidates. A network without any allocation is not searched at random.

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drops = si.Scenario.random_batch(np.random.default_rng(0), 5)
    >>> point = si.compare(drops, np.random.default_rng(1), max_tries=500)
    >>> point.infeasible()
    {'joint': 0, 'equal_power': 0, 'equal_spectrum': 0, 'random': 0}
    >>> {scheme: round(float(value.mean()) / 1e6) for scheme, value in point.value.items()}
    {'joint': 2230, 'equal_power': 2091, 'equal_spectrum': 1520, 'random': 1499}
    """
    rows = systems("scenarios", scenarios)
    checks.generator("rng", rng)
    objective, max_tries = checks.word("objective", objective, CRITERIA), checks.count("max_tries", max_tries)
    value, shares, rates, status, bound = {}, {}, {}, {}, {}
    for scheme in SCHEMES[:-1]:
        solved = solve_rows(rows, objective, scheme)
        proven = solved.status == "optimal"
        sums = solved.rates_bps.reshape(len(rows), -1).sum(axis=1)
        value[scheme] = np.where(proven, sums if objective == "sum" else solved.objective, np.nan)
        shares[scheme] = np.where(proven[:, None], solved.shares, np.nan)
        rates[scheme] = np.where(proven, solved.rates_bps.T, np.nan).T
        status[scheme], bound[scheme] = solved.status, solved.bound
    tried = random_rows(rows, rng.spawn(len(rows)), max_tries=max_tries, wanted=status["joint"] != "infeasible")
    shares["random"], rates["random"] = tried.shares, tried.rates_bps
    status["random"] = np.where(tried.found, "found", "not found")
    totals = tried.rates_bps.reshape(len(rows), -1).sum(axis=1)
    value["random"] = totals if objective == "sum" else totals / (tried.powers_w.sum(axis=1) + rows.circuit_power_w)
    return Comparison(value, shares, rates, status, bound)


@dataclass(frozen=True)
class Sweep:
    """Averages of every scheme along an axis of A points.

    ``common`` averages over the drops for which every scheme has an allocation at every point; ``own`` over each scheme's
    own drops at each point, as one does who simply leaves the failures out. ``infeasible[scheme]`` (A,) counts those without
    an allocation, ``unproven[scheme]`` (A,) those left out because nothing was proven: neither enters any average.
    """

    common: dict[str, Average]
    own: dict[str, Average]
    infeasible: dict[str, np.ndarray]
    unproven: dict[str, np.ndarray]


def sweep(points: Sequence[Comparison]) -> Sweep:
    """Average the schemes' values over drops, in both ways.

    Parameters
    ----------
    points : sequence of Comparison
        One per point of the axis, of the same number of drops (and of the same drops, if ``common`` is to mean anything).

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drops = si.Scenario.random_batch(np.random.default_rng(0), 5)
    >>> points = [si.compare(drops.replace(min_rate_bps=floor), np.random.default_rng(1)) for floor in (1e6, 2e7)]
    >>> result = si.sweep(points)
    >>> result.common["joint"].count, (result.common["joint"].mean / 1e6).round(1).tolist()
    (5, [2234.0, 2230.0])
    """
    if not isinstance(points, (list, tuple)):
        raise InvalidScenario("points", f"must be a list of comparisons, not {checks.short(points)}")
    if not points:
        raise InvalidScenario("points", "is empty", "give at least one comparison")
    for point in points:
        checks.instance("points", point, Comparison)
    if len({len(point.value["joint"]) for point in points}) != 1:
        raise InvalidScenario("points", "differ in the number of drops", "compare the same drops at every point")
    values = {scheme: np.stack([point.value[scheme] for point in points], axis=1) for scheme in SCHEMES}
    keep = np.all([np.isfinite(table).all(axis=1) for table in values.values()], axis=0)
    common = {scheme: montecarlo.average(table, keep) for scheme, table in values.items()}
    own = {}
    for scheme, table in values.items():
        each = [montecarlo.average(column) for column in table.T]
        mean, low, high = (np.array([getattr(one, name) for one in each]) for name in ("mean", "low", "high"))
        own[scheme] = Average(mean, low, high, min(one.count for one in each), len(table))
    lost = {scheme: np.array([point.infeasible()[scheme] for point in points]) for scheme in SCHEMES}
    unknown = {scheme: np.array([point.unproven()[scheme] for point in points]) for scheme in SCHEMES}
    return Sweep(common, own, lost, unknown)


@dataclass(frozen=True)
class Frontier:
    """Pareto-optimal pairs of total power and sum of rates: arrays (S,), one pair per price of power in bit/J.

    ``bound`` is a certified upper bound on rate less price times power, in bit/s; ``status`` is ``optimal`` where the pair
    reaches it to a relative 1e-6, else ``unproven``.
    """

    price_bit_per_j: np.ndarray
    power_w: np.ndarray
    rate_bps: np.ndarray
    status: np.ndarray
    bound: np.ndarray


def frontier(scenario: Scenario | Network, prices_bit_per_j: ArrayLike) -> Frontier:
    r"""Solve :math:`F(q) = \max \sum R - q\,(\sum p + P_c)` for a range of :math:`q`: the multi-objective reading of (14).

    The set of attainable pairs (power, rate) is convex, so that every Pareto-optimal pair belongs to some :math:`q`;
    the line from :math:`(-P_c, 0)` touches the frontier at the most efficient pair.

    Parameters
    ----------
    scenario : Scenario or Network
    prices_bit_per_j : (S,)
        At least 0.

    Raises
    ------
    InvalidScenario, InfeasibleScenario, SolverFailure

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> curve = si.frontier(drop, [0.0, 1e9])
    >>> curve.power_w.round(3).tolist(), curve.status.tolist()
    ([1.0, 0.253], ['optimal', 'optimal'])
    """
    scenario = system("scenario", scenario)
    q = checks.array("prices_bit_per_j", prices_bit_per_j, ("S",), minimum=0)
    free = RESTRICTIONS["joint"]
    with np.errstate(all="ignore"):
        one = Bands.scaled(Stack.of([scenario])).unweighted()
        unit = one.scale / one.power_w
        if not (one.finite()[0] and np.isfinite(q / unit).all()):
            raise SolverFailure("frontier", "not run", message="the gains, floors or prices are beyond double precision")
        first = phase_one(one, free)
        factor = float(first.factor[0])
        if not factor >= 1 - FEASIBLE:
            best = float(first.bound[0])
            if best < 1:
                raise infeasible(scenario)
            raise SolverFailure("frontier", "unproven", {"factor": factor, "bound": best})
        bands = lowered(one, np.maximum(1 - first.factor, 0.0)).take(np.zeros(len(q), dtype=int))
        inside = first.take(np.zeros(len(q), dtype=int))
        shares, powers, multipliers, _ = maximise_at_price(bands, inside, free, q / unit)
        limit = sum_at(bands, shares, powers, multipliers, power_price=q / unit, free=free, widen=True)
        limit = limit * bands.scale
    # A price above the steepest slope: not even the first watt pays, and no floor asks for it.
    nothing = (q / unit >= (one.radar + one.link).max()) & ~np.any(one.floors > 0)
    powers, limit = np.where(nothing[:, None], 0.0, powers), np.where(nothing, 0.0, limit)
    power, rate = powers.sum(axis=1) * bands.power_w, bands.rates(shares, powers).sum(axis=(1, 2)) * bands.scale
    # F(q) can be zero or negative where floors cost more than they bring: the gap is relative to what is added up.
    added = np.maximum(rate + q * power, np.finfo(float).tiny)
    for d in np.flatnonzero(~(np.abs(limit - rate + q * power) <= OPTIMAL_GAP * added)):
        lane, price = slice(d, d + 1), float((q / unit)[d])
        hints = steep(one, first)
        with contextlib.suppress(SolverFailure):  # at the very edge, where the structured solver has nothing to move
            hints.append(cone_program(scenario.users).solve(one, price).multipliers)
        closer, _ = tightest_bound(bands.take(lane), shares[lane], powers[lane], "sum", "joint", hints, power_price=price)
        limit[d] = np.fmin(limit[d], closer * one.scale[0])
    proven = np.abs(limit - rate + q * power) <= OPTIMAL_GAP * added
    return Frontier(q, power, rate, np.where(proven, "optimal", "unproven"), limit)
