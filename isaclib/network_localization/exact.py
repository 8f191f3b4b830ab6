r"""The least-power global optimum of the max-min sensing problem.

.. math:: \max_{p}\ \min_i \gamma^s_i(p) \quad\text{s.t.}\quad \gamma^c_j(p) \ge \gamma_j,\quad 0 \le p_i \le P_i.

For a target t the least powers that meet every row are the least fixed point of a map that is the entrywise maximum of
affine, increasing functions (a standard interference function). Howard's policy iteration runs over the choice of the row
that binds at each BS:

1. start with all BSs on their sensing row (S = all);
2. :math:`t = \min_k t_{S,k}` by the closed form of :mod:`.perron`, or beyond twelve BSs by the iteration of :mod:`.bracket`: an
   upper bound on the optimum;
3. powers at which the selected rows hold with equality for this t; they satisfy :math:`\max_i p_i/P_i = 1`;
4. where a BS's other row asks for more, switch to it and go to 2. Where none does, the powers are feasible at t:
   upper bound and value meet.

Step 4 never raises t; where t stays, no power falls and one rises strictly. So no row choice comes back, there are finitely many,
and the method is exact and ends: after one to four steps in nearly all cases seen, and seven at most.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..foundations.certificate import FEASIBLE
from ..foundations.errors import SolverFailure
from ..foundations.scenario import Batch
from . import guards, perron
from .allocation import Allocation, AllocationBatch
from .bracket import iterate
from .eigen import BY_EIGENVALUES
from .reporting import beyond, build, collect, judged, proven
from .rows import System, system
from .scenario import Scenario, per_bs
from .users import attainable, infeasible, users_optimum
from .verify import bounds_at

METHOD = "policy iteration on Perron-Frobenius problems"
_SWITCH = 1e-12  # a row must ask for more by this relative amount to be switched to: ties must not cycle
_MAX_STEPS = 200  # a safeguard
_MARK = 8  # first step whose set is kept: one that comes back, which only rounding can make it, ends the search


def solve_exact(scenario: Scenario) -> Allocation:
    """The least-power global optimum of one scenario.

    Returns
    -------
    Allocation
        ``certificate.bound`` is the Perron-Frobenius closed form of the final row choice, or what the powers themselves prove
        (:mod:`.bracket`); powers are the unique least ones.

    Raises
    ------
    InfeasibleScenario
        With constraint ``"min_comm_sinr"`` where the users' thresholds cannot be met together: ``best_attainable`` is the
        largest SINR that all users have at once, ``index`` the BS at its cap there. With unequal thresholds ``limit`` is the one
        of that BS's user, and ``best_attainable`` what it gets when all keep their proportions.
    SolverFailure
        Where rounding leaves no proof, which happens for a threshold within about 1e-9 of ``best_attainable``.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(7))
    >>> best = solve_exact(scenario)
    >>> best.powers_w.round(4)
    array([0.2258, 1.    , 0.1271])
    >>> round(best.worst_sensing_sinr, 6), best.certificate.status
    (0.000511, 'optimal')
    """
    start = time.perf_counter()
    batch = Batch([guards.one(scenario)])
    solved = _solved(batch, known=True)
    if not solved.feasible[0]:
        raise infeasible(scenario)
    if solved.status[0] != "optimal":
        found = {"gap": float(solved.gap[0]), "residual": float(solved.residual[0])}
        raise SolverFailure(METHOD, "no proven optimum", found, "look for gains of extreme ratio, or a threshold at the edge")
    return build(
        scenario,
        solved.powers_w[0],
        METHOD,
        bound=float(solved.bound[0]),
        status="optimal",
        iterations=int(solved.iterations[0]),
        seconds=time.perf_counter() - start,
    )


def solve_exact_batch(scenarios: Batch | Sequence[Scenario]) -> AllocationBatch:
    """The least-power global optimum of D scenarios of equal size; never raises for infeasibility or for want of proof.

    Parameters
    ----------
    scenarios : Batch or sequence of Scenario

    Examples
    --------
    >>> solved = solve_exact_batch(Scenario.random_batch(np.random.default_rng(7), 3, min_comm_sinr_db=5.0))
    >>> solved.status.tolist(), solved.feasible.tolist()
    (['optimal', 'optimal', 'optimal'], [True, True, True])
    """
    return _solved(guards.batch(scenarios))


def _solved(batch: Batch, *, known: bool = False) -> AllocationBatch:
    """``known``: the users' best attainable SINR is not asked for, only whether they can be served."""
    rows = system(batch)
    best, _, _, feasible = attainable(batch, known=known)
    found = _policy_iteration(rows, feasible)
    powers = _within_caps(found.q, per_bs(batch, "max_power_w"))
    _rescue(batch, rows, feasible, found, powers)
    return collect(batch, powers, found.bound, feasible, best, found.steps, found.exhausted)


@dataclass
class _Found:
    """Powers in units of the caps (D, B), bound (D,), steps (D,), the last set S (D, B), and who ran out of steps (D,)."""

    q: np.ndarray
    bound: np.ndarray
    steps: np.ndarray
    sensing: np.ndarray
    exhausted: np.ndarray


def _policy_iteration(rows: System, feasible: np.ndarray) -> _Found:
    """Steps 1 to 4 for the rows that are feasible (D,) bool."""
    draws, size = rows.v.shape
    found = _Found(
        q=np.full((draws, size), np.nan),
        bound=np.full(draws, np.nan),
        steps=np.zeros(draws, dtype=int),
        sensing=np.ones((draws, size), dtype=bool),
        exhausted=np.zeros(draws, dtype=bool),
    )
    lanes = np.flatnonzero(feasible)
    sensing = mark = np.ones((len(lanes), size), dtype=bool)
    for step in range(1, _MAX_STEPS + 1):
        if not len(lanes):
            break
        here = rows[lanes]
        t, q, switch = _improve(here, sensing, found.q[lanes])
        # No sensing row left says nothing about t: the one that asks for most stays. Where that one has been tried, the users
        # alone take the cap (threshold at its best attainable value), and nothing can be gained.
        none_left = ~np.any(sensing ^ switch, axis=1)
        users_only = none_left & (np.count_nonzero(sensing, axis=1) == 1)
        if np.any(users_only):
            q[users_only] = users_optimum(here[users_only])
        if len(some := np.flatnonzero(none_left & ~users_only)):
            switch[some, np.argmax(here.sensing_rows(q)[some] / here.comm_rows(q)[some], axis=1)] = False
        found.q[lanes], found.bound[lanes], found.steps[lanes], found.sensing[lanes] = q, t, step, sensing
        again = np.any(switch, axis=1) & ~users_only
        lanes, sensing, mark = lanes[again], (sensing ^ switch)[again], mark[again]
        if step > _MARK and np.any(back := np.all(sensing == mark, axis=1)):
            found.exhausted[lanes[back]] = True
            lanes, sensing, mark = lanes[~back], sensing[~back], mark[~back]
        if step >= _MARK and step & (step - 1) == 0:
            mark = sensing
    found.exhausted[lanes] = True
    return found


def _improve(rows: System, sensing: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps 2 to 4: the bound t (D,), its powers (D, B), and which rows to switch (D, B) bool; ``last``: nan, or powers near."""
    if rows.v.shape[1] > BY_EIGENVALUES:
        t, q, closed = iterate(rows, sensing, np.where(last > 0, last, 1.0))
        if len(open_ := np.flatnonzero(~closed)):
            t[open_], q[open_] = perron.row_optimum(rows[open_], sensing[open_])
    else:
        t, q = perron.row_optimum(rows, sensing)
    with np.errstate(invalid="ignore"):
        ask_sensing, ask_comm = t[:, None] * rows.sensing_rows(q), rows.comm_rows(q)
        switch = np.where(sensing, ask_comm > ask_sensing * (1 + _SWITCH), ask_sensing > ask_comm * (1 + _SWITCH))
    return t, q, switch


def _within_caps(q: np.ndarray, cap: np.ndarray) -> np.ndarray:
    """Powers (D, B) in watt, one BS of each row at its cap to the last bit."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.minimum(q / np.max(q, axis=1, keepdims=True), 1.0) * cap


def _rescue(batch: Batch, rows: System, feasible: np.ndarray, found: _Found, powers: np.ndarray) -> None:
    """Where rounding left no proof: other bounds for the same powers, then other powers. In place.

    Eigenvectors of decoupled networks are arbitrary within an eigenspace; the iteration from full power is not. And where a
    threshold is at the edge to rounding, one lower by 1.5e-11 decides: its optimum is a bound, and the residual says it.
    """
    bound = found.bound
    value, violation = judged(batch, powers)
    cap = np.broadcast_to(per_bs(batch, "max_power_w"), powers.shape)
    for sensing in (None, found.sensing, np.ones_like(found.sensing)):
        lanes = np.flatnonzero(feasible & ~proven(value, bound, violation))
        if not len(lanes):
            return
        here = rows[lanes]
        if sensing is not None:
            tried = powers.copy()
            tried[lanes] = _within_caps(iterate(here, sensing[lanes])[1], cap[lanes])
            new, breaks = judged(batch, tried)
            better = np.where(np.maximum(violation, breaks) <= FEASIBLE, new > value, breaks < violation)
            powers[better], value, violation = tried[better], np.where(better, new, value), np.where(better, breaks, violation)
        known = np.where(np.isfinite(powers[lanes]), powers[lanes], cap[lanes]) / cap[lanes]
        closer = bounds_at(here, known)
        refuted = beyond(value, bound, violation)[lanes] | ~(bound[lanes] > 0)
        bound[lanes] = np.where(refuted, closer, np.fmin(bound[lanes], closer))
    if len(lanes := np.flatnonzero(feasible & ~proven(value, bound, violation))):
        lower = _policy_iteration(rows[lanes].relaxed(), np.ones(len(lanes), dtype=bool))
        powers[lanes], bound[lanes] = _within_caps(lower.q, cap[lanes]), lower.bound
