r"""The judge: what powers violate and how far from the optimum they can be, from the scenario alone and without a solver.

Two bounds are at hand for any powers: the bracket of :mod:`.bracket`, which takes a handful of products, and where that is not
tight the closed form of :mod:`.perron` for the rows (and beyond twelve BSs the cap) that look binding.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import FEASIBLE, ROUNDING, Certificate, relative_gap
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import Batch
from . import guards, perron
from .allocation import Allocation
from .bracket import iterate, nearer_rows
from .eigen import BY_EIGENVALUES
from .formulas import comm_sinr, range_std_m, sensing_sinr
from .rows import RELAXATION, System, system
from .scenario import Scenario, per_bs

OPTIMALITY_TOLERANCE = 1e-6  # gap of a certified optimum; the direct method reaches about 1e-13
RESIDUAL_TOLERANCE = 1e-7  # relative violation that rounding may leave
_TIES = (0.0, 1e-12, 1e-9)
_TIGHT = 1e-10  # relative width at which no better bound is looked for


def violations(scenario: Scenario | Batch, powers_w: ArrayLike) -> dict[str, Any]:
    """Excess of each constraint relative to its limit, the worst over the BSs: (...,), 0 where it holds.

    Returns
    -------
    dict
        ``max_power_w``: the caps. ``min_comm_sinr``: the users' thresholds. ``powers_w``: what lies below 0, relative to the cap
        (up to 1e-6 of it is taken, as rounding; more is an InvalidScenario).

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(7))
    >>> {name: round(float(excess), 3) for name, excess in violations(scenario, [1.5, 0.01, 0.1]).items()}
    {'max_power_w': 0.5, 'min_comm_sinr': 0.885, 'powers_w': 0.0}
    """
    scenario = guards.one_or_batch(scenario)
    powers = guards.powers(scenario, powers_w, rounded=True)
    cap, threshold = per_bs(scenario, "max_power_w"), per_bs(scenario, "min_comm_sinr")
    with np.errstate(over="ignore"):
        over = np.max(powers / cap, axis=-1) - 1
        below = np.max(-powers / cap, axis=-1)
        served = comm_sinr(scenario, np.maximum(powers, 0.0)) / np.where(threshold > 0, threshold, 1.0)
    short = np.max(np.where(threshold > 0, 1 - served, 0.0), axis=-1)
    found = {"max_power_w": over, "min_comm_sinr": short, "powers_w": below}
    return {name: np.maximum(excess, 0.0)[()] for name, excess in found.items()}


def residual(scenario: Scenario | Batch, powers_w: ArrayLike) -> np.ndarray:
    """Largest violation of cap and thresholds relative to the limit, (...,); 0 where every constraint holds.

    >>> residual(Scenario.random(np.random.default_rng(7)), [1.0, 1.0, 1.0])
    np.float64(0.0)
    """
    return np.max(list(violations(scenario, powers_w).values()), axis=0)


def bounds_at(rows: System, q: np.ndarray) -> np.ndarray:
    """Upper bounds (D,) on the optimum from powers (D, B) in units of the caps, inf where they say nothing."""
    with np.errstate(all="ignore"):
        target = np.min(q / rows.sensing_rows(q), axis=1) * (1 + _TIGHT)
    found = np.full(len(q), np.inf)
    for bounds in (_by_iteration, _by_eigenvalues):
        if len(lanes := np.flatnonzero(~(found <= target))):
            found[lanes] = np.minimum(found[lanes], bounds(rows[lanes], q[lanes]))
    return found


def _choices(rows: System, q: np.ndarray) -> list[np.ndarray]:
    return [np.ones(q.shape, dtype=bool), *(nearer_rows(rows, q, tie) for tie in _TIES)]


def _by_iteration(rows: System, q: np.ndarray) -> np.ndarray:
    return np.min([iterate(rows, choice, q)[0] for choice in _choices(rows, q)], axis=0)


def _by_eigenvalues(rows: System, q: np.ndarray) -> np.ndarray:
    few = q.shape[1] <= BY_EIGENVALUES
    cap = None if few else np.argmax(q, axis=1)  # every cap gives a bound; at an optimum the one that is full gives the least
    closed = np.array([perron.bound(rows, choice, cap) for choice in _choices(rows, q)])
    # "The users cannot be served" beside powers that serve them: only rounding says so, and nothing is known.
    return np.min(np.where(closed > 0, closed, np.inf), axis=0)


def verify(scenario: Scenario, allocation: Allocation) -> Certificate:
    r"""Recompute residual, value and bound of an allocation in NumPy, without the solver that made it.

    Returns
    -------
    Certificate
        ``bound`` is valid whatever the allocation is, and meets the value only at an optimum. ``residual`` also holds the
        relative error of the reported ``worst_sensing_sinr`` and ``range_std_m``; it is inf where a reported number is missing,
        nan, or not one per BS. ``status`` is ``optimal`` when residual <= 1e-7 and gap <= 1e-6; ``converged`` means that the
        allocation is *not* shown to be optimal, or breaks a constraint (look at the residual).

    Examples
    --------
    >>> from isaclib.network_localization import solve_exact, uniform_power
    >>> scenario = Scenario.random(np.random.default_rng(7))
    >>> verify(scenario, solve_exact(scenario)).status
    'optimal'
    >>> judged = verify(scenario, uniform_power(scenario))
    >>> judged.status, round(judged.gap, 2), judged.residual
    ('converged', 3.95, 0.0)
    """
    scenario = guards.one(scenario)
    checks.instance("allocation", allocation, Allocation, "score(scenario, powers_w) judges plain powers")
    powers = _numbers(allocation.powers_w, scenario.echo_gain.shape)
    if powers is None or not np.all(np.isfinite(powers)):
        return Certificate(method=_METHOD, value=math.nan, residual=math.inf)
    cap = per_bs(scenario, "max_power_w")
    usable = np.maximum(powers, 0.0)
    value, accuracy = float(np.min(sensing_sinr(scenario, usable))), range_std_m(scenario, usable)
    violation = max(
        float(np.max(-powers / cap, initial=0.0)),
        float(residual(scenario, usable)),
        _disagreement(allocation.worst_sensing_sinr, np.array(value)),
        _disagreement(allocation.range_std_m, accuracy),
    )
    rows, q = system(scenario), (usable / cap)[None]
    bound = float(bounds_at(rows, q)[0]) if np.any(usable) else math.inf
    open_ = FEASIBLE < violation and not relative_gap(value, bound) <= OPTIMALITY_TOLERANCE
    if violation <= 2 * RELAXATION and (open_ or value > bound * (1 + ROUNDING)):
        # Thresholds at the edge to rounding, where that matters: held against lower ones, whose optimum is a bound, too.
        lower = float(_by_iteration(rows.relaxed(), q)[0])
        bound = lower if value > bound else min(bound, lower)
    if violation <= FEASIBLE and value > bound * (1 + ROUNDING):
        bound = math.inf  # refuted by a feasible value: rounding is all it was
    close = math.isfinite(value) and relative_gap(value, bound) <= OPTIMALITY_TOLERANCE
    proven = close and violation <= RESIDUAL_TOLERANCE
    return Certificate(method=_METHOD, value=value, bound=bound, residual=violation, status="optimal" if proven else "converged")


_METHOD = "recomputed, Collatz-Wielandt and Perron-Frobenius bounds"


def _numbers(reported, shape: tuple[int, ...]) -> np.ndarray | None:
    """Reported numbers of the right shape, inf included; None for anything else."""
    try:
        return checks.array("reported", reported, shape, infinite=True)
    except InvalidScenario:
        return None


def _disagreement(reported, found: np.ndarray) -> float:
    """Largest relative error of a report; inf where it is no report."""
    numbers = _numbers(reported, found.shape)
    if numbers is None:
        return math.inf
    error = np.max(relative_gap(found, numbers))
    return math.inf if np.isnan(error) else float(error)
