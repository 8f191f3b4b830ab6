"""All schemes on the same drops: the comparisons, the two ways of averaging them, and the frontier of rate against power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..foundations import montecarlo
from ..foundations.errors import InfeasibleScenario
from ..foundations.montecarlo import Average
from ..foundations.scenario import Batch
from .allocation import Criterion
from .bands import Bands, Restriction
from .benchmarks import random_allocation
from .exact import maximise_at_price, phase_one, solve_exact_batch
from .scenario import Network, Scenario, efficiency_bit_per_j

SCHEMES: tuple[str, ...] = ("joint", "equal_power", "equal_spectrum", "random")


@dataclass(frozen=True)
class Comparison:
    """Every scheme on the same D networks; nan where a scheme has no allocation.

    Attributes
    ----------
    value : dict of (D,)
        Sum of all rates in bit/s (unweighted), or energy efficiency in bit/J.
    shares : dict of (D, K)
    rates_bps : dict of (D, 4), or (D, K, 2) for networks
    """

    value: dict[str, np.ndarray]
    shares: dict[str, np.ndarray]
    rates_bps: dict[str, np.ndarray]

    def infeasible(self) -> dict[str, int]:
        """Number of networks for which each scheme found nothing."""
        return {scheme: int(np.isnan(value).sum()) for scheme, value in self.value.items()}


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
    """
    rows = list(scenarios)
    value, shares, rates = {}, {}, {}
    for scheme in SCHEMES[:-1]:
        solved = solve_exact_batch(rows, objective=objective, scheme=scheme)
        sums = solved.rates_bps.reshape(len(rows), -1).sum(axis=1)
        value[scheme] = sums if objective == "sum" else solved.objective
        shares[scheme], rates[scheme] = solved.shares, solved.rates_bps
    value["random"], shares["random"] = np.full(len(rows), np.nan), np.full_like(shares["joint"], np.nan)
    rates["random"] = np.full_like(rates["joint"], np.nan)
    for d, (row, child) in enumerate(zip(rows, rng.spawn(len(rows)), strict=True)):
        if np.isnan(value["joint"][d]):
            continue
        try:
            drawn = random_allocation(row, child, max_tries=max_tries)
        except InfeasibleScenario:
            continue
        shares["random"][d], rates["random"][d] = drawn.shares, drawn.rates_bps
        total = drawn.rates_bps.sum()
        value["random"][d] = total if objective == "sum" else efficiency_bit_per_j(row, drawn.rates_bps, drawn.powers_w)
    return Comparison(value, shares, rates)


@dataclass(frozen=True)
class Sweep:
    """Averages of every scheme along an axis of A points.

    ``common`` averages over the drops for which every scheme has an allocation at every point; ``own`` over each scheme's
    own drops at each point, as one does who simply leaves the failures out. ``infeasible[scheme]`` (A,) counts them.
    """

    common: dict[str, Average]
    own: dict[str, Average]
    infeasible: dict[str, np.ndarray]


def sweep(points: Sequence[Comparison]) -> Sweep:
    """Average the schemes' values over drops, in both ways."""
    values = {scheme: np.stack([point.value[scheme] for point in points], axis=1) for scheme in SCHEMES}
    keep = np.all([np.isfinite(table).all(axis=1) for table in values.values()], axis=0)
    common = {scheme: montecarlo.average(table, keep) for scheme, table in values.items()}
    own = {}
    for scheme, table in values.items():
        each = [montecarlo.average(column) for column in table.T]
        mean, low, high = (np.array([getattr(one, name) for one in each]) for name in ("mean", "low", "high"))
        own[scheme] = Average(mean, low, high, min(one.count for one in each), len(table))
    lost = {scheme: np.isnan(table).sum(axis=0) for scheme, table in values.items()}
    return Sweep(common, own, lost)


@dataclass(frozen=True)
class Frontier:
    """Pareto-optimal pairs of total power and sum of rates: arrays (S,), one pair per price of power in bit/J."""

    price_bit_per_j: np.ndarray
    power_w: np.ndarray
    rate_bps: np.ndarray


def frontier(scenario: Scenario | Network, prices_bit_per_j) -> Frontier:
    r"""Solve :math:`F(q) = \max \sum R - q\,(\sum p + P_c)` for a range of :math:`q`: the multi-objective reading of (14).

    The set of attainable pairs (power, rate) is convex, so that every Pareto-optimal pair belongs to some :math:`q`;
    the line from :math:`(-P_c, 0)` touches the frontier at the most efficient pair.

    Raises
    ------
    InfeasibleScenario
    """
    q = np.atleast_1d(np.asarray(prices_bit_per_j, dtype=float))
    bands = Bands.of([scenario] * len(q)).unweighted()
    inside = phase_one(bands, Restriction())
    if inside.factor[0] <= 1:
        raise InfeasibleScenario("floors", limit=1.0, best_attainable=float(inside.bound[0]), message="no allocation at all")
    unit = bands.scale / bands.power_w
    shares, powers, _, _ = maximise_at_price(bands, inside, Restriction(), q / unit)
    return Frontier(q, powers.sum(axis=1) * bands.power_w, bands.rates(shares, powers).sum(axis=(1, 2)) * bands.scale)
