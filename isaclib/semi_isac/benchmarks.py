"""The paper's comparison schemes: equal powers (SP-EPA), equal spectrum (PA-ESP), random allocations with the floors met (RA)."""

from __future__ import annotations

import time

import numpy as np

from ..foundations import checks
from ..foundations.errors import InfeasibleScenario, SolverFailure
from .allocation import Allocation, Criterion
from .bands import Bands
from .exact import reached, solve_one
from .scenario import Network, Scenario, Stack, system
from .verify import build

_BLOCK = 256  # candidates judged at once; the candidate that is returned is the first that meets the floors


def solve_equal_power(scenario: Scenario | Network, *, objective: Criterion = "sum") -> Allocation:
    r"""SP-EPA: :math:`p_k = P_{\max}/K`, the shares optimal for the objective.

    The whole budget is spent, so that for equal weights both objectives have the same solution.

    Raises
    ------
    InfeasibleScenario
        No shares meet the floors at equal powers (a joint allocation may).

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> round(si.solve_equal_power(si.Scenario.random(np.random.default_rng(0))).objective / 1e6, 2)
    946.22
    """
    return solve_one(scenario, objective=objective, scheme="equal_power", method="equal powers, optimal shares")


def solve_equal_spectrum(scenario: Scenario | Network, *, objective: Criterion = "sum") -> Allocation:
    r"""PA-ESP: :math:`\beta_k = 1/K`, the powers optimal for the objective (for the efficiency, below the budget if it pays).

    Raises
    ------
    InfeasibleScenario
        No powers meet the floors with equal shares.

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> round(si.solve_equal_spectrum(si.Scenario.random(np.random.default_rng(0))).objective / 1e6, 2)
    591.05
    """
    return solve_one(scenario, objective=objective, scheme="equal_spectrum", method="equal shares, optimal powers")


def random_allocation(scenario: Scenario | Network, rng: np.random.Generator, *, max_tries: int = 10_000) -> Allocation:
    """RA: shares and powers each uniform on the simplex (Dirichlet(1, ..., 1)), whole budget, first one that meets the floors.

    Parameters
    ----------
    scenario : Scenario or Network
    rng : numpy.random.Generator
    max_tries : int

    Returns
    -------
    Allocation
        Value: the weighted sum; no bound, for this is a heuristic. ``certificate.iterations`` counts the tries.

    Raises
    ------
    InfeasibleScenario
        None of ``max_tries`` candidates meets the floors. This proves nothing about other allocations;
        ``best_attainable`` is the best margin seen (the least rate relative to its floor).

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drawn = si.random_allocation(si.Scenario.random(np.random.default_rng(0)), np.random.default_rng(0))
    >>> round(drawn.objective / 1e6, 2), drawn.certificate.iterations
    (587.81, 1)
    """
    scenario, max_tries = system("scenario", scenario), checks.count("max_tries", max_tries)
    checks.generator("rng", rng)
    start = time.perf_counter()
    with np.errstate(all="ignore"):
        bands, users = Bands.scaled(Stack.of([scenario])), scenario.users
    if not bands.finite()[0]:
        raise SolverFailure("random allocation", "not run", message="the gains or floors are beyond double precision")
    best, tried = 0.0, 0
    while tried < max_tries:
        draws = rng.dirichlet(np.ones(users), size=(min(_BLOCK, max_tries - tried), 2))
        shares, powers = np.maximum(draws[:, 0], np.finfo(float).tiny), draws[:, 1]
        ratio = reached(bands, shares, powers)
        best = max(best, float(ratio.max()))
        if best >= 1:
            first = int(np.argmax(ratio >= 1))
            return build(
                scenario,
                draws[first, 0],
                draws[first, 1] * scenario.power_budget_w,
                criterion="sum",
                scheme="random",
                method="random allocation",
                iterations=tried + first + 1,
                seconds=time.perf_counter() - start,
            )
        tried += len(draws)
    raise InfeasibleScenario(
        "max_tries",
        limit=1.0,
        best_attainable=best,
        message=f"none of {max_tries} random allocations meets every floor (best margin shown); lower the floors",
    )
