"""The paper's comparison schemes: equal powers (SP-EPA), equal spectrum (PA-ESP), random allocations with the floors met (RA)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np

from ..foundations import checks
from ..foundations.errors import InfeasibleScenario, SolverFailure
from ..foundations.scenario import Batch
from .allocation import Allocation, Criterion
from .bands import Bands
from .exact import solve_one
from .phases import reached
from .scenario import Network, Scenario, Stack, flatten, system
from .verify import build

EQUAL_POWER, EQUAL_SPECTRUM = "equal powers, optimal shares", "equal shares, optimal powers"
# Candidates judged at once, one block after another (the last size again and again); how they are cut changes no candidate.
_BLOCKS = (8, 64, 256)
_AT_ONCE = 4096  # candidates of many networks whose arrays stay in the cache
_TINY = np.finfo(float).tiny


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
    return solve_one(scenario, objective=objective, scheme="equal_power", method=EQUAL_POWER)


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
    return solve_one(scenario, objective=objective, scheme="equal_spectrum", method=EQUAL_SPECTRUM)


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
    bands, users = Bands.scaled(Stack.of([scenario])), scenario.users
    if not bands.finite()[0]:
        raise SolverFailure("random allocation", "not run", message="the gains or floors are beyond double precision")
    best, tried = 0.0, 0
    for block in _blocks(max_tries):
        draws = rng.dirichlet(np.ones(users), size=(block, 2))
        ratio = reached(bands, np.maximum(draws[:, 0], _TINY), draws[:, 1])
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
        tried += block
    raise InfeasibleScenario(
        "max_tries",
        limit=1.0,
        best_attainable=best,
        message=f"none of {max_tries} random allocations meets every floor (best margin shown); lower the floors",
    )


@dataclass(frozen=True)
class RandomRows:
    """Random allocations of D networks: shares, powers_w (D, K), rates_bps as a solver's, and which were found (D,)."""

    shares: np.ndarray
    powers_w: np.ndarray
    rates_bps: np.ndarray
    found: np.ndarray


def random_rows(rows: Batch, children: Sequence[np.random.Generator], *, max_tries: int, wanted: np.ndarray) -> RandomRows:
    """:func:`random_allocation` of the ``wanted`` rows (D,), each with its generator, side by side; nan where there is none."""
    stack = Stack.of(rows)
    bands = Bands.scaled(stack)
    users = stack.weights.shape[1]
    shares, powers = np.full((2, len(rows), users), np.nan)
    at = np.flatnonzero(wanted & bands.finite())
    for block in _blocks(max_tries):
        if not len(at):
            break
        draws = np.array([children[d].dirichlet(np.ones(users), size=(block, 2)) for d in at])
        for part in np.array_split(np.arange(len(at)), -(-len(at) * block // _AT_ONCE)):
            some = draws[part].reshape(-1, 2, users)
            lanes = bands.take(np.repeat(at[part], block))
            meets = (reached(lanes, np.maximum(some[:, 0], _TINY), some[:, 1]) >= 1).reshape(-1, block)
            done = np.flatnonzero(meets.any(axis=1))
            shares[at[part[done]]], powers[at[part[done]]] = draws[part[done], np.argmax(meets[done], axis=1)].swapaxes(0, 1)
        at = at[np.isnan(shares[at, 0])]
    found, powers_w = np.isfinite(shares[:, 0]), powers * stack.power_budget_w[:, None]
    table = np.where(found[:, None, None], stack.rates(shares, powers_w), np.nan)
    return RandomRows(shares, powers_w, flatten(table) if isinstance(rows[0], Scenario) else table, found)


def _blocks(max_tries: int) -> Iterator[int]:
    """Sizes of the blocks that add up to so many candidates."""
    tried = 0
    for block in chain(_BLOCKS, repeat(_BLOCKS[-1])):
        if tried >= max_tries:
            return
        yield min(block, max_tries - tried)
        tried += block
